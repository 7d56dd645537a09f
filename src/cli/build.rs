//! `wheelwright build`: lock if need be, build every image, and only then deliver.

mod fleet;
mod job;
mod shard;

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{
    Outcome, args, destination,
    error::CliError,
    metadata,
    places::Places,
    project::{self, ProjectFile},
    recipes,
    reporting::Target,
    session::Session,
    summary,
    template::{Template, Words},
};
use crate::{
    builder::{Destination, Selection, Settings},
    engine::Engine,
    fs::probe,
    layer::wheel::RecordCheck,
    oci::{Platform, Reference},
    recipe::{Base, Recipe},
};
use job::Job;

pub(super) use fleet::{Entry, read};
pub(super) use shard::locked;

/// One image to build, and where it goes.
pub(super) struct Order {
    pub(super) selection: Selection,
    pub(super) destinations: Vec<Destination>,
}

/// Which images of a recipe are wanted, and where they shall go.
#[derive(Clone, Copy)]
pub(super) struct Wishes<'a> {
    pub(super) platforms: &'a [Platform],
    pub(super) variants: &'a [String],
    pub(super) outputs: &'a [Template],
    pub(super) pushes: &'a [Template],
    pub(super) engine: Option<Engine>,
    /// In place of the recipe's own.
    pub(super) base: Option<&'a Base>,
}

impl args::Build {
    /// What the arguments wish, with the engine that was found.
    fn wishes(&self, engine: Option<Engine>) -> Wishes<'_> {
        let (outputs, pushes) = (self.output.as_slice(), self.push.as_slice());
        Wishes { platforms: &self.platform, variants: &self.variant, outputs, pushes, engine, base: self.base.as_ref() }
    }
}

/// Builds and delivers; returns the closing table and the digests.
///
/// # Errors
/// When the arguments do not fit the recipe, or anything on the way fails; nothing of a recipe is delivered
/// unless all of it was built.
pub(super) async fn run(session: &Session, arguments: &args::Build) -> Result<Outcome, CliError> {
    if arguments.output.is_empty() && arguments.push.is_empty() && !arguments.loading.is_wanted() {
        return Err(CliError::NoDestination);
    }
    // Not after the image is pushed.
    for path in arguments.metadata_file.iter().map(PathBuf::as_path).chain(arguments.report.iter().map(Target::path)) {
        probe(path).map_err(|source| CliError::Write { path: path.to_owned(), source })?;
    }
    let recipes = recipes::named(&arguments.recipes)?;
    if let Some(shard) = arguments.shard {
        let recipes = if recipes.is_empty() { vec![project::find(Path::new("."))?] } else { recipes };
        return shard::run(session, arguments, (recipes, shard)).await;
    }
    // Before anything is made: without an engine nobody waits for the image.
    let engine = arguments.loading.engine().await?;
    match recipes.as_slice() {
        [] => one(session, arguments, (None, engine)).await,
        [recipe] => one(session, arguments, (Some(recipe), engine)).await,
        _ => fleet::run(session, arguments, (recipes, engine)).await,
    }
}

async fn one(
    session: &Session,
    arguments: &args::Build,
    (recipe, engine): (Option<&PathBuf>, Option<Engine>),
) -> Result<Outcome, CliError> {
    let file = ProjectFile::open(recipe.map(PathBuf::as_path), Path::new("."))?.on(arguments.base.as_ref())?;
    let orders = orders(&file.project.recipe, arguments.wishes(engine))?;
    take_places(&mut Places::default(), &file.project.recipe, &orders)?;
    let settings = settings(session, arguments)?;
    let remote = arguments.remote.settings(&pushes(&orders), settings.http.options().offline)?;
    let builder = session.builder_of(Settings { remote, ..settings })?;
    let key = arguments.signing.key(session, orders.iter().flat_map(|order| &order.destinations))?;
    let key = key.as_ref();
    let done = Job { session, builder: &builder, file: &file, orders: &orders, arguments, key }.run().await?;
    let delivered = done.delivered();
    let written = metadata_file(arguments, || metadata::document(&delivered));
    let (told, name) = (summary::of(&delivered, &done.told), file.project.recipe.file_name());
    Ok(Outcome::from(told).and(name, done.reported).and(name, written))
}

/// Writes what was delivered to where `--metadata-file` says. It is no less delivered where that fails.
fn metadata_file(arguments: &args::Build, document: impl FnOnce() -> Value) -> Result<(), CliError> {
    arguments.metadata_file.as_ref().map_or(Ok(()), |path| metadata::write(path, &document()))
}

/// What every builder of this run is made of.
fn settings(session: &Session, arguments: &args::Build) -> Result<Settings, CliError> {
    let records = if arguments.verify_record { RecordCheck::Verify } else { RecordCheck::Skip };
    Ok(Settings { records, ..session.settings()? })
}

/// The names in registries.
fn pushes(orders: &[Order]) -> Vec<Reference> {
    let all = orders.iter().flat_map(|order| &order.destinations);
    all.filter_map(|destination| if let Destination::Registry(name) = destination { Some(name.clone()) } else { None })
        .collect()
}

/// What is wished of the recipe.
fn orders(recipe: &Recipe, wishes: Wishes<'_>) -> Result<Vec<Order>, CliError> {
    for platform in wishes.platforms {
        let known: Vec<_> = recipe.platforms.iter().map(|known| known.get_ref().clone()).collect();
        if !known.contains(platform) {
            let file = recipe.file_name().to_owned();
            return Err(CliError::Platform { file, platform: platform.clone(), known });
        }
    }
    let variants = variants(recipe, wishes.variants)?;
    let told = wishes.variants.len() != 1;
    let order = |variant: Option<String>| {
        let suffix = variant.as_deref().filter(|_| told);
        let words = Words { name: recipe.name.get_ref(), variant: variant.as_deref() };
        let mut destinations = destination::all(wishes.outputs, wishes.pushes, words, suffix)?;
        if let Some(engine) = wishes.engine {
            destinations.push(destination::loaded(engine, wishes.pushes, words, suffix)?);
        }
        Ok(Order { selection: Selection { platforms: platforms(recipe, wishes), variant }, destinations })
    };
    variants.into_iter().map(order).collect()
}

/// Holds the images of a recipe apart, from one another and from those that have taken `places`.
///
/// # Errors
/// When two would go to the same place, or one to where no file can stand.
fn take_places(places: &mut Places, recipe: &Recipe, orders: &[Order]) -> Result<(), CliError> {
    for Order { selection, destinations } in orders {
        let image = match &selection.variant {
            Some(variant) => format!("{} ({variant})", recipe.file_name()),
            None => recipe.file_name().to_owned(),
        };
        destinations.iter().try_for_each(|destination| places.take(&image, destination))?;
    }
    Ok(())
}

/// The platforms to build for. An engine alone needs no other machine's image.
fn platforms(recipe: &Recipe, wishes: Wishes<'_>) -> Vec<Platform> {
    let only_loaded = wishes.engine.is_some() && wishes.outputs.is_empty() && wishes.pushes.is_empty();
    if !only_loaded || !wishes.platforms.is_empty() {
        return wishes.platforms.to_vec();
    }
    let here = Platform::of_this_machine();
    recipe.platforms.iter().map(toml::Spanned::get_ref).filter(|known| Some(*known) == here.as_ref()).cloned().collect()
}

/// The variants that are named, each once; all of them when none is; `None` where there are none.
fn variants(recipe: &Recipe, named: &[String]) -> Result<Vec<Option<String>>, CliError> {
    if named.is_empty() {
        return Ok(recipe.images().into_iter().map(|image| image.name).collect());
    }
    let mut variants: Vec<Option<String>> = Vec::new();
    for name in named {
        let variant = recipe.variant(Some(name))?;
        if !variants.contains(&variant.name) {
            variants.push(variant.name);
        }
    }
    Ok(variants)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{loading::Loading, remote_cache::Remote, signing, template::Template, verify};

    const RECIPE: &str = "name = \"a\"\nbase = \"h.example/python:3.11\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\nwheels.require = [\"c\"]\n";
    const VARIANTS: &str = "[variants.one]\nrequire = [\"a\"]\n[variants.two]\nrequire = [\"b\"]\n";

    fn arguments(variant: &[&str], platform: &[&str]) -> args::Build {
        args::Build {
            recipes: Vec::new(),
            several: recipes::Several::default(),
            shard: None,
            output: vec![Template::output("oci:d").unwrap()],
            push: vec![Template::push("h.example/a:1").unwrap()],
            platform: platform.iter().map(|text| text.parse().unwrap()).collect(),
            variant: variant.iter().map(|name| (*name).to_owned()).collect(),
            base: None,
            locked: false,
            attest: None,
            loading: Loading::default(),
            metadata_file: None,
            report: Vec::new(),
            verify_record: false,
            why: Vec::new(),
            signing: signing::Signing::default(),
            remote: Remote::default(),
            verify: verify::Checking::Quick,
        }
    }

    #[test]
    fn orders_follow_recipe_and_arguments() {
        let check = |text: &str, variants: &[&str], expect: &[&str]| {
            let orders =
                orders(&Recipe::parse("a.toml", text).unwrap(), arguments(variants, &[]).wishes(None)).unwrap();
            let shown = orders.iter().map(|order| {
                let places: Vec<_> = order.destinations.iter().map(ToString::to_string).collect();
                format!("{} {}", order.selection.variant.as_deref().unwrap_or("-"), places.join(" "))
            });
            assert_eq!(shown.collect::<Vec<_>>(), expect);
        };
        let both = format!("{RECIPE}{VARIANTS}");
        check(RECIPE, &[], &["- oci:d h.example/a:1"]);
        check(&both, &[], &["one oci:d:one h.example/a:1-one", "two oci:d:two h.example/a:1-two"]);
        check(&both, &["two"], &["two oci:d h.example/a:1"]);
        check(&both, &["two", "one"], &["two oci:d:two h.example/a:1-two", "one oci:d:one h.example/a:1-one"]);
    }

    #[test]
    fn variants_do_not_go_to_one_archive() {
        let recipe = Recipe::parse("a.toml", &format!("{RECIPE}{VARIANTS}")).unwrap();
        let check = |output: &str, expect: Option<&str>| {
            let mut arguments = arguments(&[], &[]);
            arguments.output.push(Template::output(output).unwrap());
            let orders = orders(&recipe, arguments.wishes(None)).unwrap();
            let taken = take_places(&mut Places::default(), &recipe, &orders);
            assert_eq!(taken.err().map(|error| error.to_string()).as_deref(), expect, "{output}");
        };
        check("oci-archive:app.tar:1", None);
        check("oci-archive:{variant}.tar:1", None);
        check("oci:e:{variant}", None);
        check("oci-archive:app.tar:{variant}", Some("a.toml (one) and a.toml (two) would both go to app.tar"));
    }

    #[test]
    fn what_the_recipe_does_not_have_cannot_be_ordered() {
        let recipe = Recipe::parse("a.toml", RECIPE).unwrap();
        assert!(matches!(orders(&recipe, arguments(&[], &["linux/386"]).wishes(None)), Err(CliError::Platform { .. })));
        assert!(matches!(orders(&recipe, arguments(&["one"], &[]).wishes(None)), Err(CliError::Recipe(_))));
    }
}
