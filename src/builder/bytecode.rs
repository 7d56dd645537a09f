//! Sources compiled by an interpreter of this machine: which one, said by the lock; and what it makes of wheels,
//! packages and the user's files.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use super::{
    BuildError, Builder, Project,
    make::{Site, install_all},
};
use crate::{
    compiler::{CompilerError, Compilers, Search, find},
    hint::Hint,
    layer::{
        Contribution, Item, LayerError, Paths,
        bytecode::{self, Compiled},
        merge, merge_with,
        wheel::RecordCheck,
    },
    lock::{Compiler, Facts, Lock, LockedPlatform, LockedWheel},
    oci::{Digest, Platform},
    plan::{Sources, modules_key},
    store::Blob,
};

/// Interpreters that were found, with the processes of each.
pub(super) type Found = BTreeMap<Compiler, Arc<Compilers>>;

/// Folders of Debian packages in which Python's sources lie.
const OF_PACKAGES: &str = "usr/lib/python3";

impl Builder {
    /// Says in `lock` who compiles on each platform: who did before, where this machine has that interpreter, else
    /// one of the same feature release as the image's.
    pub(super) async fn settle_compilers(
        &self,
        project: &Project,
        (mut lock, before): (Lock, Option<&Lock>),
    ) -> Result<Lock, BuildError> {
        let wanted = project.recipe.wheels.bytecode.as_ref();
        for locked in &mut lock.platforms {
            let kept = before.and_then(|before| before.platform(&locked.platform)?.compiler.as_ref());
            locked.compiler = match wanted {
                None => None,
                Some(wanted) if locked.facts.python.is_none() => {
                    let message = format!("there is no Python on {} to compile for", locked.platform);
                    let hint = Hint::new("remove `bytecode`, or take a `base` with Python");
                    return Err(project.recipe.problem_at(wanted.span.clone(), message, Some(hint)).into());
                }
                Some(_) => Some(self.choose_compiler(project, locked, kept).await?),
            };
        }
        Ok(lock)
    }

    async fn choose_compiler(
        &self,
        project: &Project,
        locked: &LockedPlatform,
        kept: Option<&Compiler>,
    ) -> Result<Compiler, BuildError> {
        if let Some(kept) = kept
            && self.compilers((project, &locked.facts), kept).await?.is_ok()
        {
            return Ok(kept.clone());
        }
        let found = self.find_compiler((project, &locked.facts), None).await?;
        found.map_err(|source| BuildError::Compiler { platform: locked.platform.clone(), source })
    }

    /// The processes of the interpreter that is `wanted`, looked for once.
    async fn compilers(
        &self,
        of: (&Project, &Facts),
        wanted: &Compiler,
    ) -> Result<Result<Arc<Compilers>, CompilerError>, BuildError> {
        if let Some(known) = self.known_compilers(|found| found.get(wanted).cloned()) {
            return Ok(Ok(known));
        }
        if let Err(error) = self.find_compiler(of, Some(wanted)).await? {
            return Ok(Err(error));
        }
        let known = self.known_compilers(|found| found.get(wanted).cloned());
        Ok(Ok(known.ok_or(BuildError::Worker)?))
    }

    /// Looks for an interpreter, which is remembered.
    async fn find_compiler(
        &self,
        (project, facts): (&Project, &Facts),
        wanted: Option<&Compiler>,
    ) -> Result<Result<Compiler, CompilerError>, BuildError> {
        let Some(image) = facts.python.clone() else { return Err(BuildError::Worker) };
        let (search, wanted) = (self.search(project), wanted.cloned());
        let found = tokio::task::spawn_blocking(move || find(&search, &image, wanted.as_ref())).await;
        Ok(found.map_err(|_| BuildError::Worker)?.map(|(program, compiler)| {
            let compilers = || Arc::new(Compilers::new(&program, compiler.clone()));
            self.known_compilers(|found| {
                found.entry(compiler.clone()).or_insert_with(compilers);
            });
            compiler
        }))
    }

    /// Where to look: at what the recipe names and at nothing else, or where the user says.
    fn search(&self, project: &Project) -> Search {
        let by = project.recipe.wheels.bytecode.as_ref().and_then(|bytecode| bytecode.by.as_ref());
        match by {
            Some(by) => Search { named: vec![project.folder.join(Path::new(by.get_ref()))], folders: Vec::new() },
            None => self.settings.interpreters.clone(),
        }
    }

    fn known_compilers<T>(&self, look: impl FnOnce(&mut Found) -> T) -> T {
        look(&mut self.compilers.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// What the sources `of` the site become when `compiler` compiles them, with the directories above.
    pub(super) async fn compile_sources(
        &self,
        site: Site<'_>,
        (layer, compiler, of): (&str, Compiler, Sources),
    ) -> Result<Vec<Item>, BuildError> {
        let contributions = match of {
            Sources::Wheels(wheels) => self.compile_wheels(site, (layer, &compiler), wheels).await?,
            Sources::Packages(_) => {
                let laid = self.lay_out_packages(site.project, site.below).await?;
                let items = laid.items.into_iter().filter(|item| item.path.starts_with(OF_PACKAGES)).collect();
                vec![self.compile_items(site, (layer, &compiler), items).await?]
            }
        };
        let (files, skipped) = contributions
            .iter()
            .fold((0, 0), |(files, skipped), compiled| (files + compiled.items.len(), skipped + compiled.skipped));
        let skipped = if skipped > 0 { format!(", {skipped} are none of this Python") } else { String::new() };
        self.stage("compiled", format!("{layer} for {}: {files} sources{skipped}", site.below.platform));
        let contribution =
            |compiled: Compiled| Contribution { from: layer.to_owned(), items: compiled.items, missing: Vec::new() };
        let paths = Paths::new(&site.below.facts);
        // Where either source will do, so will what became of it; others were refused.
        let merged = merge_with(contributions.into_iter().map(contribution).collect(), &|_, _| true);
        let mut items = merged.map_err(|source| fail(layer, &site.below.platform, source))?;
        paths.add_parents(&mut items);
        Ok(items)
    }

    /// Wheel by wheel, each of which is compiled once for all images and versions of it that are equal.
    async fn compile_wheels(
        &self,
        site: Site<'_>,
        (layer, compiler): (&str, &Compiler),
        wheels: Vec<LockedWheel>,
    ) -> Result<Vec<Compiled>, BuildError> {
        let (store, facts) = (self.settings.store.clone(), site.below.facts.clone());
        let keyed = wheels.into_iter().map(|wheel| (modules_key(&wheel, compiler, &facts), wheel)).collect::<Vec<_>>();
        let look = move |(key, wheel)| (bytecode::recall(&store, &key), key, wheel);
        let looked: Vec<_> = self.compute(move || keyed.into_iter().map(look).collect()).await?;
        let missing = looked.iter().filter(|(known, ..)| known.is_none()).map(|(_, _, wheel)| wheel.clone()).collect();
        let mut files: BTreeMap<Digest, Blob> = BTreeMap::new();
        files.extend(self.fetch(site, missing).await?.into_iter().map(|(wheel, blob)| (wheel.sha256, blob)));
        let mut all = Vec::new();
        for (known, key, wheel) in looked {
            if let Some(known) = known {
                all.push(known);
                continue;
            }
            let blob = files.remove(&wheel.sha256).ok_or(BuildError::Worker)?;
            let (facts, installed) = (site.below.facts.clone(), [(wheel, blob)]);
            let items = self.compute(move || sources(&installed, &facts)).await?;
            let items = items.map_err(|source| fail(layer, &site.below.platform, source))?;
            let made = self.compile_items(site, (layer, compiler), items).await?;
            let kept = bytecode::keep(&self.settings.store, &key, &made);
            kept.map_err(|source| fail(layer, &site.below.platform, source))?;
            all.push(made);
        }
        Ok(all)
    }

    /// What the sources among `items` become.
    pub(super) async fn compile_items(
        &self,
        site: Site<'_>,
        (layer, compiler): (&str, &Compiler),
        items: Vec<Item>,
    ) -> Result<Compiled, BuildError> {
        let found = self.compilers((site.project, &site.below.facts), compiler).await?;
        let platform = &site.below.platform;
        let processes = found.map_err(|source| BuildError::Compiler { platform: platform.clone(), source })?;
        let store = self.settings.store.clone();
        let made = self.compute(move || bytecode::compile(&items, &processes, &store)).await?;
        made.map_err(|source| fail(layer, platform, source))
    }
}

/// The modules of a wheel: what it puts where nobody imports from is left out.
fn sources(wheel: &[(LockedWheel, Blob)], facts: &Facts) -> Result<Vec<Item>, LayerError> {
    let paths = Paths::new(facts);
    let mut items = merge(install_all(wheel, facts, &paths, RecordCheck::Skip)?)?;
    let scheme = facts.python.iter().flat_map(|python| [&python.scheme.purelib, &python.scheme.platlib]);
    // A link is followed only where the path goes on.
    let roots: Vec<String> = scheme.map(|root| paths.canonical(&format!("{root}/*"))).collect();
    let is_module = |path: &str| roots.iter().any(|root| path.starts_with(root.trim_end_matches('*')));
    items.retain(|item| is_module(&item.path));
    Ok(items)
}

fn fail(layer: &str, platform: &Platform, source: LayerError) -> BuildError {
    BuildError::Layer { layer: layer.to_owned(), platform: platform.clone(), source }
}
