//! An image made again from recipe and lock, and held against what was published.

use std::{
    borrow::Cow,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::future::try_join_all;
use serde_json::Value;
use tempfile::TempDir;

use super::{BaseProof, BuildError, Builder, Difference, Proof, ProofError, Prove, ProvedImage, Published};
use crate::{
    attest::{Carried, Content, Statement, provenance},
    base::{BaseImage, LayerListing, stream_layer},
    builder::{
        Project, Selection, Settings,
        attesting::Evidence,
        build::Framing,
        carried::{self, Own},
        inventory::Origin,
        make::{Site, compiler_of},
        memo::{self, MadeLayer},
    },
    fs::write_atomic,
    image::{Layer, Source, TransferError, seconds},
    layer::FORMAT,
    lock::{Input, Lock, LockedImage, LockedPlatform, WheelSource},
    oci::{Descriptor, Digest},
    plan::{Encoding, PlannedLayer, plan, scripts_key},
    pypi::{self, DefaultIndex},
    recipe::{Base, Compression, Location, Recipe, Variant},
    store::Bucket,
};

/// What an image is made from.
struct Ingredients {
    project: Project,
    lock: Lock,
    selection: Selection,
    /// Files of the user's lie in it for as long as it lives.
    _folder: Option<TempDir>,
}

/// One image that is to be made again.
struct Again<'a> {
    published: &'a Published,
    below: Cow<'a, LockedPlatform>,
    base: Option<BaseImage>,
    proof: BaseProof,
    planned: Vec<PlannedLayer>,
    has_scripts: bool,
    /// Layers below its own.
    under: usize,
}

impl Builder {
    /// Makes `images` again from one recipe and lock, after it was made sure that they belong to them.
    pub(super) async fn prove_by(
        &self,
        order: &Prove,
        source: &dyn Source,
        images: &[Published],
        (carried, statements): (&Carried, &[Vec<Statement>]),
    ) -> Result<Proof, BuildError> {
        let from = opened(carried, order.context.as_deref())?;
        let origin = (&from.project, &from.lock, &from.selection);
        for (image, statements) in images.iter().zip(statements) {
            self.belongs(origin, image, (statements, order))?;
        }
        let builder = self.for_proof(order);
        let from = match &order.against {
            Some(_) => against(from),
            None => from,
        };
        let images = builder.make_again(&from, order, source, images).await?;
        let recipe = carried.origin.recipe.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(Proof { recipe, lock: Digest::of(lock_text(carried).as_bytes()), images })
    }

    /// The same builder, which takes wheels from where `order` says.
    fn for_proof(&self, order: &Prove) -> Self {
        let Some(location) = &order.against else { return self.clone() };
        let default_index = DefaultIndex::Other(location.clone());
        let settings = Settings { default_index, indexes: Vec::new(), ..(*self.settings).clone() };
        Self { settings: Arc::new(settings), ..self.clone() }
    }

    /// Makes sure that one of `statements` says of `image` what follows from recipe, lock and files.
    fn belongs(
        &self,
        origin: (&Project, &Lock, &Selection),
        image: &Published,
        (statements, order): (&[Statement], &Prove),
    ) -> Result<(), BuildError> {
        let evidence = Evidence::of(origin, created(image))?;
        let (below, locked) = evidence.locked(&image.platform)?;
        let variant = origin.0.recipe.variant(origin.2.variant.as_deref())?;
        let mut own = Own::default();
        let kept = (&self.settings.store, self.settings.now);
        let added = own.add((origin.0, &variant), (&below.under(locked), locked), kept);
        added.map_err(|error| if order.context.is_none() { ProofError::FilesMissing.into() } else { error })?;
        let digest = image.manifest.descriptor().digest;
        let expected = provenance(digest, &evidence.build(&image.platform, own.of(&image.platform))?);
        let differences = statements.iter().map(|said| first_difference("", &said.predicate, &expected.predicate));
        match differences.min_by_key(Option::is_some).flatten() {
            None => Ok(()),
            Some((place, said, follows)) => {
                let difference = format!("the provenance says {said} at {place}, and from them follows {follows}");
                Err(ProofError::Forged { platform: image.platform.clone(), difference }.into())
            }
        }
    }

    async fn make_again(
        &self,
        from: &Ingredients,
        order: &Prove,
        source: &dyn Source,
        images: &[Published],
    ) -> Result<Vec<ProvedImage>, BuildError> {
        let Ingredients { project, lock, selection, .. } = from;
        let variant = project.recipe.variant(selection.variant.as_deref())?;
        let origin = Origin { project, lock, variant: variant.name.as_deref() };
        let index = self.package_index(project);
        let encoding = Encoding { format: FORMAT, compression: project.recipe.layers.compression };
        let (mut all, mut beside): (Vec<Again<'_>>, Vec<Vec<&LockedImage>>) = (Vec::new(), Vec::new());
        for image in images {
            beside.push(lock.images.iter().filter(|other| other.platform == image.platform).collect());
        }
        for (published, beside) in images.iter().zip(&beside) {
            let missing =
                || BuildError::NotLocked { variant: variant.name.clone(), platform: published.platform.clone() };
            let image = lock.image(variant.name.as_deref(), &published.platform).ok_or_else(missing)?;
            let below = lock.platform(&published.platform).ok_or_else(missing)?.under(image);
            let site = Site { project, below: &below, beside, index: &index, encoding };
            let (base, proof) = self.base_below(order, site, published).await?;
            let under = match (&base, proof) {
                (Some(base), _) => base.layers.len(),
                // Its own history does not tell: the base may be of this program's making too.
                (None, BaseProof::Unknown) => count(published)?.saturating_sub(origin.own_layers(&published.platform)?),
                (None, _) => 0,
            };
            let planned = plan(&below, image, Framing::of(site, &variant, under)?.frame())?;
            let has_scripts = !variant.scripts.is_empty();
            all.push(Again { published, below, base, proof, planned, has_scripts, under });
        }
        let numbers =
            all.iter().enumerate().flat_map(|(number, again)| (0..again.layers()).map(move |layer| (number, layer)));
        let numbers: Vec<(usize, usize)> = numbers.collect();
        let chosen = order.sample.of(numbers.len());
        let mut proved = Vec::new();
        for (number, (again, beside)) in all.iter().zip(&beside).enumerate() {
            let mine = chosen.iter().filter_map(|chosen| numbers.get(*chosen)).filter(|(of, _)| *of == number);
            let mine: Vec<usize> = mine.map(|(_, layer)| *layer).collect();
            let site = Site { project, below: &again.below, beside, index: &index, encoding };
            self.stage("proving", &again.published.platform);
            proved.push(self.prove_one((site, &variant), again, source, &mine).await?);
        }
        Ok(proved)
    }

    /// The base that the lock names, as far as it can be had.
    async fn base_below(
        &self,
        order: &Prove,
        site: Site<'_>,
        published: &Published,
    ) -> Result<(Option<BaseImage>, BaseProof), BuildError> {
        if site.below.base.is_none() {
            return Ok((None, BaseProof::Absent));
        }
        let is_local = !matches!(site.project.recipe.base.get_ref(), Base::Registry(_));
        if is_local && order.context.is_none() {
            return Ok((None, BaseProof::Unknown));
        }
        let base = self.base_image(site.project, site.below).await?;
        let layers = base.as_ref().map_or(0, |base| base.layers.len()).min(count(published)?);
        Ok((base, BaseProof::Same(layers)))
    }

    async fn prove_one(
        &self,
        (site, variant): (Site<'_>, &Variant),
        again: &Again<'_>,
        source: &dyn Source,
        chosen: &[usize],
    ) -> Result<ProvedImage, BuildError> {
        let Again { published, .. } = again;
        let layers = published.manifest.layers().map_err(|error| BuildError::Fetch { source: error.into() })?;
        let mut proved = ProvedImage {
            platform: published.platform.clone(),
            manifest: published.manifest.descriptor().digest,
            layers: again.layers(),
            made: 0,
            reproduced: 0,
            bytes: 0,
            base: again.proof,
            difference: again.difference_below(&layers),
        };
        if proved.difference.is_some() {
            return Ok(proved);
        }
        let making = chosen
            .iter()
            .map(async |number| Ok::<_, BuildError>((*number, self.make_one((site, variant), again, *number).await?)));
        let made: Vec<(usize, MadeLayer)> = try_join_all(making).await?;
        for (number, made) in &made {
            proved.made += 1;
            let Some(there) = layers.get(again.under + number) else { continue };
            if made.layer.descriptor().digest == there.digest {
                proved.reproduced += 1;
                proved.bytes += there.size;
            } else if proved.difference.is_none() {
                let published = again.published_layer(source, &layers, *number)?;
                proved.difference = Some(self.differ(again, *number, (published, made)).await?);
            }
        }
        if proved.difference.is_none() && again.proof != BaseProof::Unknown {
            let mut all = Vec::new();
            for number in 0..again.layers() {
                let made = made.iter().find(|(of, _)| *of == number).map(|(_, made)| made.clone());
                let layer = match made {
                    Some(made) => made,
                    None => again.published_layer(source, &layers, number)?,
                };
                all.push((again.name(number).to_owned(), layer));
            }
            let image = self.image_of(again.base.as_ref(), site, all, &variant.image)?;
            if image.manifest.descriptor().digest != published.manifest.descriptor().digest {
                let config = serde_json::from_slice(image.config.bytes()).unwrap_or_default();
                proved.difference = Some(documents(published, (&config, image.manifest.value())));
            }
        }
        Ok(proved)
    }

    /// One layer of the image's own, made now.
    async fn make_one(
        &self,
        (site, variant): (Site<'_>, &Variant),
        again: &Again<'_>,
        number: usize,
    ) -> Result<MadeLayer, BuildError> {
        let store = &self.settings.store;
        let (key, known, made) = if let Some(planned) = again.planned.get(number) {
            let known = memo::recall(store, &planned.key).is_some();
            (planned.key, known, self.lay_down_mended(site, planned.clone()).await?)
        } else {
            let (known, digests) = self.recall_scripts(site, &variant.scripts).await?;
            let compiler = compiler_of(site.below, &digests);
            let key = scripts_key(&digests, compiler, &site.below.facts, site.encoding);
            (key, known.is_some(), self.lay_scripts(site, &variant.scripts).await?)
        };
        // What is no rope of wheels lies there whole, and nobody asked for it.
        let is_whole = !matches!(site.encoding.compression, Compression::Gzip);
        if is_whole && !known {
            let key = key.hex();
            let differs = again.published_digest(number) != Some(made.layer.descriptor().digest);
            if !differs {
                store.forget(Bucket::Layers, &key)?;
                store.forget(Bucket::Splices, &key)?;
                store.evict(&made.layer.descriptor().digest)?;
            }
        }
        Ok(made)
    }

    /// What a layer has differently first.
    async fn differ(
        &self,
        again: &Again<'_>,
        number: usize,
        (published, made): (MadeLayer, &MadeLayer),
    ) -> Result<Difference, BuildError> {
        let list = async |layer: &MadeLayer| {
            let layer = Layer { diff_id: layer.diff_id, blob: Arc::clone(&layer.layer) };
            let read = |tar: &mut dyn std::io::Read| LayerListing::read(tar).map_err(std::io::Error::other);
            let listing = stream_layer(&layer, read).await;
            listing.map_err(|source| BuildError::Base { platform: again.published.platform.clone(), source })
        };
        let (there, here) = (list(&published).await?, list(made).await?);
        let layer = again.name(number).to_owned();
        let bytes = || {
            let (published, made) = (published.layer.descriptor().digest, made.layer.descriptor().digest);
            Difference::Bytes { layer: layer.clone(), published, made }
        };
        let file = |entry| Difference::File { layer: layer.clone(), entry };
        Ok(there.first_difference(&here).map_or_else(bytes, file))
    }
}

impl Again<'_> {
    /// Layers of the image's own.
    fn layers(&self) -> usize {
        self.planned.len() + usize::from(self.has_scripts)
    }

    fn name(&self, number: usize) -> &str {
        self.planned.get(number).map_or("scripts", |planned| &planned.name)
    }

    fn published_digest(&self, number: usize) -> Option<Digest> {
        let layers = self.published.manifest.layers().ok()?;
        layers.get(self.under + number).map(|layer| layer.digest)
    }

    /// What is wrong before any layer is made.
    fn difference_below(&self, layers: &[Descriptor]) -> Option<Difference> {
        let below = self.base.iter().flat_map(|base| &base.layers).map(|layer| layer.blob.descriptor().digest);
        for (number, (locked, there)) in below.zip(layers).enumerate() {
            if locked != there.digest {
                return Some(Difference::Base { number: number + 1, published: there.digest, locked });
            }
        }
        let made = self.under + self.layers();
        (made != layers.len()).then_some(Difference::Layers { published: layers.len(), made })
    }

    fn published_layer(
        &self,
        source: &dyn Source,
        layers: &[Descriptor],
        number: usize,
    ) -> Result<MadeLayer, BuildError> {
        let digest = self.published.manifest.descriptor().digest;
        let malformed = |field| {
            let source = crate::image::ManifestError::Field { digest, field };
            BuildError::Fetch { source: TransferError::from(source) }
        };
        let number = self.under + number;
        let layer = layers.get(number).ok_or_else(|| malformed("layers"))?;
        let diff_id = self.published.config.pointer(&format!("/rootfs/diff_ids/{number}")).cloned();
        let diff_id = diff_id.and_then(|diff_id| serde_json::from_value(diff_id).ok());
        let diff_id = diff_id.ok_or_else(|| malformed("rootfs.diff_ids"))?;
        Ok(MadeLayer { layer: Arc::from(source.blob(layer)), diff_id })
    }
}

fn count(published: &Published) -> Result<usize, BuildError> {
    let layers = published.manifest.layers().map_err(|error| BuildError::Fetch { source: error.into() })?;
    Ok(layers.len())
}

/// When the config says that the image was made.
fn created(published: &Published) -> Option<u64> {
    published.config.get("created").and_then(Value::as_str).and_then(seconds)
}

fn lock_text(carried: &Carried) -> &str {
    carried.text("lock", &carried.origin.lock).unwrap_or_default()
}

/// Recipe and lock out of an archive, with the files of the user's that it has, or those in `context`.
fn opened(carried: &Carried, context: Option<&Path>) -> Result<Ingredients, BuildError> {
    let attached = |source| ProofError::Attached { artifact: carried.origin.decisive, source };
    let text = carried.text("recipe", &carried.origin.recipe).map_err(attached)?;
    let name = carried.origin.recipe.rsplit('/').next().unwrap_or_default();
    let mut recipe = Recipe::read(name, text, &|path| carried.extended(path))?;
    let lock = Lock::parse(&carried.origin.lock, carried.text("lock", &carried.origin.lock).map_err(attached)?)?;
    // Built with `--base`: the lock says on which.
    if let Some(Input::Text(base)) = lock.inputs.get("base")
        && *base != recipe.base.get_ref().to_string()
        && let Ok(base) = Base::parse(base)
    {
        recipe = recipe.on("the lock", base)?;
    }
    // A program that comes with a recipe is not started; one of this machine's compiles, if any has to.
    if let Some(bytecode) = &mut recipe.wheels.bytecode {
        bytecode.by = None;
    }
    let (folder, kept) = match context {
        Some(context) => (context.to_owned(), None),
        None if !carried.origin.whole => return Err(ProofError::FilesMissing.into()),
        None => {
            stays_inside(carried, &recipe, &lock)?;
            let kept = unpacked(carried).map_err(|source| BuildError::Unpacking { source })?;
            (kept.path().join(carried.folder()), Some(kept))
        }
    };
    let selection = Selection { platforms: Vec::new(), variant: carried.origin.variant.clone() };
    Ok(Ingredients { project: Project { recipe, folder }, lock, selection, _folder: kept })
}

/// Makes sure that a recipe from a registry reads nothing of this machine's: every file of the user's that it names
/// is in the archive, and is no link.
fn stays_inside(carried: &Carried, recipe: &Recipe, lock: &Lock) -> Result<(), ProofError> {
    let scripts = recipe.images().into_iter().flat_map(|image| image.scripts);
    let mut paths: Vec<String> = scripts.map(|script| script.from.into_inner()).collect();
    paths.extend(recipe.debian.iter().flat_map(|debian| &debian.certificates).map(|file| file.get_ref().clone()));
    let folders = recipe.wheels.index.iter().filter_map(|index| match index.location.get_ref() {
        Location::Folder(folder) => Some((index.name.get_ref(), folder)),
        Location::Url(_) => None,
    });
    let folders: Vec<_> = folders.collect();
    for wheel in lock.images.iter().flat_map(|image| &image.wheels) {
        match &wheel.source {
            WheelSource::Path(path) => paths.push(path.clone()),
            WheelSource::Index(name) => {
                let folder = folders.iter().find(|(known, _)| *known == name);
                paths.extend(folder.map(|(_, folder)| format!("{}/{}", folder.trim_end_matches('/'), wheel.file)));
            }
            WheelSource::Url(_) => {}
        }
    }
    let depth = carried.folder().split('/').filter(|part| !part.is_empty()).count();
    for path in paths {
        // What belongs to other images of the recipe is not packed, and is not read.
        let place = carried::placed(depth, &path);
        if place.is_none_or(|place| matches!(carried.contents.get(&place), Some(Content::Link(_)))) {
            return Err(ProofError::LeadsOut { path });
        }
    }
    Ok(())
}

/// The archive in a temporary folder.
fn unpacked(carried: &Carried) -> std::io::Result<TempDir> {
    let folder = tempfile::tempdir()?;
    for (path, content) in &carried.contents {
        let path: PathBuf = folder.path().join(path);
        match content {
            Content::Folder => std::fs::create_dir_all(&path)?,
            Content::File { bytes, executable } => {
                write_atomic(&path, bytes)?;
                let mode = if *executable { 0o755 } else { 0o644 };
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))?;
            }
            Content::Link(target) => {
                if let Some(parent) = path.parent() {
                    std::fs::create_dir_all(parent)?;
                }
                symlink(target, &path)?;
            }
        }
    }
    Ok(folder)
}

/// The same with the wheels of all indexes but folders from the default one.
fn against(mut from: Ingredients) -> Ingredients {
    from.project.recipe.wheels.index.retain(|index| matches!(index.location.get_ref(), Location::Folder(_)));
    let folders: Vec<String> =
        from.project.recipe.wheels.index.iter().map(|index| index.name.get_ref().clone()).collect();
    for wheel in from.lock.images.iter_mut().flat_map(|image| &mut image.wheels) {
        if let WheelSource::Index(name) = &mut wheel.source
            && !folders.contains(name)
        {
            pypi::DEFAULT_NAME.clone_into(name);
        }
    }
    from
}

/// What config or manifest have differently first.
fn documents(published: &Published, (config, manifest): (&Value, &Value)) -> Difference {
    let of_config = first_difference("config", &published.config, config);
    let found = of_config.or_else(|| first_difference("manifest", published.manifest.value(), manifest));
    let (place, published, made) =
        found.unwrap_or_else(|| ("manifest".to_owned(), "other bytes".to_owned(), "these".to_owned()));
    Difference::Document { place, published, made }
}

/// The first place at which two documents differ, as a pointer, and what is there in each.
fn first_difference(place: &str, first: &Value, second: &Value) -> Option<(String, String, String)> {
    let nothing = Value::Null;
    match (first, second) {
        _ if first == second => None,
        (Value::Object(one), Value::Object(two)) => {
            let keys: std::collections::BTreeSet<&String> = one.keys().chain(two.keys()).collect();
            keys.into_iter().find_map(|key| {
                let (one, two) = (one.get(key).unwrap_or(&nothing), two.get(key).unwrap_or(&nothing));
                first_difference(&format!("{place}/{key}"), one, two)
            })
        }
        (Value::Array(one), Value::Array(two)) => (0..one.len().max(two.len())).find_map(|number| {
            let (one, two) = (one.get(number).unwrap_or(&nothing), two.get(number).unwrap_or(&nothing));
            first_difference(&format!("{place}/{number}"), one, two)
        }),
        _ => Some((place.to_owned(), short(first), short(second))),
    }
}

fn short(value: &Value) -> String {
    const SHOWN: usize = 160;
    let text = if value.is_null() { "nothing".to_owned() } else { value.to_string() };
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_are_compared_place_by_place() {
        let check = |first: Value, second: Value, expect: Option<[&str; 3]>| {
            let found = first_difference("x", &first, &second);
            assert_eq!(found, expect.map(|[place, one, two]| (place.into(), one.into(), two.into())));
        };
        check(json!({ "a": [1, { "b": 2 }] }), json!({ "a": [1, { "b": 2 }] }), None);
        check(json!({ "a": [1, { "b": 2 }] }), json!({ "a": [1, { "b": 3 }] }), Some(["x/a/1/b", "2", "3"]));
        check(json!({ "a": 1 }), json!({ "b": 1 }), Some(["x/a", "1", "nothing"]));
        check(json!([1]), json!([1, 2]), Some(["x/1", "nothing", "2"]));
    }
}
