//! Pages of package indexes.

use std::fmt::Write as _;

use serde_json::{Value, json};
use url::Url;
use wheelwright::python::{IndexFile, MetadataFile, ProjectPage, Yanked};

use crate::place::texts;

const JSON: &str = "application/vnd.pypi.simple.v1+json";
const HTML: &str = "text/html";

fn url() -> Url {
    "https://host/simple/demo/".parse().expect("this is a URL")
}

/// A page in JSON: written as it is understood it reads the same, also as HTML, as far as that can say it.
pub(crate) fn json(bytes: &[u8]) {
    let Ok(page) = ProjectPage::parse(bytes, JSON, &url()) else { return };
    assert_eq!(ProjectPage::parse(&as_json(&page), JSON, &url()).as_ref(), Ok(&page));
    as_both(&page);
}

/// A page in HTML: never refused, and the same as one in JSON that says the same.
pub(crate) fn html(bytes: &[u8]) {
    let page = ProjectPage::parse(bytes, HTML, &url()).expect("any text is HTML");
    assert!(page.files.len() <= bytes.len());
    assert_eq!(ProjectPage::parse(&as_json(&page), JSON, &url()).as_ref(), Ok(&page));
    as_both(&page);
}

fn as_json(page: &ProjectPage) -> Vec<u8> {
    let digest = |digest: &wheelwright::oci::Digest| json!({ "sha256": digest.hex() });
    let file = |file: &IndexFile| {
        json!({
            "filename": file.name,
            "url": file.url.as_str(),
            "hashes": file.sha256.as_ref().map_or(Value::Null, digest),
            "requires-python": file.requires_python.as_ref().map(ToString::to_string),
            "yanked": match &file.yanked { Yanked::No => json!(false), Yanked::Because(reason) => json!(reason) },
            "size": file.size,
            "upload-time": file.uploaded.map(|time| time.to_string()),
            "core-metadata": match &file.core_metadata {
                MetadataFile::Absent => json!(false),
                MetadataFile::Present(hash) => hash.as_ref().map_or(json!(true), digest),
            },
        })
    };
    json!({ "meta": { "api-version": "1.1" }, "files": page.files.iter().map(file).collect::<Vec<_>>() })
        .to_string()
        .into()
}

/// Those files whose URL is a plain one that ends with their name, in HTML.
fn as_both(page: &ProjectPage) {
    let plain = |file: &&IndexFile| {
        let parsed = file.url.parse().ok();
        let last = parsed.as_ref().and_then(|url| Some(url.path_segments()?.next_back()? == file.name));
        let is_plain = parsed.as_ref().is_some_and(|url| url.as_str() == file.url.as_str());
        last == Some(true) && is_plain && !file.name.is_empty() && !file.name.contains('%')
    };
    let files: Vec<IndexFile> =
        page.files.iter().filter(plain).map(|file| IndexFile { size: None, uploaded: None, ..file.clone() }).collect();
    let escape = |text: &str| text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    let mut html = String::new();
    for file in &files {
        let hash = file.sha256.map_or(String::new(), |digest| format!("#sha256={}", digest.hex()));
        let _ = write!(html, "<a href=\"{}{hash}\"", escape(file.url.as_str()));
        if let Some(versions) = &file.requires_python {
            let _ = write!(html, " data-requires-python=\"{}\"", escape(&versions.to_string()));
        }
        if let Yanked::Because(reason) = &file.yanked {
            let _ = write!(html, " data-yanked=\"{}\"", escape(reason));
        }
        match file.core_metadata {
            MetadataFile::Absent => {}
            MetadataFile::Present(None) => html.push_str(" data-core-metadata=\"true\""),
            MetadataFile::Present(Some(digest)) => {
                let _ = write!(html, " data-core-metadata=\"sha256={}\"", digest.hex());
            }
        }
        html.push_str(">x</a>\n");
    }
    assert_eq!(ProjectPage::parse(html.as_bytes(), HTML, &url()), Ok(ProjectPage { files }), "{html}");
}

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

pub(crate) fn json_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let page = json!({ "meta": { "api-version": "1.3" }, "name": "demo", "files": [
        { "filename": "demo-1.0-py3-none-any.whl", "url": "../../f/demo-1.0-py3-none-any.whl",
          "hashes": { "sha256": A, "md5": "x" }, "requires-python": ">=3.8,<4", "yanked": "broken & \"old\"",
          "core-metadata": { "sha256": A }, "size": 12, "upload-time": "2026-01-02T03:04:05.678901Z" },
        { "filename": "demo-2.0.tar.gz", "url": "https://other/demo-2.0.tar.gz#x", "hashes": {}, "yanked": true,
          "data-dist-info-metadata": true },
        { "filename": 3, "url": null, "size": 1.5, "requires-python": [] },
        { "filename": "b+c", "url": "b+c", "size": -1, "yanked": {}, "dist-info-metadata": "x" },
    ]});
    vec![("page", page.to_string().into()), ("pretty", serde_json::to_vec_pretty(&page).unwrap_or_default())]
}

pub(crate) fn html_seeds() -> Vec<(&'static str, Vec<u8>)> {
    texts(&[
        (
            "page",
            "<!DOCTYPE html><html><head><base href='/f/'></head><body><!-- <a href='no.whl'>no</a> -->\n\
             <A class=x href=\"../demo-1.0%2Bcpu-py3-none-any.whl#sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\
              data-requires-python='&gt;=3.8' data-yanked=\"a &amp; &#98; &#x63;\" data-dist-info-metadata=true>demo</A><br/>\n\
             <a href=https://other/demo-2.0.tar.gz>demo</a><a name=x>no</a></body></html>",
        ),
        ("broken", "<a href='x.whl' data-yanked data-core-metadata=sha256=1><a href=\"y.whl\"<a =><base><a href"),
    ])
}
