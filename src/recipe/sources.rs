//! The files that a recipe is made of: itself, and those that it extends. Spans count through all of them
//! as if they stood behind each other, the recipe first.

use std::{io, ops::Range};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::problem::{Problem, ProblemKind, RecipeError};
use crate::hint::Hint;

/// More files than anybody extends.
const MOST: usize = 100;

/// Opens a file by its path from the recipe's folder.
pub(super) type Open<'a> = &'a dyn Fn(&str) -> io::Result<String>;

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    /// As messages call it.
    pub(super) name: String,
    /// Its folder, seen from the recipe's; empty where that is the same.
    pub(super) folder: String,
    /// Where its text starts among all.
    start: usize,
    pub(super) text: String,
    /// What a flag says is none.
    is_file: bool,
}

/// The files, each behind those that it extends: the recipe is the last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sources(Vec<Source>);

impl Sources {
    /// Reads `text`, the recipe in `file`, and everything that it extends.
    pub(super) fn gather(file: &str, text: &str, open: Open<'_>) -> Result<Self, RecipeError> {
        let above = file.rfind(['/', '\\']).map_or("", |end| &file[..=end]);
        let mut gathering = Gathering { open, above, next: text.len() + 1, stack: Vec::new(), found: Vec::new() };
        let name = file[above.len()..].to_owned();
        gathering.enter(
            &name,
            Source { name: file.to_owned(), folder: String::new(), start: 0, text: text.to_owned(), is_file: true },
        )?;
        Ok(Self(gathering.found))
    }

    /// One more text, which is no file, before all of them; returns where it starts among all.
    pub(super) fn add(&mut self, name: &str, text: &str) -> usize {
        let start = self.0.iter().map(|source| source.start + source.text.len() + 1).max().unwrap_or_default();
        let (name, text) = (name.to_owned(), text.to_owned());
        self.0.insert(0, Source { name, folder: String::new(), start, text, is_file: false });
        start
    }

    /// The files, the recipe last.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Source> {
        self.0.iter()
    }

    /// The files among them, by their paths from the recipe's folder, with their texts.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = &self.own().name;
        let above = own.rfind(['/', '\\']).map_or("", |end| &own[..=end]);
        let files = self.0.iter().filter(|source| source.is_file);
        files.map(move |source| (source.name.strip_prefix(above).unwrap_or(&source.name), source.text.as_str()))
    }

    /// The recipe itself.
    pub(super) fn own(&self) -> &Source {
        self.0.last().expect("the recipe itself is among them")
    }

    /// The error that tells `problems`: those of the first file that has some.
    pub(super) fn error(&self, problems: Vec<Problem>) -> RecipeError {
        let first = problems.first().map_or(0, |problem| problem.span.start);
        let source = self.0.iter().find(|source| source.holds(first)).unwrap_or_else(|| self.own());
        let here = problems.into_iter().filter(|problem| source.holds(problem.span.start));
        let problems = here.map(|problem| {
            let Range { start, end } = problem.span;
            Problem { span: start - source.start..end.max(start) - source.start, ..problem }
        });
        RecipeError::Invalid { file: source.name.clone(), text: source.text.clone(), problems: problems.collect() }
    }
}

impl Source {
    /// The text behind as many blanks as stand before it, so that a parser's spans are right.
    pub(super) fn padded(&self) -> String {
        format!("{}{}", " ".repeat(self.start), self.text)
    }

    /// Whether it is a `pyproject.toml`, where a recipe is a table.
    pub(super) fn is_project(&self) -> bool {
        self.name.rsplit(['/', '\\']).next() == Some("pyproject.toml")
    }

    /// The empty span at `place` of its text.
    pub(super) const fn place(&self, place: usize) -> Range<usize> {
        self.start + place..self.start + place
    }

    fn holds(&self, place: usize) -> bool {
        (self.start..=self.start + self.text.len()).contains(&place)
    }

    fn error(&self, problem: Problem) -> RecipeError {
        RecipeError::Invalid { file: self.name.clone(), text: self.text.clone(), problems: vec![problem] }
    }
}

struct Gathering<'a> {
    open: Open<'a>,
    /// What stands before names from the recipe's folder, in messages.
    above: &'a str,
    /// Where the next text starts.
    next: usize,
    /// Paths from the recipe's folder of what is being read.
    stack: Vec<String>,
    found: Vec<Source>,
}

impl Gathering<'_> {
    fn enter(&mut self, path: &str, source: Source) -> Result<(), RecipeError> {
        self.stack.push(path.to_owned());
        for item in extended(&source)? {
            let wanted = joined(&source.folder, item.get_ref());
            let refuse = |message: String, hint: &str| {
                let problem = Problem::new(ProblemKind::Invalid, item.span(), message);
                Err(source.error(problem.labelled("cannot be extended").hinted(Hint::new(hint))))
            };
            if item.get_ref().starts_with('/') {
                return refuse(format!("`{}` is an absolute path", item.get_ref()), "write it relative to this file");
            }
            if self.stack.contains(&wanted) {
                return refuse(format!("`{wanted}` extends itself"), "remove this name from `extends`");
            }
            let name = format!("{}{wanted}", self.above);
            if self.found.iter().any(|found| found.name == name) {
                continue;
            }
            if self.found.len() + self.stack.len() > MOST {
                return refuse(format!("more than {MOST} files are extended"), "put several of them into one");
            }
            let text = match (self.open)(&wanted) {
                Ok(text) => text,
                Err(error) => {
                    return refuse(format!("cannot read `{wanted}`: {error}"), "name a file, relative to this one");
                }
            };
            let folder = wanted.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
            let start = self.next;
            self.next += text.len() + 1;
            self.enter(&wanted, Source { name, folder, start, text, is_file: true })?;
        }
        self.stack.pop();
        self.found.push(source);
        Ok(())
    }
}

/// What `extends` names; spans count in the file.
fn extended(source: &Source) -> Result<Vec<Spanned<String>>, RecipeError> {
    let (document, errors) = DeTable::parse_recoverable(&source.text);
    if !errors.is_empty() {
        // Told by whoever reads the file: it is the recipe, or read next.
        let problems = errors.iter().map(super::parse::syntax).collect();
        return Err(RecipeError::Invalid { file: source.name.clone(), text: source.text.clone(), problems });
    }
    let mut table = Some(document.get_ref());
    if source.is_project() {
        let inner = |table: &'_ DeTable<'_>, key: &str| table.get(key).is_some_and(|value| value.get_ref().is_table());
        let tool = document.get_ref().get("tool").filter(|_| inner(document.get_ref(), "tool"));
        table = tool.and_then(|tool| tool.get_ref().get("wheelwright")).and_then(|value| value.get_ref().as_table());
    }
    let Some(value) = table.and_then(|table| table.get("extends")) else { return Ok(Vec::new()) };
    let one = |value: &Spanned<DeValue<'_>>| {
        if let DeValue::String(text) = value.get_ref() {
            return Ok(Spanned::new(value.span(), text.clone().into_owned()));
        }
        let message = "`extends` must be a file name or a list of them";
        let problem = Problem::new(ProblemKind::WrongType, value.span(), message).labelled("no file name");
        Err(source.error(problem.hinted(Hint::new("write `extends = \"common.toml\"`"))))
    };
    match value.get_ref() {
        DeValue::Array(items) => items.iter().map(one).collect(),
        _ => Ok(vec![one(value)?]),
    }
}

/// `path` from `folder`, without `.` and, as far as can be, without `..`.
pub(crate) fn joined(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    parts.join("/")
}
