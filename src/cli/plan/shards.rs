//! `plan --shards`: the work of many recipes, given out to machines that have only a registry in common.

use std::{num::NonZeroUsize, path::PathBuf};

use clap::Args;

use super::engines::{Pipeline, Share};
use crate::{
    cli::{
        build::{Wishes, locked, read},
        error::CliError,
        recipes,
        session::Session,
        shards::split,
        template::Template,
    },
    oci::Platform,
};

/// Flags of plans for many machines.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options for many machines")]
pub(super) struct Giving {
    /// Give the work out to so many machines
    #[arg(long, value_name = "N", requires = "push")]
    pub(super) shards: Option<NonZeroUsize>,
    /// What the images are pushed as, HOST/REPOSITORY:TAG; may be given several times
    #[arg(long, value_name = "REF", value_parser = Template::push, requires = "shards")]
    push: Vec<Template>,
    /// The container image in which jobs run: with `wheelwright`, and for kubernetes with the recipes, from its
    /// working folder on
    #[arg(long, value_name = "IMAGE", requires = "shards")]
    image: Option<String>,
    /// For kubernetes: the Secret of the type kubernetes.io/dockerconfigjson with the registry's credentials
    #[arg(long, value_name = "NAME", requires = "shards")]
    registry_secret: Option<String>,
}

/// Who shall read the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    Anybody,
    Github,
    Gitlab,
    Kubernetes,
}

/// Of which recipes, and which of their images.
pub(super) struct Work<'a> {
    pub(super) recipes: &'a [PathBuf],
    pub(super) platforms: &'a [Platform],
    pub(super) variants: &'a [String],
}

/// The plan as text.
///
/// # Errors
/// When a recipe is wrong, a lock is missing or stale, or the engine cannot do that.
pub(super) async fn run(
    session: &Session,
    work: Work<'_>,
    (giving, shards, engine): (&Giving, NonZeroUsize, Engine),
) -> Result<String, CliError> {
    let found = recipes::named(work.recipes)?;
    let (platforms, variants) = (work.platforms, work.variants);
    let wishes = Wishes { platforms, variants, outputs: &[], pushes: &giving.push, engine: None, base: None };
    let builder = session.builder()?;
    let entries = locked(session, &builder, read(&found, wishes)?).await?;
    let mut machines: Vec<Share> = (1..=shards.get()).map(Share::new).collect();
    for part in split(&entries, shards)? {
        let (Some(machine), Some((entry, _))) = (machines.get_mut(part.shard), entries.get(part.entry)) else {
            continue;
        };
        let variant = entry.orders.get(part.order).and_then(|order| order.selection.variant.as_deref());
        machine.add(&entry.name, variant, &part);
    }
    let pipeline = Pipeline {
        shares: machines,
        same: same(&work),
        pushes: giving.push.iter().map(ToString::to_string).collect(),
        recipes: work.recipes.iter().map(|path| path.display().to_string()).collect(),
        image: giving.image.clone(),
        secret: giving.registry_secret.clone(),
    };
    match engine {
        Engine::Anybody => Ok(pipeline.json()),
        Engine::Github => pipeline.github(),
        Engine::Gitlab => pipeline.gitlab(),
        Engine::Kubernetes => pipeline.kubernetes(),
    }
}

/// The flags that shards and whoever joins have in common.
fn same(work: &Work<'_>) -> Vec<String> {
    let flags = |flag: &str, values: Vec<String>| {
        values.into_iter().flat_map(|value| [flag.to_owned(), value]).collect::<Vec<_>>()
    };
    let platforms = work.platforms.iter().map(ToString::to_string).collect();
    [flags("--platform", platforms), flags("--variant", work.variants.to_vec())].concat()
}
