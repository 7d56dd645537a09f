//! The table `[debian]`.

use toml::{Spanned, de::DeValue};

use super::{
    Location,
    demand::file,
    problem::{Fault, Problem, ProblemKind},
    reader::Reader,
    wheels::{location, not_one_of},
};
use crate::hint::Hint;

/// The Debian packages of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Debian {
    /// The code name of the release: `bookworm`.
    pub suite: Spanned<String>,
    /// Binary packages; what they depend on comes along.
    pub packages: Vec<Spanned<String>>,
    /// Where the archive is, in the order of trial; when empty, the public mirror.
    pub mirrors: Vec<Spanned<Location>>,
    /// Whence security updates come.
    pub security: Security,
    /// Whose signatures count.
    pub keyring: Keyring,
    /// What is left out of the packages.
    pub strip: Vec<Spanned<Strip>>,
    /// Packages that are left out, whoever depends on them.
    pub exclude: Vec<Spanned<String>>,
}

/// Whence security updates come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// From the public archive.
    #[default]
    Public,
    /// From a mirror of it.
    Mirror(Spanned<Location>),
    /// There are none: `security = false`.
    Without,
}

/// Whose signatures of an archive count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Keyring {
    /// Debian's, which the program brings along.
    #[default]
    Debian,
    /// Of the keys in a file of the user's, relative to the recipe.
    File(Spanned<String>),
    /// Nobody's are looked at: `keyring = false`.
    Without,
}

/// Files of a package that an image can do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strip {
    /// `/usr/share/doc`, the copyright files excepted.
    Doc,
    /// Manual and info pages.
    Man,
    /// Translations.
    Locale,
}

impl Strip {
    /// The word in the recipe.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Doc => "doc",
            Self::Man => "man",
            Self::Locale => "locale",
        }
    }
}

impl Debian {
    pub(super) fn read(table: Reader<'_>) -> Option<Self> {
        let suite = table.parsed("suite", suite);
        if !table.has("suite") {
            table.missing("suite", "\"bookworm\"");
        }
        let packages = table.parsed_list("packages", package);
        refuse_repetition(&table, &packages);
        let debian = Self {
            suite: suite.unwrap_or_else(|| Spanned::new(table.span(), String::new())),
            packages,
            mirrors: mirrors(&table),
            security: security(&table),
            keyring: keyring(&table),
            strip: table.parsed_list("strip", strip),
            exclude: table.parsed_list("exclude", package),
        };
        table.finish();
        (!debian.suite.get_ref().is_empty()).then_some(debian)
    }
}

/// `mirror = "…"` or `mirrors = ["…"]`.
fn mirrors(table: &Reader<'_>) -> Vec<Spanned<Location>> {
    let mut mirrors = table.parsed_list("mirrors", location);
    if let Some(mirror) = table.parsed("mirror", location) {
        if table.has("mirrors") {
            let problem = Problem::new(ProblemKind::Duplicate, mirror.span(), "both `mirror` and `mirrors` are given");
            table.add(problem.labelled("again").hinted(Hint::new("keep `mirrors` alone")));
        }
        mirrors.push(mirror);
    }
    mirrors
}

fn security(table: &Reader<'_>) -> Security {
    let Some(value) = table.value("security") else { return Security::Public };
    match value.get_ref() {
        DeValue::Boolean(true) => Security::Public,
        DeValue::Boolean(false) => Security::Without,
        DeValue::String(_) => {
            table.parsed_value(&table.subject("security"), value, location).map(Security::Mirror).unwrap_or_default()
        }
        _ => {
            table.wrong_type(&table.subject("security"), "a URL or `false`", value);
            Security::Public
        }
    }
}

fn keyring(table: &Reader<'_>) -> Keyring {
    let Some(value) = table.value("keyring") else { return Keyring::Debian };
    match value.get_ref() {
        DeValue::Boolean(true) => Keyring::Debian,
        DeValue::Boolean(false) => Keyring::Without,
        DeValue::String(_) => {
            table.parsed_value(&table.subject("keyring"), value, file).map(Keyring::File).unwrap_or_default()
        }
        _ => {
            table.wrong_type(&table.subject("keyring"), "a file of keys or `false`", value);
            Keyring::Debian
        }
    }
}

fn suite(text: &str) -> Result<String, Fault> {
    let plausible = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if text.is_empty() || !plausible {
        let fault = Fault::new(format!("`{text}` is not a suite of Debian")).labelled("not a suite");
        return Err(fault.advised("write the code name of a release, such as `bookworm`"));
    }
    if let Some(release) = ["-security", "-updates", "-backports"].iter().find_map(|end| text.strip_suffix(end)) {
        let fault = Fault::new(format!("`{text}` is not a release of Debian")).labelled("not a release");
        return Err(fault.advised(format!("write `suite = \"{release}\"`: its updates come along")));
    }
    Ok(text.to_owned())
}

/// Debian Policy, 5.6.7 "Package".
fn package(text: &str) -> Result<String, Fault> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let plausible = text.len() > 1
        && text.bytes().next().is_some_and(plain)
        && text.bytes().all(|byte| plain(byte) || b"+-.".contains(&byte));
    if plausible {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(format!("`{text}` is not the name of a Debian package")).labelled("not a package");
    Err(fault.advised("write the bare name, in lower case: versions stand in the lock"))
}

fn strip(text: &str) -> Result<Strip, Fault> {
    let known = [Strip::Doc, Strip::Man, Strip::Locale];
    known
        .into_iter()
        .find(|strip| strip.as_str() == text)
        .ok_or_else(|| not_one_of("debian.strip", text, &known.map(Strip::as_str)))
}

fn refuse_repetition(table: &Reader<'_>, packages: &[Spanned<String>]) {
    for (position, package) in packages.iter().enumerate() {
        if packages[..position].contains(package) {
            let message = format!("the package `{}` is named twice", package.get_ref());
            let problem = Problem::new(ProblemKind::Duplicate, package.span(), message);
            table.add(problem.labelled("again").hinted(Hint::new("remove one of the two")));
        }
    }
}
