//! The registry that is built in, as a program on a loopback port.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Stdio},
};

use super::workshop::wheelwright;

/// A running `wheelwright serve`; stops when dropped.
pub(super) struct WheelwrightRegistry {
    process: Child,
    address: String,
}

impl WheelwrightRegistry {
    /// Starts one that keeps what it is given in `folder`.
    pub(super) fn start(folder: &Path) -> Self {
        let mut command = wheelwright(["serve", "--listen", "127.0.0.1:0"]);
        let mut process = command.arg(folder).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
        Self { process, address }
    }

    /// The name of an image in this registry.
    pub(super) fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }
}

impl Drop for WheelwrightRegistry {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
