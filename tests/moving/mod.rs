//! One suite over every pair of source and sink: what goes in comes out, byte for byte, and what
//! fails leaves nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod places;
mod shelf;

use std::time::Duration;

use serde_json::json;
use wheelwright::{
    image::{Graph, Moved, Source, TransferError, read_whole},
    oci::Digest,
};

use places::{KINDS, Place};
use shelf::Shelf;

/// Everything that can be read from the root of `source`, in order: digests and bytes.
async fn everything(source: &dyn Source) -> Vec<(Digest, Vec<u8>)> {
    let graph = Graph::read(source, source.root().await.unwrap()).await.unwrap();
    let mut found = Vec::new();
    for manifest in graph.manifests() {
        assert_eq!(Digest::of(manifest.bytes()), manifest.descriptor().digest);
        found.push((manifest.descriptor().digest, manifest.bytes().to_vec()));
    }
    for blob in graph.blobs() {
        found.push((blob.descriptor().digest, read_whole(&**blob, 10 << 20).await.unwrap().to_vec()));
    }
    found
}

async fn copy(source: &dyn Source, place: &Place) -> Result<Vec<Moved>, TransferError> {
    let graph = Graph::read(source, source.root().await?).await?;
    let delivery = graph.deliver(&*place.sink()).await?;
    Ok(delivery.blobs.iter().map(|(_, moved)| *moved).collect())
}

/// What a failure leaves at last: a thread that was writing another blob ends a moment later, and puts
/// away what it wrote.
async fn remains(place: &Place, before: &[String]) -> Vec<String> {
    for _ in 0..200 {
        if place.files_that_matter(before).is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    place.files_that_matter(before)
}

#[tokio::test]
async fn every_pair_moves_images_as_they_are() {
    let shelf = Shelf::of_two_platforms("first");
    let expect = everything(&shelf).await;
    assert_eq!(expect.len(), 12, "an index in an index, two images, an attestation, and their blobs");
    for from in KINDS {
        let origin = Place::new(from).await;
        copy(&shelf, &origin).await.unwrap();
        for to in KINDS {
            let place = Place::new(to).await;
            let moved = copy(&*origin.source(), &place).await.unwrap();
            assert!(moved.iter().all(|moved| matches!(moved, Moved::Sent(_))), "{from:?} to {to:?}: {moved:?}");
            assert_eq!(everything(&*place.source()).await, expect, "{from:?} to {to:?}");
        }
    }
}

#[tokio::test]
async fn what_is_told_before_is_what_happens() {
    let (first, second) = (Shelf::of_two_platforms("first"), Shelf::of_two_platforms("second"));
    for kind in KINDS {
        let place = Place::new(kind).await;
        copy(&first, &place).await.unwrap();
        let before = place.files();
        let graph = Graph::read(&second, second.root().await.unwrap()).await.unwrap();
        let foreseen = graph.foresee(&*place.sink()).await.unwrap();
        assert_eq!(place.files(), before, "{kind:?}: telling changes nothing");
        let done = graph.deliver(&*place.sink()).await.unwrap();
        assert_eq!(foreseen.blobs, done.blobs, "{kind:?}");
    }
}

#[tokio::test]
async fn a_place_that_has_an_image_takes_the_next() {
    let (first, second) = (Shelf::of_two_platforms("first"), Shelf::of_two_platforms("second"));
    for kind in KINDS {
        let place = Place::new(kind).await;
        copy(&first, &place).await.unwrap();
        copy(&second, &place).await.unwrap();
        assert_eq!(everything(&*place.source()).await, everything(&second).await, "{kind:?}");
    }
}

#[tokio::test]
async fn a_failure_leaves_what_was_there() {
    let good = Shelf::of_two_platforms("good");
    let expect = everything(&good).await;
    for damage in Shelf::DAMAGES {
        let bad = Shelf::of_two_platforms("bad").damaged(damage);
        for kind in KINDS {
            let fresh = Place::new(kind).await;
            let before = fresh.files();
            assert!(copy(&bad, &fresh).await.is_err(), "{kind:?} {damage:?}");
            assert_eq!(remains(&fresh, &before).await, Vec::<String>::new(), "{kind:?} {damage:?}");

            let used = Place::new(kind).await;
            copy(&good, &used).await.unwrap();
            let before = used.files();
            assert!(copy(&bad, &used).await.is_err(), "{kind:?} {damage:?}");
            assert_eq!(remains(&used, &before).await, Vec::<String>::new(), "{kind:?} {damage:?}");
            assert_eq!(everything(&*used.source()).await, expect, "{kind:?} {damage:?}");
        }
    }
}

#[tokio::test]
async fn engines_are_told_of_one_image_and_get_all() {
    let shelf = Shelf::of_two_platforms("first");
    let place = Place::new(places::Kind::Docker).await;
    copy(&shelf, &place).await.unwrap();
    let members = place.members();
    let manifest = members.iter().find(|(path, _)| path == "manifest.json").unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest.1).unwrap();
    assert_eq!(manifest[0]["RepoTags"], json!(["h.example/demo:1"]));
    for path in manifest[0]["Layers"].as_array().unwrap().iter().chain([&manifest[0]["Config"]]) {
        assert!(members.iter().any(|(member, _)| member == path.as_str().unwrap()), "{path}");
    }
    let index = members.iter().find(|(path, _)| path == "index.json").unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index.1).unwrap();
    let annotations = &index["manifests"][0]["annotations"];
    assert_eq!(annotations["io.containerd.image.name"], "h.example/demo:1");
    assert_eq!(annotations["org.opencontainers.image.ref.name"], "1");
}
