//! The table `[debian]`.

use std::{collections::BTreeSet, ffi::OsStr, path::Path};

use toml::{Spanned, de::DeValue};

use super::{
    Location,
    archive::{OtherArchive, refuse_same},
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
    /// Archives besides Debian's.
    pub archives: Vec<OtherArchive>,
    /// Whether what packages depend on comes along.
    pub select: Select,
    /// Whether packages are added that nobody names.
    pub auto: Auto,
    /// The local time, such as `Europe/Berlin`.
    pub time_zone: Option<Spanned<String>>,
    /// Whether there is a shell.
    pub shell: Shell,
    /// Files of certificate authorities to trust besides Debian's, relative to the recipe.
    pub certificates: Vec<Spanned<String>>,
    /// What becomes of effects of maintainer scripts that are not reproduced.
    pub scripts: MaintainerScripts,
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

/// Which packages there are beside those that are named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Select {
    /// What they depend on.
    #[default]
    Depends,
    /// None: `select = "listed"`.
    Listed,
    /// What they depend on, but of packages with libraries only those whose libraries the files of the
    /// image need: `select = "elf"`.
    Elf,
}

/// Whether packages are added that nobody names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Auto {
    /// None.
    #[default]
    Off,
    /// Those with libraries that programs and extension modules of the image lack: `auto = "import"`.
    Import,
}

impl Auto {
    /// The word in the recipe.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Import => "import",
        }
    }
}

impl Select {
    /// The word in the recipe.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Depends => "depends",
            Self::Listed => "listed",
            Self::Elf => "elf",
        }
    }
}

/// Whether there is a shell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shell {
    /// Only where a package depends on one.
    #[default]
    Unasked,
    /// `shell = true`: `/bin/sh`, and the programs that everybody uses in it.
    Asked,
}

impl Shell {
    /// The packages that bring it.
    #[must_use]
    pub fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Unasked => &[],
            Self::Asked => &["coreutils", "dash"],
        }
    }
}

/// What becomes of effects of maintainer scripts that are not reproduced: `[debian.scripts]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MaintainerScripts {
    /// What is done about them.
    pub unknown: Unknown,
    /// Packages whose effects nobody misses.
    pub acknowledge: Vec<Spanned<String>>,
}

/// What is done about something that is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unknown {
    /// It is named.
    #[default]
    Warn,
    /// Nothing is built.
    Error,
}

/// Files of a package that an image can do without.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strip {
    /// `/usr/share/doc`, the copyright files excepted.
    Doc,
    /// Manual and info pages.
    Man,
    /// Translations.
    Locale,
    /// A path with all below it, `*` for any part of a name: `/usr/share/icons`.
    Path(String),
}

impl Strip {
    /// The word in the recipe.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Doc => "doc",
            Self::Man => "man",
            Self::Locale => "locale",
            Self::Path(path) => path,
        }
    }
}

impl Debian {
    /// The names of the components.
    #[must_use]
    pub fn components(&self) -> Vec<&str> {
        Self::or_main(&self.components)
    }

    pub(super) fn or_main(components: &[Spanned<String>]) -> Vec<&str> {
        let named: Vec<&str> = components.iter().map(|component| component.get_ref().as_str()).collect();
        if named.is_empty() { vec!["main"] } else { named }
    }

    /// Whether a package is asked for from backports.
    #[must_use]
    pub fn wants_backports(&self) -> bool {
        let backports = format!("{}-backports", self.suite.get_ref());
        let suite = |package: &Spanned<String>| package.get_ref().split_once('/').map(|(_, suite)| suite == backports);
        self.packages.iter().any(|package| suite(package) == Some(true))
    }

    /// Whether what the files of the image need decides about packages.
    #[must_use]
    pub fn chooses_by_need(&self) -> bool {
        self.auto == Auto::Import || self.select == Select::Elf
    }

    pub(super) fn read(table: Reader<'_>) -> Option<Self> {
        let suite = table.parsed("suite", suite);
        if !table.has("suite") {
            table.missing("suite", "\"bookworm\"");
        }
        let packages = table.parsed_list("packages", package);
        refuse_repetition(&table, &packages);
        let archives: Vec<_> = table.tables("archive").into_iter().filter_map(OtherArchive::read).collect();
        refuse_same(&table, &archives);
        refuse_other_suites(&table, &packages, suite.as_ref(), &archives);
        let mut certificates = table.parsed_list("certificates", file);
        // A file that is named twice, as in a recipe and in what it extends, is one.
        let mut seen = BTreeSet::new();
        certificates.retain(|file| seen.insert(file.get_ref().clone()));
        refuse_same_names(&table, &certificates);
        let debian = Self {
            suite: suite.unwrap_or_else(|| Spanned::new(table.span(), String::new())),
            components: table.parsed_list("components", component),
            packages,
            essential: if switch(&table, "essential") { Essential::All } else { Essential::AsNeeded },
            recommends: recommends(&table),
            mirrors: mirrors(&table),
            security: security(&table),
            snapshot: table.parsed("snapshot", snapshot),
            keyring: keyring(&table),
            archives,
            select: table.parsed("select", select).map(Spanned::into_inner).unwrap_or_default(),
            auto: table.parsed("auto", auto).map(Spanned::into_inner).unwrap_or_default(),
            time_zone: table.parsed("timezone", time_zone),
            shell: if switch(&table, "shell") { Shell::Asked } else { Shell::Unasked },
            certificates,
            scripts: table.table("scripts").map(scripts).unwrap_or_default(),
            strip: table.parsed_list("strip", strip),
            exclude: table.parsed_list("exclude", bare_package),
            allow_upgrade: table.parsed_list("allow-upgrade", bare_package),
        };
        table.finish();
        (!debian.suite.get_ref().is_empty()).then_some(debian)
    }
}

/// `mirror = "…"` or `mirrors = ["…"]`.
pub(super) fn mirrors(table: &Reader<'_>) -> Vec<Spanned<Location>> {
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

pub(super) fn keyring(table: &Reader<'_>) -> Keyring {
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

pub(super) fn component(text: &str) -> Result<String, Fault> {
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

/// Whether `text` may name a package in a recipe: Debian Policy, 5.6.7 "Package".
pub(crate) fn is_package_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() > 1
        && text.bytes().next().is_some_and(plain)
        && text.bytes().all(|byte| plain(byte) || b"+-.".contains(&byte))
}

fn bare_package(text: &str) -> Result<String, Fault> {
    if is_package_name(text) {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(format!("`{text}` is not the name of a Debian package")).labelled("not a package");
    Err(fault.advised("write the name in lower case: letters, digits, `+`, `-` and `.`"))
}

/// A name, or its beginning and `*`.
pub(super) fn package_pattern(text: &str) -> Result<String, Fault> {
    let Some(start) = text.strip_suffix('*') else { return bare_package(text) };
    // A beginning may be shorter than a name.
    bare_package(&format!("{start}00")).map(|_| text.to_owned()).map_err(|_| {
        let fault = Fault::new(format!("`{text}` stands for no names of Debian packages")).labelled("not a pattern");
        fault.advised("write a name, or its beginning and `*`: `cuda-*`")
    })
}

fn strip(text: &str) -> Result<Strip, Fault> {
    if let Some(path) = text.strip_prefix('/') {
        let plain = path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
        if plain {
            return Ok(Strip::Path(text.to_owned()));
        }
        let fault = Fault::new(format!("`{text}` is not a plain path")).labelled("not a plain path");
        return Err(fault.advised("write it without `.`, `..` and a slash at its end: `/usr/share/icons`"));
    }
    let known = [Strip::Doc, Strip::Man, Strip::Locale];
    let names: Vec<&str> = known.iter().map(Strip::as_str).collect();
    known.iter().find(|strip| strip.as_str() == text).cloned().ok_or_else(|| not_one_of("debian.strip", text, &names))
}

fn select(text: &str) -> Result<Select, Fault> {
    let known = [Select::Depends, Select::Listed, Select::Elf];
    let found = known.into_iter().find(|select| select.as_str() == text);
    found.ok_or_else(|| not_one_of("debian.select", text, &known.map(Select::as_str)))
}

fn auto(text: &str) -> Result<Auto, Fault> {
    let known = [Auto::Off, Auto::Import];
    let found = known.into_iter().find(|auto| auto.as_str() == text);
    found.ok_or_else(|| not_one_of("debian.auto", text, &known.map(Auto::as_str)))
}

/// A name in the time zone database: `Europe/Berlin`.
fn time_zone(text: &str) -> Result<String, Fault> {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte))
    };
    if text.split('/').all(part) {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(format!("`{text}` is not the name of a time zone")).labelled("not a time zone");
    Err(fault.advised("write it as the time zone database does: `Europe/Berlin`"))
}

fn scripts(table: Reader<'_>) -> MaintainerScripts {
    let unknown = |text: &str| match text {
        "warn" => Ok(Unknown::Warn),
        "error" => Ok(Unknown::Error),
        _ => Err(not_one_of("debian.scripts.unknown", text, &["warn", "error"])),
    };
    let scripts = MaintainerScripts {
        unknown: table.parsed("unknown", unknown).map(Spanned::into_inner).unwrap_or_default(),
        acknowledge: table.parsed_list("acknowledge", bare_package),
    };
    table.finish();
    scripts
}

/// `key = true`; anything but a truth value is a problem.
fn switch(table: &Reader<'_>, key: &'static str) -> bool {
    let Some(value) = table.value(key) else { return false };
    if let DeValue::Boolean(wanted) = value.get_ref() {
        return *wanted;
    }
    table.wrong_type(&table.subject(key), "`true` or `false`", value);
    false
}

/// Packages can be asked for from the suites that belong to the release, from the recipe's archives, and from
/// no other.
fn refuse_other_suites(
    table: &Reader<'_>,
    packages: &[Spanned<String>],
    release: Option<&Spanned<String>>,
    archives: &[OtherArchive],
) {
    let Some(release) = release.map(Spanned::get_ref) else { return };
    let ends = ["", "-updates", "-security", "-backports"];
    for package in packages {
        let Some((_, suite)) = package.get_ref().split_once('/') else { continue };
        let is_archive = archives.iter().any(|archive| archive.name.get_ref() == suite);
        if !is_archive && !suite.strip_prefix(release.as_str()).is_some_and(|end| ends.contains(&end)) {
            let fault = Fault::new(format!("`{suite}` is no suite of {release}")).labelled("another release");
            table
                .fault(fault.advised(format!("name `{release}-backports`, or another `debian.suite`")), package.span());
        }
    }
}

/// Certificates go by the names of their files, without folder and ending.
fn refuse_same_names(table: &Reader<'_>, certificates: &[Spanned<String>]) {
    let stem = |file: &Spanned<String>| Path::new(file.get_ref()).file_stem().map(OsStr::to_owned);
    for (position, file) in certificates.iter().enumerate() {
        if let Some(other) = certificates[..position].iter().find(|other| stem(other) == stem(file)) {
            let message = format!("`{}` and `{}` go by one name in the image", other.get_ref(), file.get_ref());
            let problem = Problem::new(ProblemKind::Duplicate, file.span(), message).labelled("the same name");
            table.add(problem.hinted(Hint::new("rename one of the two files")));
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
