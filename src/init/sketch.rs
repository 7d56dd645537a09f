//! What a recipe will say, before it is written down.

use std::collections::{BTreeMap, BTreeSet};

use super::{Remark, Wishes, requirements::Wanted, shell::shortened, systems};
use crate::{hint::stripped, recipe::Base};

/// A value, and the line of the source that says it; zero where none does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Noted<T = String> {
    pub(super) value: T,
    pub(super) line: usize,
}

/// The whole recipe.
#[derive(Clone, Debug, Default)]
pub(super) struct Sketch {
    pub(super) name: String,
    pub(super) base: Noted,
    /// Where the base is only a guess: what to say of it.
    pub(super) base_comment: Option<String>,
    pub(super) platforms: Vec<String>,
    pub(super) python: Option<Noted>,
    pub(super) into: Option<Noted>,
    /// The line that has modules compiled beforehand.
    pub(super) bytecode: Option<usize>,
    pub(super) indexes: Vec<Index>,
    pub(super) suite: Option<Noted>,
    pub(super) packages: Vec<Noted>,
    /// What every image gets.
    pub(super) common: Part,
    /// What each variant adds.
    pub(super) variants: BTreeMap<String, Part>,
    pub(super) remarks: Vec<Remark>,
}

/// What variants may say each for themselves.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    pub(super) require: Vec<Noted>,
    pub(super) files: Vec<Noted<Input>>,
    pub(super) from_lock: Option<Noted<Input>>,
    pub(super) constraints: Vec<Noted>,
    /// Requirements files that were read: what stands in them is asked for above.
    pub(super) read: BTreeSet<String>,
    pub(super) scripts: Vec<Script>,
    pub(super) image: Image,
}

/// A file that says what to install.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Input {
    pub(super) path: String,
    pub(super) extras: Vec<String>,
    pub(super) groups: Vec<String>,
}

/// A package index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    pub(super) url: String,
    /// The distributions that come from it alone.
    pub(super) only_for: BTreeSet<String>,
    /// Whether it is a page of links.
    pub(super) flat: bool,
    pub(super) line: usize,
}

/// A file of the user's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) mode: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) line: usize,
}

/// How containers start.
#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    pub(super) entrypoint: Option<Noted<Vec<String>>>,
    pub(super) cmd: Option<Noted<Vec<String>>>,
    pub(super) env: Vec<(String, Noted)>,
    pub(super) labels: Vec<(String, Noted)>,
    pub(super) user: Option<Noted>,
    pub(super) workdir: Option<Noted>,
    pub(super) ports: Vec<Noted>,
    pub(super) volumes: Vec<Noted>,
    pub(super) stop_signal: Option<Noted>,
}

impl<T> Noted<T> {
    pub(super) const fn new(value: T, line: usize) -> Self {
        Self { value, line }
    }
}

impl Sketch {
    /// Notes what has no counterpart.
    pub(super) fn remark(&mut self, line: usize, text: &str, advice: impl Into<String>) {
        self.remarks.push(Remark { line, text: shortened(text), advice: advice.into() });
    }

    /// Takes what requirements say beside what they ask for.
    pub(super) fn take(&mut self, wanted: Wanted) {
        self.remarks.extend(wanted.remarks);
        for index in wanted.indexes {
            self.index(index);
        }
    }

    /// Notes an index, once.
    pub(super) fn index(&mut self, index: Index) {
        match self.indexes.iter_mut().find(|known| known.url == index.url) {
            Some(known) => known.only_for.extend(index.only_for),
            None => self.indexes.push(index),
        }
    }

    /// Whether nothing comes into the image.
    pub(super) fn is_empty(&self) -> bool {
        let mut parts = std::iter::once(&self.common).chain(self.variants.values());
        self.packages.is_empty() && parts.all(|part| part.is_empty() && part.scripts.is_empty())
    }

    pub(super) fn take_usual_platforms(&mut self) {
        self.platforms = ["linux/amd64", "linux/arm64"].map(str::to_owned).to_vec();
    }

    /// Obeys what the user says beforehand.
    pub(super) fn obey(&mut self, wishes: &Wishes) {
        if let Some(name) = &wishes.name {
            self.name.clone_from(name);
        }
        self.name = image_name(&self.name);
        if let Some(base) = &wishes.base {
            self.base = Noted::new(base.clone(), 0);
            self.base_comment = None;
            self.suite = self.suite.take().map(|_| Noted::new(systems::suite(base).to_owned(), 0));
        }
        if let Ok(base) = Base::parse(&self.base.value) {
            self.base.value = base.to_string();
        }
        if !wishes.platforms.is_empty() {
            self.platforms.clone_from(&wishes.platforms);
        }
        if self.platforms.is_empty() {
            self.take_usual_platforms();
        }
        // What variants ask for besides what all of them do is asked for once.
        let common = &self.common.require;
        for part in self.variants.values_mut() {
            part.require.retain(|wanted| common.iter().all(|other| other.value != wanted.value));
        }
    }
}

impl Part {
    pub(super) fn is_empty(&self) -> bool {
        self.require.is_empty() && self.files.is_empty() && self.from_lock.is_none()
    }

    pub(super) fn require(&mut self, requirement: &str, line: usize) {
        // In the recipe letters may be spelled, and look like a part of what is taken out.
        let requirement = stripped(requirement);
        if self.require.iter().all(|known| known.value != requirement) {
            self.require.push(Noted::new(requirement, line));
        }
    }

    pub(super) fn constraint(&mut self, path: &str, line: usize) {
        if self.constraints.iter().all(|known| known.value != path) {
            self.constraints.push(Noted::new(path.to_owned(), line));
        }
    }

    /// Asks for what `other` does.
    pub(super) fn join(&mut self, other: &Self) {
        for wanted in &other.require {
            self.require(&wanted.value, wanted.line);
        }
        for file in &other.files {
            self.file(file.value.clone(), file.line);
        }
        for constraint in &other.constraints {
            self.constraint(&constraint.value, constraint.line);
        }
        self.read.extend(other.read.iter().cloned());
    }

    pub(super) fn file(&mut self, input: Input, line: usize) {
        if self.files.iter().all(|known| known.value != input) {
            self.files.push(Noted::new(input, line));
        }
    }
}

impl Input {
    pub(super) fn plain(path: &str) -> Self {
        Self { path: path.to_owned(), ..Self::default() }
    }
}

/// `text` as the name of an image: lower case, and single separators.
pub(super) fn image_name(text: &str) -> String {
    let mut name = String::new();
    for letter in text.to_lowercase().chars() {
        if letter.is_ascii_alphanumeric() {
            name.push(letter);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    let name = name.trim_end_matches('-');
    if name.is_empty() { "app".to_owned() } else { name.chars().take(100).collect() }
}
