//! `/etc/shells`, which `update-shells` puts together from what packages say of themselves: programs that
//! log users in refuse other shells.

use std::collections::BTreeSet;

use super::super::{UnpackError, tree::Tree};

const FOLDER: &str = "usr/share/debianutils/shells.d";
/// What `debianutils` begins the list with.
const HEAD: &str = "usr/share/debianutils/shells";

pub(super) fn apply(tree: &mut Tree) -> Result<(), UnpackError> {
    let files: Vec<String> = tree.list(FOLDER).map(|(name, _)| format!("{FOLDER}/{name}")).collect();
    let Some(head) = tree.read(HEAD)? else { return Ok(()) };
    let mut text = String::from_utf8_lossy(&head).into_owned();
    let mut known: BTreeSet<String> = text.lines().map(str::to_owned).collect();
    for file in files {
        let listed = tree.read(&file)?.unwrap_or_default();
        for shell in String::from_utf8_lossy(&listed).lines().filter(|line| line.starts_with('/')) {
            let name = shell.rsplit('/').next().unwrap_or(shell);
            // On a merged system a shell has two names.
            for path in [shell.to_owned(), format!("/usr/bin/{name}")] {
                if !known.contains(&path) && tree.look(path.trim_start_matches('/')).is_some() {
                    text += &path;
                    text.push('\n');
                    known.insert(path);
                }
            }
        }
    }
    tree.add_file("etc/shells", text);
    Ok(())
}
