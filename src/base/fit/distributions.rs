//! Distributions of a base and of the layers on it: that none stands twice, and that all have what they require.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Change, Misfit, Whole};
use crate::{
    base::{BaseError, Declared, LayerEntries, Tree, Unmet, installed, interpreter, unmet},
    lock::Facts,
    python::{PackageName, Target, marker_environment},
};

/// By name and position in the interpreter's path: the version.
type Standing = BTreeMap<(PackageName, usize), String>;

/// What the new base does to distributions of the image, and what the image does to those of the new base.
pub(super) fn misfits(
    change: &Change<'_>,
    ours: &[LayerEntries],
    (before, after): (&Whole, &Whole),
) -> Result<Vec<Misfit>, BaseError> {
    let Some(found) = interpreter::find(&after.tree, change.settings.1)? else { return Ok(Vec::new()) };
    let sites = found.sites;
    let mut own = Tree::new();
    for layer in ours {
        own.merge(layer.clone());
    }
    let own = standing(&own, &sites);
    let (theirs, earlier) = (standing(&seen(change.new, ours), &sites), standing(&seen(change.old, ours), &sites));
    let mut misfits = Vec::new();
    for ((name, place), version) in &theirs {
        let mut same = own.iter().filter(|((own, own_place), _)| own == name && place <= own_place);
        if earlier.get(&(name.clone(), *place)) != Some(version)
            && let Some(((_, own_place), own_version)) = same.next()
        {
            misfits.push(Misfit::Distribution {
                name: name.clone(),
                ours: own_version.clone(),
                theirs: version.clone(),
                place: sites[*place].clone(),
                shadows: place < own_place,
            });
        }
    }
    if misfits.is_empty() {
        misfits.extend(new_gaps(change, before, after)?.into_iter().map(Misfit::Unmet));
    }
    Ok(misfits)
}

/// The base as far as the layers above let it be seen.
fn seen(base: &Tree, ours: &[LayerEntries]) -> Tree {
    let mut tree = base.clone();
    for layer in ours {
        let (whiteouts, opaque) = (layer.whiteouts.clone(), layer.opaque.clone());
        tree.merge(LayerEntries { whiteouts, opaque, ..LayerEntries::default() });
    }
    tree
}

fn standing(tree: &Tree, sites: &[String]) -> Standing {
    let mut standing = Standing::new();
    for (place, site) in sites.iter().enumerate() {
        for found in installed::each(tree, std::slice::from_ref(site)) {
            standing.insert((found.name, place), found.version);
        }
    }
    standing
}

/// Requirements that are met neither in the image nor in the base alone, and were before.
fn new_gaps(change: &Change<'_>, before: &Whole, after: &Whole) -> Result<Vec<Unmet>, BaseError> {
    let bare = change.new.facts(change.settings.1, &[])?;
    let earlier = gaps(change, (&before.tree, &before.facts), change.settings.0)?;
    let theirs = gaps(change, (change.new, &bare), change.settings.1)?;
    let known = |now: &Unmet| {
        earlier.iter().chain(&theirs).any(|then| (&then.owner, &then.wanted) == (&now.owner, &now.wanted))
    };
    let now = gaps(change, (&after.tree, &after.facts), change.settings.1)?;
    Ok(now.into_iter().filter(|now| !known(now)).collect())
}

fn gaps(change: &Change<'_>, (tree, facts): (&Tree, &Facts), settings: &Value) -> Result<Vec<Unmet>, BaseError> {
    let (Some(python), Some(libc)) = (&facts.python, facts.libc) else { return Ok(Vec::new()) };
    let declared = tree.declared(settings)?;
    let present = declared.iter().map(|Declared { name, version, .. }| (name.clone(), version.clone())).collect();
    let platform = change.platform.clone();
    let target = Target { platform, python: python.version, libc, free_threaded: python.free_threaded };
    Ok(unmet(&declared, &present, &marker_environment(&target)).into_iter().collect())
}
