//! Why no recipe can be drafted.

use crate::hint::{Advise, Hint};

/// Why no recipe can be drafted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// The source is not of its own format.
    #[error("{file}:{line}: {reason}")]
    Malformed {
        /// The source.
        file: String,
        /// Its line, counted from one.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// A Dockerfile has no such stage.
    #[error("{file} has no stage `{stage}`")]
    NoStage {
        /// The source.
        file: String,
        /// The stage that was asked for.
        stage: String,
        /// The stages that have names.
        known: Vec<String>,
    },
    /// Nothing of the source would be in an image.
    #[error("{file} puts nothing into an image")]
    Nothing {
        /// The source.
        file: String,
        /// What is there.
        remarks: Vec<super::Remark>,
    },
    /// A stage is built on what cannot be told.
    #[error("{file}:{line}: nothing says what `{image}` is")]
    UnknownBase {
        /// The source.
        file: String,
        /// The line of the `FROM`.
        line: usize,
        /// What stands there.
        image: String,
    },
}

impl Advise for InitError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Malformed { .. } => Some(Hint::new("mend the line, or name another file with `--from`")),
            Self::NoStage { stage, known, .. } => Hint::did_you_mean(stage, known.iter().map(String::as_str))
                .or_else(|| Some(Hint::new(format!("choose with `--stage` from {}", known.join(", "))))),
            Self::Nothing { remarks, .. } => Some(Hint::new(match remarks.first() {
                Some(remark) => format!("line {}, `{}`: {}", remark.line, remark.text, remark.advice),
                None => "name a file that installs or copies something with `--from`".to_owned(),
            })),
            Self::UnknownBase { .. } => Some(Hint::new("name the base with `--base HOST/NAME:TAG`")),
        }
    }
}
