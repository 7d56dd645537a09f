//! Package indexes: finding and fetching wheels.
//!
//! A [`PackageIndex`] asks the indexes of a build, in their order, for the files of a project; the
//! first index that has the project is the only one asked, so that nobody can slip a newer version
//! of a private name into a public index. METADATA comes from beside the wheel where the index
//! offers it, else out of the wheel's own tail by range requests.

mod error;
mod netrc;
mod credentials;
mod settings;
mod config;
mod client;
mod page;
mod metadata;
mod tail;
mod download;
mod folder;
mod whereabouts;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
pub(crate) mod scripted;

pub use client::{PackageIndex, Project};
pub use config::{ToolSettings, pip_conf, uv_toml};
pub use credentials::{Credentials, Keyring, Login};
pub use download::DirectWheel;
pub use error::IndexError;
pub use netrc::Netrc;
pub use settings::{DEFAULT_NAME, DefaultIndex, Index, Location, Settings};
