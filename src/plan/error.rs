//! Why layers cannot be planned.

use super::MOST_LAYERS;
use crate::{
    hint::{Advise, Hint},
    oci::Platform,
};

/// Why layers cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// More layers than an engine can stack.
    #[error(
        "the image for {platform} needs {needed} layers, {others} of them the base's and the scripts', and may have {MOST_LAYERS}"
    )]
    TooManyLayers {
        /// For which platform.
        platform: Platform,
        /// Layers that are not planned: the base's, and one of scripts.
        others: usize,
        /// All layers, after everything was put together that fits.
        needed: usize,
    },
}

impl Advise for PlanError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::TooManyLayers { .. } => Some(Hint::new("choose a `base` with fewer layers")),
        }
    }
}
