//! Why the base under an image cannot be swapped.

use crate::{
    base::Misfit,
    builder::BuildError,
    hint::{Advise, Hint},
    oci::{Digest, Platform},
};

/// Why the base under an image cannot be swapped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RebaseError {
    /// Nothing says on which base it was built.
    #[error("the image for {platform} does not say on which base it was built")]
    UnknownBase {
        /// For which platform.
        platform: Platform,
    },
    /// The base on which it was built cannot be had.
    #[error("the old base {base} cannot be read")]
    OldBase {
        /// As the image names it, or the user.
        base: String,
        /// Why.
        source: Box<BuildError>,
    },
    /// It was built on something else.
    #[error("the image for {platform} was not built on {base}: its lowest layers are others")]
    NotBelow {
        /// For which platform.
        platform: Platform,
        /// The base that it should have.
        base: Digest,
    },
    /// Layers would not do their work.
    #[error("the new base does not fit the image for {platform}: {}", listed(.misfits))]
    Misfits {
        /// For which platform.
        platform: Platform,
        /// At least one.
        misfits: Vec<Misfit>,
    },
    /// An index in an index.
    #[error("the image index lists another one, {digest}")]
    Nested {
        /// Of the inner one.
        digest: Digest,
    },
}

impl Advise for RebaseError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::UnknownBase { .. } => Some(Hint::new("name that base with `--from`")),
            Self::OldBase { source, .. } => {
                source.hint().or_else(|| Some(Hint::new("say with `--from` where that base can be read")))
            }
            Self::NotBelow { .. } => Some(Hint::new(
                "name the base that it was built on with `--from`, by its digest where the tag has moved",
            )),
            Self::Misfits { misfits, .. } => misfits.first().and_then(Advise::hint),
            Self::Nested { .. } => Some(Hint::new("choose images with `--platform`")),
        }
    }
}

/// The first few, and how many there are beside them.
fn listed(misfits: &[Misfit]) -> String {
    const NAMED: usize = 5;
    let named: Vec<String> = misfits.iter().take(NAMED).map(Misfit::to_string).collect();
    let more = misfits.len().saturating_sub(NAMED);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{more}", named.join("; "))
}
