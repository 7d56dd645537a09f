//! A base with a Python in a registry, a recipe over it, and wires on which bytes are counted.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use wheelwright::{
    fs::{sorted_entries, write_atomic},
    image::{Graph, Source as _},
    layout::LayoutSource,
    oci::{Descriptor, Digest},
    testing::{Base, Wheel},
};

use super::bench::{Bench, Run};
use crate::registry::world::{World, client, noise, read};

/// Puts a base for two platforms, with a file of `size` bytes beside Python, into a registry. Its one
/// layer.
pub(super) async fn put_base(world: &World, size: usize) -> Descriptor {
    put(world, "base/python:3.11", &Base::default().file("opt/data", &noise(1, size))).await
}

/// Puts `base` into a registry under this name. Its one layer.
pub(crate) async fn put(world: &World, name: &str, base: &Base) -> Descriptor {
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in base.layout() {
        write_atomic(&folder.path().join(path), &bytes).unwrap();
    }
    let source = LayoutSource::open(folder.path(), None).unwrap();
    let graph = Graph::read(&source, source.root().await.unwrap()).await.unwrap();
    graph.deliver(&client().sink(&world.reference(name), &[]).unwrap()).await.unwrap();
    let layers = graph.blobs().iter().map(|blob| blob.descriptor().clone());
    layers.max_by_key(|layer| layer.size).unwrap()
}

/// A project whose base is `base/python:3.11` at `host`.
pub(super) fn project(host: &str) -> Bench {
    let bench = Bench::new(&[("hello.txt", "hello\n")]);
    edit(&bench, host, 0);
    bench
}

/// The recipe's first wheel.
pub(super) const WHEEL: &str = "demo-1.0-py3-none-any.whl";

/// Gives each `edition` of a project's recipe another wheel.
pub(super) fn edit(bench: &Bench, host: &str, edition: u8) {
    let version = format!("1.{edition}");
    let wheel = Wheel::new("demo", &version).file("demo.py", &noise(edition, 1_000_000));
    let name = format!("demo-{version}-py3-none-any.whl");
    let recipe = format!(
        "name = \"app\"\nbase = \"{host}/base/python:3.11\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\n\
         [wheels]\nrequire = [\"./{name}\"]\n\n[[scripts]]\nfrom = \"hello.txt\"\nto = \"/hello.txt\"\n"
    );
    write_atomic(&bench.project().join(name), &wheel.build()).unwrap();
    write_atomic(&bench.project().join("app.toml"), recipe.as_bytes()).unwrap();
}

/// The digest that a run has printed.
pub(super) fn digest(run: &Run) -> Digest {
    assert_eq!(run.code, Some(0), "{run}");
    run.stdout.lines().find_map(|line| line.strip_prefix("digest: ")).unwrap().parse().unwrap()
}

/// What `reference` names, if everything below it is there as it should be.
pub(super) async fn complete(world: &World, reference: &str) -> Digest {
    let source = client().source(&world.reference(reference)).unwrap();
    let root = source.root().await.unwrap();
    for entry in root.manifests().unwrap() {
        let manifest = source.manifest(&entry).await.unwrap();
        for blob in manifest.layers().unwrap().iter().chain([&manifest.config().unwrap()]) {
            read(&*source.blob(blob)).await.unwrap();
        }
    }
    root.descriptor().digest
}

/// Every file below `folder`.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in sorted_entries(folder).unwrap_or_default() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// A wire to a registry that counts what goes over it.
pub(super) struct Wire {
    address: SocketAddr,
    there: Arc<AtomicU64>,
    back: Arc<AtomicU64>,
}

impl Wire {
    pub(super) async fn to(world: &World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (there, back) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let wire = Self { address, there: Arc::clone(&there), back: Arc::clone(&back) };
        let host = world.host();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&host).await.unwrap();
                let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
                tokio::spawn(carry(from_client, to_server, Arc::clone(&there)));
                tokio::spawn(carry(from_server, to_client, Arc::clone(&back)));
            }
        });
        wire
    }

    pub(super) fn host(&self) -> String {
        self.address.to_string()
    }

    /// Bytes to the registry and from it since the last call.
    pub(super) fn counted(&self) -> (u64, u64) {
        (self.there.swap(0, Ordering::SeqCst), self.back.swap(0, Ordering::SeqCst))
    }
}

async fn carry(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    counter: Arc<AtomicU64>,
) {
    let mut piece = vec![0; 64 << 10];
    while let Ok(count) = from.read(&mut piece).await {
        if count == 0 || to.write_all(&piece[..count]).await.is_err() {
            break;
        }
        counter.fetch_add(count as u64, Ordering::SeqCst);
    }
    let _ = to.shutdown().await;
}
