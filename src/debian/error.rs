//! What is wrong with bytes that should be Debian's.

use crate::hint::{Advise, Hint};

/// Bytes that are not what Debian's formats say, or go over a bound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DebianError {
    /// The bytes could not be read or decompressed.
    #[error("cannot read {what}")]
    Read {
        /// Which part.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// Not a version.
    #[error("`{text}` is not a Debian version")]
    Version {
        /// As found.
        text: String,
    },
    /// Not the name of a package.
    #[error("`{text}` is not the name of a Debian package")]
    Name {
        /// As found.
        text: String,
    },
    /// Not a moment.
    #[error("`{text}` is not a moment such as `20261121T005302Z`")]
    Timestamp {
        /// As found.
        text: String,
    },
    /// Not a dependency field.
    #[error("`{text}` is not a dependency")]
    Dependency {
        /// As found.
        text: String,
    },
    /// A line of a control file that is neither field nor continuation.
    #[error("line {line} of {what} is no field")]
    Line {
        /// Which file.
        what: String,
        /// Counted from 1.
        line: u64,
    },
    /// A field that must be there is not.
    #[error("{what} has no field `{field}`")]
    Missing {
        /// Which paragraph.
        what: String,
        /// The field.
        field: &'static str,
    },
    /// A field does not hold what it should.
    #[error("{what}: `{value}` is no value for the field `{field}`")]
    Field {
        /// Which paragraph.
        what: String,
        /// The field.
        field: &'static str,
        /// As found.
        value: String,
    },
    /// More bytes than anything honest has.
    #[error("{what} has more than {limit} bytes")]
    TooLarge {
        /// Which part.
        what: String,
        /// In bytes.
        limit: u64,
    },
    /// A cleartext signature with bytes around it, or without an end.
    #[error("the signed file is malformed: {reason}")]
    ClearSign {
        /// What is wrong.
        reason: &'static str,
    },
    /// Not a .deb.
    #[error("not a Debian package: {reason}")]
    Deb {
        /// What is wrong.
        reason: &'static str,
    },
    /// A member of a .deb, or an index, compressed in a way that is not read.
    #[error("`{name}` is compressed in a way that is not supported")]
    Compression {
        /// The member or file.
        name: String,
    },
}

impl Advise for DebianError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Compression { .. } => Some(Hint::new("rebuild the package with `dpkg-deb -Zxz`")),
            Self::Name { .. } => Some(Hint::new("name binary packages in `debian.packages`, in lower case")),
            Self::Timestamp { .. } => Some(Hint::new("write year, month, day, `T`, the time of day and `Z`")),
            // Who read it knows where it comes from, and what else there is.
            Self::Read { .. }
            | Self::Version { .. }
            | Self::Dependency { .. }
            | Self::Line { .. }
            | Self::Missing { .. }
            | Self::Field { .. }
            | Self::TooLarge { .. }
            | Self::ClearSign { .. }
            | Self::Deb { .. } => None,
        }
    }
}

impl DebianError {
    pub(super) fn read(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        |source| Self::Read { what, source }
    }
}
