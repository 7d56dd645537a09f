//! The local time: `tzdata` asks for it and defaults to UTC.

use super::{Tree, UnpackError};

const ZONES: &str = "usr/share/zoneinfo";

pub(super) fn apply(tree: &mut Tree, wanted: Option<&str>) -> Result<(), UnpackError> {
    let zone = wanted.unwrap_or("Etc/UTC");
    if tree.look(&format!("{ZONES}/{zone}")).is_some() {
        tree.add_symlink("etc/localtime", &format!("/{ZONES}/{zone}"));
        tree.add_file("etc/timezone", format!("{zone}\n"));
    } else if wanted.is_some() {
        return Err(UnpackError::TimeZone { zone: zone.to_owned() });
    }
    Ok(())
}
