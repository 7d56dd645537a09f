//! Wheelwright builds OCI images of Python applications from wheels: for several platforms at once,
//! without Docker, without root, and without executing anything.
//!
//! The rooms stand in the order in which a build goes through them; each imports only rooms above it
//! (`tests/architecture.rs` holds the table).

// Ground.
pub mod oci;
pub mod hint;
pub mod progress;
pub mod quantity;
pub mod fs;
// Fixtures for tests, here and in programs that embed this one.
pub mod testing;
// Formats: parse bytes, open nothing.
pub mod python;
pub mod zip;
pub mod debian;
pub mod elf;
// Documents.
pub mod recipe;
pub mod lock;
pub mod plan;
// First recipes out of what a project has already.
pub mod init;
// Wires.
pub mod store;
pub mod http;
// Programs of this machine that compile.
pub mod compiler;
// Images.
pub mod image;
pub mod layout;
pub mod archive;
pub mod engine;
#[cfg(feature = "ocipkg")]
pub mod interchange;
pub mod registry;
pub mod remote;
#[cfg(feature = "serve")]
pub mod serve;
// Sources.
pub mod pypi;
pub mod apt;
// Stages.
pub mod base;
pub mod resolve;
pub mod layer;
pub mod verify;
pub mod report;
// Facade.
pub mod builder;
#[cfg(feature = "cli")]
pub mod cli;
