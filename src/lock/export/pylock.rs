//! `pylock.toml`, as PEP 751 specifies it.

use std::collections::BTreeMap;

use super::{Export, Package, WheelSource};
use crate::{
    lock::{
        LockedWheel,
        write::{Inline, Page, quoted},
    },
    oci::Digest,
};

/// Where a wheel of an index lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilePlace {
    /// At a URL without credentials.
    Url(String),
    /// At a path relative to the export.
    Path(String),
}

/// From a path of the lock to one of the export.
type PathOf<'a> = &'a dyn Fn(&str) -> String;

impl Export<'_> {
    /// A `pylock.toml` for all platforms of the export. The format asks for a place of every wheel:
    /// `places` has those of wheels that come from indexes. `path` turns paths of the lock into paths of
    /// the export.
    ///
    /// [pylock.toml](https://packaging.python.org/en/latest/specifications/pylock-toml/).
    #[must_use]
    pub fn pylock(&self, places: &BTreeMap<Digest, FilePlace>, path: PathOf<'_>) -> String {
        let mut page = Page(self.heading("pylock"));
        page.pair("lock-version", &quoted("1.0"));
        let environments = self.targets.iter().map(|target| {
            let linux = "sys_platform == 'linux' and implementation_name == 'cpython'";
            quoted(&format!("{} and {linux}", self.marker(*target)))
        });
        page.list("environments", environments);
        if let Some(python) = self.python() {
            page.pair("requires-python", &quoted(&format!("=={python}.*")));
        }
        page.pair("created-by", &quoted("wheelwright"));
        for package in self.packages() {
            self.package(&mut page, &package, (places, path));
        }
        page.0
    }

    fn package(
        &self,
        page: &mut Page,
        package: &Package<'_>,
        (places, path): (&BTreeMap<Digest, FilePlace>, PathOf<'_>),
    ) {
        page.header("[[packages]]");
        page.pair("name", &quoted(&package.first.name));
        page.pair("version", &quoted(&package.first.version.replace('_', "-")));
        if let Some(marker) = self.when(package) {
            page.pair("marker", &quoted(&marker));
        }
        match &package.first.source {
            WheelSource::Index(_) => {
                let files = package.sorted_files().into_iter().map(|wheel| {
                    let named = Inline::default().text("name", &wheel.file);
                    described(placed(named, places.get(&wheel.sha256)), wheel)
                });
                page.list("wheels", files);
            }
            WheelSource::Url(url) => {
                page.pair("archive", &described(Inline::default().text("url", url), package.first));
            }
            WheelSource::Path(local) => {
                page.pair("archive", &described(Inline::default().text("path", &path(local)), package.first));
            }
        }
    }
}

fn placed(line: Inline, place: Option<&FilePlace>) -> Inline {
    match place {
        Some(FilePlace::Url(url)) => line.text("url", url),
        Some(FilePlace::Path(path)) => line.text("path", path),
        None => line,
    }
}

fn described(line: Inline, wheel: &LockedWheel) -> String {
    let hashes = Inline::default().text("sha256", &wheel.sha256.hex()).finish();
    line.value("size", &wheel.size.to_string()).value("hashes", &hashes).finish()
}
