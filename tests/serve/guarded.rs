//! Passwords, TLS, and registries that may only be read.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use wheelwright::{
    fs::write_atomic,
    serve::{Server, Tls, Users},
};

use super::{LOOPBACK, Wire};

#[tokio::test]
async fn users_log_in() {
    let hash = bcrypt::hash("secret", 4).unwrap();
    let users = Users::parse("users".as_ref(), &format!("ann:{hash}\n")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::bind(LOOPBACK.into(), folder.path()).await.unwrap().with_users(users).spawn();
    let wire = Wire { server, folder, client: Wire::new().await.client };
    let check = async |method: &str, path: &str, login: Option<&str>, expect: u16| {
        let value = login.map(|login| format!("Basic {}", BASE64_STANDARD.encode(login)));
        let headers: Vec<_> = value.iter().map(|value| ("authorization", value.as_str())).collect();
        let answer = wire.send(method, path, &headers, "").await;
        assert_eq!(answer.status(), expect, "{method} {path} {login:?}");
        let challenge = answer.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(challenge.is_some(), expect == 401);
    };
    check("GET", "/v2/", None, 401).await;
    check("GET", "/v2/", Some("ann:secret"), 200).await;
    check("GET", "/v2/", Some("ann:Secret"), 401).await;
    check("GET", "/v2/a/tags/list", None, 401).await;
    check("POST", "/v2/a/blobs/uploads/", Some("eve:secret"), 401).await;
    check("POST", "/v2/a/blobs/uploads/", Some("ann:secret"), 202).await;
    check("DELETE", "/v2/a/manifests/x", None, 401).await;
    // Not even whether a path exists.
    check("GET", "/nothing", None, 401).await;
}

#[tokio::test]
async fn tls_is_spoken_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["registry.example".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    write_atomic(&certificate, made.cert.pem().as_bytes()).unwrap();
    write_atomic(&key, made.signing_key.serialize_pem().as_bytes()).unwrap();
    assert!(Tls::read(&key, &key).is_err() && Tls::read(&certificate, &certificate).is_err());
    let tls = Tls::read(&certificate, &key).unwrap();
    let root = folder.path().join("registry");
    let server = Server::bind(LOOPBACK.into(), &root).await.unwrap().with_tls(tls).spawn();

    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let plain = || async { TcpStream::connect(server.address()).await.unwrap() };
    let name = "registry.example".try_into().unwrap();
    let mut stream = connector.connect(name, plain().await).await.unwrap();
    let request = b"GET /v2/ HTTP/1.1\r\nhost: registry.example\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");

    let other = "other.example".try_into().unwrap();
    assert!(connector.connect(other, plain().await).await.is_err());
    let mut stream = plain().await;
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn what_is_read_only_is_not_changed() {
    let wire = Wire::new().await;
    let image = wire.small_image("a").await;
    assert_eq!(wire.manifest("a", "x", &image).await.status(), 201);
    let Wire { server, folder, client } = wire;
    server.shutdown().await;
    let server = Server::bind(LOOPBACK.into(), folder.path()).await.unwrap().read_only().spawn();
    let wire = Wire { server, folder, client };
    assert_eq!(wire.status("GET", "/v2/a/manifests/x").await, 200);
    for (method, path) in [
        ("POST", "/v2/a/blobs/uploads/"),
        ("PUT", "/v2/a/manifests/y"),
        ("DELETE", "/v2/a/manifests/x"),
        ("PATCH", "/v2/a/blobs/uploads/1"),
    ] {
        assert_eq!(wire.status(method, path).await, 405, "{method}");
    }
    assert_eq!(wire.status("HEAD", "/v2/a/manifests/x").await, 200);
}
