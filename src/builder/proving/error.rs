//! Why an image cannot be proved, before anything of it is made again.

use crate::{
    attest::AttestError,
    hint::{Advise, Hint},
    oci::{Digest, Platform},
    recipe::Base,
};

/// Why an image cannot be proved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// Nobody attached recipe and lock.
    #[error("no recipe and lock are attached to {image}")]
    Nothing {
        /// The image.
        image: Base,
    },
    /// Nobody says what an image was made of.
    #[error("no provenance is attached to the image for {platform}")]
    NoProvenance {
        /// For which platform.
        platform: Platform,
    },
    /// Something is attached to another manifest than the one it speaks of.
    #[error("{artifact} is attached to {subject} and speaks of {says}")]
    Swapped {
        /// The artifact.
        artifact: Digest,
        /// To what it is attached.
        subject: Digest,
        /// Of what it speaks.
        says: Digest,
    },
    /// Recipe and lock are not those that the provenance names.
    #[error("recipe and lock do not belong to the image for {platform}: {difference}")]
    Forged {
        /// For which platform.
        platform: Platform,
        /// The first thing that differs.
        difference: String,
    },
    /// What is attached is of no use.
    #[error("what {artifact} holds is not believed")]
    Attached {
        /// The artifact.
        artifact: Digest,
        /// Why.
        source: AttestError,
    },
    /// A recipe from a registry reads what is not its own.
    #[error("the attached recipe reads `{path}`, which is not attached with it")]
    LeadsOut {
        /// The path.
        path: String,
    },
    /// Files of the user's are not attached.
    #[error("the image was made of files that are not attached to it")]
    FilesMissing,
}

impl Advise for ProofError {
    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(match self {
            // Nothing is attached there unless it is asked for.
            Self::Nothing { image: Base::Layout { .. } | Base::Archive { .. } } => {
                "write it again with `--attest referrers` into a layout or `--attest index`, or name it in its registry"
            }
            Self::Nothing { .. } => {
                "name the image by the tag that it was pushed to; `wheelwright inspect` lists what is attached"
            }
            Self::NoProvenance { .. } => "push the image again from where it was made, with `--attest referrers`",
            Self::Swapped { .. } | Self::Forged { .. } | Self::Attached { .. } => {
                "somebody attached what is not so: see who may write there, and push the image again"
            }
            Self::LeadsOut { .. } | Self::FilesMissing => "name the recipe's folder with `--context DIR`",
        }))
    }
}
