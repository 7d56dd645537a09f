//! eStargz: a gzip of which single files can be fetched, because each begins a gzip member of its own
//! and the last entry of the tar is a table of where they lie.
//!
//! ```text
//! member:  tar headers up to the first file with contents
//! per file: member with its contents, or one for every 4 MiB of them
//!           member with padding and the headers up to the next file
//! member:  the table of contents as a tar entry, end of archive
//! footer:  an empty member whose header says where the table begins
//! ```
//!
//! Deflate streams of files up to 4 MiB are taken over; a longer one cannot be cut, and whoever
//! fetches one byte of a member has to fetch it whole, so larger files are compressed anew. The
//! layer begins with a landmark file that says that nothing need be fetched ahead.
//!
//! [eStargz](https://github.com/containerd/stargz-snapshotter/blob/main/docs/estargz.md).

mod table;

use std::{io::Write as _, thread};

use bytes::Bytes;
use flate2::{Compression, write::DeflateEncoder};

use self::table::Table;
use super::{
    Laid,
    pass::{Cut, END_OF_ARCHIVE, Output, READ},
};
use crate::{
    layer::{
        Body, Item, LayerError, Method, Node, Rope, Span,
        deflate::{BitWriter, Block, GZIP_HEADER, LARGEST_LITERAL},
        hashes::Hashes,
        header,
        rope::OpenBlob,
    },
    oci::{Descriptor, Digest, Hasher, MediaType},
    store::{Ingest, Store},
};

/// Files that say what to fetch ahead; this one says nothing.
const LANDMARK: &str = ".no.prefetch.landmark";
const OTHER_LANDMARK: &str = ".prefetch.landmark";

/// The tar entry that holds the table.
const TABLE: &str = "stargz.index.json";

/// Bytes of contents that are fetched together.
const CHUNK: usize = 4 << 20;

const LEVEL: Compression = Compression::new(6);

/// The annotation that pins the table, by which everything else is verified.
const TABLE_DIGEST: &str = "containerd.io/snapshot/stargz/toc.digest";
const TAR_SIZE: &str = "io.containers.estargz.uncompressed-size";

/// Refuses items that stand where eStargz puts its own.
pub(super) fn check_paths(items: &[Item]) -> Result<(), LayerError> {
    match items.iter().find(|item| [LANDMARK, OTHER_LANDMARK, TABLE].contains(&item.path.as_str())) {
        Some(item) => {
            let reason = "eStargz has a file of its own there";
            Err(LayerError::Path { path: item.path.clone(), reason })
        }
        None => Ok(()),
    }
}

/// The first item of every layer.
pub(super) fn landmark() -> Item {
    file(LANDMARK, Bytes::from_static(&[0x0f]))
}

fn file(path: &str, contents: Bytes) -> Item {
    let node = Node::File(Body::Literal(contents));
    Item::new(path.to_owned(), node, 0o644)
}

/// A piece of a file, in a member of its own.
struct Chunk {
    /// Where the member begins in the blob.
    offset: u64,
    size: u64,
    digest: Digest,
}

pub(super) struct Lazy<'scope> {
    hashes: Hashes<'scope>,
    out: Ingest,
    table: Table,
    tar_size: u64,
    /// Bytes of the tar that stand in no file, not yet written.
    between: Vec<u8>,
    /// What is known of the present file.
    hasher: Hasher,
    begin: u64,
    writer: BitWriter,
    /// Pieces of the present file that wait to be compressed, if it is large.
    waiting: Vec<Vec<u8>>,
    chunks: Vec<Chunk>,
    encoders: usize,
    open: OpenBlob,
}

impl<'scope> Lazy<'scope> {
    pub(super) fn new(hashes: Hashes<'scope>, store: &Store, encoders: u32) -> Result<Self, LayerError> {
        Ok(Self {
            hashes,
            out: store.ingest()?,
            table: Table::default(),
            tar_size: 0,
            between: Vec::new(),
            hasher: Hasher::new(),
            begin: 0,
            writer: BitWriter::default(),
            waiting: Vec::new(),
            chunks: Vec::new(),
            encoders: usize::try_from(encoders).unwrap_or(1).max(1),
            open: OpenBlob::default(),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        self.out.write_all(bytes).map_err(|source| LayerError::Encode { source })
    }

    fn end_member(&mut self, crc32: u32, size: u64) -> Result<(), LayerError> {
        self.write(&crc32.to_le_bytes())?;
        self.write(&size.to_le_bytes()[..4])
    }

    /// A member of bytes of our own.
    fn literal_member(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        self.write(&GZIP_HEADER)?;
        for piece in bytes.chunks(LARGEST_LITERAL) {
            self.writer.fixed_block(piece, Block::Inner);
            let encoded = self.writer.take();
            self.write(&encoded)?;
        }
        self.close_stream()?;
        self.end_member(crc32fast::hash(bytes), bytes.len() as u64)
    }

    /// Ends a stream of inner blocks.
    fn close_stream(&mut self) -> Result<(), LayerError> {
        self.writer.fixed_block(&[], Block::Final);
        self.writer.align();
        let encoded = self.writer.take();
        self.write(&encoded)
    }

    fn flush_between(&mut self) -> Result<(), LayerError> {
        let bytes = std::mem::take(&mut self.between);
        if !bytes.is_empty() {
            self.literal_member(&bytes)?;
        }
        Ok(())
    }

    /// The deflate stream of a file, as it is.
    fn transplant(&mut self, span: &Span) -> Result<(), LayerError> {
        self.write(&GZIP_HEADER)?;
        let mut buffer = vec![0; READ];
        let mut position = 0;
        while position < span.compressed {
            let count = usize::try_from(span.compressed - position).unwrap_or(READ).min(READ);
            let read = self.open.read(&span.blob, span.offset + position, &mut buffer[..count]);
            read.map_err(|source| LayerError::Read { digest: *span.blob.digest(), source })?;
            self.write(&buffer[..count])?;
            position += count as u64;
        }
        self.end_member(span.crc32, span.size)
    }

    /// Takes contents of a large file; compresses them when there is work for every encoder.
    fn collect(&mut self, mut bytes: &[u8]) -> Result<(), LayerError> {
        while !bytes.is_empty() {
            if self.waiting.last().is_none_or(|last| last.len() == CHUNK) {
                if self.waiting.len() == self.encoders {
                    self.compress()?;
                }
                self.waiting.push(Vec::with_capacity(CHUNK));
            }
            let Some(last) = self.waiting.last_mut() else { return Ok(()) };
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - last.len()));
            last.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    fn compress(&mut self) -> Result<(), LayerError> {
        for member in deflate_all(&std::mem::take(&mut self.waiting))? {
            self.chunks.push(Chunk { offset: self.out.size(), size: member.size, digest: member.digest });
            self.write(&GZIP_HEADER)?;
            self.write(&member.deflated)?;
            self.end_member(member.crc32, member.size)?;
        }
        Ok(())
    }

    fn add_to_table(&mut self, item: &Item) {
        let hasher = std::mem::take(&mut self.hasher);
        let chunks = std::mem::take(&mut self.chunks);
        self.table.file(item, &hasher.finish(), &chunks);
    }
}

impl Output for Lazy<'_> {
    fn tar(&mut self, buffer: Vec<u8>, filled: usize) -> Result<Vec<u8>, LayerError> {
        self.tar_size += filled as u64;
        self.hashes.tar(buffer, filled)
    }

    fn item(&mut self, item: &Item) -> Result<(), LayerError> {
        if !matches!(item.node, Node::File(_)) {
            self.table.other(item);
        }
        Ok(())
    }

    fn between(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        self.between.extend_from_slice(bytes);
        Ok(())
    }

    fn begin(&mut self, body: &Body) -> Result<(), LayerError> {
        if body.size() == 0 {
            return Ok(());
        }
        self.flush_between()?;
        self.begin = self.out.size();
        if is_stored(body) {
            self.write(&GZIP_HEADER)?;
        }
        Ok(())
    }

    fn contents(&mut self, body: &Body, bytes: &[u8]) -> Result<(), LayerError> {
        self.hasher.update(bytes);
        if is_large(body) {
            self.collect(bytes)
        } else if is_stored(body) {
            let length = u16::try_from(bytes.len()).expect("stored contents come in short pieces");
            self.writer.stored_header(length);
            let header = self.writer.take();
            self.write(&header)?;
            self.write(bytes)
        } else {
            Ok(())
        }
    }

    fn end(&mut self, item: &Item, body: &Body, _: Option<Cut>) -> Result<(), LayerError> {
        if is_large(body) {
            self.compress()?;
        } else if body.size() > 0 {
            match body {
                Body::Literal(bytes) => self.literal_member(bytes)?,
                Body::Span(span) if span.method == Method::Deflate => self.transplant(span)?,
                Body::Span(span) => {
                    self.close_stream()?;
                    self.end_member(span.crc32, span.size)?;
                }
            }
            let digest = self.hasher.clone().finish();
            self.chunks.push(Chunk { offset: self.begin, size: body.size(), digest });
        }
        self.add_to_table(item);
        Ok(())
    }

    fn end_of_archive(&mut self) -> Result<Vec<u8>, LayerError> {
        self.flush_between()?;
        let table = file(TABLE, Bytes::from(self.table.to_json()));
        let mut tar = header::header(&table);
        if let Node::File(Body::Literal(json)) = &table.node {
            tar.extend_from_slice(json);
        }
        header::pad(&mut tar);
        tar.extend_from_slice(&END_OF_ARCHIVE);
        let offset = self.out.size();
        let member = deflate(&tar)?;
        self.write(&GZIP_HEADER)?;
        self.write(&member.deflated)?;
        self.end_member(member.crc32, member.size)?;
        self.write(&footer(offset))?;
        Ok(tar)
    }

    fn finish(self, result: Result<(), LayerError>) -> Result<Laid, LayerError> {
        let sums = self.hashes.finish(result)?;
        let blob = self.out.commit()?;
        let mut descriptor = Descriptor::new(MediaType::ImageLayerGzip, *blob.digest(), blob.size());
        let annotations = &mut descriptor.annotations;
        annotations.insert(TABLE_DIGEST.to_owned(), Digest::of(&self.table.to_json()).to_string());
        annotations.insert(TAR_SIZE.to_owned(), self.tar_size.to_string());
        Ok(Laid { diff_id: sums.diff_id, descriptor, rope: Rope::of_blob(&blob) })
    }
}

fn is_large(body: &Body) -> bool {
    body.size() > CHUNK as u64
}

fn is_stored(body: &Body) -> bool {
    matches!(body, Body::Span(span) if span.method == Method::Stored && span.size > 0 && !is_large(body))
}

struct Member {
    deflated: Vec<u8>,
    crc32: u32,
    size: u64,
    digest: Digest,
}

/// Compresses each piece, all at the same time.
fn deflate_all(pieces: &[Vec<u8>]) -> Result<Vec<Member>, LayerError> {
    if let [piece] = pieces {
        return Ok(vec![deflate(piece)?]);
    }
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for piece in pieces {
            let thread = thread::Builder::new().spawn_scoped(scope, move || deflate(piece));
            threads.push(thread.map_err(|source| LayerError::NoThread { source })?);
        }
        threads.into_iter().map(|thread| thread.join().unwrap_or(Err(LayerError::Thread))).collect()
    })
}

fn deflate(bytes: &[u8]) -> Result<Member, LayerError> {
    let fail = |source| LayerError::Encode { source };
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(bytes.len() / 2), LEVEL);
    encoder.write_all(bytes).map_err(fail)?;
    Ok(Member {
        deflated: encoder.finish().map_err(fail)?,
        crc32: crc32fast::hash(bytes),
        size: bytes.len() as u64,
        digest: Digest::of(bytes),
    })
}

/// An empty gzip member of 51 bytes, whose extra field says where the member with the table begins.
fn footer(offset: u64) -> Vec<u8> {
    let mut footer = vec![0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, 26, 0, b'S', b'G', 22, 0];
    footer.extend_from_slice(format!("{offset:016x}STARGZ").as_bytes());
    // A final stored block of no bytes, CRC-32 and length of nothing.
    footer.extend_from_slice(&[1, 0, 0, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0]);
    footer
}

#[cfg(test)]
mod tests;
