//! The embedded registry, spoken to as the distribution specification has it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod guarded;
mod layout;

use reqwest::{
    Client, Method, Response,
    header::{CONTENT_RANGE, CONTENT_TYPE, LINK, LOCATION, RANGE},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use wheelwright::{
    oci::Digest,
    serve::{Running, ServeError, Server},
};

const LOOPBACK: ([u8; 4], u16) = ([127, 0, 0, 1], 0);
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

struct Wire {
    server: Running,
    folder: TempDir,
    client: Client,
}

impl Wire {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The client that knows how to verify certificates, which plain `reqwest` here does not.
        let client = wheelwright::http::Client::new(wheelwright::http::Options::default()).unwrap().reqwest().clone();
        Self { server: start(&folder).await, folder, client }
    }

    async fn restarted(self) -> Self {
        self.server.shutdown().await;
        Self { server: start(&self.folder).await, ..self }
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Response {
        let url = format!("http://{}{path}", self.server.address());
        let request = self.client.request(Method::from_bytes(method.as_bytes()).unwrap(), url).body(body.into());
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
    }

    async fn status(&self, method: &str, path: &str) -> u16 {
        self.send(method, path, &[], "").await.status().as_u16()
    }

    async fn json(&self, path: &str) -> Value {
        serde_json::from_slice(&self.send("GET", path, &[], "").await.bytes().await.unwrap()).unwrap()
    }

    /// Puts a blob in one request.
    async fn blob(&self, name: &str, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let sent = self.send("POST", &format!("/v2/{name}/blobs/uploads/?digest={digest}"), &[], bytes).await;
        assert_eq!(sent.status(), 201);
        digest
    }

    async fn manifest(&self, name: &str, at: &str, value: &Value) -> Response {
        let path = format!("/v2/{name}/manifests/{at}");
        self.send("PUT", &path, &[("content-type", MANIFEST)], value.to_string()).await
    }

    /// A manifest whose config is a blob that is there.
    async fn small_image(&self, name: &str) -> Value {
        let config = self.blob(name, b"{}").await;
        let config =
            json!({ "mediaType": "application/vnd.oci.empty.v1+json", "digest": config.to_string(), "size": 2 });
        json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [] })
    }
}

async fn start(folder: &TempDir) -> Running {
    Server::bind(LOOPBACK.into(), folder.path()).await.unwrap().spawn()
}

fn header(response: &Response, name: impl reqwest::header::AsHeaderName) -> String {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn chunks_must_come_in_order() {
    let wire = Wire::new().await;
    let session = header(&wire.send("POST", "/v2/a/blobs/uploads/", &[], "").await, LOCATION);
    let chunk = async |range: &str, bytes: &'static str| {
        let answer = wire.send("PATCH", &session, &[("content-range", range)], bytes).await;
        (answer.status().as_u16(), header(&answer, RANGE))
    };
    assert_eq!(chunk("0-4", "hello").await, (202, "0-4".to_owned()));
    assert_eq!(chunk("9-10", "xx").await, (416, "0-4".to_owned()));
    assert_eq!(chunk("0-4", "hello").await, (416, "0-4".to_owned()));
    assert_eq!(chunk("5-9", "x").await, (416, "0-4".to_owned()));
    let status = wire.send("GET", &session, &[], "").await;
    assert_eq!((status.status().as_u16(), header(&status, RANGE)), (204, "0-4".to_owned()));
    let digest = Digest::of(b"hello, you");
    let end = format!("{session}?digest={digest}");
    assert_eq!(wire.send("PUT", &end, &[("content-range", "3-7")], ", you").await.status(), 416);
    assert_eq!(wire.send("PUT", &end, &[("content-range", "5-9")], ", you").await.status(), 201);
    assert_eq!(wire.status("GET", &session).await, 404);
    let back = wire.send("GET", &format!("/v2/a/blobs/{digest}"), &[], "").await;
    assert_eq!(back.bytes().await.unwrap(), "hello, you");
}

#[tokio::test]
async fn sessions_belong_to_one_repository_and_can_be_left() {
    let wire = Wire::new().await;
    let session = header(&wire.send("POST", "/v2/a/blobs/uploads/", &[], "").await, LOCATION);
    assert_eq!(wire.status("GET", &session.replace("/a/", "/b/")).await, 404);
    assert_eq!(wire.status("DELETE", &session).await, 204);
    assert_eq!(wire.status("PATCH", &session).await, 404);
    let session = header(&wire.send("POST", "/v2/a/blobs/uploads/", &[], "").await, LOCATION);
    let wrong = format!("{session}?digest={}", Digest::of(b"other"));
    let refused = wire.send("PUT", &wrong, &[], "hello").await;
    assert_eq!(refused.status(), 400);
    assert!(refused.text().await.unwrap().contains("DIGEST_INVALID"));
    assert_eq!(wire.status("HEAD", &format!("/v2/a/blobs/{}", Digest::of(b"hello"))).await, 404);
    assert_eq!(wheelwright::fs::sorted_entries(&wire.folder.path().join("v1/uploads")).unwrap().len(), 0);
}

#[tokio::test]
async fn ranges_of_blobs() {
    let wire = Wire::new().await;
    let path = format!("/v2/a/blobs/{}", wire.blob("a", b"0123456789").await);
    let check = async |range: &str, status: u16, body: &str, content_range: &str| {
        let answer = wire.send("GET", &path, &[("range", range)], "").await;
        assert_eq!(
            (answer.status().as_u16(), header(&answer, CONTENT_RANGE).as_str()),
            (status, content_range),
            "{range}"
        );
        assert_eq!(answer.text().await.unwrap(), body, "{range}");
    };
    check("bytes=2-4", 206, "234", "bytes 2-4/10").await;
    check("bytes=7-", 206, "789", "bytes 7-9/10").await;
    check("bytes=-2", 206, "89", "bytes 8-9/10").await;
    check("bytes=20-", 416, "", "bytes */10").await;
    check("bytes=5-2", 200, "0123456789", "").await;
}

#[tokio::test]
async fn blobs_are_seen_through_their_repository_only() {
    let wire = Wire::new().await;
    let digest = wire.blob("a", b"x").await;
    assert_eq!(wire.status("HEAD", &format!("/v2/b/blobs/{digest}")).await, 404);
    let mount = async |from: &str| {
        let path = format!("/v2/b/blobs/uploads/?mount={digest}{from}");
        wire.send("POST", &path, &[], "").await.status().as_u16()
    };
    assert_eq!(mount("&from=c").await, 202);
    assert_eq!(mount("&from=a/../a").await, 202);
    assert_eq!(mount("&from=a").await, 201);
    assert_eq!(wire.status("HEAD", &format!("/v2/b/blobs/{digest}")).await, 200);
    assert_eq!(wire.status("DELETE", &format!("/v2/a/blobs/{digest}")).await, 202);
    assert_eq!(wire.status("HEAD", &format!("/v2/a/blobs/{digest}")).await, 404);
    assert_eq!(wire.status("HEAD", &format!("/v2/b/blobs/{digest}")).await, 200);
    assert_eq!(wire.status("DELETE", &format!("/v2/a/blobs/{digest}")).await, 404);
}

#[tokio::test]
async fn manifests_need_what_they_point_to() {
    let wire = Wire::new().await;
    let refused = async |value: &Value, code: &str| {
        let answer = wire.manifest("a", "x", value).await;
        assert!(answer.status().is_client_error());
        assert!(answer.text().await.unwrap().contains(code), "{value}");
    };
    let absent = Digest::of(b"absent").to_string();
    let image = wire.small_image("a").await;
    let mut broken = image.clone();
    broken["layers"] = json!([{ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": absent, "size": 6 }]);
    refused(&broken, "MANIFEST_BLOB_UNKNOWN").await;
    broken["layers"][0]["mediaType"] = "application/vnd.oci.image.layer.nondistributable.v1.tar".into();
    assert_eq!(wire.manifest("a", "x", &broken).await.status(), 201);
    let mut other = image.clone();
    other["mediaType"] = "application/vnd.oci.image.index.v1+json".into();
    refused(&other, "MANIFEST_INVALID").await;
    let mut index =
        json!({ "schemaVersion": 2, "manifests": [{ "digest": absent, "size": 6, "mediaType": MANIFEST }] });
    refused(&index, "MANIFEST_BLOB_UNKNOWN").await;
    let digest = Digest::of(image.to_string().as_bytes()).to_string();
    assert_eq!(wire.manifest("a", &digest, &image).await.status(), 201);
    assert_eq!(wire.manifest("a", &absent, &image).await.status(), 400);
    index["manifests"][0]["digest"] = digest.into();
    assert_eq!(wire.manifest("a", "y", &index).await.status(), 201);
    let large = wire.manifest("a", "z", &json!({ "x": "x".repeat(5 << 20) })).await;
    assert_eq!(large.status(), 413);
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let wire = Wire::new().await;
    let image = wire.small_image("team/app").await;
    assert_eq!(wire.manifest("team/app", "1.0", &image).await.status(), 201);
    assert!(matches!(Server::bind(LOOPBACK.into(), wire.folder.path()).await, Err(ServeError::InUse { .. })));
    let wire = wire.restarted().await;
    let back = wire.send("GET", "/v2/team/app/manifests/1.0", &[], "").await;
    assert_eq!(header(&back, CONTENT_TYPE), MANIFEST);
    assert_eq!(header(&back, "docker-content-digest"), Digest::of(image.to_string().as_bytes()).to_string());
    assert_eq!(back.text().await.unwrap(), image.to_string());
    assert_eq!(wire.status("HEAD", &format!("/v2/team/app/blobs/{}", Digest::of(b"{}"))).await, 200);
}

#[tokio::test]
async fn tags_come_in_pages() {
    let wire = Wire::new().await;
    assert_eq!(wire.status("GET", "/v2/a/tags/list").await, 404);
    let image = wire.small_image("a").await;
    for tag in ["c", "a", "B", "b"] {
        wire.manifest("a", tag, &image).await;
    }
    assert_eq!(wire.json("/v2/a/tags/list").await["tags"], json!(["B", "a", "b", "c"]));
    let page = wire.send("GET", "/v2/a/tags/list?n=2", &[], "").await;
    assert_eq!(header(&page, LINK), r#"</v2/a/tags/list?n=2&last=a>; rel="next""#);
    assert_eq!(wire.json("/v2/a/tags/list?n=2&last=a").await["tags"], json!(["b", "c"]));
    assert_eq!(wire.json("/v2/a/tags/list?n=0").await["tags"], json!([]));
}

#[tokio::test]
async fn tags_and_manifests_are_deleted() {
    let wire = Wire::new().await;
    let image = wire.small_image("a").await;
    for tag in ["x", "y", "z"] {
        wire.manifest("a", tag, &image).await;
    }
    assert_eq!(wire.status("DELETE", "/v2/a/manifests/x").await, 202);
    assert_eq!(wire.status("HEAD", "/v2/a/manifests/x").await, 404);
    assert_eq!(wire.status("HEAD", "/v2/a/manifests/y").await, 200);
    let digest = Digest::of(image.to_string().as_bytes());
    assert_eq!(wire.status("DELETE", &format!("/v2/a/manifests/{digest}")).await, 202);
    assert_eq!(wire.status("HEAD", "/v2/a/manifests/y").await, 404);
    assert_eq!(wire.json("/v2/a/tags/list").await["tags"], json!([]));
}

#[tokio::test]
async fn referrers_are_listed_by_subject() {
    let wire = Wire::new().await;
    let subject = Digest::of(b"not even there");
    let path = format!("/v2/a/referrers/{subject}");
    let mut image = wire.small_image("a").await;
    assert_eq!(wire.json(&path).await["manifests"], json!([]));
    image["subject"] = json!({ "mediaType": MANIFEST, "digest": subject.to_string(), "size": 1 });
    for kind in ["application/x", "application/y"] {
        image["artifactType"] = kind.into();
        let digest = Digest::of(image.to_string().as_bytes()).to_string();
        let put = wire.manifest("a", &digest, &image).await;
        assert_eq!(header(&put, "oci-subject"), subject.to_string());
    }
    assert_eq!(wire.json(&path).await["manifests"].as_array().unwrap().len(), 2);
    let only = wire.send("GET", &format!("{path}?artifactType=application%2Fy"), &[], "").await;
    assert_eq!(header(&only, "oci-filters-applied"), "artifactType");
    let only: Value = serde_json::from_slice(&only.bytes().await.unwrap()).unwrap();
    assert_eq!(only["manifests"].as_array().unwrap().len(), 1);
    assert_eq!(only["manifests"][0]["artifactType"], "application/y");
    wire.status("DELETE", &format!("/v2/a/manifests/{}", Digest::of(image.to_string().as_bytes()))).await;
    assert_eq!(wire.json(&path).await["manifests"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn digests_may_be_of_sha_512() {
    let wire = Wire::new().await;
    let digest = "sha512:9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043";
    let upload = async |digest: &str| {
        let sent = wire.send("POST", &format!("/v2/a/blobs/uploads/?digest={digest}"), &[], "hello").await;
        sent.status().as_u16()
    };
    assert_eq!(upload(digest).await, 201);
    assert_eq!(upload(&digest.replace("9b71", "9b72")).await, 400);
    assert_eq!(upload(&digest.replace("sha512", "sha384")).await, 400);
    let back = wire.send("GET", &format!("/v2/a/blobs/{digest}"), &[], "").await;
    assert_eq!(header(&back, "docker-content-digest"), digest);
    assert_eq!(back.text().await.unwrap(), "hello");
}

#[tokio::test]
async fn a_push_by_digest_may_name_tags() {
    let wire = Wire::new().await;
    let image = wire.small_image("a").await;
    let digest = Digest::of(image.to_string().as_bytes());
    let put = wire.manifest("a", &format!("{digest}?tag=1&tag=1.2"), &image).await;
    assert_eq!((put.status().as_u16(), header(&put, "oci-tag")), (201, "1, 1.2".to_owned()));
    assert_eq!(wire.json("/v2/a/tags/list").await["tags"], json!(["1", "1.2"]));
    assert_eq!(wire.manifest("a", &format!("{digest}?tag=..%2Fx"), &image).await.status(), 400);
}

#[tokio::test]
async fn nothing_leads_out_of_the_folder() {
    let wire = Wire::new().await;
    for path in
        ["/v2/..%2f..%2fetc/manifests/x", "/v2/_x/manifests/x", "/v2/a/manifests/.x", "/v2/a/blobs/sha256:..", "/x"]
    {
        assert!([400, 404].contains(&wire.status("GET", path).await), "{path}");
    }
}
