//! The program as users meet it: exit codes, both output streams, and what is left on disk.

mod bench;
mod building;
mod inspecting;
mod interrupting;
mod refusing;
