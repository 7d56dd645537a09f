//! From the text of a recipe to its value, by way of one reader for each table.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Base, Check, Debian, ImageSettings, Layers, Policy, Recipe, RecipeError, Script, StatedFacts, Wheels,
    base::base,
    extends::{lay_over, relocate},
    is_name,
    problem::{Fault, Log, Problem, ProblemKind},
    reader::Reader,
    sources::{Open, Source, Sources},
    variant::{Written, check_includes},
    wheels::platform,
};
use crate::{hint::Hint, oci::Platform};

/// More variants than anybody writes by hand; keeps the walk through `include` short.
const MAX_VARIANTS: usize = 200;

pub(super) fn recipe(file: &str, text: &str, open: Open<'_>) -> Result<Recipe, RecipeError> {
    let sources = Sources::gather(file, text, open)?;
    let log = Log::default();
    let texts: Vec<String> = sources.iter().map(Source::padded).collect();
    let mut merged = Spanned::new(0..0, DeTable::new());
    for (source, text) in sources.iter().zip(&texts) {
        // Every file was read once, and is TOML.
        let (document, _) = DeTable::parse_recoverable(text);
        let Some(table) = root(source, document.into_inner(), &log) else { continue };
        let (span, mut table) = (table.span(), table.into_inner());
        relocate(&mut table, source);
        lay_over(merged.get_mut(), table);
        merged = Spanned::new(span, merged.into_inner());
    }
    let recipe = if log.is_empty() { read(&sources, &merged, &log) } else { None };
    let problems = log.into_problems();
    match recipe {
        Some(recipe) if problems.is_empty() => Ok(recipe),
        _ => Err(sources.error(problems)),
    }
}

/// What is wrong with a text that is not TOML: a half-read document would only give problems that are none.
pub(super) fn syntax(error: &toml::de::Error) -> Problem {
    let span = error.span().unwrap_or(0..0);
    Problem::new(ProblemKind::Syntax, span, one_line(error.message())).labelled("here")
}

fn read<'d>(sources: &Sources, merged: &'d Spanned<DeTable<'d>>, log: &'d Log) -> Option<Recipe> {
    let root = Reader::new("", merged.get_ref(), merged.span(), log);
    // Followed by now.
    root.value("extends");
    let name = root.parsed("name", image_name);
    let (base, base_facts) = base_and_facts(&root);
    let platforms = platforms(&root);
    let wheels = root.table("wheels").map(|table| Wheels::read(table, &platforms)).unwrap_or_default();
    let debian = root.table("debian").and_then(debian);
    let scripts = Script::read_all(&root);
    let layers = root.table("layers").map(Layers::read).unwrap_or_default();
    let image = root.table("image").map(read_image).unwrap_or_default();
    let check = root.table("check").map(Check::read).unwrap_or_default();
    let policy = root.table("policy").map(Policy::read).unwrap_or_default();
    let variants = variants(&root, log);
    for (key, example) in [("name", "\"my-app\""), ("base", "\"docker.io/library/python:3.11-slim\"")] {
        if !root.has(key) {
            root.missing(key, example);
        }
    }
    let has_debian = root.has("debian");
    root.finish();
    let (name, base, sources) = (name?, base?, sources.clone());
    let recipe = Recipe {
        name,
        base,
        base_facts,
        platforms,
        wheels,
        debian,
        scripts,
        layers,
        image,
        check,
        policy,
        variants,
        sources,
    };
    check_interpreter(&recipe, has_debian, log);
    check_contents(&recipe, log);
    Some(recipe)
}

/// `recipe` on `base`, which stands in `place`, as messages call it.
pub(super) fn on(mut recipe: Recipe, place: &str, base: Base) -> Result<Recipe, RecipeError> {
    let text = base.to_string();
    let start = recipe.sources.add(place, &text);
    recipe.base = Spanned::new(start..start + text.len(), base);
    let log = Log::default();
    check_interpreter(&recipe, recipe.debian.is_some(), &log);
    let problems = log.into_problems();
    if problems.is_empty() { Ok(recipe) } else { Err(recipe.sources.error(problems)) }
}

/// The table that the recipe is: the whole file, or `[tool.wheelwright]` of a `pyproject.toml`.
fn root<'d>(source: &Source, mut document: DeTable<'d>, log: &Log) -> Option<Spanned<DeTable<'d>>> {
    let start = source.place(0);
    if !source.is_project() {
        return Some(Spanned::new(start, document));
    }
    if let Some(DeValue::Table(mut tool)) = document.remove("tool").map(Spanned::into_inner)
        && let Some(value) = tool.remove("wheelwright")
        && let (span, DeValue::Table(table)) = (value.span(), value.into_inner())
    {
        return Some(Spanned::new(span, table));
    }
    let problem = Problem::new(ProblemKind::Missing, start, "there is no table `[tool.wheelwright]`");
    log.add(problem.hinted(Hint::new("add `[tool.wheelwright]` with `name`, `base` and `platforms`")));
    None
}

/// `base = "…"`, or `[base]` with `image` and what is stated of it.
fn base_and_facts(root: &Reader<'_>) -> (Option<Spanned<Base>>, Option<StatedFacts>) {
    if !root.value("base").is_some_and(|value| matches!(value.get_ref(), DeValue::Table(_))) {
        return (root.parsed("base", base), None);
    }
    let Some(table) = root.table("base") else { return (None, None) };
    let image = table.parsed("image", base);
    if !table.has("image") {
        table.missing("image", "\"docker.io/library/python:3.11-slim\"");
    }
    let facts = table.table("facts").map(StatedFacts::read);
    table.finish();
    (image, facts)
}

/// A build without what Debian's packages need says so, and not that the key is unknown.
fn debian(table: Reader<'_>) -> Option<Debian> {
    if cfg!(feature = "debian") {
        return Debian::read(table);
    }
    let message = "`debian` is not in this build of wheelwright";
    let problem = Problem::new(ProblemKind::Invalid, table.span(), message).labelled("needs the feature `debian`");
    table.add(problem.hinted(Hint::new("remove `[debian]`, or build with `--features debian`")));
    None
}

fn read_image(table: Reader<'_>) -> ImageSettings {
    let settings = ImageSettings::read(&table);
    table.finish();
    settings
}

fn image_name(text: &str) -> Result<String, Fault> {
    if is_name(text) {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(format!("`{text}` cannot be the name of an image")).labelled("not a name of an image");
    Err(fault.advised("use lower-case letters, digits, and single `-`, `_` or `.` between them"))
}

fn platforms(root: &Reader<'_>) -> Vec<Spanned<Platform>> {
    let platforms = root.parsed_list("platforms", platform);
    for (position, found) in platforms.iter().enumerate() {
        if platforms[..position].contains(found) {
            let message = format!("the platform `{}` is named twice", found.get_ref());
            let problem = Problem::new(ProblemKind::Duplicate, found.span(), message).labelled("again");
            root.add(problem.hinted(Hint::new("remove one of the two")));
        }
    }
    if !root.has("platforms") {
        root.missing("platforms", "[\"linux/amd64\", \"linux/arm64\"]");
    } else if let Some(span) = root.value("platforms").filter(|value| is_empty_list(value.get_ref())).map(Spanned::span)
    {
        let problem = Problem::new(ProblemKind::Invalid, span, "`platforms` is empty").labelled("empty");
        root.add(problem.hinted(Hint::new("name at least one platform, such as `linux/amd64`")));
    }
    platforms
}

fn is_empty_list(value: &DeValue<'_>) -> bool {
    matches!(value, DeValue::Array(items) if items.is_empty())
}

fn variants(root: &Reader<'_>, log: &Log) -> Vec<Written> {
    let tables = root.named_tables("variants");
    if let Some((name, _)) = tables.get(MAX_VARIANTS) {
        let message = format!("there are more than {MAX_VARIANTS} variants");
        let problem = Problem::new(ProblemKind::Invalid, name.span(), message).labelled("one too many");
        root.add(problem.hinted(Hint::new("split the recipe into several files")));
        return Vec::new();
    }
    let variants: Vec<Written> = tables.into_iter().map(Written::read).collect();
    check_includes(&variants, log);
    variants
}

/// Wheels need an interpreter, and nothing has none.
fn check_interpreter(recipe: &Recipe, has_debian: bool, log: &Log) {
    if *recipe.base.get_ref() == Base::Scratch && asks_wheels(recipe) && !has_debian {
        let message = "there are wheels and no interpreter: the base is `scratch`, and there is no `[debian]`";
        let problem = Problem::new(ProblemKind::Invalid, recipe.base.span(), message).labelled("has no interpreter");
        log.add(
            problem.hinted(Hint::new("add `[debian]` with `packages = [\"python3\"]`, or take a base with Python")),
        );
    }
}

/// Looked at only when all else is well: a part that is wrong is not a part that is missing.
fn check_contents(recipe: &Recipe, log: &Log) {
    let has_packages = recipe
        .debian
        .as_ref()
        .is_some_and(|debian| !debian.packages.is_empty() || debian.essential == super::Essential::All);
    let has_scripts = !recipe.scripts.is_empty() || recipe.variants.iter().any(|variant| !variant.scripts.is_empty());
    if log.is_empty() && !has_packages && !has_scripts && !asks_wheels(recipe) {
        let problem = Problem::new(ProblemKind::Missing, recipe.name.span(), "the recipe puts nothing into the image");
        let hint = Hint::new("add `[wheels] require`, `[debian] packages` or `[[scripts]]`");
        log.add(problem.labelled("an empty image").hinted(hint));
    }
}

fn asks_wheels(recipe: &Recipe) -> bool {
    !recipe.wheels.request.is_empty() || recipe.variants.iter().any(|variant| !variant.request.is_empty())
}

/// The TOML parser's messages in the form of ours.
fn one_line(message: &str) -> String {
    message.lines().next().unwrap_or("this is not TOML").trim_end_matches('.').to_owned()
}
