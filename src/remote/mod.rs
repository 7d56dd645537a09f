//! The remote layer index: what builds elsewhere made, written down in registries, so that a machine with
//! nothing but the lock needs no wheel for a layer that exists.
//!
//! ```text
//! tag ww1-<64 hex>    a layer: the record of the layer with this key
//! tag wwc1-<64 hex>   a check: what came of holding the wheels of one image against each other
//! tag wwr1-<64 hex>   a receipt: which of both an image uses that was pushed under one name, or one platform's
//!                     part of it that a shard made
//! ```
//!
//! Each is an ordinary image manifest with an ordinary config, which every registry takes and for which it
//! keeps the layers. A record has one layer, and one possible value: layers are functions of their keys. It is
//! written once, after the layer is there, and never changed; two that write it at once write the same. Who
//! finds another one than his own has found a lie.
//!
//! A record may be signed, and whoever reads may demand that (`signing`). What nobody uses any more goes by
//! the receipts (`prune`).

mod prune;
mod record;
mod signing;

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

pub use prune::{RemotePruned, prune};
pub use record::{Check, LayerRecord, Receipt, Unfit};
pub use signing::{KeyError, SigningKey, TrustedKeys};

use crate::{
    image::Manifest,
    oci::Digest,
    registry::{RegistryError, RemoteBlob, Repository},
};

/// Repositories with records, in the order in which they are asked.
pub struct LayerIndex {
    places: Vec<Repository>,
    trusted: Option<TrustedKeys>,
    /// Those that failed once; they are not asked again.
    failed: Mutex<BTreeSet<usize>>,
}

/// A layer that another build made.
#[derive(Clone)]
pub struct Found {
    /// What is said of it.
    pub record: LayerRecord,
    /// Its bytes, which are there.
    pub blob: RemoteBlob,
    /// In which repository.
    pub place: String,
}

/// A record that was found and is not used, or a place that cannot be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Complaint {
    /// A record is malformed, unsigned, or of another layer.
    #[error("the record {tag} in {place} is not used")]
    Record {
        /// Its tag.
        tag: String,
        /// The repository.
        place: String,
        /// Why.
        source: Unfit,
    },
    /// A repository cannot be asked for records.
    #[error("{place} cannot be asked for layers")]
    Place {
        /// The repository.
        place: String,
        /// Why.
        source: RegistryError,
    },
}

impl LayerIndex {
    /// The index over `places`, of which only records count that one of `trusted` signed, if there are any.
    #[must_use]
    pub const fn new(places: Vec<Repository>, trusted: Option<TrustedKeys>) -> Self {
        Self { places, trusted, failed: Mutex::new(BTreeSet::new()) }
    }

    /// Whether there is nowhere to ask.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The layer with `key`, from the first place that has both its record and its bytes. What stands in the
    /// way is told, and is no failure: the layer can be made.
    pub async fn layer(&self, key: &Digest, tell: &dyn Fn(Complaint)) -> Option<Found> {
        let tag = LayerRecord::tag(key);
        for (number, place) in self.places.iter().enumerate() {
            let Some(manifest) = self.read((number, place), &tag, tell).await else { continue };
            let record = match LayerRecord::read(&manifest, key, self.trusted.as_ref()) {
                Ok(record) => record,
                Err(source) => {
                    tell(Complaint::Record { tag: tag.clone(), place: place.to_string(), source });
                    continue;
                }
            };
            match place.has_blob(&record.layer).await {
                Ok(true) => return Some(Found { blob: place.blob(&record.layer), place: place.to_string(), record }),
                Ok(false) => {}
                Err(source) => self.give_up((number, place), source, tell),
            }
        }
        None
    }

    /// What is known of the wheels whose check has this digest.
    pub async fn check(&self, of: &Digest, tell: &dyn Fn(Complaint)) -> Option<Check> {
        let tag = Check::tag(of);
        for (number, place) in self.places.iter().enumerate() {
            let Some(manifest) = self.read((number, place), &tag, tell).await else { continue };
            match Check::read(&manifest, of, self.trusted.as_ref()) {
                Ok(check) => return Some(check),
                Err(source) => tell(Complaint::Record { tag: tag.clone(), place: place.to_string(), source }),
            }
        }
        None
    }

    async fn read(
        &self,
        (number, place): (usize, &Repository),
        tag: &str,
        tell: &dyn Fn(Complaint),
    ) -> Option<Manifest> {
        if self.failed.lock().unwrap_or_else(PoisonError::into_inner).contains(&number) {
            return None;
        }
        match place.tagged(tag).await {
            Ok(manifest) => manifest,
            // What we may not see, or is not there yet.
            Err(error) if error.status().is_some_and(|status| matches!(status.as_u16(), 401 | 403)) => None,
            Err(source) => {
                self.give_up((number, place), source, tell);
                None
            }
        }
    }

    fn give_up(&self, (number, place): (usize, &Repository), source: RegistryError, tell: &dyn Fn(Complaint)) {
        if self.failed.lock().unwrap_or_else(PoisonError::into_inner).insert(number) {
            tell(Complaint::Place { place: place.to_string(), source });
        }
    }
}

/// What came of writing something down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It was not there before.
    New,
    /// It was there.
    There,
    /// Something else is there, and was left.
    Differs(String),
}

/// Writes a layer's record into `place`, where its layer is already.
///
/// # Errors
/// When the registry cannot be reached or refuses it.
pub async fn write_layer(
    place: &Repository,
    record: &LayerRecord,
    key: Option<&SigningKey>,
) -> Result<Written, RegistryError> {
    let manifest = record.to_manifest(key);
    let there = match place.tagged(&LayerRecord::tag(&record.key)).await? {
        None => None,
        Some(found) if found.bytes() == manifest.bytes() => return Ok(Written::There),
        Some(found) => Some(LayerRecord::read(&found, &record.key, None)),
    };
    match there {
        Some(Ok(found)) if found != *record => return Ok(Written::Differs(found.layer.digest.to_string())),
        // The same, and only a signature would be new.
        Some(Ok(_)) if key.is_none() => return Ok(Written::There),
        _ => {}
    }
    place.put_blob(&record.config()).await?;
    place.put_manifest(&manifest, &LayerRecord::tag(&record.key)).await?;
    Ok(Written::New)
}

/// Writes a check into `place`, beside the record of one of its layers.
///
/// # Errors
/// When the registry cannot be reached or refuses it.
pub async fn write_check(
    place: &Repository,
    check: &Check,
    (beside, key): (&LayerRecord, Option<&SigningKey>),
) -> Result<Written, RegistryError> {
    let manifest = check.to_manifest(beside, key);
    match place.tagged(&Check::tag(&check.of)).await? {
        Some(found) if found.bytes() == manifest.bytes() => return Ok(Written::There),
        Some(found) => match Check::read(&found, &check.of, None) {
            Ok(found) if found != *check => return Ok(Written::Differs(found.warnings.join("; "))),
            Ok(_) if key.is_none() => return Ok(Written::There),
            _ => {}
        },
        None => {}
    }
    place.put_manifest(&manifest, &Check::tag(&check.of)).await?;
    Ok(Written::New)
}

/// Writes a receipt into `place`, over an older one for the same name and part.
///
/// # Errors
/// When the registry cannot be reached or refuses it.
pub async fn write_receipt(
    place: &Repository,
    receipt: &Receipt,
    beside: &LayerRecord,
) -> Result<Written, RegistryError> {
    let (manifest, tag) = (receipt.to_manifest(beside), receipt.tag());
    if place.tagged(&tag).await?.is_some_and(|found| found.bytes() == manifest.bytes()) {
        return Ok(Written::There);
    }
    place.put_blob(&beside.config()).await?;
    place.put_manifest(&manifest, &tag).await?;
    Ok(Written::New)
}
