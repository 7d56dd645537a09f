//! Several recipes on one command line: which ones are meant, and how they are worked through.

use std::{
    fmt::Write as _,
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;

use super::{error::CliError, project, quantity, report::visible, session::Session};
use crate::{
    builder::{Failure, Fate, Fleet},
    fs::sorted_entries,
};

/// Flags of commands that take several recipes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Options for several recipes")]
pub(super) struct Several {
    /// Work on so many recipes at the same time [default: two for each job, at least 4]
    #[arg(long, value_name = "N")]
    at_once: Option<NonZeroUsize>,
    /// Begin no further recipe after one has failed; those at work are finished
    #[arg(long)]
    fail_fast: bool,
}

/// Failures, with the recipe of each.
pub(super) type Failures = Vec<(String, CliError)>;

/// What became of several recipes.
pub(super) struct Fates<T> {
    pub(super) done: Vec<(String, T)>,
    pub(super) failures: Failures,
    not_begun: Vec<String>,
}

impl<T> Fates<T> {
    /// The fate of each of `names`.
    pub(super) fn of(names: Vec<String>, fates: Vec<Fate<T, CliError>>) -> Self {
        let mut all = Self { done: Vec::new(), failures: Failures::new(), not_begun: Vec::new() };
        for (name, fate) in names.into_iter().zip(fates) {
            match fate {
                Fate::Done(done) => all.done.push((name, done)),
                Fate::Failed(error) => all.failures.push((name, error)),
                Fate::NotBegun => all.not_begun.push(name),
            }
        }
        all
    }

    /// `3 recipes built, 1 failed in 0.4 s`, and a line for each that is missing.
    pub(super) fn closing(&self, verb: &str, time: Option<Duration>) -> String {
        let mut parts = vec![format!("{} {verb}", quantity::count(self.done.len(), "recipe"))];
        parts.extend((!self.failures.is_empty()).then(|| format!("{} failed", self.failures.len())));
        parts.extend((!self.not_begun.is_empty()).then(|| format!("{} not begun", self.not_begun.len())));
        let time = time.map(|time| format!(" in {} s", quantity::seconds(time))).unwrap_or_default();
        let mut text = format!("{}{time}\n", parts.join(", "));
        for (name, error) in &self.failures {
            let _ = writeln!(text, "  failed: {}: {}", visible(name), visible(&error.to_string()));
        }
        for name in &self.not_begun {
            let _ = writeln!(text, "  not begun: {}", visible(name));
        }
        text
    }
}

impl Several {
    /// How the recipes are worked through.
    pub(super) fn fleet(&self, session: &Session) -> Fleet {
        let usual = Fleet::for_jobs(session.jobs());
        let failure = if self.fail_fast { Failure::BeginNoMore } else { Failure::GoOn };
        Fleet { at_once: self.at_once.unwrap_or(usual.at_once), failure }
    }
}

/// The recipes that `paths` name, each once, in their order. A folder stands for the recipes in it.
///
/// # Errors
/// When a folder cannot be read, or has no recipe.
pub(super) fn named(paths: &[PathBuf]) -> Result<Vec<PathBuf>, CliError> {
    let mut recipes: Vec<PathBuf> = Vec::new();
    for path in paths {
        let found = if path.is_dir() { recipes_in(path)? } else { vec![path.clone()] };
        for recipe in found {
            let same = |known: &PathBuf| *known == recipe || known.canonicalize().ok() == recipe.canonicalize().ok();
            if !recipe.exists() || !recipes.iter().any(same) {
                recipes.push(recipe);
            }
        }
    }
    Ok(recipes)
}

/// The recipe that has one of the usual names, else every `*.toml` that has a `name`.
fn recipes_in(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    if let Ok(usual) = project::find(folder) {
        return Ok(vec![usual]);
    }
    let entries = sorted_entries(folder).map_err(|source| CliError::Read { path: folder.to_owned(), source })?;
    let files = entries.into_iter().map(|entry| entry.path());
    let found: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    let found: Vec<PathBuf> = found.into_iter().filter(|path| has_name(path)).collect();
    if found.is_empty() { Err(CliError::NoRecipes { folder: folder.to_owned() }) } else { Ok(found) }
}

/// Whether a file is a recipe, and not only something that recipes extend. One that is broken is, so that
/// somebody hears of it.
fn has_name(path: &Path) -> bool {
    let Ok(text) = fs::read_to_string(path) else { return true };
    if path.file_name().is_some_and(|name| name == "pyproject.toml") {
        return false;
    }
    toml::from_str::<toml::Table>(&text).map_or(true, |table| table.contains_key("name"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::write_atomic;

    #[test]
    fn folders_stand_for_the_recipes_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| write_atomic(&folder.path().join(name), text.as_bytes()).unwrap();
        write("all/b.toml", "name = \"b\"\n");
        write("all/a.toml", "name = \"a\"\n");
        write("all/common.toml", "platforms = []\n");
        write("all/broken.toml", "name = \n");
        write("all/notes.txt", "name = \"c\"\n");
        write("one/wheelwright.toml", "name = \"one\"\n");
        write("one/other.toml", "name = \"other\"\n");
        write("none/pyproject.toml", "[project]\nname = \"a\"\n");
        let check = |paths: &[&str], expect: &[&str]| {
            let at = |path: &&str| folder.path().join(path);
            let found = named(&paths.iter().map(at).collect::<Vec<_>>()).unwrap();
            assert_eq!(found, expect.iter().map(at).collect::<Vec<_>>(), "{paths:?}");
        };
        check(&[], &[]);
        check(&["all/b.toml", "absent.toml"], &["all/b.toml", "absent.toml"]);
        check(&["all/b.toml", "all"], &["all/b.toml", "all/a.toml", "all/broken.toml"]);
        check(&["one", "all/../one/wheelwright.toml"], &["one/wheelwright.toml"]);
        assert!(matches!(named(&[folder.path().join("none")]), Err(CliError::NoRecipes { .. })));
    }
}
