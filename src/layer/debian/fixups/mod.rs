//! What maintainer scripts would have done, as far as an image needs it, each effect in a unit of its
//! own. Nothing is executed.

mod accounts;
mod certificates;
mod directories;
mod ld_cache;
mod name_service;
mod python;
mod status;
mod time_zone;

use super::{Over, Packed, UnpackError, tree::Tree};

/// Applies them all. Over a base, only those that concern the packages themselves: the base has its own
/// directories, accounts and configuration.
pub(super) fn apply(tree: &mut Tree, packages: &[&Packed], over: Over<'_>) -> Result<(), UnpackError> {
    if matches!(over, Over::Scratch) {
        directories::apply(tree)?;
        accounts::apply(tree)?;
        name_service::apply(tree)?;
        time_zone::apply(tree);
    }
    python::apply(tree);
    certificates::apply(tree)?;
    status::apply(tree, packages);
    if matches!(over, Over::Scratch) {
        ld_cache::apply(tree)?;
    }
    Ok(())
}
