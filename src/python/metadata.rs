//! METADATA: what a distribution says of itself, as far as installing depends on it.

use std::collections::BTreeSet;

use super::{
    ExtraName, LicenceFields, PackageName, PythonError, Requirement, Version, VersionSpecifiers, headers, lenient,
    requirement,
};

/// The most requirements one distribution may have.
const MOST: usize = 20_000;

/// The core metadata that a resolver reads.
///
/// [Core metadata specifications](https://packaging.python.org/en/latest/specifications/core-metadata/).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreMetadata {
    /// `Name`.
    pub name: PackageName,
    /// `Version`.
    pub version: Version,
    /// `Requires-Dist`, in order.
    pub requires: Vec<Requirement>,
    /// `Requires-Python`.
    pub requires_python: Option<VersionSpecifiers>,
    /// `Provides-Extra`; names that are none are left out.
    pub extras: BTreeSet<ExtraName>,
}

impl CoreMetadata {
    /// Reads METADATA. Known mistakes in version specifiers are mended.
    ///
    /// # Errors
    /// When the name, the version, a requirement or `Requires-Python` cannot be understood: the
    /// wheel cannot be chosen then, others of the distribution can.
    pub fn parse(bytes: &[u8]) -> Result<Self, PythonError> {
        let fail = |reason: String| PythonError::Metadata { reason };
        let text = String::from_utf8_lossy(bytes);
        let headers = headers::headers(text.trim_start_matches('\u{feff}'));
        let name = headers::first(&headers, "name").ok_or_else(|| fail("no Name".to_owned()))?.parse()?;
        let version = headers::first(&headers, "version")
            .and_then(|version| version.parse().ok())
            .ok_or_else(|| fail("no Version, or none that is one".to_owned()))?;
        let requires_python = headers::first(&headers, "requires-python").filter(|text| !text.is_empty());
        let requires_python = requires_python
            .map(|text| {
                read_specifiers(text).ok_or_else(|| fail(format!("Requires-Python `{text}` is not understood")))
            })
            .transpose()?;
        let requires: Vec<Requirement> =
            headers::all(&headers, "requires-dist").take(MOST).map(Requirement::lenient).collect::<Result<_, _>>()?;
        let extras = headers::all(&headers, "provides-extra").filter_map(|text| text.parse().ok()).collect();
        Ok(Self { name, version, requires, requires_python, extras })
    }
}

/// What METADATA or PKG-INFO of an installed distribution says, as it stands there.
pub(crate) struct WrittenMetadata {
    /// `Name`.
    pub(crate) name: String,
    /// `Version`.
    pub(crate) version: String,
    /// `Requires-Dist`, in order.
    pub(crate) requires: Vec<String>,
    /// What tells of its licence.
    pub(crate) licence: LicenceFields,
}

impl WrittenMetadata {
    /// Reads it; nothing where it tells no name or no version.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let headers = headers::headers(text.trim_start_matches('\u{feff}'));
        Some(Self {
            name: headers::first(&headers, "name")?.to_owned(),
            version: headers::first(&headers, "version")?.to_owned(),
            requires: headers::all(&headers, "requires-dist").map(str::to_owned).collect(),
            licence: LicenceFields::of_headers(&headers),
        })
    }
}

/// Version specifiers from someone else's metadata, with known mistakes mended.
pub(super) fn read_specifiers(text: &str) -> Option<VersionSpecifiers> {
    if text.len() > 1000 {
        return None;
    }
    let specifiers: VersionSpecifiers = text.parse().ok().or_else(|| lenient::specifiers(text).parse().ok())?;
    requirement::countable(&specifiers).is_ok().then_some(specifiers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_read_up_to_the_description() {
        let text = "Metadata-Version: 2.1\nName: Demo_Pkg\nVersion: 1.0.post1\nSummary: one\n  two\nLicense: a\n        \n  b\n\
                    Requires-Python: >=3.6.*\nProvides-Extra: GUI\nProvides-Extra: ???\n\
                    Requires-Dist: numpy (>=1.20)\nrequires-dist: qt>=5 ; extra == 'gui'\n\nRequires-Dist: body\n";
        let metadata = CoreMetadata::parse(text.as_bytes()).unwrap();
        assert_eq!((metadata.name.as_str(), metadata.version.to_string()), ("demo-pkg", "1.0.post1".to_owned()));
        assert_eq!(metadata.requires_python.unwrap().to_string(), ">=3.6");
        let requires: Vec<String> = metadata.requires.iter().map(ToString::to_string).collect();
        assert_eq!(requires, ["numpy>=1.20", "qt>=5 ; extra == 'gui'"]);
        assert_eq!(metadata.extras.iter().map(ToString::to_string).collect::<Vec<_>>(), ["gui"]);
    }

    #[test]
    fn metadata_that_cannot_be_used_is_refused() {
        let good = "Name: a\nVersion: 1\n";
        assert!(CoreMetadata::parse(good.as_bytes()).is_ok());
        for wrong in ["Name: a\n", "Version: 1\n", "Name: a\nVersion: x\n", "Name: ../a\nVersion: 1\n"] {
            assert!(CoreMetadata::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
        for wrong in ["Requires-Dist: b >= master\n", "Requires-Python: three\n"] {
            assert!(CoreMetadata::parse(format!("{good}{wrong}").as_bytes()).is_err(), "{wrong}");
        }
    }
}
