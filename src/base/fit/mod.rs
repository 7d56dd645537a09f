//! Whether layers that were made over one base do their work over another: from the files of both.

mod distributions;
mod files;
mod misfit;

use serde_json::Value;

pub use misfit::Misfit;

use super::{BaseError, LayerEntries, Tree};
use crate::{lock::Facts, oci::Platform, python::Libc};

/// Layers that shall lie on another base than the one that they were made for.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// Of the image.
    pub platform: &'a Platform,
    /// The base that they were made for.
    pub old: &'a Tree,
    /// The base that they shall lie on.
    pub new: &'a Tree,
    /// What they hold, the lowest first; nothing where that is not known.
    pub ours: Option<&'a [LayerEntries]>,
    /// The `config` object of the image's config as it was, and as it shall be.
    pub settings: (&'a Value, &'a Value),
}

/// The files of an image, and what they say of it.
struct Whole {
    tree: Tree,
    facts: Facts,
}

impl Change<'_> {
    /// Everything that would not be as it was. Where nothing is known of the layers, whatever could matter to
    /// any.
    ///
    /// # Errors
    /// When there is a `python3` that cannot be understood.
    pub fn misfits(&self) -> Result<Vec<Misfit>, BaseError> {
        let (before, after) = (self.whole(self.old, self.settings.0)?, self.whole(self.new, self.settings.1)?);
        let mut misfits: Vec<Misfit> = of_interpreter(&before.facts, &after.facts).into_iter().collect();
        misfits.extend(of_libc(&before.facts, &after.facts));
        if let Some(ours) = self.ours {
            misfits.extend(of_system(ours, &before.facts, &after.facts));
            misfits.extend(distributions::misfits(self, ours, (&before, &after))?);
            misfits.extend(files::misfits(self.old, self.new, ours));
        } else {
            misfits.extend(files::links(self.old, self.new));
        }
        Ok(misfits)
    }

    /// `base` with the layers on it.
    fn whole(&self, base: &Tree, settings: &Value) -> Result<Whole, BaseError> {
        let mut tree = base.clone();
        for layer in self.ours.into_iter().flatten() {
            tree.merge(layer.clone());
        }
        let facts = tree.facts(settings, &[])?;
        Ok(Whole { tree, facts })
    }
}

/// The same interpreter in the same place, as far as modules and scripts notice.
fn of_interpreter(before: &Facts, after: &Facts) -> Option<Misfit> {
    let old = before.python.as_ref()?;
    let Some(new) = &after.python else { return Some(Misfit::NoPython { path: old.path.clone() }) };
    let build = |facts: &Facts| {
        let purelib = facts.python.as_ref().map(|python| &python.scheme.purelib);
        facts.interpreters.iter().find(|found| Some(&found.purelib) == purelib)?.abi.clone()
    };
    let minor = |python: &crate::lock::Interpreter| (python.version.major, python.version.minor, python.free_threaded);
    if minor(old) != minor(new) {
        return Some(Misfit::Python { old: old.version, new: new.version });
    }
    if let (Some(old), Some(new)) = (build(before), build(after))
        && old != new
    {
        return Some(Misfit::Abi { old, new });
    }
    if old.path != new.path {
        return Some(Misfit::Place { what: "python3", old: old.path.clone(), new: new.path.clone() });
    }
    let (old, new) = (&old.scheme, &new.scheme);
    [
        ("the folder of modules", &old.purelib, &new.purelib),
        ("the folder of compiled modules", &old.platlib, &new.platlib),
        ("the folder of commands", &old.scripts, &new.scripts),
    ]
    .into_iter()
    .find(|(_, old, new)| old != new)
    .map(|(what, old, new)| Misfit::Place { what, old: old.clone(), new: new.clone() })
}

fn of_libc(before: &Facts, after: &Facts) -> Option<Misfit> {
    let old = before.libc?;
    let fits = match (old, after.libc) {
        (Libc::Glibc(major, minor), Some(Libc::Glibc(new_major, new_minor)))
        | (Libc::Musl(major, minor), Some(Libc::Musl(new_major, new_minor))) => {
            (new_major, new_minor) >= (major, minor)
        }
        _ => false,
    };
    (!fits).then_some(Misfit::Libc { old, new: after.libc })
}

/// Debian packages are chosen for one release, beside those that the base has.
fn of_system(ours: &[LayerEntries], before: &Facts, after: &Facts) -> Option<Misfit> {
    let packaged = |layer: &LayerEntries| layer.iter().any(|(path, _)| path.starts_with("var/lib/dpkg/status.d/"));
    let name = |facts: &Facts| {
        let system = facts.system.as_ref()?;
        let release = system.codename.as_ref().or(system.version.as_ref());
        Some(format!("{}{}", system.id, release.map(|release| format!(" {release}")).unwrap_or_default()))
    };
    let (old, new) = (name(before)?, name(after).unwrap_or_else(|| "unknown".to_owned()));
    (old != new && ours.iter().any(packaged)).then_some(Misfit::System { old, new })
}

#[cfg(test)]
mod tests;
