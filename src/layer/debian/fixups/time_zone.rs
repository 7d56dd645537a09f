//! The local time: `tzdata` asks for it and defaults to UTC.

use super::Tree;

pub(super) fn apply(tree: &mut Tree) {
    if tree.get("usr/share/zoneinfo/Etc/UTC").is_some() {
        tree.add_symlink("etc/localtime", "/usr/share/zoneinfo/Etc/UTC");
        tree.add_file("etc/timezone", "Etc/UTC\n");
    }
}
