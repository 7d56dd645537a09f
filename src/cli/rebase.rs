//! `wheelwright rebase`: a finished image on another base.

use std::{fmt::Write as _, path::Path};

use clap::Args;

use super::{copy, destination, error::CliError, places::apart, platform, quantity, session::Session, verify};
use crate::{
    builder::{self, Destination, RebasedImage},
    oci::Platform,
    recipe::Base,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  wheelwright rebase ghcr.io/me/app:1 --base python:3.12-slim --push ghcr.io/me/app:1
  wheelwright rebase oci:dist --from oci:old-base --base oci:new-base --output oci:dist:rebased
  wheelwright rebase ghcr.io/me/app:1 --base ghcr.io/me/base:2 --push ghcr.io/me/app:1-b2 --dry-run

The layers of the image's own stay as they are, byte for byte, and are not read. What its configuration says
otherwise than its old base's stays; the rest comes from the new base. The old base is the one that the image
names in its annotations `org.opencontainers.image.base.name` and `.digest`; it has to be told with --from
where they name none. Its layers must be the lowest of the image.

An image that would not work on the new base is refused: another Python, build or place of it, another or an
older C library, links that lead elsewhere, files that the image replaces or removes and that are others now,
distributions that both bring, requirements that are not met any more, libraries that are missing. For that
each layer of a base is read once, ever; --verify off leaves it out, --verify full reads layers of the image too
of which nothing is known.

Signatures and attestations speak of the old image and do not go along: `wheelwright sign` makes new ones.";

/// `rebase`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("destination").required(true).multiple(true))]
pub(super) struct Rebase {
    /// The image: HOST/REPOSITORY:TAG, oci:DIR[:NAME], oci-archive:FILE[:NAME] or
    /// docker-archive:FILE[:REF] (FILE.tar alone will do)
    #[arg(value_name = "IMAGE", value_parser = destination::parse_image)]
    image: Base,
    /// The base that it shall have, written like IMAGE
    #[arg(long, value_name = "NEW", value_parser = destination::parse_image)]
    base: Base,
    /// The base that it has [default: the one that it names itself]
    #[arg(long, value_name = "OLD", value_parser = destination::parse_image)]
    from: Option<Base>,
    /// Write the image to oci:DIR[:NAME], oci-archive:FILE[:NAME] or docker-archive:FILE[:REF]; may be given
    /// several times
    #[arg(short, long, value_name = "WHERE", value_parser = destination::parse, group = "destination")]
    output: Vec<Destination>,
    /// Push the image to HOST/REPOSITORY:TAG; may be given several times
    #[arg(long, value_name = "REF", value_parser = destination::parse_push, group = "destination")]
    push: Vec<Destination>,
    /// Rebase the image for this platform only; may be given several times
    #[arg(long, value_name = "P", value_parser = platform::parse)]
    platform: Vec<Platform>,
    /// Whether it is made sure that the image works on the new base
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    verify: verify::Checking,
    /// Only tell what would be sent, mounted or found there
    #[arg(long)]
    dry_run: bool,
}

/// Rebases; returns a line for each platform and destination, and the digest.
///
/// # Errors
/// When the image does not fit, two destinations are the same file, or something cannot be read or written.
pub(super) async fn run(session: &Session, arguments: &Rebase) -> Result<String, CliError> {
    let destinations: Vec<Destination> = arguments.output.iter().chain(&arguments.push).cloned().collect();
    apart(&destinations)?;
    let builder = session.builder()?;
    let order = builder::Rebase {
        image: arguments.image.clone(),
        base: arguments.base.clone(),
        from: arguments.from.clone(),
        platforms: arguments.platform.clone(),
        depth: arguments.verify.depth(),
    };
    let rebased = builder.rebase(&order, Path::new("")).await?;
    verify::after_rebase(session, &rebased.report)?;
    let intent = if arguments.dry_run { copy::Intent::Tell } else { copy::Intent::Move };
    let delivered = copy::deliver(&builder, (&rebased.graph, &|_| true), &destinations, intent).await?;
    Ok(told(&rebased.images) + &delivered)
}

/// `linux/amd64  2 layers (1.0 MB) on sha256:… in place of sha256:…`.
fn told(images: &[RebasedImage]) -> String {
    let mut text = String::new();
    for RebasedImage { platform, old, new, layers, size } in images {
        let layers = quantity::count(*layers, "layer");
        let _ = writeln!(text, "{platform}  {layers} ({}) on {new} in place of {old}", quantity::bytes(*size));
    }
    text
}
