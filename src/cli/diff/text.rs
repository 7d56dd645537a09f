//! A difference for people.

use std::fmt::Write as _;

use super::{
    Pair,
    compare::{Change, Layers},
};
use crate::{cli::report::visible, quantity};

/// Lines with `+`, `-` and `~`, below a title for each image.
pub(super) fn render(pairs: &[Pair], every_file: bool) -> String {
    let mut text = String::new();
    for pair in pairs {
        if !text.is_empty() {
            text.push('\n');
        }
        let _ = writeln!(text, "{}", visible(&pair.title()));
        match (pair.before, pair.after) {
            (Some(before), Some(after)) => body(&mut text, pair, (before, after), every_file),
            (None, Some(_)) => text.push_str("  + the whole image\n"),
            _ => text.push_str("  - the whole image\n"),
        }
    }
    text
}

fn body(text: &mut String, pair: &Pair, (before, after): (u64, u64), every_file: bool) {
    let difference = &pair.difference;
    if let Some(told) = difference.unnamed("no difference") {
        let _ = writeln!(text, "  {told}");
    }
    for change in difference.packages.iter().chain(&difference.licences).chain(&difference.config) {
        line(text, change);
    }
    if every_file {
        difference.files.iter().for_each(|change| line(text, change));
    }
    if !difference.files.is_empty() {
        let _ = writeln!(text, "  files: {}", counts(&difference.files));
    }
    if let Some(Layers { kept, all, .. }) = difference.layers {
        let _ = writeln!(text, "  layers: {kept} of {all} as before");
    }
    if pair.is_like_with_like {
        let _ = writeln!(text, "  size: {}", size(before, after));
    }
}

fn line(text: &mut String, change: &Change) {
    let Change { kind, name, before, after } = change;
    let what = match (before, after) {
        (None, Some(after)) => format!("+ {kind} {name} {after}"),
        (Some(before), Some(after)) => format!("~ {kind} {name} {before} → {after}"),
        (before, None) => format!("- {kind} {name} {}", before.as_deref().unwrap_or_default()),
    };
    let _ = writeln!(text, "  {}", visible(&what));
}

/// `3 added, 1 removed, 2 changed`.
pub(super) fn counts(changes: &[Change]) -> String {
    let count = |is: fn(&Change) -> bool| changes.iter().filter(|change| is(change)).count();
    let (added, removed) = (count(|change| change.before.is_none()), count(|change| change.after.is_none()));
    format!("{added} added, {removed} removed, {} changed", changes.len() - added - removed)
}

/// `1.0 MB → 1.2 MB (+0.2 MB)`.
pub(super) fn size(before: u64, after: u64) -> String {
    let (shown, sign) = (quantity::bytes(before.abs_diff(after)), if after < before { '-' } else { '+' });
    if before == after {
        return quantity::bytes(after);
    }
    format!("{} → {} ({sign}{shown})", quantity::bytes(before), quantity::bytes(after))
}
