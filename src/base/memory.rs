//! What is known of bases, kept in the store: plain notes that may be copied to another machine.
//!
//! ```text
//! bases/layer-N-<64 hex>               the entries of the layer with this diff id, as [`LayerEntries::to_bytes`] has them
//! bases/table-N-<64 hex>-<64 hex>      the same, with evidence of fewer files, as told by the table with this digest
//!                                      in the blob with this digest
//! bases/facts-N-<64 hex>-<64 hex>      JSON: the facts of the image with this manifest digest, for these targets
//! ```

use serde_json::json;

use super::{BaseError, entries::LayerEntries};
use crate::{
    lock::Facts,
    oci::{DiffId, Digest, canonical_json},
    store::{Bucket, Store, StoreError},
};

/// Raised when [`LayerEntries`] or the evidence in it mean something else than before, or more.
const LAYER_FORMAT: u32 = 18;
/// Raised when the facts of the same files would come out differently than before.
const FACTS_FORMAT: u32 = 7;

/// The entries of the layer with this diff id, if they are known.
pub fn known_layer(store: &Store, diff_id: DiffId) -> Option<LayerEntries> {
    entries(store, &layer_key(diff_id))
}

/// Whether [`known_layer`] has something to look at that is not torn, without looking closer.
#[must_use]
pub fn is_known_layer(store: &Store, diff_id: DiffId) -> bool {
    store.has_whole_note(Bucket::Bases, &layer_key(diff_id))
}

/// Keeps the entries of the layer with this diff id.
///
/// # Errors
/// When the store cannot be written.
pub fn keep_layer(store: &Store, diff_id: DiffId, entries: &LayerEntries) -> Result<(), StoreError> {
    keep_entries(store, &layer_key(diff_id), entries)
}

/// What a layer's table said, if it is known. Never under the diff id: another image may have a layer of
/// the same tar, and a table that does not tell of it.
pub(super) fn indexed(store: &Store, blob: &Digest, table: &Digest) -> Option<LayerEntries> {
    entries(store, &table_key(blob, table))
}

/// Keeps what a layer's table said.
pub(super) fn keep_indexed(
    store: &Store,
    blob: &Digest,
    table: &Digest,
    entries: &LayerEntries,
) -> Result<(), StoreError> {
    keep_entries(store, &table_key(blob, table), entries)
}

/// A note that cannot be read is none.
fn entries(store: &Store, key: &str) -> Option<LayerEntries> {
    LayerEntries::from_bytes(&store.note(Bucket::Bases, key)?)
}

fn keep_entries(store: &Store, key: &str, entries: &LayerEntries) -> Result<(), StoreError> {
    store.keep(Bucket::Bases, key, &entries.to_bytes())
}

/// The facts of the image with this manifest, if they are known.
pub(super) fn facts(store: &Store, manifest: &Digest, targets: &[String]) -> Option<Facts> {
    serde_json::from_slice(&store.note(Bucket::Bases, &facts_key(manifest, targets))?).ok()
}

/// Keeps the facts of the image with this manifest.
pub(super) fn keep_facts(store: &Store, manifest: &Digest, targets: &[String], facts: &Facts) -> Result<(), BaseError> {
    let json = serde_json::to_vec(facts).expect("facts are strings and numbers");
    Ok(store.keep(Bucket::Bases, &facts_key(manifest, targets), &json)?)
}

fn layer_key(DiffId(digest): DiffId) -> String {
    format!("layer-{LAYER_FORMAT}-{}", digest.hex())
}

fn table_key(blob: &Digest, table: &Digest) -> String {
    format!("table-{LAYER_FORMAT}-{}-{}", blob.hex(), table.hex())
}

fn facts_key(manifest: &Digest, targets: &[String]) -> String {
    let targets = Digest::of(&canonical_json(&json!(targets)));
    format!("facts-{FACTS_FORMAT}-{}-{}", manifest.hex(), targets.hex())
}
