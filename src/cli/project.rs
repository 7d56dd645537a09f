//! The recipe's file and the lock beside it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{environment::read_if_there, error::CliError, recipes};
use crate::{
    builder::Project,
    fs::{folder_of, sweep, write_atomic},
    lock::Lock,
    recipe::{Base, Recipe},
};

/// A recipe that was read, and where it stands.
pub(super) struct ProjectFile {
    path: PathBuf,
    pub(super) project: Project,
}

impl ProjectFile {
    /// Reads the recipe `named`, or the one that `folder` has.
    ///
    /// # Errors
    /// When there is none, or it is wrong.
    pub(super) fn open(named: Option<&Path>, folder: &Path) -> Result<Self, CliError> {
        let path = named.map_or_else(|| find(folder), |path| Ok(path.to_owned()))?;
        let text = fs::read_to_string(&path).map_err(|source| CliError::RecipeFile { path: path.clone(), source })?;
        let folder = folder_of(&path).to_owned();
        let open = |extended: &str| fs::read_to_string(folder.join(extended));
        let recipe = Recipe::read(&path.to_string_lossy(), &text, &open)?;
        // A run that was killed while it wrote the lock leaves a piece of it.
        sweep(&folder);
        Ok(Self { path, project: Project { recipe, folder } })
    }

    /// Reads the recipe `named`, or the only one in a folder of this name; without a name, the one here.
    ///
    /// # Errors
    /// When there is none, several are meant, or it is wrong.
    pub(super) fn open_any(named: Option<&Path>) -> Result<Self, CliError> {
        let Some(path) = named else { return Self::open(None, Path::new(".")) };
        match recipes::named(&[path.to_owned()])?.as_slice() {
            [one] => Self::open(Some(one), Path::new(".")),
            several => Err(CliError::SeveralRecipes { folder: path.to_owned(), recipes: several.len() }),
        }
    }

    /// The same on the base that `--base` names, if it is given.
    ///
    /// # Errors
    /// When wheels are wanted and the base has no interpreter for them.
    pub(super) fn on(self, base: Option<&Base>) -> Result<Self, CliError> {
        let Some(base) = base else { return Ok(self) };
        Ok(Self { project: self.project.on("--base", base.clone())?, ..self })
    }

    /// Where the lock stands: beside the recipe, under its name.
    pub(super) fn lock_path(&self) -> PathBuf {
        self.path.with_extension("lock")
    }

    /// The lock, if there is one.
    ///
    /// # Errors
    /// When there is one and it cannot be read.
    pub(super) fn lock(&self) -> Result<Option<Lock>, CliError> {
        let path = self.lock_path();
        let Some(text) = read_if_there(&path)? else { return Ok(None) };
        Ok(Some(Lock::parse(&path.to_string_lossy(), &text)?))
    }

    /// Puts `lock` beside the recipe, whole or not at all; returns whether it is another one than before.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(&self, lock: &Lock) -> Result<Written, CliError> {
        let (path, text) = (self.lock_path(), lock.to_toml());
        if fs::read(&path).is_ok_and(|before| before == text.as_bytes()) {
            return Ok(Written::Unchanged);
        }
        write_atomic(&path, text.as_bytes()).map_err(|source| CliError::Write { path, source })?;
        Ok(Written::New)
    }
}

/// What writing a lock came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// The file is new, or says something new.
    New,
    /// The file said the same already.
    Unchanged,
}

/// The recipe of `folder` that has one of the usual names.
///
/// # Errors
/// When there is none.
pub(super) fn find(folder: &Path) -> Result<PathBuf, CliError> {
    let here = |name: &str| if folder == Path::new(".") { PathBuf::from(name) } else { folder.join(name) };
    let own = here("wheelwright.toml");
    if own.exists() {
        return Ok(own);
    }
    let python = here("pyproject.toml");
    match fs::read_to_string(&python) {
        Ok(text) if has_table(&text) => Ok(python),
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(CliError::RecipeFile { path: python, source }),
        _ => Err(CliError::NoRecipe),
    }
}

/// Whether a `pyproject.toml` has `[tool.wheelwright]`, as far as can be told from one that is broken.
fn has_table(text: &str) -> bool {
    match toml::from_str::<toml::Table>(text) {
        Ok(table) => table.get("tool").and_then(|tool| tool.get("wheelwright")).is_some(),
        Err(_) => text.contains("[tool.wheelwright"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECIPE: &str =
        "name = \"a\"\nbase = \"h.example/python:3.11\"\nplatforms = [\"linux/amd64\"]\nwheels.require = [\"b\"]\n";

    #[test]
    fn recipes_are_found_by_their_usual_names() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| write_atomic(&folder.path().join(name), text.as_bytes()).unwrap();
        let open = |named: Option<&str>| {
            let named = named.map(|name| folder.path().join(name));
            ProjectFile::open(named.as_deref(), folder.path()).map(|file| file.lock_path())
        };
        assert!(matches!(open(None), Err(CliError::NoRecipe)));
        write("pyproject.toml", "[project]\nname = \"a\"\n");
        assert!(matches!(open(None), Err(CliError::NoRecipe)));
        write("pyproject.toml", &format!("[tool.wheelwright]\n{RECIPE}"));
        assert_eq!(open(None).unwrap(), folder.path().join("pyproject.lock"));
        write("wheelwright.toml", RECIPE);
        assert_eq!(open(None).unwrap(), folder.path().join("wheelwright.lock"));
        write("apps/other.toml", RECIPE);
        assert_eq!(open(Some("apps/other.toml")).unwrap(), folder.path().join("apps/other.lock"));
        assert!(matches!(open(Some("none.toml")), Err(CliError::RecipeFile { .. })));
    }
}
