//! Sources compiled: every Python module among items becomes an item beside it, in `__pycache__`.
//!
//! The pycs are of the unchecked kind: they say nothing of the time or size of their source, so that they are the
//! same whenever and wherever they are made, and an import looks at nothing but them. Whoever changes a source in
//! a container changes nothing until the pyc is removed.
//!
//! [PEP 552](https://peps.python.org/pep-0552/),
//! [PEP 3147](https://peps.python.org/pep-3147/) (their names).

use std::{
    collections::BTreeSet,
    io::{self, Write as _},
};

use flate2::{Compression, write::DeflateEncoder};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Body, Item, LayerError, Method, Node, Span, fingerprint};
use crate::{
    compiler::Compilers,
    oci::Digest,
    store::{Blob, Bucket, Store},
};

/// Raised whenever notes are written otherwise.
const FORMAT: u32 = 1;

/// Larger files, in bytes, are no sources that anybody imports.
const LARGEST_SOURCE: u64 = 16 << 20;

/// Sources whose pycs are held in memory together.
const AT_ONCE: usize = 128;

/// What came of compiling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// The pycs.
    pub items: Vec<Item>,
    /// Files that are no sources of this Python, such as templates and tests of parsers.
    pub skipped: usize,
}

/// What is kept of a [`Compiled`].
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    contents: Digest,
    skipped: usize,
    pycs: Vec<Pyc>,
}

/// One compiled module in the file of all.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pyc {
    path: String,
    offset: u64,
    compressed: u64,
    size: u64,
    crc32: u32,
}

/// What the sources among `items` become, on as many threads as this one's pool has; kept in one file of the
/// store, each deflated by itself. A pyc that is among the items is not made. Memory: some hundred sources with
/// their pycs.
///
/// # Errors
/// When a source cannot be read, the interpreter does not do its work, the store cannot be written, or this build's
/// compressor is not that of the layer format.
pub fn compile(items: &[Item], compilers: &Compilers, store: &Store) -> Result<Compiled, LayerError> {
    fingerprint::deflate()?;
    let there: BTreeSet<&str> = items.iter().map(|item| item.path.as_str()).collect();
    let mut sources = Vec::new();
    for item in items {
        let Some(pyc) = pyc_path(&item.path, &compilers.identity().cache_tag) else { continue };
        if let Node::File(body) = &item.node
            && !there.contains(pyc.as_str())
        {
            sources.push((item, body, pyc));
        }
    }
    let mut ingest = store.ingest()?;
    let (mut made, mut skipped) = (Vec::new(), 0);
    for some in sources.chunks(AT_ONCE) {
        let each = some.par_iter().map(|(item, body, _)| compile_one(&item.path, body, compilers));
        let each: Vec<Option<(Vec<u8>, Pyc)>> = each.collect::<Result<_, LayerError>>()?;
        for ((item, _, path), one) in some.iter().zip(each) {
            let Some((deflated, pyc)) = one else {
                skipped += 1;
                continue;
            };
            let pyc = Pyc { path: path.clone(), offset: ingest.size(), ..pyc };
            ingest.write_all(&deflated).map_err(|source| LayerError::Encode { source })?;
            made.push((*item, pyc));
        }
    }
    let blob = ingest.commit()?;
    let of_source = |(source, pyc): &(&Item, Pyc)| Item {
        uid: source.uid,
        gid: source.gid,
        mtime: source.mtime,
        ..pyc.item(&blob)
    };
    Ok(Compiled { items: made.iter().map(of_source).collect(), skipped })
}

/// Nothing for what does not compile.
fn compile_one(path: &str, body: &Body, compilers: &Compilers) -> Result<Option<(Vec<u8>, Pyc)>, LayerError> {
    if body.size() > LARGEST_SOURCE {
        return Ok(None);
    }
    let source = body.read(LARGEST_SOURCE).map_err(|source| LayerError::Wheel { wheel: path.to_owned(), source })?;
    let Some(pyc) = compilers.compile(&format!("/{path}"), &source)? else { return Ok(None) };
    let deflated = deflated(&pyc).map_err(|source| LayerError::Encode { source })?;
    let told = Pyc {
        path: String::new(),
        offset: 0,
        compressed: deflated.len() as u64,
        size: pyc.len() as u64,
        crc32: crc32fast::hash(&pyc),
    };
    Ok(Some((deflated, told)))
}

fn deflated(pyc: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(pyc)?;
    encoder.finish()
}

/// Where the pyc of the module at `path` stands; nothing where no module does.
#[must_use]
pub fn pyc_path(path: &str, cache_tag: &str) -> Option<String> {
    let (folder, file) = path.rsplit_once('/')?;
    let module = file.strip_suffix(".py").filter(|module| !module.is_empty())?;
    Some(format!("{folder}/__pycache__/{module}.{cache_tag}.pyc"))
}

/// What was kept under `key`, if it is whole.
#[must_use]
pub fn recall(store: &Store, key: &Digest) -> Option<Compiled> {
    let note: Note = serde_json::from_slice(&store.note(Bucket::Packed, &note_key(key))?).ok()?;
    let blob = store.blob(&note.contents)?;
    let fits = |pyc: &Pyc| pyc.offset.checked_add(pyc.compressed).is_some_and(|end| end <= blob.size());
    let items = || note.pycs.iter().map(|pyc| pyc.item(&blob)).collect();
    note.pycs.iter().all(fits).then(|| Compiled { items: items(), skipped: note.skipped })
}

/// Keeps what became of the sources of a wheel, which have no owner of their own, under `key`.
///
/// # Errors
/// When the store cannot be written.
pub fn keep(store: &Store, key: &Digest, compiled: &Compiled) -> Result<(), LayerError> {
    let pycs: Vec<(&Item, &Span)> = compiled.items.iter().filter_map(spanned).collect();
    // Nothing was made: any file does.
    let contents = pycs.first().map_or_else(|| Ok(*store.put(b"")?.digest()), |(_, span)| Ok(*span.blob.digest()));
    let pyc = |(item, span): (&Item, &Span)| Pyc {
        path: item.path.clone(),
        offset: span.offset,
        compressed: span.compressed,
        size: span.size,
        crc32: span.crc32,
    };
    let contents = contents.map_err(LayerError::Store)?;
    let note = Note { contents, skipped: compiled.skipped, pycs: pycs.into_iter().map(pyc).collect() };
    Ok(store.keep(Bucket::Packed, &note_key(key), &serde_json::to_vec(&note).unwrap_or_default())?)
}

fn spanned(item: &Item) -> Option<(&Item, &Span)> {
    if let Node::File(Body::Span(span)) = &item.node { Some((item, span)) } else { None }
}

fn note_key(key: &Digest) -> String {
    format!("bytecode-{FORMAT}-{}", key.hex())
}

impl Pyc {
    fn item(&self, blob: &Blob) -> Item {
        let span = Span {
            blob: blob.clone(),
            offset: self.offset,
            compressed: self.compressed,
            size: self.size,
            crc32: self.crc32,
            sha256: None,
            method: Method::Deflate,
        };
        Item::new(self.path.clone(), Node::File(Body::Span(span)), 0o644)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pycs_stand_where_imports_look() {
        let check = |path: &str, expect: Option<&str>| {
            assert_eq!(pyc_path(path, "cpython-311").as_deref(), expect, "{path}");
        };
        check("usr/lib/demo.py", Some("usr/lib/__pycache__/demo.cpython-311.pyc"));
        check("a/b.c.py", Some("a/__pycache__/b.c.cpython-311.pyc"));
        check("a/.py", None);
        check("a/b.pyi", None);
        check("demo.py", None);
    }
}
