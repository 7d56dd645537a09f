//! The integration tests, one binary; its folders mirror the rooms.

#[cfg(feature = "cli")]
mod cli;
mod debian;
mod embedding;
#[cfg(all(feature = "cli", feature = "serve"))]
mod faults;
mod layers;
#[cfg(feature = "serve")]
mod moving;
#[cfg(feature = "serve")]
mod registry;
#[cfg(feature = "serve")]
mod serve;
