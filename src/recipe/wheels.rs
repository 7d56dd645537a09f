//! The table `[wheels]`, and the part of it that variants repeat.

use std::{collections::BTreeMap, fmt, ops::Range};

use toml::{Spanned, de::DeValue};
use url::Url;

use super::{
    Demand, InputFile, Listed, Venv,
    demand::{constraint, credentials, demand, file, listed, not_a_url, pattern},
    problem::{Fault, Problem, ProblemKind},
    reader::Reader,
};
use crate::{
    hint::Hint,
    oci::{Platform, PlatformError},
    python::{NamePattern, PythonVersion, Requirement},
};

/// What is asked of the resolver. Variants add to what `[wheels]` asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Distributions to install.
    pub require: Vec<Spanned<Demand>>,
    /// Files that say what to install.
    pub files: Vec<Spanned<InputFile>>,
    /// Locks of other tools: then nothing is looked for, and files are only chosen.
    pub from_lock: Vec<Spanned<InputFile>>,
    /// Limits on versions of what is installed anyhow.
    pub constraints: Vec<Spanned<Listed>>,
    /// Replacements of what distributions say they require.
    pub overrides: Vec<Spanned<Listed>>,
    /// Alternatives, of each of which the first with wheels on the platform is taken.
    pub choices: Vec<Choice>,
}

/// The table `[wheels]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wheels {
    /// What every variant asks.
    pub request: Request,
    /// The interpreter that the base must have.
    pub python: Option<Spanned<PythonSeries>>,
    /// Whether one distribution may have different versions on different platforms.
    pub skew: Skew,
    /// Package indexes beside the default one, in the order in which they are asked.
    pub index: Vec<Index>,
    /// Distributions that nothing may need.
    pub deny: Vec<Spanned<NamePattern>>,
    /// Distributions that are left out, whoever needs them.
    pub exclude: Vec<Spanned<NamePattern>>,
    /// Distributions of the base that wheels may take the place of.
    pub allow_replace: Vec<Spanned<NamePattern>>,
    /// Where the wheels go; where nothing is said, to where the base's interpreter installs.
    pub into: Option<Venv>,
    /// Whether sources are compiled, and by which interpreter of this machine.
    pub bytecode: Option<Bytecode>,
}

/// `wheels.bytecode`, where it is not `false`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bytecode {
    /// The interpreter that compiles, relative to the recipe; where none is named, one is looked for.
    pub by: Option<Spanned<String>>,
    /// Where this stands.
    pub span: Range<usize>,
}

/// One `[[wheels.choice]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The alternatives, the best first; never empty, and none of them empty.
    pub any_of: Vec<Vec<Spanned<Demand>>>,
    /// Where the choice stands.
    pub span: Range<usize>,
}

/// A package index, or a folder of wheels in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// The name by which the lock calls it; unique, and not `default`.
    pub name: Spanned<String>,
    /// Where it is.
    pub location: Spanned<Location>,
    /// What lies there.
    pub format: IndexFormat,
    /// The distributions that come from here and from nowhere else; when empty, any may.
    pub only_for: Vec<Spanned<NamePattern>>,
    /// The platforms on which it is asked; when empty, all.
    pub platforms: Vec<Spanned<Platform>>,
}

/// What a package index is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IndexFormat {
    /// A page for each distribution, below the URL.
    #[default]
    Simple,
    /// One page with links to wheels of all of them: pip's `find-links`.
    Flat,
}

/// Where files are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// On a server. Without credentials.
    Url(Url),
    /// In a folder, relative to the recipe.
    Folder(String),
}

/// What to do when the platforms of an image get different versions of one distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Skew {
    /// Fail.
    #[default]
    Error,
    /// Say so.
    Warn,
    /// Nothing.
    Allow,
}

/// A version of Python, with or without the patch level: `3.11`, `3.11.2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PythonSeries {
    /// 3.
    pub major: u8,
    /// The feature release.
    pub minor: u8,
    /// The patch level, when it matters.
    pub patch: Option<u8>,
}

impl Request {
    /// Whether nothing at all is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.require.is_empty() && self.files.is_empty() && self.from_lock.is_empty() && self.choices.is_empty()
    }

    /// Adds what `other` asks, after what is there.
    pub(super) fn extend(&mut self, other: &Self) {
        self.require.extend_from_slice(&other.require);
        self.files.extend_from_slice(&other.files);
        self.from_lock.extend_from_slice(&other.from_lock);
        self.constraints.extend_from_slice(&other.constraints);
        self.overrides.extend_from_slice(&other.overrides);
        self.choices.extend_from_slice(&other.choices);
    }

    /// Takes its keys from a table; the table's owner takes others and finishes it.
    pub(super) fn read(table: &Reader<'_>) -> Self {
        let request = Self {
            require: table.parsed_list("require", demand),
            files: InputFile::listed(table),
            from_lock: InputFile::lock(table).into_iter().collect(),
            constraints: table.parsed_list("constraints", constraint),
            overrides: table.parsed_list("overrides", listed),
            choices: table.tables("choice").into_iter().filter_map(Choice::read).collect(),
        };
        refuse_repetition(table, &request.require);
        request
    }
}

impl Wheels {
    pub(super) fn read(table: Reader<'_>, platforms: &[Spanned<Platform>]) -> Self {
        let wheels = Self {
            request: Request::read(&table),
            python: table.parsed("python", python_series),
            skew: table.parsed("skew", skew).map(Spanned::into_inner).unwrap_or_default(),
            index: table.tables("index").into_iter().filter_map(|index| Index::read(index, platforms)).collect(),
            deny: table.parsed_list("deny", pattern),
            exclude: table.parsed_list("exclude", pattern),
            allow_replace: table.parsed_list("allow-replace", pattern),
            into: Venv::read(&table),
            bytecode: Bytecode::read(&table),
        };
        refuse_same_index(&table, &wheels.index);
        refuse_replacing_outside(&table, &wheels);
        table.finish();
        wheels
    }
}

impl Bytecode {
    /// `bytecode = true`, or the interpreter that compiles.
    fn read(table: &Reader<'_>) -> Option<Self> {
        let value = table.value("bytecode")?;
        let by = match value.get_ref() {
            DeValue::Boolean(false) => return None,
            DeValue::Boolean(true) => None,
            DeValue::String(_) => Some(table.parsed_value(&table.subject("bytecode"), value, interpreter)?),
            _ => {
                table.wrong_type(&table.subject("bytecode"), "`true`, `false` or an interpreter", value);
                return None;
            }
        };
        Some(Self { by, span: value.span() })
    }
}

impl Choice {
    fn read(table: Reader<'_>) -> Option<Self> {
        const EXPECTED: &str = "a list of lists of strings";
        if !table.has("any-of") {
            table.missing("any-of", "[[\"a\"], [\"b\", \"c\"]]");
        }
        let span = table.span();
        let subject = table.item_subject("any-of");
        let mut any_of = Vec::new();
        for alternative in table.list("any-of", EXPECTED) {
            let DeValue::Array(items) = alternative.get_ref() else {
                table.wrong_type(&subject, "a list of strings", alternative);
                continue;
            };
            let parsed: Vec<_> = items.iter().filter_map(|item| table.parsed_value(&subject, item, demand)).collect();
            if items.is_empty() {
                let problem = Problem::new(ProblemKind::Invalid, alternative.span(), "an alternative is empty");
                table.add(problem.labelled("empty").hinted(Hint::new("name a distribution in it, or remove it")));
            }
            any_of.push(parsed);
        }
        table.finish();
        (!any_of.is_empty()).then_some(Self { any_of, span })
    }
}

impl Index {
    fn read(table: Reader<'_>, known: &[Spanned<Platform>]) -> Option<Self> {
        let name = table.parsed("name", index_name);
        let location = table.parsed("url", location);
        let format = table.parsed("format", index_format).map(Spanned::into_inner).unwrap_or_default();
        let only_for = table.parsed_list("for", pattern);
        let platforms = table.parsed_list("platforms", platform);
        for key in [("name", "\"cpu\""), ("url", "\"https://…\"")] {
            if !table.has(key.0) {
                table.missing(key.0, key.1);
            }
        }
        for platform in platforms.iter().filter(|platform| !known.is_empty() && !known.contains(platform)) {
            let message = format!("`{}` is not among the recipe's `platforms`", platform.get_ref());
            let problem = Problem::new(ProblemKind::Invalid, platform.span(), message);
            table.add(problem.labelled("not built").hinted(Hint::new("add it to `platforms`, or remove it here")));
        }
        table.finish();
        Some(Self { name: name?, location: location?, format, only_for, platforms })
    }
}

impl PythonSeries {
    /// Whether an interpreter of `version` is meant.
    #[must_use]
    pub fn matches(&self, version: PythonVersion) -> bool {
        (self.major, self.minor) == (version.major, version.minor)
            && self.patch.is_none_or(|patch| patch == version.patch)
    }
}

impl fmt::Display for PythonSeries {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)?;
        self.patch.map_or(Ok(()), |patch| write!(formatter, ".{patch}"))
    }
}

impl fmt::Display for Skew {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Allow => "allow",
        })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => url.fmt(formatter),
            Self::Folder(path) => path.fmt(formatter),
        }
    }
}

pub(super) fn platform(text: &str) -> Result<Platform, Fault> {
    text.parse().map_err(|error: PlatformError| {
        let hint = match error.suggestion {
            Some(name) => format!("did you mean `{name}`?"),
            None => "use a platform that wheels exist for, such as `linux/amd64` or `linux/arm64`".to_owned(),
        };
        Fault::new(error.to_string()).labelled("not a platform").advised(hint)
    })
}

/// `https://…`, or a folder relative to the recipe.
pub(super) fn location(text: &str) -> Result<Location, Fault> {
    if !text.contains("://") {
        return file(text).map(Location::Folder);
    }
    let url = Url::parse(text).map_err(|error| not_a_url(text, error))?;
    if !matches!(url.scheme(), "https" | "http") {
        let fault = Fault::new(format!("a `{}:` URL cannot be read from", url.scheme())).labelled("not a URL");
        return Err(fault.advised("write `https://…`, or a folder relative to the recipe"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(credentials("the URL"));
    }
    Ok(Location::Url(url))
}

/// An interpreter that lies beside the recipe. Others are for the machine to say.
fn interpreter(text: &str) -> Result<String, Fault> {
    let fault = match text {
        _ if text.starts_with('/') => {
            Fault::new(format!("`{text}` is an absolute path")).labelled("a path of one machine")
        }
        _ if !text.contains('/') => Fault::new(format!("`{text}` is no path")).labelled("neither `true` nor a path"),
        _ => return Ok(text.to_owned()),
    };
    Err(fault.advised("write a path relative to the recipe, or `true` and name the interpreter in WHEELWRIGHT_PYTHON"))
}

fn index_format(text: &str) -> Result<IndexFormat, Fault> {
    match text {
        "simple" => Ok(IndexFormat::Simple),
        "flat" => Ok(IndexFormat::Flat),
        _ => Err(not_one_of("wheels.index.format", text, &["simple", "flat"])),
    }
}

fn skew(text: &str) -> Result<Skew, Fault> {
    match text {
        "error" => Ok(Skew::Error),
        "warn" => Ok(Skew::Warn),
        "allow" => Ok(Skew::Allow),
        _ => Err(not_one_of("wheels.skew", text, &["error", "warn", "allow"])),
    }
}

/// The fault of a word that is none of `known`.
pub(super) fn not_one_of(key: &str, found: &str, known: &[&str]) -> Fault {
    let words = super::problem::quoted_list(known);
    let hint = Hint::did_you_mean(found, known.iter().copied());
    let fault = Fault::new(format!("`{key}` cannot be `{found}`")).labelled(format!("not one of {words}"));
    fault.hinted(Some(hint.unwrap_or_else(|| Hint::new(format!("use one of {words}")))))
}

fn python_series(text: &str) -> Result<PythonSeries, Fault> {
    let numbers: Option<Vec<u8>> = text.split('.').map(|part| part.parse().ok()).collect();
    let (minor, patch) = match numbers.as_deref() {
        Some([3, minor]) => (*minor, None),
        Some([3, minor, patch]) => (*minor, Some(*patch)),
        _ => {
            let fault = Fault::new(format!("`{text}` is not a version of Python")).labelled("not a version of Python");
            return Err(fault.advised("write it as `\"3.11\"`, or leave `python` out to take what the base has"));
        }
    };
    Ok(PythonSeries { major: 3, minor, patch })
}

fn index_name(text: &str) -> Result<String, Fault> {
    let plausible = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if text.is_empty() || !plausible || text == "default" {
        let fault = Fault::new(format!("an index cannot be named `{text}`")).labelled("not a name of an index");
        return Err(fault.advised("use letters, digits and `-`; `default` is the default index"));
    }
    Ok(text.to_owned())
}

/// The same distribution twice in one list, under the same marker, is a slip of the pen.
fn refuse_repetition(table: &Reader<'_>, list: &[Spanned<Demand>]) {
    let mut seen = BTreeMap::new();
    for item in list {
        let Requirement { name, extras, marker, .. } = &item.get_ref().requirement;
        let Some(first) = seen.insert((name.clone(), extras.clone(), marker.clone()), item.get_ref()) else { continue };
        let problem = Problem::new(ProblemKind::Duplicate, item.span(), format!("`{name}` is required twice"));
        let hint = format!("write one requirement in place of `{}` and `{}`", first.text, item.get_ref().text);
        table.add(problem.labelled("again").hinted(Hint::new(hint)));
    }
}

/// What an environment shadows need not be replaced.
fn refuse_replacing_outside(table: &Reader<'_>, wheels: &Wheels) {
    if let (Some(into), Some(first)) = (&wheels.into, wheels.allow_replace.first()) {
        let message = "`wheels.allow-replace` does not go with `wheels.into`";
        let problem = Problem::new(ProblemKind::Invalid, first.span(), message);
        let hint = format!("remove `allow-replace`: wheels in {} stand beside the base's", into.path.get_ref());
        table.add(problem.labelled("nothing is replaced").hinted(Hint::new(hint)));
    }
}

fn refuse_same_index(table: &Reader<'_>, list: &[Index]) {
    let mut seen: Vec<&str> = Vec::new();
    for index in list {
        let name = index.name.get_ref();
        if seen.contains(&name.as_str()) {
            let problem =
                Problem::new(ProblemKind::Duplicate, index.name.span(), format!("two indexes are named `{name}`"));
            table.add(problem.labelled("again").hinted(Hint::new("give each index a name of its own")));
        }
        seen.push(name);
    }
}
