//! The words of the OCI image specification: digests, platforms, references, descriptors, and the
//! one way in which JSON documents are written.
//!
//! `oci-spec` gives the vocabulary (media types, reference grammar); its structures are never
//! serialised, because they drop fields they do not know and write maps in random order.

mod descriptor;
mod digest;
mod json;
mod platform;
mod reference;

pub use descriptor::Descriptor;
pub use digest::{DiffId, Digest, DigestError, Hasher};
pub use json::canonical_json;
pub use oci_spec::image::MediaType;
pub use platform::{Platform, PlatformError};
pub use reference::{Reference, ReferenceError, is_component, is_tag};
