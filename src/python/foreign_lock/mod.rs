//! Locks that other tools have made: which distributions, in which versions, from which files.

mod pylock;
mod select;
mod uv_lock;

use std::{collections::BTreeMap, ops::Range};

use toml::Spanned;
use url::Url;

pub use select::Part;

use super::{
    ExtraName, MarkerEnvironment, MarkerTree, PackageName, PythonError, Requirement, UploadTime, Version,
    VersionSpecifiers, WheelName,
};
use crate::oci::Digest;

/// A lock of another tool.
#[derive(Clone, Debug)]
pub struct ForeignLock {
    /// The Pythons that it is for.
    pub requires_python: Option<VersionSpecifiers>,
    /// Distributions for which the tool was told what counts, whatever others require.
    pub overridden: Vec<PackageName>,
    environments: Option<Environments>,
    packages: Vec<ForeignPackage>,
    shape: Shape,
}

/// The environments that a lock is for.
#[derive(Clone, Debug)]
struct Environments {
    /// One of them holds.
    markers: Vec<MarkerTree>,
    /// Where they stand.
    span: Range<usize>,
}

/// A distribution in one version.
#[derive(Clone, Debug)]
pub struct ForeignPackage {
    /// Which.
    pub name: PackageName,
    /// Its version; a project on this machine may have none.
    pub version: Option<Version>,
    /// Where its files come from.
    pub origin: Origin,
    /// Its wheels.
    pub wheels: Vec<ForeignWheel>,
    /// The bytes of the lock that name it.
    pub span: Range<usize>,
    /// When it is wanted, in a lock that says so of each.
    marker: Option<(String, Range<usize>)>,
    edges: Vec<Edge>,
    extras: BTreeMap<ExtraName, Vec<Edge>>,
    groups: BTreeMap<String, Vec<Edge>>,
}

/// Where the files of a distribution come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A package index, by its URL or path if the lock tells it.
    Index(Option<String>),
    /// The file that it names itself.
    Direct,
    /// Something that would have to be built, in words: `the folder .`.
    Source(String),
}

/// A wheel of a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignWheel {
    /// Its file name.
    pub file: WheelName,
    /// Where it lies.
    pub place: Option<Place>,
    /// SHA-256 of the file.
    pub sha256: Option<Digest>,
    /// Bytes of the file.
    pub size: Option<u64>,
    /// Since when its index has it.
    pub uploaded: Option<UploadTime>,
}

/// Where a file lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At a URL.
    Url(Url),
    /// At a path relative to the lock.
    Path(String),
}

/// How a lock says what is wanted.
#[derive(Clone, Debug)]
enum Shape {
    /// Each package by its marker; with the groups that are meant where none are named.
    Flat(Vec<String>),
    /// What the roots lead to; indexes of packages.
    Graph(Vec<usize>),
}

/// One package asks for another.
#[derive(Clone, Debug)]
struct Edge {
    name: PackageName,
    /// Where the lock has several of that name.
    version: Option<Version>,
    origin: Option<Origin>,
    extras: Vec<ExtraName>,
    marker: MarkerTree,
}

impl ForeignLock {
    /// Reads a `pylock.toml`.
    ///
    /// [pylock.toml](https://packaging.python.org/en/latest/specifications/pylock-toml/).
    ///
    /// # Errors
    /// [`PythonError::Place`] when it is none, or one of a newer major version.
    pub fn pylock(text: &str) -> Result<Self, PythonError> {
        pylock::read(text)
    }

    /// Reads a `uv.lock`.
    ///
    /// # Errors
    /// [`PythonError::Place`] when it is none, or one of a newer version.
    pub fn uv_lock(text: &str) -> Result<Self, PythonError> {
        uv_lock::read(text)
    }

    /// Every package called `name`.
    pub fn named<'l>(&'l self, name: &'l PackageName) -> impl Iterator<Item = &'l ForeignPackage> {
        self.packages.iter().filter(move |package| package.name == *name)
    }

    /// Whether the lock has what `extra` of `name` asks for; nothing where it does not say.
    #[must_use]
    pub fn has_extra(&self, name: &PackageName, extra: &ExtraName) -> Option<bool> {
        let Shape::Graph(_) = self.shape else { return None };
        // One that asks for nothing is known only by those who ask for it.
        let asked = |edge: &Edge| edge.name == *name && edge.extras.contains(extra);
        let has = |package: &ForeignPackage| {
            (package.name == *name && package.extras.contains_key(extra)) || package.all_edges().any(asked)
        };
        Some(self.packages.iter().any(has))
    }

    /// What of the lock is wanted in `environment`, sorted by name: each distribution once, with the
    /// names of those that ask for it (`recipe` for nobody else).
    ///
    /// # Errors
    /// [`PythonError::Place`] for an environment that the lock is not for, for an extra or group of the project that it
    /// does not have, for a distribution that is wanted in two versions, and for one that is asked for and not there.
    pub fn select(
        &self,
        environment: &MarkerEnvironment,
        part: &Part<'_>,
    ) -> Result<Vec<(&ForeignPackage, Vec<String>)>, PythonError> {
        select::select(self, environment, part)
    }
}

impl ForeignPackage {
    fn all_edges(&self) -> impl Iterator<Item = &Edge> {
        self.edges.iter().chain(self.extras.values().flatten()).chain(self.groups.values().flatten())
    }
}

/// The markers of a list, of which one must hold; nothing where there are none.
fn environments(list: Option<Spanned<Vec<Spanned<String>>>>) -> Result<Option<Environments>, PythonError> {
    let Some(list) = list.filter(|list| !list.get_ref().is_empty()) else { return Ok(None) };
    let markers = list.get_ref().iter().map(|text| marker(text.get_ref(), &text.span()));
    Ok(Some(Environments { markers: markers.collect::<Result<_, _>>()?, span: list.span() }))
}

/// A marker, read like that of a requirement, whose reader is bounded.
fn marker(text: &str, span: &Range<usize>) -> Result<MarkerTree, PythonError> {
    let read = format!("x ; {text}").parse::<Requirement>();
    let requirement = read.map_err(|_| PythonError::place(span.clone(), format!("`{text}` is not a marker")))?;
    Ok(requirement.marker)
}

/// The part of a path or URL behind the last slash, as a wheel's name; nothing for other files.
fn wheel_name(place: &str) -> Option<WheelName> {
    let path = place.split(['#', '?']).next().unwrap_or(place);
    let file = path.rsplit('/').next().unwrap_or(path).replace("%2B", "+").replace("%2b", "+");
    file.parse().ok()
}

fn place_of(url: Option<&str>, path: Option<&str>) -> Option<Place> {
    let url = url.and_then(|url| url.parse().ok()).map(Place::Url);
    url.or_else(|| path.map(|path| Place::Path(path.to_owned())))
}

#[cfg(test)]
mod tests;
