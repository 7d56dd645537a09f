//! `/etc/passwd` and `/etc/group`: without them a user has no name and no home. `base-passwd` keeps
//! Debian's own as master files; without that package there are root, nobody, and an ordinary user.

use super::{Tree, UnpackError};

const FILES: &[(&str, &str, &str)] = &[
    (
        "usr/share/base-passwd/passwd.master",
        "etc/passwd",
        "root:x:0:0:root:/root:/usr/sbin/nologin\n\
         nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n\
         nonroot:x:65532:65532:nonroot:/home/nonroot:/usr/sbin/nologin\n",
    ),
    ("usr/share/base-passwd/group.master", "etc/group", "root:x:0:\nnogroup:x:65534:\nnonroot:x:65532:\n"),
];

pub(super) fn apply(tree: &mut Tree) -> Result<(), UnpackError> {
    for (master, path, minimal) in FILES {
        let bytes = tree.read(master)?.unwrap_or_else(|| minimal.as_bytes().to_vec());
        tree.add_file(path, bytes);
    }
    if tree.get("usr/share/base-passwd/passwd.master").is_none() {
        add_home(tree);
    }
    Ok(())
}

fn add_home(tree: &mut Tree) {
    use super::super::tree::{TreeKind, TreeNode};
    let (uid, gid) = (65532, 65532);
    if tree.get("home/nonroot").is_none() {
        let node = TreeNode { kind: TreeKind::Directory, mode: 0o700, uid, gid, owner: None };
        tree.insert("home/nonroot".to_owned(), node);
    }
}
