//! What is wrong with a recipe: every problem with its place, and all of them together.

use std::{cell::RefCell, fmt, ops::Range};

use crate::hint::{Advise, Hint};

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// What sort of problem this is.
    pub kind: ProblemKind,
    /// One line, lower case, without the place.
    pub message: String,
    /// The bytes of the recipe that are wrong.
    pub span: Range<usize>,
    /// What stands under the marked bytes; may be empty.
    pub label: String,
    /// The way out.
    pub hint: Option<Hint>,
}

/// The sorts of problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The text is not TOML.
    Syntax,
    /// A key that means nothing here.
    UnknownKey,
    /// A value of another type than the key takes.
    WrongType,
    /// A key without which there is no recipe.
    Missing,
    /// Something said twice.
    Duplicate,
    /// A value of the right type that makes no sense.
    Invalid,
}

/// Why there is no recipe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// The file has problems: all of them, in the order of the file. Never empty.
    #[error("{}", summary(file, text, problems))]
    Invalid {
        /// The name of the file, as it was given.
        file: String,
        /// What the file says.
        text: String,
        /// Everything wrong with it.
        problems: Vec<Problem>,
    },
    /// A variant was asked for that the recipe does not have.
    #[error("{file} has no variant `{name}`")]
    UnknownVariant {
        /// The name of the recipe's file.
        file: String,
        /// The name that was asked for.
        name: String,
        /// The variants that there are.
        known: Vec<String>,
    },
    /// No variant was named where the recipe has only variants.
    #[error("{file} has variants, and none was named")]
    VariantNotNamed {
        /// The name of the recipe's file.
        file: String,
        /// The variants that there are.
        known: Vec<String>,
    },
}

/// What a parser of one value found wrong with it; the reader knows the place.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) kind: ProblemKind,
    pub(super) message: String,
    pub(super) label: String,
    pub(super) hint: Option<Hint>,
}

/// Collects problems while one text is read.
#[derive(Default)]
pub(super) struct Log(RefCell<Vec<Problem>>);

impl Problem {
    /// A problem at `span`, without label and hint.
    #[must_use]
    pub fn new(kind: ProblemKind, span: Range<usize>, message: impl Into<String>) -> Self {
        let message = message.into().chars().fold(String::new(), |shown, letter| match letter {
            control if control.is_control() => shown + &control.escape_default().to_string(),
            letter => shown + letter.encode_utf8(&mut [0; 4]),
        });
        Self { kind, message, span, label: String::new(), hint: None }
    }

    /// The same with words under the marked bytes.
    #[must_use]
    pub fn labelled(self, label: impl Into<String>) -> Self {
        Self { label: label.into(), ..self }
    }

    /// The same with a way out.
    #[must_use]
    pub fn hinted(self, hint: impl Into<Option<Hint>>) -> Self {
        Self { hint: hint.into(), ..self }
    }
}

impl Fault {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { kind: ProblemKind::Invalid, message: message.into(), label: String::new(), hint: None }
    }

    pub(super) fn labelled(self, label: impl Into<String>) -> Self {
        Self { label: label.into(), ..self }
    }

    pub(super) fn advised(self, sentence: impl Into<String>) -> Self {
        Self { hint: Some(Hint::new(sentence)), ..self }
    }

    pub(super) fn hinted(self, hint: Option<Hint>) -> Self {
        Self { hint, ..self }
    }
}

impl Log {
    pub(super) fn add(&self, problem: Problem) {
        self.0.borrow_mut().push(problem);
    }

    /// Notes a fault of the value that stands at `span`.
    pub(super) fn add_fault(&self, fault: Fault, span: Range<usize>) {
        self.add(Problem { label: fault.label, hint: fault.hint, ..Problem::new(fault.kind, span, fault.message) });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// All problems in the order of the file.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.0.into_inner();
        problems.sort_by_key(|problem| (problem.span.start, problem.span.end));
        problems.dedup();
        problems
    }
}

impl Advise for RecipeError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Invalid { problems, .. } => problems.first().and_then(|problem| problem.hint.clone()),
            Self::UnknownVariant { name, known, .. } => {
                Hint::did_you_mean(name, known.iter().map(String::as_str)).or_else(|| Some(name_one_of(known)))
            }
            Self::VariantNotNamed { known, .. } => Some(name_one_of(known)),
        }
    }
}

fn name_one_of(known: &[String]) -> Hint {
    if known.is_empty() {
        return Hint::new("leave out `--variant`: the recipe has no variants");
    }
    Hint::new(format!("name one of the variants with `--variant`: {}", known.join(", ")))
}

fn summary(file: &str, text: &str, problems: &[Problem]) -> String {
    let Some(first) = problems.first() else {
        return format!("{file} is not a recipe");
    };
    let (line, column) = line_and_column(text, first.span.start);
    let more = match problems.len() - 1 {
        0 => String::new(),
        1 => " (and one more problem)".to_owned(),
        count => format!(" (and {count} more problems)"),
    };
    format!("{file}:{line}:{column}: {}{more}", first.message)
}

/// Both counted from 1, columns in characters.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Writes names as `` `a`, `b` ``.
pub(super) fn quoted_list<N: fmt::Display>(names: impl IntoIterator<Item = N>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
