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
    /// Components of the archives; when empty, `main`.
    pub components: Vec<Spanned<String>>,
    /// Binary packages; what they depend on comes along. `NAME`, `NAME=VERSION`, or `NAME/SUITE`.
    pub packages: Vec<Spanned<String>>,
    /// Whether the packages that every Debian system has are among them.
    pub essential: Essential,
    /// Whose recommendations come along.
    pub recommends: Recommends,
    /// Where the archive is, in the order of trial; when empty, the public mirror.
    pub mirrors: Vec<Spanned<Location>>,
    /// Whence security updates come.
    pub security: Security,
    /// Where past states of the archives are: a URL with `{archive}` and `{timestamp}` in it.
    pub snapshot: Option<Spanned<String>>,
    /// Whose signatures count.
    pub keyring: Keyring,
    /// What is left out of the packages.
    pub strip: Vec<Spanned<Strip>>,
    /// Packages that are left out, whoever depends on them.
    pub exclude: Vec<Spanned<String>>,
    /// Packages of the base that may be replaced by later versions.
    pub allow_upgrade: Vec<Spanned<String>>,
}

/// Whether the packages that every Debian system has are brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Essential {
    /// Only as far as others depend on them.
    #[default]
    AsNeeded,
    /// All of them: `essential = true`.
    All,
}

/// Whose recommendations are brought along.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Recommends {
    /// Nobody's.
    #[default]
    None,
    /// Those of these packages.
    Of(Vec<Spanned<String>>),
    /// Everybody's: `recommends = true`.
    All,
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
    /// The names of the components.
    #[must_use]
    pub fn components(&self) -> Vec<&str> {
        let named: Vec<&str> = self.components.iter().map(|component| component.get_ref().as_str()).collect();
        if named.is_empty() { vec!["main"] } else { named }
    }

    /// Whether a package is asked for from backports.
    #[must_use]
    pub fn wants_backports(&self) -> bool {
        let backports = format!("{}-backports", self.suite.get_ref());
        let suite = |package: &Spanned<String>| package.get_ref().split_once('/').map(|(_, suite)| suite == backports);
        self.packages.iter().any(|package| suite(package) == Some(true))
    }

    pub(super) fn read(table: Reader<'_>) -> Option<Self> {
        let suite = table.parsed("suite", suite);
        if !table.has("suite") {
            table.missing("suite", "\"bookworm\"");
        }
        let packages = table.parsed_list("packages", package);
        refuse_repetition(&table, &packages);
        refuse_other_suites(&table, &packages, suite.as_ref());
        let debian = Self {
            suite: suite.unwrap_or_else(|| Spanned::new(table.span(), String::new())),
            components: table.parsed_list("components", component),
            packages,
            essential: essential(&table),
            recommends: recommends(&table),
            mirrors: mirrors(&table),
            security: security(&table),
            snapshot: table.parsed("snapshot", snapshot),
            keyring: keyring(&table),
            strip: table.parsed_list("strip", strip),
            exclude: table.parsed_list("exclude", bare_package),
            allow_upgrade: table.parsed_list("allow-upgrade", bare_package),
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

fn essential(table: &Reader<'_>) -> Essential {
    let Some(value) = table.value("essential") else { return Essential::AsNeeded };
    match value.get_ref() {
        DeValue::Boolean(true) => Essential::All,
        DeValue::Boolean(false) => Essential::AsNeeded,
        _ => {
            table.wrong_type(&table.subject("essential"), "`true` or `false`", value);
            Essential::AsNeeded
        }
    }
}

fn recommends(table: &Reader<'_>) -> Recommends {
    let Some(value) = table.value("recommends") else { return Recommends::None };
    match value.get_ref() {
        DeValue::Boolean(true) => Recommends::All,
        DeValue::Boolean(false) => Recommends::None,
        DeValue::Array(_) => Recommends::Of(table.parsed_list("recommends", bare_package)),
        _ => {
            table.wrong_type(&table.subject("recommends"), "`true` or a list of packages", value);
            Recommends::None
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

fn component(text: &str) -> Result<String, Fault> {
    let plausible = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if plausible && !text.is_empty() {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(format!("`{text}` is not a component of an archive")).labelled("not a component");
    Err(fault.advised("write `main`, `contrib`, `non-free` or `non-free-firmware`"))
}

/// A URL with places for the archive's name and the moment.
fn snapshot(text: &str) -> Result<String, Fault> {
    if !text.contains("{timestamp}") {
        let fault = Fault::new(format!("`{text}` does not say where the moment stands")).labelled("no `{timestamp}`");
        return Err(fault.advised("write `https://…/{archive}/{timestamp}`"));
    }
    match location(text)? {
        Location::Url(_) => Ok(text.to_owned()),
        Location::Folder(_) => {
            let fault = Fault::new(format!("`{text}` is not a URL")).labelled("not a URL");
            Err(fault.advised("write `https://…/{archive}/{timestamp}`"))
        }
    }
}

/// A name, as apt reads it perhaps with a version (`ffmpeg=7:5.1.6-0+deb12u1`) or a suite
/// (`git/bookworm-backports`).
fn package(text: &str) -> Result<String, Fault> {
    let wrong = |what: &str, advice: &str| {
        Err(Fault::new(format!("`{text}` {what}")).labelled("not a package").advised(advice))
    };
    if let Some((name, version)) = text.split_once('=') {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b".+-~:".contains(&byte);
        if version.is_empty() || version.len() > 256 || !version.bytes().all(known) {
            return wrong(
                "names no version of a Debian package",
                "write it as Debian does: `ffmpeg=7:5.1.6-0+deb12u1`",
            );
        }
        return bare_package(name).map(|_| text.to_owned());
    }
    if let Some((name, release)) = text.split_once('/') {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if release.is_empty() || !release.bytes().all(plain) {
            return wrong("names no suite of Debian", "write `git/bookworm-backports`");
        }
        return bare_package(name).map(|_| text.to_owned());
    }
    bare_package(text)
}

/// Debian Policy, 5.6.7 "Package".
fn bare_package(text: &str) -> Result<String, Fault> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let plausible = text.len() > 1
        && text.bytes().next().is_some_and(plain)
        && text.bytes().all(|byte| plain(byte) || b"+-.".contains(&byte));
    if plausible {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(format!("`{text}` is not the name of a Debian package")).labelled("not a package");
    Err(fault.advised("write the name in lower case: letters, digits, `+`, `-` and `.`"))
}

fn strip(text: &str) -> Result<Strip, Fault> {
    let known = [Strip::Doc, Strip::Man, Strip::Locale];
    known
        .into_iter()
        .find(|strip| strip.as_str() == text)
        .ok_or_else(|| not_one_of("debian.strip", text, &known.map(Strip::as_str)))
}

/// Packages can be asked for from the suites that belong to the release, and from no other.
fn refuse_other_suites(table: &Reader<'_>, packages: &[Spanned<String>], release: Option<&Spanned<String>>) {
    let Some(release) = release.map(Spanned::get_ref) else { return };
    let ends = ["", "-updates", "-security", "-backports"];
    for package in packages {
        let Some((_, suite)) = package.get_ref().split_once('/') else { continue };
        if !suite.strip_prefix(release.as_str()).is_some_and(|end| ends.contains(&end)) {
            let fault = Fault::new(format!("`{suite}` is no suite of {release}")).labelled("another release");
            table
                .fault(fault.advised(format!("name `{release}-backports`, or another `debian.suite`")), package.span());
        }
    }
}

fn refuse_repetition(table: &Reader<'_>, packages: &[Spanned<String>]) {
    let name = |package: &Spanned<String>| package.get_ref().split(['=', '/']).next().map(str::to_owned);
    for (position, package) in packages.iter().enumerate() {
        let own = name(package);
        if packages[..position].iter().any(|other| name(other) == own) {
            let message = format!("the package `{}` is named twice", own.unwrap_or_default());
            let problem = Problem::new(ProblemKind::Duplicate, package.span(), message);
            table.add(problem.labelled("again").hinted(Hint::new("remove one of the two")));
        }
    }
}
