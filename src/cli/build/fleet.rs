//! Several recipes side by side: each is delivered when it is whole, and fails alone.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::{Map, Value};

use super::{Job, Order, Wishes, metadata_file, orders, pushes, settings, take_places};
use crate::{
    builder::{Builder, Built, BuiltLayer, Made},
    cli::{
        Outcome, args,
        error::CliError,
        metadata::{self, Delivered},
        places::Places,
        project::ProjectFile,
        quantity,
        recipes::Fates,
        reporting::Target,
        session::Session,
        table::{Align, Table},
    },
    cosign::SigningKey,
    engine::Engine,
};

/// A recipe that could be read.
pub(in crate::cli) struct Entry {
    pub(in crate::cli) name: String,
    pub(in crate::cli) file: ProjectFile,
    pub(in crate::cli) orders: Vec<Order>,
}

/// Every recipe by its name; those that could not be read with the reason.
pub(in crate::cli) type Entries = Vec<(String, Result<Entry, CliError>)>;

/// What is left of a recipe when it is done.
struct Row {
    images: Vec<ImageRow>,
    document: Value,
    reported: Result<(), CliError>,
    time: Duration,
}

/// One of its images.
struct ImageRow {
    variant: Option<String>,
    platforms: usize,
    layers: String,
    sent: u64,
    digest: String,
}

/// Builds and delivers all of `recipes`; returns a table of what became of each, and the failures.
///
/// # Errors
/// When the arguments make no sense for several recipes, or two would go to the same place; then nothing is
/// made.
pub(super) async fn run(
    session: &Session,
    arguments: &args::Build,
    (recipes, engine): (Vec<PathBuf>, Option<Engine>),
) -> Result<Outcome, CliError> {
    if !arguments.why.is_empty() {
        return Err(CliError::OneRecipe { flag: "--why", recipes: recipes.len() });
    }
    if !arguments.report.iter().all(Target::is_of_each) {
        return Err(CliError::OneReport { recipes: recipes.len() });
    }
    let start = Instant::now();
    let entries = read(&recipes, arguments.wishes(engine))?;
    let orders = entries.iter().filter_map(|(_, entry)| entry.as_ref().ok()).flat_map(|entry| &entry.orders);
    let key = arguments.signing.key(session, orders.flat_map(|order| &order.destinations))?;
    let builder = session.builder_of(settings(session, arguments)?)?;
    let names: Vec<String> = entries.iter().map(|(name, _)| name.clone()).collect();
    let work = async |(name, entry): (String, Result<Entry, CliError>)| {
        let session = session.within(&name);
        let built = build(&session, &builder, (entry, arguments, key.as_ref())).await;
        built.inspect_err(|error| session.note(&format!("failed: {error}")))
    };
    let fates = arguments.several.fleet(session).each(entries, work).await;
    let fates = Fates::of(names, fates);
    let document = |(name, row): &(String, Row)| (name.clone(), row.document.clone());
    let written = metadata_file(arguments, || Value::Object(fates.done.iter().map(document).collect::<Map<_, _>>()));
    let text = format!("{}\n{}", table(&fates.done), fates.closing("built", Some(start.elapsed())));
    let outcome = Outcome::partly(text, fates.failures).and("--metadata-file", written);
    Ok(fates.done.into_iter().fold(outcome, |outcome, (name, row)| outcome.and(&name, row.reported)))
}

/// Reads every recipe. One that is wrong fails alone; images that go to the same place are a mistake of the whole.
///
/// # Errors
/// When two images go to the same place, or one to where no file can stand.
pub(in crate::cli) fn read(recipes: &[PathBuf], wishes: Wishes<'_>) -> Result<Entries, CliError> {
    let mut places = Places::default();
    let mut entries = Vec::new();
    for path in recipes {
        let name = path.display().to_string();
        let entry = ProjectFile::open(Some(path), Path::new(".")).and_then(|file| {
            let file = file.on(wishes.base)?;
            let orders = orders(&file.project.recipe, wishes)?;
            Ok(Entry { name: name.clone(), file, orders })
        });
        if let Ok(entry) = &entry {
            take_places(&mut places, &entry.file.project.recipe, &entry.orders)?;
        }
        entries.push((name, entry));
    }
    Ok(entries)
}

async fn build(
    session: &Session,
    builder: &Builder,
    (entry, arguments, key): (Result<Entry, CliError>, &args::Build, Option<&SigningKey>),
) -> Result<Row, CliError> {
    let start = Instant::now();
    let Entry { name, file, orders } = entry?;
    let offline = session.is_offline();
    let builder = builder.within(&name, arguments.remote.settings(&pushes(&orders), offline)?)?;
    let done = Job { session, builder: &builder, file: &file, orders: &orders, arguments, key }.run().await?;
    let delivered = done.delivered();
    let images = delivered.iter().map(image).collect();
    // The images themselves are let go of: of many recipes they would take memory until the end.
    let document = metadata::document(&delivered);
    Ok(Row { images, document, reported: done.reported, time: start.elapsed() })
}

fn image((built, deliveries): &Delivered<'_>) -> ImageRow {
    ImageRow {
        variant: built.variant.clone(),
        platforms: built.index.images.len(),
        layers: layers(built),
        sent: deliveries.iter().map(|(_, delivery)| delivery.bytes_sent()).sum(),
        digest: built.index.manifest.descriptor().digest.to_string(),
    }
}

/// `2 base, 3 cached, 1 built`.
pub(super) fn layers(built: &Built) -> String {
    let count = |made: Made| built.layers.iter().filter(|layer: &&BuiltLayer| layer.made == made).count();
    let counted = [Made::Base, Made::Cached, Made::Remote, Made::Built].map(|made| (count(made), made));
    let told = counted.into_iter().filter(|(number, _)| *number > 0);
    told.map(|(number, made)| format!("{number} {made}")).collect::<Vec<_>>().join(", ")
}

fn table(done: &[(String, Row)]) -> String {
    let mut table = Table::new([
        ("recipe", Align::Left),
        ("variant", Align::Left),
        ("images", Align::Right),
        ("layers", Align::Left),
        ("sent", Align::Right),
        ("seconds", Align::Right),
        ("digest", Align::Left),
    ]);
    for (name, row) in done {
        for image in &row.images {
            table.row([
                name.clone(),
                image.variant.clone().unwrap_or_else(|| "-".to_owned()),
                image.platforms.to_string(),
                image.layers.clone(),
                quantity::bytes(image.sent),
                quantity::seconds(row.time),
                image.digest.clone(),
            ]);
        }
    }
    table.render(None)
}
