//! A layout as a registry.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wheelwright::{
    image::{Artifact, Manifest, Memory, Sink as _},
    layout::LayoutSink,
    oci::{Descriptor, MediaType},
    serve::Server,
};

use super::{LOOPBACK, Wire};

/// What is attached to an image.
fn about(image: &Manifest) -> Artifact {
    Artifact::new("text/x", image.descriptor(), None, Vec::new(), &BTreeMap::new())
}

/// An index over one image, to which something is attached, listed as `name`.
async fn put(folder: &std::path::Path, name: Option<&str>, text: &'static str) -> (Manifest, Manifest) {
    let sink = LayoutSink::open(folder, name.map(str::to_owned)).unwrap();
    let layer = Memory::new(MediaType::ImageLayer, text);
    let config = Memory::new(MediaType::ImageConfig, "{}");
    sink.put_blob(&layer).await.unwrap();
    sink.put_blob(&config).await.unwrap();
    let described = |blob: &Memory, kind| Descriptor::of(kind, blob.bytes());
    let layers = [described(&layer, MediaType::ImageLayer)];
    let image = Manifest::of_image(&described(&config, MediaType::ImageConfig), &layers, &Value::Null);
    sink.put_manifest(&image).await.unwrap();
    let index = Manifest::of_index(std::slice::from_ref(image.descriptor()), &json!({ "of": text }));
    sink.put_manifest(&index).await.unwrap();
    sink.attach(&about(&image)).await.unwrap();
    sink.publish(&index).await.unwrap();
    (index, image)
}

#[tokio::test]
async fn what_a_layout_lists_can_be_pulled_and_nothing_pushed() {
    let Wire { server, folder, client } = Wire::new().await;
    server.shutdown().await;
    let layout = folder.path().join("dist");
    let (latest, image) = put(&layout, None, "one").await;
    let (tagged, _) = put(&layout, Some("1.2"), "two").await;
    let (full, _) = put(&layout, Some("h.example/team/app:3"), "three").await;
    let before = wheelwright::fs::sorted_entries(&layout).unwrap().len();

    let (server, shelved) = Server::bind_layout(LOOPBACK.into(), &layout).await.unwrap();
    let names: Vec<&str> = shelved.iter().map(|shelved| shelved.name.as_str()).collect();
    assert_eq!(names, ["dist:latest", "dist:1.2", "team/app:3"]);
    let wire = Wire { server: server.spawn(), folder, client };
    for (path, expect) in
        [("dist/manifests/latest", &latest), ("dist/manifests/1.2", &tagged), ("team/app/manifests/3", &full)]
    {
        let answer = wire.send("GET", &format!("/v2/{path}"), &[], "").await;
        assert_eq!(answer.headers()["content-type"], "application/vnd.oci.image.index.v1+json");
        assert_eq!(&answer.bytes().await.unwrap(), expect.bytes(), "{path}");
    }
    assert_eq!(wire.json("/v2/dist/tags/list").await["tags"], json!(["1.2", "latest"]));
    let digest = image.descriptor().digest;
    assert_eq!(wire.status("HEAD", &format!("/v2/dist/manifests/{digest}")).await, 200);
    assert_eq!(wire.status("HEAD", &format!("/v2/team/app/manifests/{digest}")).await, 404);
    let layer = image.layers().unwrap()[0].digest;
    assert_eq!(wire.send("GET", &format!("/v2/dist/blobs/{layer}"), &[], "").await.text().await.unwrap(), "one");
    let referrers = wire.json(&format!("/v2/dist/referrers/{digest}")).await;
    let attached = about(&image).manifest.descriptor().digest;
    assert_eq!(referrers["manifests"].as_array().unwrap().len(), 1, "{referrers}");
    assert_eq!(referrers["manifests"][0]["digest"], attached.to_string());
    assert_eq!(wire.status("GET", &format!("/v2/dist/manifests/{attached}")).await, 200);
    assert_eq!(wire.status("HEAD", &format!("/v2/team/app/manifests/{attached}")).await, 404);
    assert_eq!(wire.status("POST", "/v2/dist/blobs/uploads/").await, 405);
    assert_eq!(wire.status("DELETE", &format!("/v2/dist/blobs/{layer}")).await, 405);
    assert_eq!(wheelwright::fs::sorted_entries(&layout).unwrap().len(), before);
}

#[tokio::test]
async fn other_folders_are_no_layouts() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Server::bind_layout(LOOPBACK.into(), folder.path()).await.is_err());
    assert!(Server::bind_layout(LOOPBACK.into(), &folder.path().join("absent")).await.is_err());
    assert_eq!(wheelwright::fs::sorted_entries(folder.path()).unwrap().len(), 0);
}
