//! `build --shard`: one machine's part of the work. Each image goes to the registry by its digest, where
//! `index create --of` finds it.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::{
    Entry, Order,
    fleet::{self, Entries, layers},
    metadata_file, pushes, settings,
};
use crate::{
    builder::{Builder, Destination, Holder},
    cli::{
        Outcome, args,
        error::CliError,
        lock::{self, Policy},
        quantity,
        recipes::Fates,
        session::Session,
        shards::{Part, Shard, only, split},
        table::{Align, Table},
        verify,
    },
    lock::Lock,
    oci::{Digest, Reference},
};

/// An image that was made and pushed.
struct Row {
    variant: Option<String>,
    part: Reference,
    platform: String,
    layers: String,
    sent: u64,
    digest: Digest,
}

/// Builds and pushes the shard's images; returns a table of them, and the failures.
///
/// # Errors
/// When a recipe or a lock cannot be read or is stale: every shard must see the same.
pub(super) async fn run(
    session: &Session,
    arguments: &args::Build,
    (recipes, shard): (Vec<PathBuf>, Shard),
) -> Result<Outcome, CliError> {
    if arguments.push.is_empty() || !arguments.output.is_empty() || arguments.loading.is_wanted() {
        return Err(CliError::ShardPushes);
    }
    if arguments.signing.is_wanted() {
        return Err(CliError::SignedShard);
    }
    let builder = session.builder_of(settings(session, arguments)?)?;
    let entries = locked(session, &builder, fleet::read(&recipes, arguments.wishes(None))?).await?;
    let parts = split(&entries, shard.of())?;
    let mut work: Vec<(usize, Vec<&Part>)> = Vec::new();
    for number in 0..entries.len() {
        let mine: Vec<&Part> = parts.iter().filter(|part| part.entry == number && shard.makes(part)).collect();
        if !mine.is_empty() {
            work.push((number, mine));
        }
    }
    let name = |number: usize| entries.get(number).map(|(entry, _)| entry.name.clone()).unwrap_or_default();
    let names: Vec<String> = work.iter().map(|(number, _)| name(*number)).collect();
    let fleet = arguments.several.fleet(session);
    let fates = fleet
        .each(work, async |(number, parts)| {
            let Some(entry) = entries.get(number) else { return Ok(Vec::new()) };
            let session = session.within(&entry.0.name);
            let made = make(&session, &builder, (entry, &parts, arguments)).await;
            made.inspect_err(|error| session.note(&format!("failed: {error}")))
        })
        .await;
    let fates = Fates::of(names, fates);
    let written = metadata_file(arguments, || document(&fates.done));
    let text = format!("{}\nshard {shard}: {}", table(&fates.done), fates.closing("done", None));
    Ok(Outcome::partly(text, fates.failures).and("--metadata-file", written))
}

/// The recipes with their locks, which must be there and fresh.
///
/// # Errors
/// When a recipe is wrong, or a lock is missing or stale.
pub(in crate::cli) async fn locked(
    session: &Session,
    builder: &Builder,
    entries: Entries,
) -> Result<Vec<(Entry, Lock)>, CliError> {
    let mut locked = Vec::new();
    for (_, entry) in entries {
        let entry = entry?;
        let lock = lock::fresh(session, builder, &entry.file, Policy::Locked).await?;
        locked.push((entry, lock));
    }
    Ok(locked)
}

async fn make(
    session: &Session,
    builder: &Builder,
    ((entry, lock), parts, arguments): (&(Entry, Lock), &[&Part], &args::Build),
) -> Result<Vec<Row>, CliError> {
    let project = &entry.file.project;
    let remote = arguments.remote.settings(&pushes(&entry.orders), session.is_offline())?;
    let builder = builder.within(&entry.name, remote)?;
    let mut rows = Vec::new();
    for part in parts {
        let Some(Order { selection, destinations }) = entry.orders.get(part.order) else { continue };
        let built = builder.build(project, lock, &only(selection, &part.platform)).await?;
        let images = std::slice::from_ref(&built);
        verify::after_build(session, &builder, project, (images, lock, arguments.verify)).await?;
        for whole in destinations.iter().filter_map(Destination::reference) {
            let place = builder.part((project, lock, selection), &part.platform, whole)?;
            for image in &built.index.images {
                let delivery = builder.deliver_part(&built, image, &place).await?;
                rows.push(Row {
                    variant: selection.variant.clone(),
                    part: place.clone(),
                    platform: part.platform.to_string(),
                    layers: layers(&built),
                    sent: delivery.bytes_sent(),
                    digest: image.manifest.descriptor().digest,
                });
            }
            let holder = Holder::Part(whole, &part.platform);
            arguments.remote.tell_of((session, &builder), &built, holder).await?;
        }
    }
    Ok(rows)
}

/// What was made, recipe by recipe.
fn document(done: &[(String, Vec<Row>)]) -> Value {
    let row = |row: &Row| {
        json!({
            "variant": row.variant, "platform": row.platform, "digest": row.digest.to_string(),
            "image.name": row.part.to_string(), "bytes": row.sent,
        })
    };
    let recipes = done.iter().map(|(name, rows)| (name.clone(), rows.iter().map(row).collect::<Value>()));
    Value::Object(recipes.collect::<Map<_, _>>())
}

fn table(done: &[(String, Vec<Row>)]) -> String {
    let mut table = Table::new([
        ("recipe", Align::Left),
        ("variant", Align::Left),
        ("platform", Align::Left),
        ("layers", Align::Left),
        ("sent", Align::Right),
        ("digest", Align::Left),
    ]);
    for (name, rows) in done {
        for row in rows {
            table.row([
                name.clone(),
                row.variant.clone().unwrap_or_else(|| "-".to_owned()),
                row.platform.clone(),
                row.layers.clone(),
                quantity::bytes(row.sent),
                row.digest.to_string(),
            ]);
        }
    }
    table.render(None)
}
