//! The whole way of a wheel: strict reader, installation, layer, and back through an ordinary reader.

#![expect(
    clippy::unwrap_used,
    clippy::type_complexity,
    reason = "a test ends where something fails, and a row of a table is what it is"
)]

mod hazards;
mod hostile;
mod same;
mod world;
