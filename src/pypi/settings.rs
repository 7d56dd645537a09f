//! Which indexes there are, and which packages belong to which.

use std::path::PathBuf;

use url::Url;

use super::Credentials;
use crate::{
    oci::Platform,
    python::{NamePattern, PackageName},
};

/// The public index, in pieces: no host of a registry is written out in the sources.
const PUBLIC_INDEX: &str = concat!("https://", "py", "pi", ".", "org", "/simple/");

/// The name of the default index in locks.
pub const DEFAULT_NAME: &str = "default";

/// Where wheels are looked for.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The index asked last, for every package that no other index is bound to.
    pub default: DefaultIndex,
    /// Further indexes, asked before the default one, in this order.
    pub indexes: Vec<Index>,
    /// The folder that relative paths of local wheels start from: the recipe's.
    pub folder: PathBuf,
    /// Who we are to them, beside what their URLs say.
    pub credentials: Credentials,
    /// Seconds since 1970, for the ages of cached pages; without it every page is asked for again.
    pub now: Option<u64>,
}

/// The index asked last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DefaultIndex {
    /// The public one.
    #[default]
    Public,
    /// This one instead: a mirror, a private index.
    Other(Location),
    /// None at all.
    Nowhere,
}

/// An index besides the default one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Its name in the recipe and the lock.
    pub name: String,
    /// Where it is.
    pub location: Location,
    /// The packages that come from here and nowhere else; when empty, the index is asked for all.
    pub packages: Vec<NamePattern>,
    /// The platforms it is used on; when empty, all.
    pub platforms: Vec<Platform>,
}

/// Where an index is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// The root of a simple repository API; may carry credentials.
    Simple(Url),
    /// A page with links to wheels of any distribution (`find-links`); may carry credentials.
    Links(Url),
    /// A folder that holds wheels.
    Folder(PathBuf),
}

/// An index as it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked<'a> {
    pub(super) name: &'a str,
    pub(super) location: &'a Location,
}

impl Settings {
    /// The indexes to ask for `package` on `platform`, in order: those bound to it and no other,
    /// else every unbound one and the default index behind them.
    pub(super) fn indexes_for<'a>(
        &'a self,
        package: &PackageName,
        platform: &Platform,
        default: Option<&'a Location>,
    ) -> Vec<Asked<'a>> {
        let here = |index: &&Index| index.platforms.is_empty() || index.platforms.contains(platform);
        let asked = |index: &'a Index| Asked { name: &index.name, location: &index.location };
        let bound = |index: &&Index| index.packages.iter().any(|pattern| pattern.matches(package));
        let own: Vec<Asked<'a>> = self.indexes.iter().filter(here).filter(bound).map(asked).collect();
        if !own.is_empty() {
            return own;
        }
        let open = self.indexes.iter().filter(here).filter(|index| index.packages.is_empty()).map(asked);
        open.chain(default.map(|location| Asked { name: DEFAULT_NAME, location })).collect()
    }

    /// The index called `name`.
    pub(super) fn named<'a>(&'a self, name: &str, default: Option<&'a Location>) -> Option<Asked<'a>> {
        if name == DEFAULT_NAME {
            return default.map(|location| Asked { name: DEFAULT_NAME, location });
        }
        let index = self.indexes.iter().find(|index| index.name == name)?;
        Some(Asked { name: &index.name, location: &index.location })
    }
}

impl DefaultIndex {
    /// Where it is; nowhere is a place too.
    pub(super) fn location(&self) -> Option<Location> {
        match self {
            Self::Public => PUBLIC_INDEX.parse().ok().map(Location::Simple),
            Self::Other(location) => Some(location.clone()),
            Self::Nowhere => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(name: &str, packages: &[&str], platforms: &[&str]) -> Index {
        Index {
            name: name.to_owned(),
            location: Location::Folder(name.into()),
            packages: packages.iter().map(|text| text.parse().unwrap()).collect(),
            platforms: platforms.iter().map(|text| text.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn bound_packages_come_from_their_index_alone() {
        let settings = Settings {
            indexes: vec![
                index("cpu", &["torch", "triton*"], &["linux/amd64"]),
                index("house", &[], &[]),
                index("arm", &[], &["linux/arm64"]),
            ],
            ..Settings::default()
        };
        let default = settings.default.location();
        let check = |package: &str, platform: &str, expect: &[&str]| {
            let asked = settings.indexes_for(&package.parse().unwrap(), &platform.parse().unwrap(), default.as_ref());
            let names: Vec<&str> = asked.iter().map(|asked| asked.name).collect();
            assert_eq!(names, expect, "{package} {platform}");
        };
        check("torch", "linux/amd64", &["cpu"]);
        check("triton-kernels", "linux/amd64", &["cpu"]);
        check("torch", "linux/arm64", &["house", "arm", "default"]);
        check("numpy", "linux/amd64", &["house", "default"]);
    }
}
