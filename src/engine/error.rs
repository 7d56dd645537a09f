//! Why an engine did not get an image.

use std::io;

use super::Engine;
use crate::{
    hint::{Advise, Hint},
    image::TransferError,
};

/// Why an engine did not get an image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// There is no engine, or none that answers.
    #[error("no container engine can load the image{}", told(.reasons))]
    None {
        /// What those that are installed said.
        reasons: Vec<String>,
    },
    /// Its program cannot be started or waited for.
    #[error("cannot run `{engine} load`")]
    Run {
        /// Which one.
        engine: Engine,
        /// Why.
        source: io::Error,
    },
    /// It did not take the image.
    #[error("`{engine} load` failed: {said}")]
    Refused {
        /// Which one.
        engine: Engine,
        /// Its last words.
        said: String,
    },
}

impl Advise for EngineError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::None { .. } => Some(Hint::new(
                "start Docker, install Podman or nerdctl, or write `docker-archive:FILE` and load that elsewhere",
            )),
            Self::Run { .. } => {
                Some(Hint::new("see that the engine is installed and may be started, or write `docker-archive:FILE`"))
            }
            Self::Refused { .. } => {
                Some(Hint::new("write the image to `docker-archive:FILE` to load it by hand, and see what is wrong"))
            }
        }
    }
}

impl From<EngineError> for TransferError {
    fn from(error: EngineError) -> Self {
        Self::room(error)
    }
}

fn told(reasons: &[String]) -> String {
    if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) }
}
