//! Records that no image needs any more, removed by the receipts that images left.

use std::collections::BTreeSet;

use super::record::Receipt;
use crate::registry::{RegistryError, Repository};

/// What came of pruning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemotePruned {
    /// Receipts of images that are gone.
    pub receipts: usize,
    /// Records and checks that were removed.
    pub removed: usize,
    /// Records and checks that are left.
    pub left: usize,
}

/// Removes from `place` the receipts of images that `is_there` knows to be gone, and the records and checks
/// that no other receipt names. What has no receipt at all yet is newer than the list and stays.
///
/// The receipts of shards are in the name of the image that their parts are joined to, so they go with that image,
/// and make room for those of its next build. Before the first joining the name is not there yet: who prunes then
/// makes the shards' layers be made once more, and nothing else.
///
/// Receipts are written before the records they name; tags are listed here before receipts are read. So no
/// record that is written meanwhile is taken for one that nobody needs.
///
/// # Errors
/// When the registry cannot be reached, or lets nothing be removed.
pub async fn prune(place: &Repository, is_there: impl AsyncFn(&str) -> bool) -> Result<RemotePruned, RegistryError> {
    let tags = place.tags().await?;
    let (mut pruned, mut used) = (RemotePruned::default(), BTreeSet::new());
    for tag in tags.iter().filter(|tag| tag.starts_with("wwr1-")) {
        let Some(manifest) = place.tagged(tag).await? else { continue };
        let Ok(receipt) = Receipt::read(&manifest) else { continue };
        if is_there(&receipt.name).await {
            used.extend(receipt.uses);
        } else {
            place.delete(&manifest.descriptor().digest).await?;
            pruned.receipts += 1;
        }
    }
    for tag in tags.iter().filter(|tag| tag.starts_with("ww1-") || tag.starts_with("wwc1-")) {
        if used.contains(tag) {
            pruned.left += 1;
        } else if let Some(manifest) = place.tagged(tag).await? {
            place.delete(&manifest.descriptor().digest).await?;
            pruned.removed += 1;
        }
    }
    Ok(pruned)
}
