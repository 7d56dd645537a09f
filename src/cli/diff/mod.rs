//! `wheelwright diff`: what one image, or lock, has otherwise than another.

mod compare;
mod json;
mod markdown;
mod text;

use std::path::Path;

use clap::{Args, ValueEnum};

use super::{destination, environment::read_if_there, error::CliError, project::ProjectFile, session::Session};
use crate::{builder::Portrait, lock::Lock, oci::Platform};
use compare::{Difference, compare};

pub(super) const EXAMPLES: &str = "\
Examples:
  wheelwright diff ghcr.io/me/app:1 ghcr.io/me/app:2
  wheelwright diff app.lock oci:dist
  wheelwright diff old.lock new.lock --format markdown
  wheelwright diff oci:before oci-archive:after.tar --files --format json

Each side is a lock (FILE.lock), a recipe with a lock beside it (FILE.toml), a layout, an archive or
an image in a registry. A lock knows packages and the bytes of what it names, and nothing of what a
base has of Debian; licences, files, configuration and sizes are compared between images. Layers of an image
are read once, and what they hold is kept. Files are told apart by kind, size, mode and owner; that
other bytes are in them shows in the layers, which have other digests then.";

/// `diff`.
#[derive(Debug, Args)]
pub(super) struct Diff {
    /// What was before
    #[arg(value_name = "A")]
    before: String,
    /// What came after
    #[arg(value_name = "B")]
    after: String,
    /// Compare this platform only; may be given several times
    #[arg(long, value_name = "P", value_parser = super::platform::parse)]
    platform: Vec<Platform>,
    /// The variant, where a lock has several
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// Name every file that differs, and not only how many there are
    #[arg(long)]
    files: bool,
    /// How the difference is printed
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    format: Format,
}

/// How a difference is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines with `+`, `-` and `~`
    #[default]
    Text,
    /// An object of JSON
    Json,
    /// Tables, for the review of a change
    Markdown,
}

/// Files with the ending of our locks that are none.
const FOREIGN: [&str; 5] = ["uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pixi.lock"];

/// Two images, by platform and variant, that were held against each other; one side alone where the other has
/// none.
struct Pair {
    platform: Platform,
    variant: Option<String>,
    before: Option<u64>,
    after: Option<u64>,
    difference: Difference,
    /// Bytes of a lock's wheels and of an image's layers are not the same thing.
    is_like_with_like: bool,
}

/// Compares; returns the difference.
///
/// # Errors
/// When a side cannot be read, or it is not clear which of its images is meant.
pub(super) async fn run(session: &Session, arguments: &Diff) -> Result<String, CliError> {
    let before = side(session, &arguments.before).await?;
    let after = side(session, &arguments.after).await?;
    let before = chosen(before, arguments, &arguments.before)?;
    let after = chosen(after, arguments, &arguments.after)?;
    let pairs = paired(&before, &after);
    Ok(match arguments.format {
        Format::Text => text::render(&pairs, arguments.files),
        Format::Json => json::render(&arguments.before, &arguments.after, &pairs),
        Format::Markdown => markdown::render(&pairs, arguments.files),
    })
}

/// The images of one side.
async fn side(session: &Session, text: &str) -> Result<Vec<Portrait>, CliError> {
    let path = Path::new(text);
    let ends = |ending: &str| path.extension().is_some_and(|extension| extension == ending);
    if ends("lock") {
        let read = read_if_there(path)?.ok_or_else(|| CliError::LockMissing { path: path.to_owned() })?;
        return match Lock::parse(text, &read) {
            Err(_) if path.file_name().is_some_and(|name| FOREIGN.iter().any(|foreign| name == *foreign)) => {
                let reason = "it is another tool's lock".to_owned();
                Err(CliError::Side { text: text.to_owned(), reason })
            }
            lock => Ok(Portrait::of_lock(&lock?)),
        };
    }
    if ends("toml") {
        let file = ProjectFile::open(Some(path), Path::new("."))?;
        let lock = file.lock()?.ok_or_else(|| CliError::LockMissing { path: file.lock_path() })?;
        return Ok(Portrait::of_lock(&lock));
    }
    let image = destination::parse_image(text).map_err(|reason| CliError::Side { text: text.to_owned(), reason })?;
    Ok(session.builder()?.portray(&image, Path::new("")).await?)
}

fn chosen(portraits: Vec<Portrait>, arguments: &Diff, text: &str) -> Result<Vec<Portrait>, CliError> {
    let known: std::collections::BTreeSet<String> =
        portraits.iter().filter_map(|portrait| portrait.variant.clone()).collect();
    if let Some(wanted) = arguments.variant.as_ref().filter(|wanted| !known.is_empty() && !known.contains(*wanted)) {
        let known = known.into_iter().collect();
        return Err(CliError::SideVariant { text: text.to_owned(), variant: wanted.clone(), known });
    }
    let is_meant = |portrait: &Portrait| {
        (arguments.platform.is_empty() || arguments.platform.contains(&portrait.platform))
            && (arguments.variant.is_none() || portrait.variant.is_none() || portrait.variant == arguments.variant)
    };
    Ok(portraits.into_iter().filter(is_meant).collect())
}

/// Images of one platform and variant belong together; where one side has no variants, every variant of the
/// other is held against its image.
fn paired(before: &[Portrait], after: &[Portrait]) -> Vec<Pair> {
    let fits = |one: &Portrait, other: &Portrait| {
        one.platform == other.platform
            && (one.variant == other.variant || one.variant.is_none() || other.variant.is_none())
    };
    let mut pairs = Vec::new();
    for one in before {
        let partners: Vec<&Portrait> = after.iter().filter(|other| fits(one, other)).collect();
        if partners.is_empty() {
            pairs.push(pair(&one.platform, Some(one), None));
        }
        pairs.extend(partners.into_iter().map(|other| pair(&one.platform, Some(one), Some(other))));
    }
    let alone = after.iter().filter(|other| !before.iter().any(|one| fits(one, other)));
    pairs.extend(alone.map(|other| pair(&other.platform, None, Some(other))));
    pairs.sort_by(|left, right| (&left.variant, &left.platform).cmp(&(&right.variant, &right.platform)));
    pairs
}

fn pair(platform: &Platform, before: Option<&Portrait>, after: Option<&Portrait>) -> Pair {
    let variant = [after, before].into_iter().flatten().find_map(|portrait| portrait.variant.clone());
    let difference = match (before, after) {
        (Some(before), Some(after)) => compare(before, after),
        _ => Difference::default(),
    };
    let is_like_with_like =
        before.is_none_or(|before| after.is_none_or(|after| before.files.is_some() == after.files.is_some()));
    let size = |portrait: Option<&Portrait>| portrait.map(|portrait| portrait.size);
    Pair {
        platform: platform.clone(),
        variant,
        before: size(before),
        after: size(after),
        difference,
        is_like_with_like,
    }
}

impl Pair {
    /// `pytorch linux/amd64`.
    fn title(&self) -> String {
        match &self.variant {
            Some(variant) => format!("{variant} {}", self.platform),
            None => self.platform.to_string(),
        }
    }
}
