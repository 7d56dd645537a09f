//! `wheelwright copy`, also called `push`: an image from anywhere to anywhere, as it is.

use std::path::Path;

use clap::Args;

use super::{
    attest::Attached,
    deliveries, destination,
    error::CliError,
    loading::Loading,
    places::apart,
    platform,
    session::Session,
    signing::{Signing, sign},
};
use crate::{
    builder::{Builder, Destination, Signable},
    image::Graph,
    oci::{Platform, Reference},
    recipe::Base,
};

/// Below the help of `copy`.
pub(super) const EXAMPLES: &str = "\
Examples:
  wheelwright copy oci:dist ghcr.io/me/app:1.2
  wheelwright push oci:dist ghcr.io/me/app:1.2 ghcr.io/me/app:latest --dry-run
  wheelwright copy ghcr.io/me/app:1 docker-archive:app.tar:me/app:1 --platform linux/arm64
  wheelwright copy ghcr.io/me/app:1 --load
  wheelwright push oci:dist ghcr.io/me/app:1.2 --sign-key cosign.key

Manifests and layers stay as they are, byte for byte, and so do their digests. An index is copied with
all that it lists, unless --platform picks from it: one platform gives that image itself, several give
a new index.

What is attached to it goes along to registries: statements, SBOMs, recipe and lock, what other tools have attached;
and from registry to registry cosign's signatures, which stay valid.

Of a docker-archive, `docker load` takes one image: this machine's if it is there, else the first. All
of them are in it for Podman, containerd and every reader of OCI layouts.";

/// `copy`.
#[derive(Debug, Args)]
pub(super) struct Copy {
    /// The image: HOST/REPOSITORY:TAG, oci:DIR[:NAME], oci-archive:FILE[:NAME] or
    /// docker-archive:FILE[:REF] (FILE.tar alone will do)
    #[arg(value_name = "SRC", value_parser = destination::parse_image)]
    source: Base,
    /// Where it goes: HOST/REPOSITORY:TAG, oci:DIR[:NAME], oci-archive:FILE[:NAME] or
    /// docker-archive:FILE[:REF]; may be several
    #[arg(value_name = "DST", value_parser = destination::parse_any, required_unless_present = "load")]
    destinations: Vec<Destination>,
    #[command(flatten)]
    signing: Signing,
    #[command(flatten)]
    loading: Loading,
    /// What --load calls the image [default: the name it has in a registry]
    #[arg(long, value_name = "REF", requires = "load")]
    name: Option<Reference>,
    /// Copy the image for this platform only; may be given several times
    #[arg(long, value_name = "P", value_parser = platform::parse)]
    platform: Vec<Platform>,
    /// What becomes of what is attached to the image [default: it goes along to registries]
    #[arg(long, value_name = "HOW", value_enum)]
    attest: Option<Attached>,
    /// Only tell what would be sent, mounted or found there
    #[arg(long, conflicts_with = "load")]
    dry_run: bool,
}

/// Copies; returns a line for each destination, and the digest.
///
/// # Errors
/// When the image cannot be read, two destinations are the same file, or one cannot be written.
pub(super) async fn run(session: &Session, arguments: &Copy) -> Result<String, CliError> {
    let mut destinations = arguments.destinations.clone();
    if arguments.loading.is_wanted() {
        let reference = arguments.name_in_engine()?;
        let engine = arguments.loading.engine().await?;
        destinations.extend(engine.map(|engine| Destination::Engine { engine, reference }));
    }
    apart(&destinations)?;
    let key = arguments.signing.key(session, destinations.iter())?;
    let builder = session.builder()?;
    let source = builder.source(&arguments.source, Path::new(""))?;
    let mut graph = builder.gather(&*source, &arguments.platform).await?;
    let takes_along = |destination: &Destination| arguments.takes_along(destination);
    let image = || arguments.source.to_string();
    if destinations.iter().any(takes_along) {
        let attached = graph.with_attached(&*source).await;
        graph = attached.map_err(|source| CliError::Image { image: image(), source })?;
    }
    if arguments.intent() == Intent::Move {
        let signable = Signable::of_graph(&graph);
        let signable = signable.map_err(|source| CliError::Manifest { image: image(), source })?;
        for destination in &destinations {
            if let (Base::Registry(from), Destination::Registry(to)) = (&arguments.source, destination)
                && takes_along(destination)
            {
                builder.carry_signatures(from, to, &signable).await?;
            }
            sign((session, &builder), destination, &signable, key.as_ref()).await?;
        }
    }
    deliver(&builder, (&graph, &takes_along), &destinations, arguments.intent()).await
}

/// Whether anything shall be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    /// Yes.
    Move,
    /// Only told.
    Tell,
}

/// Brings `graph` to each of `destinations`, or tells what that would take; what is attached only to those that take it
/// along.
///
/// # Errors
/// When a destination cannot be written.
pub(super) async fn deliver(
    builder: &Builder,
    (graph, takes_along): (&Graph, &(dyn Fn(&Destination) -> bool + Sync)),
    destinations: &[Destination],
    intent: Intent,
) -> Result<String, CliError> {
    let root = graph.root().descriptor().digest;
    let mut text = String::new();
    let alone = graph.clone().without_attached();
    for destination in destinations {
        let graph = if takes_along(destination) { graph } else { &alone };
        if intent == Intent::Tell {
            let delivery = builder.foresee(graph, destination).await?;
            text.push_str(&deliveries::plan(graph, (destination, &delivery)));
        } else {
            let delivery = builder.bring(graph, destination).await?;
            text.push_str(&deliveries::line(destination, &delivery));
        }
    }
    Ok(format!("{text}digest: {root}\n"))
}

impl Copy {
    /// Whether what is attached goes to `destination`. Other programs take a layout for one of several images when it
    /// lists more than one thing.
    fn takes_along(&self, destination: &Destination) -> bool {
        match destination {
            Destination::Registry(_) => self.attest != Some(Attached::None),
            Destination::Layout { .. } => self.attest == Some(Attached::Referrers),
            _ => false,
        }
    }

    const fn intent(&self) -> Intent {
        if self.dry_run { Intent::Tell } else { Intent::Move }
    }

    fn name_in_engine(&self) -> Result<Reference, CliError> {
        let pushed = self.destinations.iter().find_map(|destination| match destination {
            Destination::Registry(reference) => Some(reference),
            _ => None,
        });
        let named = match (&self.name, pushed, &self.source) {
            (Some(name), ..) | (None, Some(name), _) | (None, None, Base::Registry(name)) => Some(name),
            _ => None,
        };
        named.filter(|name| name.digest().is_none()).cloned().ok_or(CliError::NoName)
    }
}
