//! A registry in process, with a script of faults and a record of what was asked.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::StreamExt as _;
use serde_json::json;
use tempfile::TempDir;
use wheelwright::{
    http::{self, Authorization, Client},
    image::{BlobSource, Image, Index, Layer, Manifest, Memory},
    oci::{Descriptor, DiffId, Digest, MediaType, Platform, Reference},
    registry::{Anonymous, Credential, CredentialProvider, Options, Registry},
    serve::{
        Running, Server,
        faults::{Fault, Intercept, Seen},
    },
};

/// A registry that fails as it is told.
pub(crate) struct World {
    server: Running,
    script: Arc<Script>,
    folder: TempDir,
}

type Rule = Box<dyn Fn(&Seen) -> Option<Fault> + Send>;

#[derive(Default)]
struct Script {
    rules: Mutex<Vec<Rule>>,
    seen: Mutex<Vec<Seen>>,
}

impl Intercept for Script {
    fn intercept(&self, seen: &Seen) -> Fault {
        self.seen.lock().unwrap().push(seen.clone());
        self.rules.lock().unwrap().iter().find_map(|rule| rule(seen)).unwrap_or(Fault::None)
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = Arc::new(Script::default());
        let server = Server::bind(([127, 0, 0, 1], 0).into(), folder.path()).await.unwrap();
        let server = server.with_intercept(Arc::clone(&script) as Arc<dyn Intercept>).spawn();
        Self { server, script, folder }
    }

    /// From now on, each request goes through `rule`; the first rule that has an opinion wins.
    pub(crate) fn rule(&self, rule: impl Fn(&Seen) -> Option<Fault> + Send + 'static) {
        self.script.rules.lock().unwrap().push(Box::new(rule));
    }

    /// The first `times` requests with `method` whose path contains `part` meet `fault`.
    pub(crate) fn fail(&self, times: usize, method: &'static str, part: &'static str, fault: Fault) {
        let left = Mutex::new(times);
        self.rule(move |seen| {
            let mut left = left.lock().unwrap();
            let hit = *left > 0 && seen.method == method && seen.path.contains(part);
            *left -= usize::from(hit);
            hit.then(|| fault.clone())
        });
    }

    /// Nothing goes without this user and password; the challenge has a comma inside of quotes.
    pub(crate) fn needs_basic(&self, user: &str, password: &str) {
        let authorization = Authorization::Basic { user: user.to_owned(), password: password.to_owned() };
        let value = authorization.header_value().unwrap();
        self.rule(move |seen| {
            (seen.headers.get("authorization") != Some(&value)).then(|| challenge(r#"Basic realm="a, b""#))
        });
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.script.seen.lock().unwrap().clone()
    }

    /// How many requests had this method and a path that contains `part`.
    pub(crate) fn count(&self, method: &str, part: &str) -> usize {
        self.seen().iter().filter(|seen| seen.method == method && seen.path.contains(part)).count()
    }

    /// Where everything that was pushed lies.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Host and port.
    pub(crate) fn host(&self) -> String {
        self.server.address().to_string()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    pub(crate) fn reference(&self, rest: &str) -> Reference {
        format!("{}/{rest}", self.server.address()).parse().unwrap()
    }
}

/// How long nothing may move.
pub(crate) const STALL: Duration = Duration::from_millis(400);

/// A client that is quick to try again and quick to give up.
pub(crate) fn client() -> Registry {
    client_as(Arc::new(Anonymous))
}

pub(crate) fn client_as(credentials: Arc<dyn CredentialProvider>) -> Registry {
    client_with(credentials, Options::default())
}

pub(crate) fn client_with(credentials: Arc<dyn CredentialProvider>, options: Options) -> Registry {
    let quick = http::Options { pause: Duration::from_millis(2), stall: STALL, retries: 3, ..http::Options::default() };
    Registry::new(Client::new(quick).unwrap(), credentials, options)
}

pub(crate) fn basic(user: &str, password: &str) -> Arc<dyn CredentialProvider> {
    Arc::new(Credential::Basic { user: user.to_owned(), password: password.to_owned() })
}

/// 401 with this challenge.
pub(crate) fn challenge(text: &str) -> Fault {
    Fault::Answer { status: 401, headers: vec![("www-authenticate", text.to_owned())], body: Bytes::new() }
}

pub(crate) async fn read(blob: &dyn BlobSource) -> std::io::Result<Vec<u8>> {
    let mut stream = blob.open(0).await.map_err(std::io::Error::other)?;
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes)
}

/// Bytes that no two calls with different `seed` share.
pub(crate) fn noise(seed: u8, length: usize) -> Vec<u8> {
    let mut state = u64::from(seed) + 1;
    let step = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..length).map(step).collect()
}

pub(crate) fn blob(seed: u8, length: usize) -> Memory {
    Memory::new(MediaType::ImageLayerGzip, noise(seed, length))
}

/// Two platforms that share a layer.
pub(crate) fn index() -> Index {
    index_over(["linux/amd64", "linux/arm64"].into_iter().map(image).collect())
}

/// The first platform of an index alone.
pub(crate) fn single(index: &Index) -> Index {
    index_over(vec![index.images[0].clone()])
}

/// The index over these images.
pub(crate) fn index_over(images: Vec<Image>) -> Index {
    let descriptors: Vec<Descriptor> = images
        .iter()
        .map(|image| Descriptor { platform: Some(image.platform.clone()), ..image.manifest.descriptor().clone() })
        .collect();
    Index { manifest: Manifest::of_index(&descriptors, &json!({})), images }
}

fn image(name: &str) -> Image {
    let platform: Platform = name.parse().unwrap();
    let own = noise(u8::try_from(name.len()).unwrap() ^ name.as_bytes()[7], 300_000);
    let layers: Vec<Layer> = [noise(1, 200_000), own].into_iter().map(layer).collect();
    let diff_ids: Vec<String> = layers.iter().map(|layer| layer.diff_id.to_string()).collect();
    let config = json!({
        "os": platform.os(), "architecture": platform.architecture(),
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    });
    let config = Memory::new(MediaType::ImageConfig, config.to_string());
    let descriptors: Vec<Descriptor> = layers.iter().map(|layer| layer.blob.descriptor().clone()).collect();
    let manifest = Manifest::of_image(config.descriptor(), &descriptors, &json!({}));
    Image { platform, manifest, config, layers }
}

fn layer(bytes: Vec<u8>) -> Layer {
    Layer { diff_id: DiffId(Digest::of(&bytes)), blob: Arc::new(Memory::new(MediaType::ImageLayer, bytes)) }
}
