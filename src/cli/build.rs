//! `wheelwright build`: lock if need be, build every image, and only then deliver.

use std::{path::Path, sync::Arc, time::Instant};

use super::{
    args, destination,
    error::CliError,
    lock::{self, Policy},
    metadata::{self, Delivered},
    project::ProjectFile,
    session::Session,
    summary,
    template::Words,
    verify, why,
};
use crate::{
    builder::{Destination, Reported, Selection, Settings},
    engine::Engine,
    layer::wheel::RecordCheck,
    oci::{Platform, Reference},
    progress::Observer,
    recipe::Recipe,
    report::Recorder,
};

/// One image to build, and where it goes.
struct Order {
    selection: Selection,
    destinations: Vec<Destination>,
}

/// Builds and delivers; returns the closing table and the digests.
///
/// # Errors
/// When the arguments do not fit the recipe, or anything on the way fails; nothing is delivered
/// unless everything was built.
pub(super) async fn run(session: &Session, arguments: &args::Build) -> Result<String, CliError> {
    if arguments.output.is_empty() && arguments.push.is_empty() && !arguments.loading.is_wanted() {
        return Err(CliError::NoDestination);
    }
    let start = Instant::now();
    let file = ProjectFile::open(arguments.recipe.as_deref(), Path::new("."))?;
    // Before anything is made: without an engine nobody waits for the image.
    let engine = arguments.loading.engine().await?;
    let orders = orders(&file.project.recipe, arguments, engine)?;
    let records = if arguments.verify_record { RecordCheck::Verify } else { RecordCheck::Skip };
    let settings = session.settings()?;
    let recorder = Arc::new(Recorder::new(Arc::clone(&settings.observer)));
    let observer = Arc::clone(&recorder) as Arc<dyn Observer>;
    let remote = arguments.remote.settings(&pushes(&orders), settings.http.options().offline)?;
    let builder = session.builder_of(Settings { remote, observer, records, ..settings })?;
    let policy = if arguments.locked { Policy::Locked } else { Policy::Update };
    let lock = lock::fresh(session, &builder, &file, policy).await?;
    let mut images = Vec::new();
    for order in &orders {
        images.push(builder.build(&file.project, &lock, &order.selection).await?);
    }
    let checked = verify::after_build(session, &builder, &file.project.recipe, (&images, arguments.verify)).await?;
    let mut delivered: Vec<Delivered<'_>> = Vec::new();
    for (order, built) in orders.iter().zip(&images) {
        let mut deliveries = Vec::new();
        for destination in &order.destinations {
            let origin = (&file.project, &lock, &order.selection);
            deliveries.push((destination, builder.deliver_mended(origin, built, destination).await?));
        }
        arguments.remote.tell((session, &builder), built, &deliveries).await?;
        delivered.push((built, deliveries));
    }
    for (built, deliveries) in &delivered {
        let sent = deliveries.iter().map(|(_, delivery)| delivery.bytes_sent()).sum();
        builder.remember_build(&file.project, built, (start.elapsed(), sent))?;
    }
    if !arguments.report.is_empty() {
        let reported = delivered.iter().enumerate().map(|(position, (built, deliveries))| Reported {
            built,
            deliveries,
            checked: checked.get(position),
        });
        let report = builder.report(&file.project, &reported.collect::<Vec<_>>(), &recorder);
        arguments.report.iter().try_for_each(|target| target.write(&report))?;
    }
    if let Some(path) = &arguments.metadata_file {
        metadata::write(path, &delivered)?;
    }
    Ok(summary::of(&delivered, &why::told(&images, &arguments.why)?))
}

/// The names in registries.
fn pushes(orders: &[Order]) -> Vec<Reference> {
    let all = orders.iter().flat_map(|order| &order.destinations);
    all.filter_map(|destination| if let Destination::Registry(name) = destination { Some(name.clone()) } else { None })
        .collect()
}

/// What the arguments ask of the recipe.
fn orders(recipe: &Recipe, arguments: &args::Build, engine: Option<Engine>) -> Result<Vec<Order>, CliError> {
    for platform in &arguments.platform {
        let known: Vec<_> = recipe.platforms.iter().map(|known| known.get_ref().clone()).collect();
        if !known.contains(platform) {
            let file = recipe.file_name().to_owned();
            return Err(CliError::Platform { file, platform: platform.clone(), known });
        }
    }
    let variants = variants(recipe, &arguments.variant)?;
    let told = arguments.variant.len() != 1;
    let order = |variant: Option<String>| {
        let suffix = variant.as_deref().filter(|_| told);
        let words = Words { name: recipe.name.get_ref(), variant: variant.as_deref() };
        let mut destinations = destination::all(&arguments.output, &arguments.push, words, suffix)?;
        if let Some(engine) = engine {
            destinations.push(destination::loaded(engine, &arguments.push, words, suffix)?);
        }
        Ok(Order { selection: Selection { platforms: platforms(recipe, arguments), variant }, destinations })
    };
    variants.into_iter().map(order).collect()
}

/// The platforms to build for. An engine alone needs no other machine's image.
fn platforms(recipe: &Recipe, arguments: &args::Build) -> Vec<Platform> {
    let only_loaded = arguments.loading.is_wanted() && arguments.output.is_empty() && arguments.push.is_empty();
    if !only_loaded || !arguments.platform.is_empty() {
        return arguments.platform.clone();
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
    use crate::cli::{loading::Loading, remote_cache::Remote, template::Template};

    const RECIPE: &str = "name = \"a\"\nbase = \"h.example/python:3.11\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\nwheels.require = [\"c\"]\n";
    const VARIANTS: &str = "[variants.one]\nrequire = [\"a\"]\n[variants.two]\nrequire = [\"b\"]\n";

    fn arguments(variant: &[&str], platform: &[&str]) -> args::Build {
        args::Build {
            recipe: None,
            output: vec![Template::output("oci:d").unwrap()],
            push: vec![Template::push("h.example/a:1").unwrap()],
            platform: platform.iter().map(|text| text.parse().unwrap()).collect(),
            variant: variant.iter().map(|name| (*name).to_owned()).collect(),
            locked: false,
            loading: Loading::default(),
            metadata_file: None,
            report: Vec::new(),
            verify_record: false,
            why: Vec::new(),
            remote: Remote::default(),
            verify: verify::Checking::Quick,
        }
    }

    #[test]
    fn orders_follow_recipe_and_arguments() {
        let check = |text: &str, variants: &[&str], expect: &[&str]| {
            let orders = orders(&Recipe::parse("a.toml", text).unwrap(), &arguments(variants, &[]), None).unwrap();
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
    fn what_the_recipe_does_not_have_cannot_be_ordered() {
        let recipe = Recipe::parse("a.toml", RECIPE).unwrap();
        assert!(matches!(orders(&recipe, &arguments(&[], &["linux/386"]), None), Err(CliError::Platform { .. })));
        assert!(matches!(orders(&recipe, &arguments(&["one"], &[]), None), Err(CliError::Recipe(_))));
    }
}
