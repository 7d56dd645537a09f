//! Index pages, kept between runs with their validators.

use reqwest::{
    StatusCode,
    header::{
        ACCEPT, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
        LAST_MODIFIED,
    },
};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{IndexError, PackageIndex};
use crate::{
    http::{Fetched, HttpError, Request},
    oci::Digest,
    python::{IndexFile, PackageName, ProjectPage},
    store::Bucket,
};

const WANTED: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";

/// A page as it was answered: the first line of a note, the body behind it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    url: Url,
    content_type: String,
    etag: Option<String>,
    last_modified: Option<String>,
    fresh_until: Option<u64>,
}

impl PackageIndex {
    /// The files of `package` below `root`; nothing when the index does not know it.
    pub(super) async fn page(
        &self,
        index: &str,
        root: &Url,
        package: &PackageName,
    ) -> Result<Option<Vec<IndexFile>>, IndexError> {
        let fail = |source| IndexError::Ask { index: index.to_owned(), package: package.clone(), source };
        let url = page_url(root, package);
        let key = note_key(&url);
        let kept = self.kept_page(&key);
        if let Some((page, body)) = &kept
            && (self.inner().client.options().offline || self.is_fresh(page))
        {
            return parse_page(index, package, page, body).map(Some);
        }
        match self.request_page(&url, kept.as_ref().map(|(page, _)| page)).await {
            Ok(answer) if answer.status == StatusCode::NOT_MODIFIED => match &kept {
                Some((page, body)) => parse_page(index, package, page, body).map(Some),
                None => Ok(None),
            },
            Ok(answer) => {
                let page = self.describe(&answer);
                let files = parse_page(index, package, &page, &answer.body)?;
                self.keep_page(&key, &page, &answer)?;
                Ok(Some(files))
            }
            Err(error) if missing(&error) => Ok(None),
            Err(error) => Err(fail(error)),
        }
    }

    /// The files of the page that an earlier run kept, whatever its age.
    pub(super) fn remembered_page(&self, index: &str, root: &Url, package: &PackageName) -> Option<Vec<IndexFile>> {
        let (page, body) = self.kept_page(&note_key(&page_url(root, package)))?;
        parse_page(index, package, &page, &body).ok()
    }

    async fn request_page(&self, url: &Url, kept: Option<&Kept>) -> Result<Fetched, HttpError> {
        let mut request = Request::get(url.clone()).header(ACCEPT, HeaderValue::from_static(WANTED));
        let validators = kept.map(|kept| [(IF_NONE_MATCH, &kept.etag), (IF_MODIFIED_SINCE, &kept.last_modified)]);
        for (name, value) in validators.into_iter().flatten() {
            if let Some(value) = value.as_deref().and_then(|value| HeaderValue::from_str(value).ok()) {
                request = request.header(name, value);
            }
        }
        let _permit = self.inner().requests.acquire().await;
        self.inner().client.fetch(&request).await
    }

    fn describe(&self, answer: &Fetched) -> Kept {
        let text = |name| answer.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let mut url = answer.url.clone();
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Kept {
            url,
            content_type: text(CONTENT_TYPE).unwrap_or_default().to_owned(),
            etag: text(ETAG).map(str::to_owned),
            last_modified: text(LAST_MODIFIED).map(str::to_owned),
            fresh_until: self
                .inner()
                .settings
                .now
                .zip(max_age(&answer.headers))
                .map(|(now, age)| now.saturating_add(age)),
        }
    }

    fn is_fresh(&self, page: &Kept) -> bool {
        self.inner().settings.now.zip(page.fresh_until).is_some_and(|(now, until)| now < until)
    }

    fn kept_page(&self, key: &str) -> Option<(Kept, Vec<u8>)> {
        let mut note = self.inner().store.note(Bucket::Pages, key)?;
        let end = note.iter().position(|byte| *byte == b'\n')?;
        let page = serde_json::from_slice(&note[..end]).ok()?;
        note.drain(..=end);
        Some((page, note))
    }

    fn keep_page(&self, key: &str, page: &Kept, answer: &Fetched) -> Result<(), IndexError> {
        let control = answer.headers.get(CACHE_CONTROL).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if control.to_ascii_lowercase().contains("no-store") {
            return Ok(());
        }
        let Ok(mut note) = serde_json::to_vec(page) else { return Ok(()) };
        note.push(b'\n');
        note.extend_from_slice(&answer.body);
        Ok(self.inner().store.keep(Bucket::Pages, key, &note)?)
    }
}

fn parse_page(index: &str, package: &PackageName, page: &Kept, body: &[u8]) -> Result<Vec<IndexFile>, IndexError> {
    let parsed = ProjectPage::parse(body, &page.content_type, &page.url);
    let parsed =
        parsed.map_err(|source| IndexError::Page { index: index.to_owned(), package: package.clone(), source })?;
    // A page from the network must not point into this machine's files.
    Ok(parsed.files.into_iter().filter(|file| matches!(file.url.scheme(), "http" | "https")).collect())
}

/// `https://host/simple` and `https://host/simple/` are one root.
fn page_url(root: &Url, package: &PackageName) -> Url {
    let mut url = root.clone();
    url.set_path(&format!("{}/{package}/", root.path().trim_end_matches('/')));
    url
}

/// The key holds no credential: two users of one store who see different pages differ in the digest.
fn note_key(url: &Url) -> String {
    format!("page-1-{}", Digest::of(url.as_str().as_bytes()).hex())
}

fn missing(error: &HttpError) -> bool {
    matches!(error.status(), Some(StatusCode::NOT_FOUND | StatusCode::GONE))
}

fn max_age(headers: &HeaderMap) -> Option<u64> {
    let control = headers.get(CACHE_CONTROL)?.to_str().ok()?.to_ascii_lowercase();
    if control.contains("no-cache") || control.contains("no-store") {
        return None;
    }
    control.split(',').find_map(|part| part.trim().strip_prefix("max-age=")?.parse().ok())
}
