//! The program: see [`wheelwright::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    wheelwright::cli::run()
}
