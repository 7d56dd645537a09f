//! The table itself: JSON, one entry for every entry of the tar, and one more for every further piece
//! of a large file. Both formats have the same.

use serde::Deserialize;

use super::IndexError;
use crate::{
    base::{
        Entry, Kind, LayerEntries,
        entries::{Recorded, clean_path},
        evidence::tells_of_base,
    },
    oci::Digest,
};

/// Entries of a layer, as in any layer.
const ENTRY_LIMIT: usize = 4_000_000;

/// What a table says.
pub(super) struct Table {
    /// Without any evidence yet.
    pub(super) entries: LayerEntries,
    /// The files whose bytes say what a base is.
    pub(super) files: Vec<File>,
}

/// Where the bytes of a file lie.
pub(super) struct File {
    pub(super) path: String,
    pub(super) size: u64,
    /// Of all its bytes.
    pub(super) digest: Option<Digest>,
    /// In their order; never empty.
    pub(super) pieces: Vec<Piece>,
}

/// A piece of a file: some bytes of something that was compressed by itself.
pub(super) struct Piece {
    /// Where that begins in the blob.
    pub(super) start: u64,
    /// Behind its last byte.
    pub(super) end: u64,
    /// Bytes in it before the piece.
    pub(super) skip: u64,
    /// Bytes of the piece.
    pub(super) size: u64,
    pub(super) digest: Option<Digest>,
}

#[derive(Deserialize)]
struct Document {
    version: u64,
    entries: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    link_name: String,
    #[serde(default)]
    mode: u32,
    #[serde(default)]
    uid: u64,
    #[serde(default)]
    gid: u64,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    digest: String,
    #[serde(default)]
    offset: u64,
    #[serde(default)]
    end_offset: u64,
    #[serde(default)]
    inner_offset: u64,
    #[serde(default)]
    chunk_offset: u64,
    #[serde(default)]
    chunk_size: u64,
    #[serde(default)]
    chunk_digest: String,
}

impl File {
    pub(super) fn start(&self) -> u64 {
        self.pieces.first().map_or(0, |piece| piece.start)
    }

    pub(super) fn end(&self) -> u64 {
        self.pieces.last().map_or(0, |piece| piece.end)
    }
}

impl Table {
    /// Reads the table; what it tells of lies before byte `end` of the blob.
    pub(super) fn parse(json: &[u8], end: u64) -> Result<Self, IndexError> {
        let document: Document = serde_json::from_slice(json).map_err(|error| malformed(error.to_string()))?;
        if document.version != 1 || document.entries.len() > ENTRY_LIMIT {
            return Err(malformed(format!("version {}, {} entries", document.version, document.entries.len())));
        }
        let mut offsets: Vec<u64> = document.entries.iter().map(|row| row.offset).chain([end]).collect();
        offsets.sort_unstable();
        offsets.dedup();
        let mut table = Self { entries: LayerEntries::default(), files: Vec::new() };
        for rows in document.entries.chunk_by(|_, next| next.kind == "chunk") {
            table.add(rows, &offsets, end)?;
        }
        Ok(table)
    }

    /// Adds an entry; `rows` are its own, and those of its further pieces.
    fn add(&mut self, rows: &[Row], offsets: &[u64], end: u64) -> Result<(), IndexError> {
        let Some(first) = rows.first() else { return Ok(()) };
        if rows.iter().any(|row| row.name != first.name) {
            return Err(malformed(format!("a piece of `{}` stands elsewhere", first.name)));
        }
        let path = |name: &str| clean_path(name.as_bytes()).map_err(|error| malformed(error.to_string()));
        let Some(path) = path(&first.name)? else { return Ok(()) };
        let kind = match first.kind.as_str() {
            "dir" => Kind::Directory,
            "reg" => Kind::File,
            "symlink" => Kind::Symlink(first.link_name.clone()),
            "hardlink" => Kind::Hardlink(clean_path(first.link_name.as_bytes()).ok().flatten().unwrap_or_default()),
            "char" | "block" | "fifo" => Kind::Other,
            other => return Err(malformed(format!("`{}` is of the kind `{other}`", first.name))),
        };
        if self.entries.take_mark(&path) {
            return Ok(());
        }
        let size = if kind == Kind::File { first.size } else { 0 };
        if kind == Kind::File && tells_of_base(&path, size) {
            self.files.push(file(&path, rows, offsets, end)?);
        }
        let entry = Entry { kind, mode: first.mode & 0o7777, uid: first.uid, gid: first.gid, size };
        self.entries.entries.insert(path, Recorded { entry, evidence: None, elf: None });
        Ok(())
    }
}

fn file(path: &str, rows: &[Row], offsets: &[u64], end: u64) -> Result<File, IndexError> {
    let wrong = |problem: &str| malformed(format!("`{path}`: {problem}"));
    let [first, ..] = rows else { return Err(wrong("no row")) };
    let digest = |text: &str| match text {
        "" => Ok(None),
        text => text.parse::<Digest>().map(Some).map_err(|_| wrong("a digest is none")),
    };
    let mut pieces = Vec::new();
    let mut position = 0;
    for (number, row) in rows.iter().enumerate() {
        let size = match (row.chunk_size, rows.get(number + 1)) {
            (0, _) => first.size.checked_sub(row.chunk_offset).ok_or_else(|| wrong("a piece is too long"))?,
            (size, _) => size,
        };
        let next = offsets.partition_point(|offset| *offset <= row.offset);
        let limit = if number + 1 == rows.len() && first.end_offset > 0 { first.end_offset } else { end };
        let behind = offsets.get(next).copied().unwrap_or(end).min(limit);
        let fits = row.chunk_offset == position && behind > row.offset && behind <= end;
        if !fits || size == 0 {
            return Err(wrong("its pieces do not lie side by side"));
        }
        position += size;
        let digest = digest(&row.chunk_digest)?;
        pieces.push(Piece { start: row.offset, end: behind, skip: row.inner_offset, size, digest });
    }
    let whole = digest(&first.digest)?;
    if position != first.size {
        return Err(wrong("its pieces are not all of it"));
    }
    if whole.is_none() && pieces.iter().any(|piece| piece.digest.is_none()) {
        return Err(wrong("nothing says what its bytes must be"));
    }
    Ok(File { path: path.to_owned(), size: first.size, digest: whole, pieces })
}

fn malformed(problem: impl AsRef<str>) -> IndexError {
    IndexError::Malformed { problem: problem.as_ref().chars().take(200).collect() }
}
