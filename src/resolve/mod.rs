//! Choosing wheels and packages.
//!
//! Wheels are chosen for one target at a time, from the metadata of that target's own wheels: two
//! wheels of one version may require different things. The search is `PubGrub`'s, with uv's scheme of
//! counting conflicts; extras are packages of their own that depend on their base at the same version.

mod request;
mod brought;
mod outcome;
mod error;
mod fact;
mod misnomers;
mod ranges;
mod package;
mod listing;
mod catalog;
mod direct;
mod rules;
mod conflicts;
mod solver;
mod explain;
mod choose;
mod align;
mod given;
mod survey;

pub use align::{Job, Skew, resolve_aligned, skew};
pub use choose::resolve;
pub(crate) use direct::{check_python, written_url};
pub use error::ResolveError;
pub use fact::Fact;
pub use given::{Given, GivenWheel, choose_given};
pub use outcome::{Notice, Picked, Resolution};
pub use request::{Alternative, Choice, LocalWheel, Request};
pub use survey::{Listed, Verdict, survey};
