//! `wheelwright index`: indexes over images that are there already.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::{Args, Subcommand, ValueEnum as _};

use super::{
    Outcome, attest,
    attest::Attest,
    build::{Entry, Wishes, locked, read},
    copy::{Intent, deliver},
    deliveries, destination,
    error::CliError,
    places::apart,
    platform,
    recipes::{self, Fates, Several},
    session::Session,
    template::Template,
};
use crate::{
    builder::{self, BuildError, Builder},
    lock::Lock,
    oci::Platform,
    recipe::Base,
};

/// Between two looks for a part that is not there yet.
const PAUSE: Duration = Duration::from_secs(2);

/// Below the help of `index create`.
const EXAMPLES: &str = "\
Examples:
  wheelwright index create ghcr.io/me/app:1 --from ghcr.io/me/app@sha256:… --from ghcr.io/me/app@sha256:…
  wheelwright index create oci:dist:1 --from amd64.tar --from arm64.tar

  wheelwright index create 'ghcr.io/me/{name}:1' --of recipes

For machines that each build the image of their own platform: push each with a tag of its own, then
join them by digest. Images keep their digests; what is in the destination's registry is mounted.

With --of, what the shards of a build have pushed is joined: the recipes and locks say which images there
must be, and where they lie in the registry. It does no harm to do so twice.";

/// `index`.
#[derive(Debug, Subcommand)]
pub(super) enum Index {
    /// Join images of several platforms under one name
    #[command(after_help = EXAMPLES)]
    Create(Create),
}

/// `index create`.
#[derive(Debug, Args)]
pub(super) struct Create {
    /// Where the index goes: HOST/REPOSITORY:TAG, oci:DIR[:NAME], oci-archive:FILE[:NAME] or
    /// docker-archive:FILE[:REF]; may be several. With --of: the names that the shards pushed to
    #[arg(value_name = "DST", required = true)]
    destinations: Vec<String>,
    /// An image to be listed, or an index whose entries are; may be given several times
    #[arg(long, value_name = "SRC", value_parser = destination::parse_image, required_unless_present = "of")]
    from: Vec<Base>,
    /// A recipe whose images shards have made, or a folder of them; may be given several times
    #[arg(long, value_name = "RECIPE", num_args = 1.., conflicts_with = "from")]
    of: Vec<PathBuf>,
    /// With --of: this variant only; may be given several times
    #[arg(long, value_name = "NAME", requires = "of")]
    variant: Vec<String>,
    /// With --of: this platform only; may be given several times
    #[arg(long, value_name = "P", value_parser = platform::parse, requires = "of")]
    platform: Vec<Platform>,
    /// With --of: wait so many seconds for what is not made yet
    #[arg(long, value_name = "S", requires = "of", default_value_t = 0)]
    wait: u64,
    /// With --of: how an SBOM, the provenance, a map of paths, and recipe and lock go with the image
    /// [default: referrers]
    #[arg(long, value_name = "HOW", value_parser = beside, requires = "of")]
    attest: Option<Attest>,
    /// Only tell what would be sent, mounted or found there
    #[arg(long)]
    dry_run: bool,
    // The last one: its heading would stand over all that follows.
    #[command(flatten)]
    several: Several,
}

/// Joins; returns a line for each destination, and the digest.
///
/// # Errors
/// When an image cannot be read, two are for one platform, two destinations are the same file, or one cannot be written.
pub(super) async fn run(session: &Session, Index::Create(arguments): &Index) -> Result<Outcome, CliError> {
    if !arguments.of.is_empty() {
        return parts(session, arguments).await;
    }
    let misread = |text: &String| {
        let wrong = |reason| CliError::Place { text: text.clone(), reason };
        destination::parse_any(text).map_err(wrong)
    };
    let destinations = arguments.destinations.iter().map(misread).collect::<Result<Vec<_>, _>>()?;
    apart(&destinations)?;
    let builder = session.builder()?;
    let mut parts = Vec::new();
    for from in &arguments.from {
        parts.push(builder.gather(&*builder.source(from, Path::new(""))?, &[]).await?);
    }
    let graph = builder.join(parts).await?;
    let intent = if arguments.dry_run { Intent::Tell } else { Intent::Move };
    deliver(&builder, (&graph, &|_| true), &destinations, intent).await.map(Outcome::from)
}

/// Joins what shards have made of several recipes, each by itself.
async fn parts(session: &Session, arguments: &Create) -> Result<Outcome, CliError> {
    let misread = |text: &String| {
        let wrong = |reason| CliError::Place { text: text.clone(), reason };
        Template::push(text).map_err(wrong)
    };
    let pushes = arguments.destinations.iter().map(misread).collect::<Result<Vec<_>, _>>()?;
    let recipes = recipes::named(&arguments.of)?;
    let (platforms, variants) = (arguments.platform.as_slice(), arguments.variant.as_slice());
    let wishes = Wishes { platforms, variants, outputs: &[], pushes: &pushes, engine: None, base: None };
    let builder = session.builder()?;
    let entries = locked(session, &builder, read(&recipes, wishes)?).await?;
    let names: Vec<String> = entries.iter().map(|(entry, _)| entry.name.clone()).collect();
    let until = Instant::now() + Duration::from_secs(arguments.wait);
    let work = async |(entry, lock): (Entry, Lock)| {
        let session = session.within(&entry.name);
        let joined = join(&builder, (&entry, &lock), (arguments, until)).await;
        joined.inspect_err(|error| session.note(&format!("failed: {error}")))
    };
    let fates = arguments.several.fleet(session).each(entries, work).await;
    let fates = Fates::of(names, fates);
    let told: String = fates.done.iter().map(|(_, told)| told.as_str()).collect();
    let verb = if arguments.dry_run { "would be joined" } else { "joined" };
    Ok(Outcome::partly(format!("{told}\n{}", fates.closing(verb, None)), fates.failures))
}

/// `--attest`, for an index whose digest every machine knows beforehand.
fn beside(text: &str) -> Result<Attest, String> {
    let known = Attest::from_str(text, false).ok().filter(|how| *how != Attest::Index);
    known.ok_or_else(|| "write `referrers` or `none`".to_owned())
}

async fn join(
    builder: &Builder,
    (entry, lock): (&Entry, &Lock),
    (arguments, until): (&Create, Instant),
) -> Result<String, CliError> {
    let mut text = String::new();
    for order in &entry.orders {
        let origin = (&entry.file.project, lock, &order.selection);
        for destination in &order.destinations {
            let Some(whole) = destination.reference() else { continue };
            let graph = loop {
                match builder.join_parts(origin, whole).await {
                    Err(BuildError::PartMissing { .. }) if Instant::now() + PAUSE < until => {
                        tokio::time::sleep(PAUSE).await;
                    }
                    joined => break joined?,
                }
            };
            if arguments.dry_run {
                let delivery = builder.foresee(&graph, destination).await?;
                text.push_str(&deliveries::plan(&graph, (destination, &delivery)));
                continue;
            }
            let graph = match attest::meant(arguments.attest) {
                (builder::Attest::Nothing, _) => graph,
                (_, effort) => builder.attaching_to(origin, graph, (destination, effort)).await?,
            };
            let delivery = builder.bring(&graph, destination).await?;
            text.push_str(&deliveries::line(destination, &delivery));
        }
    }
    Ok(text)
}
