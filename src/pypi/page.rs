//! Index pages, kept between runs with their validators.

use std::sync::Arc;

use reqwest::{
    StatusCode,
    header::{
        ACCEPT, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
        LAST_MODIFIED,
    },
};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{IndexError, PackageIndex, client::cell};
use crate::{
    http::{Fetched, HttpError, Request, redacted},
    oci::Digest,
    python::{IndexFile, PackageName, ProjectPage, WheelName, without_login},
    store::Bucket,
};

const WANTED: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";

/// A page as it was answered: the first line of a note, the body behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    url: Url,
    content_type: String,
    etag: Option<String>,
    last_modified: Option<String>,
    fresh_until: Option<u64>,
}

/// What a page is asked for: to be named when it is of no use.
struct Subject<'a> {
    index: &'a str,
    package: &'a PackageName,
}

impl PackageIndex {
    /// The files of `package` below `root`; nothing when the index does not know it.
    pub(super) async fn page(
        &self,
        index: &str,
        root: &Url,
        package: &PackageName,
    ) -> Result<Option<Vec<IndexFile>>, IndexError> {
        self.files(&Subject { index, package }, &page_url(root, package)).await
    }

    /// The files of `package` among the links of `page`; nothing when it has none.
    pub(super) async fn linked_files(
        &self,
        index: &str,
        page: &Url,
        package: &PackageName,
    ) -> Result<Option<Vec<IndexFile>>, IndexError> {
        let subject = Subject { index, package };
        let cell = cell(&self.inner().links, page.clone());
        let read = async || Ok::<_, IndexError>(Arc::new(self.files(&subject, page).await?.unwrap_or_default()));
        let files = cell.get_or_try_init(read).await?;
        let own: Vec<IndexFile> = files.iter().filter(|file| is_of(file, package)).cloned().collect();
        Ok((!own.is_empty()).then_some(own))
    }

    /// The files of the page that an earlier run kept, whatever its age.
    pub(super) fn remembered_page(&self, index: &str, root: &Url, package: &PackageName) -> Option<Vec<IndexFile>> {
        let (page, body) = self.kept_page(&note_key(&page_url(root, package)))?;
        parse_page(&Subject { index, package }, &page, &body).ok()
    }

    /// The files of the page at `url`: as it was kept, while it is fresh; else by asking whether it
    /// is still the same.
    async fn files(&self, subject: &Subject<'_>, url: &Url) -> Result<Option<Vec<IndexFile>>, IndexError> {
        let key = note_key(url);
        let kept = self.kept_page(&key);
        if let Some((page, body)) = &kept
            && (self.inner().client.options().offline || self.is_fresh(page))
        {
            return parse_page(subject, page, body).map(Some);
        }
        let request = self.request(subject.index, url).await?;
        match self.request_page(request, kept.as_ref().map(|(page, _)| page)).await {
            Ok(answer) if answer.status == StatusCode::NOT_MODIFIED => match kept {
                Some((mut page, body)) => {
                    page.fresh_until = self.fresh_until(&answer.headers);
                    if page.fresh_until.is_some() {
                        self.keep_page(&key, &page, &body)?;
                    }
                    parse_page(subject, &page, &body).map(Some)
                }
                // Nobody asked whether anything changed. To go on to the next index would let it speak here.
                None => Err(subject.not_asked(HttpError::Status {
                    url: redacted(url),
                    status: answer.status,
                    message: String::new(),
                    retry_after: None,
                })),
            },
            Ok(answer) => {
                let page = self.describe(&answer);
                let files = parse_page(subject, &page, &answer.body)?;
                let same = kept.is_some_and(|(known, body)| known == page && body == answer.body);
                if !same && !control(&answer.headers).contains("no-store") {
                    self.keep_page(&key, &page, &answer.body)?;
                }
                Ok(Some(files))
            }
            Err(error) if missing(&error) => Ok(None),
            Err(source) => Err(subject.not_asked(source)),
        }
    }

    async fn request_page(&self, mut request: Request, kept: Option<&Kept>) -> Result<Fetched, HttpError> {
        request = request.header(ACCEPT, HeaderValue::from_static(WANTED));
        let validators = kept.map(|kept| [(IF_NONE_MATCH, &kept.etag), (IF_MODIFIED_SINCE, &kept.last_modified)]);
        for (name, value) in validators.into_iter().flatten() {
            if let Some(value) = value.as_deref().and_then(|value| HeaderValue::from_str(value).ok()) {
                request = request.header(name, value);
            }
        }
        let _permit = self.inner().client.question().await;
        self.inner().client.fetch(&request).await
    }

    fn describe(&self, answer: &Fetched) -> Kept {
        let text = |name| answer.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let mut url = without_login(&answer.url);
        url.set_query(None);
        Kept {
            url,
            content_type: text(CONTENT_TYPE).unwrap_or_default().to_owned(),
            etag: text(ETAG).map(str::to_owned),
            last_modified: text(LAST_MODIFIED).map(str::to_owned),
            fresh_until: self.fresh_until(&answer.headers),
        }
    }

    fn fresh_until(&self, headers: &HeaderMap) -> Option<u64> {
        let (now, age) = self.inner().settings.now.zip(max_age(headers))?;
        Some(now.saturating_add(age))
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

    fn keep_page(&self, key: &str, page: &Kept, body: &[u8]) -> Result<(), IndexError> {
        let Ok(mut note) = serde_json::to_vec(page) else { return Ok(()) };
        note.push(b'\n');
        note.extend_from_slice(body);
        Ok(self.inner().store.keep(Bucket::Pages, key, &note)?)
    }
}

impl Subject<'_> {
    fn not_asked(&self, source: HttpError) -> IndexError {
        IndexError::Ask { index: self.index.to_owned(), package: self.package.clone(), source }
    }
}

fn parse_page(subject: &Subject<'_>, page: &Kept, body: &[u8]) -> Result<Vec<IndexFile>, IndexError> {
    let unusable =
        |source| IndexError::Page { index: subject.index.to_owned(), package: subject.package.clone(), source };
    let parsed = ProjectPage::parse(body, &page.content_type, &page.url).map_err(unusable)?;
    // A page from the network must not point into this machine's files.
    Ok(parsed.files.into_iter().filter(|file| file.url.is_remote()).collect())
}

fn is_of(file: &IndexFile, package: &PackageName) -> bool {
    file.name.parse::<WheelName>().is_ok_and(|wheel| wheel.name() == package)
}

/// `https://host/simple` and `https://host/simple/` are one root.
fn page_url(root: &Url, package: &PackageName) -> Url {
    let mut url = root.clone();
    url.set_path(&format!("{}/{package}/", root.path().trim_end_matches('/')));
    url
}

/// Two users of one store may see different pages; a password has no place in the key, hashed or not.
fn note_key(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_password(None);
    format!("page-2-{}", Digest::of(url.as_str().as_bytes()).hex())
}

fn missing(error: &HttpError) -> bool {
    matches!(error.status(), Some(StatusCode::NOT_FOUND | StatusCode::GONE))
}

/// How long an answer may be believed without asking again. Where the server says nothing, it is asked
/// every time: a page that lists yesterday's wheels would look like today's.
fn max_age(headers: &HeaderMap) -> Option<u64> {
    let control = control(headers);
    if control.contains("no-cache") || control.contains("no-store") {
        return None;
    }
    control.split(',').find_map(|part| part.trim().strip_prefix("max-age=")?.parse().ok())
}

fn control(headers: &HeaderMap) -> String {
    headers.get(CACHE_CONTROL).and_then(|value| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase()
}
