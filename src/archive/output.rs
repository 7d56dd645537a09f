//! Where the bytes of an archive go: a file, or a program that reads them.

use std::io::{self, Write};

use crate::fs::AtomicFile;

/// Takes the bytes of an archive in order. Dropped unfinished, it leaves nothing.
pub trait Output: Write + Send {
    /// All bytes were written: makes them count.
    ///
    /// # Errors
    /// When they cannot be kept.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

impl Output for AtomicFile {
    fn finish(self: Box<Self>) -> io::Result<()> {
        self.commit()
    }
}
