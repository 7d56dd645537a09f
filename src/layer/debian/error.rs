//! What goes wrong on the way from a .deb to a layer.

use std::io;

use crate::{
    debian::DebianError,
    hint::{Advise, Hint},
    layer::LayerError,
    store::StoreError,
};

/// A .deb that cannot be laid out, or does not go together with another one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// The .deb is malformed.
    #[error("the package {package} is malformed")]
    Malformed {
        /// Its name, or the digest of the .deb.
        package: String,
        /// Why.
        source: DebianError,
    },
    /// Bytes cannot be read.
    #[error("cannot read {what} of the package {package}")]
    Read {
        /// Its name, or the digest of the .deb.
        package: String,
        /// Which part.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// The file in the store is not what its name says.
    #[error("the .deb {digest} in the store is damaged")]
    Damaged {
        /// What its name says.
        digest: String,
    },
    /// The packed form cannot be kept.
    #[error("cannot keep the packed form of {package}")]
    Keep {
        /// Its name, or the digest of the .deb.
        package: String,
        /// Why.
        source: StoreError,
    },
    /// Nothing may be packed with this build's compressor.
    #[error(transparent)]
    Compressor(#[from] LayerError),
    /// An entry of the package is nothing that an image should get.
    #[error("{package}: `{path}` {reason}")]
    Entry {
        /// Its name.
        package: String,
        /// As the package spells it.
        path: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// More than anything honest has.
    #[error("the package {package} has more than {limit} {unit}")]
    TooMuch {
        /// Its name.
        package: String,
        /// How much is accepted.
        limit: u64,
        /// Of what.
        unit: &'static str,
    },
    /// Two packages bring one path.
    #[error("`/{path}` comes from {left} and from {right}, and they differ")]
    Clash {
        /// From the root.
        path: String,
        /// One package.
        left: String,
        /// The other.
        right: String,
    },
    /// One package is there twice.
    #[error("the package {package} is there twice")]
    Twice {
        /// Its name.
        package: String,
    },
    /// No package brings the time zone.
    #[error("no package has the time zone `{zone}`")]
    TimeZone {
        /// As the recipe names it.
        zone: String,
    },
    /// A certificate of the user's is none.
    #[error("`{name}` is not a certificate in PEM")]
    Certificate {
        /// The file's name.
        name: String,
    },
    /// A certificate of the user's would be all that the image trusts.
    #[error("`{name}` cannot be added to the certificates of the base, which are not at hand")]
    Authorities {
        /// The file's name.
        name: String,
    },
    /// Something of the laid-out tree has the wrong form.
    #[error("`/{path}` {reason}")]
    Tree {
        /// From the root.
        path: String,
        /// What is wrong.
        reason: &'static str,
    },
}

impl Advise for UnpackError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Damaged { .. } => Some(Hint::new("run again: the damaged file was removed from the store")),
            Self::Keep { source, .. } => source.hint(),
            Self::Malformed { source, .. } => source.hint(),
            Self::Compressor(error) => error.hint(),
            Self::Clash { .. } => Some(Hint::new("leave one of the two out of `debian.packages`")),
            Self::TimeZone { .. } => Some(Hint::new(
                "add `tzdata` (for old names `tzdata-legacy`) to `debian.packages`, or mend `debian.timezone`",
            )),
            Self::Certificate { .. } => Some(Hint::new("convert it: `openssl x509 -in FILE -out FILE.pem`")),
            Self::Authorities { .. } => Some(Hint::new(
                "add `ca-certificates` to `debian.packages`; where the base has it already, lay the whole bundle over \
                 `/etc/ssl/certs/ca-certificates.crt` with `[[scripts]]`",
            )),
            Self::Entry { .. } | Self::TooMuch { .. } => Some(Hint::new("leave the package out of `debian.packages`")),
            Self::Twice { .. } => Some(Hint::new("choose the packages anew with `lock --upgrade`")),
            Self::Read { .. } => Some(Hint::new("run again: what the store lost is fetched anew")),
            Self::Tree { .. } => Some(Hint::new(
                "leave one of the packages that bring it out with `debian.exclude`, or take another `base`",
            )),
        }
    }
}
