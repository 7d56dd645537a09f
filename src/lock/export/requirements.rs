//! Requirements with hashes, as `pip install --require-hashes -r` takes them.

use std::fmt::Write as _;

use super::{Digest, Export, Package, WheelSource};

/// An index that some of the wheels come from, other than the default one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexOption {
    /// At a URL without credentials.
    Url(String),
    /// A folder, relative to where the export is used.
    Folder(String),
}

impl Export<'_> {
    /// A requirements file: every distribution pinned, with the hashes of the chosen files. `indexes` are
    /// those that are needed besides the default one.
    ///
    /// [Requirements file format](https://pip.pypa.io/en/stable/reference/requirements-file-format/).
    #[must_use]
    pub fn requirements(&self, indexes: &[IndexOption], path: &dyn Fn(&str) -> String) -> String {
        let mut text = self.heading("requirements");
        for index in indexes {
            let _ = match index {
                IndexOption::Url(url) => writeln!(text, "--extra-index-url {url}"),
                IndexOption::Folder(folder) => writeln!(text, "--find-links {folder}"),
            };
        }
        for package in self.packages() {
            let what = what(&package, path);
            let when = self.when(&package).map(|marker| format!(" ; {marker}")).unwrap_or_default();
            let _ = write!(text, "{what}{when}");
            let mut hashes: Vec<String> = package.files.keys().map(Digest::hex).collect();
            hashes.sort();
            for hash in hashes {
                let _ = write!(text, " \\\n    --hash=sha256:{hash}");
            }
            text.push('\n');
        }
        text
    }
}

fn what(package: &Package<'_>, path: &dyn Fn(&str) -> String) -> String {
    let wheel = package.first;
    match &wheel.source {
        WheelSource::Index(_) => format!("{}=={}", wheel.name, wheel.version.replace('_', "-")),
        WheelSource::Url(url) => format!("{} @ {url}", wheel.name),
        WheelSource::Path(local) => path(local),
    }
}
