//! Everything that a layer's tar says of each of its entries, so that two layers can be held against each other.

use std::{cell::Cell, fmt, io::Read, rc::Rc};

use super::{
    entries::{ENTRY_LIMIT, Guarded, HEADER_LIMIT},
    error::LayerError,
};
use crate::oci::{Digest, Hasher};

/// Bytes read at a time.
const PIECE: usize = 128 << 10;

/// The entries of a layer, in the order of its tar.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayerListing(Vec<ListedEntry>);

/// What a tar says of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ListedEntry {
    path: String,
    kind: u8,
    mode: u32,
    owner: (u64, u64),
    mtime: u64,
    link: Option<String>,
    size: u64,
    /// Of the contents.
    digest: Digest,
    /// Extended attributes and what else stands in headers of its own, digested.
    extended: Digest,
}

/// What the first entry that two layers have differently has, in each of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryDifference {
    /// From the root, without a leading slash.
    pub path: String,
    /// What about it differs.
    pub aspect: Aspect,
}

/// What may differ between two entries.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Aspect {
    /// Only the first layer has it.
    OnlyFirst,
    /// Only the second layer has it.
    OnlySecond,
    /// Both have it, in other places.
    Order,
    /// Something that is said of it, as each has it.
    Said(&'static str, String, String),
    /// Its bytes, by their digests.
    Contents(Digest, Digest),
}

impl LayerListing {
    /// Reads an uncompressed layer, up to the end of its tar.
    ///
    /// # Errors
    /// When it is no tar.
    pub fn read(tar: impl Read) -> Result<Self, LayerError> {
        let allowed = Rc::new(Cell::new(HEADER_LIMIT));
        let mut archive = tar::Archive::new(Guarded { inner: tar, allowed: Rc::clone(&allowed) });
        let mut listing = Self::default();
        let mut piece = vec![0; PIECE];
        for entry in archive.entries()? {
            let mut entry = entry?;
            if listing.0.len() == ENTRY_LIMIT {
                return Err(LayerError::TooManyEntries { limit: ENTRY_LIMIT });
            }
            allowed.set(entry.size().saturating_add(HEADER_LIMIT));
            let mut extended = Hasher::new();
            if let Some(extensions) = entry.pax_extensions()? {
                for extension in extensions {
                    let extension = extension?;
                    for part in [extension.key_bytes(), b"=", extension.value_bytes(), b"\n"] {
                        extended.update(part);
                    }
                }
            }
            let header = entry.header();
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let mut listed = ListedEntry {
                path: text(&entry.path_bytes()).trim_end_matches('/').to_owned(),
                kind: header.entry_type().as_byte(),
                mode: header.mode()?,
                owner: (header.uid()?, header.gid()?),
                mtime: header.mtime()?,
                link: entry.link_name_bytes().map(|link| text(&link)),
                size: entry.size(),
                digest: Digest::of(b""),
                extended: extended.finish(),
            };
            let mut contents = Hasher::new();
            loop {
                let count = entry.read(&mut piece)?;
                if count == 0 {
                    break;
                }
                contents.update(&piece[..count]);
            }
            listed.digest = contents.finish();
            listing.0.push(listed);
        }
        Ok(listing)
    }

    /// The first entry that `other` has differently; nothing where both say the same.
    #[must_use]
    pub fn first_difference(&self, other: &Self) -> Option<EntryDifference> {
        let pairs = self
            .0
            .iter()
            .map(Some)
            .chain(std::iter::repeat(None))
            .zip(other.0.iter().map(Some).chain(std::iter::repeat(None)));
        for pair in pairs {
            match pair {
                (None, None) => return None,
                (Some(first), Some(second)) if first == second => {}
                (Some(first), Some(second)) if first.path == second.path => {
                    let aspect = first.aspect(second);
                    return Some(EntryDifference { path: first.path.clone(), aspect });
                }
                (first, second) => return self.lone(other, (first, second)),
            }
        }
        None
    }

    /// Which of two entries at the same place only one layer has.
    fn lone(&self, other: &Self, pair: (Option<&ListedEntry>, Option<&ListedEntry>)) -> Option<EntryDifference> {
        let has = |listing: &Self, path: &str| listing.0.iter().any(|entry| entry.path == path);
        let difference = |entry: &ListedEntry, aspect| Some(EntryDifference { path: entry.path.clone(), aspect });
        match pair {
            (Some(first), _) if !has(other, &first.path) => difference(first, Aspect::OnlyFirst),
            (_, Some(second)) if !has(self, &second.path) => difference(second, Aspect::OnlySecond),
            (Some(first), _) => difference(first, Aspect::Order),
            (None, Some(second)) => difference(second, Aspect::OnlySecond),
            (None, None) => None,
        }
    }
}

impl ListedEntry {
    fn aspect(&self, other: &Self) -> Aspect {
        let said = |what, first: &dyn fmt::Display, second: &dyn fmt::Display| {
            Aspect::Said(what, first.to_string(), second.to_string())
        };
        let link = |entry: &Self| entry.link.clone().unwrap_or_else(|| "none".to_owned());
        if self.kind != other.kind {
            return said("the kind", &char::from(self.kind), &char::from(other.kind));
        }
        if self.mode != other.mode {
            return Aspect::Said("the mode", format!("{:04o}", self.mode), format!("{:04o}", other.mode));
        }
        if self.owner != other.owner {
            let owner = |entry: &Self| format!("{}:{}", entry.owner.0, entry.owner.1);
            return Aspect::Said("the owner", owner(self), owner(other));
        }
        if self.mtime != other.mtime {
            return said("the time", &self.mtime, &other.mtime);
        }
        if self.link != other.link {
            return Aspect::Said("the link", link(self), link(other));
        }
        if self.size != other.size {
            return said("the size", &self.size, &other.size);
        }
        if self.digest != other.digest {
            return Aspect::Contents(self.digest, other.digest);
        }
        said("the attributes", &self.extended, &other.extended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Change = fn(&mut tar::Header);

    /// A tar of files with these paths and contents, of which `change` changes each header.
    fn listing(files: &[(&str, &str)], change: Change) -> LayerListing {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(1);
            change(&mut header);
            tar.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        LayerListing::read(&tar.into_inner().unwrap()[..]).unwrap()
    }

    #[test]
    fn the_first_entry_that_differs_is_named() {
        let same: Change = |_| {};
        let files = [("a", "1"), ("b", "2"), ("c", "3")];
        let first = listing(&files, same);
        let check = |other: &LayerListing, path: &str, aspect: Aspect| {
            assert_eq!(first.first_difference(other), Some(EntryDifference { path: path.to_owned(), aspect }));
        };
        let said = |what, one: &str, two: &str| Aspect::Said(what, one.to_owned(), two.to_owned());
        assert_eq!(first.first_difference(&listing(&files, same)), None);
        check(&listing(&files, |header| header.set_mode(0o755)), "a", said("the mode", "0644", "0755"));
        check(&listing(&files, |header| header.set_mtime(2)), "a", said("the time", "1", "2"));
        check(&listing(&files, |header| header.set_uid(7)), "a", said("the owner", "0:0", "7:0"));
        let other = listing(&[("a", "1"), ("b", "x"), ("c", "3")], same);
        check(&other, "b", Aspect::Contents(Digest::of(b"2"), Digest::of(b"x")));
        check(&listing(&[("a", "1"), ("b", "22"), ("c", "3")], same), "b", said("the size", "1", "2"));
        check(&listing(&[("a", "1"), ("c", "3")], same), "b", Aspect::OnlyFirst);
        check(&listing(&[("a", "1"), ("aa", ""), ("b", "2"), ("c", "3")], same), "aa", Aspect::OnlySecond);
        check(&listing(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "")], same), "d", Aspect::OnlySecond);
        check(&listing(&[("b", "2"), ("a", "1"), ("c", "3")], same), "a", Aspect::Order);
    }
}
