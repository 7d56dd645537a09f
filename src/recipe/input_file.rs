//! Files of other tools that a recipe names: `"requirements.txt"`, or
//! `{ file = "pyproject.toml", extras = ["web"], groups = ["server"] }`.

use std::fmt;

use toml::{Spanned, de::DeValue};

use super::{demand::file, problem::Fault, reader::Reader};
use crate::python::ExtraName;

/// A file that says what to install, and which of its optional parts are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFile {
    /// Relative to the recipe.
    pub path: String,
    /// What sort of file it is.
    pub kind: InputKind,
    /// Extras of the project.
    pub extras: Vec<ExtraName>,
    /// Dependency groups of the project (PEP 735).
    pub groups: Vec<String>,
}

/// The sorts of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// Requirements, one a line.
    Requirements,
    /// `pyproject.toml`.
    Pyproject,
    /// `uv.lock`.
    UvLock,
    /// `pylock.toml`, `pylock.NAME.toml`.
    Pylock,
}

impl InputFile {
    /// Takes an item of the list `files`.
    pub(super) fn listed(table: &Reader<'_>) -> Vec<Spanned<Self>> {
        let items = table.list("files", "a list of strings or tables");
        items.iter().filter_map(|item| Self::read(table, "files", item, listed_kind)).collect()
    }

    /// Takes the key `from-lock`.
    pub(super) fn lock(table: &Reader<'_>) -> Option<Spanned<Self>> {
        Self::read(table, "from-lock", table.value("from-lock")?, lock_kind)
    }

    fn read(
        table: &Reader<'_>,
        key: &'static str,
        value: &Spanned<DeValue<'_>>,
        kind: fn(&str) -> Result<InputKind, Fault>,
    ) -> Option<Spanned<Self>> {
        let plain = |path: &str| {
            let path = file(path)?;
            Ok(Self { kind: kind(&path)?, path, extras: Vec::new(), groups: Vec::new() })
        };
        if !matches!(value.get_ref(), DeValue::Table(_)) {
            return table.parsed_value(&table.subject(key), value, plain);
        }
        let inner = table.table_at(key, value)?;
        if !inner.has("file") {
            inner.missing("file", "\"pyproject.toml\"");
        }
        let named = inner.parsed("file", plain);
        let extras = inner.parsed_list("extras", extra);
        let groups = inner.parsed_list("groups", |text| Ok(text.to_owned()));
        inner.finish();
        let mut input = named?.into_inner();
        let plain_text = input.kind == InputKind::Requirements;
        for span in extras.iter().map(Spanned::span).chain(groups.iter().map(Spanned::span)).filter(|_| plain_text) {
            let fault = Fault::new(format!("`{}` has no extras or groups", input.path)).labelled("of what?");
            table.fault(fault.advised("name a `pyproject.toml`, or leave `extras` and `groups` out"), span);
        }
        input.extras = extras.into_iter().map(Spanned::into_inner).collect();
        input.groups = groups.into_iter().map(Spanned::into_inner).collect();
        Some(Spanned::new(value.span(), input))
    }
}

impl fmt::Display for InputFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.path)?;
        if !self.extras.is_empty() {
            let extras: Vec<String> = self.extras.iter().map(ToString::to_string).collect();
            write!(formatter, " with extras {}", extras.join(", "))?;
        }
        if !self.groups.is_empty() {
            write!(formatter, " with groups {}", self.groups.join(", "))?;
        }
        Ok(())
    }
}

fn extra(text: &str) -> Result<ExtraName, Fault> {
    text.parse().map_err(|_| {
        let fault = Fault::new(format!("`{text}` is not the name of an extra")).labelled("not a name");
        fault.advised("write it as the project does: letters, digits, `-`, `_` and `.`")
    })
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn of_a_lock(name: &str) -> Option<InputKind> {
    match name {
        "uv.lock" => Some(InputKind::UvLock),
        "pylock.toml" => Some(InputKind::Pylock),
        _ => name.strip_prefix("pylock.")?.strip_suffix(".toml").map(|_| InputKind::Pylock),
    }
}

fn listed_kind(path: &str) -> Result<InputKind, Fault> {
    let name = base_name(path);
    if of_a_lock(name).is_some() {
        let fault = Fault::new(format!("`{path}` is a lock, not a list of requirements")).labelled("a lock");
        return Err(fault.advised(format!("say `from-lock = \"{path}\"`")));
    }
    match name {
        "pyproject.toml" => Ok(InputKind::Pyproject),
        _ if name.strip_suffix(".toml").or_else(|| name.strip_suffix(".lock")).is_some() => Err(unknown(path)),
        _ => Ok(InputKind::Requirements),
    }
}

fn lock_kind(path: &str) -> Result<InputKind, Fault> {
    of_a_lock(base_name(path)).ok_or_else(|| unknown(path))
}

fn unknown(path: &str) -> Fault {
    let fault = Fault::new(format!("`{path}` is not a file that can be read")).labelled("of another tool");
    fault.advised(match base_name(path) {
        "poetry.lock" => "run `poetry export -o requirements.txt` and name that in `files`",
        "pdm.lock" => "run `pdm export -f pylock -o pylock.toml` and say `from-lock = \"pylock.toml\"`",
        "Pipfile.lock" => "run `pipenv requirements --hash > requirements.txt` and name that in `files`",
        _ => "name requirements or a `pyproject.toml` in `files`, or a `uv.lock` or `pylock.toml` as `from-lock`",
    })
}
