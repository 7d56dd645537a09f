//! A package index on loopback, in the weather that it is given.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use wheelwright::{oci::Digest, testing::Wheel};

use super::sky::{Mishap, Weather};
use crate::registry::world::noise;

/// Content types and bodies by path.
type Site = BTreeMap<String, (&'static str, Vec<u8>)>;

/// How long pages are fresh, in seconds: longer than any clock is set back.
const FRESH: &str = "cache-control: max-age=400000000\r\n";

/// What the index has: `alpha` needs the others, and `beta` has a wheel for each platform.
fn wheels() -> Vec<Wheel> {
    let alpha = Wheel::new("alpha", "1.0").requires("beta>=1").requires("gamma");
    let mut wheels = vec![
        alpha.file("alpha/__init__.py", b"import beta\n").stored("alpha/data.bin", &noise(3, 150_000)),
        Wheel::new("gamma", "2.5")
            .file("gamma.py", &[b"def main():\n    pass\n\n".to_vec(), b"x = 1\n".repeat(5000)].concat())
            .console_script("gamma", "gamma:main"),
    ];
    for (seed, machine) in [(5, "x86_64"), (6, "aarch64")] {
        let tag = format!("cp311-cp311-manylinux_2_17_{machine}");
        wheels.push(Wheel::new("beta", "1.2").tag(&tag).file("beta/data.bin", &noise(seed, 60_000)));
    }
    wheels
}

/// Everything that the index serves.
pub(super) fn site() -> Arc<Site> {
    let mut site = Site::new();
    let mut pages: BTreeMap<String, Vec<serde_json::Value>> = BTreeMap::new();
    for wheel in wheels() {
        let (file, bytes, metadata) = (wheel.file_name(), wheel.build(), wheel.metadata().into_bytes());
        let project = file.split('-').next().unwrap().to_owned();
        pages.entry(project).or_default().push(json!({
            "filename": file,
            "url": format!("/files/{file}"),
            "hashes": { "sha256": Digest::of(&bytes).hex() },
            "size": bytes.len(),
            "core-metadata": { "sha256": Digest::of(&metadata).hex() },
        }));
        site.insert(format!("/files/{file}"), ("application/zip", bytes));
        site.insert(format!("/files/{file}.metadata"), ("text/plain", metadata));
    }
    for (project, files) in pages {
        let page = json!({ "meta": { "api-version": "1.1" }, "name": project, "files": files });
        site.insert(
            format!("/simple/{project}/"),
            ("application/vnd.pypi.simple.v1+json", page.to_string().into_bytes()),
        );
    }
    Arc::new(site)
}

/// Serves it until the runtime ends; the address.
pub(super) async fn serve(site: Arc<Site>, weather: Arc<Weather>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, Arc::clone(&site), Arc::clone(&weather)));
        }
    });
    address
}

async fn answer(mut stream: TcpStream, site: Arc<Site>, weather: Arc<Weather>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut words = head.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    let mishap = weather.at_index(method, path);
    match mishap {
        Some(Mishap::Lost) => return None,
        Some(Mishap::Silence) => std::future::pending().await,
        Some(Mishap::Late(time)) => tokio::time::sleep(time).await,
        _ => {}
    }
    let range = head.lines().find_map(|line| line.strip_prefix("range: bytes="));
    let (head, mut body) = reply(&site, path, range, mishap.as_ref());
    match mishap {
        Some(Mishap::WrongByte) => body.iter_mut().take(1).for_each(|byte| *byte ^= 1),
        Some(Mishap::Cut(bytes)) => body.truncate(bytes.min(body.len().saturating_sub(1))),
        _ => {}
    }
    stream.write_all(head.as_bytes()).await.ok()?;
    if method != "HEAD" {
        stream.write_all(&body).await.ok()?;
    }
    stream.shutdown().await.ok()
}

/// Head and body.
fn reply(site: &Site, path: &str, range: Option<&str>, mishap: Option<&Mishap>) -> (String, Vec<u8>) {
    let whole = |status: &str, kind: &str, more: &str, body: &[u8]| {
        let length = body.len() + if matches!(mishap, Some(Mishap::Short)) { 100 } else { 0 };
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n");
        (format!("{head}connection: close\r\n{more}\r\n"), body.to_vec())
    };
    match mishap {
        Some(Mishap::Status(status)) => {
            return whole(&format!("{status} Trouble"), "text/plain", "retry-after: 1\r\n", b"trouble\n");
        }
        Some(Mishap::Garbage) => return ("SSH-2.0-OpenSSH_9.2\r\n".to_owned(), Vec::new()),
        Some(Mishap::Circle) => return whole("302 Found", "text/plain", &format!("location: {path}\r\n"), b""),
        Some(Mishap::Portal) => return whole("200 OK", "text/html", "", b"<html>Please log in</html>"),
        _ => {}
    }
    let Some((kind, body)) = site.get(path) else { return whole("404 Not Found", "text/plain", "", b"") };
    let length = body.len();
    let range = range.filter(|_| !matches!(mishap, Some(Mishap::Whole))).and_then(|range| {
        let (from, to) = range.trim().split_once('-')?;
        match (from, to) {
            ("", last) => Some((length.saturating_sub(last.parse().ok()?), length)),
            (from, "") => Some((from.parse().ok()?, length)),
            (from, to) => Some((from.parse().ok()?, (to.parse::<usize>().ok()? + 1).min(length))),
        }
    });
    match range {
        Some((from, to)) if from < to => {
            let said = if matches!(mishap, Some(Mishap::Shifted)) { from + 1 } else { from };
            let more = format!("content-range: bytes {said}-{}/{length}\r\n", to - 1);
            whole("206 Partial Content", kind, &more, &body[from..to])
        }
        _ => whole("200 OK", kind, FRESH, body),
    }
}
