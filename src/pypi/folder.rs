//! Folders of wheels, as indexes.

use std::path::{self, Path};

use url::Url;

use super::{IndexError, PackageIndex};
use crate::{
    fs::sorted_entries,
    python::{IndexFile, MetadataFile, PackageName, WheelName, Yanked},
};

impl PackageIndex {
    /// The wheels of `package` that lie in `folder`; nothing when there are none.
    pub(super) fn folder_files(
        &self,
        folder: &Path,
        package: &PackageName,
    ) -> Result<Option<Vec<IndexFile>>, IndexError> {
        let folder = self.local_path(folder)?;
        let fail = |source| IndexError::Folder { path: folder.clone(), source };
        let mut files = Vec::new();
        for entry in sorted_entries(&folder).map_err(fail)? {
            let name = entry.file_name();
            let Some(wheel) = name.to_str().and_then(|name| name.parse::<WheelName>().ok()) else { continue };
            if wheel.name() == package {
                let size = entry.path().metadata().map_err(fail)?.len();
                files.extend(local_file(&entry.path(), wheel.file(), size));
            }
        }
        Ok((!files.is_empty()).then_some(files))
    }

    /// `path`, relative to the recipe, as an absolute path.
    pub(super) fn local_path(&self, path: &Path) -> Result<path::PathBuf, IndexError> {
        let joined = self.inner().settings.folder.join(path);
        path::absolute(&joined).map_err(|source| IndexError::Folder { path: joined, source })
    }
}

/// The file at the absolute `path`, as an index would list it.
pub(super) fn local_file(path: &Path, name: &str, size: u64) -> Option<IndexFile> {
    Some(IndexFile {
        name: name.to_owned(),
        url: Url::from_file_path(path).ok()?.into(),
        sha256: None,
        requires_python: None,
        yanked: Yanked::No,
        size: Some(size),
        core_metadata: MetadataFile::Absent,
        uploaded: None,
    })
}
