//! Layers made: inputs fetched, items collected, one pass each on a worker thread.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;
use tokio::sync::{OwnedMutexGuard, oneshot};

use super::{
    BuildError, Builder, Held, Made, Project,
    listing::Listing,
    memo::{self, MadeLayer},
    scripts,
    seen::Seen,
    why::{self, Inputs},
};
use crate::{
    fs::FileLock,
    layer::{
        Contribution, Format, Item, LayerError, Node, Paths, Threads, bytecode, lay_before, merge, merge_with,
        scripts::{Collected, Files, Reading, collect},
        share, venv,
        wheel::{Destination, RecordCheck, either_will_do, install},
        whiteouts,
    },
    lock::{Compiler, Facts, Interpreter, LockedImage, LockedPlatform, LockedWheel},
    oci::{Digest, Platform},
    plan::{Contents, Encoding, Frame, LayerKey, PlannedLayer, scripts_key},
    progress::{Event, Task, TaskKind},
    pypi::PackageIndex,
    recipe::{Compression, Script},
    store::{Blob, Store},
};

/// A layer of one platform, with what it took.
pub(super) struct Finished {
    pub(super) name: String,
    /// Nothing for what nobody else is told of.
    pub(super) key: Option<LayerKey>,
    /// What it was made of, in words.
    pub(super) inputs: Inputs,
    pub(super) holds: Vec<Held>,
    pub(super) layer: MadeLayer,
    pub(super) made: Made,
    pub(super) time: Duration,
}

/// What all layers of a platform have in common.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) project: &'a Project,
    pub(super) below: &'a LockedPlatform,
    /// All images of the recipe for this platform.
    pub(super) beside: &'a [&'a LockedImage],
    pub(super) index: &'a PackageIndex,
    pub(super) encoding: Encoding,
}

impl Builder {
    /// The layer that the plan describes: from an earlier build, or made now.
    pub(super) async fn make(
        &self,
        site: Site<'_>,
        frame: Frame<'_>,
        planned: PlannedLayer,
    ) -> Result<Finished, BuildError> {
        let start = Instant::now();
        let (name, key) = (planned.name.clone(), Some(planned.key));
        let inputs = why::inputs(&planned, &site.below.facts, frame);
        let holds = held(&planned.contents);
        let (debian, noted) = (matches!(planned.contents, Contents::Debian(_)), planned.key);
        let (layer, made) = self.have(site, planned).await?;
        if debian && made != Made::Built {
            self.judge_noted(site.project, &noted)?;
        }
        Ok(Finished { name, key, inputs, holds, layer, made, time: start.elapsed() })
    }

    async fn have(&self, site: Site<'_>, planned: PlannedLayer) -> Result<(MadeLayer, Made), BuildError> {
        if let Some(layer) = self.recall(&planned).await? {
            return Ok((layer, Made::Cached));
        }
        if let Some(found) = self.recall_remote(site, &planned).await? {
            return Ok(found);
        }
        // Another process may be making it: what that made is taken then.
        let _turn = self.turn(planned.key).await?;
        match self.recall(&planned).await? {
            Some(layer) => Ok((layer, Made::Cached)),
            None => Ok((self.lay_down_mended(site, planned).await?, Made::Built)),
        }
    }

    /// The layer as an earlier build made it.
    pub(super) async fn recall(&self, planned: &PlannedLayer) -> Result<Option<MadeLayer>, BuildError> {
        if !self.is_checked(planned) {
            return Ok(None);
        }
        let (store, key) = (self.settings.store.clone(), planned.key);
        self.compute(move || memo::recall(&store, &key)).await
    }

    /// Waits for all others that make the layer under `key`, here and in other processes, and keeps them
    /// waiting. Only one of those here takes a thread to wait.
    async fn turn(&self, key: LayerKey) -> Result<(OwnedMutexGuard<()>, FileLock), BuildError> {
        let here = self.turns.take(key.digest()).await;
        let store = self.settings.store.clone();
        let turn = tokio::task::spawn_blocking(move || store.lock(&key.digest())).await;
        Ok((here, turn.map_err(|_| BuildError::Worker)??))
    }

    /// Makes the layer: inputs fetched, items collected, one pass.
    pub(super) async fn lay_down(&self, site: Site<'_>, planned: PlannedLayer) -> Result<MadeLayer, BuildError> {
        let key = planned.key;
        let platform = &site.below.platform;
        let fail = |source| BuildError::Layer { layer: planned.name.clone(), platform: platform.clone(), source };
        let records = self.settings.records;
        let items = match planned.contents {
            Contents::Whiteouts(hidden) => whiteouts(&hidden),
            Contents::Venv(made) => venv::lay_out(&made, &site.below.facts, &site.below.platform),
            Contents::Debian(_) => {
                let laid = self.lay_out_packages(site.project, site.below).await?;
                self.note_undone(&key, &laid.undone).map_err(|source| fail(source.into()))?;
                laid.items
            }
            Contents::Wheels(wheels) => {
                let inputs = self.fetch(site, wheels).await?;
                let facts = site.below.facts.clone();
                self.compute(move || install_with_parents(&inputs, &facts, records, |items| items))
                    .await?
                    .map_err(fail)?
            }
            Contents::Share { wheel, number, of } => {
                let inputs = self.fetch(site, vec![wheel]).await?;
                let facts = site.below.facts.clone();
                let part = move |items| share(items, number, of);
                self.compute(move || install_with_parents(&inputs, &facts, records, part)).await?.map_err(fail)?
            }
            Contents::Bytecode { compiler, of } => self.compile_sources(site, (&planned.name, compiler, of)).await?,
        };
        let name = format!("{} {platform}", planned.name);
        let layer = self.lay(name, key, items, site.encoding).await?.map_err(fail)?;
        self.note_records(&key).map_err(|source| fail(source.into()))?;
        Ok(layer)
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
        scripts::check(site.project, scripts)?;
        let start = Instant::now();
        let (recalled, looked) = self.recall_scripts(site, scripts).await?;
        let inputs = why::inputs_of_files(&looked, compiler_of(site.below, &looked), &site.below.facts, site.encoding);
        let (layer, made) = if let Some(layer) = recalled {
            (layer, Made::Cached)
        } else {
            (self.lay_scripts(site, scripts).await?, Made::Built)
        };
        let (name, holds) = ("scripts".to_owned(), Vec::new());
        Ok(Some(Finished { name, key: None, inputs, holds, layer, made, time: start.elapsed() }))
    }

    /// The layer of the user's files, made now.
    pub(super) async fn lay_scripts(&self, site: Site<'_>, scripts: &[Script]) -> Result<MadeLayer, BuildError> {
        let fail = |source| scripts::wrong((site.project, scripts), &site.below.platform, source);
        let (store, folder) = (self.settings.store.clone(), site.project.folder.clone());
        let (below, wanted) = (site.below.facts.clone(), scripts.to_vec());
        let read = move || collect_scripts(&wanted, &folder, &below, &mut Reading::Whole(&store));
        let (mut items, digests) = self.compute(read).await?.map_err(fail)?;
        let compiler = compiler_of(site.below, &digests);
        let key = scripts_key(&digests, compiler, &site.below.facts, site.encoding);
        if let Some(compiler) = compiler {
            items.extend(self.compile_items(site, ("scripts", compiler), items.clone()).await?.items);
            Paths::new(&site.below.facts).add_parents(&mut items);
        }
        let name = format!("scripts {}", site.below.platform);
        self.lay(name, key, items, site.encoding).await?.map_err(fail)
    }

    /// The layer of the user's files as an earlier build made it, and what decides about it.
    pub(super) async fn recall_scripts(
        &self,
        site: Site<'_>,
        scripts: &[Script],
    ) -> Result<(Option<MadeLayer>, FileDigests), BuildError> {
        let fail = |source| scripts::wrong((site.project, scripts), &site.below.platform, source);
        let (store, now, wanted) = (self.settings.store.clone(), self.settings.now, scripts.to_vec());
        let (folder, below, encoding) = (site.project.folder.clone(), site.below.clone(), site.encoding);
        let look = move || -> Result<_, LayerError> {
            let digests = look_at_scripts(&wanted, &folder, &below.facts, (&store, now))?;
            let key = scripts_key(&digests, compiler_of(&below, &digests), &below.facts, encoding);
            Ok((memo::recall(&store, &key), digests))
        };
        self.compute(look).await?.map_err(fail)
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

    pub(super) async fn fetch(
        &self,
        site: Site<'_>,
        wheels: Vec<LockedWheel>,
    ) -> Result<Vec<(LockedWheel, Blob)>, BuildError> {
        let fetch = async |wheel: LockedWheel| {
            // Whoever waits for another recipe's download takes no place.
            let _turn = self.turns.take(wheel.sha256).await;
            let _place = self.downloads.acquire().await.map_err(|_| BuildError::Worker)?;
            let blob = site.index.download(&wheel).await;
            let blob = blob.map_err(|source| BuildError::Wheel { wheel: wheel.file.clone(), source })?;
            Ok((wheel, blob))
        };
        try_join_all(wheels.into_iter().map(fetch)).await
    }

    async fn lay(
        &self,
        name: String,
        key: LayerKey,
        items: Vec<Item>,
        encoding: Encoding,
    ) -> Result<Result<MadeLayer, LayerError>, BuildError> {
        let (observer, store) = (self.settings.observer.clone(), self.settings.store.clone());
        // With as many layers as cores the second thread costs nothing; with one giant left it helps.
        let threads = if self.settings.jobs.get() > 1 { Threads::Two } else { Threads::One };
        let format = format(encoding.compression);
        self.compute(move || {
            let task = Task { kind: TaskKind::Layer, name: &name };
            observer.observe(&Event::Started { task, total: Some(tar_size(&items)) });
            let advanced = |bytes| observer.observe(&Event::Advanced { task, bytes });
            let mut listing = Listing::default();
            let laid = lay_before(&mut listing, &items, (format, threads), &store, &advanced);
            observer.observe(&Event::Finished { task });
            let laid = laid?;
            listing.keep(&store, laid.diff_id)?;
            Ok(memo::remember(&store, &key, laid)?)
        })
        .await
    }
}

pub(super) fn held(contents: &Contents) -> Vec<Held> {
    let wheel = |wheel: &LockedWheel, size| Held { name: wheel.name.clone(), version: wheel.version.clone(), size };
    match contents {
        Contents::Whiteouts(_) | Contents::Venv(_) | Contents::Bytecode { .. } => Vec::new(),
        Contents::Debian(packages) => packages
            .iter()
            .map(|one| Held { name: one.name.clone(), version: one.version.clone(), size: one.size })
            .collect(),
        Contents::Wheels(wheels) => wheels.iter().map(|one| wheel(one, one.size)).collect(),
        Contents::Share { wheel: shared, of, .. } => vec![wheel(shared, shared.size / *of as u64)],
    }
}

/// Bytes of the tar, near enough for a progress bar.
fn tar_size(items: &[Item]) -> u64 {
    let body = |item: &Item| if let Node::File(body) = &item.node { body.size() } else { 0 };
    items.iter().map(|item| 512 + body(item).next_multiple_of(512)).sum()
}

/// What the recipe's compression means for a layer.
pub(super) const fn format(compression: Compression) -> Format {
    match compression {
        Compression::Lazy => Format::Lazy,
        Compression::Zstd => Format::Zstd,
        Compression::None => Format::Plain,
        _ => Format::Gzip,
    }
}

/// What each of the wheels puts on disk, without the directories above.
pub(super) fn install_all(
    inputs: &[(LockedWheel, Blob)],
    facts: &Facts,
    paths: &Paths,
    records: RecordCheck,
) -> Result<Vec<Contribution>, LayerError> {
    let Some(interpreter): Option<&Interpreter> = facts.python.as_ref() else { return Ok(Vec::new()) };
    let destination = Destination { interpreter, paths };
    inputs.iter().map(|(wheel, blob)| install(wheel, blob, destination, records)).collect()
}

/// The items of wheels, of which `part` takes its part, with the directories above.
fn install_with_parents(
    inputs: &[(LockedWheel, Blob)],
    facts: &Facts,
    records: RecordCheck,
    part: impl FnOnce(Vec<Item>) -> Vec<Item>,
) -> Result<Vec<Item>, LayerError> {
    let paths = Paths::new(facts);
    let installed = install_all(inputs, facts, &paths, records)?;
    let mut items = part(merge_with(installed, &either_will_do(facts, &paths))?);
    paths.add_parents(&mut items);
    Ok(items)
}

/// Path with owner, mode and digest of each file of the user's: what decides about their layer.
pub(super) type FileDigests = Vec<(String, u32, Digest)>;

/// Who compiles files of the user's; nobody where none of them is a source.
pub(super) fn compiler_of<'b>(below: &'b LockedPlatform, files: &FileDigests) -> Option<&'b Compiler> {
    let is_source = |(place, ..): &(String, u32, Digest)| {
        place.rsplit_once(' ').is_some_and(|(path, _)| bytecode::pyc_path(path, "").is_some())
    };
    below.compiler.as_ref().filter(|_| files.iter().any(is_source))
}

fn collect_scripts(
    wanted: &[Script],
    folder: &std::path::Path,
    facts: &Facts,
    reading: &mut Reading<'_>,
) -> Result<(Vec<Item>, FileDigests), LayerError> {
    let paths = Paths::new(facts);
    let (mut contributions, mut all) = (Vec::new(), Vec::new());
    for script in wanted {
        let from = folder.join(script.from.get_ref());
        let owner = (u64::from(script.owner.uid), u64::from(script.owner.gid));
        let mode = script.mode.as_ref().map(|mode| *mode.get_ref());
        let (shown, to) = (script.from.get_ref(), script.to.get_ref());
        let mut collected = collect(Files { from: &from, shown, to, paths: &paths, mode, owner }, reading)?;
        // The root is nobody's.
        collected.retain(|one| !one.item.path.is_empty());
        let items = collected.iter().map(|one| &one.item).filter(|item| !paths.has_directory(item)).cloned().collect();
        contributions.push(Contribution { from: shown.clone(), items, missing: Vec::new() });
        all.extend(collected);
    }
    let digests = file_digests(&all);
    let mut items = merge(contributions).map_err(LayerError::among_own)?;
    paths.add_parents(&mut items);
    Ok((items, digests))
}

/// What decides about a layer of all these, in the order of the recipe.
fn file_digests(all: &[Collected]) -> FileDigests {
    let directories = all.iter().map(|one| &one.item).filter(|item| item.node == Node::Directory);
    // A directory is the last one's who brings it: who came before him decides nothing.
    let last: BTreeMap<&str, &Item> = directories.map(|item| (item.path.as_str(), item)).collect();
    let digest = |Collected { item, digest, .. }: &Collected| {
        let Item { path, uid, gid, mode, .. } = last.get(item.path.as_str()).copied().unwrap_or(item);
        (format!("{path} {uid}:{gid}"), *mode, *digest)
    };
    let mut digests: FileDigests = all.iter().map(digest).collect();
    digests.sort();
    digests
}

/// What decides about the layer of the user's files, as far as possible without reading them.
pub(super) fn look_at_scripts(
    wanted: &[Script],
    folder: &std::path::Path,
    facts: &Facts,
    (store, now): (&Store, Option<u64>),
) -> Result<FileDigests, LayerError> {
    let mut seen = Seen::at(store, folder, "scripts", now);
    let mut known = |name: &str, file: std::fs::File| seen.digest_of(name, file);
    let (_, digests) = collect_scripts(wanted, folder, facts, &mut Reading::Digests(&mut known))?;
    seen.keep(store)?;
    Ok(digests)
}

/// What a layer's line in the history says.
pub(super) fn created_by(name: &str, platform: &Platform) -> String {
    format!("wheelwright: {name} ({platform})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        builder::testing::Bench,
        lock::{Directory, Symlink},
    };

    /// A base with merged `/usr`, whose `/var/tmp` is everybody's.
    fn facts() -> Facts {
        let directory = |path: &str, mode| Directory { path: path.to_owned(), mode, uid: 0, gid: 0 };
        Facts {
            directories: vec![directory("/usr", 0o755), directory("/var", 0o755), directory("/var/tmp", 0o1777)],
            symlinks: vec![Symlink { path: "/bin".to_owned(), target: "usr/bin".to_owned() }],
            ..Facts::default()
        }
    }

    /// Path, mode and owner of what these tables become, and what decides about it.
    fn collected(scripts: &str) -> (Vec<String>, FileDigests) {
        let bench =
            Bench::new(&[("root/bin/tool", ""), ("root/var/tmp/x", ""), ("one/data/a", ""), ("two/data/b", "")]);
        let (project, store) = (bench.project(scripts), Store::open(bench.folder.path().join("store")).unwrap());
        let wanted = &project.recipe.images()[0].scripts;
        let (items, digests) = collect_scripts(wanted, &project.folder, &facts(), &mut Reading::Whole(&store)).unwrap();
        (items.iter().map(|item| format!("{} {:o} {}", item.path, item.mode, item.uid)).collect(), digests)
    }

    #[test]
    fn what_the_base_has_stays_as_it_is() {
        let (items, _) = collected("[[scripts]]\nfrom = \"root\"\nto = \"/\"\n");
        assert_eq!(items, ["usr/bin 755 0", "usr/bin/tool 644 0", "var/tmp/x 644 0"]);
    }

    #[test]
    fn a_directory_is_the_last_ones_who_brings_it() {
        let one = "[[scripts]]\nfrom = \"one\"\nto = \"/srv\"\nowner = \"1\"\n";
        let two = "[[scripts]]\nfrom = \"two\"\nto = \"/srv\"\nowner = \"2\"\n";
        let (items, digests) = collected(&[one, two].concat());
        assert_eq!(items, ["srv 755 2", "srv/data 755 2", "srv/data/a 644 1", "srv/data/b 644 2"]);
        let (items, others) = collected(&[two, one].concat());
        assert_eq!(items, ["srv 755 1", "srv/data 755 1", "srv/data/a 644 1", "srv/data/b 644 2"]);
        assert_ne!(digests, others, "other layers have other keys");
    }
}
