//! `--attest`: how what is said of an image goes with it.

use clap::ValueEnum;

use crate::builder::{self, Effort};

/// How it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Attest {
    /// As artifacts beside the image, which registries list; in layouts too. Layers of which nothing is known
    /// are read, once, whatever their size
    Referrers,
    /// In the image index, as BuildKit does it; so in archives too. The digest of the index is another one then
    Index,
    /// Not at all
    None,
}

/// What becomes of what is attached to an image that is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Attached {
    /// It goes along, into layouts too, which list it beside the image. Archives and engines have no place for it
    Referrers,
    /// It stays behind
    None,
}

/// What a flag that may not be given means.
pub(super) fn meant(flag: Option<Attest>) -> (builder::Attest, Effort) {
    match flag {
        None => (builder::Attest::Referrers, Effort::Some),
        Some(Attest::Referrers) => (builder::Attest::Referrers, Effort::All),
        Some(Attest::Index) => (builder::Attest::Index, Effort::All),
        Some(Attest::None) => (builder::Attest::Nothing, Effort::Some),
    }
}
