//! Uploads in chunks, for registries behind a proxy that limits bodies.

use std::sync::Arc;

use bytes::Bytes;
use wheelwright::{
    image::Moved,
    registry::{Anonymous, CredentialProvider, Options, Registry},
    serve::faults::{Fault, Seen},
};

use super::world::{World, basic, blob, client_with, noise, read};

const SIZE: usize = 600_000;
const CHUNK: u64 = 250_000;

fn client(world: &World, credentials: Arc<dyn CredentialProvider>) -> Registry {
    let chunks = [(world.host(), CHUNK)].into();
    client_with(credentials, Options { chunks, ..Options::default() })
}

/// Pushes a blob through `faults`; gives back the requests with bytes of it.
async fn survives(faults: impl FnOnce(&World)) -> Vec<Seen> {
    let world = World::new().await;
    faults(&world);
    let repository = client(&world, Arc::new(Anonymous)).to_write(&world.reference("a")).unwrap();
    let blob = blob(1, SIZE);
    assert_eq!(repository.put_blob(&blob).await.unwrap(), Moved::Sent(SIZE as u64));
    assert_eq!(
        read(&repository.blob(wheelwright::image::BlobSource::descriptor(&blob))).await.unwrap(),
        noise(1, SIZE)
    );
    world.seen().into_iter().filter(|seen| seen.method == "PATCH" || seen.method == "PUT").collect()
}

fn ranges(seen: &[Seen]) -> Vec<(&str, &str)> {
    seen.iter().map(|seen| (seen.method.as_str(), seen.headers["content-range"].to_str().unwrap())).collect()
}

#[tokio::test]
async fn no_request_is_larger_than_allowed_and_the_last_one_carries_bytes() {
    let limit = |seen: &Seen| {
        let length: u64 =
            seen.headers.get("content-length").map_or(0, |value| value.to_str().unwrap().parse().unwrap());
        (length > CHUNK).then(|| Fault::Answer { status: 413, headers: Vec::new(), body: Bytes::new() })
    };
    let seen = survives(|world| world.rule(limit)).await;
    let expect = [("PATCH", "0-249999"), ("PATCH", "250000-499999"), ("PUT", "500000-599999")];
    assert_eq!(ranges(&seen), expect);
}

#[tokio::test]
async fn registries_that_answer_in_their_own_way_are_understood() {
    let quirks = [
        Fault::Status(201),
        Fault::Status(204),
        Fault::Header("range", "0-249999".to_owned()),
        Fault::Header("range", "bytes=0-7".to_owned()),
        Fault::WithoutHeader("range"),
        Fault::WithoutHeader("location"),
    ];
    for quirk in quirks {
        let seen = survives(|world| world.fail(usize::MAX, "PATCH", "", quirk.clone())).await;
        assert_eq!(seen.len(), 3, "{quirk:?}");
    }
    let smallest = Fault::Header("oci-chunk-min-length", "400000".to_owned());
    let seen = survives(|world| world.fail(1, "POST", "", smallest)).await;
    assert_eq!(ranges(&seen), [("PATCH", "0-399999"), ("PUT", "400000-599999")]);
}

#[tokio::test]
async fn a_session_that_broke_is_begun_anew() {
    let gone = Fault::Answer {
        status: 404,
        headers: Vec::new(),
        body: r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}"#.into(),
    };
    for fault in [Fault::CutRequest(100_000), Fault::LoseReply, gone, Fault::Status(503)] {
        let seen = survives(|world| world.fail(1, "PATCH", "", fault.clone())).await;
        assert_eq!(seen.len(), 1 + 3, "{fault:?}");
        assert_ne!(seen[0].path, seen[3].path, "{fault:?}");
    }
}

#[tokio::test]
async fn a_chunk_that_is_too_large_all_the_same_is_told_of() {
    let world = World::new().await;
    let cap = Fault::Answer { status: 416, headers: Vec::new(), body: Bytes::new() };
    world.fail(usize::MAX, "PATCH", "", cap);
    let repository = client(&world, Arc::new(Anonymous)).to_write(&world.reference("a")).unwrap();
    let error = repository.put_blob(&blob(1, SIZE)).await.unwrap_err();
    assert_eq!(error.status().unwrap().as_u16(), 416);
    assert_eq!(world.count("DELETE", "/blobs/uploads/"), 1);
}

#[tokio::test]
async fn redirected_chunks_leave_the_credentials_behind() {
    let (world, store) = (World::new().await, World::new().await);
    world.needs_basic("u", "p");
    let location = format!("{}/v2/a/blobs/uploads/outside?signed=yes", store.url());
    let headers = vec![("location", location)];
    world.fail(1, "PATCH", "", Fault::Answer { status: 307, headers, body: Bytes::new() });
    store.fail(1, "PATCH", "/uploads/outside", Fault::AnswerAfterBody(202));
    let repository = client(&world, basic("u", "p")).to_write(&world.reference("a")).unwrap();
    // What went elsewhere is missing here in the end, which the digest tells; the rest goes well.
    assert_eq!(repository.put_blob(&blob(1, SIZE)).await.unwrap(), Moved::Sent(SIZE as u64));
    let seen = store.seen();
    assert_eq!((seen.len(), seen[0].query.as_str()), (1, "signed=yes"));
    for header in ["authorization", "cookie", "referer"] {
        assert!(!seen[0].headers.contains_key(header), "{header}");
    }
}
