//! Blobs on their way out.

use std::{io, ops::Range};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{
    HeaderMap, Response, StatusCode,
    body::Frame,
    header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE},
};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::{
    State,
    digest::Digest,
    range::{Asked, asked},
    reply::{DIGEST, Reply, Trouble, empty, with},
};

/// Bytes read from disk at a time.
const PIECE: usize = 256 << 10;

/// GET and HEAD of a blob; the body of a HEAD is dropped unread.
pub(super) async fn read(state: &State, name: &str, digest: &Digest, headers: &HeaderMap) -> Result<Reply, Trouble> {
    let size = state.disk.blob_size(name, digest).ok_or_else(unknown)?;
    let header = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let (status, range) = match asked(header, size) {
        Asked::All => (StatusCode::OK, 0..size),
        Asked::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Asked::Unsatisfiable => {
            return Ok(with(empty(StatusCode::RANGE_NOT_SATISFIABLE), CONTENT_RANGE, &format!("bytes */{size}")));
        }
    };
    let mut file = tokio::fs::File::open(state.disk.blob_path(digest)).await?;
    file.seek(io::SeekFrom::Start(range.start)).await?;
    let length = range.end - range.start;
    let mut reply = Response::new(StreamBody::new(pieces(file, length)).boxed_unsync());
    *reply.status_mut() = status;
    let reply = with(reply, CONTENT_LENGTH, &length.to_string());
    let reply = with(with(reply, CONTENT_TYPE, "application/octet-stream"), DIGEST, &digest.to_string());
    Ok(if status == StatusCode::PARTIAL_CONTENT {
        with(reply, CONTENT_RANGE, &content_range(&range, size))
    } else {
        reply
    })
    .map(|reply| with(reply, ACCEPT_RANGES, "bytes"))
}

/// DELETE of a blob.
pub(super) fn delete(state: &State, name: &str, digest: &Digest) -> Result<Reply, Trouble> {
    if state.disk.unlink_blob(name, digest)? { Ok(empty(StatusCode::ACCEPTED)) } else { Err(unknown()) }
}

fn unknown() -> Trouble {
    Trouble::refused(404, "BLOB_UNKNOWN", "the repository has no such blob")
}

fn content_range(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end - 1)
}

fn pieces(file: tokio::fs::File, length: u64) -> impl Stream<Item = io::Result<Frame<Bytes>>> + Send {
    stream::try_unfold((file, length), async |(mut file, left)| {
        if left == 0 {
            return Ok(None);
        }
        let want = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let mut piece = BytesMut::with_capacity(want);
        if (&mut file).take(want as u64).read_buf(&mut piece).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let left = left - piece.len() as u64;
        Ok(Some((Frame::data(piece.freeze()), (file, left))))
    })
}
