//! Why a signature does not count.

use crate::hint::{Advise, Hint};

/// Why a signature does not count, or a keyring cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenPgpError {
    /// The armour of keys or signatures is damaged.
    #[error("the OpenPGP armour is malformed: {reason}")]
    Armor {
        /// What is wrong.
        reason: &'static str,
    },
    /// A packet is damaged.
    #[error("the OpenPGP data is malformed: {reason}")]
    Packet {
        /// What is wrong.
        reason: &'static str,
    },
    /// A keyring holds a secret.
    #[error("the keyring holds a secret key")]
    Secret,
    /// A keyring has nothing with which a signature could be verified.
    #[error("the keyring has no valid key that signs with RSA or Ed25519")]
    NoKey,
    /// There is armour without a signature in it.
    #[error("there is no signature")]
    NoSignature,
    /// A kind of key, signature or checksum that is not understood, or no longer trusted.
    #[error("{what} is not accepted")]
    Unsupported {
        /// What was met.
        what: String,
    },
    /// None of the keys made the signature.
    #[error("it is signed by {key}, which is not in the keyring")]
    UnknownKey {
        /// The key as the signature names it.
        key: String,
    },
    /// The key was valid for a while.
    #[error("it is signed by {key}, which has expired")]
    ExpiredKey {
        /// Fingerprint.
        key: String,
    },
    /// The signature was valid for a while.
    #[error("its signature by {key} has expired")]
    ExpiredSignature {
        /// Fingerprint.
        key: String,
    },
    /// The text or the signature was changed.
    #[error("its signature by {key} does not fit it")]
    Bad {
        /// Fingerprint.
        key: String,
    },
}

impl OpenPgpError {
    /// Of several signatures that do not count, which one says most about the file.
    pub(super) const fn nearness(&self) -> u8 {
        match self {
            Self::Bad { .. } => 5,
            Self::ExpiredKey { .. } | Self::ExpiredSignature { .. } => 4,
            Self::Unsupported { .. } => 3,
            Self::UnknownKey { .. } => 2,
            _ => 1,
        }
    }
}

impl Advise for OpenPgpError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Secret => Some(Hint::new("export the public keys alone: `gpg --export`")),
            Self::NoKey | Self::Armor { .. } | Self::Packet { .. } => {
                Some(Hint::new("give `debian.keyring` a file that `gpg --export` wrote"))
            }
            Self::UnknownKey { .. } | Self::ExpiredKey { .. } => {
                Some(Hint::new("name the archive's own keys in `debian.keyring`"))
            }
            Self::NoSignature | Self::Unsupported { .. } | Self::ExpiredSignature { .. } | Self::Bad { .. } => {
                Some(Hint::new("name another mirror in `debian.mirrors`"))
            }
        }
    }
}
