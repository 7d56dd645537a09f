//! The contents of files that lie in the store.

use std::io::{self, Read, Seek as _, SeekFrom};

use crate::layer::{Body, Method, Span};

/// Opens the plain contents of `span`.
pub(super) fn open(span: &Span) -> io::Result<Box<dyn Read>> {
    let mut file = span.blob.open()?;
    file.seek(SeekFrom::Start(span.offset))?;
    let stream = file.take(span.compressed);
    Ok(match span.method {
        Method::Deflate => Box::new(flate2::read::DeflateDecoder::new(stream).take(span.size)),
        Method::Stored => Box::new(stream),
    })
}

/// The whole contents of `body`, which must not have more than `limit` bytes.
pub(super) fn read(body: &Body, limit: u64) -> io::Result<Vec<u8>> {
    let span = match body {
        Body::Literal(bytes) => return Ok(bytes.to_vec()),
        Body::Span(span) => span,
    };
    if span.size > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {limit} bytes")));
    }
    let mut bytes = Vec::new();
    open(span)?.read_to_end(&mut bytes)?;
    if bytes.len() as u64 != span.size || crc32fast::hash(&bytes) != span.crc32 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its contents in the store are damaged"));
    }
    Ok(bytes)
}
