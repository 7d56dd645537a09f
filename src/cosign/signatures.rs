//! The manifest that holds the signatures of an image.

use serde_json::{Value, json};

use crate::{
    image::{BlobSource as _, Manifest, Memory},
    oci::{Descriptor, Digest, MediaType, canonical_json},
};

const PAYLOAD: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// More are not looked at.
const MOST: usize = 256;

/// The tag under which the signatures of the image with `digest` lie.
#[must_use]
pub fn tag(digest: &Digest) -> String {
    format!("sha256-{}.sig", digest.hex())
}

/// The signatures of one image, each by somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signatures {
    /// As they stand in the manifest: other tools annotate them with more.
    layers: Vec<Value>,
    list: Vec<Signature>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// What was signed.
    pub payload: Descriptor,
    /// In base64.
    pub signature: String,
}

/// A manifest that holds no signatures.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignaturesError {
    /// It is something else.
    #[error("it holds no signatures of cosign")]
    Other,
    /// It has so many that somebody wants to waste our time.
    #[error("it holds more than {MOST} signatures")]
    Many,
}

impl Signatures {
    /// Reads what lies under [`tag`].
    ///
    /// # Errors
    /// When these are no signatures, or too many.
    pub fn parse(manifest: &Manifest) -> Result<Self, SignaturesError> {
        let layers = manifest.value().get("layers").and_then(Value::as_array).ok_or(SignaturesError::Other)?;
        if layers.len() > MOST {
            return Err(SignaturesError::Many);
        }
        let list = layers.iter().map(Signature::of).collect::<Option<_>>().ok_or(SignaturesError::Other)?;
        Ok(Self { layers: layers.clone(), list })
    }

    /// Each of them, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Signature> {
        self.list.iter()
    }

    /// The same with one more.
    #[must_use]
    pub fn with(mut self, signature: Signature) -> Self {
        self.layers.push(signature.to_json());
        self.list.push(signature);
        self
    }

    /// The config: that of an image of these layers, for no platform and of no time.
    #[must_use]
    pub fn config(&self) -> Memory {
        let diff_ids: Vec<String> = self.list.iter().map(|one| one.payload.digest.to_string()).collect();
        let config = json!({
            "architecture": "",
            "os": "",
            "created": "0001-01-01T00:00:00Z",
            "config": {},
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        Memory::new(MediaType::ImageConfig, canonical_json(&config))
    }

    /// The manifest.
    #[must_use]
    pub fn to_manifest(&self) -> Manifest {
        Manifest::of_value(
            MediaType::ImageManifest,
            json!({
                "schemaVersion": 2,
                "mediaType": MediaType::ImageManifest.to_string(),
                "config": self.config().descriptor().to_json(),
                "layers": self.layers,
            }),
        )
    }
}

impl Signature {
    /// The signature of `payload`, with the payload as a blob.
    #[must_use]
    pub fn new(payload: &[u8], signature: String) -> (Self, Memory) {
        let blob = Memory::new(MediaType::from(PAYLOAD), payload.to_vec());
        (Self { payload: blob.descriptor().clone(), signature }, blob)
    }

    fn of(layer: &Value) -> Option<Self> {
        let payload = Descriptor::from_json(layer)?;
        let signature = payload.annotations.get(SIGNATURE)?.clone();
        (payload.media_type.to_string() == PAYLOAD).then_some(Self { payload, signature })
    }

    fn to_json(&self) -> Value {
        let mut layer = self.payload.clone();
        layer.annotations.insert(SIGNATURE.to_owned(), self.signature.clone());
        layer.to_json()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_read_back_and_keep_what_others_wrote() {
        let (one, _) = Signature::new(b"one", "MEUC".to_owned());
        let (two, _) = Signature::new(b"two", "MEUD".to_owned());
        let mut value = Signatures::default().with(one.clone()).to_manifest().value().clone();
        value["layers"][0]["annotations"]["dev.sigstore.cosign/bundle"] = json!("{}");
        let foreign = Manifest::of_value(MediaType::ImageManifest, value.clone());
        let both = Signatures::parse(&foreign).unwrap().with(two.clone()).to_manifest();
        assert_eq!(both.value()["layers"][0], value["layers"][0]);
        let read = Signatures::parse(&both).unwrap();
        let found: Vec<_> = read.iter().map(|one| (one.payload.digest, one.signature.as_str())).collect();
        assert_eq!(found, [(one.payload.digest, "MEUC"), (two.payload.digest, "MEUD")]);
    }

    #[test]
    fn other_manifests_are_refused() {
        let (one, _) = Signature::new(b"one", "MEUC".to_owned());
        let sound = Signatures::default().with(one).to_manifest().value().clone();
        let check = |change: &dyn Fn(&mut Value), expect: SignaturesError| {
            let mut value = sound.clone();
            change(&mut value);
            let manifest = Manifest::of_value(MediaType::ImageManifest, value);
            assert_eq!(Signatures::parse(&manifest), Err(expect), "{manifest:?}");
        };
        check(&|value| value["layers"][0]["mediaType"] = json!("application/octet-stream"), SignaturesError::Other);
        check(&|value| value["layers"][0]["annotations"] = json!({}), SignaturesError::Other);
        check(&|value| value["layers"] = json!({}), SignaturesError::Other);
        check(&|value| value["layers"] = vec![value["layers"][0].clone(); MOST + 1].into(), SignaturesError::Many);
    }
}
