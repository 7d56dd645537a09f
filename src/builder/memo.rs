//! What earlier builds made: layer key → descriptor and diff id, and the rope that yields the bytes.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    layer::{Laid, Rope, VirtualLayer},
    oci::{Descriptor, DiffId},
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
    /// As it stands in a manifest, annotations included.
    descriptor: Value,
    diff_id: DiffId,
}

/// The layer under `key`, if an earlier build made it and the store still has what it is made of.
pub(super) fn recall(store: &Store, key: &LayerKey) -> Option<MadeLayer> {
    let note: Note = serde_json::from_slice(&store.note(Bucket::Layers, &key.hex())?).ok()?;
    let descriptor = Descriptor::from_json(&note.descriptor)?;
    let rope = Rope::from_note(&store.note(Bucket::Splices, &key.hex())?, store)?;
    let whole = rope.length() == descriptor.size;
    whole.then(|| MadeLayer { layer: VirtualLayer::new(descriptor, rope), diff_id: note.diff_id })
}

/// Keeps a layer for later builds.
pub(super) fn remember(store: &Store, key: &LayerKey, laid: Laid) -> Result<MadeLayer, StoreError> {
    let note = Note { descriptor: laid.descriptor.to_json(), diff_id: laid.diff_id };
    let bytes = serde_json::to_vec(&note).unwrap_or_default();
    store.keep(Bucket::Splices, &key.hex(), &laid.rope.to_note())?;
    store.keep(Bucket::Layers, &key.hex(), &bytes)?;
    Ok(MadeLayer { layer: VirtualLayer::new(laid.descriptor, laid.rope), diff_id: laid.diff_id })
}

#[cfg(test)]
mod tests {
    use crate::{
        image::BlobSource as _,
        layer::{Format, Threads, lay},
        lock::Facts,
        plan::{Encoding, scripts_key},
        recipe::Compression,
    };

    use super::*;

    #[test]
    fn a_layer_is_recalled_with_all_that_is_said_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        for (compression, format) in [(Compression::Lazy, Format::Lazy), (Compression::None, Format::Plain)] {
            let key = scripts_key(&[], &Facts::default(), Encoding { format: 1, compression });
            assert!(recall(&store, &key).is_none());
            let laid = lay(&[], format, Threads::One, &store, &|_| {}).unwrap();
            let (descriptor, diff_id) = (laid.descriptor.clone(), laid.diff_id);
            remember(&store, &key, laid).unwrap();
            let recalled = recall(&store, &key).unwrap();
            assert_eq!((recalled.layer.descriptor(), recalled.diff_id), (&descriptor, diff_id));
            store.evict(&descriptor.digest).unwrap();
            assert!(recall(&store, &key).is_none(), "its bytes are gone");
        }
    }
}
