//! A .deb read once: every file deflated on its own into one file of the store.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
};

use flate2::{Compression, write::DeflateEncoder};

use super::{
    Entry, Index, Kind, Packed, Stretch, UnpackError, contents,
    entries::{self, Header, HeaderKind},
    library::{Library, is_library_name},
};
use crate::{
    debian::{Deb, Paragraph, Version, package_name},
    elf::{self, Collected, Collector, Detail},
    layer::fingerprint,
    oci::Hasher,
    store::{Blob, Ingest, Store},
};

/// Files up to this size are held in memory, one at a time; larger ones stream.
const IN_MEMORY: u64 = 8 << 20;
/// Most bytes that come out of one .deb.
const TOTAL_LIMIT: u64 = 64 << 30;
/// Most bytes of a path, or of the target of a link: `PATH_MAX`.
const PATH_LIMIT: usize = 4096;
/// Most bytes of all names of one .deb, targets and attributes among them; the largest in Debian have some million.
const NAMES_LIMIT: u64 = 256 << 20;
/// Most entries of one .deb; the largest in Debian have some hundred thousand.
const ENTRIES_LIMIT: u64 = 2_000_000;
const BUFFER: usize = 128 << 10;
const LEVEL: Compression = Compression::new(6);

/// The packed form of `deb`, made now unless it lies in the store. The same .deb gives the same bytes.
/// Memory: some 20 MiB, [`elf::MEMORY_LIMIT`] for large libraries, and the window of the .deb's compression, whatever the size.
///
/// # Errors
/// When this build's compressor is not that of the layer format, when the .deb is damaged or malformed, holds something that no image should get (a device, a path
/// with `..`), or the store cannot be written.
pub fn pack(store: &Store, deb: &Blob) -> Result<Packed, UnpackError> {
    if let Some(packed) = Packed::recall(store, deb.digest()) {
        return Ok(packed);
    }
    fingerprint::deflate()?;
    check(store, deb)?;
    let package = deb.digest().to_string();
    let mut opened = open(deb, &package)?;
    let control = &opened.control_files()["control"];
    let malformed = |source| UnpackError::Malformed { package: package.clone(), source };
    let paragraph = Paragraph::parse("control", control).map_err(malformed)?;
    let field = |field| paragraph.require("control", field).map(str::to_owned).map_err(malformed);
    let (package, version, architecture) = (field("Package")?, field("Version")?, field("Architecture")?);
    package_name(&package).map_err(malformed)?;
    version.parse::<Version>().map_err(malformed)?;

    let keep = |source| UnpackError::Keep { package: package.clone(), source };
    let ingest = store.ingest().map_err(keep)?;
    let mut packer = Packer::new(&package, ingest);
    let mut control_files = BTreeMap::new();
    for (name, bytes) in opened.control_files() {
        control_files.insert(name.clone(), packer.add(bytes).map_err(packer.cannot_read(name))?);
    }
    let data = opened.data().map_err(|source| UnpackError::Malformed { package: package.clone(), source })?;
    packer.read_data(data)?;
    let Packer { ingest, entries, unnamed, .. } = packer;
    let blob = ingest.commit().map_err(keep)?;
    let index = Index {
        replaces: paragraph.get("Replaces").unwrap_or_default().to_owned(),
        version,
        architecture,
        control_files,
        entries,
        contents: *blob.digest(),
        package: package.clone(),
    };
    let mut result = Packed { index, blob };
    result.name_libraries(&unnamed)?;
    result.remember(store, deb.digest())?;
    Ok(result)
}

/// The bytes against the digest: what was downloaded was checked, but disks forget.
fn check(store: &Store, deb: &Blob) -> Result<(), UnpackError> {
    let package = deb.digest().to_string();
    let mut hasher = Hasher::new();
    deb.open().and_then(|mut file| io::copy(&mut file, &mut hasher)).map_err(cannot_read(&package, "the file"))?;
    if hasher.finish() != *deb.digest() {
        store.evict(deb.digest()).map_err(|source| UnpackError::Keep { package: package.clone(), source })?;
        return Err(UnpackError::Damaged { digest: package });
    }
    Ok(())
}

fn open(deb: &Blob, package: &str) -> Result<Deb<io::BufReader<std::fs::File>>, UnpackError> {
    let file = deb.open().map_err(cannot_read(package, "the file"))?;
    Deb::read(io::BufReader::with_capacity(BUFFER, file))
        .map_err(|source| UnpackError::Malformed { package: package.to_owned(), source })
}

fn cannot_read(package: &str, what: &str) -> impl FnOnce(io::Error) -> UnpackError + use<> {
    let (package, what) = (package.to_owned(), what.to_owned());
    |source| UnpackError::Read { package, what, source }
}

struct Packer<'a> {
    package: &'a str,
    ingest: Ingest,
    entries: Vec<Entry>,
    /// Bytes of names so far.
    names: u64,
    /// Which of the entries are libraries that have yet to be asked for their names.
    unnamed: Vec<usize>,
    /// One for all files: to set one up takes as long as to compress a small file.
    encoder: DeflateEncoder<Vec<u8>>,
    /// Memory of the file before, for the next one: plain, and deflated.
    plain: Vec<u8>,
    deflated: Vec<u8>,
}

/// Errors on the way through a tar: of the tar, or of what it holds.
enum Visit {
    Tar(io::Error),
    Entry(UnpackError),
}

impl From<io::Error> for Visit {
    fn from(source: io::Error) -> Self {
        Self::Tar(source)
    }
}

impl<'a> Packer<'a> {
    fn new(package: &'a str, ingest: Ingest) -> Self {
        let encoder = DeflateEncoder::new(Vec::new(), LEVEL);
        let (entries, unnamed, plain, deflated) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { package, ingest, entries, names: 0, unnamed, encoder, plain, deflated }
    }

    fn cannot_read(&self, what: &str) -> impl FnOnce(io::Error) -> UnpackError + use<> {
        cannot_read(self.package, what)
    }

    fn read_data(&mut self, data: impl Read) -> Result<(), UnpackError> {
        let mut data = data.take(TOTAL_LIMIT);
        entries::for_each(&mut data, |header, contents| self.take_in(header, contents).map_err(Visit::Entry)).map_err(
            |error| match error {
                Visit::Tar(source) => cannot_read(self.package, "data.tar")(source),
                Visit::Entry(error) => error,
            },
        )?;
        // The checksums of the compression stand at the end, behind the padding of the tar.
        io::copy(&mut data, &mut io::sink()).map_err(self.cannot_read("data.tar"))?;
        if data.limit() == 0 { Err(self.too_much(TOTAL_LIMIT, "bytes")) } else { Ok(()) }
    }

    fn take_in(&mut self, header: Header, contents: &mut dyn Read) -> Result<(), UnpackError> {
        let Some(path) = self.canonical(&header.path)? else { return Ok(()) };
        if self.entries.len() as u64 >= ENTRIES_LIMIT {
            return Err(self.too_much(ENTRIES_LIMIT, "entries"));
        }
        let kind = match header.kind {
            HeaderKind::Directory => Kind::Directory,
            HeaderKind::Symlink(target) if target.len() >= PATH_LIMIT => {
                return Err(self.refuse(&header.path, "is a symbolic link to a longer path than Linux takes"));
            }
            HeaderKind::Symlink(target) if target.is_empty() || target.contains('\0') => {
                return Err(self.refuse(&header.path, "is a symbolic link to nothing"));
            }
            HeaderKind::Symlink(target) => Kind::Symlink(target),
            HeaderKind::Hardlink(target) => match self.canonical(&target)? {
                Some(target) => Kind::Hardlink(target),
                None => return Err(self.refuse(&header.path, "is a hard link to the root")),
            },
            HeaderKind::File => self.file(&path, header.size, contents).map_err(self.cannot_read(&path))?,
            HeaderKind::Foreign => return Err(self.refuse(&header.path, "is neither file, directory nor link")),
        };
        let Header { mode, uid, gid, mtime, xattrs, .. } = header;
        let target = if let Kind::Symlink(target) | Kind::Hardlink(target) = &kind { target.len() } else { 0 };
        self.names += (path.len() + target + xattrs.values().map(Vec::len).sum::<usize>()) as u64;
        if self.names > NAMES_LIMIT {
            return Err(self.too_much(NAMES_LIMIT, "bytes of names"));
        }
        self.entries.push(Entry { path, mode, uid, gid, mtime, kind, xattrs });
        Ok(())
    }

    fn file(&mut self, path: &str, size: u64, contents: &mut dyn Read) -> io::Result<Kind> {
        let named = is_library_name(path.rsplit('/').next().unwrap_or(path));
        if size > IN_MEMORY {
            let mut collector = named.then(|| Collector::new(Detail::Linking));
            let contents = self.stream(size, contents, collector.as_mut())?;
            let library = match collector.map(|mut collector| collector.finish()) {
                Some(Collected::Elf(elf)) => Library::of(elf.object),
                Some(Collected::Unread(_)) => {
                    self.unnamed.push(self.entries.len());
                    None
                }
                _ => None,
            };
            return Ok(Kind::File { contents, library });
        }
        let mut bytes = std::mem::take(&mut self.plain);
        bytes.clear();
        contents.take(size).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // What is malformed is no library to the cache.
        let elf = if named { elf::read(&bytes, Detail::Linking).ok().flatten() } else { None };
        let library = elf.and_then(|elf| Library::of(elf.object));
        let contents = self.add(&bytes)?;
        self.plain = bytes;
        Ok(Kind::File { contents, library })
    }

    /// A small file: deflated, or plain where that is shorter.
    fn add(&mut self, bytes: &[u8]) -> io::Result<Stretch> {
        self.encoder.write_all(bytes)?;
        let mut deflated = self.encoder.reset(std::mem::take(&mut self.deflated))?;
        let shrunk = deflated.len() < bytes.len();
        let offset = self.ingest.size();
        self.ingest.write_all(if shrunk { &deflated } else { bytes })?;
        deflated.clear();
        self.deflated = deflated;
        Ok(Stretch {
            offset,
            compressed: self.ingest.size() - offset,
            size: bytes.len() as u64,
            crc32: crc32fast::hash(bytes),
            deflated: shrunk,
        })
    }

    /// A large file, deflated in any case: one that does not shrink grows by a few hundredths of a
    /// per cent. The encoder is always given full buffers, so that its output depends on nothing else.
    fn stream(
        &mut self,
        size: u64,
        contents: &mut dyn Read,
        mut collector: Option<&mut Collector>,
    ) -> io::Result<Stretch> {
        if let Some(collector) = &mut collector {
            collector.begin(size);
        }
        let offset = self.ingest.size();
        let (mut crc, mut count) = (crc32fast::Hasher::new(), 0);
        let mut buffer = Vec::with_capacity(BUFFER);
        loop {
            buffer.clear();
            Read::take(&mut *contents, BUFFER as u64).read_to_end(&mut buffer)?;
            if buffer.is_empty() {
                break;
            }
            crc.update(&buffer);
            count += buffer.len() as u64;
            self.encoder.write_all(&buffer)?;
            self.ingest.write_all(self.encoder.get_ref())?;
            self.encoder.get_mut().clear();
            if let Some(collector) = &mut collector {
                collector.write(&buffer);
            }
        }
        let rest = self.encoder.reset(Vec::new())?;
        self.ingest.write_all(&rest)?;
        if count != size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let compressed = self.ingest.size() - offset;
        Ok(Stretch { offset, compressed, size, crc32: crc.finalize(), deflated: true })
    }

    /// The path from the root; none for the root itself.
    fn canonical(&self, path: &str) -> Result<Option<String>, UnpackError> {
        if path.len() >= PATH_LIMIT {
            return Err(self.refuse(path, "is a longer path than Linux takes"));
        }
        if path.starts_with('/') || path.contains('\0') || path.split('/').any(|part| part == "..") {
            return Err(self.refuse(path, "leaves the tree"));
        }
        let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        Ok((!parts.is_empty()).then(|| parts.join("/")))
    }

    fn refuse(&self, path: &str, reason: &'static str) -> UnpackError {
        let path = path.chars().flat_map(char::escape_debug).take(512).collect();
        UnpackError::Entry { package: self.package.to_owned(), path, reason }
    }

    fn too_much(&self, limit: u64, unit: &'static str) -> UnpackError {
        UnpackError::TooMuch { package: self.package.to_owned(), limit, unit }
    }
}

impl Packed {
    /// Reads the libraries among the entries at `positions` once more: what they say of themselves lies
    /// where nothing was expected when they streamed past.
    fn name_libraries(&mut self, positions: &[usize]) -> Result<(), UnpackError> {
        let mut collector = Collector::new(Detail::Linking);
        for position in positions {
            let Entry { path, kind: Kind::File { contents, .. }, .. } = &self.index.entries[*position] else {
                continue;
            };
            let span = self.span(contents);
            let collected = elf::read_stream(&mut collector, contents.size, || contents::open(&span));
            let collected = collected.map_err(cannot_read(&self.index.package, path))?;
            if let Kind::File { library, .. } = &mut self.index.entries[*position].kind
                && let Collected::Elf(elf) = collected
            {
                *library = Library::of(elf.object);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::fixture::FakeDeb, *};
    use crate::oci::Digest;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        (folder, store)
    }

    #[test]
    fn each_file_is_a_stream_of_its_own_and_the_same_everywhere() {
        let noise: Vec<u8> =
            (0..200_u32).flat_map(|number| Digest::of(&number.to_le_bytes()).as_bytes().to_vec()).collect();
        let large = vec![b'x'; 9 << 20];
        let long = format!("./usr/share/{}/file", "long".repeat(60));
        let make = || {
            FakeDeb::new("demo")
                .directory("./usr/")
                .file("./usr/text", b"text text text text text text text text")
                .file("./usr/noise", &noise)
                .file("./usr/large", &large)
                .file("./usr/empty", b"")
                .file(&long, b"long")
                .symlink("./usr/link", "text")
                .hardlink("./usr/hard", "./usr/text")
        };
        let (_one, first) = store();
        let packed = make().pack(&first).unwrap();
        let shown: Vec<_> = packed
            .index
            .entries
            .iter()
            .map(|entry| match &entry.kind {
                Kind::File { contents, .. } => {
                    let whole = super::super::contents::read(&packed.body(contents), 1 << 30).unwrap();
                    assert_eq!((crc32fast::hash(&whole), whole.len() as u64), (contents.crc32, contents.size));
                    format!("{} {} {}", entry.path, contents.size, if contents.deflated { "deflated" } else { "plain" })
                }
                other => format!("{} {other:?}", entry.path),
            })
            .collect();
        assert_eq!(
            shown,
            [
                "usr Directory",
                "usr/text 39 deflated",
                "usr/noise 6400 plain",
                "usr/large 9437184 deflated",
                "usr/empty 0 plain",
                &format!("{} 4 plain", &long[2..]),
                "usr/link Symlink(\"text\")",
                "usr/hard Hardlink(\"usr/text\")",
            ]
        );
        let (_two, second) = store();
        assert_eq!(make().pack(&second).unwrap().index, packed.index);
        assert_eq!(make().pack(&first).unwrap(), packed, "recalled");
        first.evict(packed.blob.digest()).unwrap();
        assert_eq!(make().pack(&first).unwrap(), packed, "packed again");
    }

    #[test]
    fn what_no_image_should_get_is_refused() {
        use tar::EntryType;
        let check = |kind: EntryType, path: &str, target: &str, expect: &str| {
            let (_folder, store) = store();
            let error = FakeDeb::new("demo").entry(kind, path, target, b"").pack(&store).unwrap_err();
            assert_eq!(error.to_string(), expect);
        };
        check(EntryType::Regular, "./../etc/x", "", "demo: `./../etc/x` leaves the tree");
        check(EntryType::Regular, "/etc/x", "", "demo: `/etc/x` leaves the tree");
        check(EntryType::Link, "./x", "../y", "demo: `../y` leaves the tree");
        check(EntryType::Link, "./x", "./", "demo: `./x` is a hard link to the root");
        check(EntryType::Symlink, "./x", "", "demo: `./x` is a symbolic link to nothing");
        check(EntryType::Char, "./dev/x", "", "demo: `./dev/x` is neither file, directory nor link");
        check(EntryType::Fifo, "./x", "", "demo: `./x` is neither file, directory nor link");
        let long = format!("./{}", "a/".repeat(2048));
        check(EntryType::Regular, &long, "", &format!("demo: `{}` is a longer path than Linux takes", &long[..512]));
        check(EntryType::GNUSparse, "./x", "", "demo: `./x` is neither file, directory nor link");
    }

    #[test]
    fn a_damaged_deb_is_thrown_away() {
        let (_folder, store) = store();
        let blob = store.put(&FakeDeb::new("demo").build()).unwrap();
        std::fs::remove_file(blob.path()).unwrap();
        let mut file =
            std::io::BufWriter::new(std::fs::File::options().create_new(true).write(true).open(blob.path()).unwrap());
        file.write_all(b"something else").unwrap();
        drop(file);
        assert!(matches!(pack(&store, &blob).unwrap_err(), UnpackError::Damaged { .. }));
        assert!(store.blob(blob.digest()).is_none());
    }

    #[test]
    fn a_deb_that_ends_early_is_malformed() {
        let (_folder, store) = store();
        let whole = FakeDeb::new("demo").file("./x", &[b'x'; 5000]).build();
        for length in [0, 4, 70, 200, 3000, whole.len() - 2000] {
            let blob = store.put(&whole[..length]).unwrap();
            assert!(pack(&store, &blob).is_err(), "{length}");
        }
    }
}
