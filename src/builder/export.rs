//! A lock for other tools: what they want to know and the lock does not say is asked for here.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{BuildError, Builder, Project, Selection, paths::relative};
use crate::{
    lock::{Export, FilePlace, IndexOption, Lock, WheelSource},
    oci::Digest,
    recipe::Location,
};

/// Index pages asked for at the same time.
const AT_ONCE: usize = 16;

impl Builder {
    /// The text of a `pylock.toml` that lies in `folder`. PEP 751 demands a place of every wheel, so the
    /// indexes are asked where they list the locked files now; their pages of an earlier run will do.
    ///
    /// # Errors
    /// When the lock lacks an image, and when an index cannot be asked or does not list a file any more.
    pub async fn pylock(
        &self,
        project: &Project,
        lock: &Lock,
        selection: &Selection,
        folder: &Path,
    ) -> Result<String, BuildError> {
        let export = chosen(project, lock, selection)?;
        let index = self.package_index(project);
        let places = export.wheels().into_iter().filter_map(|wheel| match &wheel.source {
            WheelSource::Index(name) => Some((name, wheel)),
            _ => None,
        });
        let places = places.map(async |(name, wheel)| {
            let fail = |source| BuildError::Wheel { wheel: wheel.file.clone(), source };
            let url = index.whereabouts(name, wheel).await.map_err(fail)?;
            let place = match url.to_file_path() {
                Ok(path) if url.scheme() == "file" => FilePlace::Path(relative(folder, &path)),
                _ => FilePlace::Url(url.to_string()),
            };
            Ok::<(Digest, FilePlace), BuildError>((wheel.sha256, place))
        });
        let places: BTreeMap<Digest, FilePlace> =
            stream::iter(places.collect::<Vec<_>>()).buffered(AT_ONCE).try_collect().await?;
        Ok(export.pylock(&places, &|path| relative(folder, &project.folder.join(path))))
    }

    /// The text of a requirements file that lies in `folder`. Asks nobody.
    ///
    /// # Errors
    /// When the lock lacks an image.
    pub fn requirements(
        &self,
        project: &Project,
        lock: &Lock,
        selection: &Selection,
        folder: &Path,
    ) -> Result<String, BuildError> {
        let export = chosen(project, lock, selection)?;
        let used: BTreeSet<&str> = export
            .wheels()
            .into_iter()
            .filter_map(|wheel| if let WheelSource::Index(name) = &wheel.source { Some(name.as_str()) } else { None })
            .collect();
        let own = project.recipe.wheels.index.iter().filter(|index| used.contains(index.name.get_ref().as_str()));
        let options: Vec<IndexOption> = own
            .map(|index| match index.location.get_ref() {
                Location::Url(url) => IndexOption::Url(url.to_string()),
                Location::Folder(path) => IndexOption::Folder(relative(folder, &project.folder.join(path))),
            })
            .collect();
        Ok(export.requirements(&options, &|path| relative(folder, &project.folder.join(path))))
    }
}

fn chosen<'l>(project: &Project, lock: &'l Lock, selection: &Selection) -> Result<Export<'l>, BuildError> {
    let variant = project.recipe.variant(selection.variant.as_deref())?;
    Ok(lock.export(variant.name.as_deref(), &selection.platforms)?)
}
