//! Files of the user's, laid into the image with the modes and owners that the recipe gives.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use flate2::{Compression, write::DeflateEncoder};

use super::{Body, Item, LayerError, Method, Node, Paths, Span, fingerprint};
use crate::{
    fs::{Folder, Kind},
    oci::{Digest, Hasher},
    store::Store,
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
    /// Absolute path in the image: of the file, or of what is in the folder.
    pub to: &'a str,
    /// What is below, whose links are followed.
    pub paths: &'a Paths,
    /// Mode of every file; without it 0755 for executable ones, else 0644.
    pub mode: Option<u32>,
    /// Numeric owner and group of everything.
    pub owner: (u64, u64),
}

/// Something of the user's on its way into the image.
#[derive(Clone, Debug)]
pub struct Collected {
    /// What it becomes.
    pub item: Item,
    /// Of its contents.
    pub digest: Digest,
    /// How the recipe names it, or would.
    pub from: String,
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
/// or folder meanwhile. Those of the base are followed, as by whoever copies into it.
///
/// # Errors
/// When something cannot be read, is neither file, folder nor link, is a link that leads out, or would take the
/// place of a directory of the base.
pub fn collect(files: Files<'_>, reading: &mut Reading<'_>) -> Result<Vec<Collected>, LayerError> {
    let mut found = Vec::new();
    let metadata = fs::metadata(files.from).map_err(|source| local(files.shown, source))?;
    if metadata.is_dir() {
        let folder = Folder::hold(files.from).map_err(|source| local(files.shown, source))?;
        walk(files, &folder, "", &mut Walk { reading, depth: 0, found: &mut found })?;
    } else if metadata.is_file() {
        found.push(file(files, ("", fs::File::open(files.from)), reading)?);
    } else {
        return Err(LayerError::Path { path: files.shown.to_owned(), reason: "it is neither file nor folder" });
    }
    Ok(found)
}

struct Walk<'a, 'r> {
    reading: &'a mut Reading<'r>,
    depth: usize,
    found: &'a mut Vec<Collected>,
}

/// Collects what is in the folder `held`, at the path `inside` the one that the recipe names.
fn walk(files: Files<'_>, held: &Folder, inside: &str, walk_state: &mut Walk<'_, '_>) -> Result<(), LayerError> {
    if walk_state.depth > DEEPEST {
        return Err(LayerError::Path { path: shown(files, inside), reason: "its folders are nested too deeply" });
    }
    walk_state.found.push(collected(files, inside, (Node::Directory, 0o755), Digest::of(b"directory"))?);
    for (name, kind) in held.entries().map_err(|source| local(&shown(files, inside), source))? {
        let inner = match inside {
            "" => name.to_string_lossy().into_owned(),
            folder => format!("{folder}/{}", name.to_string_lossy()),
        };
        if name.to_str().is_none() {
            return Err(LayerError::Path { path: shown(files, &inner), reason: "its name is not UTF-8" });
        }
        match kind {
            Kind::Folder => {
                let folder = held.folder(&name).map_err(|source| local(&shown(files, &inner), source))?;
                walk_state.depth += 1;
                walk(files, &folder, &inner, walk_state)?;
                walk_state.depth -= 1;
            }
            Kind::Link => walk_state.found.push(link(files, (&inner, held.link(&name)))?),
            Kind::File => walk_state.found.push(file(files, (&inner, held.file(&name)), walk_state.reading)?),
            Kind::Other => {
                let reason = "it is neither file, folder nor link";
                return Err(LayerError::Path { path: shown(files, &inner), reason });
            }
        }
    }
    Ok(())
}

fn link(files: Files<'_>, (inside, target): (&str, io::Result<PathBuf>)) -> Result<Collected, LayerError> {
    let target = target.map_err(|source| local(&shown(files, inside), source))?;
    let refuse = |reason| Err(LayerError::Path { path: shown(files, inside), reason });
    let Some(target) = target.to_str() else { return refuse("it is a link whose target is not UTF-8") };
    if leads_out(target, inside) {
        return refuse("it is a link that leads out of its folder");
    }
    let digest = Digest::of(format!("link {target}").as_bytes());
    collected(files, inside, (Node::Symlink(target.to_owned()), 0o777), digest)
}

/// Whether a link at `place` inside the folder, such as `a/b`, leads out of it.
fn leads_out(target: &str, place: &str) -> bool {
    let mut depth = place.matches('/').count();
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
    (inside, open): (&str, io::Result<fs::File>),
    reading: &mut Reading<'_>,
) -> Result<Collected, LayerError> {
    use std::os::unix::fs::PermissionsExt as _;
    let shown = shown(files, inside);
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
    collected(files, inside, (Node::File(body), mode), digest)
}

fn contents(shown: &str, source: fs::File, store: &Store) -> Result<(Body, Digest, fs::Metadata), LayerError> {
    let fail = |source| local(shown, source);
    let metadata = source.metadata().map_err(fail)?;
    if !metadata.is_file() {
        return Err(LayerError::Path { path: shown.to_owned(), reason: "it is neither file nor folder" });
    }
    if metadata.len() <= LARGEST_LITERAL {
        let bytes = literal(source).map_err(fail)?;
        let digest = Digest::of(&bytes);
        return Ok((Body::Literal(Bytes::from(bytes)), digest, metadata));
    }
    fingerprint::deflate()?;
    let (ingest, told) = deflated(shown, source, store.ingest()?)?;
    let blob = ingest.commit()?;
    let span = Span {
        offset: 0,
        compressed: blob.size(),
        size: told.size,
        crc32: told.crc32,
        sha256: None,
        method: Method::Deflate,
        blob,
    };
    Ok((Body::Span(span), told.digest, metadata))
}

/// The bytes of a file that was small when it was opened.
fn literal(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(LARGEST_LITERAL + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_LITERAL {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it grew while it was read"));
    }
    Ok(bytes)
}

/// What is known of a file once it has passed.
struct Told {
    size: u64,
    crc32: u32,
    digest: Digest,
}

/// Deflates a large file into the store, so that any part of the layer can be read again later. The
/// encoder is always given full buffers, so that its output depends on nothing but the contents.
fn deflated<W: Write>(shown: &str, mut source: impl Read, into: W) -> Result<(W, Told), LayerError> {
    let encode = |source| LayerError::Encode { source };
    let mut encoder = DeflateEncoder::new(into, Compression::new(6));
    let (mut crc, mut hasher, mut size) = (crc32fast::Hasher::new(), Hasher::new(), 0);
    let mut chunk = Vec::with_capacity(BUFFER);
    loop {
        chunk.clear();
        source.by_ref().take(BUFFER as u64).read_to_end(&mut chunk).map_err(|source| local(shown, source))?;
        if chunk.is_empty() {
            break;
        }
        crc.update(&chunk);
        hasher.update(&chunk);
        size += chunk.len() as u64;
        encoder.write_all(&chunk).map_err(encode)?;
    }
    let into = encoder.finish().map_err(encode)?;
    Ok((into, Told { size, crc32: crc.finalize(), digest: hasher.finish() }))
}

/// What stands at the path `inside`, where the base's links lead it.
fn collected(
    files: Files<'_>,
    inside: &str,
    (node, mode): (Node, u32),
    digest: Digest,
) -> Result<Collected, LayerError> {
    let place = format!("{}/{inside}", files.to);
    let path = match node {
        Node::Directory => files.paths.canonical_directory(&place),
        _ => files.paths.canonical(&place),
    };
    // A link to a directory of the base's may be replaced by a link, and is no less a directory to a file.
    let replaced = match node {
        Node::File(_) => files.paths.canonical_directory(&place),
        _ => path.clone(),
    };
    if node != Node::Directory && files.paths.is_directory(&replaced) {
        return Err(match inside {
            "" => LayerError::OnDirectory { from: files.shown.to_owned(), to: files.to.to_owned() },
            _ => LayerError::Path { path, reason: "the base has a directory there" },
        });
    }
    let item = Item { uid: files.owner.0, gid: files.owner.1, ..Item::new(path, node, mode) };
    Ok(Collected { item, digest, from: shown(files, inside) })
}

/// How the recipe would name what stands at the path `inside` the folder.
fn shown(files: Files<'_>, inside: &str) -> String {
    match inside {
        "" => files.shown.to_owned(),
        _ => format!("{}/{inside}", files.shown.trim_end_matches('/')),
    }
}

fn local(path: &str, source: io::Error) -> LayerError {
    LayerError::Local { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fs::write_atomic,
        hint::Advise as _,
        lock::{Directory, Facts, Symlink},
    };

    /// A base with merged `/usr`, and links from `/var`.
    fn below() -> Paths {
        let link = |path: &str, target: &str| Symlink { path: path.to_owned(), target: target.to_owned() };
        let directory = |path: &str| Directory { path: path.to_owned(), mode: 0o755, uid: 0, gid: 0 };
        Paths::new(&Facts {
            symlinks: vec![link("/bin", "usr/bin"), link("/var/run", "/run")],
            directories: ["/usr", "/usr/bin", "/var"].map(directory).to_vec(),
            ..Facts::default()
        })
    }

    fn files<'a>(from: &'a Path, (shown, to): (&'a str, &'a str), paths: &'a Paths) -> Files<'a> {
        Files { from, shown, to, paths, mode: None, owner: (0, 0) }
    }

    fn collected_at(to: &str, build: impl Fn(&Path)) -> Result<Vec<(String, u32, bool)>, LayerError> {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store")).unwrap();
        let from = folder.path().join("app");
        fs::create_dir(&from).unwrap();
        build(&from);
        let found = collect(files(&from, ("app", to), &below()), &mut Reading::Whole(&store))?;
        let flat = |Collected { item, .. }| (item.path, item.mode, matches!(item.node, Node::File(Body::Span(_))));
        Ok(found.into_iter().map(flat).collect())
    }

    fn collected(build: impl Fn(&Path)) -> Result<Vec<(String, u32, bool)>, LayerError> {
        collected_at("/srv/app", build)
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
    fn links_of_the_base_are_followed() {
        let check = |to: &str, files: &[&str], expect: &[&str]| {
            let found = collected_at(to, |from| {
                for path in files {
                    write_atomic(&from.join(path), b"x").unwrap();
                }
            });
            let found: Vec<String> = found.unwrap().into_iter().map(|(path, ..)| path).collect();
            assert_eq!(found, expect, "{to}: {files:?}");
        };
        check("/bin", &["tool"], &["usr/bin", "usr/bin/tool"]);
        check("/var", &["run/x", "y"], &["var", "run", "run/x", "var/y"]);
        check("/", &["bin/tool", "x"], &["", "usr/bin", "usr/bin/tool", "x"]);
    }

    #[test]
    fn no_file_takes_the_place_of_a_directory() {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("app.py");
        write_atomic(&from, b"x").unwrap();
        let store = Store::open(folder.path().join("store")).unwrap();
        for (to, better) in [("/usr/bin", "/usr/bin/app.py"), ("/bin", "/bin/app.py"), ("/", "/app.py")] {
            let error = collect(files(&from, ("src/app.py", to), &below()), &mut Reading::Whole(&store)).unwrap_err();
            assert_eq!(error.to_string(), format!("`src/app.py` cannot go to `{to}`: the image has a directory there"));
            assert_eq!(error.hint().unwrap().to_string(), format!("write `to = \"{better}\"`"));
        }
        let error = collected_at("/usr", |from| write_atomic(&from.join("bin"), b"x").unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "`usr/bin` cannot stand in a layer: the base has a directory there");
        let error = collected_at("/", |from| write_atomic(&from.join("bin"), b"x").unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "`bin` cannot stand in a layer: the base has a directory there");
        let linked = collected_at("/", |from| std::os::unix::fs::symlink("usr/bin", from.join("bin")).unwrap());
        assert!(linked.unwrap().iter().any(|(path, ..)| path == "bin"), "a link in place of the same link");
    }

    #[test]
    fn links_that_lead_out_are_refused() {
        use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
        let check = |to: &str, target: &[u8], expect: &str| {
            let build = |from: &Path| std::os::unix::fs::symlink(OsStr::from_bytes(target), from.join("link")).unwrap();
            let error = collected_at(to, build).unwrap_err().to_string();
            assert_eq!(error, format!("`app/link` cannot stand in a layer: {expect}"), "{target:?}");
        };
        for (target, to) in [("/etc/passwd", "/srv/app"), ("../x", "/srv/app"), ("a/../../x", "/srv"), ("../x", "/")] {
            check(to, target.as_bytes(), "it is a link that leads out of its folder");
        }
        check("/srv", b"na\xefve", "it is a link whose target is not UTF-8");
    }

    #[test]
    fn errors_name_what_failed() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let Err(error) = deflated("app/model.bin", &b"weights"[..], Full) else { panic!("the disk was full") };
        let hint = error.hint().unwrap().to_string();
        assert!(matches!(&error, LayerError::Encode { .. }) && hint.starts_with("free some space"), "{error}: {hint}");
        assert_eq!(literal(&vec![1; 64 << 10][..]).unwrap().len(), 64 << 10);
        let error = local("app/log", literal(io::repeat(1)).unwrap_err());
        assert_eq!(error.hint().unwrap().to_string(), "build again once nothing writes to it any more");
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
            let below = below();
            let error = collect(files(&from, ("app", "/srv"), &below), &mut Reading::Digests(&mut known)).unwrap_err();
            assert_eq!(error.to_string(), format!("cannot read `{place}`"));
            assert!(!read.iter().any(|text| text.contains("secret")), "{read:?}");
        }
    }

    #[test]
    fn pipes_and_devices_are_refused_without_waiting_for_them() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let below = below();
        let files = files(Path::new("/dev/null"), ("null", "/srv"), &below);
        let error = collect(files, &mut Reading::Whole(&store)).unwrap_err();
        assert_eq!(error.to_string(), "`null` cannot stand in a layer: it is neither file nor folder");
    }

    #[test]
    fn a_missing_file_is_named_as_in_the_recipe() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let from = folder.path().join("nowhere");
        let below = below();
        let files = files(&from, ("scripts/nowhere", "/srv"), &below);
        let error = collect(files, &mut Reading::Whole(&store)).unwrap_err();
        assert_eq!(error.to_string(), "cannot read `scripts/nowhere`");
        assert!(error.hint().unwrap().to_string().starts_with("paths in a recipe are relative"));
    }
}
