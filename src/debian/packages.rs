//! The index of an archive, `Packages`, and the status file of an installed system.

use std::io::BufRead;

use super::{Alternative, DebianError, Dependency, Paragraph, Paragraphs, Version, package_name};
use crate::oci::Digest;

/// The fields that are kept of an index of sixty thousand packages.
const FIELDS: &[&str] = &[
    "Package",
    "Version",
    "Architecture",
    "Depends",
    "Pre-Depends",
    "Recommends",
    "Provides",
    "Conflicts",
    "Breaks",
    "Essential",
    "Priority",
    "Filename",
    "Size",
    "SHA256",
    "Multi-Arch",
    "Status",
];

/// One binary package, as an index or a status file tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The name.
    pub name: String,
    /// The version.
    pub version: Version,
    /// `amd64`, `all` …
    pub architecture: String,
    /// From 0 (`required`) to 4 (`extra`); 5 where the index does not say.
    pub priority: u8,
    /// Whether every system has it.
    pub essential: bool,
    /// The field `Multi-Arch`.
    pub multi_arch: Option<String>,
    /// Where the .deb lies; none for a package that is installed.
    pub file: Option<PoolFile>,
    // Read when they are needed: an index holds many times more packages than anyone selects.
    depends: Option<Box<str>>,
    pre_depends: Option<Box<str>>,
    recommends: Option<Box<str>>,
    provides: Option<Box<str>>,
    conflicts: Option<Box<str>>,
    breaks: Option<Box<str>>,
}

/// A .deb of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolFile {
    /// Path below the archive's root.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Of the whole file.
    pub sha256: Digest,
}

/// Reads a decompressed `Packages` index. Memory: one package at a time.
///
/// Repository format, "Packages Indices".
pub fn packages<R: BufRead>(what: &str, reader: R) -> impl Iterator<Item = Result<Package, DebianError>> {
    let what = what.to_owned();
    Paragraphs::new(&what.clone(), reader, FIELDS).map(move |paragraph| Package::of(&what, &paragraph?))
}

/// Reads `/var/lib/dpkg/status`, or a paragraph of `status.d`: the packages that are installed whole.
///
/// # Errors
/// When the file is malformed.
pub fn installed(what: &str, bytes: &[u8]) -> Result<Vec<Package>, DebianError> {
    let whole = |paragraph: &Paragraph| {
        // Images built without dpkg leave the field out.
        paragraph.get("Status").is_none_or(|status| {
            let mut words = status.split_ascii_whitespace().skip(1);
            (words.next(), words.next()) == (Some("ok"), Some("installed"))
        })
    };
    Paragraphs::new(what, bytes, FIELDS)
        .filter(|paragraph| paragraph.as_ref().map_or(true, whole))
        .map(|paragraph| Package::of(what, &paragraph?))
        .collect()
}

impl Package {
    /// The package of a control paragraph.
    ///
    /// # Errors
    /// When name, version or a number is missing or malformed.
    pub fn of(what: &str, paragraph: &Paragraph) -> Result<Self, DebianError> {
        let name = package_name(paragraph.require(what, "Package")?)?.to_owned();
        let field = |field| paragraph.get(field).filter(|value| !value.is_empty()).map(Into::into);
        Ok(Self {
            version: paragraph.require(&name, "Version")?.parse()?,
            architecture: paragraph.get("Architecture").unwrap_or_default().to_owned(),
            priority: priority(paragraph.get("Priority").unwrap_or_default()),
            essential: paragraph.get("Essential") == Some("yes"),
            multi_arch: paragraph.get("Multi-Arch").map(str::to_owned),
            file: PoolFile::of(&name, paragraph)?,
            depends: field("Depends"),
            pre_depends: field("Pre-Depends"),
            recommends: field("Recommends"),
            provides: field("Provides"),
            conflicts: field("Conflicts"),
            breaks: field("Breaks"),
            name,
        })
    }

    /// What must be there for this package to work: `Pre-Depends`, then `Depends`.
    ///
    /// # Errors
    /// When a field is malformed.
    pub fn dependencies(&self) -> Result<Vec<Dependency>, DebianError> {
        let mut all = parse(self.pre_depends.as_deref())?;
        all.append(&mut parse(self.depends.as_deref())?);
        Ok(all)
    }

    /// What is found beside this package in all but unusual installations.
    ///
    /// # Errors
    /// When the field is malformed.
    pub fn recommendations(&self) -> Result<Vec<Dependency>, DebianError> {
        parse(self.recommends.as_deref())
    }

    /// Names that this package also goes by; a version there is that of the name.
    ///
    /// # Errors
    /// When the field is malformed.
    pub fn provides(&self) -> Result<Vec<Alternative>, DebianError> {
        Ok(parse(self.provides.as_deref())?.into_iter().flat_map(|dependency| dependency.alternatives).collect())
    }

    /// What must not be there beside this package: `Conflicts` and `Breaks`.
    ///
    /// # Errors
    /// When a field is malformed.
    pub fn conflicts(&self) -> Result<Vec<Alternative>, DebianError> {
        let mut all = parse(self.conflicts.as_deref())?;
        all.append(&mut parse(self.breaks.as_deref())?);
        Ok(all.into_iter().flat_map(|dependency| dependency.alternatives).collect())
    }
}

impl PoolFile {
    fn of(name: &str, paragraph: &Paragraph) -> Result<Option<Self>, DebianError> {
        let Some(path) = paragraph.get("Filename") else { return Ok(None) };
        let wrong = |field, value: &str| DebianError::Field { what: name.to_owned(), field, value: value.to_owned() };
        let size = paragraph.require(name, "Size")?;
        let sha256 = paragraph.require(name, "SHA256")?;
        Ok(Some(Self {
            path: path.to_owned(),
            size: size.parse().map_err(|_| wrong("Size", size))?,
            sha256: Digest::from_hex(sha256).map_err(|_| wrong("SHA256", sha256))?,
        }))
    }
}

fn parse(field: Option<&str>) -> Result<Vec<Dependency>, DebianError> {
    Dependency::parse_field(field.unwrap_or_default())
}

fn priority(word: &str) -> u8 {
    match word {
        "required" => 0,
        "important" => 1,
        "standard" => 2,
        "optional" => 3,
        "extra" => 4,
        _ => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

    #[test]
    fn an_index_is_read_package_by_package() {
        let text = format!(
            "Package: demo\nVersion: 1:2.0-1\nArchitecture: amd64\nMulti-Arch: same\nPre-Depends: pre\n\
             Depends: libc6 (>= 2.36), a | b\nRecommends: nice\nProvides: virtual (= 3)\nConflicts: c\nBreaks: d (<< 1)\n\
             Priority: standard\nEssential: yes\nFilename: pool/d.deb\nSize: 12\nSHA256: {ZEROS}\nDescription: x\n"
        );
        let demo = packages("index", text.as_bytes()).next().unwrap().unwrap();
        let shown = |all: Vec<String>| all.join(", ");
        assert_eq!(
            shown(demo.dependencies().unwrap().iter().map(ToString::to_string).collect()),
            "pre, libc6 (>= 2.36), a | b"
        );
        assert_eq!(shown(demo.recommendations().unwrap().iter().map(ToString::to_string).collect()), "nice");
        assert_eq!(shown(demo.provides().unwrap().iter().map(ToString::to_string).collect()), "virtual (= 3)");
        assert_eq!(shown(demo.conflicts().unwrap().iter().map(ToString::to_string).collect()), "c, d (<< 1)");
        assert_eq!((demo.priority, demo.essential, demo.multi_arch.as_deref()), (2, true, Some("same")));
        let file = demo.file.unwrap();
        assert_eq!((file.path.as_str(), file.size, file.sha256.hex().as_str()), ("pool/d.deb", 12, ZEROS));
    }

    #[test]
    fn an_index_without_checksums_is_refused() {
        let check = |text: &str, expect: &str| {
            let error = packages("index", text.as_bytes()).next().unwrap().unwrap_err();
            assert_eq!(error.to_string(), expect);
        };
        check("Package: a\n", "a has no field `Version`");
        check("Package: a\nVersion: 1\nFilename: x\nSize: 1\n", "a has no field `SHA256`");
        check("Package: a\nVersion: 1\nFilename: x\nSize: -1\nSHA256: y\n", "a: `-1` is no value for the field `Size`");
        check("Package: ../a\nVersion: 1\n", "`../a` is not the name of a Debian package");
    }

    #[test]
    fn only_whole_installations_count() {
        let status = "Package: a\nStatus: install ok installed\nVersion: 1\n\nPackage: b\nStatus: deinstall ok config-files\n\
                      Version: 1\n\nPackage: c\nVersion: 2\n\nPackage: d\nStatus: hold ok installed\nVersion: 1\n";
        let names: Vec<_> =
            installed("status", status.as_bytes()).unwrap().into_iter().map(|package| package.name).collect();
        assert_eq!(names, ["a", "c", "d"]);
    }
}
