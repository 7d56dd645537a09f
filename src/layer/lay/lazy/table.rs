//! The table of contents of an eStargz layer: JSON, one entry for every entry of the tar, and one more
//! for every further piece of a large file.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::Chunk;
use crate::{
    image::rfc3339,
    layer::{Item, Node, header::whiteout},
    oci::{Digest, canonical_json},
};

/// Entries in the order of the tar, as JSON joined by commas.
#[derive(Default)]
pub(super) struct Table(Vec<u8>);

impl Table {
    /// Adds what is no regular file.
    pub(super) fn other(&mut self, item: &Item) {
        let (kind, link) = match &item.node {
            Node::Directory => ("dir", None),
            Node::Symlink(target) => ("symlink", Some(target)),
            Node::Hardlink(target) => ("hardlink", Some(target)),
            Node::File(_) => return,
            Node::Whiteout => {
                let mark = Item { path: whiteout(&item.path), ..item.clone() };
                return self.file(&mark, &Digest::of(b""), &[]);
            }
        };
        let mut entry = entry(item, kind);
        if let Some(target) = link {
            entry["linkName"] = json!(target);
        }
        self.push(&entry);
    }

    /// Adds a regular file, whose contents lie in `chunks`.
    pub(super) fn file(&mut self, item: &Item, digest: &Digest, chunks: &[Chunk]) {
        let mut first = entry(item, "reg");
        first["digest"] = json!(digest.to_string());
        let size: u64 = chunks.iter().map(|chunk| chunk.size).sum();
        if size > 0 {
            first["size"] = json!(size);
        }
        let mut next = Some(first);
        let mut position = 0;
        for chunk in chunks {
            let further = || json!({ "name": item.path, "type": "chunk" });
            let mut entry = next.take().unwrap_or_else(further);
            entry["offset"] = json!(chunk.offset);
            entry["chunkDigest"] = json!(chunk.digest.to_string());
            if position > 0 {
                entry["chunkOffset"] = json!(position);
            }
            // Without a size, a piece goes to the end of the file.
            position += chunk.size;
            if position < size {
                entry["chunkSize"] = json!(chunk.size);
            }
            self.push(&entry);
        }
        if let Some(empty) = next {
            self.push(&empty);
        }
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        [&b"{\"entries\":["[..], &self.0, b"],\"version\":1}"].concat()
    }

    fn push(&mut self, entry: &Value) {
        if !self.0.is_empty() {
            self.0.push(b',');
        }
        self.0.extend(canonical_json(entry));
    }
}

/// What every entry says. Fields that are zero are left out, as the reference implementation does.
fn entry(item: &Item, kind: &str) -> Value {
    let name = if kind == "dir" { format!("{}/", item.path) } else { item.path.clone() };
    let mut entry = json!({ "name": name, "type": kind, "modtime": rfc3339(item.mtime) });
    for (key, value) in [("mode", u64::from(item.mode)), ("uid", item.uid), ("gid", item.gid)] {
        if value > 0 {
            entry[key] = json!(value);
        }
    }
    if !item.xattrs.is_empty() {
        let encoded = item.xattrs.iter().map(|(name, value)| (name.clone(), json!(BASE64_STANDARD.encode(value))));
        entry["xattrs"] = encoded.collect::<serde_json::Map<_, _>>().into();
    }
    entry
}
