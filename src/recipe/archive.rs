//! Archives of Debian packages besides Debian's own: `[[debian.archive]]`.

use toml::Spanned;

use super::{
    Location,
    debian::{Debian, Keyring, component, keyring, mirrors, package_pattern},
    problem::{Fault, Problem, ProblemKind},
    reader::Reader,
};
use crate::hint::Hint;

/// An archive of somebody else's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherArchive {
    /// By which `packages` and the lock call it; unique.
    pub name: Spanned<String>,
    /// Where it is, in the order of trial.
    pub mirrors: Vec<Spanned<Location>>,
    /// The folder below `dists`.
    pub suite: Spanned<String>,
    /// When empty, `main`.
    pub components: Vec<Spanned<String>>,
    /// Whose signatures count.
    pub keyring: Keyring,
    /// Names of packages, `*` at the end for any rest: these are taken from here as from Debian, and no other
    /// at all. When empty, any is taken where it is named as `NAME/ARCHIVE`, or where nobody else has it.
    pub only_for: Vec<Spanned<String>>,
}

impl OtherArchive {
    pub(super) fn read(table: Reader<'_>) -> Option<Self> {
        let name = table.parsed("name", name);
        let suite = table.parsed("suite", suite);
        let mirrors = mirrors(&table);
        for (key, example) in [("name", "\"company\""), ("suite", "\"stable\""), ("keyring", "\"company.asc\"")] {
            if !table.has(key) {
                table.missing(key, example);
            }
        }
        if !table.has("mirror") && !table.has("mirrors") {
            table.missing("mirror", "\"https://…\"");
        }
        let components = table.parsed_list("components", component);
        let keyring = keyring(&table);
        let only_for = table.parsed_list("for", package_pattern);
        let span = table.span();
        table.finish();
        let suite = suite.unwrap_or_else(|| Spanned::new(span, String::new()));
        Some(Self { name: name?, mirrors, suite, components, keyring, only_for })
    }

    /// The names of the components.
    #[must_use]
    pub fn components(&self) -> Vec<&str> {
        Debian::or_main(&self.components)
    }
}

/// Each archive has a name of its own.
pub(super) fn refuse_same(table: &Reader<'_>, archives: &[OtherArchive]) {
    for (position, archive) in archives.iter().enumerate() {
        let name = archive.name.get_ref();
        if archives[..position].iter().any(|other| other.name.get_ref() == name) {
            let message = format!("two archives are named `{name}`");
            let problem = Problem::new(ProblemKind::Duplicate, archive.name.span(), message);
            table.add(problem.labelled("again").hinted(Hint::new("give each archive a name of its own")));
        }
    }
}

fn name(text: &str) -> Result<String, Fault> {
    let plain = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    // Names of suites could not be told from it.
    let taken =
        text.starts_with("debian") || ["-updates", "-security", "-backports"].iter().any(|end| text.ends_with(end));
    if plain && !taken && !text.is_empty() && text.len() <= 64 {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(format!("`{text}` cannot be the name of an archive")).labelled("not a name");
    Err(fault.advised("write a word in lower case that no archive or suite of Debian has: `company`"))
}

fn suite(text: &str) -> Result<String, Fault> {
    let part = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+~".contains(&byte);
        !part.is_empty() && part != "." && part != ".." && part.bytes().all(plain)
    };
    if text.split('/').all(part) && text.len() <= 256 {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(format!("`{text}` is not a suite of an archive")).labelled("not a suite");
    Err(fault.advised("write the folder below `dists` in the archive: `stable`; archives without one cannot be used"))
}
