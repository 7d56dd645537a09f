//! Small .debs, made in code.

use super::{Packed, UnpackError, pack};
use crate::store::Store;

/// A .deb under construction.
pub(super) struct FakeDeb {
    control: String,
    scripts: Vec<(String, String)>,
    tar: tar::Builder<Vec<u8>>,
}

impl FakeDeb {
    pub(super) fn new(name: &str) -> Self {
        let control = format!("Package: {name}\nVersion: 1.0\nArchitecture: all\n");
        Self { control, scripts: Vec::new(), tar: tar::Builder::new(Vec::new()) }
    }

    pub(super) fn field(mut self, line: &str) -> Self {
        self.control += line;
        self.control += "\n";
        self
    }

    pub(super) fn script(mut self, name: &str, text: &str) -> Self {
        self.scripts.push((name.to_owned(), text.to_owned()));
        self
    }

    pub(super) fn file(self, path: &str, contents: &[u8]) -> Self {
        self.entry(tar::EntryType::Regular, path, "", contents)
    }

    pub(super) fn directory(self, path: &str) -> Self {
        self.entry(tar::EntryType::Directory, path, "", b"")
    }

    pub(super) fn symlink(self, path: &str, target: &str) -> Self {
        self.entry(tar::EntryType::Symlink, path, target, b"")
    }

    pub(super) fn hardlink(self, path: &str, target: &str) -> Self {
        self.entry(tar::EntryType::Link, path, target, b"")
    }

    /// Any entry, however hostile: the path is written as it is.
    pub(super) fn entry(mut self, kind: tar::EntryType, path: &str, target: &str, contents: &[u8]) -> Self {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(if kind.is_dir() { 0o755 } else { 0o644 });
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_700_000_000);
        header.set_size(contents.len() as u64);
        let gnu = header.as_gnu_mut().unwrap();
        for (field, text) in [(&mut gnu.name, path), (&mut gnu.linkname, target)] {
            if text.len() <= 100 {
                field[..text.len()].copy_from_slice(text.as_bytes());
            }
        }
        if path.len() > 100 {
            let mut long = header.clone();
            long.set_entry_type(tar::EntryType::GNULongName);
            long.set_size(path.len() as u64 + 1);
            long.set_cksum();
            self.tar.append(&long, format!("{path}\0").as_bytes()).unwrap();
        }
        header.set_cksum();
        self.tar.append(&header, contents).unwrap();
        self
    }

    pub(super) fn build(self) -> Vec<u8> {
        let mut control = tar::Builder::new(Vec::new());
        let scripts = self.scripts.iter().map(|(name, text)| (name.as_str(), text.as_bytes()));
        for (name, bytes) in
            [("control", self.control.as_bytes()), ("md5sums", b"0  usr/x\n")].into_iter().chain(scripts)
        {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            control.append_data(&mut header, name, bytes).unwrap();
        }
        let mut deb = b"!<arch>\n".to_vec();
        let members = [
            ("debian-binary", b"2.0\n".to_vec()),
            ("control.tar", control.into_inner().unwrap()),
            ("data.tar", self.tar.into_inner().unwrap()),
        ];
        for (name, bytes) in members {
            let fields = (0, 0, 0, "100644", bytes.len());
            let (time, user, group, mode, size) = fields;
            deb.extend(format!("{name:<16}{time:<12}{user:<6}{group:<6}{mode:<8}{size:<10}`\n").bytes());
            deb.extend(bytes);
        }
        deb
    }

    pub(super) fn pack(self, store: &Store) -> Result<Packed, UnpackError> {
        let blob = store.put(&self.build()).unwrap();
        pack(store, &blob)
    }
}
