//! The folder where Debian's Python looks for what did not come from Debian; its package makes it when
//! it is configured, and wheels are installed there.

use super::Tree;

pub(super) fn apply(tree: &mut Tree) {
    let versions: Vec<_> = tree
        .list("usr/lib")
        .map(|(name, _)| name)
        .filter(|name| name.strip_prefix("python3.").is_some_and(|minor| minor.parse::<u8>().is_ok()))
        .map(str::to_owned)
        .collect();
    for version in versions {
        tree.add_directory(&format!("usr/local/lib/{version}/dist-packages"), 0o755);
    }
}
