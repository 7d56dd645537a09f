//! Layers made: inputs fetched, items collected, one pass each on a worker thread.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::oneshot;

use super::{
    BuildError, Builder, Made, Project,
    memo::{self, MadeLayer},
};
use crate::{
    layer::{
        Contribution, Format, Item, LayerError, Paths, Threads, lay, merge,
        scripts::{self, Files},
        share,
        wheel::{Destination, install},
    },
    lock::{Facts, Interpreter, LockedPlatform, LockedWheel},
    oci::{Digest, Platform},
    plan::{Contents, Encoding, LayerKey, PlannedLayer, scripts_key},
    progress::{Event, Task, TaskKind},
    pypi::PackageIndex,
    recipe::{Compression, Script},
    store::Blob,
};

/// Wheels of one layer downloaded at the same time.
const DOWNLOADS: usize = 8;

/// A layer of one platform, with what it took.
pub(super) struct Finished {
    pub(super) name: String,
    pub(super) layer: MadeLayer,
    pub(super) made: Made,
    pub(super) time: Duration,
}

/// What all layers of a platform have in common.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) project: &'a Project,
    pub(super) below: &'a LockedPlatform,
    pub(super) index: &'a PackageIndex,
    pub(super) encoding: Encoding,
    pub(super) threads: Threads,
}

impl Builder {
    /// The layer that the plan describes: from an earlier build, or made now.
    pub(super) async fn make(&self, site: Site<'_>, planned: PlannedLayer) -> Result<Finished, BuildError> {
        let start = Instant::now();
        let store = self.settings.store.clone();
        let key = planned.key;
        if let Some(layer) = self.compute(move || memo::recall(&store, &key)).await? {
            return Ok(Finished { name: planned.name, layer, made: Made::Cached, time: start.elapsed() });
        }
        let platform = &site.below.platform;
        let fail = |source| BuildError::Layer { layer: planned.name.clone(), platform: platform.clone(), source };
        let items = match planned.contents {
            Contents::Debian(packages) => self.lay_out_packages(site.project, &packages, platform).await?,
            Contents::Wheels(wheels) => {
                let inputs = self.fetch(site, wheels).await?;
                let facts = site.below.facts.clone();
                self.compute(move || install_all(&inputs, &facts, |items| items)).await?.map_err(fail)?
            }
            Contents::Share { wheel, number, of } => {
                let inputs = self.fetch(site, vec![wheel]).await?;
                let facts = site.below.facts.clone();
                let part = move |items| share(items, number, of);
                self.compute(move || install_all(&inputs, &facts, part)).await?.map_err(fail)?
            }
        };
        let name = format!("{} {platform}", planned.name);
        let layer = self.lay(name, key, items, site).await?.map_err(fail)?;
        Ok(Finished { name: planned.name, layer, made: Made::Built, time: start.elapsed() })
    }

    /// The layer of the user's files; none where there are none.
    pub(super) async fn make_scripts(
        &self,
        site: Site<'_>,
        scripts: &[Script],
    ) -> Result<Option<Finished>, BuildError> {
        if scripts.is_empty() {
            return Ok(None);
        }
        let start = Instant::now();
        let platform = &site.below.platform;
        let fail = |source| BuildError::Layer { layer: "scripts".to_owned(), platform: platform.clone(), source };
        let (store, folder) = (self.settings.store.clone(), site.project.folder.clone());
        let (below, scripts) = (site.below.facts.clone(), scripts.to_vec());
        let collected = self.compute(move || collect_scripts(&scripts, &folder, &below, &store)).await?;
        let (items, digests) = collected.map_err(fail)?;
        let key = scripts_key(&digests, &site.below.facts, site.encoding);
        let store = self.settings.store.clone();
        let recalled = self.compute(move || memo::recall(&store, &key)).await?;
        let (layer, made) = if let Some(layer) = recalled {
            (layer, Made::Cached)
        } else {
            let site = Site { threads: Threads::One, ..site };
            (self.lay(format!("scripts {platform}"), key, items, site).await?.map_err(fail)?, Made::Built)
        };
        Ok(Some(Finished { name: "scripts".to_owned(), layer, made, time: start.elapsed() }))
    }

    /// Runs `work` on the pool of worker threads; none of them ever waits for a socket.
    pub(super) async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, BuildError> {
        let (send, receive) = oneshot::channel();
        // When nobody waits any more, because the build was given up, the result is dropped.
        self.pool.spawn(move || drop(send.send(work())));
        receive.await.map_err(|_| BuildError::Worker)
    }

    async fn fetch(&self, site: Site<'_>, wheels: Vec<LockedWheel>) -> Result<Vec<(LockedWheel, Blob)>, BuildError> {
        let fetch = async |wheel: LockedWheel| {
            let blob = site.index.download(&wheel).await;
            let blob = blob.map_err(|source| BuildError::Wheel { wheel: wheel.file.clone(), source })?;
            Ok((wheel, blob))
        };
        stream::iter(wheels).map(fetch).buffered(DOWNLOADS).try_collect().await
    }

    async fn lay(
        &self,
        name: String,
        key: LayerKey,
        items: Vec<Item>,
        site: Site<'_>,
    ) -> Result<Result<MadeLayer, LayerError>, BuildError> {
        let (observer, store) = (self.settings.observer.clone(), self.settings.store.clone());
        let (format, threads) = (format(site.encoding.compression), site.threads);
        self.compute(move || {
            let task = Task { kind: TaskKind::Layer, name: &name };
            observer.observe(&Event::Started { task, total: Some(tar_size(&items)) });
            let advanced = |bytes| observer.observe(&Event::Advanced { task, bytes });
            let laid = lay(&items, format, threads, &store, &advanced);
            observer.observe(&Event::Finished { task });
            Ok(memo::remember(&store, &key, laid?)?)
        })
        .await
    }
}

/// Bytes of the tar, near enough for a progress bar.
fn tar_size(items: &[Item]) -> u64 {
    let body = |item: &Item| if let crate::layer::Node::File(body) = &item.node { body.size() } else { 0 };
    items.iter().map(|item| 512 + body(item).next_multiple_of(512)).sum()
}

/// What the recipe's compression means for a layer.
const fn format(compression: Compression) -> Format {
    match compression {
        Compression::Lazy => Format::Lazy,
        Compression::Zstd => Format::Zstd,
        Compression::None => Format::Plain,
        _ => Format::Gzip,
    }
}

/// The items of wheels, of which `part` takes its part.
fn install_all(
    inputs: &[(LockedWheel, Blob)],
    facts: &Facts,
    part: impl FnOnce(Vec<Item>) -> Vec<Item>,
) -> Result<Vec<Item>, LayerError> {
    let paths = Paths::new(facts);
    let Some(interpreter): Option<&Interpreter> = facts.python.as_ref() else { return Ok(Vec::new()) };
    let destination = Destination { interpreter, paths: &paths };
    let contributions: Result<Vec<Contribution>, _> =
        inputs.iter().map(|(wheel, blob)| install(wheel, blob, destination)).collect();
    let mut items = part(merge(contributions?)?);
    paths.add_parents(&mut items);
    Ok(items)
}

/// What a layer key says of a file: path and owner, mode, contents.
type Described = (String, u32, Digest);

fn collect_scripts(
    wanted: &[Script],
    folder: &std::path::Path,
    facts: &Facts,
    store: &crate::store::Store,
) -> Result<(Vec<Item>, Vec<Described>), LayerError> {
    let paths = Paths::new(facts);
    let mut contributions = Vec::new();
    let mut digests: Vec<Described> = Vec::new();
    for script in wanted {
        let from = folder.join(script.from.get_ref());
        let to = paths.canonical(script.to.get_ref());
        let owner = (u64::from(script.owner.uid), u64::from(script.owner.gid));
        let mode = script.mode.as_ref().map(|mode| *mode.get_ref());
        let files = Files { from: &from, shown: script.from.get_ref(), to: &to, mode, owner };
        let collected = scripts::collect(files, store)?;
        let owned = |item: &Item| format!("{} {}:{}", item.path, item.uid, item.gid);
        digests.extend(collected.iter().map(|(item, digest)| (owned(item), item.mode, *digest)));
        let items = collected.into_iter().map(|(item, _)| item).filter(|item| !paths.has_directory(item)).collect();
        contributions.push(Contribution { from: script.from.get_ref().clone(), items });
    }
    digests.sort();
    let mut items = merge(contributions)?;
    paths.add_parents(&mut items);
    Ok((items, digests))
}

/// How many threads each layer gets when `layers` of them are to be made on `jobs` cores.
pub(super) fn threads(layers: usize, jobs: usize) -> Threads {
    if layers < jobs { Threads::Two } else { Threads::One }
}

/// What a layer's line in the history says.
pub(super) fn created_by(name: &str, platform: &Platform) -> String {
    format!("wheelwright: {name} ({platform})")
}
