//! `wheelwright plan`: what a build would do, before it does.

mod engines;
mod shards;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{error::CliError, platform, session::Session};
use crate::oci::Platform;
use shards::{Engine, Giving, Work};

pub(super) const EXAMPLES: &str = "\
Examples:
  wheelwright plan recipes --shards 4 --push 'ghcr.io/me/{name}:1' --format github
  wheelwright plan recipes --shards 8 --push 'registry.example/{name}:1' --format gitlab --image IMAGE
  wheelwright plan recipes --shards 8 --push 'registry.example/{name}:1' --format kubernetes --image IMAGE

Recipes and locks decide who makes what: whoever has the same ones comes to the same, so that a shard needs
nothing but its number. Images that have large files in common go to the same machine, as long as none comes
to do more than its share. Locks must be there and fresh; nothing is asked of the network.

  json        everything: who makes what, of how many bytes, and the commands
  github      a matrix, in one line: for `matrix: ${{ fromJSON(…) }}`, with matrix.shard in it
  gitlab      a child pipeline: a job for each shard, and one that joins
  kubernetes  an indexed Job, and one that waits for its images and joins them

A shard runs `wheelwright build --shard I/N` with the same recipes and names; at the end, `wheelwright
index create NAME --of RECIPE` joins what they made. A shard that failed is run again, as often as need be.";

/// `plan`.
#[derive(Debug, Args)]
pub(super) struct Plan {
    /// The recipe; with --shards several, where a folder stands for the recipes in it
    #[arg(value_name = "RECIPE", required = true)]
    recipes: Vec<PathBuf>,
    /// Look at this platform of the recipe only; may be given several times
    #[arg(long, value_name = "P", value_parser = platform::parse)]
    platform: Vec<Platform>,
    /// Look at this variant of the recipe only; may be given several times
    #[arg(long, value_name = "NAME")]
    variant: Vec<String>,
    /// How the plan is printed
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    giving: Giving,
}

/// How a plan is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// An object of JSON
    #[default]
    Json,
    /// With --shards: a matrix of GitHub Actions
    Github,
    /// With --shards: a child pipeline of GitLab
    Gitlab,
    /// With --shards: Jobs of Kubernetes
    Kubernetes,
}

impl Format {
    /// The engine that reads it.
    const fn engine(self) -> Engine {
        match self {
            Self::Json => Engine::Anybody,
            Self::Github => Engine::Github,
            Self::Gitlab => Engine::Gitlab,
            Self::Kubernetes => Engine::Kubernetes,
        }
    }
}

/// The plan as text.
///
/// # Errors
/// When a recipe is wrong, a lock is missing or stale, or the engine cannot do that.
pub(super) async fn run(session: &Session, arguments: &Plan) -> Result<String, CliError> {
    let Some(shards) = arguments.giving.shards else { return Err(CliError::NoShards) };
    let work = Work { recipes: &arguments.recipes, platforms: &arguments.platform, variants: &arguments.variant };
    shards::run(session, work, (&arguments.giving, shards, arguments.format.engine())).await
}
