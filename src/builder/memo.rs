//! What earlier builds made: layer key → descriptor and diff id, and the rope that yields the bytes, which
//! is read only when those are asked for.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    base,
    image::{BlobSource, ByteStream, TransferError},
    layer::{Laid, Rope, VirtualLayer},
    oci::{Descriptor, DiffId, Digest},
    plan::LayerKey,
    store::{Bucket, Store, StoreError},
};

/// A layer that has been made, now or before.
#[derive(Clone)]
pub(super) struct MadeLayer {
    pub(super) layer: Arc<dyn BlobSource>,
    pub(super) diff_id: DiffId,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    /// As it stands in a manifest, annotations included.
    descriptor: Value,
    diff_id: DiffId,
    /// The files of the store that it is made of, with their sizes.
    blobs: Vec<(Digest, u64)>,
}

/// The layer under `key`, if an earlier build made it and the store still has what it is made of, and what is
/// known of its entries: else it would have to be read, and by making it anew damage is found and mended.
pub(super) fn recall(store: &Store, key: &LayerKey) -> Option<MadeLayer> {
    let note: Note = serde_json::from_slice(&store.note(Bucket::Layers, &key.hex())?).ok()?;
    let descriptor = Descriptor::from_json(&note.descriptor)?;
    let is_here = |(digest, size): &(Digest, u64)| store.blob(digest).is_some_and(|blob| blob.size() == *size);
    let whole = store.has_note(Bucket::Splices, &key.hex())
        && note.blobs.iter().all(is_here)
        && base::is_known_layer(store, note.diff_id);
    let layer = KeptLayer { store: store.clone(), key: key.hex(), descriptor };
    whole.then(|| MadeLayer { layer: Arc::new(layer), diff_id: note.diff_id })
}

/// Keeps a layer for later builds.
pub(super) fn remember(store: &Store, key: &LayerKey, laid: Laid) -> Result<MadeLayer, StoreError> {
    let blobs = laid.rope.blobs().iter().map(|blob| (*blob.digest(), blob.size())).collect();
    let note = Note { descriptor: laid.descriptor.to_json(), diff_id: laid.diff_id, blobs };
    let bytes = serde_json::to_vec(&note).unwrap_or_default();
    store.keep(Bucket::Splices, &key.hex(), &laid.rope.to_note())?;
    store.keep(Bucket::Layers, &key.hex(), &bytes)?;
    Ok(MadeLayer { layer: Arc::new(VirtualLayer::new(laid.descriptor, laid.rope)), diff_id: laid.diff_id })
}

/// A layer of an earlier build.
struct KeptLayer {
    store: Store,
    key: String,
    descriptor: Descriptor,
}

impl KeptLayer {
    /// The rope; nothing when it, or a file it consists of, has gone or was damaged.
    fn rope(store: &Store, key: &str, descriptor: &Descriptor) -> Option<Rope> {
        let rope = Rope::from_note(&store.note(Bucket::Splices, key)?, store)?;
        (rope.length() == descriptor.size).then_some(rope)
    }
}

impl BlobSource for KeptLayer {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn open(&self, from: u64) -> BoxFuture<'_, Result<ByteStream, TransferError>> {
        Box::pin(async move {
            let digest = self.descriptor.digest;
            let (store, key, descriptor) = (self.store.clone(), self.key.clone(), self.descriptor.clone());
            let look = move || {
                let rope = Self::rope(&store, &key, &descriptor);
                if rope.is_none() {
                    // Worth nothing: the next run makes it anew, whoever asked for it in this one.
                    let _ = store.forget(Bucket::Layers, &key);
                }
                rope
            };
            let rope = tokio::task::spawn_blocking(look).await;
            let gone = || TransferError::Read { digest, source: std::io::ErrorKind::NotFound.into() };
            let rope = rope.ok().flatten().ok_or_else(gone)?;
            VirtualLayer::new(self.descriptor.clone(), rope).open(from).await
        })
    }

    fn distrust(&self) -> bool {
        match Self::rope(&self.store, &self.key, &self.descriptor) {
            Some(rope) => rope.remove_damaged(),
            // Without its rope the layer is worth nothing, and is made again.
            None => self.store.forget(Bucket::Layers, &self.key).is_ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
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
            let key = scripts_key(&[], None, &Facts::default(), Encoding { format: 1, compression });
            assert!(recall(&store, &key).is_none());
            let laid = lay(&[], format, Threads::One, &store, &|_| {}).unwrap();
            let (descriptor, diff_id) = (laid.descriptor.clone(), laid.diff_id);
            remember(&store, &key, laid).unwrap();
            assert!(recall(&store, &key).is_none(), "what is in it is not known");
            base::keep_layer(&store, diff_id, &base::LayerEntries::default()).unwrap();
            let recalled = recall(&store, &key).unwrap();
            assert_eq!((recalled.layer.descriptor(), recalled.diff_id), (&descriptor, diff_id));
            assert!(!recalled.layer.distrust(), "nothing is wrong with it");
            store.evict(&descriptor.digest).unwrap();
            assert!(recall(&store, &key).is_none(), "its bytes are gone");
        }
    }

    #[tokio::test]
    async fn a_layer_whose_rope_is_gone_says_so_and_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let key = scripts_key(&[], None, &Facts::default(), Encoding { format: 1, compression: Compression::Gzip });
        let laid = lay(&[], Format::Gzip, Threads::One, &store, &|_| {}).unwrap();
        base::keep_layer(&store, laid.diff_id, &base::LayerEntries::default()).unwrap();
        remember(&store, &key, laid).unwrap();
        let recalled = recall(&store, &key).unwrap();
        crate::fs::write_atomic(&folder.path().join("v1/splices").join(key.hex()), b"torn").unwrap();
        assert!(matches!(recalled.layer.open(0).await, Err(TransferError::Read { .. })));
        assert!(recall(&store, &key).is_none());
        assert!(recalled.layer.distrust());
    }
}
