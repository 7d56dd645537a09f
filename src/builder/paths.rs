//! Paths of a project, as they may stand in what is written: never those of one machine.

use std::path::{Component, Path, PathBuf};

/// `to` as seen from `folder`: no path of this machine shall stand in an export.
pub(super) fn relative(folder: &Path, to: &Path) -> String {
    let (folder, to) = (names(folder), names(to));
    let common = folder.iter().zip(&to).take_while(|(one, other)| one == other).count();
    let up = std::iter::repeat_n("..".to_owned(), folder.len() - common);
    let down = to[common..].iter().cloned();
    let parts: Vec<String> = up.chain(down).collect();
    if parts.first().is_some_and(|first| first == "..") { parts.join("/") } else { format!("./{}", parts.join("/")) }
}

/// `path`, which counts from the working folder unless it is absolute, as a recipe in `folder` would write it.
pub(super) fn from_folder(folder: &Path, path: String) -> String {
    if Path::new(&path).is_absolute() {
        return path;
    }
    let relative = relative(folder, Path::new(&path));
    relative.strip_prefix("./").map(str::to_owned).unwrap_or(relative)
}

/// The names along a path from the root, `.` and `..` obeyed.
pub(super) fn names(path: &Path) -> Vec<String> {
    // Nothing is the working folder too.
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let absolute = std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path));
    let mut names = Vec::new();
    for part in absolute.components() {
        match part {
            Component::Normal(name) => names.push(name.to_string_lossy().into_owned()),
            Component::ParentDir => drop(names.pop()),
            _ => {}
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_from_where_the_export_lies() {
        let check = |folder: &str, to: &str, expect: &str| {
            assert_eq!(relative(Path::new(folder), Path::new(to)), expect);
        };
        check("/a/b", "/a/b/dist/x.whl", "./dist/x.whl");
        check("/a/b", "/a/b/../c/./x.whl", "../c/x.whl");
        check("/a/b/c", "/x.whl", "../../../x.whl");
        check("out", "dist/x.whl", "../dist/x.whl");
    }

    #[test]
    fn paths_are_written_as_in_the_recipe() {
        let check = |folder: &str, path: &str, expect: &str| {
            assert_eq!(from_folder(Path::new(folder), path.to_owned()), expect);
        };
        check(".", "base", "base");
        check("", "./base", "base");
        check("recipes", "recipes/base", "base");
        check("recipes", "base", "../base");
        check("recipes", "/srv/base", "/srv/base");
        check("..", "base", &format!("{}/base", std::env::current_dir().unwrap().file_name().unwrap().display()));
    }
}
