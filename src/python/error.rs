//! What can be wrong with Python packaging data.

use std::ops::Range;

use crate::hint::{Advise, Hint};

/// Bytes or text that do not follow a packaging specification.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PythonError {
    /// Not a distribution name.
    #[error("`{text}` is not a distribution name")]
    Name {
        /// As given.
        text: String,
    },
    /// Not a wheel's file name.
    #[error("`{file}` is not a wheel file name: {reason}")]
    WheelName {
        /// As given.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Not a requirement as PEP 508 has it.
    #[error("`{text}` is not a requirement: {reason}")]
    Requirement {
        /// As given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// METADATA that cannot be used.
    #[error("METADATA: {reason}")]
    Metadata {
        /// What is wrong with it.
        reason: String,
    },
    /// A WHEEL file that cannot be used.
    #[error("WHEEL: {reason}")]
    Wheel {
        /// What is wrong with it.
        reason: String,
    },
    /// A RECORD that cannot be read.
    #[error("RECORD, line {line}: {reason}")]
    Record {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// An `entry_points.txt` that cannot be used.
    #[error("entry_points.txt, line {line}: {reason}")]
    EntryPoints {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of another tool that says what cannot be obeyed, or is not what it should be.
    #[error("{reason}")]
    Place {
        /// The bytes that are wrong.
        span: Range<usize>,
        /// What is wrong with them.
        reason: String,
        /// The way out.
        advice: Option<&'static str>,
    },
    /// A page of a package index that cannot be read.
    #[error("index page: {reason}")]
    Page {
        /// What is wrong with it.
        reason: String,
    },
}

impl PythonError {
    pub(super) fn place(span: Range<usize>, reason: impl Into<String>) -> Self {
        Self::Place { span, reason: reason.into(), advice: None }
    }

    pub(super) fn advised(span: Range<usize>, reason: impl Into<String>, advice: &'static str) -> Self {
        Self::Place { span, reason: reason.into(), advice: Some(advice) }
    }

    pub(super) fn toml(error: &toml::de::Error) -> Self {
        let reason = error.message().lines().next().unwrap_or("this is not TOML").to_owned();
        Self::Place { span: error.span().unwrap_or(0..0), reason, advice: None }
    }
}

impl Advise for PythonError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Place { advice, .. } => advice.map(Hint::new),
            Self::Requirement { .. } => Some(Hint::new("write it as PEP 508 has it, such as `numpy>=1.26,<2`")),
            // Who read the file knows which one it is, and what else there is.
            Self::Name { .. }
            | Self::WheelName { .. }
            | Self::Metadata { .. }
            | Self::Wheel { .. }
            | Self::Record { .. }
            | Self::EntryPoints { .. }
            | Self::Page { .. } => None,
        }
    }
}
