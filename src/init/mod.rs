//! A first recipe out of what a project has already: a Dockerfile, requirements, a `pyproject.toml`, an
//! environment of conda's.
//!
//! [`draft`] takes the text and gives back the recipe's, with the line of the source beside each key. What has no
//! counterpart is no error: each is a [`Remark`] with its line and what to do instead, and all of them stand at
//! the end of the recipe too. Files are asked for through [`Around`]; nothing is opened here.

mod error;
mod around;
mod shell;
mod sketch;
mod write;
mod dockerfile;
mod stage;
mod settings;
mod copying;
mod running;
mod systems;
mod pip;
mod conda;
mod environment;
mod requirements;
mod pyproject;
#[cfg(test)]
mod tests;

pub use around::{Around, Found};
pub use error::InitError;

use std::collections::BTreeSet;

use sketch::{Noted, Sketch};

use crate::{
    hint::stripped,
    recipe::{Problem, Recipe, RecipeError},
};

/// What a recipe can be drafted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A Dockerfile, or a Containerfile.
    Dockerfile,
    /// A requirements file of pip's.
    Requirements,
    /// `pyproject.toml`; a `uv.lock` beside it is used.
    Pyproject,
    /// `environment.yml`.
    Environment,
}

/// What the user says about the recipe beforehand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// What the image is called; otherwise what the source or its folder are called.
    pub name: Option<String>,
    /// The base, in place of the source's.
    pub base: Option<String>,
    /// The stage of a Dockerfile; otherwise the last, and what stands beside it.
    pub stage: Option<String>,
    /// The platforms; otherwise `linux/amd64` and `linux/arm64`, as far as the source allows.
    pub platforms: Vec<String>,
}

/// A recipe, and what it leaves open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// TOML, which parses as a recipe.
    pub recipe: String,
    /// What has no counterpart, in the order of the source's lines.
    pub remarks: Vec<Remark>,
}

/// A line that has no counterpart in the recipe, or one that is not all that was said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    /// The line of the source, counted from one.
    pub line: usize,
    /// What stands there, shortened.
    pub text: String,
    /// What to do instead: a sentence without a full stop.
    pub advice: String,
}

impl Origin {
    /// What the file `name` is, by its name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let name = name.rsplit('/').next().unwrap_or(name);
        let lower = name.to_lowercase();
        let is = |stem: &str| {
            lower == stem || lower.starts_with(&format!("{stem}.")) || lower.ends_with(&format!(".{stem}"))
        };
        if is("dockerfile") || is("containerfile") {
            return Some(Self::Dockerfile);
        }
        match lower.rsplit_once('.').map(|(_, extension)| extension) {
            _ if lower == "pyproject.toml" || lower == "uv.lock" => Some(Self::Pyproject),
            Some("yml" | "yaml") => Some(Self::Environment),
            Some("txt" | "in") => Some(Self::Requirements),
            _ => None,
        }
    }
}

/// Drafts a recipe from `text`, the file `file`, which is called relative to where the recipe will stand.
///
/// # Errors
/// [`InitError`] when the text is not what it should be.
pub fn draft(origin: Origin, file: &str, text: &str, around: &dyn Around, wishes: &Wishes) -> Result<Draft, InitError> {
    let mut sketch = match origin {
        Origin::Dockerfile => dockerfile::sketch(file, text, around, wishes)?,
        Origin::Requirements => requirements::sketch(file, text, around),
        Origin::Pyproject => pyproject::sketch(file, text, around)?,
        Origin::Environment => environment::sketch(file, text, around)?,
    };
    sketch.obey(wishes);
    if sketch.is_empty() {
        return Err(InitError::Nothing { file: file.to_owned(), remarks: sketch.remarks });
    }
    finish(file, sketch)
}

fn finish(file: &str, mut sketch: Sketch) -> Result<Draft, InitError> {
    for remark in &mut sketch.remarks {
        remark.text = stripped(&remark.text);
    }
    let mut refused = BTreeSet::new();
    loop {
        sketch.remarks.sort();
        sketch.remarks.dedup();
        let recipe = without(&stripped(&write::recipe(file, &sketch)), &refused);
        let more = refusals(&recipe);
        if more.is_empty() {
            return Ok(Draft { recipe, remarks: sketch.remarks });
        }
        for (line, said, advice) in more {
            sketch.remark(number(&line), &said, advice);
            // A recipe that puts nothing into the image is marked there.
            if line.starts_with("name = ") {
                return Err(InitError::Nothing { file: file.to_owned(), remarks: sketch.remarks });
            }
            if line.starts_with("base = ") {
                let Noted { value: image, line } = sketch.base;
                return Err(InitError::UnknownBase { file: file.to_owned(), line, image });
            }
            if line.starts_with("platforms = ") {
                sketch.take_usual_platforms();
            } else {
                refused.insert(line);
            }
        }
    }
}

/// The lines of a recipe that none takes as they stand, with what is wrong and what to do. Comments are not among
/// them, so that there are fewer each time.
fn refusals(recipe: &str) -> Vec<(String, String, String)> {
    let Err(RecipeError::Invalid { problems, .. }) = Recipe::parse("wheelwright.toml", recipe) else {
        return Vec::new();
    };
    let place = |problem: Problem| {
        let start = recipe[..problem.span.start].rfind('\n').map_or(0, |end| end + 1);
        let line = recipe[start..].lines().next().filter(|line| !line.is_empty() && !line.starts_with('#'))?;
        let advice = problem.hint.map_or_else(|| "say it as the recipe wants it".to_owned(), |hint| hint.to_string());
        Some((line.to_owned(), stripped(&problem.message), advice))
    };
    problems.into_iter().filter_map(place).collect()
}

/// `recipe` with `lines` as comments.
fn without(recipe: &str, lines: &BTreeSet<String>) -> String {
    let line = |line: &str| if lines.contains(line) { format!("# {line}\n") } else { format!("{line}\n") };
    recipe.lines().map(line).collect()
}

/// The line of the source that a line of the recipe names; zero where it names none.
fn number(line: &str) -> usize {
    line.rsplit_once("# line ").and_then(|(_, number)| number.parse().ok()).unwrap_or(0)
}
