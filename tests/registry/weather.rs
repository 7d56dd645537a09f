//! Every end point, each with every failure that passes.

use std::sync::Arc;

use bytes::Bytes;
use wheelwright::{
    image::{Index, Source as _, deliver},
    registry::{Credential, Options, Registry},
    serve::faults::Fault,
};

use super::world::{World, challenge, client_with, index, read};

/// What a client asks of a registry: method, and what the path contains.
const END_POINTS: [(&str, &str); 10] = [
    ("GET", "/token"),
    ("HEAD", "/blobs/"),
    ("POST", "/blobs/uploads/"),
    ("PATCH", "/blobs/uploads/"),
    ("PUT", "/blobs/uploads/"),
    ("HEAD", "/manifests/"),
    ("PUT", "/manifests/"),
    ("GET", "/manifests/"),
    ("GET", "/blobs/"),
    ("GET", "/referrers/"),
];

/// Those that pass.
fn failures() -> Vec<Fault> {
    let answer = |status: u16, headers: &[(&'static str, &str)]| {
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Fault::Answer { status, headers, body: Bytes::new() }
    };
    let mut failures: Vec<Fault> = [500, 502, 504].iter().map(|status| answer(*status, &[])).collect();
    failures.push(answer(429, &[("retry-after", "0")]));
    failures.push(answer(503, &[("retry-after", "0")]));
    failures.push(Fault::LoseReply);
    failures
}

/// A registry that gives tokens.
async fn guarded() -> World {
    let world = World::new().await;
    let realm = format!("Bearer realm=\"{}/token\",service=\"r\"", world.url());
    world.rule(move |seen| {
        (seen.path != "/token" && !seen.headers.contains_key("authorization")).then(|| challenge(&realm))
    });
    world
}

/// Pushes an image in chunks, pulls it again, and lists what refers to it.
async fn there_and_back(world: &World, client: &Registry, index: &Index) {
    let reference = world.reference("a:1");
    deliver(index, &client.sink(&reference, &[]).unwrap()).await.unwrap();
    let source = client.source(&reference).unwrap();
    let root = source.root().await.unwrap();
    assert_eq!(root.bytes(), index.manifest.bytes());
    for layer in index.images.iter().flat_map(|image| &image.layers) {
        let descriptor = layer.blob.descriptor();
        assert_eq!(read(&*source.blob(descriptor)).await.unwrap().len() as u64, descriptor.size);
    }
    source.repository().referrers(&root.descriptor().digest, None).await.unwrap();
}

#[tokio::test]
async fn every_end_point_may_fail_for_a_while() {
    let index = &index();
    for fault in failures() {
        let mut worlds = Vec::new();
        for (method, part) in END_POINTS {
            let world = guarded().await;
            let token = Fault::Answer { status: 200, headers: Vec::new(), body: r#"{"token":"t"}"#.into() };
            world.fail(2, method, part, fault.clone());
            world.fail(usize::MAX, "GET", "/token", token);
            worlds.push((method, part, world));
        }
        let journeys = worlds.iter().map(|(method, part, world)| {
            let chunks = [(world.host(), 100_000)].into();
            let credential = Credential::Basic { user: "u".to_owned(), password: "p".to_owned() };
            let client = client_with(Arc::new(credential), Options { chunks, ..Options::default() });
            async move {
                there_and_back(world, &client, index).await;
                assert!(world.count(method, part) >= 3, "{method} {part} was not asked again");
            }
        });
        futures_util::future::join_all(journeys).await;
    }
}
