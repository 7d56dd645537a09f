//! Files of the user's, laid into the image with the modes and owners that the recipe gives.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use flate2::{Compression, write::DeflateEncoder};

use super::{Body, Item, LayerError, Method, Node, Span, fingerprint};
use crate::{
    fs::{Folder, Kind},
    oci::{Digest, Hasher},
    store::{Store, StoreError},
};

/// Files up to this size, in bytes, are kept in memory; larger ones are deflated into the store.
const LARGEST_LITERAL: u64 = 64 * 1024;

/// Bytes compressed at a time.
const BUFFER: usize = 128 * 1024;

/// Folders inside folders, at most: deeper ones are a circle of mounts, not a program.
const DEEPEST: usize = 64;

/// Files and folders of the user's that go to one place.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    /// The file or folder on this machine.
    pub from: &'a Path,
    /// How the recipe names it.
    pub shown: &'a str,
    /// Canonical path in the image, without a leading slash: of the file, or of what is in the folder.
    pub to: &'a str,
    /// Mode of every file; without it 0755 for executable ones, else 0644.
    pub mode: Option<u32>,
    /// Numeric owner and group of everything.
    pub owner: (u64, u64),
}

/// What is done with the contents of files.
pub enum Reading<'a> {
    /// They are read: small ones into memory, large ones deflated into the store.
    Whole(&'a Store),
    /// Only their digests are wanted, from somebody who may know them without reading: of the file that the
    /// recipe names so. The items have no contents.
    Digests(&'a mut Known<'a>),
}

/// Knows the digest of a file, and what the file system says of it.
pub type Known<'a> = dyn FnMut(&str, fs::File) -> io::Result<(Digest, fs::Metadata)> + 'a;

/// The items that `files` become, with the digest of each one's contents. Symbolic links are kept as
/// links, and must not lead out of the folder; none is followed, not even one that takes the place of a file
/// or folder meanwhile.
///
/// # Errors
/// When something cannot be read, is neither file, folder nor link, or is a link that leads out.
pub fn collect(files: Files<'_>, reading: &mut Reading<'_>) -> Result<Vec<(Item, Digest)>, LayerError> {
    let mut found = Vec::new();
    let metadata = fs::metadata(files.from).map_err(|source| local(files.shown, source))?;
    if metadata.is_dir() {
        let folder = Folder::hold(files.from).map_err(|source| local(files.shown, source))?;
        walk(files, (&folder, files.from), files.to, &mut Walk { reading, depth: 0, found: &mut found })?;
    } else if metadata.is_file() {
        let open = fs::File::open(files.from);
        found.push(file(files, (files.from, open), files.to, reading)?);
    } else {
        return Err(LayerError::Path { path: files.shown.to_owned(), reason: "it is neither file nor folder" });
    }
    Ok(found)
}

struct Walk<'a, 'r> {
    reading: &'a mut Reading<'r>,
    depth: usize,
    found: &'a mut Vec<(Item, Digest)>,
}

fn walk(
    files: Files<'_>,
    (held, folder): (&Folder, &Path),
    to: &str,
    walk_state: &mut Walk<'_, '_>,
) -> Result<(), LayerError> {
    let shown = |path: &Path| shown(files, path);
    if walk_state.depth > DEEPEST {
        return Err(LayerError::Path { path: shown(folder), reason: "its folders are nested too deeply" });
    }
    walk_state.found.push((item(files, to, Node::Directory, 0o755), Digest::of(b"directory")));
    for (name, kind) in held.entries().map_err(|source| local(&shown(folder), source))? {
        let path = folder.join(&name);
        let Some(text) = name.to_str() else {
            return Err(LayerError::Path { path: shown(&path), reason: "its name is not UTF-8" });
        };
        let to = format!("{to}/{text}");
        match kind {
            Kind::Folder => {
                let inner = held.folder(&name).map_err(|source| local(&shown(&path), source))?;
                walk_state.depth += 1;
                walk(files, (&inner, &path), &to, walk_state)?;
                walk_state.depth -= 1;
            }
            Kind::Link => walk_state.found.push(link(files, (&path, held.link(&name)), &to)?),
            Kind::File => {
                walk_state.found.push(file(files, (&path, held.file(&name)), &to, walk_state.reading)?);
            }
            Kind::Other => {
                return Err(LayerError::Path { path: shown(&path), reason: "it is neither file, folder nor link" });
            }
        }
    }
    Ok(())
}

fn link(
    files: Files<'_>,
    (path, target): (&Path, io::Result<PathBuf>),
    to: &str,
) -> Result<(Item, Digest), LayerError> {
    let target = target.map_err(|source| local(&shown(files, path), source))?;
    let target = target.to_string_lossy().into_owned();
    if leads_out(&target, &to[files.to.len()..]) {
        return Err(LayerError::Path { path: shown(files, path), reason: "it is a link that leads out of its folder" });
    }
    let digest = Digest::of(format!("link {target}").as_bytes());
    Ok((item(files, to, Node::Symlink(target), 0o777), digest))
}

/// Whether a link at `place` inside the folder, such as `/a/b`, leads out of it.
fn leads_out(target: &str, place: &str) -> bool {
    let mut depth = place.matches('/').count().saturating_sub(1);
    for component in target.split('/') {
        match component {
            "" | "." => {}
            ".." if depth == 0 => return true,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    target.starts_with('/')
}

fn file(
    files: Files<'_>,
    (path, open): (&Path, io::Result<fs::File>),
    to: &str,
    reading: &mut Reading<'_>,
) -> Result<(Item, Digest), LayerError> {
    use std::os::unix::fs::PermissionsExt as _;
    let shown = shown(files, path);
    let open = open.map_err(|source| local(&shown, source))?;
    let (body, digest, metadata) = match reading {
        Reading::Whole(store) => contents(&shown, open, store)?,
        Reading::Digests(known) => {
            let (digest, metadata) = known(&shown, open).map_err(|source| local(&shown, source))?;
            (Body::Literal(Bytes::new()), digest, metadata)
        }
    };
    let executable = metadata.permissions().mode() & 0o111 != 0;
    let mode = files.mode.unwrap_or(if executable { 0o755 } else { 0o644 });
    Ok((item(files, to, Node::File(body), mode), digest))
}

fn contents(shown: &str, mut source: fs::File, store: &Store) -> Result<(Body, Digest, fs::Metadata), LayerError> {
    let fail = |source| local(shown, source);
    let metadata = source.metadata().map_err(fail)?;
    if !metadata.is_file() {
        return Err(LayerError::Path { path: shown.to_owned(), reason: "it is neither file nor folder" });
    }
    let (body, digest) = if metadata.len() <= LARGEST_LITERAL {
        let mut bytes = Vec::new();
        (&source).take(LARGEST_LITERAL + 1).read_to_end(&mut bytes).map_err(fail)?;
        let digest = Digest::of(&bytes);
        (Body::Literal(Bytes::from(bytes)), digest)
    } else {
        fingerprint::deflate()?;
        deflated(&mut source, store).map_err(|fault| match fault {
            Fault::Local(source) => fail(source),
            Fault::Store(error) => LayerError::Store(error),
        })?
    };
    Ok((body, digest, metadata))
}

enum Fault {
    Local(io::Error),
    Store(StoreError),
}

/// Deflates a large file into the store, so that any part of the layer can be read again later. The
/// encoder is always given full buffers, so that its output depends on nothing but the contents.
fn deflated(source: &mut fs::File, store: &Store) -> Result<(Body, Digest), Fault> {
    let ingest = store.ingest().map_err(Fault::Store)?;
    let mut encoder = DeflateEncoder::new(ingest, Compression::new(6));
    let (mut crc, mut hasher, mut size) = (crc32fast::Hasher::new(), Hasher::new(), 0);
    let mut chunk = Vec::with_capacity(BUFFER);
    loop {
        chunk.clear();
        io::Read::by_ref(source).take(BUFFER as u64).read_to_end(&mut chunk).map_err(Fault::Local)?;
        if chunk.is_empty() {
            break;
        }
        crc.update(&chunk);
        hasher.update(&chunk);
        size += chunk.len() as u64;
        encoder.write_all(&chunk).map_err(Fault::Local)?;
    }
    let blob = encoder.finish().map_err(Fault::Local)?.commit().map_err(Fault::Store)?;
    let compressed = blob.size();
    let span = Span { blob, offset: 0, compressed, size, crc32: crc.finalize(), sha256: None, method: Method::Deflate };
    Ok((Body::Span(span), hasher.finish()))
}

fn item(files: Files<'_>, to: &str, node: Node, mode: u32) -> Item {
    Item { uid: files.owner.0, gid: files.owner.1, ..Item::new(to.to_owned(), node, mode) }
}

fn shown(files: Files<'_>, path: &Path) -> String {
    match path.strip_prefix(files.from) {
        Ok(rest) if rest != Path::new("") => format!("{}/{}", files.shown.trim_end_matches('/'), rest.display()),
        _ => files.shown.to_owned(),
    }
}

fn local(path: &str, source: io::Error) -> LayerError {
    LayerError::Local { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::write_atomic;

    fn collected(build: impl Fn(&Path)) -> Result<Vec<(String, u32, bool)>, LayerError> {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store")).unwrap();
        let from = folder.path().join("app");
        fs::create_dir(&from).unwrap();
        build(&from);
        let files = Files { from: &from, shown: "app", to: "srv/app", mode: None, owner: (0, 0) };
        let found = collect(files, &mut Reading::Whole(&store))?;
        let flat = |(item, _): (Item, Digest)| (item.path, item.mode, matches!(item.node, Node::File(Body::Span(_))));
        Ok(found.into_iter().map(flat).collect())
    }

    #[test]
    fn a_folder_becomes_sorted_items() {
        use std::os::unix::fs::PermissionsExt as _;
        let found = collected(|from| {
            write_atomic(&from.join("b.py"), b"x").unwrap();
            write_atomic(&from.join("a/run"), b"x").unwrap();
            fs::set_permissions(from.join("a/run"), fs::Permissions::from_mode(0o700)).unwrap();
            write_atomic(&from.join("large"), &vec![7; 100_000]).unwrap();
            std::os::unix::fs::symlink("../b.py", from.join("a/link")).unwrap();
        });
        let expect = [
            ("srv/app", 0o755, false),
            ("srv/app/a", 0o755, false),
            ("srv/app/a/link", 0o777, false),
            ("srv/app/a/run", 0o755, false),
            ("srv/app/b.py", 0o644, false),
            ("srv/app/large", 0o644, true),
        ];
        assert_eq!(found.unwrap(), expect.map(|(path, mode, span)| (path.to_owned(), mode, span)));
    }

    #[test]
    fn links_that_lead_out_are_refused() {
        for target in ["/etc/passwd", "../x", "a/../../x"] {
            let result = collected(|from| std::os::unix::fs::symlink(target, from.join("link")).unwrap());
            assert_eq!(
                result.unwrap_err().to_string(),
                "`app/link` cannot stand in a layer: it is a link that leads out of its folder"
            );
        }
    }

    #[test]
    fn a_link_that_takes_a_place_meanwhile_is_not_followed() {
        for place in ["app/b", "app/c"] {
            let folder = tempfile::tempdir().unwrap();
            let path = |name: &str| folder.path().join(name);
            for name in ["secret/in", "app/a", "app/b", "app/c/in"] {
                write_atomic(&path(name), name.as_bytes()).unwrap();
            }
            let mut read = Vec::new();
            let mut known = |name: &str, file: fs::File| {
                if name == "app/a" {
                    // All names were listed by now.
                    fs::rename(path(place), path("away")).unwrap();
                    let target = if place == "app/b" { "../secret/in" } else { "../secret" };
                    std::os::unix::fs::symlink(target, path(place)).unwrap();
                }
                let metadata = file.metadata()?;
                read.push(io::read_to_string(file)?);
                Ok((Digest::of(b""), metadata))
            };
            let from = path("app");
            let files = Files { from: &from, shown: "app", to: "srv", mode: None, owner: (0, 0) };
            let error = collect(files, &mut Reading::Digests(&mut known)).unwrap_err();
            assert_eq!(error.to_string(), format!("cannot read `{place}`"));
            assert!(!read.iter().any(|text| text.contains("secret")), "{read:?}");
        }
    }

    #[test]
    fn pipes_and_devices_are_refused_without_waiting_for_them() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let files = Files { from: Path::new("/dev/null"), shown: "null", to: "srv", mode: None, owner: (0, 0) };
        let error = collect(files, &mut Reading::Whole(&store)).unwrap_err();
        assert_eq!(error.to_string(), "`null` cannot stand in a layer: it is neither file nor folder");
    }

    #[test]
    fn a_missing_file_is_named_as_in_the_recipe() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let from = folder.path().join("nowhere");
        let files = Files { from: &from, shown: "scripts/nowhere", to: "srv", mode: None, owner: (0, 0) };
        assert_eq!(
            collect(files, &mut Reading::Whole(&store)).unwrap_err().to_string(),
            "cannot read `scripts/nowhere`"
        );
    }
}
