//! A server on loopback that answers as it is told, in whatever way a bad one might, for tests.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
};

use super::{
    DefaultIndex, Location, Settings,
    testing::{Wheel, read_head},
};
use crate::oci::Digest;

/// One answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: &'static str,
    headers: String,
    body: Vec<u8>,
    /// Bytes of the body that are really sent before the connection is cut.
    sent: usize,
    ranges: bool,
}

impl Reply {
    pub(crate) fn new(status: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let headers = format!("content-length: {}\r\n", body.len());
        Self { status, headers, sent: body.len(), body, ranges: false }
    }

    /// A JSON page with these files.
    pub(crate) fn page(files: &[Value]) -> Self {
        let page = json!({"meta": {"api-version": "1.1"}, "files": files});
        Self::new("200 OK", page.to_string()).with("content-type: application/vnd.pypi.simple.v1+json")
    }

    /// A file of which parts can be had.
    pub(crate) fn file(body: impl Into<Vec<u8>>) -> Self {
        Self { ranges: true, ..Self::new("200 OK", body) }
    }

    pub(crate) fn with(mut self, header: &str) -> Self {
        self.headers.extend([header, "\r\n"]);
        self
    }

    /// Without a length: it ends where the connection does.
    pub(crate) fn endless(mut self) -> Self {
        self.headers = self
            .headers
            .lines()
            .filter(|line| !line.starts_with("content-length"))
            .fold(String::new(), |headers, line| format!("{headers}{line}\r\n"));
        self
    }

    /// The connection is cut after `sent` bytes of the body.
    pub(crate) const fn cut(mut self, sent: usize) -> Self {
        self.sent = sent;
        self
    }
}

/// `wheel` as an honest page lists it, without METADATA beside it.
pub(crate) fn listed(wheel: &Wheel) -> Value {
    json!({
        "filename": wheel.file(),
        "url": format!("/files/{}", wheel.file()),
        "hashes": {"sha256": Digest::of(&wheel.bytes()).hex()},
        "size": wheel.bytes().len(),
    })
}

/// `value` with `key` set.
pub(crate) fn but(mut value: Value, key: &str, other: Value) -> Value {
    value[key] = other;
    value
}

/// The server. Each path has a list of answers; the last one is repeated.
pub(crate) struct Scripted {
    pub(crate) url: url::Url,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    replies: Mutex<BTreeMap<String, VecDeque<Reply>>>,
    log: Mutex<Vec<String>>,
}

impl Scripted {
    pub(crate) async fn serve(replies: &[(&str, Vec<Reply>)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/simple/", listener.local_addr().unwrap()).parse().unwrap();
        let server = Self { url, shared: Arc::default() };
        for (path, replies) in replies {
            server.script(path, replies.clone());
        }
        let shared = Arc::clone(&server.shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&shared)));
            }
        });
        server
    }

    /// Changes what is answered at `path`.
    pub(crate) fn script(&self, path: &str, replies: Vec<Reply>) {
        self.shared.replies.lock().unwrap().insert(path.to_owned(), replies.into());
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings { default: DefaultIndex::Other(Location::Simple(self.url.clone())), ..Settings::default() }
    }

    /// `METHOD path`, with the range and credentials that were sent, since the last time.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.shared.log.lock().unwrap())
    }
}

async fn answer(mut stream: TcpStream, shared: Arc<Shared>) {
    let Some(request) = read_head(&mut stream).await else { return };
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let header = |name: &str| {
        let lines = request.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    };
    let more = ["range", "authorization"]
        .iter()
        .filter_map(|name| header(name))
        .fold(String::new(), |all, one| format!("{all} {one}"));
    shared.log.lock().unwrap().push(format!("{method} {path}{more}"));
    let reply = {
        let mut replies = shared.replies.lock().unwrap();
        match replies.get_mut(path) {
            Some(replies) if replies.len() > 1 => replies.pop_front(),
            Some(replies) => replies.front().cloned(),
            None => None,
        }
    };
    let mut reply = reply.unwrap_or_else(|| Reply::new("404 Not Found", "no such page"));
    if let Some(range) = header("range").filter(|_| reply.ranges) {
        let (from, to) = part(range, reply.body.len());
        let total = reply.body.len();
        let whole = reply.sent == total;
        reply.body = reply.body[from..to].to_vec();
        reply.status = "206 Partial Content";
        reply.headers = format!("content-length: {}\r\ncontent-range: bytes {from}-{}/{total}\r\n", to - from, to - 1);
        reply.sent = if whole { reply.body.len() } else { reply.sent.min(reply.body.len()) };
    }
    let head = format!("HTTP/1.1 {}\r\nconnection: close\r\n{}\r\n", reply.status, reply.headers);
    let _ = stream.write_all(head.as_bytes()).await;
    if method != "HEAD" {
        let _ = stream.write_all(&reply.body[..reply.sent]).await;
    }
    let _ = stream.shutdown().await;
}

fn part(range: &str, length: usize) -> (usize, usize) {
    let (from, to) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    match (from, to) {
        ("", to) => (length.saturating_sub(to.parse().unwrap()), length),
        (from, "") => (from.parse().unwrap(), length),
        (from, to) => (from.parse().unwrap(), (to.parse::<usize>().unwrap() + 1).min(length)),
    }
}
