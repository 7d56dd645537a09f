//! The file system, touched in three ways only: files appear whole, folders are read sorted,
//! locks are the kernel's.

mod atomic;
mod listing;
mod lock;
mod temporary;

pub use atomic::{AtomicFile, SealedFile, write_atomic};
pub use listing::sorted_entries;
pub use lock::{FileLock, sweep_locks};
pub use temporary::{is_temporary, sweep, temporary_file};
