//! Why a wheel does not fit, as a value.

use std::{collections::BTreeSet, fmt};

use super::{Libc, PythonVersion, TagSet, WheelName};

/// Whether a wheel fits a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compatibility {
    /// It does; the lowest rank is the best wheel.
    Compatible(u32),
    /// It does not.
    Incompatible(Incompatible),
}

/// Why a wheel does not fit a target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Incompatible {
    /// It is for other interpreters.
    Python {
        /// Interpreter tags of the wheel.
        wheel: Vec<String>,
        /// The base's interpreter.
        base: PythonVersion,
    },
    /// It is for other builds of the interpreter: free-threaded or not, debug, an old ABI.
    Abi {
        /// ABI tags of the wheel.
        wheel: Vec<String>,
        /// The base's own ABI.
        base: String,
    },
    /// It needs a newer C library of the base's kind.
    TooOld {
        /// The least version the wheel needs.
        needs: Libc,
        /// What the base has.
        base: Libc,
    },
    /// It is made for the other C library.
    OtherLibc {
        /// `glibc` or `musl`.
        needs: &'static str,
        /// What the base has.
        base: Libc,
    },
    /// It is for other machines or systems.
    Platform {
        /// Platform tags of the wheel.
        wheel: Vec<String>,
        /// The base's machine, such as `aarch64`.
        base: &'static str,
    },
}

/// The reason that is nearest to fitting: right interpreter first, then ABI, machine, C library.
pub(super) fn why(set: &TagSet, wheel: &WheelName) -> Incompatible {
    let target = &set.target;
    let distinct = |part: fn(super::Tag<'_>) -> &str| -> Vec<String> {
        wheel.tags().map(|tag| part(tag).to_owned()).collect::<BTreeSet<_>>().into_iter().collect()
    };
    if !wheel.tags().any(|tag| set.knows_python(tag.python)) {
        return Incompatible::Python { wheel: distinct(|tag| tag.python), base: target.python };
    }
    if !wheel.tags().any(|tag| set.knows_abi(tag.python, tag.abi)) {
        let suffix = if target.free_threaded { "t" } else { "" };
        let base = format!("cp{}{}{suffix}", target.python.major, target.python.minor);
        return Incompatible::Abi { wheel: distinct(|tag| tag.abi), base };
    }
    let machine = target.platform.machine();
    let needs: BTreeSet<Libc> = wheel
        .tags()
        .filter(|tag| set.knows_abi(tag.python, tag.abi))
        .filter_map(|tag| least_libc(tag.platform, machine))
        .collect();
    let same = needs.iter().filter(|needs| kind(**needs) == kind(target.libc)).min();
    match (same, needs.iter().next()) {
        (Some(needs), _) => Incompatible::TooOld { needs: *needs, base: target.libc },
        (None, Some(other)) => Incompatible::OtherLibc { needs: kind(*other), base: target.libc },
        (None, None) => Incompatible::Platform { wheel: distinct(|tag| tag.platform), base: machine },
    }
}

const fn kind(libc: Libc) -> &'static str {
    match libc {
        Libc::Glibc(..) => "glibc",
        Libc::Musl(..) => "musl",
    }
}

/// The C library that a platform tag of this machine asks for.
fn least_libc(platform: &str, machine: &str) -> Option<Libc> {
    let stem = platform.strip_suffix(machine)?.strip_suffix('_')?;
    let numbers = |text: &str| -> Option<(u16, u16)> {
        let (major, minor) = text.split_once('_')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    };
    match stem {
        "manylinux1" => Some(Libc::Glibc(2, 5)),
        "manylinux2010" => Some(Libc::Glibc(2, 12)),
        "manylinux2014" => Some(Libc::Glibc(2, 17)),
        _ => match (stem.strip_prefix("manylinux_"), stem.strip_prefix("musllinux_")) {
            (Some(version), _) => numbers(version).map(|(major, minor)| Libc::Glibc(major, minor)),
            (_, Some(version)) => numbers(version).map(|(major, minor)| Libc::Musl(major, minor)),
            _ => None,
        },
    }
}

impl fmt::Display for Incompatible {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Python { wheel, base } => {
                write!(formatter, "is for {}, the base has Python {base}", wheel.join(", "))
            }
            Self::Abi { wheel, base } => write!(formatter, "is for the ABI {}, the base has {base}", wheel.join(", ")),
            Self::TooOld { needs, base } => write!(formatter, "needs {needs}, the base has {base}"),
            Self::OtherLibc { needs, base } => write!(formatter, "needs {needs}, the base has {base}"),
            Self::Platform { wheel, base } => write!(formatter, "is for {}, the base is {base}", wheel.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::python::tags::tests::target;

    #[test]
    fn the_reason_names_what_is_missing() {
        let set = TagSet::of(&target("linux/amd64", "3.11.2", "glibc 2.28"));
        let check = |tag: &str, expect: &str| match set.check(&format!("demo-1.0-{tag}.whl").parse().unwrap()) {
            Compatibility::Incompatible(reason) => assert_eq!(reason.to_string(), expect, "{tag}"),
            Compatibility::Compatible(_) => panic!("{tag} fits"),
        };
        check("cp311-cp311-manylinux_2_34_x86_64", "needs glibc 2.34, the base has glibc 2.28");
        check("cp311-cp311-manylinux_2_34_x86_64.manylinux_2_31_x86_64", "needs glibc 2.31, the base has glibc 2.28");
        check("cp311-cp311-musllinux_1_2_x86_64", "needs musl, the base has glibc 2.28");
        check("cp311-cp311-manylinux_2_28_aarch64", "is for manylinux_2_28_aarch64, the base is x86_64");
        check("cp311-cp311-win_amd64", "is for win_amd64, the base is x86_64");
        check("cp312-cp312-manylinux_2_28_x86_64", "is for cp312, the base has Python 3.11.2");
        check("cp311-cp311t-manylinux_2_28_x86_64", "is for the ABI cp311t, the base has cp311");
        check("cp39-cp39-manylinux_2_28_x86_64", "is for the ABI cp39, the base has cp311");
        check("py2-none-any", "is for py2, the base has Python 3.11.2");
    }
}
