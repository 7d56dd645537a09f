//! Debian packages from archives on loopback: the same image on another day, whatever the mirrors have become,
//! and over bases that hold some of them already.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod archives;
mod bases;
mod days;
mod needs;
pub(crate) mod world;
