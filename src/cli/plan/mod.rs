//! `wheelwright plan`: what a build will fetch, make and send, before it does; and who could make which part of it.

mod engines;
mod json;
mod shards;
mod text;

use std::path::PathBuf;

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
use shards::{Engine, Giving, Work};

pub(super) const EXAMPLES: &str = "\
Examples:
  wheelwright plan
  wheelwright plan app.toml --platform linux/arm64 --variant pytorch
  wheelwright plan --locked --format json
  wheelwright plan recipes --shards 4 --push 'ghcr.io/me/{name}:1' --format github
  wheelwright plan recipes --shards 8 --push 'registry.example/{name}:1' --format gitlab --image IMAGE
  wheelwright plan recipes --shards 8 --push 'registry.example/{name}:1' --format kubernetes --image IMAGE

Of what the lock names nothing is downloaded: of the base, its manifest alone is read. Without a
lock, or where the recipe says something else than it, it is made first, as `build` does.

Layers that were made before are `cached`, with the bytes that they have; of others the bytes of the
files that they are made from are shown with a `~`: near what they will have. A registry that has a
layer already is sent nothing of it, so what is sent is at most what is shown.

With --shards: recipes and locks decide who makes what. Whoever has the same ones comes to the same,
so that a shard needs nothing but its number. Images that have large files in common go to the same
machine, as long as none comes to do more than its share. Locks must be there and fresh; nothing is
asked of the network.

  json        everything: who makes what, of how many bytes, and the commands
  github      a matrix, in one line: for `matrix: ${{ fromJSON(…) }}`, with matrix.shard in it
  gitlab      a child pipeline: a job for each shard, and one that joins
  kubernetes  an indexed Job, and one that waits for its images and joins them

A shard runs `wheelwright build --shard I/N` with the same recipes and names; at the end, `wheelwright
index create NAME --of RECIPE` joins what they made. A shard that failed is run again, as often as need be.";

/// `plan`.
#[derive(Debug, Args)]
pub(super) struct Plan {
    /// The recipe [default: wheelwright.toml, or pyproject.toml with a tool.wheelwright table]; with
    /// --shards several. A folder stands for its recipe, or with --shards the recipes in it
    #[arg(value_name = "RECIPE")]
    recipes: Vec<PathBuf>,
    /// Look at this platform of the recipe only; may be given several times
    #[arg(long, value_name = "P", value_parser = platform::parse)]
    platform: Vec<Platform>,
    /// Look at this variant of the recipe only; may be given several times
    #[arg(long, value_name = "NAME")]
    variant: Vec<String>,
    /// Fail if the lock is missing or stale
    #[arg(long)]
    locked: bool,
    /// How the plan is printed [default: text; with --shards json]
    #[arg(long, value_name = "HOW", value_enum)]
    format: Option<Format>,
    #[command(flatten)]
    giving: Giving,
}

/// How a plan is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table of layers, and what they come to
    Text,
    /// An object of JSON
    Json,
    /// With --shards: a matrix of GitHub Actions
    Github,
    /// With --shards: a child pipeline of GitLab
    Gitlab,
    /// With --shards: Jobs of Kubernetes
    Kubernetes,
}

/// Everything that was foreseen.
struct Whole {
    images: Vec<Foreseen>,
    warnings: Vec<Foreboding>,
}

/// The plan as text.
///
/// # Errors
/// When a recipe or its lock is wrong, the base's manifest cannot be had, or the engine cannot do that.
pub(super) async fn run(session: &Session, arguments: &Plan) -> Result<String, CliError> {
    let format = arguments.format;
    let Some(shards) = arguments.giving.shards else {
        return match format {
            None | Some(Format::Text) => foresee(session, arguments, Format::Text).await,
            Some(Format::Json) => foresee(session, arguments, Format::Json).await,
            Some(_) => Err(CliError::NoShards),
        };
    };
    let engine = match format {
        None | Some(Format::Text | Format::Json) => Engine::Anybody,
        Some(Format::Github) => Engine::Github,
        Some(Format::Gitlab) => Engine::Gitlab,
        Some(Format::Kubernetes) => Engine::Kubernetes,
    };
    let here = [PathBuf::from(".")];
    let recipes = if arguments.recipes.is_empty() { &here[..] } else { &arguments.recipes[..] };
    let work = Work { recipes, platforms: &arguments.platform, variants: &arguments.variant };
    shards::run(session, work, (&arguments.giving, shards, engine)).await
}

async fn foresee(session: &Session, arguments: &Plan, format: Format) -> Result<String, CliError> {
    let recipe = match &arguments.recipes[..] {
        [] => None,
        [recipe] => Some(recipe.as_path()),
        _ => return Err(CliError::NoShards),
    };
    let file = ProjectFile::open_any(recipe)?;
    let builder = session.builder()?;
    let policy = if arguments.locked { Policy::Locked } else { Policy::Update };
    let lock = lock::fresh(session, &builder, &file, policy).await?;
    let mut images = Vec::new();
    for variant in variants(&file.project.recipe, &arguments.variant)? {
        let selection = Selection { platforms: arguments.platform.clone(), variant };
        images.extend(builder.foresee_build(&file.project, &lock, &selection).await?);
    }
    let warnings = warnings(&images, file.project.recipe.base.get_ref());
    let whole = Whole { images, warnings };
    if format == Format::Json {
        return Ok(json::render(file.project.recipe.name.get_ref(), &whole));
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
    named.iter().map(|name| Ok(recipe.variant(Some(name))?.name)).collect()
}
