//! A project's `pyproject.toml`: its dependencies, or its `uv.lock` where it has one.

use serde::Deserialize;

use super::{
    Around, Found, InitError,
    dockerfile::line_of,
    sketch::{Input, Noted, Sketch},
};
use crate::python::{Pyproject, PythonError};

/// The series of Python that images are published with, the usual one first.
const SERIES: [&str; 6] = ["3.12", "3.13", "3.11", "3.10", "3.14", "3.9"];

/// What a draft reads besides dependencies.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Document {
    project: Option<Project>,
    build_system: Option<toml::Table>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Project {
    name: Option<String>,
    scripts: std::collections::BTreeMap<String, toml::Spanned<String>>,
}

/// Sketches an image with what the project depends on.
pub(super) fn sketch(file: &str, text: &str, around: &dyn Around) -> Result<Sketch, InitError> {
    let folder = file.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
    let (file, read) = if file.ends_with("uv.lock") {
        let path = format!("{folder}pyproject.toml");
        let read = around.read(&path);
        (path, read)
    } else {
        (file.to_owned(), Some(text.to_owned()))
    };
    let wrong = |error: &PythonError, text: &str| match error {
        PythonError::Place { span, reason, .. } => {
            InitError::Malformed { file: file.clone(), line: line_of(text, span.start), reason: reason.clone() }
        }
        other => InitError::Malformed { file: file.clone(), line: 1, reason: other.to_string() },
    };
    let text = read.unwrap_or_default();
    let project = Pyproject::parse(&text).map_err(|error| wrong(&error, &text))?;
    let named = named(around, &file);
    let python = series(&project, named.as_deref()).map_err(|error| wrong(&error, &text))?;
    let mut sketch = Sketch {
        name: around.name().unwrap_or_default(),
        base: Noted::new(format!("docker.io/library/python:{python}-slim-bookworm"), 0),
        base_comment: Some("Any image with this Python will do.".to_owned()),
        python: Some(Noted::new(python, 0)),
        ..Sketch::default()
    };
    let lock = format!("{folder}uv.lock");
    if around.look(&lock) == Some(Found::File) {
        sketch.common.from_lock = Some(Noted::new(Input::plain(&lock), 0));
    } else {
        sketch.common.file(Input::plain(&file), 0);
    }
    if sketch.common.from_lock.is_none() {
        for (name, span) in &project.sources {
            let advice = "this index or path is uv's: name an index under `wheels.index`, or require a wheel of it";
            sketch.remark(line_of(&text, span.start), &format!("tool.uv.sources.{name}"), advice);
        }
    }
    itself(&mut sketch, &text);
    Ok(sketch)
}

/// The project itself, which no index has.
fn itself(sketch: &mut Sketch, text: &str) {
    let document: Document = toml::from_str(text).unwrap_or_default();
    let project = document.project.unwrap_or_default();
    if let Some(name) = &project.name {
        sketch.name.clone_from(name);
    }
    let at = |key: &str| text.find(key).map_or(1, |offset| line_of(text, offset));
    let advice = "build a wheel of the project (`pip wheel --no-deps .`), and require that: `./NAME.whl`";
    if document.build_system.is_some() || !project.scripts.is_empty() {
        sketch.remark(at("[build-system]"), "the project itself", advice);
    }
    if let Some((name, target)) = project.scripts.first_key_value() {
        let line = line_of(text, target.span().start);
        sketch.common.image.entrypoint = Some(Noted::new(vec![name.clone()], line));
    }
}

/// The Python that is named beside `file`, or in the folder of the recipe, where it is a plain version.
pub(super) fn named(around: &dyn Around, file: &str) -> Option<String> {
    let folder = file.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
    let text = around.read(&format!("{folder}.python-version")).or_else(|| around.read(".python-version"))?;
    let version = text.lines().next()?.trim();
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let rest = version.strip_prefix("3.")?;
    (rest.split('.').all(plain) && rest.split('.').count() <= 2).then(|| version.to_owned())
}

/// `3.11` of `3.11.9`.
pub(super) fn series_of(version: &str) -> String {
    version.split('.').take(2).collect::<Vec<_>>().join(".")
}

/// The Python that is named where the project is for it, and the usual one among those that it is for otherwise.
fn series(project: &Pyproject, named: Option<&str>) -> Result<String, PythonError> {
    let wanted = project.requires_python()?;
    let fits = |version: &&str| {
        let whole = if version.split('.').count() < 3 { format!("{version}.9") } else { (*version).to_owned() };
        wanted.as_ref().is_none_or(|wanted| whole.parse().is_ok_and(|version| wanted.contains(&version)))
    };
    Ok(named.into_iter().chain(SERIES).find(fits).map_or(SERIES[0].to_owned(), series_of))
}
