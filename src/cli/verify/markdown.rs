//! A report as a table, for a comment on a change.

use std::fmt::Write as _;

use super::text;
use crate::{builder::Signed, cli::report::visible, oci::Reference, verify::Report};

/// Whose image it is.
pub(super) fn signed(image: &Reference, signed: &Signed, key: &str) -> String {
    let (image, identity) = (cell(&image.to_string()), cell(&signed.identity));
    format!("**{image}**: signed by `{}`, as {identity}: `{}`\n\n", cell(key), signed.digest)
}

/// A headline, and a row for each finding.
pub(super) fn render(image: &str, report: &Report) -> String {
    let mut markdown = format!("**{}**: {}\n", cell(image), text::summary(report));
    let groups = text::grouped(&report.findings);
    if !groups.is_empty() {
        markdown.push_str("\n| | what | where | on | what to do |\n|---|---|---|---|---|\n");
    }
    for (finding, platforms) in groups {
        let path = finding.path.as_ref().map(|path| format!("`{}`", cell(path))).unwrap_or_default();
        let owner = finding.owner.as_ref().map(|owner| cell(&owner.to_string()));
        let place = [Some(path), owner].into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>();
        let advice = match (&finding.accepted, &finding.recipe, &finding.hint) {
            (Some(reason), _, _) => format!("accepted: {}", cell(reason)),
            (None, Some(line), _) => format!("`{}`", cell(line)),
            (None, None, hint) => hint.as_ref().map(|hint| cell(&hint.to_string())).unwrap_or_default(),
        };
        let _ = writeln!(
            markdown,
            "| {} {} | {} | {} | {} | {advice} |",
            finding.level(),
            finding.code,
            cell(&finding.message),
            place.join(", "),
            text::listed(&platforms),
        );
    }
    let _ = writeln!(markdown, "\nChecked: {}", text::checked(report));
    for skipped in &report.skipped {
        let _ =
            writeln!(markdown, "\nNot checked: {} on {}: {}", skipped.check, skipped.platform, cell(&skipped.reason));
    }
    markdown
}

/// Text that stays in its cell and is not taken for HTML.
fn cell(text: &str) -> String {
    visible(text).replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::verify::text::tests::report;

    #[test]
    fn findings_are_rows() {
        insta::assert_snapshot!(render("oci:dist", &report()), @r#"
        **oci:dist**: 3 errors, 1 note

        | | what | where | on | what to do |
        |---|---|---|---|---|
        | error WW101 | libGL.so.1 is missing | `/usr/lib/cv2.so`, wheel opencv-python 4.9 | linux/amd64 | `packages = ["libgl1"]` |
        | error WW308 | a file of this name usually holds a \| key | `/app/.env`, layer scripts | linux/amd64, linux/arm64 | leave it out |
        | note WW310 | mode 4755 | `/bin/x` | linux/arm64 | accepted: needed\u{1b} |

        Checked: image (linux/amd64, linux/arm64)

        Not checked: python on linux/arm64: no Python
        "#);
    }
}
