//! What an image does to its base: an environment of its own for the wheels, and distributions replaced.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{BuildError, Builder, Kept, Project, debian::add_to_tree, wheels::target};
use crate::{
    base::{BaseImage, Declared, Tree, Unmet, read_tree, unmet},
    hint::Hint,
    layer::Paths,
    lock::{Facts, Interpreter, LockedImage, LockedPlatform, Replaced, Scheme, Symlink, Venv},
    oci::Platform,
    python::{PackageName, marker_environment},
    resolve::Request,
};

/// What lies below the wheels of a platform.
struct Seen {
    tree: Tree,
    /// Of the base's config.
    settings: Value,
}

/// Makes `facts` those of the environment that the recipe wants, if it wants one. `tree` is what the base
/// holds, if it could be read.
pub(super) fn move_into(
    project: &Project,
    platform: &Platform,
    facts: &mut Facts,
    tree: Option<&Tree>,
) -> Result<Option<Venv>, BuildError> {
    let Some(into) = &project.recipe.wheels.into else { return Ok(None) };
    let refuse = |message: String, hint: &str| {
        Err(project.recipe.problem_at(into.path.span(), message, Some(Hint::new(hint))).into())
    };
    let prefix = into.path.get_ref();
    let Some(python) = &mut facts.python else { return Ok(None) };
    if tree.is_some_and(|tree| !tree.is_vacant(prefix)) {
        return refuse(format!("the base has something in {prefix}"), "name another folder");
    }
    if python.scheme.headers.contains("/include/site/") {
        let message = format!("the base's {} is in an environment already, which wheels go to", python.path);
        return refuse(message, "remove `into`, or put the interpreter first on the base's PATH");
    }
    let venv =
        Venv { prefix: prefix.clone(), python: python.path.clone(), system_site_packages: into.system_site_packages };
    *python = inside(&venv, python);
    if !venv.system_site_packages {
        facts.installed.clear();
    }
    if platform.is_64_bit() {
        // What wheels have for `lib64` goes where the environment's link leads.
        let path = format!("/{}", Paths::new(facts).canonical(&format!("{prefix}/lib64")));
        facts.symlinks.push(Symlink { path, target: "lib".to_owned() });
        facts.symlinks.sort_by(|left, right| left.path.cmp(&right.path));
    }
    Ok(Some(venv))
}

/// The interpreter of an environment made from `python`.
fn inside(Venv { prefix, .. }: &Venv, python: &Interpreter) -> Interpreter {
    // `python3.13t` where the build is free-threaded: as in the scheme outside.
    let library = python.scheme.purelib.rsplit('/').nth(1).unwrap_or("python3");
    let site = format!("{prefix}/lib/{library}/site-packages");
    let scheme = Scheme {
        purelib: site.clone(),
        platlib: site,
        scripts: format!("{prefix}/bin"),
        data: prefix.clone(),
        headers: format!("{prefix}/include/site/python3.{}", python.version.minor),
    };
    Interpreter { path: format!("{prefix}/bin/python3"), scheme, ..python.clone() }
}

impl Builder {
    /// Notes in `image` what of the base its wheels take the place of, and makes sure that nothing else of
    /// the base breaks by it. What `kept` has is not looked up again.
    pub(super) async fn note_replaced(
        &self,
        project: &Project,
        (locked, image): (&LockedPlatform, &mut LockedImage),
        request: &Request,
        kept: &Kept<'_>,
    ) -> Result<(), BuildError> {
        let wheels: BTreeMap<PackageName, String> =
            image.wheels.iter().filter_map(|wheel| Some((wheel.name.parse().ok()?, wheel.version.clone()))).collect();
        let installed: BTreeMap<PackageName, String> = locked
            .facts
            .installed
            .iter()
            .filter_map(|one| Some((one.name.parse().ok()?, one.version.clone())))
            .collect();
        let names: BTreeSet<PackageName> =
            wheels.keys().filter(|name| installed.contains_key(*name)).cloned().collect();
        if names.is_empty() {
            return Ok(());
        }
        if let Some(before) = kept.replaced(image, locked) {
            image.replaced = before.to_vec();
            return Ok(());
        }
        let seen = self.see(project, locked).await?;
        let fail = |source| BuildError::Base { platform: locked.platform.clone(), source };
        let declared = seen.tree.declared(&seen.settings).map_err(fail)?;
        let broken = broken(locked, &declared, (&installed, &wheels), request)?;
        if !broken.is_empty() {
            return Err(BuildError::Breaks { platform: locked.platform.clone(), broken });
        }
        if locked.venv.is_none() {
            image.replaced = seen.tree.replaced(&seen.settings, &names).map_err(fail)?;
            self.tell_replaced(image);
        }
        Ok(())
    }

    fn tell_replaced(&self, image: &LockedImage) {
        for Replaced { name, version, .. } in &image.replaced {
            let new = image.wheels.iter().find(|wheel| wheel.name == *name).map_or("", |wheel| &wheel.version);
            self.stage("replacing", format!("{name} {version} of the base by {new} on {}", image.platform));
        }
    }

    /// What lies below the wheels. It was read for the facts, and comes out of the store.
    async fn see(&self, project: &Project, locked: &LockedPlatform) -> Result<Seen, BuildError> {
        let platform = &locked.platform;
        let fail = |source| BuildError::Base { platform: platform.clone(), source };
        let base = self.find_base(project, platform, locked.base).await?;
        let settings = base.as_ref().map(BaseImage::settings).unwrap_or_default();
        let mut tree = match &base {
            Some(base) => read_tree(base, &self.settings.store).await.map_err(fail)?,
            None => Tree::new(),
        };
        if !locked.debian.is_empty() {
            let items = self.lay_out_packages(project, locked).await?.items;
            add_to_tree(&mut tree, &items).map_err(|source| BuildError::Tree { platform: platform.clone(), source })?;
        }
        Ok(Seen { tree, settings })
    }
}

/// What of the base requires something that the image would not have any more.
fn broken(
    locked: &LockedPlatform,
    declared: &[Declared],
    (installed, wheels): (&BTreeMap<PackageName, String>, &BTreeMap<PackageName, String>),
    request: &Request,
) -> Result<Vec<Unmet>, BuildError> {
    let environment = marker_environment(&target(locked)?);
    let stay: Vec<Declared> = declared.iter().filter(|one| !wheels.contains_key(&one.name)).cloned().collect();
    let mut present = installed.clone();
    present.extend(wheels.clone());
    // What was broken before is the base's own business.
    let before = unmet(&stay, installed, &environment);
    let was_broken = |now: &Unmet| before.iter().any(|then| (&then.owner, &then.wanted) == (&now.owner, &now.wanted));
    let overridden = |now: &Unmet| request.overrides.iter().any(|wanted| wanted.name == now.name);
    let broken = unmet(&stay, &present, &environment).into_iter();
    Ok(broken.filter(|now| !was_broken(now) && !overridden(now)).collect())
}
