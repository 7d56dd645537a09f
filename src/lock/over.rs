//! What images do to their base beyond adding to it: distributions replaced, environments of their own.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Facts, LockedImage, LockedPlatform, LockedWheel};
use crate::oci::{Digest, Platform};

/// A distribution of the base that another version replaces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Replaced {
    /// Normalised name.
    pub name: String,
    /// The version that the base has.
    pub version: String,
    /// Every file that it brought, as absolute paths without symbolic links; a folder in place of all
    /// that is in it. Sorted.
    pub hides: Vec<String>,
}

/// A virtual environment that an image makes for its wheels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Venv {
    /// Its folder.
    pub prefix: String,
    /// The interpreter that it is made from, no environment's.
    pub python: String,
    /// Whether what that interpreter finds is found in the environment too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub system_site_packages: bool,
}

impl LockedImage {
    /// The image with these wheels, and nothing else to say of it.
    #[must_use]
    pub const fn new(variant: Option<String>, platform: Platform, wheels: Vec<LockedWheel>) -> Self {
        Self { variant, platform, choices: Vec::new(), replaced: Vec::new(), wheels }
    }
}

impl LockedPlatform {
    /// A base of which `facts` are known, and nothing else over it.
    #[must_use]
    pub const fn new(platform: Platform, base: Option<Digest>, facts: Facts) -> Self {
        Self {
            platform,
            base,
            base_index: None,
            facts,
            below: None,
            suites: Vec::new(),
            debian: Vec::new(),
            venv: None,
            compiler: None,
        }
    }

    /// What lies below the wheels of `image`: the same without what the image hides.
    #[must_use]
    pub fn under(&self, image: &LockedImage) -> Cow<'_, Self> {
        let hidden: Vec<&str> =
            image.replaced.iter().flat_map(|replaced| &replaced.hides).map(String::as_str).collect();
        if hidden.is_empty() {
            return Cow::Borrowed(self);
        }
        let stays = |path: &str| !hidden.iter().any(|hidden| is_at_or_below(path, hidden));
        let mut facts: Facts = self.facts.clone();
        facts.installed.retain(|installed| !image.replaced.iter().any(|replaced| replaced.name == installed.name));
        facts.directories.retain(|directory| stays(&directory.path));
        facts.symlinks.retain(|link| stays(&link.path));
        Cow::Owned(Self { facts, ..self.clone() })
    }
}

fn is_at_or_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
