//! The payload: what is signed.
//!
//! [Simple signing](https://github.com/containers/image/blob/main/docs/containers-signature.5.md#json-data-format).

use serde::Deserialize;
use serde_json::json;

use crate::oci::{Digest, canonical_json};

/// What cosign calls it.
const KIND: &str = "cosign container image signature";

/// That an image is its signer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Of its manifest or index.
    pub digest: Digest,
    /// The repository that it was signed for, `ghcr.io/me/app`. Cosign does not hold it against where the image
    /// was found, so that copies stay signed; Podman's policies can.
    pub identity: String,
}

/// Bytes that are no payload.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// Not the JSON of simple signing.
    #[error("it is not what is signed of images")]
    Json(#[from] serde_json::Error),
    /// Another kind of claim.
    #[error("it is a `{0}`")]
    Kind(String),
    /// No digest.
    #[error("it names `{0}`, which is no SHA-256 digest")]
    Digest(String),
}

#[derive(Deserialize)]
struct Document {
    critical: Critical,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Critical {
    identity: Identity,
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Identity {
    docker_reference: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Image {
    docker_manifest_digest: String,
}

impl Payload {
    /// The bytes that are signed: equal payloads have equal bytes, those that cosign writes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical_json(&json!({
            "critical": {
                "identity": { "docker-reference": self.identity },
                "image": { "docker-manifest-digest": self.digest.to_string() },
                "type": KIND,
            },
            "optional": null,
        }))
    }

    /// Reads what is signed. A reader must understand all that is `critical`, so more of that than is known here is
    /// refused.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(bytes: &[u8]) -> Result<Self, PayloadError> {
        let Document { critical } = serde_json::from_slice(bytes)?;
        if critical.kind != KIND {
            return Err(PayloadError::Kind(critical.kind));
        }
        let named = critical.image.docker_manifest_digest;
        let digest = named.parse().map_err(|_| PayloadError::Digest(named))?;
        Ok(Self { digest, identity: critical.identity.docker_reference })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_cosigns_to_the_byte() {
        let payload = Payload { digest: Digest::of(b""), identity: "ghcr.io/me/app".to_owned() };
        let expect = format!(
            r#"{{"critical":{{"identity":{{"docker-reference":"ghcr.io/me/app"}},"image":{{"docker-manifest-digest":"{}"}},"type":"cosign container image signature"}},"optional":null}}"#,
            Digest::of(b"")
        );
        assert_eq!(String::from_utf8(payload.to_bytes()).unwrap(), expect);
        assert_eq!(Payload::parse(expect.as_bytes()).unwrap(), payload);
        let by_skopeo = expect.replace("null", r#"{"creator":"containers/image 5.22.0","timestamp":1659110400}"#);
        assert_eq!(Payload::parse(by_skopeo.as_bytes()).unwrap(), payload);
    }

    #[test]
    fn other_claims_are_refused() {
        let sound =
            String::from_utf8(Payload { digest: Digest::of(b""), identity: "a".to_owned() }.to_bytes()).unwrap();
        let check = |text: &str, expect: &str| {
            let error = Payload::parse(text.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), expect, "{text}");
        };
        check("", "it is not what is signed of images");
        check("{}", "it is not what is signed of images");
        check(&sound[..sound.len() - 1], "it is not what is signed of images");
        check(&sound.replace("\"type\"", "\"more\":1,\"type\""), "it is not what is signed of images");
        check(&sound.replace("cosign container image signature", "promise"), "it is a `promise`");
        check(
            &sound.replace(&Digest::of(b"").to_string(), "sha512:00"),
            "it names `sha512:00`, which is no SHA-256 digest",
        );
    }
}
