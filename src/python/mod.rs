//! What Python's packaging specifications define, as values: names, versions, wheel file names, tags,
//! core metadata, RECORD, entry points, markers, index pages. Parses bytes, opens nothing.

mod bytecode;
mod target;
mod interpreter_kind;
mod error;
mod name;
mod requirement;
mod lenient;
mod wheel_name;
mod tags;
mod incompatible;
mod markers;
mod headers;
mod metadata;
mod wheel_metadata;
mod record;
mod entry_points;
mod source;
mod requirements_txt;
mod pyproject;
mod foreign_lock;
mod index_page;
mod index_html;
mod index_json;

pub use bytecode::{BytecodeError, canonical_code, unchecked_header};
pub use entry_points::{EntryPoint, EntryPoints};
pub use error::PythonError;
pub use foreign_lock::{ForeignLock, ForeignPackage, ForeignWheel, Origin, Part, Place};
pub use incompatible::{Compatibility, Incompatible};
pub use index_page::{FileUrl, IndexFile, MetadataFile, ProjectPage, Yanked};
pub use interpreter_kind::InterpreterKind;
pub use markers::marker_environment;
pub use metadata::CoreMetadata;
pub use name::{NamePattern, PackageName};
pub use pep440_rs::{Version, VersionSpecifiers};
pub use pep508_rs::{ExtraName, MarkerEnvironment, MarkerTree};
pub use pyproject::Pyproject;
pub use record::{Record, RecordEntry};
pub use requirement::{Requirement, Wanted};
pub use requirements_txt::{Entry, Line, RequirementsTxt};
pub use source::{Guard, Import, ModuleSource};
pub use tags::{Tag, TagSet};
pub use target::{Libc, PythonVersion, Target, TargetError};
pub use wheel_metadata::WheelMetadata;
pub use wheel_name::WheelName;
