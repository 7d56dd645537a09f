//! Images in memory, whole or damaged.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use wheelwright::{
    image::{BlobSource, ByteStream, Manifest, Memory, Source, TransferError},
    oci::{Descriptor, Digest, MediaType},
};

/// A source of one image index.
pub(super) struct Shelf {
    root: Manifest,
    documents: BTreeMap<Digest, Bytes>,
    last_layer: Digest,
    damage: Option<Damage>,
}

/// What is wrong with a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    OtherBytes,
    TooShort,
    Cut,
    Missing,
}

impl Shelf {
    pub(super) const DAMAGES: [Damage; 4] = [Damage::OtherBytes, Damage::TooShort, Damage::Cut, Damage::Missing];

    /// Images for two platforms that share a layer, one of them in an index of its own, and an
    /// attestation. Fields that nobody knows stand in each document.
    pub(super) fn of_two_platforms(text: &str) -> Self {
        let mut documents = BTreeMap::new();
        let mut keep = |media_type: &str, bytes: Vec<u8>| {
            let descriptor = Descriptor::of(MediaType::from(media_type), &bytes);
            documents.insert(descriptor.digest, Bytes::from(bytes));
            descriptor.to_json()
        };
        let oci = |rest: &str| format!("application/vnd.oci.image.{rest}");
        let shared = keep(&oci("layer.v1.tar+gzip"), b"shared by all".to_vec());
        let mut last = shared.clone();
        let mut image = |architecture: &str| {
            last = keep(&oci("layer.v1.tar"), format!("{text} {architecture}").repeat(40_000).into_bytes());
            let config = json!({ "os": "linux", "architecture": architecture, "future": text });
            let config = keep(&oci("config.v1+json"), config.to_string().into_bytes());
            let manifest = json!({
                "schemaVersion": 2, "mediaType": oci("manifest.v1+json"), "future": { "z": 1, "a": [1.5] },
                "config": config, "layers": [shared, last],
            });
            // With blanks: nobody may write it anew.
            keep(&oci("manifest.v1+json"), serde_json::to_vec_pretty(&manifest).unwrap())
        };
        let (mut amd64, mut arm64) = (image("amd64"), image("arm64"));
        amd64["platform"] = json!({ "os": "linux", "architecture": "amd64", "os.version": "1" });
        arm64["platform"] = json!({ "os": "linux", "architecture": "arm64", "variant": "v8" });
        let statement = keep("application/vnd.in-toto+json", b"{}".to_vec());
        let empty = keep("application/vnd.oci.empty.v1+json", b"{ }".to_vec());
        let attestation = json!({
            "schemaVersion": 2, "mediaType": oci("manifest.v1+json"), "config": empty, "layers": [statement],
        });
        let mut attestation = keep(&oci("manifest.v1+json"), attestation.to_string().into_bytes());
        attestation["platform"] = json!({ "os": "unknown", "architecture": "unknown" });
        let inner = json!({ "schemaVersion": 2, "mediaType": oci("index.v1+json"), "manifests": [amd64] });
        let inner = keep(&oci("index.v1+json"), inner.to_string().into_bytes());
        let root = json!({
            "schemaVersion": 2, "mediaType": oci("index.v1+json"), "annotations": { "of": text },
            "manifests": [inner, arm64, attestation],
        });
        let root = Manifest::parse(serde_json::to_vec_pretty(&root).unwrap(), None).unwrap();
        let last_layer = last["digest"].as_str().unwrap().parse().unwrap();
        Self { root, documents, last_layer, damage: None }
    }

    /// The same, but something is wrong with a layer.
    pub(super) fn damaged(self, damage: Damage) -> Self {
        Self { damage: Some(damage), ..self }
    }

    fn bytes(&self, digest: &Digest) -> Bytes {
        self.documents[digest].clone()
    }
}

impl Source for Shelf {
    fn root(&self) -> BoxFuture<'_, Result<Manifest, TransferError>> {
        Box::pin(async { Ok(self.root.clone()) })
    }

    fn manifest<'a>(&'a self, descriptor: &'a Descriptor) -> BoxFuture<'a, Result<Manifest, TransferError>> {
        Box::pin(async { Ok(Manifest::parse(self.bytes(&descriptor.digest), Some(&descriptor.media_type)).unwrap()) })
    }

    fn blob(&self, descriptor: &Descriptor) -> Box<dyn BlobSource> {
        let bytes = self.bytes(&descriptor.digest);
        match self.damage.filter(|_| descriptor.digest == self.last_layer) {
            Some(damage) => Box::new(Damaged { descriptor: descriptor.clone(), bytes, damage }),
            None => Box::new(Memory::new(descriptor.media_type.clone(), bytes)),
        }
    }
}

struct Damaged {
    descriptor: Descriptor,
    bytes: Bytes,
    damage: Damage,
}

impl BlobSource for Damaged {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn open(&self, _: u64) -> BoxFuture<'_, Result<ByteStream, TransferError>> {
        let half = self.bytes.slice(..self.bytes.len() / 2);
        let broken = || std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        let pieces = match self.damage {
            Damage::OtherBytes => vec![Ok(half), Ok(Bytes::from(vec![b'!'; self.bytes.len() - self.bytes.len() / 2]))],
            Damage::TooShort => vec![Ok(half)],
            Damage::Cut => vec![Ok(half), Err(broken())],
            Damage::Missing => {
                let error = TransferError::Read { digest: self.descriptor.digest, source: broken() };
                return Box::pin(async { Err(error) });
            }
        };
        Box::pin(async { Ok(Box::pin(futures_util::stream::iter(pieces)) as ByteStream) })
    }
}

/// Only a place to say that the fixture is what it says.
#[test]
fn the_fixture_is_what_it_says() {
    let shelf = Shelf::of_two_platforms("x");
    let entries = shelf.root.value()["manifests"].as_array().unwrap().clone();
    assert_eq!(entries.len(), 3);
    assert_ne!(entries[1]["platform"]["architecture"], Value::Null);
    assert_eq!(shelf.bytes(&shelf.last_layer).len(), 40_000 * "x arm64".len());
}
