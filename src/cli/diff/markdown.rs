//! A difference for the review of a change.

use std::fmt::Write as _;

use super::{Pair, compare::Change, text};

/// A section for each image, with tables.
pub(super) fn render(pairs: &[Pair], every_file: bool) -> String {
    let mut out = String::new();
    for pair in pairs {
        let _ = writeln!(out, "### {}\n", cell(&pair.title()));
        match (pair.before, pair.after) {
            (Some(before), Some(after)) => {
                let difference = &pair.difference;
                let mut facts = Vec::new();
                if pair.is_like_with_like {
                    facts.push(format!("size: {}", text::size(before, after)));
                }
                facts.extend(
                    difference.layers.map(|layers| format!("layers as before: {} of {}", layers.kept, layers.all)),
                );
                if !difference.files.is_empty() {
                    facts.push(format!("files: {}", text::counts(&difference.files)));
                }
                facts.extend(difference.unnamed("nothing else differs").map(str::to_owned));
                let _ = writeln!(out, "{}\n", facts.join("; "));
                table(&mut out, "Package", &difference.packages);
                table(&mut out, "Licence", &difference.licences);
                table(&mut out, "Setting", &difference.config);
                if every_file {
                    table(&mut out, "File", &difference.files);
                }
            }
            (None, Some(_)) => out.push_str("This image is new.\n\n"),
            _ => out.push_str("This image is gone.\n\n"),
        }
    }
    out
}

fn table(out: &mut String, what: &str, changes: &[Change]) {
    if changes.is_empty() {
        return;
    }
    let _ = writeln!(out, "| {what} | Before | After |\n|---|---|---|");
    for change in changes {
        let side = |value: &Option<String>| value.as_deref().map(cell).unwrap_or_default();
        let name = if change.kind == "file" { change.name.clone() } else { format!("{} {}", change.kind, change.name) };
        let _ = writeln!(out, "| {} | {} | {} |", cell(&name), side(&change.before), side(&change.after));
    }
    out.push('\n');
}

/// Text that stays in its cell.
fn cell(text: &str) -> String {
    let plain = |letter: char| match letter {
        '|' | '`' | '<' | '*' | '_' | '[' => format!("\\{letter}"),
        _ if letter.is_control() => " ".to_owned(),
        _ => letter.to_string(),
    };
    text.chars().map(plain).collect()
}
