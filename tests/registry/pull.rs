//! Pulls: what arrives is what was asked for, or an error.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{TryStreamExt as _, future::BoxFuture};
use serde_json::json;
use wheelwright::{
    base::{BaseError, read_base},
    image::{BlobSource, ConfigChanges, Manifest, Memory, Source, TransferError, deliver, derive_config},
    oci::{Descriptor, Digest, MediaType},
    registry::{RegistryError, RegistrySource, Repository},
    serve::faults::Fault,
};

use super::world::{STALL, World, basic, blob, client, client_as, index, noise, read};

const SIZE: usize = 3_000_000;

async fn with_blob() -> (World, Repository) {
    let world = World::new().await;
    let repository = client().to_write(&world.reference("a/b")).unwrap();
    repository.put_blob(&blob(1, SIZE)).await.unwrap();
    (world, repository)
}

fn answer(status: u16) -> Fault {
    Fault::Answer { status, headers: Vec::new(), body: Bytes::new() }
}

/// Reads one blob through `faults`; how many GETs it took, and whether it came.
async fn pulled(faults: impl FnOnce(&World)) -> (usize, Result<(), String>) {
    let (world, repository) = with_blob().await;
    faults(&world);
    let result = read(&repository.blob(blob(1, SIZE).descriptor())).await;
    let result = result.map_err(|error| error.to_string()).map(|bytes| assert!(bytes == noise(1, SIZE), "other bytes"));
    (world.count("GET", "/blobs/"), result)
}

#[tokio::test]
async fn blobs_survive_cuts_and_stalls() {
    assert_eq!(pulled(|_| {}).await, (1, Ok(())));
    assert_eq!(pulled(|world| world.fail(1, "GET", "/blobs/", Fault::CutReply(1_000_000))).await, (2, Ok(())));
    assert_eq!(pulled(|world| world.fail(3, "GET", "/blobs/", Fault::CutReply(1000))).await, (4, Ok(())));
    assert_eq!(pulled(|world| world.fail(1, "GET", "/blobs/", Fault::StallReply(500_000))).await, (2, Ok(())));
    assert_eq!(pulled(|world| world.fail(1, "GET", "/blobs/", Fault::Stall)).await, (2, Ok(())));
    assert_eq!(pulled(|world| world.fail(2, "GET", "/blobs/", answer(503))).await, (3, Ok(())));
    let (gets, result) = pulled(|world| world.fail(usize::MAX, "GET", "/blobs/", Fault::CutReply(1000))).await;
    assert_eq!(gets, 4);
    assert!(result.unwrap_err().ends_with("was cut after 4000 bytes"));
}

/// Bytes 1,000,000 to 1,000,999 of a blob, asked for through `faults`; and how many GETs it took.
async fn part(faults: impl FnOnce(&World)) -> (usize, Result<(), String>) {
    let (world, repository) = with_blob().await;
    faults(&world);
    let remote = repository.blob(blob(1, SIZE).descriptor());
    let pieces = match remote.open_range(1_000_000, 1000).await {
        Ok(stream) => stream.try_collect::<Vec<Bytes>>().await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let result = pieces.map(|pieces| assert!(pieces.concat() == noise(1, SIZE)[1_000_000..1_001_000], "other bytes"));
    (world.count("GET", "/blobs/"), result)
}

#[tokio::test]
async fn parts_of_blobs_are_asked_for_alone() {
    assert_eq!(part(|_| {}).await, (1, Ok(())));
    assert_eq!(part(|world| world.fail(1, "GET", "/blobs/", Fault::CutReply(100))).await, (2, Ok(())));
    assert_eq!(part(|world| world.fail(1, "GET", "/blobs/", answer(503))).await, (2, Ok(())));
    let (gets, result) = part(|world| world.fail(1, "GET", "/blobs/", Fault::IgnoreHeader("range"))).await;
    assert_eq!(gets, 1);
    assert!(result.unwrap_err().ends_with("gives no parts of blobs"));
    let (world, repository) = with_blob().await;
    let remote = repository.blob(blob(1, SIZE).descriptor());
    for (from, length, expect) in [(0, 10, 10), (SIZE as u64 - 5, 10, 5), (SIZE as u64, 1, 0), (7, 0, 0)] {
        let stream = remote.open_range(from, length).await.unwrap();
        assert_eq!(stream.try_collect::<Vec<Bytes>>().await.unwrap().concat().len(), expect);
    }
    assert_eq!(world.count("GET", "/blobs/"), 2);
    let memory = blob(1, SIZE);
    let stream = memory.open_range(3, 4).await.unwrap();
    assert_eq!(stream.try_collect::<Vec<Bytes>>().await.unwrap().concat(), noise(1, SIZE)[3..7]);
}

#[tokio::test]
async fn servers_without_ranges_begin_again() {
    let (gets, result) = pulled(|world| {
        world.fail(1, "GET", "/blobs/", Fault::CutReply(1_000_000));
        world.fail(1, "GET", "/blobs/", Fault::IgnoreHeader("range"));
    })
    .await;
    assert_eq!((gets, result), (2, Ok(())));
    let (gets, result) = pulled(|world| {
        world.fail(1, "GET", "/blobs/", Fault::CutReply(1_000_000));
        world.fail(1, "GET", "/blobs/", answer(416));
    })
    .await;
    assert_eq!((gets, result), (3, Ok(())));
    // A 206 that begins somewhere else is no use.
    let (gets, result) = pulled(|world| {
        world.fail(1, "GET", "/blobs/", Fault::CutReply(1_000_000));
        world.fail(1, "GET", "/blobs/", Fault::Header("content-range", "bytes 7-2999999/3000000".to_owned()));
    })
    .await;
    assert_eq!((gets, result), (3, Ok(())));
    // One that ends in good order before its time is gone on with.
    let (gets, result) = pulled(|world| {
        world.fail(1, "GET", "/blobs/", Fault::CutReply(1_000_000));
        let headers = vec![("content-range", format!("bytes 1000000-1000099/{SIZE}"))];
        let body = Bytes::copy_from_slice(&noise(1, SIZE)[1_000_000..1_000_100]);
        world.fail(1, "GET", "/blobs/", Fault::Answer { status: 206, headers, body });
    })
    .await;
    assert_eq!((gets, result), (3, Ok(())));
}

#[tokio::test]
async fn a_slow_download_that_moves_is_left_alone() {
    let pause = Duration::from_millis(90);
    let start = Instant::now();
    assert_eq!(pulled(|world| world.fail(1, "GET", "/blobs/", Fault::SlowReply(pause))).await, (1, Ok(())));
    assert!(start.elapsed() > 10 * STALL, "not slow: {:?}", start.elapsed());
}

#[tokio::test]
async fn wrong_bytes_are_found_out() {
    let (_, result) = pulled(|world| world.fail(1, "GET", "/blobs/", Fault::WrongBytes)).await;
    assert!(result.unwrap_err().contains("was expected"));
    // No length, and the connection ends in good order: only the bytes tell.
    let body = Bytes::from(noise(1, SIZE - 1));
    let short = Fault::Answer { status: 200, headers: Vec::new(), body };
    let (_, result) = pulled(|world| world.fail(1, "GET", "/blobs/", short)).await;
    assert!(result.unwrap_err().contains("2999999 bytes came"));
    let body = Bytes::from(noise(1, SIZE + 1));
    let long = Fault::Answer { status: 200, headers: Vec::new(), body };
    let (_, result) = pulled(|world| world.fail(1, "GET", "/blobs/", long)).await;
    assert!(result.unwrap_err().contains("3000001 bytes came"));
}

#[tokio::test]
async fn a_blob_may_be_opened_in_its_middle() {
    use futures_util::TryStreamExt as _;
    let (_world, repository) = with_blob().await;
    let remote = repository.blob(blob(1, SIZE).descriptor());
    let pieces: Vec<Bytes> = remote.open(1_234_567).await.unwrap().try_collect().await.unwrap();
    assert_eq!(pieces.concat(), &noise(1, SIZE)[1_234_567..]);
}

#[tokio::test]
async fn redirected_downloads_leave_the_credentials_behind() {
    let (world, store) = (World::new().await, World::new().await);
    let layer = blob(1, SIZE);
    client().to_write(&store.reference("a")).unwrap().put_blob(&layer).await.unwrap();
    world.needs_basic("u", "p");
    let location = format!("{}/v2/a/blobs/{}?signed=yes", store.url(), layer.descriptor().digest);
    let redirect = Fault::Answer { status: 307, headers: vec![("location", location)], body: Bytes::new() };
    world.fail(1, "GET", "/blobs/", redirect);
    let remote = client_as(basic("u", "p")).to_read(&world.reference("a")).unwrap().blob(layer.descriptor());
    assert_eq!(read(&remote).await.unwrap(), noise(1, SIZE));
    let got: Vec<_> = store.seen().into_iter().filter(|seen| seen.query == "signed=yes").collect();
    assert_eq!(got.len(), 1);
    for header in ["authorization", "cookie", "referer"] {
        assert!(!got[0].headers.contains_key(header), "{header}");
    }
}

#[tokio::test]
async fn tags_are_asked_for_and_manifests_read_by_digest() {
    let world = World::new().await;
    let (index, client) = (index(), client());
    deliver(&index, &client.sink(&world.reference("a:1"), &[]).unwrap()).await.unwrap();
    let before = world.seen().len();
    client.source(&world.reference("a:1")).unwrap().root().await.unwrap();
    let asked: Vec<(String, String)> =
        world.seen()[before..].iter().map(|seen| (seen.method.to_string(), seen.path.clone())).collect();
    let digest = index.manifest.descriptor().digest;
    let expect = [("HEAD", "/v2/a/manifests/1".to_owned()), ("GET", format!("/v2/a/manifests/{digest}"))];
    assert_eq!(asked, expect.map(|(method, path)| (method.to_owned(), path)));
    let accept: Vec<_> = world.seen()[before].headers.get_all("accept").iter().cloned().collect();
    assert_eq!(accept.len(), 4);
}

#[tokio::test]
async fn registries_without_head_or_digest_are_read_all_the_same() {
    for fault in [answer(405), answer(403), Fault::WithoutHeader("docker-content-digest")] {
        let world = World::new().await;
        let (index, client) = (index(), client());
        deliver(&index, &client.sink(&world.reference("a:1"), &[]).unwrap()).await.unwrap();
        world.fail(usize::MAX, "HEAD", "/manifests/", fault);
        let found = client.source(&world.reference("a:1")).unwrap().root().await.unwrap();
        assert_eq!(found.bytes(), index.manifest.bytes());
    }
}

#[tokio::test]
async fn manifests_are_verified() {
    let check = async |fault: Fault, expect: &str| {
        let world = World::new().await;
        let client = client();
        deliver(&index(), &client.sink(&world.reference("a:1"), &[]).unwrap()).await.unwrap();
        world.fail(usize::MAX, "GET", "/manifests/", fault);
        let error = client.source(&world.reference("a:1")).unwrap().root().await.unwrap_err();
        let texts = format!("{error}");
        assert!(texts.contains(expect), "{texts}");
    };
    let body = |text: String| Fault::Answer { status: 200, headers: Vec::new(), body: text.into() };
    check(body(json!({ "manifests": [] }).to_string()), "was expected").await;
    check(body("x".repeat(5 << 20)), "larger than 4194304 bytes").await;
    check(body("<html>".to_owned()), "cannot be used").await;
    check(Fault::WrongBytes, "cannot be used").await;
    check(Fault::Header("content-type", "application/vnd.oci.image.manifest.v1+json".to_owned()), "was expected").await;
    check(answer(404), "404").await;
    // An unhelpful type does no harm: the document says what it is.
    let world = World::new().await;
    deliver(&index(), &client().sink(&world.reference("a:1"), &[]).unwrap()).await.unwrap();
    world.fail(usize::MAX, "GET", "/manifests/", Fault::Header("content-type", "text/plain".to_owned()));
    client().source(&world.reference("a:1")).unwrap().root().await.unwrap();
}

#[tokio::test]
async fn cut_manifests_are_read_again() {
    let world = World::new().await;
    let (index, client) = (index(), client());
    deliver(&index, &client.sink(&world.reference("a:1"), &[]).unwrap()).await.unwrap();
    world.fail(2, "GET", "/manifests/", Fault::CutReply(10));
    let found = client.source(&world.reference("a:1")).unwrap().root().await.unwrap();
    assert_eq!(found.bytes(), index.manifest.bytes());
}

/// A source whose root is another one.
struct Rooted(RegistrySource, Manifest);

impl Source for Rooted {
    fn root(&self) -> BoxFuture<'_, Result<Manifest, TransferError>> {
        Box::pin(std::future::ready(Ok(self.1.clone())))
    }

    fn manifest<'a>(&'a self, descriptor: &'a Descriptor) -> BoxFuture<'a, Result<Manifest, TransferError>> {
        self.0.manifest(descriptor)
    }

    fn blob(&self, descriptor: &Descriptor) -> Box<dyn BlobSource> {
        self.0.blob(descriptor)
    }
}

/// Docker's list of manifests, in which the images are an index deeper.
fn outer(inner: &Manifest) -> Manifest {
    let list = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.list.v2+json",
        "manifests": [
            { "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 2,
              "digest": Digest::of(b"{}").to_string(), "platform": { "os": "windows", "architecture": "amd64" } },
            inner.descriptor().to_json(),
        ],
    });
    Manifest::parse(list.to_string(), None).unwrap()
}

#[tokio::test]
async fn platforms_are_found_in_indexes_of_docker_and_in_nested_ones() {
    let world = World::new().await;
    let (index, client) = (index(), client());
    let reference = world.reference("a:1");
    deliver(&index, &client.sink(&reference, &[]).unwrap()).await.unwrap();
    let source = client.source(&reference).unwrap();
    let within = |root: &Manifest| Rooted(source.clone(), root.clone());
    let outer = outer(&index.manifest);
    for image in &index.images {
        let found = read_base(&within(&outer), &image.platform).await.unwrap();
        assert_eq!(found.manifest.bytes(), image.manifest.bytes());
        // A manifest that stands alone is known by its config.
        let found = read_base(&within(&image.manifest), &image.platform).await.unwrap();
        assert_eq!(found.manifest.bytes(), image.manifest.bytes());
    }
    let error = read_base(&within(&outer), &"linux/s390x".parse().unwrap()).await.err().unwrap();
    let BaseError::NoPlatform { available, .. } = &error else { panic!("{error}") };
    assert_eq!(available.len(), 3);
    assert!(read_base(&within(&index.images[0].manifest), &index.images[1].platform).await.is_err());
}

#[tokio::test]
async fn indexes_without_end_are_left() {
    let world = World::new().await;
    let client = client();
    let repository = client.to_write(&world.reference("a")).unwrap();
    let mut manifest = Manifest::of_index(&[], &json!({}));
    for _ in 0..8 {
        repository.put_manifest(&manifest, &manifest.descriptor().digest.to_string()).await.unwrap();
        manifest = Manifest::of_index(&[manifest.descriptor().clone()], &json!({}));
    }
    let source = Rooted(client.source(&world.reference("a")).unwrap(), manifest);
    let before = world.seen().len();
    let error = read_base(&source, &"linux/amd64".parse().unwrap()).await.err().unwrap();
    assert!(matches!(error, BaseError::NoPlatform { .. }), "{error}");
    assert!(world.seen().len() - before < 8);
}

#[tokio::test]
async fn what_docker_says_of_a_base_is_kept() {
    let world = World::new().await;
    let repository = client().to_write(&world.reference("a")).unwrap();
    let layer = Memory::new(MediaType::from("application/vnd.docker.image.rootfs.diff.tar.gzip"), noise(1, 1000));
    let config = json!({
        "os": "linux", "architecture": "amd64", "docker_version": "20.10",
        "config": { "Healthcheck": { "Test": ["CMD", "true"] }, "Shell": ["/bin/bash"], "OnBuild": ["RUN x"],
                    "ArgsEscaped": true, "Labels": { "b": "2", "a": "1" }, "X-Unknown": [1, 2] },
        "rootfs": { "type": "layers", "diff_ids": [Digest::of(b"tar").to_string()] },
        "os.version": "x",
    });
    let config = Memory::new(MediaType::from("application/vnd.docker.container.image.v1+json"), config.to_string());
    for blob in [&layer, &config] {
        repository.put_blob(blob).await.unwrap();
    }
    let media_type = "application/vnd.docker.distribution.manifest.v2+json";
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media_type, "x-unknown": {},
        "config": config.descriptor().to_json(), "layers": [layer.descriptor().to_json()],
    });
    let manifest = Manifest::parse(manifest.to_string(), None).unwrap();
    repository.put_manifest(&manifest, &manifest.descriptor().digest.to_string()).await.unwrap();
    let inner = Manifest::of_index(std::slice::from_ref(manifest.descriptor()), &json!({}));
    repository.put_manifest(&inner, &inner.descriptor().digest.to_string()).await.unwrap();

    let source = Rooted(client().source(&world.reference("a")).unwrap(), outer(&inner));
    let platform = "linux/amd64".parse().unwrap();
    let base = read_base(&source, &platform).await.unwrap();
    assert_eq!(&base.config, config.bytes());
    assert_eq!(base.layers[0].blob.descriptor().media_type, MediaType::ImageLayerGzip);
    let document = serde_json::from_slice(&base.config).unwrap();
    let derived = derive_config(Some(&document), &platform, &ConfigChanges::default(), &[], 0);
    for field in ["Healthcheck", "Shell", "OnBuild", "ArgsEscaped", "Labels", "X-Unknown"] {
        assert_eq!(derived["config"][field], document["config"][field], "{field}");
    }
    assert_eq!((&derived["docker_version"], &derived["os.version"]), (&json!("20.10"), &json!("x")));
}

#[tokio::test]
async fn nobody_is_asked_offline() {
    let world = World::new().await;
    let options = wheelwright::http::Options { offline: true, ..Default::default() };
    let client = wheelwright::registry::Registry::new(
        wheelwright::http::Client::new(options).unwrap(),
        std::sync::Arc::new(wheelwright::registry::Anonymous),
        wheelwright::registry::Options::default(),
    );
    let error = client.source(&world.reference("a:1")).unwrap().resolve().await.unwrap_err();
    assert!(matches!(error, RegistryError::Offline { .. }), "{error}");
    assert!(world.seen().is_empty());
}
