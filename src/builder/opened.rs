//! Images whose files were looked at: for portraits and inventories.

use std::path::Path;

use serde_json::Value;

use super::{
    BuildError, Builder,
    verifying::{Candidate, Reading, listed},
};
use crate::{
    base::{BaseError, Tree},
    image::Manifest,
    lock::Facts,
    oci::{Descriptor, Platform},
    recipe::Base,
    verify::Report,
};

/// One platform's image with its merged files.
pub(super) struct Seen {
    pub(super) platform: Platform,
    pub(super) manifest: Manifest,
    pub(super) config: Value,
    /// The base first.
    pub(super) layers: Vec<Descriptor>,
    pub(super) tree: Tree,
    pub(super) facts: Facts,
}

impl Builder {
    /// The images that `image` names, each layer of which nothing is known read once; relative paths start from
    /// `folder`.
    ///
    /// # Errors
    /// When the image or a layer cannot be read, or has a Python that cannot be understood.
    pub(super) async fn look_into(&self, image: &Base, folder: &Path) -> Result<Vec<Seen>, BuildError> {
        let fail = |source| BuildError::Fetch { source };
        let source = self.source(image, folder)?;
        let root = source.root().await.map_err(fail)?;
        let mut seen = Vec::new();
        for one in listed(&*source, root).await.map_err(fail)? {
            let mut report = Report::default();
            let candidate = self.candidate(&*source, one, Reading::Needed, &mut report).await?;
            let Some(candidate) = candidate else { continue };
            seen.push(self.look_at(candidate).await?);
        }
        Ok(seen)
    }

    /// The files of one image.
    pub(super) async fn look_at(&self, candidate: Candidate) -> Result<Seen, BuildError> {
        let Candidate { platform, manifest, config, layers, .. } = candidate;
        let wrong = |source: BaseError| BuildError::Base { platform: platform.clone(), source };
        self.stage("reading", &platform);
        let mut tree = Tree::new();
        for (layer, reading) in &layers {
            if let Some(entries) = self.entries(layer, *reading).await.map_err(wrong)? {
                tree.merge(entries);
            }
        }
        let layers = layers.iter().map(|(layer, _)| layer.blob.descriptor().clone()).collect();
        let facts = tree.facts(&config, &[]).map_err(wrong)?;
        Ok(Seen { platform, manifest, config, layers, tree, facts })
    }
}
