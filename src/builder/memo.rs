//! What earlier builds made: layer key → digest, size and diff id, and the rope that yields the bytes.

use serde::{Deserialize, Serialize};

use crate::{
    layer::{Laid, Rope, VirtualLayer},
    oci::{Descriptor, DiffId, Digest, MediaType},
    plan::LayerKey,
    store::{Bucket, Store, StoreError},
};

/// A layer that has been made, now or before.
#[derive(Clone, Debug)]
pub(super) struct MadeLayer {
    pub(super) layer: VirtualLayer,
    pub(super) diff_id: DiffId,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    digest: Digest,
    size: u64,
    diff_id: DiffId,
}

/// The layer under `key`, if an earlier build made it and the store still has what it is made of.
pub(super) fn recall(store: &Store, key: &LayerKey) -> Option<MadeLayer> {
    let note: Note = serde_json::from_slice(&store.note(Bucket::Layers, &key.hex())?).ok()?;
    let rope = Rope::from_note(&store.note(Bucket::Splices, &key.hex())?, store)?;
    (rope.length() == note.size).then(|| made(note.digest, note.diff_id, rope))
}

/// Keeps a layer for later builds.
pub(super) fn remember(store: &Store, key: &LayerKey, laid: Laid) -> Result<MadeLayer, StoreError> {
    let note = Note { digest: laid.digest, size: laid.rope.length(), diff_id: laid.diff_id };
    let bytes = serde_json::to_vec(&note).unwrap_or_default();
    store.keep(Bucket::Splices, &key.hex(), &laid.rope.to_note())?;
    store.keep(Bucket::Layers, &key.hex(), &bytes)?;
    Ok(made(laid.digest, laid.diff_id, laid.rope))
}

fn made(digest: Digest, diff_id: DiffId, rope: Rope) -> MadeLayer {
    let descriptor = Descriptor::new(MediaType::ImageLayerGzip, digest, rope.length());
    MadeLayer { layer: VirtualLayer::new(descriptor, rope), diff_id }
}
