//! File names of wheels.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{PackageName, PythonError, Tag, Version};

/// The longest file name that is read, in bytes.
const LONGEST: usize = 512;

/// The file name of a wheel, taken apart: `{distribution}-{version}(-{build})?-{python}-{abi}-{platform}.whl`.
///
/// [Binary distribution format, "File name convention"](https://packaging.python.org/en/latest/specifications/binary-distribution-format/#file-name-convention).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WheelName {
    file: String,
    name: PackageName,
    version: Version,
    build: Option<(u64, String)>,
    tags: [String; 3],
}

impl WheelName {
    /// The whole file name, as given.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The distribution, normalised.
    #[must_use]
    pub const fn name(&self) -> &PackageName {
        &self.name
    }

    /// The version.
    #[must_use]
    pub const fn version(&self) -> &Version {
        &self.version
    }

    /// The version as the file name spells it.
    #[must_use]
    pub fn version_spelled(&self) -> &str {
        self.file.split('-').nth(1).unwrap_or_default()
    }

    /// The build tag, which orders wheels of one version: number first, then text.
    #[must_use]
    pub const fn build(&self) -> Option<&(u64, String)> {
        self.build.as_ref()
    }

    /// Every tag that the compressed tag sets of the name stand for.
    pub fn tags(&self) -> impl Iterator<Item = Tag<'_>> {
        let [python, abi, platform] = &self.tags;
        python.split('.').flat_map(move |python| {
            abi.split('.').flat_map(move |abi| platform.split('.').map(move |platform| Tag { python, abi, platform }))
        })
    }

    /// The three tag sets as the name spells them: `cp311-cp311-manylinux_2_28_x86_64`.
    #[must_use]
    pub fn tag_spelled(&self) -> String {
        self.tags.join("-")
    }

    /// The folder of the wheel's metadata as the file name spells it: `demo-1.0.dist-info`.
    /// Old wheels may spell the folder otherwise: find it with [`WheelName::is_folder`].
    #[must_use]
    pub fn dist_info(&self) -> String {
        self.folder("dist-info")
    }

    /// The folder of the wheel's data as the file name spells it: `demo-1.0.data`.
    #[must_use]
    pub fn data(&self) -> String {
        self.folder("data")
    }

    /// Whether `folder`, a name in the wheel's root, is this wheel's `{name}-{version}.{suffix}`
    /// folder, however name and version are spelled.
    #[must_use]
    pub fn is_folder(&self, folder: &str, suffix: &str) -> bool {
        let stem = folder.strip_suffix(suffix).and_then(|stem| stem.strip_suffix('.'));
        stem.and_then(|stem| stem.split_once('-')).is_some_and(|(name, version)| self.is_of(name, version))
    }

    /// Whether it is a wheel of this distribution in this version, however the two are spelled.
    #[must_use]
    pub fn is_of(&self, name: &str, version: &str) -> bool {
        name.parse::<PackageName>().is_ok_and(|name| name == self.name)
            && read_version(version).is_some_and(|version| version == self.version)
    }

    fn folder(&self, suffix: &str) -> String {
        let mut parts = self.file.split('-');
        let (name, version) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        format!("{name}-{version}.{suffix}")
    }
}

impl FromStr for WheelName {
    type Err = PythonError;

    fn from_str(file: &str) -> Result<Self, PythonError> {
        let fail = |reason: &str| PythonError::WheelName {
            file: file.chars().filter(|letter| !letter.is_control()).take(200).collect(),
            reason: reason.to_owned(),
        };
        let stem = file.strip_suffix(".whl").ok_or_else(|| fail("it does not end in .whl"))?;
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.+!".contains(letter);
        if file.len() > LONGEST || !stem.chars().all(plain) {
            return Err(fail("it is too long or has letters that do not belong there"));
        }
        let parts: Vec<&str> = stem.split('-').collect();
        let (name, version, build, tags) = match parts[..] {
            [name, version, python, abi, platform] => (name, version, None, [python, abi, platform]),
            [name, version, build, python, abi, platform] => (name, version, Some(build), [python, abi, platform]),
            _ => return Err(fail("it does not have five or six parts")),
        };
        if tags.iter().any(|tag| tag.is_empty()) {
            return Err(fail("a tag is empty"));
        }
        Ok(Self {
            file: file.to_owned(),
            name: name.parse().map_err(|_| fail("the distribution's name is not one"))?,
            version: read_version(version).ok_or_else(|| fail("the version is not one"))?,
            build: build.map(|build| read_build(build).ok_or_else(|| fail("the build tag is not one"))).transpose()?,
            tags: tags.map(str::to_ascii_lowercase),
        })
    }
}

fn read_version(text: &str) -> Option<Version> {
    text.parse().ok().or_else(|| text.replace('_', "-").parse().ok())
}

fn read_build(text: &str) -> Option<(u64, String)> {
    let digits = text.len() - text.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
    Some((text[..digits].parse().ok()?, text[digits..].to_owned()))
}

impl TryFrom<String> for WheelName {
    type Error = PythonError;

    fn try_from(text: String) -> Result<Self, PythonError> {
        text.parse()
    }
}

impl From<WheelName> for String {
    fn from(name: WheelName) -> Self {
        name.file
    }
}

impl fmt::Display for WheelName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let name: WheelName = "Torch_Geometric-2.0.0+cpu-1local-py2.py3-none-any.whl".parse().unwrap();
        assert_eq!(name.name().as_str(), "torch-geometric");
        assert_eq!((name.version().to_string(), name.version_spelled()), ("2.0.0+cpu".to_owned(), "2.0.0+cpu"));
        assert_eq!(name.build(), Some(&(1, "local".to_owned())));
        let tags: Vec<String> = name.tags().map(|tag| tag.to_string()).collect();
        assert_eq!(tags, ["py2-none-any", "py3-none-any"]);
        assert_eq!(name.dist_info(), "Torch_Geometric-2.0.0+cpu.dist-info");
        for (folder, expect) in [
            ("torch_geometric-2.0.0+cpu.dist-info", true),
            ("torch.geometric-2.0+cpu.dist-info", true),
            ("torch_geometric-2.0.1.dist-info", false),
            ("torch_geometric-2.0.0+cpu.data", false),
        ] {
            assert_eq!(name.is_folder(folder, "dist-info"), expect, "{folder}");
        }
    }

    #[test]
    fn other_names_are_refused() {
        for wrong in [
            "demo-1.0.tar.gz",
            "demo-1.0-py3-none.whl",
            "demo-1.0-x-py3-none-any.whl",
            "demo-one-py3-none-any.whl",
            "../demo-1.0-py3-none-any.whl",
            "demo-1.0-py3--any.whl",
            "-1.0-py3-none-any.whl",
        ] {
            assert!(wrong.parse::<WheelName>().is_err(), "{wrong}");
        }
    }
}
