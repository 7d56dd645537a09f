//! Manifests, indexes, tags and referrers.

use std::collections::BTreeMap;

use http_body_util::{BodyExt as _, Limited};
use hyper::{
    Request, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderName, LINK, LOCATION},
};
use serde_json::{Value, json};

use super::{
    State,
    digest::{Algorithm, Digest},
    disk::Kept,
    reply::{self, DIGEST, Reply, Trouble, empty, with},
    route::Named,
};
use crate::oci::{MediaType, is_tag};

/// Manifests up to 4 MiB must be accepted; none above is.
const LARGEST: usize = 4 << 20;

const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
const TAG: HeaderName = HeaderName::from_static("oci-tag");
const FILTERS: HeaderName = HeaderName::from_static("oci-filters-applied");

/// GET and HEAD.
pub(super) fn read(state: &State, name: &str, reference: &Named) -> Result<Reply, Trouble> {
    let digest = find(state, name, reference)?;
    let kept = state.disk.manifest(name, &digest)?.ok_or_else(unknown)?;
    let reply = with(reply::bytes(StatusCode::OK, kept.bytes), CONTENT_TYPE, &kept.media_type);
    Ok(with(reply, DIGEST, &digest.to_string()))
}

/// PUT: everything that the manifest points to must be there.
pub(super) async fn put(
    state: &State,
    (name, reference): (&str, &Named),
    request: Request<Incoming>,
) -> Result<Reply, Trouble> {
    let more_tags = tags_of(request.uri().query())?;
    let declared = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let bytes = match Limited::new(request.into_body(), LARGEST).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            return Err(Trouble::refused(413, "SIZE_INVALID", "the manifest is larger than 4 MiB"));
        }
        Err(_) => return Err(Trouble::Cut),
    };
    let (algorithm, tags) = match reference {
        Named::Digest(asked) => (asked.algorithm(), more_tags),
        Named::Tag(tag) => (Algorithm::Sha256, vec![tag.clone()]),
    };
    let digest = Digest::of(algorithm, &bytes);
    if matches!(reference, Named::Digest(asked) if *asked != digest) {
        return Err(Trouble::refused(400, "DIGEST_INVALID", format!("the manifest has {digest}")));
    }
    let value: Value = serde_json::from_slice(&bytes).map_err(|_| invalid("not JSON"))?;
    let media_type = media_type(&value, declared)?;
    check_contents(state, name, &value)?;
    state.disk.keep_manifest(name, &digest, &Kept { media_type, bytes })?;
    for tag in &tags {
        state.disk.set_tag(name, tag, &digest)?;
    }
    let reply = with(empty(StatusCode::CREATED), LOCATION, &format!("/v2/{name}/manifests/{digest}"));
    let reply = with(reply, DIGEST, &digest.to_string());
    let reply = match reference {
        Named::Digest(_) if !tags.is_empty() => with(reply, TAG, &tags.join(", ")),
        _ => reply,
    };
    match value.pointer("/subject/digest").and_then(Value::as_str).and_then(|text| text.parse::<Digest>().ok()) {
        Some(subject) => {
            state.disk.add_referrer(name, &subject, &digest)?;
            Ok(with(reply, SUBJECT, &subject.to_string()))
        }
        None => Ok(reply),
    }
}

/// DELETE of a tag, or of a manifest with all its tags.
pub(super) fn delete(state: &State, name: &str, reference: &Named) -> Result<Reply, Trouble> {
    let there = match reference {
        Named::Tag(tag) => state.disk.delete_tag(name, tag)?,
        Named::Digest(digest) => state.disk.delete_manifest(name, digest)?,
    };
    if there { Ok(empty(StatusCode::ACCEPTED)) } else { Err(unknown()) }
}

/// The list of tags, a page at a time.
pub(super) fn tags(state: &State, name: &str, query: Option<&str>) -> Result<Reply, Trouble> {
    if !state.disk.knows(name) {
        return Err(Trouble::refused(404, "NAME_UNKNOWN", "no such repository"));
    }
    let asked = parameters(query);
    let mut tags = state.disk.tags(name)?;
    if let Some(last) = asked.get("last") {
        tags.retain(|tag| tag > last);
    }
    let page = asked.get("n").and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
    let more = tags.len() > page;
    tags.truncate(page);
    let reply = reply::json(&json!({ "name": name, "tags": tags }));
    Ok(match tags.last() {
        Some(last) if more => with(reply, LINK, &format!("</v2/{name}/tags/list?n={page}&last={last}>; rel=\"next\"")),
        _ => reply,
    })
}

/// The manifests that name `digest` as their subject, as an index.
pub(super) fn referrers(state: &State, name: &str, digest: &Digest, query: Option<&str>) -> Result<Reply, Trouble> {
    let asked = parameters(query);
    let mut entries = Vec::new();
    for referrer in state.disk.referrers(name, digest)? {
        if let Some(kept) = state.disk.manifest(name, &referrer)? {
            entries.extend(referrer_entry(&referrer, &kept));
        }
    }
    let wanted = asked.get("artifactType").map(|text| Value::from(text.as_str()));
    if let Some(wanted) = &wanted {
        entries.retain(|entry| entry.get("artifactType") == Some(wanted));
    }
    let media_type = MediaType::ImageIndex.to_string();
    let index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": entries });
    let reply = with(reply::json(&index), CONTENT_TYPE, &media_type);
    Ok(if wanted.is_some() { with(reply, FILTERS, "artifactType") } else { reply })
}

fn referrer_entry(digest: &Digest, kept: &Kept) -> Option<Value> {
    let value: Value = serde_json::from_slice(&kept.bytes).ok()?;
    let mut entry = json!({ "mediaType": kept.media_type, "digest": digest.to_string(), "size": kept.bytes.len() });
    if let Some(kind) = value.get("artifactType").or_else(|| value.pointer("/config/mediaType")) {
        entry["artifactType"] = kind.clone();
    }
    if let Some(annotations) = value.get("annotations") {
        entry["annotations"] = annotations.clone();
    }
    Some(entry)
}

fn find(state: &State, name: &str, reference: &Named) -> Result<Digest, Trouble> {
    match reference {
        Named::Digest(digest) => Ok(digest.clone()),
        Named::Tag(tag) => state.disk.tag(name, tag)?.ok_or_else(unknown),
    }
}

fn media_type(value: &Value, declared: Option<String>) -> Result<String, Trouble> {
    let own = value.get("mediaType").and_then(Value::as_str);
    match (own, declared) {
        (Some(own), Some(declared)) if own != declared => Err(invalid("Content-Type is not the manifest's mediaType")),
        (Some(own), _) => Ok(own.to_owned()),
        (None, Some(declared)) => Ok(declared),
        (None, None) => Err(invalid("neither Content-Type nor mediaType")),
    }
}

fn check_contents(state: &State, name: &str, value: &Value) -> Result<(), Trouble> {
    let missing = |digest: &str| Err(Trouble::refused(404, "MANIFEST_BLOB_UNKNOWN", format!("{digest} is not here")));
    let list = |field| value.get(field).and_then(Value::as_array).into_iter().flatten();
    for blob in value.get("config").into_iter().chain(list("layers")) {
        let digest = text(blob, "digest").ok_or_else(|| invalid("a descriptor without digest"))?;
        let elsewhere =
            text(blob, "mediaType").is_some_and(|kind| kind.contains("nondistributable") || kind.contains("foreign"));
        let there = digest.parse().is_ok_and(|digest| state.disk.blob_size(name, &digest).is_some());
        if !there && !elsewhere {
            return missing(digest);
        }
    }
    for entry in list("manifests") {
        let digest = text(entry, "digest").ok_or_else(|| invalid("a descriptor without digest"))?;
        if !digest.parse().is_ok_and(|digest| state.disk.has_manifest(name, &digest)) {
            return missing(digest);
        }
    }
    Ok(())
}

fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field).and_then(Value::as_str)
}

fn parameters(query: Option<&str>) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect()
}

/// Tags that a push by digest asks for. The draft of the specification after 1.1 has them.
fn tags_of(query: Option<&str>) -> Result<Vec<String>, Trouble> {
    let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let tags: Vec<String> = pairs.filter(|(key, _)| key == "tag").map(|(_, tag)| tag.into_owned()).collect();
    if tags.iter().all(|tag| is_tag(tag)) { Ok(tags) } else { Err(Trouble::refused(400, "TAG_INVALID", "no tag")) }
}

fn invalid(reason: &str) -> Trouble {
    Trouble::refused(400, "MANIFEST_INVALID", reason)
}

fn unknown() -> Trouble {
    Trouble::refused(404, "MANIFEST_UNKNOWN", "the repository has no such manifest")
}
