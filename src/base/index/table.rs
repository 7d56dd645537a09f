//! What a table says, and the table of eStargz and zstd:chunked: JSON, one entry for every entry of the
//! tar, and one more for every further piece of a large file. Both have the same.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

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

/// Of a row what says where others end.
#[derive(Deserialize)]
struct Position {
    #[serde(default)]
    offset: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'t> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'t, str>,
    #[serde(borrow)]
    name: Cow<'t, str>,
    #[serde(default, borrow)]
    link_name: Cow<'t, str>,
    #[serde(default)]
    mode: u32,
    #[serde(default)]
    uid: u64,
    #[serde(default)]
    gid: u64,
    #[serde(default)]
    size: u64,
    #[serde(default, borrow)]
    digest: Cow<'t, str>,
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
    #[serde(default, borrow)]
    chunk_digest: Cow<'t, str>,
}

/// Hands over the rows of a table one by one: all of them at once would take many times the memory that is kept of
/// them.
fn each_row<'t, R: Deserialize<'t>>(
    json: &'t [u8],
    take: &mut dyn FnMut(R) -> Result<(), IndexError>,
) -> Result<(), IndexError> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let (version, read) = reader.deserialize_map(Document(Rows(take))).map_err(|error| malformed(error.to_string()))?;
    reader.end().map_err(|error| malformed(error.to_string()))?;
    if version != Some(1) {
        return Err(malformed(format!("its version is {}", version.unwrap_or_default())));
    }
    read.ok_or_else(|| malformed("it has no entries"))?
}

struct Document<'f, R>(Rows<'f, R>);

struct Rows<'f, R>(&'f mut dyn FnMut(R) -> Result<(), IndexError>);

impl<'t, R: Deserialize<'t>> Visitor<'t> for Document<'_, R> {
    type Value = (Option<u64>, Option<Result<(), IndexError>>);

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a table")
    }

    fn visit_map<M: MapAccess<'t>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let (mut version, mut read, mut rows) = (None, None, Some(self.0));
        while let Some(key) = map.next_key::<Cow<'t, str>>()? {
            match &*key {
                "version" => version = Some(map.next_value()?),
                "entries" => {
                    let rows = rows.take().ok_or_else(|| M::Error::duplicate_field("entries"))?;
                    read = Some(map.next_value_seed(rows)?);
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok((version, read))
    }
}

impl<'t, R: Deserialize<'t>> DeserializeSeed<'t> for Rows<'_, R> {
    type Value = Result<(), IndexError>;

    fn deserialize<D: Deserializer<'t>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'t, R: Deserialize<'t>> Visitor<'t> for Rows<'_, R> {
    type Value = Result<(), IndexError>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a list of entries")
    }

    /// What comes after the first that is wrong is passed over.
    fn visit_seq<S: SeqAccess<'t>>(self, mut rows: S) -> Result<Self::Value, S::Error> {
        let mut taken = Ok(());
        while let Some(row) = rows.next_element()? {
            taken = taken.and_then(|()| (self.0)(row));
        }
        Ok(taken)
    }
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
        let mut offsets = vec![end];
        each_row(json, &mut |row: Position| {
            offsets.push(row.offset);
            if offsets.len() > ENTRY_LIMIT { Err(malformed("it has too many entries")) } else { Ok(()) }
        })?;
        offsets.sort_unstable();
        offsets.dedup();
        let mut reading = Reading { table: Self::default(), offsets, end, last: None };
        each_row(json, &mut |row: Row<'_>| reading.take(&row))?;
        reading.close()?;
        Ok(reading.table)
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

/// A table of which rows are read.
struct Reading {
    table: Table,
    /// Where something may end: each offset once, in order, `end` among them.
    offsets: Vec<u64>,
    /// Behind the last byte of what the table tells of.
    end: u64,
    /// The name of the entry whose further pieces may follow, and the file, if its bytes are wanted.
    last: Option<(String, Option<Unfinished>)>,
}

/// A file of which more pieces may follow.
struct Unfinished {
    file: File,
    /// Bytes of the pieces so far.
    position: u64,
    /// Behind its last piece; 0 where that is not said.
    end: u64,
}

impl Reading {
    fn take(&mut self, row: &Row<'_>) -> Result<(), IndexError> {
        if row.kind == "chunk"
            && let Some((name, file)) = &mut self.last
        {
            if row.name != *name {
                return Err(malformed(format!("a piece of `{name}` stands elsewhere")));
            }
            return file.as_mut().map_or(Ok(()), |file| file.add(row, (&self.offsets, self.end)));
        }
        self.close()?;
        let described = Described {
            name: row.name.as_bytes(),
            kind: &row.kind,
            link: row.link_name.as_bytes(),
            mode: row.mode,
            uid: row.uid,
            gid: row.gid,
            size: row.size,
        };
        let path = self.table.enter(&described)?;
        let file = path.map(|path| Unfinished::begin(path, row, (&self.offsets, self.end))).transpose()?;
        self.last = Some((row.name.clone().into_owned(), file));
        Ok(())
    }

    /// Nothing more follows of the last entry.
    fn close(&mut self) -> Result<(), IndexError> {
        if let Some((_, Some(file))) = self.last.take() {
            self.table.files.push(file.finish(self.end)?);
        }
        Ok(())
    }
}

impl Unfinished {
    fn begin(path: String, row: &Row<'_>, blob: (&[u64], u64)) -> Result<Self, IndexError> {
        let file = File { digest: digest(&path, &row.digest)?, path, size: row.size, pieces: Vec::new() };
        let mut begun = Self { file, position: 0, end: row.end_offset };
        begun.add(row, blob)?;
        Ok(begun)
    }

    /// Adds a piece of a blob in which something may end at `offsets`, and everything before `end`.
    fn add(&mut self, row: &Row<'_>, (offsets, end): (&[u64], u64)) -> Result<(), IndexError> {
        self.end_last(end, end)?;
        let size = match row.chunk_size {
            0 => self.file.size.checked_sub(row.chunk_offset).ok_or_else(|| self.wrong("a piece is too long"))?,
            size => size,
        };
        if row.chunk_offset != self.position || size == 0 {
            return Err(self.beside());
        }
        self.position = self.position.checked_add(size).ok_or_else(|| self.beside())?;
        let behind = offsets.get(offsets.partition_point(|offset| *offset <= row.offset)).copied().unwrap_or(end);
        let digest = digest(&self.file.path, &row.chunk_digest)?;
        let piece = Piece { start: row.offset, end: behind, skip: row.inner_offset, size, digest, stored: None };
        self.file.pieces.push(piece);
        Ok(())
    }

    /// The last piece so far ends before `limit`, in a blob that ends at `end`.
    fn end_last(&mut self, limit: u64, end: u64) -> Result<(), IndexError> {
        let Some(last) = self.file.pieces.last_mut() else { return Ok(()) };
        last.end = last.end.min(limit);
        if last.end <= last.start || last.end > end { Err(self.beside()) } else { Ok(()) }
    }

    fn finish(mut self, end: u64) -> Result<File, IndexError> {
        self.end_last(if self.end > 0 { self.end } else { end }, end)?;
        if self.position != self.file.size {
            return Err(self.wrong("its pieces are not all of it"));
        }
        if self.file.digest.is_none() && self.file.pieces.iter().any(|piece| piece.digest.is_none()) {
            return Err(self.wrong("nothing says what its bytes must be"));
        }
        Ok(self.file)
    }

    fn beside(&self) -> IndexError {
        self.wrong("its pieces do not lie side by side")
    }

    fn wrong(&self, problem: &str) -> IndexError {
        malformed(format!("`{}`: {problem}", self.file.path))
    }
}

/// The digest that is said of something of the file `path`, if one is.
fn digest(path: &str, text: &str) -> Result<Option<Digest>, IndexError> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| malformed(format!("`{path}`: a digest is none")))
}

pub(super) fn malformed(problem: impl AsRef<str>) -> IndexError {
    IndexError::Malformed { problem: problem.as_ref().chars().take(200).collect() }
}
