//! What must hold of a layer's items before they are laid down.

use super::{Item, LayerError, Node};

/// Checks that items are sorted by path, distinct, and that each path may stand in a layer.
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
    Ok(())
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
