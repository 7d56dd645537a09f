//! One platform's image put on another base.

use serde_json::Value;

use super::{Candidate, Rebase, RebaseError, RebasedImage, name_of};
use crate::{
    base::{BaseImage, Change, LayerEntries, known_layer, read_layer, read_tree},
    builder::{BuildError, Builder, Checks, Depth, verifying},
    hint::Hint,
    image::{BaseName, BlobSource as _, Image, Layer, Memory, rebase_config, rebase_manifest},
    oci::{Descriptor, MediaType, canonical_json},
    verify::{Check, Demands, Level, Report},
};

impl Builder {
    /// The image of `candidate` on its new base, and what is wrong with it that was not wrong before.
    pub(super) async fn swap(
        &self,
        order: &Rebase,
        candidate: &Candidate,
    ) -> Result<(Image, RebasedImage, Report), BuildError> {
        let Candidate { platform, manifest, config, layers, old, new } = candidate;
        let count = old.layers.len();
        if !is_below(old, layers) {
            let (platform, base) = (platform.clone(), old.manifest.descriptor().digest);
            return Err(RebaseError::NotBelow { platform, base }.into());
        }
        let digest = new.manifest.descriptor().digest;
        let base = BaseName { name: name_of(&order.base), digest };
        let [before, after] = [old, new].map(|base| serde_json::from_slice::<Value>(&base.config).unwrap_or_default());
        let rebased = rebase_config(config, &before, &after, &base);
        for name in &rebased.kept {
            let message =
                format!("{name} of the image for {platform} does not go on from its base's, and stays as it is");
            self.warn(&message, Some(&Hint::new("build the image anew if folders of the new base belong into it")));
        }
        let document = rebased.config;
        let memory = Memory::new(MediaType::ImageConfig, canonical_json(&document));
        let below: Vec<Descriptor> = new.layers.iter().map(|layer| layer.blob.descriptor().clone()).collect();
        let own = &layers[count..];
        let rebased = rebase_manifest(manifest, memory.descriptor(), (&below, count), &base);
        let image = Image {
            platform: platform.clone(),
            manifest: rebased,
            config: memory,
            layers: new.layers.iter().chain(own).cloned().collect(),
        };
        let report = match order.depth {
            Some(depth) => self.check_swap(candidate, (&image, &document), depth).await?,
            None => Report::default(),
        };
        let size = own.iter().map(|layer| layer.blob.descriptor().size).sum();
        let old = old.manifest.descriptor().digest;
        Ok((image, RebasedImage { platform: platform.clone(), old, new: digest, layers: own.len(), size }, report))
    }

    /// Makes sure that the layers do their work on the new base; what is wrong beside that, and was not
    /// before, is reported.
    async fn check_swap(
        &self,
        candidate: &Candidate,
        (image, config): (&Image, &Value),
        depth: Depth,
    ) -> Result<Report, BuildError> {
        let Candidate { platform, layers, old, new, .. } = candidate;
        let store = &self.settings.store;
        let fail = |source| BuildError::Base { platform: platform.clone(), source };
        let count = old.layers.len();
        self.stage("comparing bases", format!("for {platform}"));
        // The image has the old base's layers, wherever that lay.
        let old_layers = BaseImage { layers: layers[..count].to_vec(), ..old.clone() };
        let (old_tree, new_tree) =
            tokio::try_join!(read_tree(&old_layers, store), read_tree(new, store)).map_err(fail)?;
        let mut ours: Option<Vec<LayerEntries>> = Some(Vec::new());
        for layer in &layers[count..] {
            let entries = match depth {
                Depth::Quick => known_layer(store, layer.diff_id),
                Depth::Full => Some(read_layer(layer, store).await.map_err(fail)?),
            };
            ours = ours.zip(entries).map(|(mut all, entries)| {
                all.push(entries);
                all
            });
        }
        if ours.is_none() {
            let message =
                format!("layers of the image for {platform} were never read here: only the bases were compared");
            self.warn(&message, Some(&Hint::new("read them with `--verify full`")));
        }
        let settings = [&candidate.config, config].map(|config| config.get("config").cloned().unwrap_or_default());
        let about = platform.clone();
        let misfits = self.compute(move || {
            let (old, new, settings) = (&old_tree, &new_tree, (&settings[0], &settings[1]));
            Change { platform: &about, old, new, ours: ours.as_deref(), settings }.misfits()
        });
        let misfits = misfits.await?.map_err(fail)?;
        if !misfits.is_empty() {
            return Err(RebaseError::Misfits { platform: platform.clone(), misfits }.into());
        }
        let checks = Checks { wanted: Check::STATIC.to_vec(), ..Checks::default() };
        let before =
            verifying::Candidate::of((platform, &candidate.manifest, &candidate.config), (layers, count), depth);
        let after =
            verifying::Candidate::of((platform, &image.manifest, config), (&image.layers, new.layers.len()), depth);
        let demands = Demands::default();
        let before = self.verify_candidate(before, &checks, &demands).await?;
        let mut report = self.verify_candidate(after, &checks, &demands).await?;
        report.findings.retain(|now| {
            now.level() > Level::Note
                && !before
                    .findings
                    .iter()
                    .any(|then| (then.code, &then.path, &then.message) == (now.code, &now.path, &now.message))
        });
        Ok(report)
    }
}

/// Whether the layers of `base` are the lowest of `layers`: the same blobs, or the same tars.
fn is_below(base: &BaseImage, layers: &[Layer]) -> bool {
    let same = |(own, lower): (&Layer, &Layer)| {
        own.diff_id == lower.diff_id || own.blob.descriptor().digest == lower.blob.descriptor().digest
    };
    base.layers.len() <= layers.len() && layers.iter().zip(&base.layers).all(same)
}
