//! What is said of images beside what is in them, as statements that others can check: what an image was made
//! of, which of that each of its files came from, and what it consists of. Nothing in them is of the machine or
//! of the time: equal images of equal locks have equal statements.
//!
//! [in-toto attestations, Statement v1](https://github.com/in-toto/attestation/blob/v1.1/spec/v1/statement.md).

mod error;
mod index;
mod origin;
mod paths;
mod provenance;
mod statement;
#[cfg(test)]
mod tests;

pub use error::AttestError;
pub use index::{entries, listed, with_listed};
pub use origin::{Carried, Content, Origin};
pub use paths::{LayerPaths, path_map};
pub use provenance::{Build, OwnFile, provenance};
pub use statement::Statement;

/// The type of the predicate that says what an image was made of.
///
/// [SLSA provenance v1](https://slsa.dev/spec/v1.0/provenance).
pub const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
/// The type of the predicate that is an SPDX document.
pub const SPDX: &str = "https://spdx.dev/Document";
/// The type of the predicate that says which input each path of each layer came from.
pub const PATHS: &str = "wheelwright:paths/v1";

/// What kind of build it is: what its parameters mean.
const BUILD_TYPE: &str = "wheelwright:build/v1";
/// Who built it. Of which version says nothing that the layers' digests do not say.
const BUILDER: &str = "wheelwright:builder";

/// The media type of statements, and the type of artifacts that hold one.
pub const STATEMENT: &str = "application/vnd.in-toto+json";
/// The annotation of a statement's layer, and of its artifact, that gives the predicate's type.
const PREDICATE_TYPE: &str = "in-toto.io/predicate-type";
