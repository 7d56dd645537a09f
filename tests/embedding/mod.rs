//! The library as other programs use it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod cancelling;

#[path = "../../examples/append_layer.rs"]
mod append_layer;
#[path = "../../examples/embed_blocking.rs"]
mod embed_blocking;
#[path = "../../examples/embed_tokio.rs"]
mod embed_tokio;
#[path = "../../examples/observer.rs"]
mod observer;
