//! The key `wheels.into`: a virtual environment for the wheels.

use std::fmt;

use toml::{Spanned, de::DeValue};

use super::{
    problem::{Problem, ProblemKind},
    reader::Reader,
    script::absolute_path,
};
use crate::hint::Hint;

/// A virtual environment that is made for the wheels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Venv {
    /// Its folder in the image: an absolute path.
    pub path: Spanned<String>,
    /// Whether what the base's interpreter finds is found in it too, and satisfies requirements.
    pub system_site_packages: bool,
}

impl Venv {
    /// `into = "/opt/venv"`, or a table with `path` and `system-site-packages`.
    pub(super) fn read(table: &Reader<'_>) -> Option<Self> {
        let value = table.value("into")?;
        let venv = if matches!(value.get_ref(), DeValue::Table(_)) {
            let inner = table.table_at("into", value)?;
            if !inner.has("path") {
                inner.missing("path", "\"/opt/venv\"");
            }
            let path = inner.parsed("path", absolute_path);
            let system_site_packages = inner.flag("system-site-packages");
            inner.finish();
            Self { path: path?, system_site_packages }
        } else {
            Self { path: table.parsed("into", absolute_path)?, system_site_packages: false }
        };
        if venv.path.get_ref() == "/" {
            let problem =
                Problem::new(ProblemKind::Invalid, venv.path.span(), "an environment needs a folder of its own");
            table.add(problem.labelled("the root").hinted(Hint::new("write `into = \"/opt/venv\"`")));
        }
        Some(venv)
    }
}

impl fmt::Display for Venv {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.system_site_packages { " with system-site-packages" } else { "" };
        write!(formatter, "{}{more}", self.path.get_ref())
    }
}
