//! Where a locked wheel lies at the moment: locks do not say, other tools want to know.

use url::Url;

use super::{
    DefaultIndex, IndexError, PackageIndex, Settings,
    download::listed,
    settings::{DEFAULT_NAME, Location},
};
use crate::{lock::LockedWheel, python::without_login};

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
        let mut found = listed(&kept, wheel);
        if found.is_none() {
            let project = self.project_in(asked, &package).await?;
            found = project.and_then(|project| listed(&project.files, wheel));
        }
        let url = found.and_then(|found| found.url.parse().ok()).ok_or_else(not_listed)?;
        Ok(without_login(&url))
    }
}

impl Settings {
    /// The name of the index at `place`, a URL as another tool writes it: credentials and a last slash
    /// do not count. The public index is the default one, whatever stands in for it here.
    #[must_use]
    pub fn name_at(&self, place: &str) -> Option<String> {
        let wanted = comparable(&place.parse().ok()?);
        let at = |location: &Location| matches!(location, Location::Simple(url) | Location::Links(url) if comparable(url) == wanted);
        if let Some(index) = self.indexes.iter().find(|index| at(&index.location)) {
            return Some(index.name.clone());
        }
        let default = [DefaultIndex::Public.location(), self.default.location()];
        default.iter().flatten().any(at).then(|| DEFAULT_NAME.to_owned())
    }
}

fn comparable(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path().trim_end_matches('/'))
}
