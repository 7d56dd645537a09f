//! What one layer says, before it is laid over others.
//!
//! [Image specification, layer](https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md).

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    io::{self, Read},
    rc::Rc,
    sync::Arc,
};

use tar::EntryType as Type;

use super::{error::LayerError, evidence::Evidence};
use crate::elf::{Collector, Detail, Elf, Malformed, Symbols};

/// Entries of a layer; the largest images have half a million.
pub(super) const ENTRY_LIMIT: usize = 4_000_000;
/// Linux allows 4096 bytes, its NUL included.
const PATH_LIMIT: usize = 4096;
/// Bytes of evidence that one layer's files may leave in memory.
pub(super) const EVIDENCE_LIMIT: usize = 256 << 20;
/// Bytes of the paths of a layer, and of directories that nothing but such a path makes.
pub(super) const NAMES_LIMIT: usize = 512 << 20;
/// Bytes of headers, long names and attributes of one entry.
pub(super) const HEADER_LIMIT: u64 = 8 << 20;

/// Marks the removal of what stands below.
const WHITEOUT: &str = ".wh.";
/// Marks the removal of all that stands in a directory below.
const OPAQUE: &str = ".wh..wh..opq";

/// Something that stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Permission bits, set-id and sticky included.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u64,
    /// Numeric group.
    pub gid: u64,
    /// Bytes of a regular file, else 0.
    pub size: u64,
}

/// The kinds of thing that stand at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link with this text.
    Symlink(String),
    /// Another name of the file at this path from the root.
    Hardlink(String),
    /// A device, a pipe.
    Other,
}

/// What one layer holds: its entries, what it takes away from the layers below, and what the bytes of
/// its files told while they passed. Paths have no leading or trailing slash.
///
/// The listing of a layer that was read once is kept in the store by the layer's diff id, so that
/// nothing asks for the layer's bytes again: [`read_layer`](super::read_layer).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayerEntries {
    pub(super) entries: BTreeMap<String, Recorded>,
    /// Paths that are gone from the layers below.
    pub(super) whiteouts: BTreeSet<String>,
    /// Directories of whose contents in the layers below nothing is left.
    pub(super) opaque: BTreeSet<String>,
}

/// An entry, and what its bytes told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recorded {
    pub(super) entry: Entry,
    pub(super) evidence: Option<Arc<Evidence>>,
    /// What it says as a program or library, or why none can load it.
    pub(super) elf: Option<Arc<Loadable>>,
}

/// Lets only so many bytes through until it is told anew.
pub(super) struct Guarded<R> {
    pub(super) inner: R,
    pub(super) allowed: Rc<Cell<u64>>,
}

impl LayerEntries {
    /// Reads an uncompressed layer, up to the end of its tar.
    ///
    /// # Errors
    /// When it is no tar, or holds paths that lead out of it.
    pub fn read(tar: impl Read) -> Result<Self, LayerError> {
        let allowed = Rc::new(Cell::new(HEADER_LIMIT));
        let mut archive = tar::Archive::new(Guarded { inner: tar, allowed: Rc::clone(&allowed) });
        let mut layer = Self::default();
        let mut stream = archive.entries()?;
        let (mut evidence, mut names, mut before) = (0, 0, String::new());
        let mut collector = Collector::new(Detail::Symbols);
        for count in 0.. {
            let Some(entry) = stream.next() else { break };
            let mut entry = entry?;
            if count == ENTRY_LIMIT {
                return Err(LayerError::TooManyEntries { limit: ENTRY_LIMIT });
            }
            // Names of any length are read into memory: what comes between two entries is bounded.
            let stored =
                if entry.header().entry_type().is_gnu_sparse() { entry.header().entry_size()? } else { entry.size() };
            allowed.set(stored.saturating_add(HEADER_LIMIT));
            let Some(path) = clean_path(&entry.path_bytes())? else { continue };
            names += spread(&before, &path) + entry.link_name_bytes().map_or(0, |target| target.len());
            if names > NAMES_LIMIT {
                return Err(LayerError::TooManyNames { limit: NAMES_LIMIT });
            }
            before.clone_from(&path);
            evidence += layer.add(path, &mut entry, &mut collector)?;
            if evidence > EVIDENCE_LIMIT {
                return Err(LayerError::TooMuchText { limit: EVIDENCE_LIMIT });
            }
        }
        Ok(layer)
    }

    /// Everything that stands in the layer, by its path, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(path, recorded)| (path.as_str(), &recorded.entry))
    }

    /// The paths that are gone from the layers below, sorted.
    pub fn whiteouts(&self) -> impl Iterator<Item = &str> {
        self.whiteouts.iter().map(String::as_str)
    }

    /// The directories of whose contents in the layers below nothing is left, sorted; the root is empty.
    pub fn opaque(&self) -> impl Iterator<Item = &str> {
        self.opaque.iter().map(String::as_str)
    }

    /// Adds the entry that stands at `path`, and says how many bytes of evidence it left.
    fn add<R: Read>(
        &mut self,
        path: String,
        source: &mut tar::Entry<'_, R>,
        collector: &mut Collector,
    ) -> Result<usize, LayerError> {
        if self.take_mark(&path) {
            return Ok(0);
        }
        let Some(entry) = entry(source)? else { return Ok(0) };
        let (evidence, elf) = match entry.kind {
            Kind::File => read_file(&path, entry.size, source, collector)?,
            _ => (None, None),
        };
        let recorded = Recorded { entry, evidence, elf };
        let weight = recorded.weight();
        self.entries.insert(path, recorded);
        Ok(weight)
    }

    /// Whether `path` is no file but a mark that something below is gone, which is then noted.
    pub(super) fn take_mark(&mut self, path: &str) -> bool {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        if name == OPAQUE {
            self.opaque.insert(parent.to_owned());
            return true;
        }
        let Some(name) = name.strip_prefix(WHITEOUT) else { return false };
        // Other names of this form are the private notes of a storage driver.
        if !name.starts_with(WHITEOUT) && !name.is_empty() {
            self.whiteouts.insert(join(parent, name));
        }
        true
    }
}

impl Recorded {
    /// What it says of symbols, as a program or library.
    pub(super) fn symbols(&self) -> Option<&Symbols> {
        self.elf.as_deref()?.as_ref().ok()?.symbols.as_ref()
    }

    /// The same, to be filled, of an entry that nobody else holds.
    pub(super) fn symbols_mut(&mut self) -> Option<&mut Symbols> {
        Arc::get_mut(self.elf.as_mut()?)?.as_mut().ok()?.symbols.as_mut()
    }

    /// About how many bytes of evidence there are.
    pub(super) fn weight(&self) -> usize {
        weight(self.evidence.as_deref(), self.elf.as_deref())
    }
}

/// A program or library, or why none can load it.
pub(super) type Loadable = Result<Elf, Malformed>;
/// What the bytes of a file told.
pub(super) type Told = (Option<Arc<Evidence>>, Option<Arc<Loadable>>);

/// About how many bytes what a file told takes.
pub(super) fn weight(evidence: Option<&Evidence>, elf: Option<&Loadable>) -> usize {
    evidence.map_or(0, Evidence::weight) + elf.and_then(|elf| elf.as_ref().ok()).map_or(0, Elf::weight)
}

/// What a file's bytes tell, read once.
pub(super) fn read_file(path: &str, size: u64, source: &mut impl Read, collector: &mut Collector) -> io::Result<Told> {
    collector.begin(size);
    let mut seen = Seen { inner: source, collector };
    let mut first = Vec::new();
    seen.by_ref().take(4).read_to_end(&mut first)?;
    let evidence = Evidence::read(path, size, &mut (&first[..]).chain(&mut seen))?;
    if first == *b"\x7fELF" {
        io::copy(&mut seen, &mut io::sink())?;
    }
    Ok((evidence.map(Arc::new), collector.finish().settled().map(Arc::new)))
}

/// Shows a collector what is read.
struct Seen<'a, R> {
    inner: &'a mut R,
    collector: &'a mut Collector,
}

impl<R: Read> Read for Seen<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.collector.write(&buffer[..count]);
        Ok(count)
    }
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let left = self.allowed.get().checked_sub(count as u64);
        self.allowed.set(left.ok_or_else(|| io::Error::other("the headers of an entry are too large"))?);
        Ok(count)
    }
}

/// Bytes of the names that `path` and the directories on the way to it may have to themselves, where `before` is the
/// entry in front of it.
pub(super) fn spread(before: &str, path: &str) -> usize {
    let shared = before.bytes().zip(path.bytes()).take_while(|(one, other)| one == other).count();
    let directories = path.bytes().skip(shared).filter(|byte| *byte == b'/').count();
    path.len() * (1 + directories)
}

/// `name` in the directory `parent`, which may be the root.
pub(super) fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") }
}

/// The path without `./`, doubled and trailing slashes; nothing for the root itself. Bytes that are
/// no UTF-8 are replaced: no path that matters has any.
pub(super) fn clean_path(bytes: &[u8]) -> Result<Option<String>, LayerError> {
    let text = String::from_utf8_lossy(bytes);
    // Most are clean, and taking them to pieces is a good part of noting a layer of small files.
    let is_clean = bytes.len() < PATH_LIMIT
        && !bytes.contains(&0)
        && bytes.split(|byte| *byte == b'/').all(|component| !component.is_empty() && !component.starts_with(b"."));
    if is_clean {
        return Ok(Some(text.into_owned()));
    }
    let components: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if bytes.len() >= PATH_LIMIT || bytes.contains(&0) || components.contains(&"..") {
        return Err(LayerError::Path { path: text.escape_debug().take(100).collect() });
    }
    Ok(if components.is_empty() { None } else { Some(components.join("/")) })
}

/// What the header says; nothing for entries that are no part of a file system.
fn entry<R: Read>(source: &tar::Entry<'_, R>) -> Result<Option<Entry>, LayerError> {
    let header = source.header();
    let link = || match source.link_name_bytes() {
        Some(bytes) if bytes.len() < PATH_LIMIT => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        _ => Err(LayerError::Path {
            path: String::from_utf8_lossy(&source.path_bytes()).escape_debug().take(100).collect(),
        }),
    };
    let kind = match header.entry_type() {
        Type::Directory => Kind::Directory,
        Type::Symlink => Kind::Symlink(link()?),
        Type::Link => match clean_path(link()?.as_bytes())? {
            Some(target) => Kind::Hardlink(target),
            None => return Ok(None),
        },
        Type::Char | Type::Block | Type::Fifo => Kind::Other,
        Type::XGlobalHeader => return Ok(None),
        _ => Kind::File,
    };
    let size = if kind == Kind::File { source.size() } else { 0 };
    Ok(Some(Entry { kind, mode: header.mode()? & 0o7777, uid: header.uid()?, gid: header.gid()?, size }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_or_refused() {
        let check = |path: &str, expect: Option<&str>| {
            assert_eq!(clean_path(path.as_bytes()).unwrap().as_deref(), expect, "{path}");
        };
        check("./usr//lib/", Some("usr/lib"));
        check("/etc/passwd", Some("etc/passwd"));
        check("./", None);
        for path in ["../x", "a/../../x", "a\0b", &"x/".repeat(3000)] {
            assert!(clean_path(path.as_bytes()).is_err(), "{path}");
        }
    }

    #[test]
    fn endless_names_are_refused() {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::GNULongName);
        header.set_size(1 << 40);
        header.set_cksum();
        let tar = io::Cursor::new(header.as_bytes().to_vec()).chain(io::repeat(b'x'));
        let error = LayerEntries::read(tar).unwrap_err();
        assert!(matches!(error, LayerError::Read { .. }), "{error}");
    }

    #[test]
    fn deep_directories_are_counted() {
        assert_eq!([spread("", "a/b"), spread("a/b", "a/c"), spread("a/b", "c/d/e")], [6, 3, 15]);
        let mut tar = tar::Builder::new(Vec::new());
        for number in 0..100 {
            let mut header = tar::Header::new_gnu();
            header.set_size(0);
            header.set_mode(0o644);
            header.set_uid(0);
            header.set_gid(0);
            tar.append_data(&mut header, format!("{number}/{}x", "a/".repeat(2000)), io::empty()).unwrap();
        }
        let error = LayerEntries::read(&tar.into_inner().unwrap()[..]).unwrap_err();
        assert!(matches!(error, LayerError::TooManyNames { .. }), "{error}");
    }

    #[test]
    fn what_is_no_tar_is_refused() {
        assert!(LayerEntries::read(io::repeat(b'x').take(100_000)).is_err());
        assert!(LayerEntries::read(&b""[..]).unwrap().entries.is_empty());
    }
}
