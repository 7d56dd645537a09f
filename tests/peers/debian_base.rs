//! A base image that nobody here has made with the code under test: Debian with its Python.

use std::{fs, path::PathBuf, sync::OnceLock};

use super::workshop::{call, kept, of_repository, output};

/// The base, as a recipe names it. Made once, and kept for the next run.
pub(super) fn debian_base() -> String {
    static BASE: OnceLock<PathBuf> = OnceLock::new();
    let layout = BASE.get_or_init(|| {
        let layout = kept("debian-base").join("layout");
        if !layout.join("index.json").exists() {
            output(&mut call("sh", [of_repository("tests/peers/debian-base.sh"), layout.clone()]));
        }
        fs::canonicalize(layout).unwrap()
    });
    format!("oci:{}:bookworm-python3", layout.display())
}
