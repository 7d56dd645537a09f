//! The program as users meet it: exit codes, both output streams, and what is left on disk.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod bench;
mod building;
mod copying;
mod inspecting;
mod interrupting;
mod private_index;
mod refusing;
mod wheels;
