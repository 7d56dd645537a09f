//! Pages of a package index: the files of one project.

use std::collections::BTreeMap;

use url::Url;

use super::{PythonError, UploadTime, VersionSpecifiers, index_html, index_json, metadata::read_specifiers};
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
    pub url: FileUrl,
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
    /// Since when the index has it, where it tells (PEP 700).
    pub uploaded: Option<UploadTime>,
}

/// The URL of a file, taken apart only where it is wanted: a page lists thousands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileUrl(Box<str>);

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
        let page: index_json::Page<'_> = serde_json::from_slice(bytes).map_err(|error| fail(error.to_string()))?;
        let version = page.meta.and_then(|meta| meta.api_version).unwrap_or_else(|| "1.0".into());
        if version.split('.').next() != Some("1") {
            return Err(fail(format!("API version {} is not understood, only 1.x is", version.escape_debug())));
        }
        let files = page.files.ok_or_else(|| fail("it lists no files".to_owned()))?;
        let mut pythons = Pythons::default();
        Ok(Self { files: files.into_iter().filter_map(|file| json_file(file, base, &mut pythons)).collect() })
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
    ///
    /// # Errors
    /// As [`FileUrl::parse`].
    pub fn metadata_url(&self) -> Result<Url, url::ParseError> {
        let mut url = self.url.parse()?;
        url.set_path(&format!("{}.metadata", url.path()));
        Ok(url)
    }
}

impl FileUrl {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Taken apart.
    ///
    /// # Errors
    /// When the index gave something that is no URL.
    pub fn parse(&self) -> Result<Url, url::ParseError> {
        let mut url = Url::parse(&self.0)?;
        url.set_fragment(None);
        Ok(url)
    }

    /// Whether it leads to a server, and to no file of this machine.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.0.starts_with("https://") || self.0.starts_with("http://")
    }

    /// `text`, relative to `base`.
    fn read(text: &str, base: &Url) -> Option<Self> {
        // With these beginnings it is whole, and whatever follows, it cannot become anything else.
        if text.starts_with("https://") || text.starts_with("http://") {
            return Some(Self(text.into()));
        }
        base.join(text).ok().map(Self::from)
    }
}

impl From<Url> for FileUrl {
    fn from(url: Url) -> Self {
        Self(String::from(url).into())
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

fn json_file(file: index_json::File<'_>, base: &Url, pythons: &mut Pythons) -> Option<IndexFile> {
    let digest = |hex: Option<index_json::Text<'_>>| Digest::from_hex(&hex?.0?).ok();
    let beside = [file.core_metadata, file.dist_info_metadata, file.data_dist_info_metadata];
    Some(IndexFile {
        name: file.filename.0?.into_owned(),
        url: FileUrl::read(&file.url.0?, base)?,
        sha256: digest(file.hashes.sha256),
        requires_python: file.requires_python.0.and_then(|text| pythons.read(&text)),
        yanked: match file.yanked {
            index_json::Mark::Yes => Yanked::Because(String::new()),
            index_json::Mark::Text(reason) => Yanked::Because(reason.into_owned()),
            _ => Yanked::No,
        },
        size: file.size.0,
        core_metadata: match beside.into_iter().find(|mark| !matches!(mark, index_json::Mark::Nothing)) {
            None | Some(index_json::Mark::Nothing | index_json::Mark::No) => MetadataFile::Absent,
            Some(index_json::Mark::Hashes(hashes)) => MetadataFile::Present(digest(hashes.sha256)),
            Some(_) => MetadataFile::Present(None),
        },
        uploaded: file.upload_time.0.and_then(|text| text.parse().ok()),
    })
}

fn html_file(anchor: &index_html::Anchor, base: &Url, pythons: &mut Pythons) -> Option<IndexFile> {
    let mut url = base.join(anchor.attribute("href")?).ok()?;
    let sha256 = hash_fragment(url.fragment());
    url.set_fragment(None);
    let url_of = FileUrl::from(url.clone());
    let name = index_html::percent_decoded(url.path_segments()?.next_back()?);
    let beside = anchor.attribute("data-core-metadata").or_else(|| anchor.attribute("data-dist-info-metadata"));
    Some(IndexFile {
        name: if name.is_empty() { return None } else { name },
        url: url_of,
        sha256,
        requires_python: anchor.attribute("data-requires-python").and_then(|text| pythons.read(text)),
        yanked: anchor.attribute("data-yanked").map_or(Yanked::No, |reason| Yanked::Because(reason.to_owned())),
        size: None,
        core_metadata: match beside {
            None | Some("false") => MetadataFile::Absent,
            Some(value) => MetadataFile::Present(hash_fragment(Some(value))),
        },
        uploaded: None,
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
        assert_eq!(file.metadata_url().unwrap().as_str(), "https://host/f/demo-1.0%2Bcpu-py3-none-any.whl.metadata");
        assert_eq!((file.name.as_str(), from_json.files.len()), ("demo-1.0+cpu-py3-none-any.whl", 2));
        assert_eq!(file.yanked, Yanked::Because("broken & old".to_owned()));
        assert_eq!(file.core_metadata, MetadataFile::Present(Some(Digest::from_hex(A).unwrap())));
    }

    #[test]
    fn files_that_make_no_sense_are_left_out_alone() {
        let json = r#"{"files": [
            {"filename": 3, "url": "https://h/a"}, {"filename": "b", "url": {"x": [1]}}, {"url": "c"},
            {"filename": "d", "url": "https://h/d", "size": "many", "hashes": null, "yanked": 7, "core-metadata": [],
             "requires-python": ["x"], "upload-time": "yesterday"},
            {"filename": "e", "url": "\thttps://h/e#x", "size": 5.0, "hashes": {"sha256": 5}, "yanked": null,
             "upload-time": "2026-01-02T03:04:05.678901Z"}
        ]}"#;
        let files = page("application/json", json).unwrap().files;
        let shown: Vec<_> = files.iter().map(|file| (file.name.as_str(), file.url.as_str(), file.size)).collect();
        assert_eq!(shown, [("d", "https://h/d", None), ("e", "https://h/e#x", None)]);
        let since: Vec<_> = files.iter().map(|file| file.uploaded.map(|time| time.to_string())).collect();
        assert_eq!(since, [None, Some("2026-01-02T03:04:05Z".to_owned())]);
        assert_eq!(files[1].url.parse().unwrap().as_str(), "https://h/e");
        let local = r#"{"files": [{"filename": "a", "url": " FILE:///etc/passwd"}]}"#;
        assert!(!page("application/json", local).unwrap().files[0].url.is_remote());
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
