//! Layers that other builds made: asked for before a layer is made, told of after it was delivered.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures_util::{StreamExt as _, TryStreamExt as _, future::BoxFuture, stream};

use super::{
    BuildError, Builder, Built, Made,
    make::{Site, format},
    memo::MadeLayer,
};
use crate::{
    hint::Hint,
    image::{BlobSource, ByteStream, Origin, TransferError},
    layer::wheel::RecordCheck,
    oci::{Descriptor, Digest, Platform, Reference},
    plan::{Contents, PlannedLayer},
    registry::{Registry, RegistryError, Repository},
    remote::{
        Check, Complaint, LayerIndex, LayerRecord, Receipt, RemotePruned, SigningKey, TrustedKeys, Written, prune,
        write_check, write_layer, write_receipt,
    },
    store::Bucket,
};

/// Records written at the same time.
const WIDTH: usize = 8;

/// Where layers that other builds made are found, and told of.
#[derive(Clone, Debug, Default)]
pub struct RemoteCache {
    /// Repositories that are asked, in this order.
    pub from: Vec<Reference>,
    /// Repositories that are told.
    pub to: Vec<Reference>,
    /// Of how many in a hundred layers the record is not believed, but held against the layer made here.
    pub verify: u8,
    /// By which records are signed.
    pub key: Option<Arc<SigningKey>>,
    /// Whose records count; everybody's where there are none.
    pub trusted: Option<TrustedKeys>,
}

/// For whom records of layers are kept.
#[derive(Clone, Copy, Debug)]
pub enum Holder<'a> {
    /// The image that was delivered to these names.
    Whole(&'a [Reference]),
    /// The part for one platform of what will have this name.
    Part(&'a Reference, &'a Platform),
}

/// What came of telling what was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Records that are new.
    pub written: usize,
    /// Records that were there.
    pub there: usize,
}

impl RemoteCache {
    pub(super) fn index(&self, registry: &Registry) -> Result<LayerIndex, RegistryError> {
        let mut seen = BTreeSet::new();
        let new = |place: &&Reference| seen.insert((place.registry().to_owned(), place.repository().to_owned()));
        let places = self.from.iter().filter(new).map(|place| registry.to_read(place));
        Ok(LayerIndex::new(places.collect::<Result<_, _>>()?, self.trusted.clone()))
    }
}

impl Builder {
    /// The layer as another build made it, if that is known and can be believed; one that is chosen to be
    /// verified is made here as well.
    pub(super) async fn recall_remote(
        &self,
        site: Site<'_>,
        planned: &PlannedLayer,
    ) -> Result<Option<(MadeLayer, Made)>, BuildError> {
        let is_wheels = matches!(planned.contents, Contents::Wheels(_) | Contents::Share { .. });
        // Nobody else says whether wheels were held against RECORD.
        if self.layers.is_empty() || (is_wheels && self.settings.records == RecordCheck::Verify) {
            return Ok(None);
        }
        let tell = |complaint: Complaint| self.complain(&complaint);
        let Some(found) = self.layers.layer(&planned.key.digest(), &tell).await else { return Ok(None) };
        if found.record.layer.media_type != format(site.encoding.compression).media_type() {
            let source = crate::remote::Unfit::Malformed("its layer is of another kind");
            tell(Complaint::Record { tag: LayerRecord::tag(&found.record.key), place: found.place, source });
            return Ok(None);
        }
        if !self.is_sampled(&planned.key.digest()) {
            // Whoever said it need not be told.
            self.note(&note_key(&found.place, &LayerRecord::tag(&found.record.key)), &said(&found.record, None))?;
            let layer = MadeLayer { layer: Arc::new(found.blob), diff_id: found.record.diff_id };
            return Ok(Some((layer, Made::Remote)));
        }
        let made = self.lay_down_mended(site, planned.clone()).await?;
        if *made.layer.descriptor() != found.record.layer || made.diff_id != found.record.diff_id {
            return Err(BuildError::FalseRecord {
                layer: planned.name.clone(),
                tag: LayerRecord::tag(&found.record.key),
                place: found.place,
                said: found.record.layer.digest,
                made: made.layer.descriptor().digest,
            });
        }
        Ok(Some((made, Made::Built)))
    }

    /// What another build found when it held the wheels of these layers against each other.
    pub(super) async fn recall_check(&self, of: &Digest) -> Option<Check> {
        if self.layers.is_empty() || self.is_sampled(of) {
            return None;
        }
        self.layers.check(of, &|complaint| self.complain(&complaint)).await
    }

    /// Whether what is said of a key is held against what is made here; the same keys always are.
    fn is_sampled(&self, key: &Digest) -> bool {
        let number = key.as_bytes().iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        number % 100 < u64::from(self.settings.remote.verify)
    }

    fn is_noted(&self, key: &str, said: &str) -> bool {
        self.settings.store.note(Bucket::Records, key).is_some_and(|note| note == said.as_bytes())
    }

    fn note(&self, key: &str, said: &str) -> Result<(), BuildError> {
        Ok(self.settings.store.keep(Bucket::Records, key, said.as_bytes())?)
    }

    fn complain(&self, complaint: &Complaint) {
        let cause = std::error::Error::source(complaint).map(|cause| format!(": {cause}")).unwrap_or_default();
        let hint = Hint::new("the layers are made here instead; `--no-remote-cache` asks nobody");
        self.warn(&format!("{complaint}{cause}"), Some(&hint));
    }

    /// Tells the repositories of [`RemoteCache::to`] what `built` consists of, after it was delivered.
    ///
    /// # Errors
    /// When a registry cannot be reached or refuses it; the image is where it was delivered to.
    pub async fn record(&self, built: &Built, holder: Holder<'_>) -> Result<Recorded, BuildError> {
        let (names, part) = match holder {
            Holder::Whole(names) => (names, None),
            Holder::Part(whole, platform) => (std::slice::from_ref(whole), Some(platform)),
        };
        let made = layers(built);
        let mut told = BTreeSet::new();
        let mut recorded = Recorded::default();
        for to in &self.settings.remote.to {
            if made.is_empty() || !told.insert((to.registry(), to.repository())) {
                continue;
            }
            let place = self.registry.to_write(to)?;
            let counted = Telling { builder: self, place: &place, names, part }.tell(built, &made).await?;
            recorded.written += counted.written;
            recorded.there += counted.there;
        }
        Ok(recorded)
    }

    /// Removes the records of layers from the repository of `place` that no image needs which is still there.
    ///
    /// # Errors
    /// When the registry cannot be reached, or lets nothing be removed.
    pub async fn prune_records(&self, place: &Reference) -> Result<RemotePruned, BuildError> {
        let is_there = async |name: &str| {
            let Ok(name) = name.parse::<Reference>() else { return false };
            let (Ok(repository), Some(tag)) = (self.registry.to_read(&name), name.tag()) else { return true };
            match repository.resolve(tag).await {
                Err(error) => error.status().is_none_or(|status| status.as_u16() != 404),
                Ok(_) => true,
            }
        };
        Ok(prune(&self.registry.to_write(place)?, is_there).await?)
    }
}

/// A layer with its record and what a person calls it.
struct Told {
    record: LayerRecord,
    name: String,
    blob: Arc<dyn BlobSource>,
}

/// The layers that have keys, each once.
fn layers(built: &Built) -> BTreeMap<Digest, Told> {
    let mut layers = BTreeMap::new();
    for image in &built.index.images {
        let rows = built.layers.iter().filter(|row| row.platform == image.platform);
        for (row, layer) in rows.zip(&image.layers) {
            let Some(key) = row.key.map(|key| key.digest()) else { continue };
            let record = LayerRecord { key, layer: layer.blob.descriptor().clone(), diff_id: layer.diff_id };
            layers.insert(key, Told { record, name: row.name.clone(), blob: Arc::clone(&layer.blob) });
        }
    }
    layers
}

/// One repository that is told, about an image that lies under `names`.
struct Telling<'a> {
    builder: &'a Builder,
    place: &'a Repository,
    names: &'a [Reference],
    part: Option<&'a Platform>,
}

impl Telling<'_> {
    /// Layers first, then receipts, then records: who prunes sees no record that nobody seems to need.
    async fn tell(&self, built: &Built, made: &BTreeMap<Digest, Told>) -> Result<Recorded, BuildError> {
        let Some(beside) = made.values().next().map(|told| &told.record) else { return Ok(Recorded::default()) };
        let (held, receipts) = self.held(self.receipts(built, made), beside).await?;
        let is_known = |note: &(String, String)| held.contains(&note.0) && self.is_noted(note);
        let new: Vec<&Told> = made.values().filter(|told| !is_known(&self.record_note(told))).collect();
        for told in &new {
            self.bring(told).await?;
        }
        for receipt in &receipts {
            write_receipt(self.place, receipt, beside).await?;
        }
        let written = stream::iter(&new).map(|told| self.write(told)).buffer_unordered(WIDTH);
        let written: Vec<bool> = written.try_collect().await?;
        for check in &built.checks {
            let Some(beside) = made.get(&check.beside) else { continue };
            let note = (Check::tag(&check.check.of), digest_of(&check.check.warnings));
            if !is_known(&note) {
                let key = self.builder.settings.remote.key.as_deref();
                write_check(self.place, &check.check, (&beside.record, key)).await?;
                self.note(&note)?;
            }
        }
        let written = written.into_iter().filter(|new| *new).count();
        Ok(Recorded { written, there: made.len() - written })
    }

    /// What the image needs, for each of its names.
    fn receipts(&self, built: &Built, made: &BTreeMap<Digest, Told>) -> Vec<Receipt> {
        let checks = built.checks.iter().map(|check| Check::tag(&check.check.of));
        let uses: BTreeSet<String> = made.keys().map(LayerRecord::tag).chain(checks).collect();
        let receipt =
            |name: &Reference| Receipt { name: name.to_string(), part: self.part.cloned(), uses: uses.clone() };
        self.names.iter().map(receipt).collect()
    }

    /// Which records and checks the receipts name that lie there for the same names, and those of `receipts` that do not
    /// lie there. What no receipt names may have been pruned since it was noted here.
    async fn held(
        &self,
        receipts: Vec<Receipt>,
        beside: &LayerRecord,
    ) -> Result<(BTreeSet<String>, Vec<Receipt>), BuildError> {
        let (mut held, mut missing) = (BTreeSet::new(), Vec::new());
        for receipt in receipts {
            let tag = receipt.tag();
            if self.place.pointed_to(&tag).await? == Some(receipt.to_manifest(beside).descriptor().digest) {
                held.extend(receipt.uses);
                continue;
            }
            let older = self.place.tagged(&tag).await?.and_then(|older| Receipt::read(&older).ok());
            held.extend(older.into_iter().flat_map(|older| older.uses));
            missing.push(receipt);
        }
        Ok((held, missing))
    }

    /// Has the layer's bytes in the repository: whoever pushed there has.
    async fn bring(&self, told: &Told) -> Result<(), BuildError> {
        let here =
            |name: &&Reference| name.registry() == self.place.registry_name() && name.repository() == self.place.name();
        if self.names.iter().any(|name| here(&name)) {
            return Ok(());
        }
        let near = self.names.iter().find(|name| name.registry() == self.place.registry_name());
        let origin =
            near.map(|name| Origin { registry: name.registry().to_owned(), repository: name.repository().to_owned() });
        let blob = Lying { blob: Arc::clone(&told.blob), origin };
        self.place.put_blob(&blob).await?;
        Ok(())
    }

    async fn write(&self, told: &Told) -> Result<bool, BuildError> {
        let key = self.builder.settings.remote.key.as_deref();
        let written = write_layer(self.place, &told.record, key).await?;
        if let Written::Differs(found) = &written {
            let message = format!(
                "{} says that the layer {} is {found}, and here it became {}",
                self.place, told.name, told.record.layer.digest
            );
            let tag = LayerRecord::tag(&told.record.key);
            let hint = Hint::new(format!("somebody wrote what is not so: remove the tag {tag}, and see who may write"));
            self.builder.warn(&message, Some(&hint));
            return Ok(false);
        }
        self.note(&self.record_note(told))?;
        Ok(written == Written::New)
    }

    /// What is remembered of a record that was written: its tag, and what it says.
    fn record_note(&self, told: &Told) -> (String, String) {
        let key = self.builder.settings.remote.key.as_deref();
        (LayerRecord::tag(&told.record.key), said(&told.record, key))
    }

    fn is_noted(&self, (tag, said): &(String, String)) -> bool {
        self.builder.is_noted(&note_key(&self.place.to_string(), tag), said)
    }

    fn note(&self, (tag, said): &(String, String)) -> Result<(), BuildError> {
        self.builder.note(&note_key(&self.place.to_string(), tag), said)
    }
}

/// Under which the store remembers what was written under `tag` in `place`.
fn note_key(place: &str, tag: &str) -> String {
    format!("{tag}-{}", &Digest::of(place.as_bytes()).hex()[..32])
}

/// What a record says, hashed.
fn said(record: &LayerRecord, signature: Option<&SigningKey>) -> String {
    digest_of(&(record.layer.digest.to_string(), record.diff_id.to_string(), signature.is_some()))
}

fn digest_of(value: &impl serde::Serialize) -> String {
    Digest::of(&serde_json::to_vec(value).unwrap_or_default()).hex()
}

/// A blob that lies in a repository as well.
struct Lying {
    blob: Arc<dyn BlobSource>,
    origin: Option<Origin>,
}

impl BlobSource for Lying {
    fn descriptor(&self) -> &Descriptor {
        self.blob.descriptor()
    }

    fn open(&self, from: u64) -> BoxFuture<'_, Result<ByteStream, TransferError>> {
        self.blob.open(from)
    }

    fn distrust(&self) -> bool {
        self.blob.distrust()
    }

    fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref().or_else(|| self.blob.origin())
    }
}
