//! Wheels and an index made in code, on loopback, for tests.

use std::{
    collections::BTreeMap,
    io::Write as _,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::{DefaultIndex, Location, PackageIndex, Settings};
use crate::{
    http::{Client, Options},
    oci::Digest,
    progress::Silent,
    store::Store,
};

/// A small wheel.
#[derive(Clone, Debug)]
pub(crate) struct Wheel {
    name: String,
    version: String,
    tag: String,
    headers: String,
    pub(crate) requires_python: Option<String>,
    pub(crate) yanked: bool,
    uploaded: Option<String>,
}

impl Wheel {
    pub(crate) fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            tag: "py3-none-any".to_owned(),
            headers: String::new(),
            requires_python: None,
            yanked: false,
            uploaded: None,
        }
    }

    pub(crate) fn tag(mut self, tag: &str) -> Self {
        self.tag = tag.to_owned();
        self
    }

    /// As a source distribution.
    pub(crate) fn source(self) -> Self {
        self.tag("")
    }

    pub(crate) fn requires(mut self, requirements: &[&str]) -> Self {
        for requirement in requirements {
            self.headers.push_str("Requires-Dist: ");
            self.headers.push_str(requirement);
            self.headers.push('\n');
        }
        self
    }

    pub(crate) fn extra(mut self, name: &str) -> Self {
        self.headers = format!("{}Provides-Extra: {name}\n", self.headers);
        self
    }

    pub(crate) fn python(mut self, specifiers: &str) -> Self {
        self.requires_python = Some(specifiers.to_owned());
        self
    }

    /// With one more line in its metadata.
    pub(crate) fn header(mut self, line: &str) -> Self {
        self.headers = format!("{}{line}\n", self.headers);
        self
    }

    /// Since when the index has it, if that tells such things.
    pub(crate) fn uploaded(mut self, time: &str) -> Self {
        self.uploaded = Some(time.to_owned());
        self
    }

    pub(crate) fn yanked(mut self) -> Self {
        self.yanked = true;
        self
    }

    pub(crate) fn project(&self) -> String {
        self.name.replace('_', "-").to_lowercase()
    }

    pub(crate) fn file(&self) -> String {
        if self.tag.is_empty() {
            return format!("{}-{}.tar.gz", self.name, self.version);
        }
        format!("{}-{}-{}.whl", self.name.replace('-', "_"), self.version, self.tag)
    }

    pub(crate) fn metadata(&self) -> String {
        let python = self.requires_python.as_ref().map(|text| format!("Requires-Python: {text}\n")).unwrap_or_default();
        format!(
            "Metadata-Version: 2.1\nName: {}\nVersion: {}\n{python}{}\nText.\n",
            self.name, self.version, self.headers
        )
    }

    /// Puts the file into `folder`.
    pub(crate) fn lay(&self, folder: &std::path::Path) {
        crate::fs::write_atomic(&folder.join(self.file()), &self.bytes()).unwrap();
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let folder = format!("{}-{}.dist-info", self.name.replace('-', "_"), self.version);
        zip(&[
            (format!("{}.py", self.name.replace('-', "_")), b"pass\n".to_vec()),
            (format!("{folder}/METADATA"), self.metadata().into_bytes()),
            (format!("{folder}/WHEEL"), b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n".to_vec()),
        ])
    }
}

pub(crate) fn zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut body, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in files {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(data).unwrap();
        let packed = encoder.finish().unwrap();
        let number = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
        let mut fields = vec![20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0];
        fields.extend(crc32fast::hash(data).to_le_bytes());
        fields.extend(number(packed.len()));
        fields.extend(number(data.len()));
        fields.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        fields.extend([0, 0]);
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(&fields);
        directory.extend([0; 10]);
        directory.extend(number(body.len()));
        directory.extend(name.as_bytes());
        body.extend(b"PK\x03\x04");
        body.extend(&fields);
        body.extend(name.as_bytes());
        body.extend(packed);
    }
    let count = u16::try_from(files.len()).unwrap().to_le_bytes();
    let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
    end.extend(count);
    end.extend(count);
    end.extend(u32::try_from(directory.len()).unwrap().to_le_bytes());
    end.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
    end.extend([0, 0]);
    [body, directory, end].concat()
}

/// How an index behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// JSON, METADATA beside the wheels, validators.
    Modern,
    /// HTML with hashes; parts of wheels can be had.
    Plain,
    /// HTML without hashes; files come whole or not at all.
    Bare,
}

/// An index on loopback.
pub(crate) struct FakeIndex {
    pub(crate) url: url::Url,
    /// `METHOD path status` of every request.
    pub(crate) log: Arc<Mutex<Vec<String>>>,
}

impl FakeIndex {
    pub(crate) async fn serve(wheels: &[Wheel], manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/simple/", listener.local_addr().unwrap()).parse().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let site = Arc::new(site(wheels, manner));
        let heard = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&site), manner, Arc::clone(&heard)));
            }
        });
        Self { url, log }
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }

    pub(crate) fn settings(&self) -> Settings {
        Settings { default: DefaultIndex::Other(Location::Simple(self.url.clone())), ..Settings::default() }
    }
}

/// Indexes with `settings` over a store in `folder`.
pub(crate) fn package_index(folder: &tempfile::TempDir, settings: Settings) -> PackageIndex {
    package_index_with(folder, settings, Options { retries: 0, ..Options::default() })
}

pub(crate) fn package_index_with(folder: &tempfile::TempDir, settings: Settings, options: Options) -> PackageIndex {
    let store = Store::open(folder.path().join("store")).unwrap();
    PackageIndex::new(Client::new(options).unwrap(), store, settings, Arc::new(Silent))
}

type Site = BTreeMap<String, (&'static str, Vec<u8>)>;

fn site(wheels: &[Wheel], manner: Manner) -> Site {
    let mut site = Site::new();
    let mut projects: BTreeMap<String, Vec<&Wheel>> = BTreeMap::new();
    for wheel in wheels {
        projects.entry(wheel.project()).or_default().push(wheel);
        site.insert(format!("/files/{}", wheel.file()), ("application/zip", wheel.bytes()));
        if manner == Manner::Modern {
            let path = format!("/files/{}.metadata", wheel.file());
            site.insert(path, ("text/plain", wheel.metadata().into_bytes()));
        }
    }
    for (project, wheels) in projects {
        let (kind, page) = match manner {
            Manner::Modern => ("application/vnd.pypi.simple.v1+json", json_page(&wheels)),
            _ => ("text/html", html_page(&wheels, manner)),
        };
        site.insert(format!("/simple/{project}/"), (kind, page.into_bytes()));
    }
    site
}

fn json_page(wheels: &[&Wheel]) -> String {
    let files: Vec<_> = wheels
        .iter()
        .map(|wheel| {
            serde_json::json!({
                "filename": wheel.file(),
                "url": format!("/files/{}", wheel.file()),
                "hashes": {"sha256": Digest::of(&wheel.bytes()).hex()},
                "size": wheel.bytes().len(),
                "requires-python": wheel.requires_python,
                "yanked": wheel.yanked,
                "upload-time": wheel.uploaded,
                "core-metadata": {"sha256": Digest::of(wheel.metadata().as_bytes()).hex()},
            })
        })
        .collect();
    serde_json::json!({"meta": {"api-version": "1.1"}, "files": files}).to_string()
}

fn html_page(wheels: &[&Wheel], manner: Manner) -> String {
    let anchor = |wheel: &&Wheel| {
        let hash = match manner {
            Manner::Bare => String::new(),
            _ => format!("#sha256={}", Digest::of(&wheel.bytes()).hex()),
        };
        let python = wheel.requires_python.as_ref().map(|text| text.replace('>', "&gt;").replace('<', "&lt;"));
        let python = python.map(|text| format!(" data-requires-python=\"{text}\"")).unwrap_or_default();
        let yanked = if wheel.yanked { " data-yanked" } else { "" };
        format!("<a href=\"/files/{}{hash}\"{python}{yanked}>{0}</a>\n", wheel.file())
    };
    format!("<!DOCTYPE html>\n{}", wheels.iter().map(anchor).collect::<String>())
}

/// A request up to its empty line; nothing when the client leaves before.
pub(super) async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

async fn answer(mut stream: TcpStream, site: Arc<Site>, manner: Manner, log: Arc<Mutex<Vec<String>>>) {
    let Some(request) = read_head(&mut stream).await else { return };
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
    let header = |name: &str| {
        request.lines().find_map(|line| line.split_once(": ").filter(|(key, _)| *key == name).map(|(_, value)| value))
    };
    let found = site.get(&path.replace("%2B", "+"));
    let (status, kind, body, more) = match found {
        None => ("404 Not Found", "text/plain", Vec::new(), String::new()),
        Some((kind, body)) => {
            let etag = format!("\"{}\"", &Digest::of(body).hex()[..8]);
            let range = header("range").filter(|_| manner != Manner::Bare).map(|range| part(range, body.len()));
            match range {
                _ if manner == Manner::Modern && header("if-none-match") == Some(&etag) => {
                    ("304 Not Modified", *kind, Vec::new(), String::new())
                }
                Some((from, to)) => {
                    let more = format!("content-range: bytes {from}-{}/{}\r\n", to - 1, body.len());
                    ("206 Partial Content", *kind, body[from..to].to_vec(), more)
                }
                None if manner == Manner::Modern => ("200 OK", *kind, body.clone(), format!("etag: {etag}\r\n")),
                None => ("200 OK", *kind, body.clone(), String::new()),
            }
        }
    };
    log.lock().unwrap().push(format!("{method} {path} {}", &status[..3]));
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n{more}\r\n"
    );
    let _ = stream.write_all(head.as_bytes()).await;
    if method != "HEAD" {
        let _ = stream.write_all(&body).await;
    }
    let _ = stream.shutdown().await;
}

fn part(range: &str, length: usize) -> (usize, usize) {
    let (from, to) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    match from {
        "" => (length.saturating_sub(to.parse().unwrap()), length),
        from => (from.parse().unwrap(), (to.parse::<usize>().unwrap() + 1).min(length)),
    }
}
