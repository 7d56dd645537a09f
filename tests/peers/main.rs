//! The whole way against real peers: images built by the program are read by skopeo and umoci, stored
//! by a registry, compared with what pip installs, and started.
//!
//! `cargo test --test peers`. Needs a network, root (for `chroot`), and the programs
//! that `.ci/run` installs; what is missing fails a test, never skips it. What the tests make stays in
//! `target/tmp/peers` until the next run.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]
#![expect(clippy::disallowed_methods, reason = "what the tests make is thrown away, and order is made by sorting")]

mod bases;
mod bytecode;
mod debian_base;
mod digests;
mod docker_registry;
mod guarded_registry;
mod handing_over;
mod image;
mod inheritance;
mod ld_cache;
mod openpgp;
mod other_tools;
mod over_base;
mod over_conda;
mod pip;
mod pipelines;
mod private_index;
mod python_base;
mod rebasing;
mod quickstart;
mod remote;
mod reporting;
mod root;
mod signing;
mod tags;
mod torch;
mod venv;
mod verifying;
mod wheelwright_registry;
mod workshop;
