//! Watches an upload: how much the network took, since when it takes nothing, and what our own side
//! did wrong.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use futures_util::Stream;

use crate::image::{ByteStream, Bytes};

/// After the last byte a registry may take this many times the stall limit to store the blob.
const PATIENCE_AT_THE_END: u32 = 10;

/// Handed to the network at a time: what it holds back shall not count as taken.
const PIECE: usize = 64 << 10;

/// What is known of one upload; shared by the stream and its watchdog.
pub(super) struct Meter {
    start: Instant,
    /// Milliseconds after `start` at which the last piece was handed to the network.
    handed_over: AtomicU64,
    /// Bytes the network has not taken yet.
    left: AtomicU64,
    /// The network waits for us, not we for it.
    reading: AtomicBool,
    failure: Mutex<Option<io::Error>>,
}

/// The bytes of an upload on their way through a [`Meter`].
pub(super) struct Metered {
    inner: ByteStream,
    /// What came from `inner` and was not handed over yet.
    piece: Bytes,
    /// What else `inner` has to say must be heard before the last piece is handed over: a source that
    /// checks its bytes says at the end whether they were right.
    heard: bool,
    meter: Arc<Meter>,
}

impl Meter {
    pub(super) fn new(size: u64) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            handed_over: AtomicU64::new(0),
            left: AtomicU64::new(size),
            reading: AtomicBool::new(false),
            failure: Mutex::new(None),
        })
    }

    /// Measures the first bytes of `inner`.
    pub(super) fn watch(self: &Arc<Self>, inner: ByteStream) -> Metered {
        Metered { inner, piece: Bytes::new(), heard: true, meter: Arc::clone(self) }
    }

    /// Measures `inner`, which must then be at its end.
    pub(super) fn watch_to_end(self: &Arc<Self>, inner: ByteStream) -> Metered {
        Metered { heard: false, ..self.watch(inner) }
    }

    /// Completes when the network took nothing for `limit`.
    pub(super) async fn stalled(&self, limit: Duration) {
        loop {
            tokio::time::sleep((limit / 8).max(Duration::from_millis(5))).await;
            let limit = if self.left.load(Ordering::Acquire) == 0 { limit * PATIENCE_AT_THE_END } else { limit };
            let since =
                self.start.elapsed().saturating_sub(Duration::from_millis(self.handed_over.load(Ordering::Acquire)));
            if since > limit && !self.reading.load(Ordering::Acquire) {
                return;
            }
        }
    }

    /// What went wrong while our own bytes were read.
    pub(super) fn take_failure(&self) -> Option<io::Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn took(&self, bytes: usize) {
        let left = self.left.load(Ordering::Acquire);
        self.left.store(left.saturating_sub(bytes as u64), Ordering::Release);
        self.mark();
    }

    /// Keeps the error for the one who asks afterwards; the network only learns that there is one.
    fn fail(&self, error: io::Error) -> io::Error {
        let told = io::Error::from(error.kind());
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        told
    }

    fn mark(&self) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.handed_over.store(now, Ordering::Release);
        self.reading.store(false, Ordering::Release);
    }
}

impl Metered {
    fn poll_inner(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        self.meter.reading.store(true, Ordering::Release);
        let Poll::Ready(item) = self.inner.as_mut().poll_next(context) else { return Poll::Pending };
        self.meter.mark();
        Poll::Ready(item.map(|item| item.map_err(|error| self.meter.fail(error))))
    }

    fn broken(&self, kind: io::ErrorKind) -> Poll<Option<io::Result<Bytes>>> {
        Poll::Ready(Some(Err(self.meter.fail(kind.into()))))
    }
}

impl Stream for Metered {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let left = self.meter.left.load(Ordering::Acquire);
        if left == 0 {
            return Poll::Ready(None);
        }
        while self.piece.is_empty() {
            match ready!(self.poll_inner(context)) {
                Some(Ok(piece)) => self.piece = piece,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return self.broken(io::ErrorKind::UnexpectedEof),
            }
        }
        if !self.heard && self.piece.len() as u64 > left {
            return self.broken(io::ErrorKind::InvalidData);
        }
        while !self.heard && self.piece.len() as u64 == left {
            match ready!(self.poll_inner(context)) {
                Some(Ok(piece)) if piece.is_empty() => {}
                Some(Ok(_)) => return self.broken(io::ErrorKind::InvalidData),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => self.heard = true,
            }
        }
        let length = self.piece.len().min(PIECE).min(usize::try_from(left).unwrap_or(usize::MAX));
        let piece = self.piece.split_to(length);
        self.meter.took(length);
        Poll::Ready(Some(Ok(piece)))
    }
}
