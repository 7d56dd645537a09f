//! An image's files on disk. Where each goes is decided on the merged tree, before anything is written:
//! symbolic links come last, so that no path leads through one, or out of the folder.

use std::{
    fs::{self, DirBuilder, File, Permissions},
    io::{self, Read},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, symlink},
    path::Path,
};

use crate::base::{Kind, Tree};

/// Files that could not be unpacked: other names of files that a later layer replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gaps(pub Vec<String>);

/// Makes the folders of an image below `root`, which is empty.
///
/// # Errors
/// When they cannot be made.
pub fn prepare(tree: &Tree, root: &Path) -> io::Result<()> {
    for (path, _) in tree.iter().filter(|(_, node)| node.kind == Kind::Directory) {
        // Modes come at the end: some folders may not be written to.
        DirBuilder::new().recursive(true).mode(0o755).create(root.join(path))?;
    }
    for path in ["dev", "proc", "tmp"] {
        if tree.node(path).is_none() {
            DirBuilder::new().recursive(true).mode(0o755).create(root.join(path))?;
        }
    }
    Ok(())
}

/// Writes those files of the layer `number` that no later layer hides.
///
/// # Errors
/// When `tar` is none, or a file cannot be written.
pub fn layer(tree: &Tree, number: usize, tar: &mut dyn Read, root: &Path) -> io::Result<Gaps> {
    let mut archive = tar::Archive::new(tar);
    let mut gaps = Gaps::default();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let Some((place, node)) = tree.find_itself(&path) else { continue };
        if node.kind != Kind::File || node.layer != number {
            continue;
        }
        let to = root.join(&place);
        let kind = entry.header().entry_type();
        if kind.is_hard_link() {
            let target = entry.link_name_bytes().map(|name| String::from_utf8_lossy(&name).into_owned());
            let from = target.and_then(|target| tree.find_itself(&target)).map(|(target, _)| root.join(target));
            if from.is_none_or(|from| from == to || fs::copy(from, &to).is_err()) {
                gaps.0.push(place);
                continue;
            }
        } else if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
            let mut file = File::options().write(true).create(true).truncate(true).open(&to)?;
            io::copy(&mut entry, &mut file)?;
        } else {
            continue;
        }
        // Nothing here runs with the rights of its owner.
        fs::set_permissions(&to, Permissions::from_mode(node.mode & 0o777 | 0o400))?;
    }
    Ok(gaps)
}

/// Makes the symbolic links, and gives folders their modes.
///
/// # Errors
/// When they cannot be made.
pub fn finish(tree: &Tree, root: &Path) -> io::Result<()> {
    for (path, node) in tree.iter() {
        if let Kind::Symlink(target) = &node.kind {
            symlink(target, root.join(path))?;
        }
    }
    for (path, node) in tree.iter().filter(|(_, node)| node.kind == Kind::Directory) {
        // Whoever unpacks must be able to remove it again.
        fs::set_permissions(root.join(path), Permissions::from_mode(node.mode & 0o777 | 0o700))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::LayerEntries;

    /// A tar of these entries: `path text`, `path -> target` for a link, `path = target` for another name.
    fn tar(lines: &[&str]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o755);
            header.set_uid(0);
            header.set_gid(0);
            header.set_size(0);
            match words[..] {
                [path, "->", target] => {
                    header.set_entry_type(tar::EntryType::Symlink);
                    builder.append_link(&mut header, path, target).unwrap();
                }
                [path, "=", target] => {
                    header.set_entry_type(tar::EntryType::Link);
                    builder.append_link(&mut header, path, target).unwrap();
                }
                [path, text] => {
                    header.set_size(text.len() as u64);
                    builder.append_data(&mut header, path, text.as_bytes()).unwrap();
                }
                _ => panic!("{line}"),
            }
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn nothing_is_written_through_links() {
        let outside = tempfile::tempdir().unwrap();
        let evil = format!("way -> {}", outside.path().display());
        let layers = [
            tar(&["usr/lib/a one", "lib -> usr/lib", "usr/lib/b = usr/lib/a", &evil, "gone x"]),
            tar(&["lib/a two", "way/file three", ".wh.gone x"]),
        ];
        let mut tree = Tree::new();
        for tar in &layers {
            tree.merge(LayerEntries::read(&tar[..]).unwrap());
        }
        let root = tempfile::tempdir().unwrap();
        prepare(&tree, root.path()).unwrap();
        for (number, tar) in layers.iter().enumerate() {
            let gaps = layer(&tree, number, &mut &tar[..], root.path()).unwrap();
            assert_eq!(gaps.0.len(), usize::from(number == 0), "the other name of what a later layer replaces");
        }
        finish(&tree, root.path()).unwrap();
        assert_eq!(fs::read_to_string(root.path().join("usr/lib/a")).unwrap(), "two");
        assert_eq!(fs::read_link(root.path().join("lib")).unwrap(), Path::new("usr/lib"));
        assert!(!root.path().join("gone").exists());
        assert!(crate::fs::sorted_entries(outside.path()).unwrap().is_empty());
    }
}
