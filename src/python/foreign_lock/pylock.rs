//! `pylock.toml` (PEP 751).

use std::collections::BTreeMap;

use serde::{Deserialize, de::IgnoredAny};
use toml::Spanned;

use super::{
    Edge, ForeignLock, ForeignPackage, ForeignWheel, Origin, Shape, environments, marker, place_of, wheel_name,
};
use crate::{
    oci::Digest,
    python::{MarkerTree, PythonError},
};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Document {
    lock_version: Spanned<String>,
    requires_python: Option<Spanned<String>>,
    environments: Option<Spanned<Vec<Spanned<String>>>>,
    #[serde(default)]
    default_groups: Vec<String>,
    #[serde(default)]
    packages: Vec<Package>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Package {
    name: Spanned<String>,
    version: Option<Spanned<String>>,
    marker: Option<Spanned<String>>,
    index: Option<String>,
    #[serde(default)]
    dependencies: Vec<Dependency>,
    vcs: Option<IgnoredAny>,
    directory: Option<Directory>,
    archive: Option<File>,
    #[serde(default)]
    wheels: Vec<File>,
}

#[derive(Deserialize)]
struct Dependency {
    name: Option<String>,
}

#[derive(Deserialize)]
struct Directory {
    path: String,
}

#[derive(Deserialize)]
struct File {
    name: Option<String>,
    url: Option<String>,
    path: Option<String>,
    size: Option<u64>,
    #[serde(rename = "upload-time")]
    upload_time: Option<toml::value::Datetime>,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

pub(super) fn read(text: &str) -> Result<ForeignLock, PythonError> {
    let document: Document = toml::from_str(text).map_err(|error| PythonError::toml(&error))?;
    let version = document.lock_version.get_ref();
    if version.split('.').next() != Some("1") {
        let reason = format!("version {version} of the format is not understood, only 1.x is");
        return Err(PythonError::place(document.lock_version.span(), reason));
    }
    let requires_python = document.requires_python.map(|text| {
        let fail = |_| PythonError::place(text.span(), format!("`{}` is not a range of versions", text.get_ref()));
        text.get_ref().parse().map_err(fail)
    });
    Ok(ForeignLock {
        requires_python: requires_python.transpose()?,
        overridden: Vec::new(),
        environments: environments(document.environments)?,
        packages: document.packages.into_iter().map(package).collect::<Result<_, _>>()?,
        shape: Shape::Flat(document.default_groups),
    })
}

fn package(package: Package) -> Result<ForeignPackage, PythonError> {
    let span = package.name.span();
    let name = package.name.get_ref().parse();
    let name = name.map_err(|error: PythonError| PythonError::place(span.clone(), error.to_string()))?;
    let version = package.version.as_ref().map(|version| {
        let fail = |_| PythonError::place(version.span(), format!("`{}` is not a version", version.get_ref()));
        version.get_ref().parse().map_err(fail)
    });
    let direct = package.archive.as_ref().and_then(|archive| wheel(archive, &span).transpose()).transpose()?;
    let origin = match (&direct, &package.directory, &package.vcs, &package.archive) {
        (Some(_), ..) => Origin::Direct,
        (None, Some(directory), ..) => Origin::Source(format!("the folder {}", directory.path)),
        (None, None, Some(_), _) => Origin::Source("a version control system".to_owned()),
        (None, None, None, Some(_)) => Origin::Source("an archive of source".to_owned()),
        (None, None, None, None) => Origin::Index(package.index),
    };
    let mut wheels: Vec<ForeignWheel> = direct.into_iter().collect();
    for file in &package.wheels {
        wheels.extend(wheel(file, &span)?);
    }
    let marker_text = package.marker.map(|text| (text.get_ref().clone(), text.span()));
    let names = package.dependencies.into_iter().filter_map(|dependency| dependency.name?.parse().ok());
    // Only who asks for whom is of interest: what is wanted, markers say.
    let edge = |name| Edge { name, version: None, origin: None, extras: Vec::new(), marker: MarkerTree::TRUE };
    Ok(ForeignPackage {
        name,
        version: version.transpose()?,
        origin,
        wheels,
        span,
        marker: marker_text,
        edges: names.map(edge).collect(),
        extras: BTreeMap::new(),
        groups: BTreeMap::new(),
    })
}

/// Nothing for a file that is no wheel.
fn wheel(file: &File, span: &std::ops::Range<usize>) -> Result<Option<ForeignWheel>, PythonError> {
    let named = file.name.as_deref().or(file.url.as_deref()).or(file.path.as_deref()).unwrap_or_default();
    let Some(name) = wheel_name(named) else { return Ok(None) };
    let sha256 = file.hashes.get("sha256").map(|hex| Digest::from_hex(hex)).transpose();
    let sha256 = sha256.map_err(|error| PythonError::place(span.clone(), error.to_string()))?;
    let place = place_of(file.url.as_deref(), file.path.as_deref());
    let uploaded = file.upload_time.and_then(|time| time.to_string().parse().ok());
    Ok(Some(ForeignWheel { file: name, place, sha256, size: file.size, uploaded }))
}

/// Whether a package with this marker is wanted. PEP 751 adds `'…' in extras` and `'…' in
/// dependency_groups` to markers, which their reader does not know: they become true or false here.
pub(super) fn plain_marker(
    text: &str,
    span: &std::ops::Range<usize>,
    named: &dyn Fn(&str, &str) -> bool,
) -> Result<MarkerTree, PythonError> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['\'', '"']) {
        let quote = if rest[start..].starts_with('"') { '"' } else { '\'' };
        let Some(length) = rest[start + 1..].find(quote) else { break };
        let end = start + 1 + length + 1;
        plain.push_str(&rest[..start]);
        if let Some((kind, negated, behind)) = member(&rest[end..]) {
            let is = named(kind, &rest[start + 1..end - 1]) != negated;
            plain.push_str(if is { "python_version > '0'" } else { "python_version < '0'" });
            rest = behind;
        } else {
            plain.push_str(&rest[start..end]);
            rest = &rest[end..];
        }
    }
    plain.push_str(rest);
    marker(&plain, span)
}

/// ` in extras…`, ` not in dependency_groups…`: which of the two, whether not, and what is behind it.
fn member(text: &str) -> Option<(&'static str, bool, &str)> {
    let text = text.trim_start();
    let (negated, text) = match text.strip_prefix("not ") {
        Some(text) => (true, text.trim_start()),
        None => (false, text),
    };
    let text = text.strip_prefix("in ")?.trim_start();
    let kind = ["extras", "dependency_groups"].into_iter().find(|kind| text.starts_with(kind))?;
    Some((kind, negated, &text[kind.len()..]))
}
