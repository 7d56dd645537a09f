//! A requirements file of pip's: the recipe names it, or its lines where one of them cannot be obeyed; and that
//! is told.

use std::collections::BTreeSet;

use super::{
    Around, Remark,
    dockerfile::line_of,
    pip, pyproject,
    shell::shortened,
    sketch::{Index, Input, Noted, Part, Sketch},
};
use crate::{
    hint::stripped,
    python::{Entry, Line, PythonError, Requirement, RequirementsTxt},
    recipe::joined,
};

/// No file has more lines that cannot be obeyed, nor more files within it.
const MOST: usize = 1000;

/// What to do where no index is asked.
const FOLDER: &str = "name the folder of wheels under `wheels.index`, with `for = [\"*\"]`";

/// Sketches an image with what the file asks for.
pub(super) fn sketch(file: &str, text: &str, around: &dyn Around) -> Sketch {
    let python = pyproject::named(around, file).map(|version| pyproject::series_of(&version));
    let series = python.as_deref().unwrap_or("3.12");
    let comment =
        if python.is_some() { "Any image with this Python will do." } else { "Any image with a Python will do." };
    let mut sketch = Sketch {
        name: "app".to_owned(),
        base: Noted::new(format!("docker.io/library/python:{series}-slim-bookworm"), 0),
        base_comment: Some(comment.to_owned()),
        python: python.map(|python| Noted::new(python, 0)),
        ..Sketch::default()
    };
    let wanted = wanted(around, file, text, None);
    sketch.common.join(&wanted.part);
    sketch.take(wanted);
    sketch
}

/// What a requirements file asks for.
#[derive(Default)]
pub(super) struct Wanted {
    /// The file itself; its lines where one of them cannot be obeyed.
    pub(super) part: Part,
    pub(super) indexes: Vec<Index>,
    pub(super) remarks: Vec<Remark>,
    /// Whether a line cannot be obeyed in a file.
    broken: bool,
    /// Whether a line says which hashes are accepted, which `require` does not.
    hashed: bool,
    /// The line by which no other index is asked, and what to do about it where none is named.
    alone: Option<Remark>,
}

/// What the file `path` asks for, which the line `at` of another source names.
pub(super) fn wanted(around: &dyn Around, path: &str, text: &str, at: Option<usize>) -> Wanted {
    let mut reader = Reader { around, seen: BTreeSet::new() };
    reader.file(path, text, at).told()
}

/// What one line, which stands in the file `path` as line `line`, asks for.
pub(super) fn line(around: &dyn Around, path: &str, text: &str, line: usize) -> Result<Wanted, PythonError> {
    let mut found = Wanted::default();
    let mut reader = Reader { around, seen: BTreeSet::new() };
    for read in RequirementsTxt::parse(text)?.lines {
        reader.entry(&Place { path, at: None, line, text }, read.entry, &mut found);
    }
    Ok(found.told())
}

/// A line of a requirements file.
struct Place<'p> {
    path: &'p str,
    /// The line of another source that names the file.
    at: Option<usize>,
    line: usize,
    text: &'p str,
}

struct Reader<'a> {
    around: &'a dyn Around,
    /// What was read already: files may include each other.
    seen: BTreeSet<String>,
}

impl Reader<'_> {
    fn file(&mut self, path: &str, text: &str, at: Option<usize>) -> Wanted {
        self.seen.insert(path.to_owned());
        let (lines, faults) = read(text);
        let mut found = Wanted::default();
        for (line, text, advice) in faults {
            let advice = if text.contains("git+") { pip::A_WHEEL.to_owned() } else { advice };
            found.fault(&Place { path, at, line, text: &text }, &advice);
        }
        for (line, text, entry) in lines {
            self.entry(&Place { path, at, line, text: &text }, entry, &mut found);
        }
        found.part.read.insert(path.to_owned());
        let rest = if found.hashed {
            format!("; take it out of `{path}` before `lock`: the file is named for its hashes")
        } else {
            format!("; the other lines of `{path}` stand under `wheels.require`")
        };
        if let (true, Some(first)) = (found.broken, found.remarks.first_mut()) {
            first.advice.push_str(&rest);
        }
        if !found.broken || found.hashed {
            let read = std::mem::take(&mut found.part.read);
            found.part = Part { read, ..Part::default() };
            found.part.file(Input::plain(path), at.unwrap_or(0));
        }
        found
    }

    fn entry(&mut self, place: &Place<'_>, entry: Entry, found: &mut Wanted) {
        let line = place.at.unwrap_or(place.line);
        let beside = |name: &str| beside(place.path, name);
        match entry {
            Entry::Requirement { .. } if place.text.contains("git+") => found.fault(place, pip::A_WHEEL),
            Entry::Requirement { requirement, hashes } => {
                found.hashed |= !hashes.is_empty();
                let plain = place.text.parse::<Requirement>().is_ok();
                let text = if plain { place.text.trim().to_owned() } else { requirement.to_string() };
                found.part.require(&text, line);
            }
            Entry::Wheel { path, rest, hashes } => {
                found.hashed |= !hashes.is_empty();
                found.part.require(&format!("{}{rest}", dotted(&beside(&path))), line);
            }
            Entry::Include(name) => self.include(place, &beside(&name), found),
            Entry::Constraints(name) => {
                self.is_there(place, &beside(&name), found);
                found.part.constraint(&beside(&name), line);
            }
            Entry::NoIndex => found.alone = Some(place.remark(FOLDER)),
            Entry::DefaultIndex(url) => {
                found.index(place, Index { url, line, ..Index::default() });
                if !found.indexes.is_empty() {
                    found.alone = Some(place.remark(FOLDER));
                }
            }
            Entry::ExtraIndex(url) => found.index(place, Index { url, line, ..Index::default() }),
            Entry::FindLinks(url) if url.contains("://") => {
                found.fault(place, "no file can name a page of links: it stands under `wheels.index`");
                found.index(place, Index { url, line, flat: true, ..Index::default() });
            }
            Entry::FindLinks(folder) => {
                found.index(place, Index { url: dotted(&beside(&folder)), line, ..Index::default() });
            }
        }
    }

    fn include(&mut self, place: &Place<'_>, path: &str, found: &mut Wanted) {
        if self.seen.contains(path) || self.seen.len() > MOST {
            return;
        }
        let line = place.at.unwrap_or(place.line);
        self.is_there(place, path, found);
        let Some(text) = self.around.read(path) else { return found.part.file(Input::plain(path), line) };
        let inner = self.file(path, &text, Some(line));
        found.part.join(&inner.part);
        found.indexes.extend(inner.indexes);
        found.remarks.extend(inner.remarks);
        found.broken |= inner.broken;
        found.hashed |= inner.hashed;
        found.alone = found.alone.take().or(inner.alone);
    }

    fn is_there(&self, place: &Place<'_>, path: &str, found: &mut Wanted) {
        if self.around.look(path).is_none() {
            found.remarks.push(place.remark(&format!("`{path}` is not beside the recipe: put it there")));
        }
    }
}

impl Wanted {
    /// With all that only the whole tells: which indexes are the only ones.
    fn told(mut self) -> Self {
        if let Some(alone) = self.alone.take() {
            for index in &mut self.indexes {
                index.only_for.insert("*".to_owned());
            }
            self.remarks.extend(self.indexes.is_empty().then_some(alone));
        }
        self
    }

    fn index(&mut self, place: &Place<'_>, mut index: Index) {
        index.url = stripped(&index.url);
        if index.url.contains("${") {
            return self.fault(place, "nothing says which index this is: name it under `wheels.index`");
        }
        self.indexes.push(index);
    }

    /// A line that cannot be obeyed in a file.
    fn fault(&mut self, place: &Place<'_>, advice: &str) {
        self.broken = true;
        self.remarks.push(place.remark(advice));
    }
}

impl Place<'_> {
    fn remark(&self, advice: &str) -> Remark {
        let Self { path, at, line, text } = self;
        let shown = if at.is_some() { format!("{path}:{line}: {text}") } else { (*text).to_owned() };
        Remark { line: at.unwrap_or(*line), text: shortened(&shown), advice: advice.to_owned() }
    }
}

/// A path relative to the recipe that nobody takes for a name.
fn dotted(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("./{path}") }
}

/// The path of what the file `file` calls `name`.
fn beside(file: &str, name: &str) -> String {
    if name.starts_with('/') {
        return name.to_owned();
    }
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    joined(folder, name)
}

/// Lines of a file: the number of each, its text, and what it says.
type Lines = Vec<(usize, String, Entry)>;

/// Every line that can be obeyed, and every one that cannot, with what to do about it.
fn read(text: &str) -> (Lines, Vec<(usize, String, String)>) {
    let mut rest = text.as_bytes().to_vec();
    let mut faults = Vec::new();
    for _ in 0..MOST {
        let current = String::from_utf8_lossy(&rest).into_owned();
        let (span, fault) = match RequirementsTxt::parse(&current) {
            Ok(read) => {
                let (mut number, mut counted) = (1, 0);
                let mut line = |line: Line| {
                    number += current[counted..line.span.start].matches('\n').count();
                    counted = line.span.start;
                    (number, current[line.span].to_owned(), line.entry)
                };
                return (read.lines.into_iter().map(&mut line).collect(), faults);
            }
            Err(PythonError::Place { span, reason, advice }) => (span, advice.map_or(reason, str::to_owned)),
            Err(_) => break,
        };
        faults.push((line_of(&current, span.start), current[span.clone()].to_owned(), fault));
        // What is told is blotted out, and the rest read again.
        for byte in &mut rest[span] {
            *byte = if *byte == b'\n' { b'\n' } else { b' ' };
        }
    }
    (Vec::new(), faults)
}

/// What to do about a line.
pub(super) fn advice(error: &PythonError) -> String {
    match error {
        PythonError::Place { reason, advice, .. } => match advice {
            Some(advice) => (*advice).to_owned(),
            None => reason.clone(),
        },
        other => other.to_string(),
    }
}
