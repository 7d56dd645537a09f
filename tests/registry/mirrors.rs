//! Mirrors are read first, and stand in the way of nothing.

use std::sync::Arc;

use wheelwright::{
    image::{Moved, Source as _, deliver},
    registry::{Anonymous, Options, Registry},
    serve::faults::Fault,
};

use super::world::{World, client, client_with, index, read};

fn mirrored(world: &World, mirrors: &[String]) -> Registry {
    let mirrors = [(world.host(), mirrors.to_vec())].into();
    client_with(Arc::new(Anonymous), Options { mirrors, ..Options::default() })
}

#[tokio::test]
async fn what_the_mirror_has_comes_from_there() {
    let (world, mirror, empty) = (World::new().await, World::new().await, World::new().await);
    let index = index();
    for (world, name) in [(&world, "a:1"), (&mirror, "hub/a:1")] {
        deliver(&index, &client().sink(&world.reference(name), &[]).unwrap()).await.unwrap();
    }
    let before = world.seen().len();
    let client = mirrored(&world, &[empty.host(), format!("{}/hub", mirror.host())]);
    let source = client.source(&world.reference("a:1")).unwrap();
    let root = source.root().await.unwrap();
    assert_eq!(root.bytes(), index.manifest.bytes());
    let layer = source.blob(index.images[0].layers[0].blob.descriptor());
    read(&*layer).await.unwrap();
    assert_eq!(world.seen().len(), before, "the registry itself was asked");
    // A mount names the registry that is mirrored.
    assert_eq!(layer.origin().unwrap().registry, world.host());
    let target = client.to_write(&world.reference("b")).unwrap();
    assert_eq!(target.put_blob(&*layer).await.unwrap(), Moved::Mounted);
}

#[tokio::test]
async fn what_no_mirror_has_comes_from_the_registry() {
    let (world, broken, empty) = (World::new().await, World::new().await, World::new().await);
    broken.rule(|_| Some(Fault::Answer { status: 500, headers: Vec::new(), body: bytes::Bytes::new() }));
    let index = index();
    deliver(&index, &client().sink(&world.reference("a:1"), &[]).unwrap()).await.unwrap();
    let client = mirrored(&world, &[broken.host(), empty.host()]);
    let source = client.source(&world.reference("a:1")).unwrap();
    let found = source.manifest(index.images[0].manifest.descriptor()).await.unwrap();
    assert_eq!(found.bytes(), index.images[0].manifest.bytes());
    assert_eq!(source.resolve().await.unwrap(), index.manifest.descriptor().digest);
    read(&*source.blob(index.images[0].layers[0].blob.descriptor())).await.unwrap();
    // Nothing is pushed to a mirror.
    let before = broken.seen().len() + empty.seen().len();
    deliver(&index, &client.sink(&world.reference("b:1"), &[]).unwrap()).await.unwrap();
    assert_eq!(broken.seen().len() + empty.seen().len(), before);
}
