//! The registry client against the embedded registry, in good and bad weather.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod auth;
mod chunks;
mod mirrors;
mod pull;
mod push;
mod referrers;
mod weather;
pub(crate) mod world;
