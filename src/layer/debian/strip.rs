//! What is left out of packages.

/// Files that an image can do without. Licences (`copyright`) always stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strip {
    /// `/usr/share/doc`, `doc-base`, `info`, `lintian`, `bug`.
    Documentation,
    /// `/usr/share/man`.
    Manuals,
    /// Translations, `/usr/share/locale`.
    Locales,
    /// Everything at and below a path, given without a leading slash; `*` is any part of a name.
    Below(String),
}

impl Strip {
    fn folders(&self) -> Vec<&str> {
        match self {
            Self::Documentation => {
                vec!["usr/share/doc", "usr/share/doc-base", "usr/share/info", "usr/share/lintian", "usr/share/bug"]
            }
            Self::Manuals => vec!["usr/share/man"],
            Self::Locales => vec!["usr/share/locale"],
            Self::Below(folder) => vec![folder],
        }
    }

    /// Whether the file at `path` is left out.
    pub(super) fn takes(&self, path: &str) -> bool {
        let licence = path.starts_with("usr/share/doc/") && path.ends_with("/copyright");
        !licence && self.folders().iter().any(|folder| is_within(path, folder))
    }
}

fn is_within(path: &str, folder: &str) -> bool {
    let mut names = path.split('/');
    folder.split('/').all(|pattern| names.next().is_some_and(|name| fits(name, pattern)))
}

fn fits(name: &str, pattern: &str) -> bool {
    let Some((before, rest)) = pattern.split_once('*') else { return name == pattern };
    let Some(name) = name.strip_prefix(before) else { return false };
    let mut ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
    ends.any(|at| fits(&name[at..], rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_take_whole_folders() {
        let check = |pattern: &str, path: &str, expect: bool| {
            assert_eq!(Strip::Below(pattern.to_owned()).takes(path), expect, "{pattern} {path}");
        };
        check("usr/share/icons", "usr/share/icons", true);
        check("usr/share/icons", "usr/share/icons/a/b.png", true);
        check("usr/share/icons", "usr/share/icons-more", false);
        check("usr/lib/*/gconv", "usr/lib/x86_64-linux-gnu/gconv/A.so", true);
        check("usr/lib/*/gconv", "usr/lib/gconv", false);
        check("usr/lib/*.so.*", "usr/lib/liba.so.1", true);
        check("usr/lib/*.so.*", "usr/lib/liba.so", false);
        check("usr/share/doc", "usr/share/doc/a/README", true);
        check("usr/share/doc", "usr/share/doc/a/copyright", false);
    }
}
