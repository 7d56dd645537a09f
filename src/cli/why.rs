//! `build --why`: which inputs of a layer differ from the last time it was another one.

use super::error::CliError;
use crate::builder::{Built, BuiltLayer, Since, Why};

/// What is to be told of the layers whose names contain one of `wanted`.
///
/// # Errors
/// When one of them names no layer.
pub(super) fn told(images: &[Built], wanted: &[String]) -> Result<String, CliError> {
    let rows = || images.iter().flat_map(|built| &built.layers).filter_map(|row| Some((row, row.why.as_ref()?)));
    let mut text = String::new();
    for name in wanted {
        let meant: Vec<(&BuiltLayer, &Why)> = rows().filter(|(row, _)| row.name.contains(name.as_str())).collect();
        if meant.is_empty() {
            let mut known: Vec<String> = rows().map(|(row, _)| format!("`{}`", row.name)).collect();
            known.dedup();
            return Err(CliError::NoLayer { name: name.clone(), known });
        }
        text.extend(meant.into_iter().map(|(row, why)| one(row, why)));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    Ok(text)
}

fn one(row: &BuiltLayer, why: &Why) -> String {
    let key = row.key.map(|key| format!(" (key {})", &key.hex()[..12])).unwrap_or_default();
    let head = format!("{} {}{key}", row.name, row.platform);
    match (why.since, why.differs.is_empty()) {
        (Since::New, _) => format!("{head} was not built here before\n"),
        (Since::Earlier, true) => format!("{head} is what it was from the first\n"),
        (Since::Now, true) => format!("{head} changed, though nothing that has a name did\n"),
        (since, false) => {
            let when = if since == Since::Now { "changed now" } else { "changed last" };
            format!("{head} {when}:\n  {}\n", why.differs.join("\n  "))
        }
    }
}
