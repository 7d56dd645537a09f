//! What is written down, and its form: image manifests whose annotations say what they are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{SigningKey, TrustedKeys};
use crate::{
    image::{BlobSource as _, Manifest, Memory},
    oci::{Descriptor, DiffId, Digest, MediaType, Platform, canonical_json},
};

const LAYER: &str = "application/vnd.wheelwright.layer.v1";
const CHECK: &str = "application/vnd.wheelwright.check.v1";
const RECEIPT: &str = "application/vnd.wheelwright.receipt.v1";

const KEY: &str = "dev.wheelwright.key";
const DIFF_ID: &str = "dev.wheelwright.diff-id";
const WARNINGS: &str = "dev.wheelwright.warnings";
const NAME: &str = "dev.wheelwright.name";
const USES: &str = "dev.wheelwright.uses";
const PART: &str = "dev.wheelwright.part";
const SIGNATURE: &str = "dev.wheelwright.signature";

/// Which layer has a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerRecord {
    /// The key.
    pub key: Digest,
    /// The layer, as it stands in manifests.
    pub layer: Descriptor,
    /// SHA-256 of its tar.
    pub diff_id: DiffId,
}

/// What came of holding wheels against each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Of the keys of their layers.
    pub of: Digest,
    /// What is to be said of them, though they go together.
    pub warnings: Vec<String>,
}

/// Which records and checks an image needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// `HOST/REPOSITORY:TAG` of the image.
    pub name: String,
    /// The platform, where the receipt is of one machine's part of the image, and other machines leave others.
    pub part: Option<Platform>,
    /// Tags of records and checks.
    pub uses: BTreeSet<String>,
}

/// Why a manifest is not what its tag promises.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// It is something else, or of another key.
    #[error("it is malformed: {0}")]
    Malformed(&'static str),
    /// No trusted key has signed it.
    #[error("none of the trusted keys has signed it")]
    Unsigned,
}

impl LayerRecord {
    /// The tag of the record of the layer with `key`.
    #[must_use]
    pub fn tag(key: &Digest) -> String {
        format!("ww1-{}", key.hex())
    }

    /// Reads the record of the layer with `key`.
    ///
    /// # Errors
    /// When it is none, or none that `trusted` has signed.
    pub fn read(manifest: &Manifest, key: &Digest, trusted: Option<&TrustedKeys>) -> Result<Self, Unfit> {
        let annotation = |name| annotation(manifest, LAYER, name);
        if annotation(KEY)? != key.hex() {
            return Err(Unfit::Malformed("it is of another layer"));
        }
        let diff_id = annotation(DIFF_ID)?.parse().map(DiffId).map_err(|_| Unfit::Malformed("no diff id"))?;
        let layers = manifest.layers().map_err(|_| Unfit::Malformed("no layers"))?;
        let [layer] = &layers[..] else { return Err(Unfit::Malformed("not one layer")) };
        let record = Self { key: *key, layer: layer.clone(), diff_id };
        demand(manifest, &record.statement(), trusted)?;
        Ok(record)
    }

    /// The config: that of an image of this layer alone, for no platform.
    #[must_use]
    pub fn config(&self) -> Memory {
        let config = json!({
            "architecture": "unknown",
            "os": "unknown",
            "rootfs": { "type": "layers", "diff_ids": [self.diff_id.to_string()] },
        });
        Memory::new(MediaType::ImageConfig, canonical_json(&config))
    }

    /// The record as a manifest, signed if there is a key.
    #[must_use]
    pub fn to_manifest(&self, key: Option<&SigningKey>) -> Manifest {
        let annotations = [(KEY, self.key.hex()), (DIFF_ID, self.diff_id.to_string())]
            .into_iter()
            .chain(signed(key, &self.statement()));
        self.manifest(LAYER, &annotations.collect())
    }

    /// A manifest over this layer and its config.
    fn manifest(&self, kind: &str, annotations: &BTreeMap<&str, String>) -> Manifest {
        let value = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::ImageManifest.to_string(),
            "artifactType": kind,
            "config": self.config().descriptor().to_json(),
            "layers": [self.layer.to_json()],
            "annotations": annotations,
        });
        Manifest::of_value(MediaType::ImageManifest, value)
    }

    /// What is signed.
    fn statement(&self) -> Value {
        json!({
            "type": LAYER,
            "key": self.key.to_string(),
            "layer": self.layer.to_json(),
            "diffId": self.diff_id.to_string(),
        })
    }
}

impl Check {
    /// The tag of the check of the wheels in layers whose keys have this digest.
    #[must_use]
    pub fn tag(of: &Digest) -> String {
        format!("wwc1-{}", of.hex())
    }

    /// Reads the check with this digest.
    ///
    /// # Errors
    /// When it is none, or none that `trusted` has signed.
    pub fn read(manifest: &Manifest, of: &Digest, trusted: Option<&TrustedKeys>) -> Result<Self, Unfit> {
        if annotation(manifest, CHECK, KEY)? != of.hex() {
            return Err(Unfit::Malformed("it is of other layers"));
        }
        let warnings = serde_json::from_str(annotation(manifest, CHECK, WARNINGS)?);
        let check = Self { of: *of, warnings: warnings.map_err(|_| Unfit::Malformed("no list of warnings"))? };
        demand(manifest, &check.statement(), trusted)?;
        Ok(check)
    }

    /// The check as a manifest, whose layer is that of the record `beside` it.
    #[must_use]
    pub fn to_manifest(&self, beside: &LayerRecord, key: Option<&SigningKey>) -> Manifest {
        let annotations = [(KEY, self.of.hex()), (WARNINGS, json!(self.warnings).to_string())];
        beside.manifest(CHECK, &annotations.into_iter().chain(signed(key, &self.statement())).collect())
    }

    fn statement(&self) -> Value {
        json!({ "type": CHECK, "of": self.of.to_string(), "warnings": self.warnings })
    }
}

impl Receipt {
    /// Its tag: there is one receipt for each name, and one for each platform of it that a machine made apart.
    #[must_use]
    pub fn tag(&self) -> String {
        let subject = self.part.as_ref().map_or_else(|| self.name.clone(), |part| format!("{} {part}", self.name));
        format!("wwr1-{}", Digest::of(subject.as_bytes()).hex())
    }

    /// Reads a receipt.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(manifest: &Manifest) -> Result<Self, Unfit> {
        let name = annotation(manifest, RECEIPT, NAME)?.to_owned();
        let uses = annotation(manifest, RECEIPT, USES)?.split_whitespace().map(str::to_owned).collect();
        let part = annotation(manifest, RECEIPT, PART).ok().map(str::parse).transpose();
        let part = part.map_err(|_| Unfit::Malformed("it is of no platform"))?;
        Ok(Self { name, part, uses })
    }

    /// The receipt as a manifest, whose layer is that of the record `beside` it.
    #[must_use]
    pub fn to_manifest(&self, beside: &LayerRecord) -> Manifest {
        let uses = self.uses.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        let part = self.part.as_ref().map(|part| (PART, part.to_string()));
        beside.manifest(RECEIPT, &[(NAME, self.name.clone()), (USES, uses)].into_iter().chain(part).collect())
    }
}

fn annotation<'m>(manifest: &'m Manifest, kind: &str, name: &str) -> Result<&'m str, Unfit> {
    let value = manifest.value();
    if value.get("artifactType").and_then(Value::as_str) != Some(kind) {
        return Err(Unfit::Malformed("it is something else"));
    }
    let found = value.get("annotations").and_then(|annotations| annotations.get(name)).and_then(Value::as_str);
    found.ok_or(Unfit::Malformed("an annotation is missing"))
}

fn signed(key: Option<&SigningKey>, statement: &Value) -> Option<(&'static str, String)> {
    key.map(|key| (SIGNATURE, key.sign(&canonical_json(statement))))
}

fn demand(manifest: &Manifest, statement: &Value, trusted: Option<&TrustedKeys>) -> Result<(), Unfit> {
    let Some(trusted) = trusted else { return Ok(()) };
    let signature = manifest.value().pointer("/annotations").and_then(|found| found.get(SIGNATURE));
    let signature = signature.and_then(Value::as_str).ok_or(Unfit::Unsigned)?;
    if trusted.have_signed(&canonical_json(statement), signature) { Ok(()) } else { Err(Unfit::Unsigned) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::signing::tests::{OTHER_PUBLIC, PRIVATE, PUBLIC};

    fn record() -> LayerRecord {
        let mut layer = Descriptor::of(MediaType::ImageLayerGzip, b"layer");
        layer.annotations.insert("containerd.io/snapshot/stargz/toc.digest".to_owned(), "a".to_owned());
        LayerRecord { key: Digest::of(b"key"), layer, diff_id: DiffId(Digest::of(b"tar")) }
    }

    fn without_type(value: &Value) -> Manifest {
        Manifest::of_value(MediaType::ImageManifest, value.clone())
    }

    #[test]
    fn records_are_images_of_one_layer() {
        let record = record();
        let manifest = record.to_manifest(None);
        let text = serde_json::to_string_pretty(manifest.value()).unwrap();
        insta::assert_snapshot!(text, @r#"
        {
          "annotations": {
            "dev.wheelwright.diff-id": "sha256:90aebae315675cbf04612de4f7d5874850f48e0b8dd82becbeaa47ca93f5ebfb",
            "dev.wheelwright.key": "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"
          },
          "artifactType": "application/vnd.wheelwright.layer.v1",
          "config": {
            "digest": "sha256:e1675f43376282125ed014720f222b839ad73804b8e39b5c6b1d05d1f26b0f61",
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "size": 155
          },
          "layers": [
            {
              "annotations": {
                "containerd.io/snapshot/stargz/toc.digest": "a"
              },
              "digest": "sha256:dac1d7cfa95021764849fd102524e141488c5e3a90f861dbb5a12d9ac8584f85",
              "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
              "size": 5
            }
          ],
          "mediaType": "application/vnd.oci.image.manifest.v1+json",
          "schemaVersion": 2
        }
        "#);
        assert_eq!(LayerRecord::read(&manifest, &record.key, None), Ok(record.clone()));
        assert_eq!(LayerRecord::tag(&record.key).len(), 68);
        let other = Digest::of(b"other");
        assert_eq!(LayerRecord::read(&manifest, &other, None), Err(Unfit::Malformed("it is of another layer")));
        let mut value = manifest.value().clone();
        value["layers"] = json!([record.layer.to_json(), record.layer.to_json()]);
        let two = LayerRecord::read(&without_type(&value), &record.key, None);
        assert_eq!(two, Err(Unfit::Malformed("not one layer")));
        value["artifactType"] = CHECK.into();
        let something = LayerRecord::read(&without_type(&value), &record.key, None);
        assert_eq!(something, Err(Unfit::Malformed("it is something else")));
    }

    #[test]
    fn only_what_a_trusted_key_has_signed_counts_where_that_is_demanded() {
        let key = SigningKey::parse(PRIVATE.as_bytes()).unwrap();
        let (trusted, others) =
            (TrustedKeys::parse(PUBLIC.as_bytes()).unwrap(), TrustedKeys::parse(OTHER_PUBLIC.as_bytes()).unwrap());
        let record = record();
        let signed = record.to_manifest(Some(&key));
        assert_eq!(signed.bytes(), record.to_manifest(Some(&key)).bytes(), "signatures are deterministic");
        assert_eq!(LayerRecord::read(&signed, &record.key, Some(&trusted)), Ok(record.clone()));
        assert_eq!(LayerRecord::read(&signed, &record.key, Some(&others)), Err(Unfit::Unsigned));
        let unsigned = record.to_manifest(None);
        assert_eq!(LayerRecord::read(&unsigned, &record.key, Some(&trusted)), Err(Unfit::Unsigned));
        // Nothing that is said may be changed afterwards.
        for (pointer, text) in [
            ("/layers/0/digest", Digest::of(b"poison").to_string()),
            ("/layers/0/annotations/containerd.io~1snapshot~1stargz~1toc.digest", "b".to_owned()),
            ("/annotations/dev.wheelwright.diff-id", Digest::of(b"poison").to_string()),
        ] {
            let mut value = signed.value().clone();
            *value.pointer_mut(pointer).unwrap() = text.into();
            let read = LayerRecord::read(&without_type(&value), &record.key, Some(&trusted));
            assert_eq!(read, Err(Unfit::Unsigned), "{pointer}");
        }
        let check = Check { of: Digest::of(b"keys"), warnings: vec!["a, \"b\"".to_owned()] };
        let manifest = check.to_manifest(&record, Some(&key));
        assert_eq!(Check::read(&manifest, &check.of, Some(&trusted)), Ok(check.clone()));
        let mut value = manifest.value().clone();
        value["annotations"]["dev.wheelwright.warnings"] = "[]".into();
        assert_eq!(Check::read(&without_type(&value), &check.of, Some(&trusted)), Err(Unfit::Unsigned));
    }

    #[test]
    fn receipts_are_read_back() {
        let uses = ["ww1-a", "wwc1-b"].map(str::to_owned).into();
        let whole = Receipt { name: "h.example/app:1".to_owned(), part: None, uses };
        let part = |platform: &str| Receipt { part: Some(platform.parse().unwrap()), ..whole.clone() };
        let receipts = [whole.clone(), part("linux/amd64"), part("linux/arm64")];
        let tags: BTreeSet<String> = receipts.iter().map(Receipt::tag).collect();
        assert_eq!(tags.len(), receipts.len());
        for receipt in receipts {
            assert_eq!(Receipt::read(&receipt.to_manifest(&record())), Ok(receipt));
        }
        assert!(Receipt::read(&record().to_manifest(None)).is_err());
    }
}
