//! Blobs that tell how far they are while somebody reads them.

use std::sync::Arc;

use futures_util::{Stream, StreamExt as _, future::BoxFuture, stream};

use super::{BlobSource, ByteStream, Bytes, Origin, TransferError};
use crate::{
    oci::Descriptor,
    progress::{Event, Observer, Task, TaskKind},
};

/// A blob of which `observer` hears: an upload begins when it is opened, and ends when its reader is done.
pub(super) struct Watched {
    pub(super) blob: Arc<dyn BlobSource>,
    pub(super) name: Arc<str>,
    pub(super) observer: Arc<dyn Observer>,
}

impl Watched {
    fn watch(&self, stream: ByteStream, total: u64) -> ByteStream {
        let upload = Upload { name: Arc::clone(&self.name), observer: Arc::clone(&self.observer) };
        upload.tell(|task| Event::Started { task, total: Some(total) });
        told(stream, upload).boxed()
    }
}

impl BlobSource for Watched {
    fn descriptor(&self) -> &Descriptor {
        self.blob.descriptor()
    }

    fn open(&self, from: u64) -> BoxFuture<'_, Result<ByteStream, TransferError>> {
        let total = self.descriptor().size.saturating_sub(from);
        Box::pin(async move { Ok(self.watch(self.blob.open(from).await?, total)) })
    }

    fn open_range(&self, from: u64, length: u64) -> BoxFuture<'_, Result<ByteStream, TransferError>> {
        Box::pin(async move { Ok(self.watch(self.blob.open_range(from, length).await?, length)) })
    }

    fn distrust(&self) -> bool {
        self.blob.distrust()
    }

    fn origin(&self) -> Option<&Origin> {
        self.blob.origin()
    }
}

/// An upload that is under way; over when it is dropped.
struct Upload {
    name: Arc<str>,
    observer: Arc<dyn Observer>,
}

impl Upload {
    fn tell<'a>(&'a self, event: impl FnOnce(Task<'a>) -> Event<'a>) {
        self.observer.observe(&event(Task { kind: TaskKind::Upload, name: &self.name }));
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.tell(|task| Event::Finished { task });
    }
}

/// The same bytes, each piece of which is told of.
fn told(stream: ByteStream, upload: Upload) -> impl Stream<Item = std::io::Result<Bytes>> + Send {
    stream::unfold((stream, upload), async |(mut stream, upload): (ByteStream, Upload)| {
        let piece = stream.next().await?;
        if let Ok(piece) = &piece {
            let bytes = piece.len() as u64;
            upload.tell(|task| Event::Advanced { task, bytes });
        }
        Some((piece, (stream, upload)))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::{image::Memory, oci::MediaType};

    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Observer for Heard {
        fn observe(&self, event: &Event<'_>) {
            let line = match event {
                Event::Started { task, total } => format!("started {} of {total:?}", task.name),
                Event::Advanced { bytes, .. } => format!("{bytes} bytes"),
                Event::Finished { task } => format!("finished {}", task.name),
                _ => return,
            };
            self.0.lock().unwrap().push(line);
        }
    }

    #[tokio::test]
    async fn whoever_reads_is_watched_until_the_end_and_when_they_give_up() {
        let heard = Arc::new(Heard::default());
        let blob = Arc::new(Memory::new(MediaType::ImageConfig, "0123456789"));
        let observer = Arc::clone(&heard) as Arc<dyn Observer>;
        let watched = Watched { blob, name: "config".into(), observer };
        let read: Vec<_> = watched.open(4).await.unwrap().collect().await;
        assert_eq!(read.len(), 1);
        drop(watched.open_range(0, 3).await.unwrap());
        let heard = heard.0.lock().unwrap().clone();
        let whole = ["started config of Some(6)", "6 bytes", "finished config"];
        assert_eq!(heard, [&whole[..], &["started config of Some(3)", "finished config"]].concat());
    }
}
