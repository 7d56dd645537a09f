//! One variant of a lock for other tools, to make a virtual environment of the same wheels.

mod pylock;
mod requirements;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

pub use pylock::FilePlace;
pub use requirements::IndexOption;

use super::{Lock, LockError, LockedImage, LockedPlatform, LockedWheel, WheelSource};
use crate::oci::{Digest, Platform};

/// The wheels of one variant on some of its platforms.
#[derive(Clone, Debug)]
pub struct Export<'l> {
    targets: Vec<Target<'l>>,
}

#[derive(Clone, Copy, Debug)]
struct Target<'l> {
    below: &'l LockedPlatform,
    image: &'l LockedImage,
}

/// A distribution in one version from one place, with every platform and file of it.
#[derive(Debug)]
struct Package<'l> {
    first: &'l LockedWheel,
    /// By digest, so that a file that serves several platforms stands once; sorted by name when written.
    files: BTreeMap<Digest, &'l LockedWheel>,
    targets: BTreeSet<usize>,
}

impl Lock {
    /// The wheels of `variant` on `platforms`, or on all where none are named.
    ///
    /// # Errors
    /// When the lock lacks one of them.
    pub fn export(&self, variant: Option<&str>, platforms: &[Platform]) -> Result<Export<'_>, LockError> {
        let missing = |platform: &Platform| {
            let (variant, platform) = (variant.map(str::to_owned), platform.clone());
            LockError::NoImage { variant, platform }
        };
        if let Some(unknown) = platforms.iter().find(|wanted| self.platform(wanted).is_none()) {
            return Err(missing(unknown));
        }
        let wanted = |below: &&LockedPlatform| platforms.is_empty() || platforms.contains(&below.platform);
        let mut targets = Vec::new();
        for below in self.platforms.iter().filter(wanted) {
            let image = self.image(variant, &below.platform).ok_or_else(|| missing(&below.platform))?;
            targets.push(Target { below, image });
        }
        Ok(Export { targets })
    }
}

impl Export<'_> {
    /// Every wheel, each file once.
    pub fn wheels(&self) -> Vec<&LockedWheel> {
        let files: BTreeMap<&Digest, &LockedWheel> =
            self.targets.iter().flat_map(|target| &target.image.wheels).map(|wheel| (&wheel.sha256, wheel)).collect();
        files.into_values().collect()
    }

    /// Sorted by name, then version.
    fn packages(&self) -> Vec<Package<'_>> {
        let mut packages: BTreeMap<(&str, &str, Option<&WheelSource>), Package<'_>> = BTreeMap::new();
        for (position, target) in self.targets.iter().enumerate() {
            for wheel in &target.image.wheels {
                let own = Some(&wheel.source).filter(|source| !matches!(source, WheelSource::Index(_)));
                let package = packages.entry((&wheel.name, &wheel.version, own)).or_insert_with(|| Package {
                    first: wheel,
                    files: BTreeMap::new(),
                    targets: BTreeSet::new(),
                });
                package.files.insert(wheel.sha256, wheel);
                package.targets.insert(position);
            }
        }
        packages.into_values().collect()
    }

    /// When `package` is wanted; nothing where it is wanted everywhere.
    fn when(&self, package: &Package<'_>) -> Option<String> {
        if package.targets.len() == self.targets.len() {
            return None;
        }
        let markers: BTreeSet<String> =
            package.targets.iter().map(|target| self.marker(self.targets[*target])).collect();
        Some(markers.into_iter().collect::<Vec<_>>().join(" or "))
    }

    /// What tells a target from the others of the export.
    fn marker(&self, target: Target<'_>) -> String {
        let machine = format!("platform_machine == '{}'", target.below.platform.machine());
        match (self.python(), python(target)) {
            (None, Some(python)) => format!("{machine} and python_version == '{python}'"),
            _ => machine,
        }
    }

    /// The series of Python, `3.11`, if all targets have the same.
    fn python(&self) -> Option<String> {
        let series: BTreeSet<Option<String>> = self.targets.iter().map(|target| python(*target)).collect();
        if series.len() == 1 { series.into_iter().next().flatten() } else { None }
    }

    /// `# …` lines that say what this is, and what of the image is not in it.
    fn heading(&self, format: &str) -> String {
        let names: Vec<String> = self.targets.iter().map(|target| target.below.platform.to_string()).collect();
        let python = self.python().map(|python| format!(" with Python {python}")).unwrap_or_default();
        let mut text =
            format!("# Written by `wheelwright lock --export {format}`, for {}{python}.\n", names.join(", "));
        let brought: BTreeSet<String> = self
            .targets
            .iter()
            .flat_map(|target| &target.below.facts.installed)
            .map(|installed| format!("{} {}", installed.name, installed.version))
            .collect();
        if !brought.is_empty() {
            let list = brought.into_iter().collect::<Vec<_>>().join(", ");
            let _ = writeln!(text, "# The base of the image brings, and this does not: {list}.");
        }
        text
    }
}

impl Package<'_> {
    /// Sorted by name.
    fn sorted_files(&self) -> Vec<&LockedWheel> {
        let mut files: Vec<&LockedWheel> = self.files.values().copied().collect();
        files.sort_by(|one, other| one.file.cmp(&other.file));
        files
    }
}

fn python(target: Target<'_>) -> Option<String> {
    let python = target.below.facts.python.as_ref()?;
    Some(format!("{}.{}", python.version.major, python.version.minor))
}

#[cfg(test)]
mod tests;
