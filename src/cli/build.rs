//! `wheelwright build`: lock if need be, build every image, and only then deliver.

use std::path::Path;

use super::{
    args, deliveries, destination,
    error::CliError,
    lock::{self, Policy},
    metadata::{self, Delivered},
    project::ProjectFile,
    quantity,
    session::Session,
    table::{Align, Table},
    verify,
};
use crate::{
    builder::{Built, Destination, Made, Selection, Settings},
    engine::Engine,
    layer::wheel::RecordCheck,
    oci::Platform,
    recipe::Recipe,
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
    let file = ProjectFile::open(arguments.recipe.as_deref(), Path::new("."))?;
    // Before anything is made: without an engine nobody waits for the image.
    let engine = arguments.loading.engine().await?;
    let orders = orders(&file.project.recipe, arguments, engine)?;
    let records = if arguments.verify_record { RecordCheck::Verify } else { RecordCheck::Skip };
    let builder = session.builder_of(Settings { records, ..session.settings()? })?;
    let policy = if arguments.locked { Policy::Locked } else { Policy::Update };
    let lock = lock::fresh(session, &builder, &file, policy).await?;
    let mut images = Vec::new();
    for order in &orders {
        images.push(builder.build(&file.project, &lock, &order.selection).await?);
    }
    verify::after_build(session, &builder, &file.project.recipe, (&images, arguments.verify)).await?;
    let mut delivered: Vec<Delivered<'_>> = Vec::new();
    for (order, built) in orders.iter().zip(&images) {
        let mut deliveries = Vec::new();
        for destination in &order.destinations {
            deliveries.push((destination, builder.deliver(built, destination).await?));
        }
        delivered.push((built, deliveries));
    }
    if let Some(path) = &arguments.metadata_file {
        metadata::write(path, &delivered)?;
    }
    Ok(format!("{}\n{}{}", layers(&images), lines(&delivered), digests(&images)))
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
        let mut destinations = destination::all(&arguments.output, &arguments.push, suffix)?;
        if let Some(engine) = engine {
            destinations.push(destination::loaded(engine, recipe.name.get_ref(), &arguments.push, suffix)?);
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

fn layers(images: &[Built]) -> String {
    let mut table = Table::new([
        ("layer", Align::Left),
        ("platform", Align::Left),
        ("made", Align::Left),
        ("bytes", Align::Right),
        ("seconds", Align::Right),
    ]);
    for built in images {
        let variant = built.variant.as_ref().map(|variant| format!("{variant}: ")).unwrap_or_default();
        for layer in &built.layers {
            let (made, time) = match layer.made {
                Made::Base => ("base", String::new()),
                Made::Cached => ("cached", String::new()),
                Made::Built => ("built", quantity::seconds(layer.time)),
            };
            let name = format!("{variant}{}", layer.name);
            table.row([name, layer.platform.to_string(), made.to_owned(), quantity::bytes(layer.size), time]);
        }
    }
    table.render(terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)))
}

fn lines(delivered: &[Delivered<'_>]) -> String {
    let lines = delivered.iter().flat_map(|(_, deliveries)| deliveries);
    lines.map(|(destination, delivery)| deliveries::line(destination, delivery)).collect()
}

fn digests(images: &[Built]) -> String {
    let line = |built: &Built| match &built.variant {
        Some(variant) => format!("digest: {}  {variant}\n", digest(built)),
        None => format!("digest: {}\n", digest(built)),
    };
    images.iter().map(line).collect()
}

fn digest(built: &Built) -> String {
    built.index.manifest.descriptor().digest.to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        builder::BuiltLayer,
        cli::loading::Loading,
        image::{Delivery, Index, Manifest, Moved},
        oci::Digest,
    };

    const RECIPE: &str = "name = \"a\"\nbase = \"h.example/python:3.11\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\nwheels.require = [\"c\"]\n";
    const VARIANTS: &str = "[variants.one]\nrequire = [\"a\"]\n[variants.two]\nrequire = [\"b\"]\n";

    fn arguments(variant: &[&str], platform: &[&str]) -> args::Build {
        args::Build {
            recipe: None,
            output: vec![destination::parse("oci:d").unwrap()],
            push: vec!["h.example/a:1".parse().unwrap()],
            platform: platform.iter().map(|text| text.parse().unwrap()).collect(),
            variant: variant.iter().map(|name| (*name).to_owned()).collect(),
            locked: false,
            loading: Loading::default(),
            metadata_file: None,
            verify_record: false,
            verify: verify::Checking::Quick,
        }
    }

    fn built(variant: Option<&str>) -> Built {
        let layer = |platform: &str, name: &str, made| BuiltLayer {
            platform: platform.parse().unwrap(),
            name: name.to_owned(),
            digest: Digest::of(b""),
            size: 1_234_567,
            made,
            time: Duration::from_millis(2340),
        };
        let manifest = Manifest::of_index(&[], &serde_json::Value::Null);
        Built {
            variant: variant.map(str::to_owned),
            index: Index { manifest, images: Vec::new() },
            layers: vec![
                layer("linux/amd64", "base 1", Made::Base),
                layer("linux/amd64", "torch", Made::Cached),
                layer("linux/arm64", "scripts", Made::Built),
            ],
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

    #[test]
    fn the_table_and_the_lines_below_it() {
        insta::assert_snapshot!(layers(&[built(None), built(Some("one"))]), @"
        layer         platform     made     bytes  seconds
        base 1        linux/amd64  base    1.2 MB
        torch         linux/amd64  cached  1.2 MB
        scripts       linux/arm64  built   1.2 MB      2.3
        one: base 1   linux/amd64  base    1.2 MB
        one: torch    linux/amd64  cached  1.2 MB
        one: scripts  linux/arm64  built   1.2 MB      2.3
        ");
        let delivery = Delivery {
            root: Digest::of(b"index"),
            images: 0,
            blobs: vec![
                (Digest::of(b"1"), Moved::Sent(1_000_000)),
                (Digest::of(b"2"), Moved::Sent(2_000_000)),
                (Digest::of(b"3"), Moved::Mounted),
                (Digest::of(b"4"), Moved::Existed),
            ],
        };
        let line = deliveries::line(&destination::parse("oci:d").unwrap(), &delivery);
        let (place, rest) = line.split_once("  sha256:").unwrap();
        assert_eq!(place, "oci:d");
        assert_eq!(&rest[64..], "  0 images, 1 blob mounted, 2 blobs sent (3.0 MB), 1 blob there already\n");
        let digests = digests(&[built(None), built(Some("one"))]);
        assert!(digests.starts_with("digest: sha256:") && digests.ends_with("  one\n"), "{digests}");
    }
}
