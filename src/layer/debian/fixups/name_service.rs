//! `/etc/nsswitch.conf`: without it glibc asks the DNS before `/etc/hosts`. `libc-bin` keeps Debian's
//! own and copies it when it is configured.

use super::{Tree, UnpackError};

const MINIMAL: &str = "passwd: files\ngroup: files\nhosts: files dns\n";

pub(super) fn apply(tree: &mut Tree) -> Result<(), UnpackError> {
    let own = tree.read("usr/share/libc-bin/nsswitch.conf")?;
    tree.add_file("etc/nsswitch.conf", own.unwrap_or_else(|| MINIMAL.as_bytes().to_vec()));
    Ok(())
}
