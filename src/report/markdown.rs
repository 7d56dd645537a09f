//! A report as Markdown, for a comment on a change.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use super::{Build, Finding, Image, Report};
use crate::quantity;

pub(super) fn text(report: &Report) -> String {
    let mut text = format!("### {}\n\nBuilt in {}.\n", cell(&report.name), time(report.took));
    for image in &report.images {
        of_image(&mut text, image);
    }
    if !report.warnings.is_empty() {
        text.push_str("\nWarnings:\n\n");
    }
    for warning in &report.warnings {
        let _ = writeln!(text, "- {}", cell(warning));
    }
    text
}

fn of_image(text: &mut String, image: &Image) {
    if let Some(variant) = &image.variant {
        let _ = writeln!(text, "\n#### {}", cell(variant));
    }
    let _ = writeln!(text, "\n`{}`\n", image.digest);
    for delivery in &image.deliveries {
        let _ = writeln!(text, "- `{}`: {} sent", cell(&delivery.to), quantity::bytes(delivery.sent));
    }
    layers(text, image);
    if let [first, .., last] = image.builds.as_slice() {
        let _ = writeln!(text, "\n{}", comparison(first, last));
    }
    findings(text, image);
}

/// A row for each layer, a column for each platform.
fn layers(text: &mut String, image: &Image) {
    let heads =
        image.platforms.iter().map(|platform| format!(" {} | |", platform.platform)).collect::<Vec<_>>().concat();
    let _ = writeln!(text, "\n| layer |{heads}\n|---|{}", "--:|---|".repeat(image.platforms.len()));
    // The base's layers share a name, so that the place among those of the same name tells them apart.
    let mut rows: Vec<((&str, usize), Vec<String>)> = Vec::new();
    for (column, platform) in image.platforms.iter().enumerate() {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for layer in &platform.layers {
            let number = seen.entry(&layer.name).or_default();
            let row = (layer.name.as_str(), *number);
            *number += 1;
            let place = rows.iter().position(|(name, _)| *name == row).unwrap_or_else(|| {
                rows.push((row, vec![" | |".to_owned(); image.platforms.len()]));
                rows.len() - 1
            });
            rows[place].1[column] = format!(" {} | {} |", quantity::bytes(layer.size), cell(&layer.made));
        }
    }
    for ((name, _), cells) in rows {
        let _ = writeln!(text, "| {} |{}", cell(name), cells.concat());
    }
    let sums = image.platforms.iter().map(|platform| format!(" **{}** | |", quantity::bytes(platform.size())));
    let sums = sums.collect::<Vec<_>>().concat();
    let _ = writeln!(text, "| **together** |{sums}");
}

fn comparison(first: &Build, last: &Build) -> String {
    format!(
        "The first build here took {} and sent {}; this one took {} and sent {}.",
        time(first.took),
        quantity::bytes(first.sent),
        time(last.took),
        quantity::bytes(last.sent),
    )
}

/// Each finding once, with the platforms that have it.
fn findings(text: &mut String, image: &Image) {
    let mut all: Vec<(&Finding, Vec<&str>)> = Vec::new();
    for platform in &image.platforms {
        for finding in &platform.findings {
            match all.iter_mut().find(|(known, _)| *known == finding) {
                Some((_, platforms)) => platforms.push(&platform.platform),
                None => all.push((finding, vec![&platform.platform])),
            }
        }
    }
    if !all.is_empty() {
        text.push_str("\n| found | where | on | what to do |\n|---|---|---|---|\n");
    }
    for (finding, platforms) in all {
        let _ = writeln!(
            text,
            "| {} {}: {} | {} | {} | {} |",
            finding.level,
            finding.code,
            cell(&finding.message),
            cell(finding.place.as_deref().unwrap_or_default()),
            platforms.join(", "),
            cell(finding.advice.as_deref().unwrap_or_default()),
        );
    }
}

fn time(milliseconds: u64) -> String {
    format!("{} s", quantity::seconds(Duration::from_millis(milliseconds)))
}

/// Text that stays in its cell, in its line, and is not taken for HTML.
fn cell(text: &str) -> String {
    let safe = |letter: char| if letter.is_control() { ' ' } else { letter };
    text.chars().map(safe).collect::<String>().replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;

    #[test]
    fn everything_has_its_place() {
        insta::assert_snapshot!(report().markdown(), @r#"
        ### demo

        Built in 4.0 s.

        #### full

        `sha256:0000000000000000000000000000000000000000000000000000000000000007`

        - `oci:dist`: 5.0 MB sent

        | layer | linux/amd64 | | linux/arm64 | |
        |---|--:|---|--:|---|
        | base | 40.0 MB | base | 40.0 MB | base |
        | torch | 190.0 MB | built | 85.0 MB | built |
        | wheels | 3.0 MB | cached | 3.0 MB | cached |
        | **together** | **233.0 MB** | | **128.0 MB** | |

        The first build here took 60.0 s and sent 5.0 MB; this one took 4.0 s and sent 5.0 MB.

        | found | where | on | what to do |
        |---|---|---|---|
        | warning WW101: libGL.so.1 is &lt;missing> | /usr/lib/cv2.so, wheel opencv\|python 4.9 | linux/amd64, linux/arm64 | packages = ["libgl1"] |

        Warnings:

        - a differs
        "#);
    }
}
