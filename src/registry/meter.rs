//! Watches an upload: how much the network took, since when it takes nothing, and what our own side
//! did wrong.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_util::Stream;

use crate::image::{ByteStream, Bytes};

/// After the last byte a registry may take this many times the stall limit to store the blob.
const PATIENCE_AT_THE_END: u32 = 10;

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

    pub(super) fn watch(self: &Arc<Self>, inner: ByteStream) -> Metered {
        Metered { inner, meter: Arc::clone(self) }
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

    fn mark(&self) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.handed_over.store(now, Ordering::Release);
        self.reading.store(false, Ordering::Release);
    }
}

impl Stream for Metered {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.meter.reading.store(true, Ordering::Release);
        let polled = self.inner.as_mut().poll_next(context);
        let Poll::Ready(item) = polled else { return Poll::Pending };
        self.meter.mark();
        match item {
            Some(Ok(bytes)) => {
                let left = self.meter.left.load(Ordering::Acquire);
                self.meter.left.store(left.saturating_sub(bytes.len() as u64), Ordering::Release);
                Poll::Ready(Some(Ok(bytes)))
            }
            Some(Err(error)) => {
                let told = io::Error::from(error.kind());
                *self.meter.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Poll::Ready(Some(Err(told)))
            }
            None if self.meter.left.load(Ordering::Acquire) > 0 => {
                let short = || io::Error::from(io::ErrorKind::UnexpectedEof);
                *self.meter.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(short());
                Poll::Ready(Some(Err(short())))
            }
            None => Poll::Ready(None),
        }
    }
}
