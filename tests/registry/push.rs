//! Pushes: whatever happens on the way, the blob arrives once and the tag moves last.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{future::BoxFuture, stream};
use wheelwright::{
    hint::Advise as _,
    http::{self, Client},
    image::{BlobSource, ByteStream, Image, Manifest, Memory, Moved, Source as _, TransferError, deliver},
    oci::{Descriptor, Digest, MediaType},
    registry::RegistryError,
    serve::faults::{Fault, Seen},
};

use super::world::{STALL, World, basic, blob, client, client_as, index, index_over, noise, read, single};

const SIZE: usize = 600_000;

fn answer(status: u16) -> Fault {
    Fault::Answer { status, headers: Vec::new(), body: Bytes::new() }
}

/// Pushes one blob through `faults`, and sees what lies in the registry afterwards.
async fn survives(faults: impl FnOnce(&World), puts: usize) {
    let world = World::new().await;
    faults(&world);
    let repository = client().to_write(&world.reference("a/b")).unwrap();
    let blob = blob(1, SIZE);
    assert_eq!(repository.put_blob(&blob).await.unwrap(), Moved::Sent(SIZE as u64));
    assert_eq!(world.count("PUT", "/blobs/uploads/"), puts);
    assert_eq!(read(&repository.blob(blob.descriptor())).await.unwrap(), noise(1, SIZE));
    assert_eq!(repository.put_blob(&blob).await.unwrap(), Moved::Existed);
}

#[tokio::test]
async fn an_index_goes_there_and_comes_back() {
    let world = World::new().await;
    let index = index();
    let client = client();
    let reference = world.reference("team/app:1.0");
    let sink = client.sink(&reference, &["latest".to_owned()]).unwrap();
    let delivery = deliver(&index, &sink).await.unwrap();
    assert_eq!(delivery.blobs.len(), 5);
    assert!(delivery.blobs.iter().all(|(_, moved)| matches!(moved, Moved::Sent(_))));

    for tag in ["1.0", "latest"] {
        let source = client.source(&reference.tagged(tag).unwrap()).unwrap();
        let root = source.root().await.unwrap();
        assert_eq!(root.bytes(), index.manifest.bytes());
        for image in &index.images {
            let found = source.manifest(image.manifest.descriptor()).await.unwrap();
            assert_eq!(found.bytes(), image.manifest.bytes());
            for layer in &image.layers {
                let bytes = read(&*source.blob(layer.blob.descriptor())).await.unwrap();
                assert_eq!(Digest::of(&bytes), layer.blob.descriptor().digest);
            }
        }
    }
    let again = deliver(&index, &client.sink(&reference, &[]).unwrap()).await.unwrap();
    assert_eq!(again.bytes_sent(), 0);
}

#[tokio::test]
async fn tags_move_last_and_only_when_all_is_there() {
    let world = World::new().await;
    let index = index();
    let arm = index.images[1].manifest.descriptor().digest.to_string();
    world.rule(move |seen| (seen.method == "PUT" && seen.path.ends_with(&arm)).then(|| answer(403)));
    let reference = world.reference("a:1");
    let error = deliver(&index, &client().sink(&reference, &[]).unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("403"), "{error}");
    assert_eq!(world.count("PUT", "/manifests/1"), 0);
    let puts: Vec<String> =
        world.seen().iter().filter(|seen| seen.method == "PUT").map(|seen| seen.path.clone()).collect();
    let first_manifest = puts.iter().position(|path| path.contains("/manifests/")).unwrap();
    assert!(puts[first_manifest..].iter().all(|path| path.contains("/manifests/")), "{puts:?}");
}

#[tokio::test]
async fn uploads_survive_cuts() {
    survives(|_| {}, 1).await;
    survives(|world| world.fail(1, "PUT", "/blobs/uploads/", Fault::CutRequest(100_000)), 2).await;
    survives(|world| world.fail(3, "PUT", "/blobs/uploads/", Fault::CutRequest(0)), 4).await;
    // The registry stored it and the answer was lost: the next HEAD finds it.
    survives(|world| world.fail(1, "PUT", "/blobs/uploads/", Fault::LoseReply), 1).await;
    survives(|world| world.fail(1, "POST", "/blobs/uploads/", Fault::LoseReply), 1).await;
    survives(|world| world.fail(1, "HEAD", "/blobs/", Fault::LoseReply), 1).await;
}

#[tokio::test]
async fn uploads_survive_passing_statuses_everywhere() {
    for status in [408, 429, 500, 502, 503, 504] {
        survives(|world| world.fail(2, "HEAD", "/blobs/", answer(status)), 1).await;
        survives(|world| world.fail(2, "POST", "/blobs/uploads/", answer(status)), 1).await;
        survives(|world| world.fail(2, "PUT", "/blobs/uploads/", answer(status)), 3).await;
        survives(|world| world.fail(2, "PUT", "/blobs/uploads/", Fault::AnswerAfterBody(status)), 3).await;
    }
}

#[tokio::test]
async fn manifests_survive_passing_statuses_and_lost_answers() {
    for fault in [answer(503), answer(429), Fault::LoseReply, Fault::Stall] {
        let world = World::new().await;
        world.fail(2, "PUT", "/manifests/", fault);
        let index = index();
        let client = client();
        deliver(&index, &client.sink(&world.reference("a:1"), &[]).unwrap()).await.unwrap();
        let found = client.source(&world.reference("a:1")).unwrap().resolve().await.unwrap();
        assert_eq!(found, index.manifest.descriptor().digest);
    }
}

#[tokio::test]
async fn manifests_whose_digest_is_called_wrong_are_sent_again() {
    let world = World::new().await;
    let body = r#"{"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match"}]}"#;
    let refuse = Fault::Answer { status: 400, headers: Vec::new(), body: body.into() };
    world.fail(2, "PUT", "/manifests/sha256", refuse.clone());
    deliver(&index(), &client().sink(&world.reference("a:1"), &[]).unwrap()).await.unwrap();
    assert_eq!(world.count("PUT", "/manifests/sha256"), 3 + 2);
    // For ever it is not believed to pass.
    world.fail(usize::MAX, "PUT", "/manifests/sha256", refuse);
    let error = deliver(&index(), &client().sink(&world.reference("b:1"), &[]).unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("DIGEST_INVALID"), "{error}");
}

#[tokio::test]
async fn a_server_may_ask_to_wait() {
    let world = World::new().await;
    let headers = vec![("retry-after", "1".to_owned())];
    world.fail(1, "POST", "/blobs/uploads/", Fault::Answer { status: 429, headers, body: Bytes::new() });
    let start = std::time::Instant::now();
    client().to_write(&world.reference("a")).unwrap().put_blob(&blob(1, 10)).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_stalled_upload_is_given_up_and_begun_again() {
    survives(|world| world.fail(1, "POST", "/blobs/uploads/", Fault::Stall), 1).await;
    let world = World::new().await;
    world.fail(1, "PUT", "/blobs/uploads/", Fault::Stall);
    let repository = client().to_write(&world.reference("a")).unwrap();
    // More than the sockets' buffers hold, so that the network takes nothing while bytes are left.
    let blob = blob(1, 16 << 20);
    assert_eq!(repository.put_blob(&blob).await.unwrap(), Moved::Sent(16 << 20));
    assert_eq!(world.count("PUT", "/blobs/uploads/"), 2);
}

#[tokio::test]
async fn a_slow_upload_that_moves_is_left_alone() {
    let world = World::new().await;
    world.fail(1, "PUT", "/blobs/uploads/", Fault::SlowRequest(Duration::from_millis(6)));
    let repository = client().to_write(&world.reference("a")).unwrap();
    // Much more than the sockets' buffers hold: the kernel lets us write on only when a third is free.
    let blob = Memory::new(MediaType::ImageLayer, vec![7; 48 << 20]);
    let start = Instant::now();
    assert_eq!(repository.put_blob(&blob).await.unwrap(), Moved::Sent(48 << 20));
    assert!(start.elapsed() > 10 * STALL, "not slow: {:?}", start.elapsed());
    assert_eq!(world.count("PUT", "/blobs/uploads/"), 1);
}

#[tokio::test]
async fn what_fails_for_good_is_told_at_once() {
    let check = async |method, part, status, hint: &str| {
        let world = World::new().await;
        world.fail(usize::MAX, method, part, answer(status));
        let repository = client().to_write(&world.reference("a")).unwrap();
        let error = repository.put_blob(&blob(1, SIZE)).await.unwrap_err();
        assert_eq!(error.status().unwrap().as_u16(), status, "{error}");
        assert!(error.hint().unwrap().to_string().contains(hint), "{error}");
        assert_eq!(world.count(method, part), 1);
    };
    check("PUT", "/blobs/uploads/", 413, "proxy").await;
    check("POST", "/blobs/uploads/", 403, "log in").await;
    check("POST", "/blobs/uploads/", 401, "log in").await;
    check("POST", "/blobs/uploads/", 404, "create the repository").await;
}

#[tokio::test]
async fn passing_failures_end_after_the_last_attempt() {
    let world = World::new().await;
    world.fail(usize::MAX, "PUT", "/blobs/uploads/", answer(503));
    let repository = client().to_write(&world.reference("a")).unwrap();
    let error = repository.put_blob(&blob(1, SIZE)).await.unwrap_err();
    assert!(error.to_string().ends_with("503 Service Unavailable after 4 attempts"), "{error}");
    assert_eq!(world.count("PUT", "/blobs/uploads/"), 4);
}

#[tokio::test]
async fn statuses_that_say_nothing_are_confirmed() {
    for status in [200, 202, 204] {
        survives(|world| world.fail(1, "PUT", "/blobs/uploads/", Fault::Status(status)), 1).await;
        // It was thrown away all the same.
        survives(|world| world.fail(1, "PUT", "/blobs/uploads/", Fault::AnswerAfterBody(status)), 2).await;
    }
}

#[tokio::test]
async fn uploads_given_up_are_cancelled() {
    let world = World::new().await;
    world.fail(usize::MAX, "PUT", "/blobs/uploads/", Fault::Stall);
    let client = client();
    let repository = client.to_write(&world.reference("a")).unwrap();
    let blob = blob(1, 16 << 20);
    let given_up = tokio::time::timeout(STALL / 4, repository.put_blob(&blob)).await;
    assert!(given_up.is_err(), "it should have stalled");
    assert_eq!(world.count("DELETE", "/blobs/uploads/"), 0);
    client.tidy().await;
    client.tidy().await;
    assert_eq!(world.count("DELETE", "/blobs/uploads/"), 1);
}

#[tokio::test]
async fn blobs_that_the_registry_lost_are_sent_once_more() {
    let index = index();
    let layer = index.images[0].layers[1].blob.descriptor().digest;
    let said = format!(r#"{{"errors":[{{"code":"MANIFEST_BLOB_UNKNOWN","detail":{{"digest":"{layer}"}}}}]}}"#);
    for (body, resent) in [(said, 1), (r#"{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN"}]}"#.to_owned(), 3)] {
        let world = World::new().await;
        let refuse = Fault::Answer { status: 404, headers: Vec::new(), body: body.into() };
        world.fail(1, "PUT", "/manifests/sha256", refuse.clone());
        deliver(&index, &client().sink(&world.reference("a:1"), &[]).unwrap()).await.unwrap();
        assert_eq!(world.count("PUT", "/blobs/uploads/"), 5 + resent);
        // A registry that goes on missing it is told of.
        world.fail(2, "PUT", "/manifests/sha256", refuse);
        let error = deliver(&index, &client().sink(&world.reference("b:1"), &[]).unwrap()).await.unwrap_err();
        assert!(error.to_string().contains("MANIFEST_BLOB_UNKNOWN"), "{error}");
        assert_eq!(world.count("PUT", "/manifests/1"), 1);
    }
}

#[tokio::test]
async fn what_is_there_costs_one_question_a_blob() {
    let world = World::new().await;
    let index = index();
    let push = async |reference: &str| {
        let before = world.seen().len();
        let delivery = deliver(&index, &client().sink(&world.reference(reference), &[]).unwrap()).await.unwrap();
        (delivery.bytes_sent(), world.seen()[before..].to_vec())
    };
    push("a:1").await;
    let (platforms, layers) = (index.images.len(), index.images[0].layers.len());
    let asked = |seen: &[Seen]| seen.iter().map(|seen| seen.method.to_string()).collect::<Vec<_>>();
    // Another name: what it points to, the index and its images, each distinct blob, and the name.
    let (bytes, seen) = push("a:2").await;
    assert!(bytes == 0 && seen.len() <= platforms * (3 + layers + platforms), "{seen:#?}");
    assert_eq!(asked(&seen), [vec!["HEAD"; 1 + 1 + 2 + 5], vec!["PUT"]].concat());
    // The same name: what it points to, and the images.
    let (bytes, seen) = push("a:1").await;
    assert_eq!((bytes, asked(&seen)), (0, vec!["HEAD".to_owned(); 1 + 2]));
    // One platform alone keeps within the bound as well.
    let single = single(&index);
    let sink = |reference: &str| client().sink(&world.reference(reference), &[]).unwrap();
    deliver(&single, &sink("one:1")).await.unwrap();
    let before = world.seen().len();
    deliver(&single, &sink("one:2")).await.unwrap();
    assert!(world.seen().len() - before <= 4 + layers + 1);
}

#[tokio::test]
async fn what_the_name_led_to_before_is_not_asked_for_again() {
    let world = World::new().await;
    let (old, new) = (index(), index_over(vec![index().images[1].clone(), renamed(&index().images[0])]));
    let sink = || client().sink(&world.reference("a:1"), &[]).unwrap();
    deliver(&old, &sink()).await.unwrap();
    let before = world.seen().len();
    let delivery = deliver(&new, &sink()).await.unwrap();
    let moved: Vec<Moved> = delivery.blobs.iter().map(|(_, moved)| *moved).collect();
    assert_eq!(moved.iter().filter(|moved| **moved != Moved::Existed).count(), 1, "{moved:?}");
    let seen = &world.seen()[before..];
    let asked = seen.iter().filter(|seen| seen.method == "HEAD" && seen.path.contains("/blobs/")).count();
    assert_eq!(asked, 1, "{seen:#?}");
    // A registry that lost something says so when the manifests come.
    let layer = old.images[1].layers[1].blob.descriptor().clone();
    let url = format!("{}/v2/a/blobs/{}", world.url(), layer.digest);
    Client::new(http::Options::default()).unwrap().reqwest().delete(url).send().await.unwrap();
    deliver(&old, &sink()).await.unwrap();
    let repository = client().to_read(&world.reference("a:1")).unwrap();
    assert!(repository.has_blob(&layer).await.unwrap());
}

/// The same image with another config.
fn renamed(image: &Image) -> Image {
    let mut config: serde_json::Value = serde_json::from_slice(image.config.bytes()).unwrap();
    config["author"] = "another".into();
    let config = Memory::new(MediaType::ImageConfig, config.to_string());
    let layers: Vec<Descriptor> = image.layers.iter().map(|layer| layer.blob.descriptor().clone()).collect();
    let manifest = Manifest::of_image(config.descriptor(), &layers, &serde_json::Value::Null);
    Image { config, manifest, ..image.clone() }
}

#[tokio::test]
async fn an_index_that_is_there_does_not_hide_a_blob_that_is_not() {
    let world = World::new().await;
    let index = index();
    deliver(&index, &client().sink(&world.reference("a:1"), &[]).unwrap()).await.unwrap();
    let layer = index.images[1].layers[1].blob.descriptor().clone();
    let url = format!("{}/v2/a/blobs/{}", world.url(), layer.digest);
    Client::new(http::Options::default()).unwrap().reqwest().delete(url).send().await.unwrap();
    let before = world.seen().len();
    let again = deliver(&index, &client().sink(&world.reference("a:2"), &[]).unwrap()).await.unwrap();
    assert_eq!(again.moved(&layer.digest), Some(Moved::Sent(layer.size)));
    let put = |seen: &&Seen| seen.method == "PUT" && seen.path.contains("/manifests/sha256");
    let again: BTreeSet<String> = world.seen()[before..].iter().filter(put).map(|seen| seen.path.clone()).collect();
    assert_eq!(again.len(), 3, "the manifests were not put again");
}

#[tokio::test]
async fn an_index_that_is_there_does_not_hide_an_image_that_is_not() {
    for reference in ["a:1", "a:2"] {
        let (world, index) = (World::new().await, index());
        deliver(&index, &client().sink(&world.reference("a:1"), &[]).unwrap()).await.unwrap();
        let repository = client().to_write(&world.reference("a")).unwrap();
        let lost = index.images[1].manifest.descriptor();
        repository.delete(&lost.digest).await.unwrap();
        let again = deliver(&index, &client().sink(&world.reference(reference), &[]).unwrap()).await.unwrap();
        assert_eq!(again.bytes_sent(), 0);
        assert!(repository.has_manifest(lost).await.unwrap(), "{reference}");
        assert_eq!(repository.pointed_to(&reference[2..]).await.unwrap(), Some(index.manifest.descriptor().digest));
    }
}

#[tokio::test]
async fn old_sessions_are_cancelled() {
    let world = World::new().await;
    world.fail(1, "PUT", "/blobs/uploads/", answer(500));
    client().to_write(&world.reference("a")).unwrap().put_blob(&blob(1, 10)).await.unwrap();
    let cancelled: Vec<Seen> = world.seen().into_iter().filter(|seen| seen.method == "DELETE").collect();
    let puts: Vec<Seen> = world.seen().into_iter().filter(|seen| seen.method == "PUT").collect();
    assert_eq!(cancelled.len(), 1);
    assert_eq!(cancelled[0].path, puts[0].path);
    assert_ne!(puts[0].path, puts[1].path);
}

#[tokio::test]
async fn mounts_are_tried_and_not_relied_on() {
    let outcome = async |fault: Option<Fault>, from: &str| {
        let world = World::new().await;
        let client = client();
        let blob = blob(1, SIZE);
        client.to_write(&world.reference("base")).unwrap().put_blob(&blob).await.unwrap();
        if let Some(fault) = fault {
            let fault = std::sync::Mutex::new(Some(fault));
            world.rule(move |seen| seen.query.contains("mount=").then(|| fault.lock().unwrap().take()).flatten());
        }
        let mounted = client.to_read(&world.reference(from)).unwrap().blob(blob.descriptor());
        // The bytes come from the blob in the base, whatever repository is said to hold it.
        let held = Held { blob: blob.clone(), origin: mounted.origin().unwrap().clone() };
        let target = client.to_write(&world.reference("app")).unwrap();
        let moved = target.put_blob(&held).await.unwrap();
        assert_eq!(read(&target.blob(blob.descriptor())).await.unwrap(), noise(1, SIZE));
        (moved, world.count("POST", "/v2/app/blobs/uploads/"))
    };
    let sent = Moved::Sent(SIZE as u64);
    assert_eq!(outcome(None, "base").await, (Moved::Mounted, 1));
    assert_eq!(outcome(None, "elsewhere").await, (sent, 1));
    for status in [401, 403, 404, 405] {
        assert_eq!(outcome(Some(answer(status)), "base").await, (sent, 2), "{status}");
    }
    // 201 without a blob behind it.
    assert_eq!(outcome(Some(answer(201)), "base").await, (sent, 2));
}

struct Held {
    blob: Memory,
    origin: wheelwright::image::Origin,
}

impl BlobSource for Held {
    fn descriptor(&self) -> &Descriptor {
        self.blob.descriptor()
    }

    fn open(&self, from: u64) -> BoxFuture<'_, Result<ByteStream, TransferError>> {
        self.blob.open(from)
    }

    fn origin(&self) -> Option<&wheelwright::image::Origin> {
        Some(&self.origin)
    }
}

#[tokio::test]
async fn redirected_uploads_leave_the_credentials_behind() {
    for status in [307, 308] {
        let (world, store) = (World::new().await, World::new().await);
        let location = format!("{}/v2/a/blobs/uploads/outside?signed=yes", store.url());
        let headers = vec![("location", location)];
        world.needs_basic("u", "p");
        world.fail(1, "PUT", "/blobs/uploads/", Fault::Answer { status, headers, body: Bytes::new() });
        store.fail(1, "PUT", "/uploads/outside", Fault::AnswerAfterBody(201));
        let target = client_as(basic("u", "p")).to_write(&world.reference("a")).unwrap();
        assert_eq!(target.put_blob(&blob(1, SIZE)).await.unwrap(), Moved::Sent(SIZE as u64));
        let seen = store.seen();
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].headers["content-length"], SIZE.to_string().as_str());
        assert_eq!(seen[0].query, "signed=yes");
        for header in ["authorization", "cookie", "referer"] {
            assert!(!seen[0].headers.contains_key(header), "{header}");
        }
    }
}

#[tokio::test]
async fn locations_of_every_shape_are_followed() {
    let shaped = |absolute: bool, query: &'static str| {
        survives(
            move |world| {
                let base = if absolute { world.url() } else { String::new() };
                world.fail(1, "POST", "/blobs/uploads/", Fault::Wrap("location", base, query));
                world.rule(move |seen| {
                    let kept = query.is_empty() || seen.query.starts_with(&query[1..]);
                    (seen.method == "PUT" && seen.path.contains("/uploads/") && !kept).then(|| answer(400))
                });
            },
            1,
        )
    };
    shaped(false, "").await;
    shaped(true, "").await;
    shaped(false, "?state=a%2Fb").await;
    shaped(true, "?x=1&y=2").await;
}

#[tokio::test]
async fn an_upload_elsewhere_gets_no_credentials() {
    let (world, store) = (World::new().await, World::new().await);
    world.needs_basic("u", "p");
    store.fail(usize::MAX, "PUT", "/blobs/uploads/", Fault::AnswerAfterBody(201));
    world.fail(1, "POST", "/blobs/uploads/", Fault::Wrap("location", store.url(), ""));
    let target = client_as(basic("u", "p")).to_write(&world.reference("a")).unwrap();
    target.put_blob(&blob(1, SIZE)).await.unwrap();
    assert_eq!(store.count("PUT", "/blobs/uploads/"), 1);
    assert!(store.seen().iter().all(|seen| !seen.headers.contains_key("authorization")));
}

#[tokio::test]
async fn the_registry_must_store_what_was_sent() {
    let world = World::new().await;
    let other = Digest::of(b"other").to_string();
    world.fail(usize::MAX, "PUT", "/manifests/", Fault::Header("docker-content-digest", other));
    let error = deliver(&index(), &client().sink(&world.reference("a:1"), &[]).unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("was expected"), "{error}");
}

/// A file that changed under our hands: right size, wrong bytes.
struct Changed {
    descriptor: Descriptor,
    bytes: Bytes,
}

impl BlobSource for Changed {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn open(&self, _: u64) -> BoxFuture<'_, Result<ByteStream, TransferError>> {
        let bytes = self.bytes.clone();
        Box::pin(async move {
            let stream: ByteStream = Box::pin(stream::iter([Ok(bytes)]));
            Ok(stream)
        })
    }
}

#[tokio::test]
async fn bad_sources_are_told_from_bad_registries() {
    let push = async |descriptor: Descriptor, bytes: Vec<u8>| {
        let world = World::new().await;
        let repository = client().to_write(&world.reference("a")).unwrap();
        let error = repository.put_blob(&Changed { descriptor, bytes: bytes.into() }).await.unwrap_err();
        assert_eq!(world.count("PUT", "/blobs/uploads/"), 1, "{error}");
        error
    };
    let promised = Descriptor::of(MediaType::ImageLayerGzip, &noise(1, SIZE));
    let error = push(promised.clone(), noise(2, SIZE)).await;
    assert!(matches!(error, RegistryError::Transfer { source: TransferError::Corrupt { .. } }), "{error:?}");
    let error = push(promised, noise(1, SIZE - 1)).await;
    assert!(matches!(error, RegistryError::Transfer { source: TransferError::Read { .. } }), "{error:?}");
}

#[tokio::test]
async fn a_digest_spoilt_on_the_way_is_sent_once_more() {
    let body = Bytes::from_static(br#"{"errors":[{"code":"DIGEST_INVALID","message":"no"}]}"#);
    let refuse = Fault::Answer { status: 400, headers: Vec::new(), body };
    survives(|world| world.fail(1, "PUT", "/blobs/uploads/", refuse.clone()), 2).await;
    let world = World::new().await;
    world.fail(usize::MAX, "PUT", "/blobs/uploads/", refuse);
    let error = client().to_write(&world.reference("a")).unwrap().put_blob(&blob(1, 10)).await.unwrap_err();
    assert_eq!(error.code(), Some("DIGEST_INVALID"));
    assert_eq!(world.count("PUT", "/blobs/uploads/"), 2);
}

#[tokio::test]
async fn one_digest_is_sent_once_however_many_ask() {
    let world = World::new().await;
    let sink = Arc::new(client().sink(&world.reference("a:1"), &[]).unwrap());
    let pushes = (0..8).map(|_| {
        let sink = Arc::clone(&sink);
        tokio::spawn(async move {
            let blob = blob(1, SIZE);
            wheelwright::image::Sink::put_blob(&*sink, &blob).await.unwrap()
        })
    });
    let moved = futures_util::future::join_all(pushes.collect::<Vec<_>>()).await;
    assert_eq!(moved.into_iter().filter(|moved| matches!(moved, Ok(Moved::Sent(_)))).count(), 1);
    assert_eq!(world.count("PUT", "/blobs/uploads/"), 1);
    assert_eq!(world.count("HEAD", "/blobs/"), 1);
}

#[tokio::test]
async fn two_clients_may_push_the_same_image() {
    let world = World::new().await;
    let (index, reference) = (index(), world.reference("a:1"));
    let sinks = [client().sink(&reference, &[]).unwrap(), client().sink(&reference, &[]).unwrap()];
    let (left, right) = tokio::join!(deliver(&index, &sinks[0]), deliver(&index, &sinks[1]));
    left.unwrap();
    right.unwrap();
    assert_eq!(client().source(&reference).unwrap().resolve().await.unwrap(), index.manifest.descriptor().digest);
}

#[tokio::test]
async fn empty_blobs_and_undistributable_layers() {
    let world = World::new().await;
    let repository = client().to_write(&world.reference("a")).unwrap();
    assert_eq!(repository.put_blob(&blob(1, 0)).await.unwrap(), Moved::Sent(0));
    let foreign = MediaType::from("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip");
    let before = world.seen().len();
    assert_eq!(repository.put_blob(&Memory::new(foreign, "x")).await.unwrap(), Moved::Existed);
    assert_eq!(world.seen().len(), before);
}
