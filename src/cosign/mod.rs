//! Signatures of images as cosign has them: who signed which digest, under which name.
//!
//! ```text
//! tag sha256-<64 hex>.sig of the repository    an image manifest, each of its layers a signature:
//!   layer                                      the payload: type, name, digest of the image, as JSON
//!     annotation dev.cosignproject.cosign/…    ECDSA P-256 over the payload's SHA-256, in DER, in base64
//! ```
//!
//! This is cosign's first form. Every version of cosign reads it, and so do Podman, Skopeo, CRI-O and the admission
//! controllers; the bundles that cosign writes since version 3 only newer ones do.
//! [Cosign's signature specification](https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md).
//!
//! Keys and documents only: registries are the builder's.

mod key;
mod payload;
mod sealed;
mod signatures;

pub use key::{KeyError, PublicKey, SigningKey};
pub use payload::{Payload, PayloadError};
pub use signatures::{Signature, Signatures, SignaturesError, tag};
