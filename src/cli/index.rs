//! `wheelwright index`: indexes over images that are there already.

use std::path::Path;

use clap::{Args, Subcommand};

use super::{
    copy::{Intent, deliver},
    destination,
    error::CliError,
    session::Session,
};
use crate::{builder::Destination, recipe::Base};

/// Below the help of `index create`.
const EXAMPLES: &str = "\
Examples:
  wheelwright index create ghcr.io/me/app:1 --from ghcr.io/me/app@sha256:… --from ghcr.io/me/app@sha256:…
  wheelwright index create oci:dist:1 --from amd64.tar --from arm64.tar

For machines that each build the image of their own platform: push each with a tag of its own, then
join them by digest. Images keep their digests; what is in the destination's registry is mounted.";

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
    /// docker-archive:FILE[:REF]; may be several
    #[arg(value_name = "DST", value_parser = destination::parse_any, required = true)]
    destinations: Vec<Destination>,
    /// An image to be listed, or an index whose entries are; may be given several times
    #[arg(long, value_name = "SRC", value_parser = destination::parse_image, required = true)]
    from: Vec<Base>,
    /// Only tell what would be sent, mounted or found there
    #[arg(long)]
    dry_run: bool,
}

/// Joins; returns a line for each destination, and the digest.
///
/// # Errors
/// When an image cannot be read, two are for one platform, or a destination cannot be written.
pub(super) async fn run(session: &Session, Index::Create(arguments): &Index) -> Result<String, CliError> {
    let builder = session.builder()?;
    let mut parts = Vec::new();
    for from in &arguments.from {
        parts.push(builder.gather(&*builder.source(from, Path::new(""))?, &[]).await?);
    }
    let graph = builder.join(parts).await?;
    let intent = if arguments.dry_run { Intent::Tell } else { Intent::Move };
    deliver(&builder, &graph, &arguments.destinations, intent).await
}
