//! `wheelwright plan --shards`: the work of many recipes, given out to machines that have only a registry in
//! common.

mod engines;

use std::{num::NonZeroUsize, path::PathBuf};

use clap::{Args, ValueEnum};

use super::{
    build::{Wishes, locked, read},
    error::CliError,
    platform, recipes,
    session::Session,
    shards::split,
    template::Template,
};
use crate::oci::Platform;
use engines::{Pipeline, Share};

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
pub(super) struct Arguments {
    /// The recipe, or several; a folder stands for the recipes in it
    #[arg(value_name = "RECIPE", required = true)]
    recipes: Vec<PathBuf>,
    /// Give the work out to so many machines
    #[arg(long, value_name = "N")]
    shards: NonZeroUsize,
    /// For whom the plan is
    #[arg(long, value_name = "ENGINE", value_enum, default_value_t)]
    format: Format,
    /// What the images are pushed as, HOST/REPOSITORY:TAG; may be given several times
    #[arg(long, value_name = "REF", value_parser = Template::push, required = true)]
    push: Vec<Template>,
    /// Build for this platform of the recipes only; may be given several times
    #[arg(long, value_name = "P", value_parser = platform::parse)]
    platform: Vec<Platform>,
    /// Build this variant of the recipes only; may be given several times
    #[arg(long, value_name = "NAME")]
    variant: Vec<String>,
    /// The container image in which jobs run: with `wheelwright`, and for kubernetes with the recipes, from its
    /// working folder on
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// For kubernetes: the Secret of the type kubernetes.io/dockerconfigjson with the registry's credentials
    #[arg(long, value_name = "NAME")]
    registry_secret: Option<String>,
}

/// For whom a plan is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For whoever reads JSON
    #[default]
    Json,
    /// A matrix of GitHub Actions
    Github,
    /// A child pipeline of GitLab
    Gitlab,
    /// Jobs of Kubernetes
    Kubernetes,
}

/// The plan as text.
///
/// # Errors
/// When a recipe is wrong, a lock is missing or stale, or the engine cannot do that.
pub(super) async fn run(session: &Session, arguments: &Arguments) -> Result<String, CliError> {
    let found = recipes::named(&arguments.recipes)?;
    let (platforms, variants) = (arguments.platform.as_slice(), arguments.variant.as_slice());
    let wishes = Wishes { platforms, variants, outputs: &[], pushes: &arguments.push, engine: None };
    let builder = session.builder()?;
    let entries = locked(session, &builder, read(&found, wishes)?).await?;
    let mut shares: Vec<Share> = (1..=arguments.shards.get()).map(Share::new).collect();
    for part in split(&entries, arguments.shards)? {
        let (Some(share), Some((entry, _))) = (shares.get_mut(part.shard), entries.get(part.entry)) else { continue };
        let variant = entry.orders.get(part.order).and_then(|order| order.selection.variant.clone());
        share.add(&entry.name, variant, &part);
    }
    let pipeline = Pipeline {
        shares,
        same: same(arguments),
        pushes: arguments.push.iter().map(ToString::to_string).collect(),
        recipes: arguments.recipes.iter().map(|path| path.display().to_string()).collect(),
        image: arguments.image.clone(),
        secret: arguments.registry_secret.clone(),
    };
    match arguments.format {
        Format::Json => Ok(pipeline.json()),
        Format::Github => pipeline.github(),
        Format::Gitlab => pipeline.gitlab(),
        Format::Kubernetes => pipeline.kubernetes(),
    }
}

/// The flags that shards and whoever joins have in common.
fn same(arguments: &Arguments) -> Vec<String> {
    let flags = |flag: &str, values: Vec<String>| {
        values.into_iter().flat_map(|value| [flag.to_owned(), value]).collect::<Vec<_>>()
    };
    let platforms = arguments.platform.iter().map(ToString::to_string).collect();
    [flags("--platform", platforms), flags("--variant", arguments.variant.clone())].concat()
}
