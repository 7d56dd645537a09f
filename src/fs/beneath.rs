//! Folders that are held open. What is opened in one is in it, whatever is renamed or linked meanwhile:
//! names are looked up in the folder itself, one at a time, and links are not followed.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::{
        fd::AsRawFd as _,
        unix::ffi::{OsStrExt as _, OsStringExt as _},
    },
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, readlinkat, statat, unlinkat};

/// A folder that is held open.
#[derive(Debug)]
pub struct Folder(File);

/// What stands in a folder under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A socket, a device, or a pipe.
    Other,
}

impl Folder {
    /// Holds the folder at `path` open, which may be a link to one: whoever names it means where it leads.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn hold(path: &Path) -> io::Result<Self> {
        File::open(path).map(Self)
    }

    /// A path to the folder that leads to it, and nowhere else, for as long as it is held: whatever happens to `path`,
    /// by which it was found. Where the kernel has no such path, `path`.
    #[must_use]
    pub fn place(&self, path: &Path) -> PathBuf {
        let held = PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()));
        if held.exists() { held } else { path.to_owned() }
    }

    /// The names in the folder, sorted by their bytes, with what stands there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn entries(&self) -> io::Result<Vec<(OsString, Kind)>> {
        let mut entries = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let name = OsString::from_vec(name.to_vec());
            let kind = match entry.file_type() {
                // Some file systems do not tell in the listing.
                FileType::Unknown => {
                    let found = statat(&self.0, name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW)?;
                    FileType::from_raw_mode(found.st_mode)
                }
                kind => kind,
            };
            entries.push((name, Kind::of(kind)));
        }
        entries.sort();
        Ok(entries)
    }

    /// The folder called `name` in this one.
    ///
    /// # Errors
    /// When it is no folder any more, or cannot be opened.
    pub fn folder(&self, name: &OsStr) -> io::Result<Self> {
        self.open(name, OFlags::DIRECTORY).map(Self)
    }

    /// The file called `name` in this folder, to be read. Does not wait for the other end of a pipe that has
    /// taken its place.
    ///
    /// # Errors
    /// When it has become a link, or cannot be opened.
    pub fn file(&self, name: &OsStr) -> io::Result<File> {
        self.open(name, OFlags::NONBLOCK)
    }

    /// Removes the folder called `name` in this one, which must be empty.
    ///
    /// # Errors
    /// When it is not, or is no folder.
    pub fn remove_folder(&self, name: &OsStr) -> io::Result<()> {
        plain(name)?;
        Ok(unlinkat(&self.0, name.as_bytes(), AtFlags::REMOVEDIR)?)
    }

    /// Where the link called `name` leads.
    ///
    /// # Errors
    /// When it is no link any more.
    pub fn link(&self, name: &OsStr) -> io::Result<PathBuf> {
        let target = readlinkat(&self.0, name.as_bytes(), Vec::new())?;
        Ok(PathBuf::from(OsString::from_vec(target.into_bytes())))
    }

    fn open(&self, name: &OsStr, more: OFlags) -> io::Result<File> {
        plain(name)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | more;
        Ok(File::from(openat(&self.0, name.as_bytes(), flags, Mode::empty())?))
    }
}

/// Whether a name is one, and no way.
fn plain(name: &OsStr) -> io::Result<()> {
    let is_way = name.as_bytes().contains(&b'/') || name == "..";
    if is_way { Err(io::ErrorKind::InvalidInput.into()) } else { Ok(()) }
}

impl Kind {
    fn of(kind: FileType) -> Self {
        match kind {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Folder,
            FileType::Symlink => Self::Link,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::fs::write_atomic;

    #[test]
    fn what_is_opened_lies_in_the_folder() {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().join("root");
        write_atomic(&temporary.path().join("secret/file"), b"secret").unwrap();
        write_atomic(&root.join("in/file"), b"open").unwrap();
        symlink("../secret/file", root.join("link")).unwrap();
        symlink("../secret", root.join("linked")).unwrap();
        let folder = Folder::hold(&root).unwrap();
        let names: Vec<_> = folder.entries().unwrap();
        let expect = [("in", Kind::Folder), ("link", Kind::Link), ("linked", Kind::Link)];
        assert_eq!(names, expect.map(|(name, kind)| (OsString::from(name), kind)));
        assert!(folder.file("link".as_ref()).is_err());
        assert!(folder.folder("linked".as_ref()).is_err());
        for way in ["../secret", "..", "linked/file", "in/file"] {
            assert!(folder.file(way.as_ref()).is_err() && folder.folder(way.as_ref()).is_err(), "{way}");
            assert!(folder.remove_folder(way.as_ref()).is_err(), "{way}");
        }
        assert_eq!(folder.link("link".as_ref()).unwrap(), Path::new("../secret/file"));

        // Held: whatever takes its name meanwhile.
        let held = folder.folder("in".as_ref()).unwrap();
        std::fs::rename(root.join("in"), temporary.path().join("away")).unwrap();
        symlink("../secret", root.join("in")).unwrap();
        let text = io::read_to_string(held.file("file".as_ref()).unwrap()).unwrap();
        assert_eq!(text, "open");
        assert!(folder.folder("in".as_ref()).is_err());

        write_atomic(&held.place(&root.join("in")).join("new"), b"new").unwrap();
        assert_eq!(std::fs::read(temporary.path().join("away/new")).unwrap(), b"new");
        assert!(!temporary.path().join("secret/new").exists());
    }
}
