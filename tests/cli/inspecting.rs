//! `wheelwright inspect` on an image that was made in code.

use std::{path::Path, sync::Arc};

use serde_json::json;
use wheelwright::{
    image::{BlobSource as _, Image, Index, Layer, Manifest, Memory, deliver},
    layout::LayoutSink,
    oci::{DiffId, Digest, MediaType, Platform, canonical_json},
};

use super::bench::Bench;

fn image(platform: &str) -> Image {
    let platform: Platform = platform.parse().unwrap();
    let layer = Memory::new(MediaType::ImageLayerGzip, format!("layer of {platform}").into_bytes());
    let diff_id = Digest::of(layer.bytes());
    let config = json!({
        "architecture": platform.architecture(),
        "os": "linux",
        "created": "1980-01-01T00:00:00Z",
        "config": { "Entrypoint": ["python3", "/app.py"], "User": "10001", "Env": ["A=\u{1b}[2J"], "Labels": { "l": "v" } },
        "rootfs": { "type": "layers", "diff_ids": [diff_id.to_string()] },
        "history": [
            { "created_by": "nothing", "empty_layer": true },
            { "created_by": "wheelwright: numpy" },
        ],
    });
    let config = Memory::new(MediaType::ImageConfig, canonical_json(&config));
    let descriptors = [layer.descriptor().clone()];
    let manifest = Manifest::of_image(config.descriptor(), &descriptors, &json!(null));
    let layers = vec![Layer { diff_id: DiffId(diff_id), blob: Arc::new(layer) }];
    Image { platform, manifest, config, layers }
}

async fn layout(folder: &Path) {
    let images = vec![image("linux/amd64"), image("linux/arm64")];
    let descriptors: Vec<_> = images
        .iter()
        .map(|image| {
            let mut descriptor = image.manifest.descriptor().clone();
            descriptor.platform = Some(image.platform.clone());
            descriptor
        })
        .collect();
    let index = Index { manifest: Manifest::of_index(&descriptors, &json!(null)), images };
    let sink = LayoutSink::open(folder, Some("1.0".to_owned())).unwrap();
    deliver(&index, &sink).await.unwrap();
}

#[tokio::test]
async fn a_layout_is_described() {
    let bench = Bench::new(&[]);
    layout(&bench.project().join("dist")).await;
    insta::assert_snapshot!(bench.run("inspect oci:dist:1.0"), @r#"
    exit code: 0
    ----- stdout
    oci:dist:1.0
      digest  sha256:dec55a5ad1ebe697b798c12a25123f0f5eea60174ca794d92d8e81e9dc7c769f
      type    application/vnd.oci.image.index.v1+json

    linux/amd64  (1 layer, 20 B)
      digest      sha256:88549079ce4b278d9be7bf9dffdde4209a285bedb6fcb17e1f20eea38b5885dd
      created     1980-01-01T00:00:00Z
      entrypoint  ["python3","/app.py"]
      user        10001
      env         A=\u{1b}[2J
      label       l=v
      layer         bytes  made by
      3fec25a735f3   20 B  wheelwright: numpy

    linux/arm64  (1 layer, 20 B)
      digest      sha256:2c37cb75c29f88a17fa94386ca8669bd93ddf21b0e3f4453b2fdd22cd7fce23e
      created     1980-01-01T00:00:00Z
      entrypoint  ["python3","/app.py"]
      user        10001
      env         A=\u{1b}[2J
      label       l=v
      layer         bytes  made by
      9493f64c2048   20 B  wheelwright: numpy
    ----- stderr
    "#);
}

#[tokio::test]
async fn the_description_is_json_on_demand() {
    let bench = Bench::new(&[]);
    layout(&bench.project().join("dist")).await;
    let run = bench.run("inspect oci:dist --json");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let value: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(value["images"][1]["platform"], "linux/arm64");
    assert_eq!(value["images"][1]["config"]["architecture"], "arm64");
    assert_eq!(value["images"][0]["layers"][0]["createdBy"], "wheelwright: numpy");
    assert_eq!(value["others"], json!([]));
}

#[test]
fn what_is_not_there_cannot_be_described() {
    let bench = Bench::new(&[("empty/file", "")]);
    insta::assert_snapshot!(bench.refuse("inspect oci:nowhere"), @"
    exit code: 1
    ----- stdout
    ----- stderr
    error: cannot read `nowhere/oci-layout`
      caused by: No such file or directory (os error 2)
    hint: check the path after `oci:`, and that the layout was copied whole
    ");
    insta::assert_snapshot!(bench.refuse("inspect oci:empty"), @"
    exit code: 1
    ----- stdout
    ----- stderr
    error: `empty` is not an OCI layout: it has no usable `oci-layout` file
    hint: name a folder that is new, empty or an OCI layout
    ");
    insta::assert_snapshot!(bench.refuse("inspect --offline h.example/a:1"), @"
    exit code: 6
    ----- stdout
    ----- stderr
    error: cannot read the image h.example/a:1
      caused by: h.example/a is needed, but this run is offline
    hint: run once without `--offline` to fill the store
    ");
}
