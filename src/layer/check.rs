//! What must hold of a layer's items before they are laid down.

use super::{Item, LayerError, Node};

/// Checks that items are sorted by path, distinct, that none stands below a file, and that each path
/// may stand in a layer.
pub(super) fn check_items(items: &[Item]) -> Result<(), LayerError> {
    for item in items {
        check_path(&item.path)?;
        if let Node::Hardlink(target) = &item.node {
            check_path(target)?;
        }
    }
    for pair in items.windows(2) {
        if pair[0].path.as_bytes() >= pair[1].path.as_bytes() {
            let reason = "a layer's entries are sorted and distinct";
            return Err(LayerError::Path { path: pair[1].path.clone(), reason });
        }
    }
    match items.iter().find_map(|item| below(items, item)) {
        Some(path) => Err(LayerError::Path { path: path.to_owned(), reason: "one of its folders is a file" }),
        None => Ok(()),
    }
}

/// A path below `item`, which is no directory.
fn below<'a>(items: &'a [Item], item: &Item) -> Option<&'a str> {
    if item.node == Node::Directory {
        return None;
    }
    let folder = format!("{}/", item.path);
    let next = items.partition_point(|other| other.path.as_bytes() < folder.as_bytes());
    items.get(next).map(|other| other.path.as_str()).filter(|path| path.starts_with(&folder))
}

fn check_path(path: &str) -> Result<(), LayerError> {
    let refuse = |reason| Err(LayerError::Path { path: path.to_owned(), reason });
    if path.contains('\0') {
        return refuse("it holds a NUL");
    }
    for component in path.split('/') {
        match component {
            "" | "." | ".." => return refuse("it is not canonical"),
            name if name.starts_with(".wh.") => return refuse("`.wh.` marks deleted files in layers"),
            _ => {}
        }
    }
    Ok(())
}
