//! Manifests, indexes, configs and layouts.

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use wheelwright::{
    attest::{self, Origin},
    base::read_base,
    image::{
        Artifact, Attachment, BaseName, BlobSource, ConfigChanges, ConfigLayer, Graph, Manifest, Memory, Source,
        TransferError, derive_config, expanded, platform_of, rebase_config, seconds, variables,
    },
    layout::Contents,
    oci::{Descriptor, DiffId, Digest, MediaType, Platform, canonical_json},
};

use crate::place::wait;

const HEX: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn platform() -> Platform {
    "linux/amd64".parse().expect("this is a platform")
}

/// A source in which everything is this manifest, and this config.
struct Echo(Manifest);

impl Source for Echo {
    fn root(&self) -> BoxFuture<'_, Result<Manifest, TransferError>> {
        Box::pin(async { Ok(self.0.clone()) })
    }

    fn manifest<'a>(&'a self, _: &'a Descriptor) -> BoxFuture<'a, Result<Manifest, TransferError>> {
        Box::pin(async { Ok(self.0.clone()) })
    }

    fn blob(&self, _: &Descriptor) -> Box<dyn BlobSource> {
        Box::new(Memory::new(MediaType::ImageConfig, config_document().to_string()))
    }
}

/// Manifests and indexes: bytes are kept, descriptors are written as they are understood, and a graph that has
/// itself within ends.
pub(crate) fn manifest(bytes: &[u8]) {
    let Ok(manifest) = Manifest::parse(bytes.to_vec(), None) else { return };
    assert_eq!((&manifest.bytes()[..], manifest.descriptor().digest), (bytes, Digest::of(bytes)));
    let lists = [manifest.layers(), manifest.manifests(), manifest.config().map(|config| vec![config])];
    for descriptor in lists.into_iter().flatten().flatten() {
        assert_eq!(Descriptor::from_json(&descriptor.to_json()).as_ref(), Some(&descriptor));
    }
    let canonical = Manifest::of_value(manifest.descriptor().media_type.clone(), manifest.value().clone());
    assert_eq!(canonical.layers().ok(), manifest.layers().ok());
    assert_eq!(canonical.manifests().ok(), manifest.manifests().ok());
    let attachment = Attachment::of(&manifest);
    assert!(Attachment::of_entry(&attachment.to_json()).is_some());
    let _ = (Artifact::subject_of(&manifest), Origin::layers(&manifest), attest::entries(&manifest));
    let source = Echo(manifest.clone());
    if let Ok(graph) = wait(Graph::read(&source, manifest.clone())) {
        assert!(graph.manifests().len() <= bytes.len() && graph.blobs().len() <= bytes.len());
        let _ = graph.images();
    }
    if let Ok(base) = wait(read_base(&source, &platform())) {
        assert_eq!(base.layers.len(), 1, "as many as the config has");
    }
}

fn descriptor(kind: &str) -> Value {
    json!({ "mediaType": format!("application/vnd.oci.image.{kind}"), "digest": format!("sha256:{HEX}"), "size": 12 })
}

pub(crate) fn manifest_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let mut soci = descriptor("manifest.v1+json");
    soci["annotations"] = json!({ "com.amazon.soci.image-layer-digest": format!("sha256:{HEX}"), "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": format!("sha256:{HEX}") });
    soci["platform"] = json!({ "os": "linux", "architecture": "arm64", "variant": "v8" });
    let image = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": descriptor("config.v1+json"),
        "layers": [descriptor("layer.v1.tar+gzip")], "subject": descriptor("manifest.v1+json"), "artifactType": "x/y",
        "annotations": { "com.amazon.soci.index-digest": format!("sha256:{HEX}"), "wheelwright.recipe": "a", "wheelwright.lock": "b" },
    });
    let index = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
        { "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": format!("sha256:{HEX}"), "size": 7,
          "platform": { "os": "linux", "architecture": "amd64" } }, soci] });
    let docker = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": { "mediaType": "application/vnd.docker.container.image.v1+json", "digest": format!("sha256:{HEX}"), "size": 1 },
        "layers": [{ "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "digest": format!("sha256:{HEX}"), "size": 2,
                     "urls": ["https://host/x"] }],
    });
    vec![
        ("image", image.to_string().into()),
        ("index", index.to_string().into()),
        ("docker", docker.to_string().into()),
    ]
}

fn config_document() -> Value {
    json!({
        "architecture": "amd64", "os": "linux", "created": "2026-01-02T03:04:05Z",
        "config": { "Env": ["PATH=/bin", "X"], "Cmd": ["a"], "Entrypoint": null, "Labels": { "a": "b" }, "User": "1:2",
                    "ExposedPorts": { "80/tcp": {} }, "Volumes": {}, "WorkingDir": "/" },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{HEX}")] },
        "history": [{ "created_by": "x", "empty_layer": true }, { "created_by": "y", "created": "2026-01-02T03:04:05Z" }],
    })
}

/// Three configs, one a line: of an image, its base and another base. What is derived from any of them is for our
/// platform and has our layer on top; canonical JSON is its own canonical form.
pub(crate) fn config(bytes: &[u8]) {
    for line in bytes.split(|byte| *byte == b'\n').take(3) {
        let _ = platform_of(line);
        let _ = seconds(&String::from_utf8_lossy(line));
    }
    let lines = bytes.split(|byte| *byte == b'\n').take(3);
    let values: Vec<Value> = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
    for value in &values {
        let canonical = canonical_json(value);
        let again: Value = serde_json::from_slice(&canonical).expect("canonical JSON is JSON");
        assert_eq!(canonical_json(&again), canonical);
    }
    let [image, old, new] = &values[..] else { return };
    let layer = ConfigLayer { diff_id: DiffId(Digest::of(b"layer")), created_by: "us".to_owned() };
    let derived = derive_config(Some(image), &platform(), &ConfigChanges::default(), &[layer], 1);
    assert_eq!(platform_of(derived.to_string().as_bytes()), Some(platform()));
    let last = derived.pointer("/rootfs/diff_ids").and_then(Value::as_array).and_then(|list| list.last().cloned());
    assert_eq!(last, Some(json!(Digest::of(b"layer").to_string())));
    for (name, value) in variables(Some(image)) {
        let _ = expanded(&value, &BTreeMap::from([(name, "x".to_owned())]));
    }
    let _ = rebase_config(image, old, new, &BaseName { name: None, digest: Digest::of(b"base") });
}

pub(crate) fn config_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let base = json!({ "architecture": "amd64", "os": "linux", "config": { "Env": ["PATH=/bin"], "Cmd": ["a"] },
                       "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{HEX}")] }, "history": [{}] });
    let newer = json!({ "architecture": "amd64", "os": "linux", "config": { "Env": ["PATH=/usr/bin:${X:-y}"], "Labels": { "c": "d" } },
                        "rootfs": { "type": "layers", "diff_ids": [] } });
    let numbers = "{\"b\":1e3,\"a\":[-0.0,1.5,18446744073709551615,\"\\u00e9\\ud83d\\ude00\"]}";
    vec![
        ("three", format!("{}\n{base}\n{newer}", config_document()).into()),
        ("numbers", format!("{numbers}\n{numbers}\n{numbers}").into()),
    ]
}

/// The list of a layout: written as it is understood it reads the same; what is listed is found.
pub(crate) fn layout(bytes: &[u8]) {
    let Ok(mut contents) = Contents::parse(bytes) else { return };
    let again = Contents::parse(&contents.to_bytes()).expect("it was written by us");
    let entries = |contents: &Contents| -> Vec<_> {
        contents.entries().map(|(descriptor, name)| (descriptor, name.map(str::to_owned))).collect()
    };
    assert_eq!(entries(&again), entries(&contents));
    assert_eq!(again.to_bytes(), contents.to_bytes());
    let _ = (contents.choose(None).is_ok(), contents.attachments().count());
    let root = Descriptor::of(MediaType::ImageManifest, b"{}");
    contents.list(&root, Some("ours"));
    let (found, _) = contents.choose(Some("ours")).expect("it was listed");
    assert_eq!(found.digest, root.digest);
    contents.list_for_engines(&root, &"ghcr.io/a/b:c".parse().expect("this is a reference"));
    Contents::parse(&contents.to_bytes()).expect("it was written by us");
}

pub(crate) fn layout_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let mut named = descriptor("manifest.v1+json");
    named["annotations"] = json!({ "org.opencontainers.image.ref.name": "a", "io.containerd.image.name": "h/a:b" });
    let other = json!({ "schemaVersion": 2, "manifests": [named, descriptor("index.v1+json"), { "size": 1 }], "x": 1 });
    vec![("index", other.to_string().into()), ("empty", b"{\"schemaVersion\":2,\"manifests\":[]}".to_vec())]
}
