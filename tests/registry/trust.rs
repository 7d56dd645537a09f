//! Whom the client believes, and where it lets itself be sent.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use wheelwright::{
    fs::write_atomic,
    http::{Authorization, Client, HttpError, Options, Request, Url, certificates},
    serve::{
        Server, Tls,
        faults::{Fault, Intercept, Seen},
    },
};

use super::world::World;

/// Sends everybody to `to`, and remembers what it was asked.
struct Sends {
    to: String,
    seen: Mutex<usize>,
}

impl Intercept for Sends {
    fn intercept(&self, _: &Seen) -> Fault {
        *self.seen.lock().unwrap() += 1;
        Fault::Answer { status: 302, headers: vec![("location", self.to.clone())], body: Bytes::new() }
    }
}

fn who() -> Authorization {
    Authorization::Basic { user: "u".to_owned(), password: "hunter2".to_owned() }
}

#[tokio::test]
async fn certificates_are_held_against_authority_and_name_and_tls_is_not_left() {
    let thief = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    write_atomic(&certificate, made.cert.pem().as_bytes()).unwrap();
    write_atomic(&key, made.signing_key.serialize_pem().as_bytes()).unwrap();
    let sends = Arc::new(Sends { to: format!("{}/v2/x", thief.url()), seen: Mutex::new(0) });
    let server = Server::bind(([127, 0, 0, 1], 0).into(), &folder.path().join("registry")).await.unwrap();
    let server = server.with_tls(Tls::read(&certificate, &key).unwrap());
    let server = server.with_intercept(Arc::clone(&sends) as Arc<dyn Intercept>).spawn();
    let ask = async |host: &str, roots: bool| {
        let roots = if roots { certificates(made.cert.pem().as_bytes()).unwrap() } else { Vec::new() };
        let client = Client::new(Options { roots, retries: 0, ..Options::default() }).unwrap();
        let url: Url = format!("https://{host}:{}/v2/", server.address().port()).parse().unwrap();
        client.fetch(&Request::get(url).authorized(Some(who()))).await.unwrap_err()
    };
    // A stranger's certificate, and one for another name: not a byte of the request is sent.
    for (host, roots) in [("localhost", false), ("127.0.0.1", true)] {
        let error = ask(host, roots).await;
        assert!(matches!(&error, HttpError::Transport { source, .. } if source.is_connect()), "{host}: {error:?}");
        assert_eq!(*sends.seen.lock().unwrap(), 0, "{host}");
    }
    let error = ask("localhost", true).await;
    assert!(matches!(&error, HttpError::Transport { source, .. } if source.is_redirect()), "{error:?}");
    assert_eq!((*sends.seen.lock().unwrap(), thief.seen().len()), (1, 0));
}

#[tokio::test]
async fn who_is_sent_elsewhere_says_no_longer_who_he_is() {
    let (world, thief) = (World::new().await, World::new().await);
    let to = format!("{}/v2/", thief.url());
    world.rule(move |_| {
        Some(Fault::Answer { status: 302, headers: vec![("location", to.clone())], body: Bytes::new() })
    });
    let client = Client::new(Options::default()).unwrap();
    let url: Url = format!("{}/simple/", world.url()).parse().unwrap();
    let mut own = url.clone();
    own.set_username("u").unwrap();
    own.set_password(Some("hunter2")).unwrap();
    for request in [Request::get(url).authorized(Some(who())), Request::get(own)] {
        client.fetch(&request).await.unwrap();
    }
    assert!(world.seen().iter().all(|seen| seen.headers.contains_key("authorization")));
    assert_eq!(thief.seen().len(), 2);
    for seen in thief.seen() {
        for header in ["authorization", "cookie", "referer"] {
            assert!(!seen.headers.contains_key(header), "{header}");
        }
    }
}
