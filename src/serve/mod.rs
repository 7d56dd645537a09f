//! A registry of our own, built in: the distribution API over a folder, for tests, laptops and CI
//! without a registry service.
//!
//! [Distribution specification](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md).
//! Blobs stream to disk and from disk, so memory stays small whatever their size. It can ask for a
//! password and speak TLS, and it can show an OCI layout, read-only. Absent on purpose: tokens (a proxy
//! can hand them out), and garbage collection (delete the folder).
//!
//! A registry for a test, and a layout pushed into it; it stops when it is dropped:
//!
//! ```
//! use std::sync::Arc;
//! use wheelwright::{
//!     http::Client,
//!     image::{Graph, Source as _},
//!     layout::LayoutSource,
//!     registry::{Anonymous, Options, Registry},
//!     serve::Server,
//!     testing::Base,
//! };
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let server = Server::bind("127.0.0.1:0".parse()?, &folder.path().join("registry")).await?.spawn();
//! Base::default().write(&folder.path().join("layout"))?;
//!
//! let layout = LayoutSource::open(folder.path().join("layout"), None)?;
//! let graph = Graph::read(&layout, layout.root().await?).await?;
//! let registry = Registry::new(Client::new(Default::default())?, Arc::new(Anonymous), Options::default());
//! let reference = format!("{}/base/python:3.11", server.address()).parse()?;
//! graph.deliver(&registry.sink(&reference, &[])?).await?;
//!
//! let pushed = registry.source(&reference)?.root().await?;
//! assert_eq!(pushed.descriptor().digest, layout.root().await?.descriptor().digest);
//! # Ok(())
//! # }
//! ```

mod blobs;
mod digest;
mod disk;
mod error;
pub mod faults;
mod manifests;
mod range;
mod reply;
mod route;
mod shelf;
mod tls;
mod uploads;
mod users;

use std::{future::Future, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use hyper::{Method, Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{oneshot, watch},
    task::{JoinHandle, JoinSet},
    time::timeout,
};

pub use error::ServeError;
pub use shelf::Shelved;
pub use tls::Tls;
pub use users::Users;

use disk::Disk;
use faults::{Fault, Intercept, Seen};
use reply::{Reply, Trouble};
use route::Route;
use uploads::Uploads;

/// Who connects for TLS has to say so within this time.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A registry that listens but does not answer yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    state: State,
    tls: Option<Tls>,
    grace: Duration,
}

/// A registry that answers in the background; stops when dropped.
pub struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

/// Whether anything may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Images can be pushed and deleted.
    ReadWrite,
    /// Images can be pulled.
    ReadOnly,
}

struct State {
    disk: Disk,
    uploads: Uploads,
    access: Access,
    users: Option<Users>,
    intercept: Option<Arc<dyn Intercept>>,
    /// Where there is no folder of the registry's own.
    _notes: Option<TempDir>,
}

impl Server {
    /// Listens on `address` (port 0 for any free one) and keeps everything in the folder `root`.
    ///
    /// # Errors
    /// When the address is taken, the folder cannot be written, or another server uses it.
    pub async fn bind(address: SocketAddr, root: &Path) -> Result<Self, ServeError> {
        let disk = Disk::open(root).map_err(|source| ServeError::Root { root: root.to_owned(), source })?;
        let disk = disk.ok_or_else(|| ServeError::InUse { root: root.to_owned() })?;
        let uploads = Uploads::new(root);
        let access = Access::ReadWrite;
        Self::listen(address, State { disk, uploads, access, users: None, intercept: None, _notes: None }).await
    }

    /// Listens on `address` and answers out of the OCI layout at `folder`, read-only, as it is now.
    /// Returns also what can be pulled.
    ///
    /// # Errors
    /// When the address is taken, or the layout cannot be read.
    pub async fn bind_layout(address: SocketAddr, folder: &Path) -> Result<(Self, Vec<Shelved>), ServeError> {
        let fail = |source| ServeError::Root { root: folder.to_owned(), source };
        let notes = tempfile::tempdir().map_err(fail)?;
        let disk = Disk::with_blobs(notes.path(), folder.join("blobs/sha256")).map_err(fail)?;
        let disk = disk.ok_or_else(|| ServeError::InUse { root: notes.path().to_owned() })?;
        let shelved = shelf::fill(&disk, folder).await?;
        let uploads = Uploads::new(notes.path());
        let access = Access::ReadOnly;
        let state = State { disk, uploads, access, users: None, intercept: None, _notes: Some(notes) };
        Ok((Self::listen(address, state).await?, shelved))
    }

    async fn listen(address: SocketAddr, state: State) -> Result<Self, ServeError> {
        let listen = |source| ServeError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        Ok(Self { listener, address, state, tls: None, grace: Duration::ZERO })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets only these in.
    #[must_use]
    pub fn with_users(mut self, users: Users) -> Self {
        self.state.users = Some(users);
        self
    }

    /// Speaks TLS, and nothing else.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Refuses whatever would change something.
    #[must_use]
    pub const fn read_only(mut self) -> Self {
        self.state.access = Access::ReadOnly;
        self
    }

    /// Gives requests under way so much time when it stops.
    #[must_use]
    pub const fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// With [`faults`], for tests of clients.
    #[must_use]
    pub fn with_intercept(mut self, intercept: Arc<dyn Intercept>) -> Self {
        self.state.intercept = Some(intercept);
        self
    }

    /// Answers until `stop` completes; requests that are under way then have the time of
    /// [`Server::with_grace`], and are cut.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        let (state, grace) = (Arc::new(self.state), self.grace);
        let (closing, closed) = watch::channel(());
        let mut connections = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(_) = connections.join_next() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let _ = stream.set_nodelay(true);
                        connections.spawn(receive(stream, self.tls.clone(), Arc::clone(&state), closed.clone()));
                    }
                    // Out of file descriptors, most likely: some come back when connections close.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                },
            }
        }
        drop((self.listener, closing));
        let _ = timeout(grace, async { while connections.join_next().await.is_some() {} }).await;
        // All of them are over when this returns, and the folder is free.
        connections.shutdown().await;
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

async fn receive(stream: TcpStream, tls: Option<Tls>, state: Arc<State>, closed: watch::Receiver<()>) {
    let Some(tls) = tls else { return converse(stream, state, closed).await };
    match timeout(HANDSHAKE, tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => converse(stream, state, closed).await,
        Ok(Err(error)) => tracing::debug!(%error, "no TLS"),
        Err(_) => tracing::debug!("no TLS in time"),
    }
}

async fn converse<S>(stream: S, state: Arc<State>, mut closed: watch::Receiver<()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let state = Arc::clone(&state);
        async move { answer(&state, request).await }
    });
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = &mut connection => served,
        // The sender is gone.
        _ = closed.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
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
    if let Some(users) = &state.users {
        users.check(request.headers()).await?;
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if state.access == Access::ReadOnly && !reads {
        return Err(Trouble::refused(405, "UNSUPPORTED", "this registry is read-only"));
    }
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
