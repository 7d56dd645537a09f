//! What is known of bases, kept in the store: plain notes that may be copied to another machine.
//!
//! ```text
//! bases/layer-4-<64 hex>               gzip of a JSON document: the entries of the layer with this diff id
//! bases/facts-1-<64 hex>-<64 hex>      JSON: the facts of the image with this manifest digest, for these targets
//! ```

use std::io::{Read as _, Write as _};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde_json::json;

use super::{BaseError, entries::LayerEntries};
use crate::{
    lock::Facts,
    oci::{DiffId, Digest, canonical_json},
    store::{Bucket, Store, StoreError},
};

/// Raised when [`LayerEntries`] or the evidence in it mean something else than before, or more.
const LAYER_FORMAT: u32 = 4;
/// Raised when the facts of the same files would come out differently than before.
const FACTS_FORMAT: u32 = 1;

/// The entries of the layer with this diff id, if they are known. A note that cannot be read is none.
pub fn known_layer(store: &Store, diff_id: DiffId) -> Option<LayerEntries> {
    let note = store.recall(Bucket::Bases, &layer_key(diff_id))?;
    let mut json = Vec::new();
    GzDecoder::new(&note[..]).read_to_end(&mut json).ok()?;
    serde_json::from_slice(&json).ok()
}

/// Keeps the entries of the layer with this diff id.
///
/// # Errors
/// When the store cannot be written.
///
/// # Panics
/// Never: what a layer holds can be written as JSON, and into memory.
pub fn keep_layer(store: &Store, diff_id: DiffId, entries: &LayerEntries) -> Result<(), StoreError> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let json = serde_json::to_vec(entries).expect("paths and texts are strings");
    encoder.write_all(&json).expect("a vector takes everything");
    let note = encoder.finish().expect("a vector takes everything");
    store.remember(Bucket::Bases, &layer_key(diff_id), &note)
}

/// The facts of the image with this manifest, if they are known.
pub(super) fn facts(store: &Store, manifest: &Digest, targets: &[String]) -> Option<Facts> {
    serde_json::from_slice(&store.recall(Bucket::Bases, &facts_key(manifest, targets))?).ok()
}

/// Keeps the facts of the image with this manifest.
pub(super) fn keep_facts(store: &Store, manifest: &Digest, targets: &[String], facts: &Facts) -> Result<(), BaseError> {
    let json = serde_json::to_vec(facts).expect("facts are strings and numbers");
    Ok(store.remember(Bucket::Bases, &facts_key(manifest, targets), &json)?)
}

fn layer_key(DiffId(digest): DiffId) -> String {
    format!("layer-{LAYER_FORMAT}-{}", digest.hex())
}

fn facts_key(manifest: &Digest, targets: &[String]) -> String {
    let targets = Digest::of(&canonical_json(&json!(targets)));
    format!("facts-{FACTS_FORMAT}-{}-{}", manifest.hex(), targets.hex())
}
