//! `wheelwright cache`: what is kept between builds.

mod limits;

use std::{path::PathBuf, time::Duration};

use clap::{ArgGroup, Args, Subcommand};

use super::{
    error::CliError,
    quantity,
    session::Session,
    table::{Align, Table},
};
use crate::{
    oci::Reference,
    store::{Limits, Store, Usage},
};

/// Below the help of `cache prune`.
const PRUNE_EXAMPLES: &str = "\
Examples:
  wheelwright cache prune --older-than 30d
  wheelwright cache prune --max-size 20GB
  wheelwright cache prune --remote ghcr.io/me/app

When a file was used last is known to the day. Builds that run at the same time make it fail; they are not
disturbed.";

/// Below the help of `cache export`.
const EXPORT_EXAMPLES: &str = "\
The tar is the same for the same contents, so that a cache of CI need not be written again. A folder named with
--store can be kept by such a cache as it is.";

/// `cache`.
#[derive(Debug, Subcommand)]
pub(super) enum Cache {
    /// Show where the store is, and how much is in it
    Info,
    /// Remove what was not used for long
    #[command(after_help = PRUNE_EXAMPLES)]
    Prune(Prune),
    /// Hold every file against its digest, and remove what is damaged
    Verify,
    /// Write everything into one tar
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(Carry),
    /// Take in what `cache export` wrote
    Import(Carry),
}

/// `cache prune`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("limit").required(true).multiple(true).args(["older_than", "max_size", "remote"])))]
pub(super) struct Prune {
    /// Remove what was not used for so long: `12h`, `30d`, `8w`
    #[arg(long, value_name = "TIME", value_parser = limits::time)]
    older_than: Option<Duration>,
    /// Then remove what was used longest ago, until no more than so much is left: `500MB`, `20GB`
    #[arg(long, value_name = "SIZE", value_parser = limits::size)]
    max_size: Option<u64>,
    /// Not from the store, but from HOST/REPOSITORY: remove the records of layers that no image needs which
    /// left a receipt there and still is where it was pushed to
    #[arg(long, value_name = "REF", conflicts_with_all = ["older_than", "max_size"])]
    remote: Option<Reference>,
}

/// `cache export` and `cache import`.
#[derive(Debug, Args)]
pub(super) struct Carry {
    /// The tar
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Does what is asked with the store.
///
/// # Errors
/// When the store cannot be opened, read or written, is in use, or holds something damaged.
pub(super) async fn run(session: &Session, arguments: &Cache) -> Result<String, CliError> {
    match arguments {
        Cache::Info => info(&session.store()?),
        Cache::Prune(Prune { remote: Some(place), .. }) => {
            let pruned = session.builder()?.prune_records(place).await?;
            let removed = quantity::count(pruned.removed, "record");
            Ok(format!("removed {removed} of layers; {} left\n", pruned.left))
        }
        Cache::Prune(arguments) => prune(session, arguments),
        Cache::Verify => verify(&session.store()?),
        Cache::Export(Carry { file }) => {
            let carried = session.store()?.export(file)?;
            Ok(format!("exported {}\n", amount(carried.files, carried.bytes)))
        }
        Cache::Import(Carry { file }) => {
            let carried = session.store()?.import(file)?;
            Ok(format!("imported {}\n", amount(carried.files, carried.bytes)))
        }
    }
}

fn info(store: &Store) -> Result<String, CliError> {
    let usage = store.usage()?;
    let mut table = Table::new([("kind", Align::Left), ("files", Align::Right), ("bytes", Align::Right)]);
    let mut total = Usage { kind: "all", files: 0, bytes: 0, oldest: None };
    for one in &usage {
        total.files += one.files;
        total.bytes += one.bytes;
        table.row([one.kind.to_owned(), one.files.to_string(), quantity::bytes(one.bytes)]);
    }
    table.row([total.kind.to_owned(), total.files.to_string(), quantity::bytes(total.bytes)]);
    Ok(format!("{}\n\n{}", store.root().display(), table.render(None)))
}

fn prune(session: &Session, arguments: &Prune) -> Result<String, CliError> {
    let now = session.now().ok_or(CliError::NoTime)?;
    let limits = Limits { unused_for: arguments.older_than, size: arguments.max_size };
    let pruned = Store::open_alone(session.store_folder()?)?.prune(limits, now)?;
    let (removed, left) = (amount(pruned.removed, pruned.removed_bytes), amount(pruned.left, pruned.left_bytes));
    Ok(format!("removed {removed}; {left} left\n"))
}

fn verify(store: &Store) -> Result<String, CliError> {
    let verified = store.verify()?;
    if verified.damaged.is_empty() {
        return Ok(format!("{} are well\n", amount(verified.files, verified.bytes)));
    }
    Err(CliError::Damaged { damaged: verified.damaged })
}

fn amount(files: u64, bytes: u64) -> String {
    format!("{} ({})", quantity::count(usize::try_from(files).unwrap_or(usize::MAX), "file"), quantity::bytes(bytes))
}
