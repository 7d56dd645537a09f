//! What maintainer scripts would have done, as far as an image needs it, each effect in a unit of its
//! own. Nothing is executed.

mod certificates;
mod directories;
mod java;
mod ld_cache;
mod name_service;
mod python;
mod status;
mod subject;
mod time_zone;

use super::{
    Options, Over, Packed, Undone, UnpackError,
    scripts::{self, Followed},
    tree::Tree,
};

/// Applies them all, and says what scripts would have done besides. Over a base, only those that concern the
/// packages themselves and what is asked for: the base has its own directories, accounts and configuration.
pub(super) fn apply(tree: &mut Tree, packages: &[&Packed], options: &Options<'_>) -> Result<Followed, UnpackError> {
    if matches!(options.over, Over::Scratch) {
        directories::apply(tree)?;
        name_service::apply(tree)?;
    }
    time_zone::apply(tree, options)?;
    let mut followed = scripts::apply(tree, packages, options.over)?;
    python::apply(tree);
    followed.undone.extend(certificates::apply(tree, packages, options)?);
    followed.undone.sort_by(|left, right| left.package.cmp(&right.package));
    status::apply(tree, packages);
    if matches!(options.over, Over::Scratch) {
        ld_cache::apply(tree)?;
    }
    Ok(followed)
}
