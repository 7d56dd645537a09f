//! What Python's packaging specifications define, as values: names, versions, wheel file names, tags,
//! core metadata, RECORD, entry points, markers, index pages. Parses bytes, opens nothing.

mod target;

pub use pep440_rs::{Version, VersionSpecifiers};
pub use target::{Libc, PythonVersion, Target};
