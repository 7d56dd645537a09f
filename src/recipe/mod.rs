//! The recipe: what an image shall be, read from TOML with the place of every value.
//!
//! [`Recipe::parse`] finds all problems of a file at once, and values keep their places, so that
//! what turns out later (no wheel for a platform, a file that is not there) can point at the line
//! that asked for it: [`Recipe::problem_at`].

mod archive;
mod base;
mod check;
mod debian;
mod demand;
mod extends;
mod image;
mod input_file;
mod inputs;
mod layers;
mod parse;
mod policy;
mod problem;
mod reader;
mod reference;
mod script;
mod sources;
mod stated;
mod variant;
mod venv;
mod wheels;

use std::{collections::BTreeMap, ops::Range};

use serde_json::Value;

pub use archive::OtherArchive;
pub use base::{Base, BaseError};
pub use check::{Accepted, Check};
pub(crate) use debian::is_package_name;
pub use debian::{
    Auto, Debian, Essential, Keyring, MaintainerScripts, Recommends, Security, Select, Shell, Strip, Unknown,
};
pub use demand::{Demand, Listed};
pub use image::ImageSettings;
pub use input_file::{InputFile, InputKind};
pub use layers::{Compression, Layers};
pub use policy::{Age, LicencePattern, Policy};
pub use problem::{Problem, ProblemKind, RecipeError};
pub use reference::reference;
pub use script::{Owner, Script};
pub(crate) use sources::joined;
pub use stated::StatedFacts;
pub use toml::Spanned;
pub use variant::Variant;
pub use venv::Venv;
pub use wheels::{Bytecode, Choice, Index, IndexFormat, Location, PythonSeries, Request, Skew, Wheels};

use crate::{
    hint::Hint,
    oci::{Platform, is_component},
};

/// What an image, or a family of images, shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recipe {
    /// The name of the image; a component of a repository's name.
    pub name: Spanned<String>,
    /// What the image is built on.
    pub base: Spanned<Base>,
    /// `[base.facts]`.
    pub base_facts: Option<StatedFacts>,
    /// The platforms to build for, in the recipe's order; never empty, each once.
    pub platforms: Vec<Spanned<Platform>>,
    /// `[wheels]`.
    pub wheels: Wheels,
    /// `[debian]`.
    pub debian: Option<Debian>,
    /// `[[scripts]]` of every variant.
    pub scripts: Vec<Script>,
    /// `[layers]`.
    pub layers: Layers,
    /// `[image]`.
    pub image: ImageSettings,
    /// `[check]`. No byte of an image depends on it.
    pub check: Check,
    /// `[policy]`. No byte of an image depends on it, and the age that it demands decides what is chosen.
    pub policy: Policy,
    variants: Vec<variant::Written>,
    sources: sources::Sources,
}

impl Recipe {
    /// Reads the recipe that the file `file` contains. In a `pyproject.toml` it is what stands
    /// under `[tool.wheelwright]`.
    ///
    /// # Errors
    /// [`RecipeError::Invalid`] with every problem of the text. One that `extends` others needs them, and
    /// [`Recipe::read`].
    pub fn parse(file: &str, text: &str) -> Result<Self, RecipeError> {
        Self::read(file, text, &|_| Err(std::io::ErrorKind::Unsupported.into()))
    }

    /// The same, with `open` to read the files that it extends, by their paths from its folder.
    ///
    /// # Errors
    /// [`RecipeError::Invalid`] with every problem of one of the files.
    pub fn read(file: &str, text: &str, open: &dyn Fn(&str) -> std::io::Result<String>) -> Result<Self, RecipeError> {
        parse::recipe(file, text, open)
    }

    /// The same recipe on another base, which stands in `place`, as messages call it: a flag, for one.
    ///
    /// # Errors
    /// [`RecipeError::Invalid`] when wheels are wanted and there is no interpreter for them.
    pub fn on(self, place: &str, base: Base) -> Result<Self, RecipeError> {
        parse::on(self, place, base)
    }

    /// The names of the variants, sorted; nothing in a recipe without variants.
    pub fn variants(&self) -> impl Iterator<Item = &str> {
        self.variants.iter().map(|variant| variant.name.get_ref().as_str())
    }

    /// The image called `name` with everything that it includes; `None` names the only image of a
    /// recipe without variants.
    ///
    /// # Errors
    /// When there is no such variant, or when none is named and there are some.
    pub fn variant(&self, name: Option<&str>) -> Result<Variant, RecipeError> {
        let known = || self.variants().map(str::to_owned).collect();
        let written = match name {
            None if self.variants.is_empty() => Vec::new(),
            None => return Err(RecipeError::VariantNotNamed { file: self.file_name().to_owned(), known: known() }),
            Some(name) => variant::flattened(&self.variants, name),
        };
        if let (Some(name), true) = (name, written.is_empty()) {
            let (file, name) = (self.file_name().to_owned(), name.to_owned());
            return Err(RecipeError::UnknownVariant { file, name, known: known() });
        }
        Ok(self.joined(name, &written))
    }

    /// Every image of the recipe: its variants, or the only one.
    pub fn images(&self) -> Vec<Variant> {
        if self.variants.is_empty() {
            return vec![self.joined(None, &[])];
        }
        let flattened = |name| variant::flattened(&self.variants, name);
        self.variants().map(|name| self.joined(Some(name), &flattened(name))).collect()
    }

    /// The value of every key that a lock depends on, as `wheels.require`. What the files of
    /// [`Recipe::files`] say is for the caller to add, under the keys given there.
    pub fn inputs(&self) -> BTreeMap<String, Value> {
        inputs::inputs(self)
    }

    /// Every file that says what to install, by the key to use for what it says:
    /// `wheels.files (requirements.txt)`.
    pub fn files(&self) -> BTreeMap<String, Spanned<InputFile>> {
        let variants = self.variants.iter();
        let tables = variants.map(|variant| (format!("variants.{}", variant.name.get_ref()), &variant.request));
        std::iter::once(("wheels".to_owned(), &self.wheels.request))
            .chain(tables)
            .flat_map(|(table, request)| request_files(&table, request))
            .collect()
    }

    /// The error that points at `span` of this recipe.
    pub fn problem_at(&self, span: Range<usize>, message: impl Into<String>, hint: Option<Hint>) -> RecipeError {
        let problem = Problem::new(ProblemKind::Invalid, span, message).hinted(hint);
        self.sources.error(vec![problem])
    }

    /// The name of the file, as it was given.
    pub fn file_name(&self) -> &str {
        &self.sources.own().name
    }

    /// What the file says, without what it extends.
    pub fn text(&self) -> &str {
        &self.sources.own().text
    }

    /// What the file says, and every file that it extends.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().map(|source| source.text.as_str())
    }

    /// The files that it was read from, the recipe's own the last: the path from its folder, and the text.
    pub fn written(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sources.files()
    }

    fn joined(&self, name: Option<&str>, written: &[&variant::Written]) -> Variant {
        let mut joined = Variant {
            name: name.map(str::to_owned),
            request: self.wheels.request.clone(),
            scripts: self.scripts.clone(),
            image: written.last().map_or_else(|| self.image.clone(), |own| self.image.overlaid(&own.image)),
        };
        for variant in written {
            joined.request.extend(&variant.request);
            joined.scripts.extend_from_slice(&variant.scripts);
        }
        joined
    }
}

fn request_files(table: &str, request: &Request) -> Vec<(String, Spanned<InputFile>)> {
    let named =
        |key: &str, file: &Spanned<InputFile>| (format!("{table}.{key} ({})", file.get_ref().path), file.clone());
    let listed = |key: &'static str, list: &[Spanned<Listed>]| {
        let files = list.iter().filter_map(|item| match item.get_ref() {
            Listed::File(path) => {
                let (extras, groups) = (Vec::new(), Vec::new());
                let file = InputFile { path: path.clone(), kind: InputKind::Requirements, extras, groups };
                Some(named(key, &Spanned::new(item.span(), file)))
            }
            Listed::Demand(_) => None,
        });
        files.collect::<Vec<_>>()
    };
    let mut files: Vec<_> = request.files.iter().map(|file| named("files", file)).collect();
    files.extend(request.from_lock.iter().map(|file| named("from-lock", file)));
    files.extend(listed("constraints", &request.constraints));
    files.extend(listed("overrides", &request.overrides));
    files
}

/// Whether `text` can be an image's name: a component of a repository's name, of a length that leaves room.
fn is_name(text: &str) -> bool {
    text.len() <= 128 && is_component(text)
}

#[cfg(test)]
mod tests;
