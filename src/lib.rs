//! Wheelwright builds OCI images of Python applications from wheels: for several platforms at once,
//! without Docker, without root, and without executing anything.
//!
//! ```text
//! Recipe ──► Builder::lock ──► Lock ──► Builder::build ──► Built ──► Builder::deliver ──► registry
//!  what it      base, indexes:  by        wheels become     values;     blobs, manifests,    layout
//!  shall be     read, not run   digest    layers, by key    no file     the name last        archive
//!                                │                           │
//!                                └── a file of yours         └── Builder::verify_built: what is wrong with it
//! ```
//!
//! # Ten lines
//!
//! ```no_run
//! use wheelwright::{builder::*, http::Client, recipe::Recipe, store::Store};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let recipe = Recipe::parse("app.toml", r#"
//!     name = "hello"
//!     base = "docker.io/library/python:3.12-slim"
//!     platforms = ["linux/amd64", "linux/arm64"]
//!     wheels.require = ["flask"]
//! "#)?;
//! let project = Project { recipe, folder: ".".into() };
//! let builder = Builder::new(Settings::new(Store::open("cache")?, Client::new(Default::default())?))?;
//! let lock = builder.lock(&project, &Kept::nothing()).await?;
//! let built = builder.build(&project, &lock, &Selection::default()).await?;
//! builder.deliver(&built, &Destination::Registry("ghcr.io/me/hello:1".parse()?)).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//!
//! - The library prints nothing, reads no environment, and keeps nothing between its callers: what differs from
//!   build to build stands in [`builder::Settings`], and two builders with two stores know nothing of each other.
//! - Equal recipe and lock give equal digests, on any machine.
//! - A future that is dropped is a build that is cancelled: `tokio::select!` it with a token, a signal or a time
//!   limit. The store stays sound, a destination stays as it was (but for blobs that nothing names), and layers under
//!   way are finished by their threads, and kept. After a push, [`builder::Builder::tidy`] cancels the uploads.
//! - Errors are one enum a room, one line each, with their cause as [`source`](std::error::Error::source) and the way
//!   out as a [`hint`](hint::Advise).
//!
//! It runs on tokio: in your runtime, or in one that blocks (`examples/embed_blocking.rs`).
//!
//! # Cookbook
//!
//! These need no network: bases and wheels are made by [`testing`], which is there for your tests too. Whole programs
//! stand in `examples/`: `embed_tokio`, `embed_blocking`, `observer`, `append_layer`.
//!
//! ## Build from code
//!
//! A recipe is text, so that it can be shown, kept and diffed. The lock is text as well; keep it, and give it to
//! [`builder::Kept::of`], and what still fits is not chosen anew.
//!
//! ```
//! use wheelwright::{builder::*, http::Client, lock::Lock, recipe::Recipe, store::Store};
//! use wheelwright::testing::{Base, Wheel};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! Base::default().write(&folder.join("base"))?;
//! let wheel = Wheel::new("demo", "1.0").file("demo.py", b"print('hello')\n").write(folder)?;
//!
//! let recipe = format!(
//!     "name = \"demo\"\nbase = \"oci:base\"\nplatforms = [\"linux/arm64\"]\nwheels.require = [\"./{}\"]\n",
//!     wheel.file_name().unwrap().display(),
//! );
//! let project = Project { recipe: Recipe::parse("demo.toml", &recipe)?, folder: folder.into() };
//! let builder = Builder::new(Settings::new(Store::open(folder.join("store"))?, Client::new(Default::default())?))?;
//! let text = builder.lock(&project, &Kept::nothing()).await?.to_toml();
//!
//! let lock = Lock::parse("demo.lock", &text)?;
//! let built = builder.build(&project, &lock, &Selection::default()).await?;
//! let delivery = builder.deliver(&built, &Destination::Layout { folder: folder.join("image"), name: None }).await?;
//! assert_eq!(delivery.images, 1);
//! assert_eq!(delivery.root, built.index.manifest.descriptor().digest);
//! # Ok(())
//! # }
//! ```
//!
//! ## An observer of your own
//!
//! ```
//! use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
//! use wheelwright::{builder::Settings, http::Client, progress::{Event, Observer}, store::Store};
//!
//! #[derive(Default)]
//! struct Bytes(AtomicU64);
//!
//! impl Observer for Bytes {
//!     // Called from many threads; must not block.
//!     fn observe(&self, event: &Event<'_>) {
//!         if let Event::Advanced { bytes, .. } = event {
//!             self.0.fetch_add(*bytes, Ordering::Relaxed);
//!         }
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let (store, client) = (Store::open(folder.path())?, Client::new(Default::default())?);
//! let bytes = Arc::new(Bytes::default());
//! let settings = Settings { observer: bytes.clone(), ..Settings::new(store, client) };
//! # let _ = settings;
//! # Ok(())
//! # }
//! ```
//!
//! ## Credentials of your own
//!
//! [`registry::CredentialFiles`] reads what Docker and Podman keep. Whoever has a vault asks that; a registry is told
//! nothing before it asks, and nothing that is another one's.
//!
//! ```
//! use std::sync::Arc;
//! use futures_util::future::BoxFuture;
//! use wheelwright::{builder::Settings, http::Client, store::Store};
//! use wheelwright::registry::{Credential, CredentialError, CredentialProvider};
//!
//! struct Vault;
//!
//! impl CredentialProvider for Vault {
//!     fn credential<'a>(
//!         &'a self,
//!         registry: &'a str,
//!         _repository: &'a str,
//!     ) -> BoxFuture<'a, Result<Credential, CredentialError>> {
//!         Box::pin(async move {
//!             Ok(match registry {
//!                 "ghcr.io" => Credential::Basic { user: "me".into(), password: "token".into() },
//!                 _ => Credential::Anonymous,
//!             })
//!         })
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let (store, client) = (Store::open(folder.path())?, Client::new(Default::default())?);
//! let settings = Settings { credentials: Arc::new(Vault), ..Settings::new(store, client) };
//! # let _ = settings;
//! # Ok(())
//! # }
//! ```
//!
//! ## An HTTP client of your own
//!
//! [`http::Options`] has proxies, roots of trust, retries and `offline`. For anything else hand in a client of
//! [`http::reqwest`]; it must not follow redirects from `https` to `http`.
//!
//! ```
//! use std::time::Duration;
//! use wheelwright::http::{Client, Options, reqwest};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let ours = Client::new(Options { retries: 1, stall: Duration::from_secs(10), ..Options::default() })?;
//!
//! # fn tls() -> wheelwright::http::reqwest::ClientBuilder {
//! #     // The provider that this crate is built with.
//! #     let _ = rustls::crypto::ring::default_provider().install_default();
//! #     reqwest::Client::builder()
//! # }
//! let inner = tls().user_agent("my-platform/1.0").https_only(true).build()?;
//! let yours = Client::from_reqwest(inner, Options::default());
//! # let _ = (ours, yours);
//! # Ok(())
//! # }
//! ```
//!
//! ## A layer on top of any image
//!
//! A layer is a sorted list of [`layer::Item`]s, laid down; `examples/append_layer.rs` puts it on every platform's
//! image of a [`image::Source`] and delivers that to a [`image::Sink`].
//!
//! ```
//! use wheelwright::layer::{Body, Format, Item, Node, Threads, lay};
//! use wheelwright::store::Store;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let store = Store::open(folder.path())?;
//! let items = [
//!     Item::new("srv".into(), Node::Directory, 0o755),
//!     Item::new("srv/hello.txt".into(), Node::File(Body::Literal("hello\n".into())), 0o644),
//! ];
//! let laid = lay(&items, Format::Gzip, Threads::One, &store, &|_bytes| {})?;
//! assert_eq!(laid.descriptor.size, laid.rope.length());
//! # Ok(())
//! # }
//! ```
//!
//! ## A layout, pushed
//!
//! ```no_run
//! use std::sync::Arc;
//! use wheelwright::{
//!     http::Client,
//!     image::{Graph, Source as _},
//!     layout::LayoutSource,
//!     registry::{Anonymous, Options, Registry},
//! };
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let layout = LayoutSource::open("image", None)?;
//! let graph = Graph::read(&layout, layout.root().await?).await?;
//! let registry = Registry::new(Client::new(Default::default())?, Arc::new(Anonymous), Options::default());
//! graph.deliver(&registry.sink(&"registry.example/app:1".parse()?, &["latest".into()])?).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | | on by default | |
//! |---|---|---|
//! | `cli` | yes | the program; a library wants it off |
//! | `serve` | yes | `serve`: a registry of our own, for tests too |
//! | `debian` | yes | `[debian]` in recipes, and the decoder of xz; without it such a recipe is refused, and no program has what lays packages out |
//! | `zstd` | yes | layers and packages in Zstandard; brings C code |
//! | `ocipkg` | no | `interchange`: side artifacts for programs built on `ocipkg` |
//!
//! # The rooms
//!
//! They stand in the order in which a build goes through them; each imports only rooms above it
//! (`tests/architecture.rs` holds the table, `ARCHITECTURE.md` the reasons).

// Ground.
pub mod oci;
pub mod hint;
pub mod progress;
pub mod quantity;
pub mod fs;
// Fixtures for tests, here and in programs that embed this one.
pub mod testing;
// Formats: parse bytes, open nothing.
pub mod python;
pub mod zip;
pub mod debian;
pub mod elf;
// Documents.
pub mod recipe;
pub mod lock;
pub mod plan;
// First recipes out of what a project has already.
pub mod init;
// Wires.
pub mod store;
pub mod http;
// Programs of this machine that compile.
pub mod compiler;
// Images.
pub mod image;
pub mod layout;
pub mod archive;
pub mod engine;
#[cfg(feature = "ocipkg")]
pub mod interchange;
pub mod registry;
pub mod remote;
// Signatures that others read.
pub mod cosign;
#[cfg(feature = "serve")]
pub mod serve;
// Sources.
pub mod pypi;
pub mod apt;
// Stages.
pub mod base;
pub mod resolve;
pub mod layer;
pub mod verify;
pub mod sbom;
pub mod attest;
pub mod report;
// Facade.
pub mod builder;
#[cfg(feature = "cli")]
pub mod cli;
