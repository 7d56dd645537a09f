//! Wheels of the user's own, which may have been built anew since they were locked.

use std::{collections::BTreeMap, fs, io, path::Path};

use super::{BuildError, Project, seen::Seen};
use crate::{
    lock::{Change, Lock, LockedWheel, Stale, WheelSource},
    store::Store,
};

/// The local wheels of `lock` whose files hold something else now. One that is missing is not: the store
/// may have what the lock names.
pub(super) fn changed(
    project: &Project,
    lock: &Lock,
    (store, now): (&Store, Option<u64>),
) -> Result<Vec<Stale>, BuildError> {
    let mut local: BTreeMap<&str, &LockedWheel> = BTreeMap::new();
    for wheel in lock.images.iter().flat_map(|image| &image.wheels) {
        if let WheelSource::Path(path) = &wheel.source {
            local.insert(path, wheel);
        }
    }
    if local.is_empty() {
        return Ok(Vec::new());
    }
    let mut seen = Seen::at(store, &project.folder, "wheels", now);
    let mut changed = Vec::new();
    for (path, wheel) in local {
        let fail = |source| BuildError::File { path: path.into(), source };
        if !is_as_locked(&project.folder.join(path), wheel, &mut seen).map_err(fail)? {
            changed.push(Stale { key: path.to_owned(), change: Change::Changed });
        }
    }
    seen.keep(store)?;
    Ok(changed)
}

fn is_as_locked(path: &Path, wheel: &LockedWheel, seen: &mut Seen) -> io::Result<bool> {
    let size = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        metadata => metadata?.len(),
    };
    if size != wheel.size {
        return Ok(false);
    }
    seen.digest(&path.display().to_string(), path).map(|(digest, _)| digest == wheel.sha256)
}
