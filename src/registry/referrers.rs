//! What is attached to an image: listed by the registry, or under a tag where it cannot.
//!
//! [Distribution specification, "Listing Referrers" and "Pushing Manifests with Subject"](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers).

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{
    Method,
    header::{ACCEPT, HeaderName},
};
use serde_json::{Value, json};

use super::{RegistryError, Repository, call::Call, lock, repository::LARGEST_MANIFEST};
use crate::{
    http::pause,
    image::{Attachment, Manifest},
    oci::{Descriptor, Digest, MediaType},
};

const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

/// Pages of a listing that are read.
const MOST_PAGES: usize = 64;

/// Others that read a list before it is written are waited for as many times as long as reading and writing it took
/// here, but not longer than before a repetition, nor shorter than this.
const SETTLE: u32 = 8;
const SHORTEST_SETTLE: Duration = Duration::from_millis(50);

/// How often something is added to a tag that others change at the same time.
const MOST_ATTEMPTS: u32 = 8;

/// Who lists what was attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attached {
    /// The registry.
    Native,
    /// A tag made of the subject's digest, which clients keep up.
    Tag,
}

impl Repository {
    /// What is attached to the manifest `subject`, of one artifact type or of all, as the registry
    /// lists it.
    ///
    /// # Errors
    /// When the registry cannot be reached, or its list is malformed.
    pub async fn referrers(
        &self,
        subject: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        let found = self.attachments(subject, artifact_type).await?;
        Ok(found.into_iter().map(|found| found.manifest).collect())
    }

    /// The same with what the list says of each.
    ///
    /// # Errors
    /// As [`Repository::referrers`].
    pub async fn attachments(
        &self,
        subject: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Attachment>, RegistryError> {
        let entries = match self.listed(subject, artifact_type).await? {
            Some(entries) if !entries.is_empty() || self.lists() => entries,
            // Not all that answer do list: then clients keep the tag.
            _ => entries(self.under_tag(subject).await?.as_ref()),
        };
        let wanted = |entry: &&Value| {
            artifact_type.is_none_or(|wanted| entry.get("artifactType").and_then(Value::as_str) == Some(wanted))
        };
        Ok(entries.iter().filter(wanted).filter_map(Attachment::of_entry).collect())
    }

    /// Puts `artifact`, a manifest that names its `subject`, and sees that it is listed there. Its
    /// blobs are in the repository already.
    ///
    /// # Errors
    /// When it names no subject, and when the registry cannot be reached or refuses it.
    pub async fn attach(&self, artifact: &Manifest) -> Result<Attached, RegistryError> {
        let digest = artifact.descriptor().digest;
        let nothing = || RegistryError::NoSubject { repository: self.to_string(), subject: digest };
        let subject = artifact.value().get("subject").and_then(Descriptor::from_json).ok_or_else(nothing)?.digest;
        let response = self.store_manifest(artifact, &digest.to_string()).await?;
        let is_ours = |entry: &Value| digest_of(entry) == Some(digest);
        if response.headers().contains_key(SUBJECT)
            || self.listed(&subject, None).await?.is_some_and(|list| list.iter().any(is_ours))
        {
            lock(&self.registry().shared.listing).insert(self.registry_name().to_owned());
            return Ok(Attached::Native);
        }
        self.add_to_tag(&subject, artifact).await?;
        Ok(Attached::Tag)
    }

    /// Whether the registry is known to list what is attached.
    fn lists(&self) -> bool {
        lock(&self.registry().shared.listing).contains(self.registry_name())
    }

    /// What lies under the tag that lists what is attached to `subject`. Some registries read the tag as a digest, and
    /// give the subject itself.
    async fn under_tag(&self, subject: &Digest) -> Result<Option<Manifest>, RegistryError> {
        let found = self.tagged(&tag_of(subject)).await?;
        Ok(found.filter(|found| found.descriptor().digest != *subject))
    }

    /// The registry's own list; nothing where it keeps none.
    async fn listed(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Option<Vec<Value>>, RegistryError> {
        let mut url = self.url(&format!("referrers/{subject}"))?;
        if let Some(artifact_type) = artifact_type {
            url.query_pairs_mut().append_pair("artifactType", artifact_type);
        }
        let mut found = Vec::new();
        for page in 0..MOST_PAGES {
            let call = Call::new(Method::GET, url, &tag_of(subject)).with(ACCEPT, MediaType::ImageIndex.as_ref());
            let response = match self.send(&call, &[200]).await {
                Ok(response) => response,
                // No repository, or no such end point: neither lists anything.
                Err(error) if page == 0 && error.status().is_some_and(|status| is_unknown(status.as_u16())) => {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            };
            let next = self.next_page(&call, &response)?;
            let bytes = self.read(response, &call.subject, LARGEST_MANIFEST).await?;
            let index = Manifest::parse(bytes, Some(&MediaType::ImageIndex))
                .map_err(|source| RegistryError::Manifest { repository: self.to_string(), source })?;
            found.extend(entries(Some(&index)));
            let Some(next) = next else {
                if !found.is_empty() {
                    lock(&self.registry().shared.listing).insert(self.registry_name().to_owned());
                }
                return Ok(Some(found));
            };
            url = next;
        }
        Err(self.mismatch(&format!("at most {MOST_PAGES} pages of what is attached"), &"more"))
    }

    /// Lists `artifact` under the tag of `subject`. The protocol knows no change that depends on what was there, so
    /// it is read again after each attempt whether somebody else overwrote it.
    async fn add_to_tag(&self, subject: &Digest, artifact: &Manifest) -> Result<(), RegistryError> {
        let tag = tag_of(subject);
        let turns = Arc::clone(lock(&self.registry().shared.lists).entry(format!("{self}:{tag}")).or_default());
        for attempt in 1..=MOST_ATTEMPTS {
            // Held while the list is changed. Who waits to see what became of it lets others change it.
            let (turn, begun) = (turns.lock().await, Instant::now());
            let found = self.under_tag(subject).await?;
            if found.as_ref().is_some_and(|found| !found.is_index()) {
                return Err(RegistryError::Taken { repository: self.to_string(), tag });
            }
            let list = entries(found.as_ref());
            if list.iter().any(|entry| digest_of(entry) == Some(artifact.descriptor().digest)) {
                return Ok(());
            }
            self.put_manifest(&with(list, artifact), &tag).await?;
            drop(turn);
            let settle = (begun.elapsed() * SETTLE).max(SHORTEST_SETTLE).min(self.http().options().pause);
            tokio::time::sleep(settle + pause(attempt, settle)).await;
        }
        Err(RegistryError::Contended { repository: self.to_string(), tag })
    }
}

/// Whether this is how a registry answers that knows of no lists: some look at nothing but the type that is asked for.
const fn is_unknown(status: u16) -> bool {
    matches!(status, 400 | 404 | 405 | 406 | 501)
}

/// The tag that lists what is attached to `subject` where the registry does not.
fn tag_of(subject: &Digest) -> String {
    format!("sha256-{}", subject.hex())
}

fn entries(index: Option<&Manifest>) -> Vec<Value> {
    let list = index.and_then(|index| index.value().get("manifests")).and_then(Value::as_array);
    list.cloned().unwrap_or_default()
}

fn digest_of(entry: &Value) -> Option<Digest> {
    entry.get("digest")?.as_str()?.parse().ok()
}

/// The index over `list` and `artifact`: each digest once, sorted.
fn with(mut list: Vec<Value>, artifact: &Manifest) -> Manifest {
    list.push(Attachment::of(artifact).to_json());
    let sorted: BTreeMap<Option<Digest>, Value> = list.into_iter().map(|entry| (digest_of(&entry), entry)).collect();
    let media_type = MediaType::ImageIndex.to_string();
    let index = json!({
        "schemaVersion": 2,
        "mediaType": media_type,
        "manifests": sorted.into_values().collect::<Vec<_>>(),
    });
    Manifest::of_value(MediaType::ImageIndex, index)
}
