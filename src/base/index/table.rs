//! What a table says, and the table of eStargz and zstd:chunked: JSON, one entry for every entry of the
//! tar, and one more for every further piece of a large file. Both have the same.

use serde::Deserialize;

use super::IndexError;
use crate::{
    base::{
        Entry, Kind, LayerEntries,
        entries::{NAMES_LIMIT, Recorded, clean_path, spread},
        evidence::tells_of_base,
    },
    oci::Digest,
};

/// Entries of a layer, as in any layer.
pub(super) const ENTRY_LIMIT: usize = 4_000_000;

/// What a table says.
#[derive(Default)]
pub(super) struct Table {
    /// Without any evidence yet.
    pub(super) entries: LayerEntries,
    /// The files whose bytes say what a base is.
    pub(super) files: Vec<File>,
    /// Bytes of what is kept of names, and the path that was entered last.
    names: usize,
    before: String,
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
    /// Of what lies between `start` and `end`.
    pub(super) stored: Option<Digest>,
}

/// An entry of the tar, as a table tells of it.
pub(super) struct Described<'t> {
    pub(super) name: &'t [u8],
    /// `reg`, `dir`, and so on.
    pub(super) kind: &'t str,
    pub(super) link: &'t [u8],
    pub(super) mode: u32,
    pub(super) uid: u64,
    pub(super) gid: u64,
    /// Bytes of a regular file.
    pub(super) size: u64,
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

    /// Bytes before it of what begins there.
    pub(super) fn skip(&self) -> u64 {
        self.pieces.first().map_or(0, |piece| piece.skip)
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
        let mut table = Self::default();
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
        let described = Described {
            name: first.name.as_bytes(),
            kind: &first.kind,
            link: first.link_name.as_bytes(),
            mode: first.mode,
            uid: first.uid,
            gid: first.gid,
            size: first.size,
        };
        if let Some(path) = self.enter(&described)? {
            self.files.push(file(&path, rows, offsets, end)?);
        }
        Ok(())
    }

    /// Adds an entry. Gives its path if the bytes there tell what a base is.
    pub(super) fn enter(&mut self, described: &Described<'_>) -> Result<Option<String>, IndexError> {
        let path = clean_path(described.name).map_err(|error| malformed(error.to_string()))?;
        let Some(path) = path else { return Ok(None) };
        self.names += spread(&self.before, &path) + described.link.len();
        if self.names > NAMES_LIMIT {
            return Err(malformed(format!("its names take more than {NAMES_LIMIT} bytes")));
        }
        self.before.clone_from(&path);
        let kind = match described.kind {
            "dir" => Kind::Directory,
            "reg" => Kind::File,
            "symlink" => Kind::Symlink(String::from_utf8_lossy(described.link).into_owned()),
            "hardlink" => Kind::Hardlink(clean_path(described.link).ok().flatten().unwrap_or_default()),
            "char" | "block" | "fifo" => Kind::Other,
            other => return Err(malformed(format!("`{path}` is of the kind `{other}`"))),
        };
        if self.entries.take_mark(&path) {
            return Ok(None);
        }
        let size = if kind == Kind::File { described.size } else { 0 };
        let tells = kind == Kind::File && tells_of_base(&path, size);
        let entry = Entry { kind, mode: described.mode & 0o7777, uid: described.uid, gid: described.gid, size };
        let told = tells.then(|| path.clone());
        self.entries.entries.insert(path, Recorded { entry, evidence: None, elf: None });
        Ok(told)
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
        pieces.push(Piece { start: row.offset, end: behind, skip: row.inner_offset, size, digest, stored: None });
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

pub(super) fn malformed(problem: impl AsRef<str>) -> IndexError {
    IndexError::Malformed { problem: problem.as_ref().chars().take(200).collect() }
}
