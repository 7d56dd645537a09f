//! Directories that every system has. `base-files` brings some and makes the rest when it is
//! configured; programs fail without `/tmp`, and runtimes mount over `/proc`, `/sys`, `/dev` and `/run`.

use super::{Tree, UnpackError};

const DIRECTORIES: &[(&str, u32)] = &[
    ("dev", 0o755),
    ("etc", 0o755),
    ("etc/opt", 0o755),
    ("home", 0o755),
    ("media", 0o755),
    ("mnt", 0o755),
    ("opt", 0o755),
    ("proc", 0o755),
    ("root", 0o700),
    ("run", 0o755),
    ("run/lock", 0o1777),
    ("srv", 0o755),
    ("sys", 0o755),
    ("tmp", 0o1777),
    ("usr/local/bin", 0o755),
    ("usr/local/etc", 0o755),
    ("usr/local/games", 0o755),
    ("usr/local/include", 0o755),
    ("usr/local/lib", 0o755),
    ("usr/local/sbin", 0o755),
    ("usr/local/share/man", 0o755),
    ("usr/local/src", 0o755),
    ("var/cache", 0o755),
    ("var/lib", 0o755),
    ("var/log", 0o755),
    ("var/opt", 0o755),
    ("var/spool", 0o755),
    ("var/tmp", 0o1777),
];

/// Files that `base-files` keeps under `/usr/share/base-files` and copies where there are none.
const COPIES: &[(&str, &str)] = &[
    ("dot.profile", "root/.profile"),
    ("dot.bashrc", "root/.bashrc"),
    ("profile", "etc/profile"),
    ("motd", "etc/motd"),
];

pub(super) fn apply(tree: &mut Tree) -> Result<(), UnpackError> {
    for (path, mode) in DIRECTORIES {
        tree.add_directory(path, *mode);
    }
    // Both are shipped as directories and become links when the package is configured.
    tree.move_to_link("var/run", "/run")?;
    tree.move_to_link("var/lock", "/run/lock")?;
    tree.add_symlink("usr/local/man", "share/man");
    for (from, to) in COPIES {
        if let Some(bytes) = tree.read(&format!("usr/share/base-files/{from}"))? {
            tree.add_file(to, bytes);
        }
    }
    if tree.get("etc/dpkg/origins/debian").is_some() {
        tree.add_symlink("etc/dpkg/origins/default", "debian");
    }
    Ok(())
}
