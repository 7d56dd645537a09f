//! A plan for people.

use std::{collections::BTreeSet, fmt::Write as _};

use super::Whole;
use crate::{
    builder::{Foreboding, ForeseenLayer, Made, fetched},
    cli::table::{Align, Table},
    quantity,
};

/// The table of layers, and what they come to.
pub(super) fn render(whole: &Whole) -> String {
    let mut table = Table::new([
        ("layer", Align::Left),
        ("platform", Align::Left),
        ("made", Align::Left),
        ("fetch", Align::Right),
        ("bytes", Align::Right),
    ]);
    for image in &whole.images {
        let variant = image.variant.as_ref().map(|variant| format!("{variant}: ")).unwrap_or_default();
        let base: Vec<&ForeseenLayer> = image.layers.iter().filter(|layer| layer.made == Made::Base).collect();
        if !base.is_empty() {
            let bytes = quantity::bytes(base.iter().map(|layer| layer.estimate()).sum());
            let name = format!("{variant}base, {}", quantity::count(base.len(), "layer"));
            table.row([name, image.platform.to_string(), "base".to_owned(), String::new(), bytes]);
        }
        for layer in image.layers.iter().filter(|layer| layer.made != Made::Base) {
            let fetch: u64 = layer.fetched.iter().map(|(_, _, bytes)| bytes).sum();
            let fetch = if fetch == 0 { String::new() } else { quantity::bytes(fetch) };
            let name = format!("{variant}{}", layer.name);
            table.row([name, image.platform.to_string(), made(layer).to_owned(), fetch, bytes(layer)]);
        }
    }
    table.render(terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))) + "\n" + &totals(whole)
}

/// The line that a warning stands on.
pub(super) fn warning(found: &Foreboding) -> String {
    let variant = found.variant.as_ref().map(|variant| format!("{variant} ")).unwrap_or_default();
    format!("{variant}{}: {}", found.platform, found.message)
}

pub(super) const fn made(layer: &ForeseenLayer) -> &'static str {
    match layer.made {
        Made::Base => "base",
        Made::Cached => "cached",
        Made::Remote => "remote",
        Made::Built => "to make",
    }
}

fn bytes(layer: &ForeseenLayer) -> String {
    match layer.size {
        Some(size) => quantity::bytes(size),
        None if layer.inputs == 0 => "?".to_owned(),
        None => format!("~{}", quantity::bytes(layer.inputs)),
    }
}

/// Layers that are the same for several images are made and sent once.
fn totals(whole: &Whole) -> String {
    let files = fetched(&whole.images);
    let size = |files: &[(String, _, u64)]| files.iter().map(|(_, _, bytes)| bytes).sum();
    let mut text = String::new();
    let _ = writeln!(text, "fetch  {}, {}", quantity::count(files.len(), "file"), quantity::bytes(size(&files)));
    let distinct = distinct(whole);
    let made = distinct.iter().filter(|layer| layer.made == Made::Built).count();
    let _ = writeln!(text, "make   {} of {}", made, quantity::count(distinct.len(), "layer"));
    let is_base = |layer: &&&ForeseenLayer| layer.made == Made::Base;
    let total = |layers: &[&ForeseenLayer]| layers.iter().map(|layer| layer.estimate()).sum();
    let base: u64 = distinct.iter().filter(is_base).map(|layer| layer.estimate()).sum();
    let all: u64 = total(&distinct);
    let _ = writeln!(
        text,
        "send   at most {}: {} of layers made, {} of the base's",
        quantity::bytes(all),
        quantity::bytes(all - base),
        quantity::bytes(base)
    );
    text
}

/// The layers of all images, each once.
pub(super) fn distinct(whole: &Whole) -> Vec<&ForeseenLayer> {
    let mut seen = BTreeSet::new();
    let all = whole.images.iter().flat_map(|image| image.layers.iter().map(move |layer| (image, layer)));
    let name = |layer: &ForeseenLayer, platform: String| match (layer.key, layer.digest) {
        (Some(key), _) => key.hex(),
        (None, Some(digest)) => digest.to_string(),
        (None, None) => format!("{} {platform}", layer.name),
    };
    all.filter(|(image, layer)| seen.insert(name(layer, image.platform.to_string()))).map(|(_, layer)| layer).collect()
}
