//! A layer's compressed bytes as a rope: short literals of our own, and ranges of files in the store.
//! The bytes exist nowhere as a whole; any part of them can be read at any time.

use std::{fs::File, io};

use serde::{Deserialize, Serialize};

use crate::{
    oci::Digest,
    store::{Blob, Store},
};

/// A sequence of literals and ranges.
#[derive(Clone, Debug, Default)]
pub struct Rope {
    blobs: Vec<Blob>,
    literals: Vec<u8>,
    pieces: Vec<Piece>,
    length: u64,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Piece {
    /// Where the piece begins in the rope.
    at: u64,
    /// Index of the blob; none for a literal.
    blob: Option<u32>,
    /// Where it begins in the blob, or among the literals.
    offset: u64,
    length: u64,
}

impl Rope {
    /// The whole of one file.
    #[must_use]
    pub(super) fn of_blob(blob: &Blob) -> Self {
        let mut rope = Self::default();
        rope.push_range(blob, 0, blob.size());
        rope
    }

    /// Number of bytes.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Reads up to `buffer.len()` bytes from `offset` on; fewer only at a seam or the end, none only
    /// at the end. `open` keeps the file that the last call read from.
    ///
    /// # Errors
    /// When a file of the store has gone or is shorter than it was.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8], open: &mut OpenBlob) -> io::Result<usize> {
        let index = self.pieces.partition_point(|piece| piece.at + piece.length <= offset);
        let Some(piece) = self.pieces.get(index) else { return Ok(0) };
        let inside = offset - piece.at;
        let length = usize::try_from(piece.length - inside).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = &mut buffer[..length];
        match piece.blob {
            None => {
                let start = usize::try_from(piece.offset + inside).unwrap_or(usize::MAX);
                buffer.copy_from_slice(&self.literals[start..start + length]);
            }
            Some(blob) => open.read(&self.blobs[blob as usize], piece.offset + inside, buffer)?,
        }
        Ok(length)
    }

    /// The files of the store that it consists of.
    #[must_use]
    pub fn blobs(&self) -> &[Blob] {
        &self.blobs
    }

    /// Throws away the files whose bytes are no longer what they were; true when there were any.
    #[must_use]
    pub fn remove_damaged(&self) -> bool {
        // One that cannot be read is not relied on either. All are looked at.
        self.blobs.iter().filter(|blob| blob.remove_if_damaged().unwrap_or(true)).count() > 0
    }

    /// A reader from `offset` on.
    #[must_use]
    pub fn reader(self: std::sync::Arc<Self>, offset: u64) -> RopeReader {
        RopeReader { rope: self, position: offset, open: OpenBlob::default() }
    }

    pub(super) fn push_literal(&mut self, bytes: &[u8]) {
        let offset = self.literals.len() as u64;
        self.literals.extend_from_slice(bytes);
        self.push(None, offset, bytes.len() as u64);
    }

    pub(super) fn push_range(&mut self, blob: &Blob, offset: u64, length: u64) {
        // Most often the last one.
        let index = self.blobs.iter().rposition(|known| known == blob).unwrap_or_else(|| {
            self.blobs.push(blob.clone());
            self.blobs.len() - 1
        });
        self.push(u32::try_from(index).ok(), offset, length);
    }

    fn push(&mut self, blob: Option<u32>, offset: u64, length: u64) {
        if length == 0 {
            return;
        }
        self.length += length;
        if let Some(last) = self.pieces.last_mut()
            && last.blob == blob
            && last.offset + last.length == offset
        {
            last.length += length;
            return;
        }
        self.pieces.push(Piece { at: self.length - length, blob, offset, length });
    }

    /// The rope as a note for the store: which files, which ranges of them, and the literals.
    #[must_use]
    pub fn to_note(&self) -> Vec<u8> {
        let blobs = self.blobs.iter().map(|blob| *blob.digest()).collect();
        let head = Head { blobs, pieces: self.pieces.clone(), literals: Digest::of(&self.literals) };
        let mut note = serde_json::to_vec(&head).unwrap_or_default();
        note.push(b'\n');
        note.extend_from_slice(&self.literals);
        note
    }

    /// Reads a note; nothing when it is damaged or when the store lacks one of the files.
    #[must_use]
    pub fn from_note(note: &[u8], store: &Store) -> Option<Self> {
        let end = note.iter().position(|byte| *byte == b'\n')?;
        let head: Head = serde_json::from_slice(&note[..end]).ok()?;
        let literals = note[end + 1..].to_vec();
        if head.literals != Digest::of(&literals) {
            return None;
        }
        let blobs = head.blobs.iter().map(|digest| store.blob(digest)).collect::<Option<Vec<_>>>()?;
        let mut length = 0;
        for piece in &head.pieces {
            let source = match piece.blob {
                None => literals.len() as u64,
                Some(index) => blobs.get(index as usize)?.size(),
            };
            if piece.at != length || piece.offset.checked_add(piece.length)? > source {
                return None;
            }
            length += piece.length;
        }
        Some(Self { blobs, literals, pieces: head.pieces, length })
    }
}

#[derive(Serialize, Deserialize)]
struct Head {
    blobs: Vec<Digest>,
    pieces: Vec<Piece>,
    literals: Digest,
}

/// The file that was read last: ranges of one wheel follow each other.
#[derive(Debug, Default)]
pub struct OpenBlob {
    open: Option<(Digest, File)>,
}

impl OpenBlob {
    pub(super) fn read(&mut self, blob: &Blob, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let file = match &mut self.open {
            Some((digest, file)) if digest == blob.digest() => file,
            slot => &mut slot.insert((*blob.digest(), blob.open()?)).1,
        };
        std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
    }
}

/// Reads a rope from front to back.
#[derive(Debug)]
pub struct RopeReader {
    rope: std::sync::Arc<Rope>,
    position: u64,
    open: OpenBlob,
}

impl io::Read for RopeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.rope.read_at(self.position, buffer, &mut self.open)?;
        self.position += count as u64;
        Ok(count)
    }
}
