//! Compatibility tags: which wheels an interpreter takes, best first.

use std::{collections::BTreeMap, fmt};

use super::{Compatibility, Libc, Target, WheelName, incompatible};

/// One compatibility tag: `cp311-cp311-manylinux_2_28_x86_64`.
///
/// [Platform compatibility tags](https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag<'a> {
    /// Interpreter: `cp311`, `py3`.
    pub python: &'a str,
    /// Binary interface: `cp311`, `abi3`, `none`.
    pub abi: &'a str,
    /// System: `manylinux_2_28_x86_64`, `any`.
    pub platform: &'a str,
}

/// Every tag that a target takes, in order of preference.
#[derive(Clone, Debug)]
pub struct TagSet {
    pub(super) target: Target,
    ranks: Ranks,
    count: u32,
}

/// Interpreter → ABI → platform → rank.
type Ranks = BTreeMap<String, BTreeMap<String, BTreeMap<String, u32>>>;

impl TagSet {
    /// The tags of `target`.
    #[must_use]
    pub fn of(target: &Target) -> Self {
        let mut set = Self { target: target.clone(), ranks: Ranks::new(), count: 0 };
        let platforms = platforms(target);
        set.add_cpython(&platforms);
        set.add_plain(&platforms);
        set
    }

    /// The target that the tags belong to.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// Whether the target takes `wheel`, and how gladly; or why not.
    #[must_use]
    pub fn check(&self, wheel: &WheelName) -> Compatibility {
        match self.best(wheel) {
            Some(rank) => Compatibility::Compatible(rank),
            None => Compatibility::Incompatible(incompatible::why(self, wheel)),
        }
    }

    /// The rank of `wheel`'s best tag, if the target takes it: cheaper than [`TagSet::check`], which
    /// looks for the reason.
    #[must_use]
    pub fn best(&self, wheel: &WheelName) -> Option<u32> {
        wheel.tags().filter_map(|tag| self.rank(&tag)).min()
    }

    /// Every tag, most preferred first.
    pub fn iter(&self) -> impl Iterator<Item = Tag<'_>> {
        let mut tags: Vec<(u32, Tag<'_>)> = Vec::new();
        for (python, abis) in &self.ranks {
            for (abi, platforms) in abis {
                tags.extend(platforms.iter().map(|(platform, rank)| (*rank, Tag { python, abi, platform })));
            }
        }
        tags.sort_unstable();
        tags.into_iter().map(|(_, tag)| tag)
    }

    /// Position of `tag`, 0 being the best.
    #[must_use]
    pub fn rank(&self, tag: &Tag<'_>) -> Option<u32> {
        self.ranks.get(tag.python)?.get(tag.abi)?.get(tag.platform).copied()
    }

    pub(super) fn knows_python(&self, python: &str) -> bool {
        self.ranks.contains_key(python)
    }

    pub(super) fn knows_abi(&self, python: &str, abi: &str) -> bool {
        self.ranks.get(python).is_some_and(|abis| abis.contains_key(abi))
    }

    fn add(&mut self, python: &str, abi: &str, platform: &str) {
        let platforms = self.ranks.entry(python.to_owned()).or_default().entry(abi.to_owned()).or_default();
        platforms.entry(platform.to_owned()).or_insert(self.count);
        self.count += 1;
    }

    /// The interpreter's own ABI, the stable ABI of this and of older versions, and none.
    fn add_cpython(&mut self, platforms: &[String]) {
        let (major, minor) = (self.target.python.major, self.target.python.minor);
        let python = format!("cp{major}{minor}");
        let own = if self.target.free_threaded { format!("{python}t") } else { python.clone() };
        // Free-threaded builds have a stable ABI of their own (PEP 803).
        let stable = if self.target.free_threaded { "abi3t" } else { "abi3" };
        for abi in [own.as_str(), stable, "none"] {
            for platform in platforms {
                self.add(&python, abi, platform);
            }
        }
        for older in (2..minor).rev() {
            for platform in platforms {
                self.add(&format!("cp{major}{older}"), stable, platform);
            }
        }
    }

    /// Pure Python for this major version, newest minor version first.
    fn add_plain(&mut self, platforms: &[String]) {
        let (major, minor) = (self.target.python.major, self.target.python.minor);
        let mut pythons = vec![format!("py{major}{minor}"), format!("py{major}")];
        pythons.extend((0..minor).rev().map(|older| format!("py{major}{older}")));
        for python in &pythons {
            for platform in platforms {
                self.add(python, "none", platform);
            }
        }
        self.add(&format!("cp{major}{minor}"), "none", "any");
        for python in &pythons {
            self.add(python, "none", "any");
        }
    }
}

/// Platform tags, newest C library first, the bare kernel's last.
fn platforms(target: &Target) -> Vec<String> {
    let machine = target.platform.machine();
    let mut tags = Vec::new();
    match target.libc {
        Libc::Glibc(major, minor) => {
            // glibc 2.5 and 2.12 were the first baselines on x86; other machines began with 2.17.
            let floor = if matches!(machine, "x86_64" | "i686") { 5 } else { 17 };
            let newest = if major > 2 { 50 } else { minor.min(99) };
            for minor in (floor..=newest).rev() {
                tags.push(format!("manylinux_2_{minor}_{machine}"));
                let legacy = match minor {
                    17 => "manylinux2014",
                    12 => "manylinux2010",
                    5 => "manylinux1",
                    _ => continue,
                };
                tags.push(format!("{legacy}_{machine}"));
            }
        }
        Libc::Musl(major, minor) => {
            tags.extend((0..=minor.min(99)).rev().map(|minor| format!("musllinux_{major}_{minor}_{machine}")));
        }
    }
    tags.push(format!("linux_{machine}"));
    tags
}

impl fmt::Display for Tag<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}-{}", self.python, self.abi, self.platform)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn target(platform: &str, python: &str, libc: &str) -> Target {
        Target {
            platform: platform.parse().unwrap(),
            python: python.parse().unwrap(),
            libc: libc.parse().unwrap(),
            free_threaded: false,
        }
    }

    #[test]
    fn wheels_are_ranked_as_installers_rank_them() {
        let tags = TagSet::of(&target("linux/amd64", "3.11.2", "glibc 2.36"));
        let rank = |file: &str| match tags.check(&format!("demo-1.0-{file}.whl").parse().unwrap()) {
            Compatibility::Compatible(rank) => rank,
            Compatibility::Incompatible(reason) => panic!("{file}: {reason}"),
        };
        let ordered = [
            "cp311-cp311-manylinux_2_36_x86_64",
            "cp311-cp311-manylinux_2_28_x86_64",
            "cp311-cp311-manylinux_2_17_x86_64",
            "cp311-cp311-manylinux2014_x86_64",
            "cp311-cp311-manylinux2010_x86_64",
            "cp311-cp311-manylinux1_x86_64",
            "cp311-cp311-linux_x86_64",
            "cp311-abi3-manylinux_2_28_x86_64",
            "cp311-none-manylinux_2_28_x86_64",
            "cp310-abi3-manylinux_2_28_x86_64",
            "cp32-abi3-manylinux_2_28_x86_64",
            "py311-none-manylinux_2_28_x86_64",
            "py3-none-manylinux_2_28_x86_64",
            "cp311-none-any",
            "py311-none-any",
            "py2.py3-none-any",
            "py30-none-any",
        ];
        let ranks: Vec<u32> = ordered.iter().map(|file| rank(file)).collect();
        assert!(ranks.is_sorted_by(|left, right| left < right), "{ranks:?}");
    }

    #[test]
    fn floors_and_aliases_follow_the_machine() {
        let check = |platform: &str, libc: &str, tag: &str, expect: bool| {
            let set = TagSet::of(&target(platform, "3.12.1", libc));
            let wheel = format!("demo-1.0-cp312-cp312-{tag}.whl").parse().unwrap();
            let found = matches!(set.check(&wheel), Compatibility::Compatible(_));
            assert_eq!(found, expect, "{platform} {libc} {tag}");
        };
        check("linux/arm64", "glibc 2.36", "manylinux2014_aarch64", true);
        check("linux/arm64", "glibc 2.36", "manylinux_2_12_aarch64", false);
        check("linux/arm64", "glibc 2.36", "manylinux_2_28_x86_64", false);
        check("linux/386", "glibc 2.36", "manylinux1_i686", true);
        check("linux/arm/v7", "glibc 2.36", "manylinux_2_17_armv7l", true);
        check("linux/ppc64le", "glibc 2.28", "manylinux2014_ppc64le", true);
        check("linux/s390x", "glibc 2.28", "manylinux_2_28_s390x", true);
        check("linux/riscv64", "glibc 2.41", "manylinux_2_31_riscv64", true);
        check("linux/riscv64", "glibc 2.41", "manylinux_2_17_riscv64", true);
        check("linux/amd64", "musl 1.2", "musllinux_1_1_x86_64", true);
        check("linux/amd64", "musl 1.1", "musllinux_1_2_x86_64", false);
        check("linux/amd64", "musl 1.2", "manylinux2014_x86_64", false);
        check("linux/amd64", "musl 1.2", "linux_x86_64", true);
    }

    #[test]
    fn free_threaded_interpreters_take_only_their_own_stable_abi() {
        let free = Target { free_threaded: true, ..target("linux/amd64", "3.13.1", "glibc 2.36") };
        let set = TagSet::of(&free);
        for (tag, expect) in [
            ("cp313-cp313t-manylinux_2_28_x86_64", true),
            ("cp313-cp313-manylinux_2_28_x86_64", false),
            ("cp39-abi3-manylinux_2_28_x86_64", false),
            ("cp313-abi3-manylinux_2_28_x86_64", false),
            ("cp313-abi3t-manylinux_2_28_x86_64", true),
            ("py3-none-any", true),
        ] {
            let wheel = format!("demo-1.0-{tag}.whl").parse().unwrap();
            assert_eq!(matches!(set.check(&wheel), Compatibility::Compatible(_)), expect, "{tag}");
        }
    }
}
