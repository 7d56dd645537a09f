//! Pages of a package index: the files of one project.

use std::collections::BTreeMap;

use serde_json::Value;
use url::Url;

use super::{PythonError, VersionSpecifiers, index_html, metadata::read_specifiers};
use crate::oci::Digest;

/// The files of a project, as one index lists them.
///
/// [Simple repository API](https://packaging.python.org/en/latest/specifications/simple-repository-api/).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectPage {
    /// In the page's order.
    pub files: Vec<IndexFile>,
}

/// A file that an index offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexFile {
    /// File name.
    pub name: String,
    /// Where it lies; without fragment.
    pub url: Url,
    /// SHA-256, where the index gives it.
    pub sha256: Option<Digest>,
    /// `Requires-Python`, where the index gives it and it is understood.
    pub requires_python: Option<VersionSpecifiers>,
    /// Whether it was withdrawn.
    pub yanked: Yanked,
    /// Bytes, where the index gives them.
    pub size: Option<u64>,
    /// Whether METADATA lies beside it.
    pub core_metadata: MetadataFile,
}

/// Whether a file was withdrawn (PEP 592).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Yanked {
    /// It was not.
    No,
    /// It was, for this reason, which may be empty.
    Because(String),
}

/// Whether METADATA lies beside a wheel, at its URL with `.metadata` behind it (PEP 658).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataFile {
    /// The index does not say so.
    Absent,
    /// It does; with its SHA-256 where the index gives it.
    Present(Option<Digest>),
}

impl ProjectPage {
    /// Reads a page that came from `url` with this `Content-Type`: JSON (PEP 691) or HTML (PEP 503).
    ///
    /// # Errors
    /// When it is neither, or of a newer major version. Single files that make no sense are left out.
    pub fn parse(bytes: &[u8], content_type: &str, url: &Url) -> Result<Self, PythonError> {
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            "application/vnd.pypi.simple.v1+json" | "application/json" => Self::from_json(bytes, url),
            "application/vnd.pypi.simple.v1+html" | "text/html" | "" => Ok(Self::from_html(bytes, url)),
            other => Err(PythonError::Page { reason: format!("it is `{}`, not an index page", other.escape_debug()) }),
        }
    }

    fn from_json(bytes: &[u8], base: &Url) -> Result<Self, PythonError> {
        let fail = |reason: String| PythonError::Page { reason };
        let page: Value = serde_json::from_slice(bytes).map_err(|error| fail(error.to_string()))?;
        let version = page.pointer("/meta/api-version").and_then(Value::as_str).unwrap_or("1.0");
        if version.split('.').next() != Some("1") {
            return Err(fail(format!("API version {} is not understood, only 1.x is", version.escape_debug())));
        }
        let files = page.get("files").and_then(Value::as_array).ok_or_else(|| fail("it lists no files".to_owned()))?;
        let mut pythons = Pythons::default();
        Ok(Self { files: files.iter().filter_map(|file| json_file(file, base, &mut pythons)).collect() })
    }

    fn from_html(bytes: &[u8], url: &Url) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let page = index_html::anchors(&text);
        let base = page.base.and_then(|base| url.join(&base).ok()).unwrap_or_else(|| url.clone());
        let mut pythons = Pythons::default();
        Self { files: page.anchors.iter().filter_map(|anchor| html_file(anchor, &base, &mut pythons)).collect() }
    }
}

impl IndexFile {
    /// The URL of the METADATA beside the file.
    #[must_use]
    pub fn metadata_url(&self) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}.metadata", self.url.path()));
        url
    }
}

/// `Requires-Python` is the same for thousands of files of a page.
#[derive(Default)]
struct Pythons(BTreeMap<String, Option<VersionSpecifiers>>);

impl Pythons {
    fn read(&mut self, text: &str) -> Option<VersionSpecifiers> {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let specifiers = read_specifiers(text);
        self.0.insert(text.to_owned(), specifiers.clone());
        specifiers
    }
}

fn json_file(file: &Value, base: &Url, pythons: &mut Pythons) -> Option<IndexFile> {
    let text = |key: &str| file.get(key).and_then(Value::as_str);
    let mut url = base.join(text("url")?).ok()?;
    url.set_fragment(None);
    let digest = |value: Option<&Value>| value?.get("sha256")?.as_str().and_then(|hex| Digest::from_hex(hex).ok());
    let beside = ["core-metadata", "dist-info-metadata", "data-dist-info-metadata"]
        .iter()
        .find_map(|key| file.get(*key).filter(|value| !value.is_null()));
    Some(IndexFile {
        name: text("filename")?.to_owned(),
        url,
        sha256: digest(file.get("hashes")),
        requires_python: text("requires-python").and_then(|text| pythons.read(text)),
        yanked: match file.get("yanked") {
            Some(Value::Bool(true)) => Yanked::Because(String::new()),
            Some(Value::String(reason)) => Yanked::Because(reason.clone()),
            _ => Yanked::No,
        },
        size: file.get("size").and_then(Value::as_u64),
        core_metadata: match beside {
            None | Some(Value::Bool(false)) => MetadataFile::Absent,
            beside => MetadataFile::Present(digest(beside)),
        },
    })
}

fn html_file(anchor: &index_html::Anchor, base: &Url, pythons: &mut Pythons) -> Option<IndexFile> {
    let mut url = base.join(anchor.attribute("href")?).ok()?;
    let sha256 = hash_fragment(url.fragment());
    url.set_fragment(None);
    let name = index_html::percent_decoded(url.path_segments()?.next_back()?);
    let beside = anchor.attribute("data-core-metadata").or_else(|| anchor.attribute("data-dist-info-metadata"));
    Some(IndexFile {
        name: if name.is_empty() { return None } else { name },
        url,
        sha256,
        requires_python: anchor.attribute("data-requires-python").and_then(|text| pythons.read(text)),
        yanked: anchor.attribute("data-yanked").map_or(Yanked::No, |reason| Yanked::Because(reason.to_owned())),
        size: None,
        core_metadata: match beside {
            None | Some("false") => MetadataFile::Absent,
            Some(value) => MetadataFile::Present(hash_fragment(Some(value))),
        },
    })
}

fn hash_fragment(fragment: Option<&str>) -> Option<Digest> {
    let hex = fragment?.split('&').find_map(|part| part.strip_prefix("sha256="))?;
    Digest::from_hex(hex).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn page(content_type: &str, text: &str) -> Result<ProjectPage, PythonError> {
        ProjectPage::parse(text.as_bytes(), content_type, &"https://host/simple/demo/".parse().unwrap())
    }

    #[test]
    fn json_and_html_say_the_same() {
        let json = format!(
            r#"{{"meta": {{"api-version": "1.1"}}, "name": "demo", "files": [
              {{"filename": "demo-1.0+cpu-py3-none-any.whl", "url": "../../f/demo-1.0%2Bcpu-py3-none-any.whl",
                "hashes": {{"sha256": "{A}"}}, "requires-python": ">=3.8", "yanked": "broken & old",
                "core-metadata": {{"sha256": "{A}"}}}},
              {{"filename": "demo-2.0.tar.gz", "url": "https://other/demo-2.0.tar.gz", "hashes": {{}}, "yanked": false}},
              {{"filename": "nonsense"}}]}}"#
        );
        let html = format!(
            "<!DOCTYPE html><html><head><title>x</title></head><body><!-- <a href='no.whl'>no</a> -->\n\
             <A class=x href=\"../../f/demo-1.0%2Bcpu-py3-none-any.whl#sha256={A}\" data-requires-python='&gt;=3.8'\
              data-yanked=\"broken &amp; old\" data-dist-info-metadata=\"sha256={A}\">demo</A><br>\n\
             <a href=https://other/demo-2.0.tar.gz>demo-2.0.tar.gz</a><a name=x>no</a></body></html>"
        );
        let from_json = page("application/vnd.pypi.simple.v1+json; charset=utf-8", &json).unwrap();
        assert_eq!(from_json, page("text/html; charset=utf-8", &html).unwrap());
        let file = &from_json.files[0];
        assert_eq!(file.url.as_str(), "https://host/f/demo-1.0%2Bcpu-py3-none-any.whl");
        assert_eq!(file.metadata_url().as_str(), "https://host/f/demo-1.0%2Bcpu-py3-none-any.whl.metadata");
        assert_eq!((file.name.as_str(), from_json.files.len()), ("demo-1.0+cpu-py3-none-any.whl", 2));
        assert_eq!(file.yanked, Yanked::Because("broken & old".to_owned()));
        assert_eq!(file.core_metadata, MetadataFile::Present(Some(Digest::from_hex(A).unwrap())));
    }

    #[test]
    fn the_base_of_a_page_counts() {
        let html = "<base href='/files/'><a href='demo-1.0-py3-none-any.whl'>x</a>";
        assert_eq!(
            page("text/html", html).unwrap().files[0].url.as_str(),
            "https://host/files/demo-1.0-py3-none-any.whl"
        );
    }

    #[test]
    fn other_answers_are_no_pages() {
        assert!(page("application/json", "{").is_err());
        assert!(page("application/json", r#"{"meta": {"api-version": "2.0"}, "files": []}"#).is_err());
        assert!(page("application/json", "{}").is_err());
        assert!(page("application/octet-stream", "").is_err());
        for broken in ["<a href='", "<a =>", "<a href", "<", "<!--", "<a href=''>x", "<a href='&#0;&'"] {
            assert!(page("text/html", broken).unwrap().files.len() <= 1, "{broken}");
        }
    }
}
