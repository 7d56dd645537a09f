//! Statements: that a predicate holds of an artifact.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{AttestError, PREDICATE_TYPE, STATEMENT};
use crate::{
    image::{Artifact, Memory},
    oci::{Descriptor, Digest, MediaType, canonical_json},
};

const TYPE: &str = "https://in-toto.io/Statement/v1";

/// What is said of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// What the image is called.
    pub name: String,
    /// Its manifest.
    pub subject: Digest,
    /// What the predicate means.
    pub predicate_type: String,
    /// What is said.
    pub predicate: Value,
}

impl Statement {
    /// As canonical JSON.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical_json(&json!({
            "_type": TYPE,
            "subject": [{ "name": self.name, "digest": { "sha256": self.subject.hex() } }],
            "predicateType": self.predicate_type,
            "predicate": self.predicate,
        }))
    }

    /// Reads a statement about one thing.
    ///
    /// # Errors
    /// When the bytes are none, or speak of several things.
    pub fn parse(bytes: &[u8]) -> Result<Self, AttestError> {
        let value: Value = serde_json::from_slice(bytes).map_err(|source| AttestError::Json { source })?;
        let text = |path: &'static str| {
            let found = value.pointer(path).and_then(Value::as_str).map(str::to_owned);
            found.ok_or(AttestError::Field { field: path })
        };
        if text("/_type")? != TYPE {
            return Err(AttestError::Field { field: "/_type" });
        }
        if value.get("subject").and_then(Value::as_array).is_none_or(|subjects| subjects.len() != 1) {
            return Err(AttestError::Field { field: "/subject" });
        }
        let subject = format!("sha256:{}", text("/subject/0/digest/sha256")?);
        Ok(Self {
            name: value.pointer("/subject/0/name").and_then(Value::as_str).unwrap_or_default().to_owned(),
            subject: subject.parse().map_err(|_| AttestError::Field { field: "/subject/0/digest/sha256" })?,
            predicate_type: text("/predicateType")?,
            predicate: value.get("predicate").cloned().unwrap_or_default(),
        })
    }

    /// As a layer, with the annotations that it has in a manifest.
    pub(super) fn to_layer(&self) -> (Memory, BTreeMap<String, String>) {
        let layer = Memory::new(MediaType::from(STATEMENT), self.to_bytes());
        (layer, BTreeMap::from([(PREDICATE_TYPE.to_owned(), self.predicate_type.clone())]))
    }

    /// As an artifact of its own, attached to `subject`.
    #[must_use]
    pub fn to_artifact(&self, subject: &Descriptor) -> Artifact {
        let (layer, annotations) = self.to_layer();
        Artifact::new(STATEMENT, subject, None, vec![(layer, annotations.clone())], &annotations)
    }
}
