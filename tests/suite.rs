//! The integration tests, one binary; its folders mirror the rooms.

#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "serve")]
mod registry;
#[cfg(feature = "serve")]
mod serve;
