//! Images into an engine: the archive goes through a pipe and never lies on disk.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Mutex, PoisonError},
};

use futures_util::future::BoxFuture;

use super::{Engine, EngineError};
use crate::{
    archive::{ArchiveError, ArchiveSink, Listing, Output},
    image::{BlobSource, Manifest, Moved, Sink, TransferError},
    oci::{Platform, Reference},
};

/// So much of what an engine said is kept.
const LONGEST_SPEECH: u64 = 64 << 10;

/// An engine that takes an image in.
pub struct EngineSink {
    archive: ArchiveSink,
    loading: Mutex<Option<Loading>>,
}

/// `docker load` at work; ended when dropped.
struct Loading {
    engine: Engine,
    child: Child,
    /// What it says, which nobody needs to read while it works.
    speech: File,
}

struct Pipe(ChildStdin);

impl EngineSink {
    /// Has `engine` listen. The image will be called `reference` there.
    ///
    /// # Errors
    /// When its program cannot be started.
    pub fn start(engine: Engine, reference: Reference) -> Result<Self, EngineError> {
        let run = |source| EngineError::Run { engine, source };
        let (mut loading, pipe) = Loading::start(engine).map_err(run)?;
        let listing = Listing::Engines { reference: Some(reference), platform: Platform::of_this_machine() };
        let begun = ArchiveSink::begin(Box::new(Pipe(pipe)), format!("{engine} load").into(), listing);
        let Ok(archive) = begun else {
            // The pipe is closed, so it ends soon, if it has not by now.
            loading.child.wait().map_err(run)?;
            return Err(EngineError::Refused { engine, said: loading.last_words() });
        };
        Ok(Self { archive, loading: Mutex::new(Some(loading)) })
    }

    /// What went wrong: where the pipe broke, what the engine said tells more.
    async fn explain(&self, error: TransferError) -> TransferError {
        let pipe_broke = matches!(&error, TransferError::Room(failure)
            if matches!(failure.error().downcast_ref(), Some(ArchiveError::Write { .. } | ArchiveError::Closed { .. })));
        match self.take().filter(|_| pipe_broke) {
            Some(loading) => finished(loading).await.err().map_or(error, TransferError::from),
            None => error,
        }
    }

    fn take(&self) -> Option<Loading> {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Waits for the engine, which has got everything or closed its ears.
async fn finished(mut loading: Loading) -> Result<(), EngineError> {
    let engine = loading.engine;
    let waited = tokio::task::spawn_blocking(move || match loading.child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(EngineError::Refused { engine, said: loading.last_words() }),
        Err(source) => Err(EngineError::Run { engine, source }),
    });
    waited.await.unwrap_or_else(|error| Err(EngineError::Run { engine, source: io::Error::other(error) }))
}

impl Sink for EngineSink {
    fn put_blob<'a>(&'a self, blob: &'a dyn BlobSource) -> BoxFuture<'a, Result<Moved, TransferError>> {
        let put = self.archive.put_blob(blob);
        Box::pin(async {
            match put.await {
                Err(error) => Err(self.explain(error).await),
                done => done,
            }
        })
    }

    fn put_manifest<'a>(&'a self, manifest: &'a Manifest) -> BoxFuture<'a, Result<Moved, TransferError>> {
        let put = self.archive.put_manifest(manifest);
        Box::pin(async {
            match put.await {
                Err(error) => Err(self.explain(error).await),
                done => done,
            }
        })
    }

    fn publish<'a>(&'a self, root: &'a Manifest) -> BoxFuture<'a, Result<(), TransferError>> {
        Box::pin(async {
            if let Err(error) = self.archive.publish(root).await {
                return Err(self.explain(error).await);
            }
            match self.take() {
                Some(loading) => Ok(finished(loading).await?),
                None => Ok(()),
            }
        })
    }
}

impl Loading {
    fn start(engine: Engine) -> io::Result<(Self, ChildStdin)> {
        let speech = tempfile::tempfile()?;
        let mut command = Command::new(engine.program());
        command.arg("load").stdin(Stdio::piped()).stdout(speech.try_clone()?).stderr(speech.try_clone()?);
        let mut child = command.spawn()?;
        let pipe = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok((Self { engine, child, speech }, pipe))
    }

    /// The last line of what it said.
    fn last_words(&mut self) -> String {
        let mut said = Vec::new();
        let read = self.speech.rewind().and_then(|()| (&self.speech).take(LONGEST_SPEECH).read_to_end(&mut said));
        let text = String::from_utf8_lossy(&said);
        let last = text.lines().rfind(|line| !line.trim().is_empty()).filter(|_| read.is_ok());
        last.unwrap_or("it said nothing").trim().to_owned()
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        // Harmless if it has ended. Killed, it has loaded nothing: the tar's end was not there.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Output for Pipe {
    /// Closes the pipe, by which the engine knows that this was all.
    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}
