//! Where a locked wheel lies at the moment: locks do not say, other tools want to know.

use url::Url;

use super::{IndexError, PackageIndex, download::listed, settings::Location};
use crate::lock::LockedWheel;

impl PackageIndex {
    /// The URL at which index `index` lists `wheel`, without credentials; a `file:` URL in a folder.
    /// The page of an earlier run will do.
    ///
    /// # Errors
    /// When there is no such index, when it cannot be asked, and when it does not list the file.
    pub async fn whereabouts(&self, index: &str, wheel: &LockedWheel) -> Result<Url, IndexError> {
        let asked = self.named(index).ok_or_else(|| IndexError::UnknownIndex { index: index.to_owned() })?;
        let not_listed = || IndexError::NotListed { index: index.to_owned(), file: wheel.file.clone() };
        let package = wheel.name.parse().map_err(|_| not_listed())?;
        let kept = match asked.location {
            Location::Simple(root) => self.remembered_page(index, root, &package).unwrap_or_default(),
            Location::Links(_) | Location::Folder(_) => Vec::new(),
        };
        let found = match listed(&kept, wheel) {
            Some(found) => Some(found),
            None => {
                let project = self.project_in(asked, &package).await?;
                project.and_then(|project| listed(&project.files, wheel))
            }
        };
        let mut url = found.ok_or_else(not_listed)?.url;
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Ok(url)
    }
}
