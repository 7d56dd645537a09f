//! The embedding examples, from a crate that depends on the library by its path, without default features.

#[path = "../../../examples/append_layer.rs"]
mod append_layer;
#[path = "../../../examples/embed_blocking.rs"]
mod embed_blocking;
#[path = "../../../examples/embed_tokio.rs"]
mod embed_tokio;
#[path = "../../../examples/observer.rs"]
mod observer;
