//! A registry of our own, built in: the distribution API over a folder, for tests, laptops and CI
//! without a registry service.
//!
//! [Distribution specification](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md).
//! Blobs stream to disk and from disk, so memory stays small whatever their size. Absent on purpose:
//! TLS and log-in (put a proxy in front), and garbage collection (delete the folder).

mod blobs;
mod disk;
mod error;
#[doc(hidden)]
pub mod faults;
mod manifests;
mod range;
mod reply;
mod route;
mod uploads;

use std::{future::Future, net::SocketAddr, path::Path, sync::Arc};

use hyper::{Method, Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle, task::JoinSet};

pub use error::ServeError;

use disk::Disk;
use faults::{Fault, Intercept, Seen};
use reply::{Reply, Trouble};
use route::Route;
use uploads::Uploads;

/// A registry that listens but does not answer yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    state: Arc<State>,
}

/// A registry that answers in the background; stops when dropped.
pub struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

struct State {
    disk: Disk,
    uploads: Uploads,
    intercept: Option<Arc<dyn Intercept>>,
}

impl Server {
    /// Listens on `address` (port 0 for any free one) and keeps everything in the folder `root`.
    ///
    /// # Errors
    /// When the address is taken or the folder cannot be written.
    pub async fn bind(address: SocketAddr, root: &Path) -> Result<Self, ServeError> {
        let disk = Disk::open(root).map_err(|source| ServeError::Root { root: root.to_owned(), source })?;
        let listen = |source| ServeError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let uploads = Uploads::new(root);
        Ok(Self { listener, address, state: Arc::new(State { disk, uploads, intercept: None }) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// With faults; for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn with_intercept(mut self, intercept: Arc<dyn Intercept>) -> Self {
        if let Some(state) = Arc::get_mut(&mut self.state) {
            state.intercept = Some(intercept);
        }
        self
    }

    /// Answers until `stop` completes; requests under way are then cut.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        let mut connections = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return,
                Some(_) = connections.join_next() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let _ = stream.set_nodelay(true);
                        connections.spawn(converse(stream, Arc::clone(&self.state)));
                    }
                    // Out of file descriptors, most likely: some come back when connections close.
                    Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
                },
            }
        }
    }

    /// Answers in the background.
    #[must_use]
    pub fn spawn(self) -> Running {
        let (stop, stopped) = oneshot::channel();
        let address = self.address;
        let task = tokio::spawn(self.run(async {
            let _ = stopped.await;
        }));
        Running { address, stop: Some(stop), task }
    }
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops and waits until no connection is left.
    pub async fn shutdown(mut self) {
        self.stop.take();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn converse(stream: tokio::net::TcpStream, state: Arc<State>) {
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move { answer(&state, request).await }
    });
    let served = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
    if let Err(error) = served {
        tracing::debug!(%error, "connection ended");
    }
}

/// An error here cuts the connection without an answer.
async fn answer(state: &State, mut request: Request<Incoming>) -> Result<Reply, Trouble> {
    let seen = Seen::of(&request);
    let fault = state.intercept.as_ref().map_or(Fault::None, |intercept| intercept.intercept(&seen));
    if let Fault::IgnoreHeader(name) = fault {
        request.headers_mut().remove(name);
    }
    if let Some(reply) = faults::before(&fault, request.body_mut()).await? {
        return Ok(reply);
    }
    let result = match fault {
        Fault::CutRequest(bytes) => faults::feed_partly(state, request, bytes).await,
        Fault::SlowRequest(pause) => faults::feed_slowly(state, request, pause).await,
        _ => handle(state, request).await,
    };
    let reply = match result {
        Err(Trouble::Cut) => return Err(Trouble::Cut),
        Err(trouble) => trouble.into_reply(),
        Ok(reply) => reply,
    };
    tracing::debug!(method = %seen.method, path = seen.path, status = reply.status().as_u16(), "answered");
    faults::after(fault, reply)
}

async fn handle(state: &State, request: Request<Incoming>) -> Result<Reply, Trouble> {
    let route = Route::parse(request.uri().path())?;
    let method = request.method().clone();
    match route {
        Route::Version => Ok(reply::json(&serde_json::json!({}))),
        Route::Blob { name, digest } => match method {
            Method::GET | Method::HEAD => blobs::read(state, &name, &digest, request.headers()).await,
            Method::DELETE => blobs::delete(state, &name, &digest),
            _ => Err(Trouble::method()),
        },
        Route::Uploads { name } if method == Method::POST => uploads::begin(state, &name, request).await,
        Route::Upload { name, session } => match method {
            Method::PATCH => uploads::append(state, (&name, &session), request).await,
            Method::PUT => uploads::finish(state, (&name, &session), request).await,
            Method::GET => uploads::status(state, (&name, &session)).await,
            Method::DELETE => uploads::cancel(state, (&name, &session)),
            _ => Err(Trouble::method()),
        },
        Route::Manifest { name, reference } => match method {
            Method::GET | Method::HEAD => manifests::read(state, &name, &reference),
            Method::PUT => manifests::put(state, (&name, &reference), request).await,
            Method::DELETE => manifests::delete(state, &name, &reference),
            _ => Err(Trouble::method()),
        },
        Route::Tags { name } if method == Method::GET => manifests::tags(state, &name, request.uri().query()),
        Route::Referrers { name, digest } if method == Method::GET => {
            manifests::referrers(state, &name, &digest, request.uri().query())
        }
        _ => Err(Trouble::method()),
    }
}
