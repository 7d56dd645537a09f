//! One thing that was found in an image.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Code, Level};
use crate::{hint::Hint, oci::Platform, python::PackageName};

/// One thing that was found in the image for one platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind of thing.
    pub code: Code,
    /// In which platform's image.
    pub platform: Platform,
    /// The file it is about, or the folder: absolute. Nothing when it is about the image as a whole.
    pub path: Option<String>,
    /// What brought that file.
    pub owner: Option<Owner>,
    /// One line, lower case, that names what is wrong.
    pub message: String,
    /// The way out.
    pub hint: Option<Hint>,
    /// A line to add to the recipe: `packages = ["libgl1"]` under `[debian]`.
    pub recipe: Option<String>,
    /// The library that is missing, where it is about one.
    pub library: Option<String>,
    /// Why the recipe accepts it, if it does.
    pub accepted: Option<String>,
    /// Whether the file is one of the base's, which whoever builds on it cannot mend.
    #[serde(default)]
    pub inherited: bool,
}

/// What brought a file into an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Owner {
    /// A Python distribution, by name and version: `numpy 1.26.4`.
    Wheel(String),
    /// A package of the system, by name.
    Package(String),
    /// A layer, as people call it, where nothing better is known.
    Layer(String),
}

impl Finding {
    /// A finding about the image as a whole.
    #[must_use]
    pub fn new(code: Code, platform: &Platform, message: impl Into<String>) -> Self {
        Self {
            code,
            platform: platform.clone(),
            path: None,
            owner: None,
            message: message.into(),
            hint: None,
            recipe: None,
            library: None,
            accepted: None,
            inherited: false,
        }
    }

    /// About the file at `path`, with or without a leading slash.
    #[must_use]
    pub fn at(mut self, path: &str) -> Self {
        self.path = Some(format!("/{}", path.trim_start_matches('/')));
        self
    }

    /// Of a file that `owner` brought.
    #[must_use]
    pub fn of(mut self, owner: Owner) -> Self {
        self.owner = Some(owner);
        self
    }

    /// With the way out.
    #[must_use]
    pub fn hinted(mut self, sentence: impl Into<String>) -> Self {
        self.hint = Some(Hint::new(sentence));
        self
    }

    /// With a line to add to the recipe.
    #[must_use]
    pub fn mended_by(mut self, line: impl Into<String>) -> Self {
        self.recipe = Some(line.into());
        self
    }

    /// How bad it is: what the recipe accepts is no more than a note, and what the base brings no more
    /// than a warning.
    #[must_use]
    pub fn level(&self) -> Level {
        let most = match (&self.accepted, self.inherited) {
            (Some(_), _) => Level::Note,
            (None, true) => Level::Warning,
            (None, false) => Level::Error,
        };
        self.code.level().min(most)
    }
}

impl Owner {
    /// Whether it is the distribution or package of this name. Distributions may spell theirs in several ways.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        let same = |title: &str| {
            let own = title.split(' ').next().unwrap_or_default().parse::<PackageName>();
            own.is_ok() && own.ok() == name.parse().ok()
        };
        match self {
            Self::Wheel(title) => same(title),
            Self::Package(package) => package == name,
            Self::Layer(_) => false,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wheel(name) => write!(formatter, "wheel {name}"),
            Self::Package(name) => write!(formatter, "package {name}"),
            Self::Layer(name) => write!(formatter, "layer {name}"),
        }
    }
}
