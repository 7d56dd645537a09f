//! `environment.yml` of conda.

use saphyr::{LoadableYamlNode as _, MarkedYaml, YamlData};

use super::{
    Around, InitError, conda, requirements, settings,
    sketch::{Noted, Sketch},
};

/// Sketches the environment that `text` describes.
pub(super) fn sketch(file: &str, text: &str, around: &dyn Around) -> Result<Sketch, InitError> {
    let mut sketch = Sketch { name: around.name().unwrap_or_default(), ..Sketch::default() };
    sketch.suite = Some(Noted::new("bookworm".to_owned(), 0));
    read(&mut sketch, &Source { file, around, at: None }, text)?;
    let python = sketch.python.clone().unwrap_or_else(|| Noted::new("3.12".to_owned(), 0));
    sketch.base = Noted::new(format!("docker.io/library/python:{}-slim-bookworm", python.value), python.line);
    sketch.base_comment = Some("Any image with this Python will do.".to_owned());
    sketch.python = Some(python);
    Ok(sketch)
}

/// Adds an environment that the line `line` of a Dockerfile makes.
pub(super) fn add(sketch: &mut Sketch, around: &dyn Around, file: &str, text: &str, line: usize) {
    if let Err(error) = read(sketch, &Source { file, around, at: Some(line) }, text) {
        sketch.remark(line, file, error.to_string());
    }
}

/// Where an environment stands.
struct Source<'s> {
    file: &'s str,
    around: &'s dyn Around,
    /// The line of a Dockerfile that makes it.
    at: Option<usize>,
}

fn read(sketch: &mut Sketch, source: &Source<'_>, text: &str) -> Result<(), InitError> {
    let at = source.at;
    let wrong = |line: usize, reason: String| InitError::Malformed { file: source.file.to_owned(), line, reason };
    let documents =
        MarkedYaml::load_from_str(text).map_err(|error| wrong(error.marker().line(), error.info().to_owned()))?;
    let Some(YamlData::Mapping(entries)) = documents.first().map(|document| &document.data) else {
        return Err(wrong(1, "it is no environment: a mapping with `dependencies`".to_owned()));
    };
    for (key, value) in entries {
        let line = |node: &MarkedYaml<'_>| at.unwrap_or(node.span.start.line());
        match (scalar(key).as_deref(), &value.data) {
            (Some("name"), _) if at.is_none() => sketch.name = scalar(value).unwrap_or_default(),
            (Some("dependencies"), YamlData::Sequence(items)) => {
                for item in items {
                    dependency(sketch, source, item, line(item));
                }
            }
            (Some("variables"), YamlData::Mapping(pairs)) => {
                for (name, value) in pairs {
                    if let (Some(name), Some(text)) = (scalar(name), scalar(value)) {
                        settings::set(&mut sketch.common.image.env, &name, Noted::new(text, line(value)));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn dependency(sketch: &mut Sketch, source: &Source<'_>, item: &MarkedYaml<'_>, line: usize) {
    if let YamlData::Mapping(entries) = &item.data {
        for (key, value) in entries {
            let (Some("pip"), YamlData::Sequence(items)) = (scalar(key).as_deref(), &value.data) else { continue };
            for item in items {
                if let Some(text) = scalar(item) {
                    pip(sketch, source, &text, source.at.unwrap_or(item.span.start.line()));
                }
            }
        }
    } else if let Some(text) = scalar(item) {
        conda::place(sketch, &text, line, |sketch, requirement| sketch.common.require(&requirement, line));
    }
}

/// A line as a requirements file has it.
fn pip(sketch: &mut Sketch, source: &Source<'_>, text: &str, line: usize) {
    match requirements::line(source.around, source.file, text, line) {
        Ok(wanted) => {
            sketch.common.join(&wanted.part);
            sketch.take(wanted);
        }
        Err(error) => sketch.remark(line, text, requirements::advice(&error)),
    }
}

fn scalar(node: &MarkedYaml<'_>) -> Option<String> {
    match &node.data {
        YamlData::Value(value) => match value {
            saphyr::Scalar::String(text) => Some(text.to_string()),
            saphyr::Scalar::Integer(number) => Some(number.to_string()),
            saphyr::Scalar::FloatingPoint(number) => Some(number.to_string()),
            saphyr::Scalar::Boolean(value) => Some(value.to_string()),
            saphyr::Scalar::Null => None,
        },
        YamlData::Representation(text, ..) => Some(text.to_string()),
        _ => None,
    }
}
