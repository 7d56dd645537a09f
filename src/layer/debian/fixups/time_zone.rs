//! The local time: `tzdata` asks for it and defaults to UTC. A base keeps its own, unless another is wanted.

use super::{Options, Over, Tree, UnpackError};

const ZONES: &str = "usr/share/zoneinfo";

pub(super) fn apply(tree: &mut Tree, options: &Options<'_>) -> Result<(), UnpackError> {
    let wanted = options.time_zone.as_deref();
    let Some(zone) = wanted.or_else(|| matches!(options.over, Over::Scratch).then_some("Etc/UTC")) else {
        return Ok(());
    };
    if tree.look(&format!("{ZONES}/{zone}")).is_some() {
        tree.add_symlink("etc/localtime", &format!("/{ZONES}/{zone}"));
        tree.add_file("etc/timezone", format!("{zone}\n"));
    } else if wanted.is_some() {
        return Err(UnpackError::TimeZone { zone: zone.to_owned() });
    }
    Ok(())
}
