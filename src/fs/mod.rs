//! The file system, touched in four ways only: files appear whole, folders are read sorted, what is read
//! below a folder lies below it, locks are the kernel's.

mod atomic;
mod beneath;
mod guarded;
mod listing;
mod lock;
mod temporary;

pub use atomic::{AtomicFile, SealedFile, write_atomic};
pub(crate) use atomic::{folder_of, probe, refuse_others};
pub use beneath::{Folder, Kind};
pub(crate) use guarded::Guarded;
pub use listing::sorted_entries;
pub use lock::{FileLock, sweep_locks};
pub(crate) use temporary::sweep_beside;
pub use temporary::{is_temporary, sweep, temporary_file};
