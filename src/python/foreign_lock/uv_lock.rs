//! `uv.lock`, version 1: a graph that begins at the project itself.

use std::{collections::BTreeMap, ops::Range};

use serde::Deserialize;
use toml::Spanned;
use url::Url;

use super::{
    Edge, ForeignLock, ForeignPackage, ForeignWheel, Origin, Shape, environments, marker, place_of, wheel_name,
};
use crate::{
    oci::Digest,
    python::{MarkerTree, PackageName, PythonError, Version, without_login},
};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Document {
    version: Spanned<i64>,
    requires_python: Option<Spanned<String>>,
    supported_markers: Option<Spanned<Vec<Spanned<String>>>>,
    manifest: Option<Manifest>,
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Default, Deserialize)]
struct Manifest {
    #[serde(default)]
    members: Vec<String>,
    #[serde(default)]
    overrides: Vec<Overriding>,
}

#[derive(Deserialize)]
struct Overriding {
    name: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Package {
    name: Spanned<String>,
    version: Option<Spanned<String>>,
    source: Source,
    #[serde(default)]
    dependencies: Vec<Dependency>,
    #[serde(default)]
    optional_dependencies: BTreeMap<String, Vec<Dependency>>,
    #[serde(default)]
    dev_dependencies: BTreeMap<String, Vec<Dependency>>,
    #[serde(default)]
    wheels: Vec<File>,
}

#[derive(Deserialize)]
struct Source {
    registry: Option<String>,
    url: Option<String>,
    path: Option<String>,
    directory: Option<String>,
    editable: Option<String>,
    r#virtual: Option<String>,
    git: Option<String>,
}

#[derive(Deserialize)]
struct Dependency {
    name: Spanned<String>,
    version: Option<String>,
    source: Option<Source>,
    #[serde(default)]
    extra: Vec<String>,
    marker: Option<Spanned<String>>,
}

#[derive(Deserialize)]
struct File {
    url: Option<String>,
    path: Option<String>,
    filename: Option<String>,
    hash: Option<String>,
    size: Option<u64>,
    #[serde(rename = "upload-time")]
    upload_time: Option<String>,
}

pub(super) fn read(text: &str) -> Result<ForeignLock, PythonError> {
    let document: Document = toml::from_str(text).map_err(|error| PythonError::toml(&error))?;
    if *document.version.get_ref() != 1 {
        let reason = format!("version {} of the format is not understood, only 1 is", document.version.get_ref());
        return Err(PythonError::place(document.version.span(), reason));
    }
    let requires_python = document.requires_python.map(|text| {
        let fail = |_| PythonError::place(text.span(), format!("`{}` is not a range of versions", text.get_ref()));
        text.get_ref().parse().map_err(fail)
    });
    let manifest = document.manifest.unwrap_or_default();
    let roots = roots(&document.package, &manifest.members)?;
    Ok(ForeignLock {
        requires_python: requires_python.transpose()?,
        overridden: manifest.overrides.iter().map(|overriding| name(&overriding.name)).collect::<Result<_, _>>()?,
        environments: environments(document.supported_markers)?,
        packages: document.package.iter().map(package).collect::<Result<_, _>>()?,
        shape: Shape::Graph(roots),
    })
}

/// The project at `.`; else the only project there is.
fn roots(packages: &[Package], members: &[String]) -> Result<Vec<usize>, PythonError> {
    let local = |package: &Package| package.source.r#virtual.clone().or_else(|| package.source.editable.clone());
    let projects: Vec<usize> = (0..packages.len())
        .filter(|position| local(&packages[*position]).is_some())
        .filter(|position| members.is_empty() || members.contains(packages[*position].name.get_ref()))
        .collect();
    let here = projects.iter().find(|position| local(&packages[**position]).is_some_and(|path| path == "."));
    match (here, &projects[..]) {
        (Some(position), _) => Ok(vec![*position]),
        (None, [only]) => Ok(vec![*only]),
        (None, []) => Err(PythonError::place(0..0, "no project is locked here, only distributions")),
        (None, _) => {
            let advice = "export the one that is meant: `uv export --package NAME --format pylock.toml -o pylock.toml`";
            Err(PythonError::advised(
                0..0,
                "several projects are locked here, and none of them is in its folder",
                advice,
            ))
        }
    }
}

fn package(package: &Package) -> Result<ForeignPackage, PythonError> {
    let span = package.name.span();
    let name = name(&package.name)?;
    let version = package.version.as_ref().map(|version| {
        let fail = |_| PythonError::place(version.span(), format!("`{}` is not a version", version.get_ref()));
        version.get_ref().parse().map_err(fail)
    });
    let wheels = package.wheels.iter().filter_map(|file| wheel(file, &package.source, &span).transpose());
    let mut extras = BTreeMap::new();
    for (extra, edges) in &package.optional_dependencies {
        let extra =
            extra.parse().map_err(|_| PythonError::place(span.clone(), format!("`{extra}` is not an extra")))?;
        extras.insert(extra, self::edges(edges)?);
    }
    let mut groups = BTreeMap::new();
    for (group, edges) in &package.dev_dependencies {
        groups.insert(group.clone(), self::edges(edges)?);
    }
    Ok(ForeignPackage {
        version: version.transpose()?,
        origin: origin(&package.source),
        wheels: wheels.collect::<Result<_, _>>()?,
        marker: None,
        edges: edges(&package.dependencies)?,
        extras,
        groups,
        name,
        span,
    })
}

fn name(text: &Spanned<String>) -> Result<PackageName, PythonError> {
    text.get_ref().parse().map_err(|error: PythonError| PythonError::place(text.span(), error.to_string()))
}

fn edges(dependencies: &[Dependency]) -> Result<Vec<Edge>, PythonError> {
    dependencies.iter().map(edge).collect()
}

fn edge(dependency: &Dependency) -> Result<Edge, PythonError> {
    let span = dependency.name.span();
    let fail = |what: &str| PythonError::place(span.clone(), format!("the dependency has a wrong {what}"));
    let version = dependency.version.as_ref().map(|version| version.parse::<Version>());
    let extras = dependency.extra.iter().map(|extra| extra.parse());
    let marker = dependency.marker.as_ref().map(|text| marker(text.get_ref(), &text.span()));
    Ok(Edge {
        name: name(&dependency.name)?,
        version: version.transpose().map_err(|_| fail("version"))?,
        origin: dependency.source.as_ref().map(origin),
        extras: extras.collect::<Result<_, _>>().map_err(|_| fail("extra"))?,
        marker: marker.transpose()?.unwrap_or(MarkerTree::TRUE),
    })
}

fn origin(source: &Source) -> Origin {
    let direct = source.url.as_ref().or(source.path.as_ref());
    let folder = source.editable.as_ref().or(source.r#virtual.as_ref()).or(source.directory.as_ref());
    match (&source.registry, direct, folder) {
        (Some(registry), ..) => Origin::Index(Some(registry.clone())),
        (None, Some(place), _) if wheel_name(place).is_some() => Origin::Direct,
        (None, Some(place), _) => Origin::Source(shown(place)),
        (None, None, Some(folder)) => Origin::Source(format!("the folder {folder}")),
        (None, None, None) => {
            let place = source.git.as_ref().map_or("somewhere", |git| git.split(['?', '#']).next().unwrap_or(git));
            Origin::Source(shown(place))
        }
    }
}

/// A place as messages name it.
fn shown(place: &str) -> String {
    place.parse().map_or_else(|_| place.to_owned(), |url: Url| without_login(&url).to_string())
}

/// Nothing for a file that is no wheel.
fn wheel(file: &File, source: &Source, span: &Range<usize>) -> Result<Option<ForeignWheel>, PythonError> {
    let place = place_of(file.url.as_deref(), file.path.as_deref());
    let place = place.or_else(|| place_of(source.url.as_deref(), source.path.as_deref()));
    let named = file.filename.as_deref().or(file.url.as_deref()).or(file.path.as_deref()).unwrap_or_default();
    let Some(name) = wheel_name(named) else { return Ok(None) };
    let sha256 = file.hash.as_deref().filter(|hash| hash.starts_with("sha256:")).map(str::parse::<Digest>);
    let sha256 = sha256.transpose().map_err(|error| PythonError::place(span.clone(), error.to_string()))?;
    let uploaded = file.upload_time.as_deref().and_then(|text| text.parse().ok());
    Ok(Some(ForeignWheel { file: name, place, sha256, size: file.size, uploaded }))
}
