//! The making of layers, format 1: what goes in is a sorted list of [`Item`]s, what comes out is a
//! virtual gzip of a tar, in which the deflate streams of wheels stand as they came.

pub mod debian;
mod item;

pub use item::{Body, Item, Method, Node, Span};
