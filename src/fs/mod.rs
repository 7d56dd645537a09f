//! The file system, touched in three ways only: files appear whole, folders are read sorted,
//! locks are the kernel's.

mod atomic;
mod listing;
mod lock;

pub use atomic::{AtomicFile, SealedFile, write_atomic, write_unsynced};
pub use listing::sorted_entries;
pub use lock::FileLock;
