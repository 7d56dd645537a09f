//! The whole way of a wheel: strict reader, installation, layer, and back through an ordinary reader.

mod hazards;
mod hostile;
mod same;
mod world;
