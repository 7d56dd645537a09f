//! The program as users meet it: exit codes, both output streams, and what is left on disk.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod attesting;
mod bases;
mod bench;
mod building;
mod caching;
mod compiling;
#[cfg(feature = "serve")]
mod concealing;
mod copying;
mod differing;
mod drafting;
mod foreseeing;
mod helping;
#[cfg(feature = "serve")]
mod fleet;
mod inspecting;
mod listing;
mod interrupting;
#[cfg(feature = "serve")]
mod killing;
mod over;
mod policy;
mod private_index;
mod proving;
mod proving_forms;
#[cfg(feature = "serve")]
mod pushing;
mod rebasing;
mod refusing;
mod reporting;
#[cfg(feature = "serve")]
mod serving;
#[cfg(feature = "serve")]
mod remote;
#[cfg(feature = "serve")]
mod sharing;
#[cfg(feature = "serve")]
mod signing;
mod starving;
mod swapping;
mod verifying;
mod wheels;
#[cfg(feature = "serve")]
pub(crate) mod workshop;
