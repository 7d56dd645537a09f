//! Why what is attached to an image is of no use.

use std::io;

use crate::hint::{Advise, Hint};

/// Why what is attached to an image is of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttestError {
    /// A statement is no JSON.
    #[error("the statement is not JSON")]
    Json {
        /// Where it stops being JSON.
        source: serde_json::Error,
    },
    /// A statement lacks something.
    #[error("the statement is none of one image: `{field}` is missing or another one")]
    Field {
        /// The place in it.
        field: &'static str,
    },
    /// The archive of recipe and lock cannot be read.
    #[error("the archive of the recipe cannot be read")]
    Archive {
        /// Why.
        source: io::Error,
    },
    /// The archive of recipe and lock holds what it must not.
    #[error("the archive of the recipe holds `{path}`, which {problem}")]
    Path {
        /// The path in it.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Something that has to be in it is not.
    #[error("the archive of the recipe does not hold `{path}`, which is named as the {what}")]
    Absent {
        /// What it should be.
        what: &'static str,
        /// The path in it.
        path: String,
    },
}

impl Advise for AttestError {
    fn hint(&self) -> Option<Hint> {
        Some(Hint::new("push the image again from where it was made: what is attached now is not believed"))
    }
}
