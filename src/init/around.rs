//! What lies beside the source of a draft.

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A file.
    File,
    /// A folder.
    Folder,
}

/// The folder in which the recipe will stand, with all below it.
pub trait Around {
    /// What is at `path`.
    fn look(&self, path: &str) -> Option<Found>;

    /// The text of the file at `path`, if it is there and text.
    fn read(&self, path: &str) -> Option<String>;

    /// The names of what is in the folder itself, sorted.
    fn list(&self) -> Vec<String>;

    /// The name of the folder, if it has one.
    fn name(&self) -> Option<String>;
}

/// Whether `name` is what `pattern` means, in which `*` stands for any letters and `?` for one.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    // Where the last star stands, and how much of the name it takes so far.
    let (mut at, mut position, mut star) = (0, 0, None::<(usize, usize)>);
    while position < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, position));
                at += 1;
            }
            Some(letter) if *letter == b'?' || *letter == name[position] => {
                at += 1;
                position += 1;
            }
            _ => match star {
                Some((starred, taken)) => {
                    star = Some((starred, taken + 1));
                    (at, position) = (starred + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|letter| *letter == b'*')
}
