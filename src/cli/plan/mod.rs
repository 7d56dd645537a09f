//! `wheelwright plan`: what a build will fetch, make and send, before it does.

mod json;
mod text;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{
    error::CliError,
    lock::{self, Policy},
    platform,
    project::ProjectFile,
    session::Session,
};
use crate::{
    builder::{Foreboding, Foreseen, Selection, warnings},
    oci::Platform,
    recipe::Recipe,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  wheelwright plan
  wheelwright plan app.toml --platform linux/arm64 --variant pytorch
  wheelwright plan --locked --format json

Of what the lock names nothing is downloaded: of the base, its manifest alone is read. Without a
lock, or where the recipe says something else than it, it is made first, as `build` does.

Layers that were made before are `cached`, with the bytes that they have; of others the bytes of the
files that they are made from are shown with a `~`: near what they will have. A registry that has a
layer already is sent nothing of it, so what is sent is at most what is shown.";

/// `plan`.
#[derive(Debug, Args)]
pub(super) struct Plan {
    /// The recipe [default: wheelwright.toml, or pyproject.toml with a tool.wheelwright table]
    recipe: Option<PathBuf>,
    /// Look at this platform of the recipe only; may be given several times
    #[arg(long, value_name = "P", value_parser = platform::parse)]
    platform: Vec<Platform>,
    /// Look at this variant of the recipe only; may be given several times
    #[arg(long, value_name = "NAME")]
    variant: Vec<String>,
    /// Fail if the lock is missing or stale
    #[arg(long)]
    locked: bool,
    /// How the plan is printed
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    format: Format,
}

/// How a plan is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table of layers, and what they come to
    #[default]
    Text,
    /// An object of JSON
    Json,
}

/// Everything that was foreseen.
struct Whole {
    images: Vec<Foreseen>,
    warnings: Vec<Foreboding>,
}

/// Looks ahead; returns the table or the object.
///
/// # Errors
/// When the recipe or its lock is wrong, or the base's manifest cannot be had.
pub(super) async fn run(session: &Session, arguments: &Plan) -> Result<String, CliError> {
    let file = ProjectFile::open(arguments.recipe.as_deref(), Path::new("."))?;
    let recipe = &file.project.recipe;
    let builder = session.builder()?;
    let policy = if arguments.locked { Policy::Locked } else { Policy::Update };
    let lock = lock::fresh(session, &builder, &file, policy).await?;
    let mut images = Vec::new();
    for variant in variants(recipe, &arguments.variant)? {
        let selection = Selection { platforms: arguments.platform.clone(), variant };
        images.extend(builder.foresee_build(&file.project, &lock, &selection).await?);
    }
    let warnings = warnings(&images);
    let whole = Whole { images, warnings };
    if arguments.format == Format::Json {
        return Ok(json::render(recipe.name.get_ref(), &whole));
    }
    for found in &whole.warnings {
        session.warn(&text::warning(found), Some(&found.hint));
    }
    Ok(text::render(&whole))
}

/// The variants that are named; all of them when none is.
fn variants(recipe: &Recipe, named: &[String]) -> Result<Vec<Option<String>>, CliError> {
    if named.is_empty() {
        return Ok(recipe.images().into_iter().map(|image| image.name).collect());
    }
    let found = named.iter().map(|name| Ok(recipe.variant(Some(name))?.name));
    found.collect()
}
