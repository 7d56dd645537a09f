//! The registry client against the embedded registry, in good and bad weather.

mod auth;
mod pull;
mod push;
mod world;
