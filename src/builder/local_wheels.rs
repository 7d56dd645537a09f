//! Wheels of the user's own, which may have been built anew since they were locked.

use std::{collections::BTreeMap, fs::File, io, path::Path};

use super::{BuildError, Project};
use crate::{
    lock::{Change, Lock, LockedWheel, Stale, WheelSource},
    oci::Hasher,
};

/// The local wheels of `lock` whose files hold something else now. One that is missing is not: the store
/// may have what the lock names.
pub(super) fn changed(project: &Project, lock: &Lock) -> Result<Vec<Stale>, BuildError> {
    let mut local: BTreeMap<&str, &LockedWheel> = BTreeMap::new();
    for wheel in lock.images.iter().flat_map(|image| &image.wheels) {
        if let WheelSource::Path(path) = &wheel.source {
            local.insert(path, wheel);
        }
    }
    let mut changed = Vec::new();
    for (path, wheel) in local {
        let fail = |source| BuildError::File { path: path.into(), source };
        if !is_as_locked(&project.folder.join(path), wheel).map_err(fail)? {
            changed.push(Stale { key: path.to_owned(), change: Change::Changed });
        }
    }
    Ok(changed)
}

fn is_as_locked(path: &Path, wheel: &LockedWheel) -> io::Result<bool> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        opened => opened?,
    };
    if file.metadata()?.len() != wheel.size {
        return Ok(false);
    }
    let mut hasher = Hasher::new();
    io::copy(&mut file, &mut hasher)?;
    Ok(hasher.finish() == wheel.sha256)
}
