//! Tags of a repository: what one points to, which there are, and how they go.

use reqwest::{Method, Response, header::ACCEPT};
use serde_json::Value;
use url::Url;

use super::{
    RegistryError, Repository,
    call::Call,
    location::next_page,
    repository::{MANIFEST_TYPES, read_head},
};
use crate::{image::Manifest, oci::Digest};

/// Tags asked for at a time; some registries give no more.
const PAGE: &str = "1000";

/// Pages of a list that are read.
const MOST_PAGES: usize = 1000;

/// Bytes of a page.
const LARGEST_PAGE: u64 = 8 << 20;

impl Repository {
    /// What `tag` points to, if there is such a tag.
    ///
    /// # Errors
    /// When the registry cannot be reached or refuses to tell, and when what comes is no manifest.
    pub async fn tagged(&self, tag: &str) -> Result<Option<Manifest>, RegistryError> {
        match self.get_manifest(tag).await {
            Ok(manifest) => Ok(Some(manifest)),
            Err(error) if error.status().is_some_and(|status| status.as_u16() == 404) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The digest that `tag` points to, by one question; nothing where there is no such tag, or the registry
    /// does not say.
    ///
    /// # Errors
    /// When the registry cannot be reached.
    pub async fn pointed_to(&self, tag: &str) -> Result<Option<Digest>, RegistryError> {
        let call = Call::new(Method::HEAD, self.url(&format!("manifests/{tag}"))?, &tag);
        let call = MANIFEST_TYPES.iter().fold(call, |call, media_type| call.with(ACCEPT, media_type));
        match self.send(&call, &[200]).await {
            Ok(response) => Ok(read_head(&response).map(|resolved| resolved.digest)),
            Err(error) if error.status().is_some() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Every tag, sorted.
    ///
    /// # Errors
    /// When the registry cannot be reached or does not tell all of them, and when it has more than a million.
    pub async fn tags(&self) -> Result<Vec<String>, RegistryError> {
        let mut url = self.url("tags/list")?;
        url.query_pairs_mut().append_pair("n", PAGE);
        let mut tags = Vec::new();
        for page in 0..MOST_PAGES {
            let call = Call::new(Method::GET, url, &"tags");
            let response = match self.send(&call, &[200]).await {
                Ok(response) => response,
                Err(error) if page == 0 && error.status().is_some_and(|status| status.as_u16() == 404) => {
                    return Ok(Vec::new());
                }
                Err(error) => return Err(error),
            };
            let next = self.next_page(&call, &response)?;
            let text = self.read(response, "tags", LARGEST_PAGE).await?;
            tags.extend(listed(&text).ok_or_else(|| RegistryError::NoTags { repository: self.to_string() })?);
            let Some(next) = next else {
                tags.sort();
                return Ok(tags);
            };
            url = next;
        }
        Err(self.mismatch(&"at most a million tags", &"more"))
    }

    /// Where the list goes on of which `response` is a page. A page that cannot be had would leave a list that looks
    /// whole.
    pub(super) fn next_page(&self, call: &Call<'_>, response: &Response) -> Result<Option<Url>, RegistryError> {
        let (repository, subject) = (self.to_string(), "the rest of a list");
        next_page(&call.url, response.headers()).map_err(|source| RegistryError::Address {
            repository,
            subject,
            source,
        })
    }

    /// Removes a manifest with its tags. One that is gone already is no failure.
    ///
    /// # Errors
    /// When the registry cannot be reached or lets nothing be removed.
    pub async fn delete(&self, digest: &Digest) -> Result<(), RegistryError> {
        let call = Call::new(Method::DELETE, self.url(&format!("manifests/{digest}"))?, digest);
        self.send(&call, &[200, 202, 204, 404]).await.map(drop)
    }
}

/// The tags of a page; nothing where it is none. A repository without any may say `null`.
fn listed(page: &[u8]) -> Option<Vec<String>> {
    let page: Value = serde_json::from_slice(page).ok()?;
    match page.get("tags")? {
        Value::Null => Some(Vec::new()),
        tags => tags.as_array()?.iter().map(|tag| tag.as_str().map(str::to_owned)).collect(),
    }
}
