//! A report for people.

use std::fmt::Write as _;

use crate::{
    builder::Signed,
    cli::{
        quantity,
        report::visible,
        table::{Align, Table},
    },
    oci::{Platform, Reference},
    verify::{Check, Finding, Level, Report, run::Started},
};

/// What was found, what was looked for, and how it ended.
pub(super) fn render(image: &str, report: &Report) -> String {
    let mut text = findings(report, Level::Note);
    for skipped in &report.skipped {
        let _ = writeln!(text, "not checked: {} on {}: {}", skipped.check, skipped.platform, visible(&skipped.reason));
    }
    if !report.started.is_empty() {
        let _ = write!(text, "{}{}", if text.is_empty() { "" } else { "\n" }, started(report));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    let _ = writeln!(text, "{}: {}", visible(image), summary(report));
    let _ = writeln!(text, "checked: {}", checked(report));
    text
}

/// Whose image it is.
pub(super) fn signed(image: &Reference, signed: &Signed, key: &str) -> String {
    format!("{image}: signed by {}, as {}\ndigest: {}\n", visible(key), visible(&signed.identity), signed.digest)
}

/// The findings of at least this level, each on a few lines.
pub(super) fn findings(report: &Report, least: Level) -> String {
    let groups = grouped(&report.findings).into_iter().filter(|(finding, _)| finding.level() >= least);
    groups.map(|(finding, platforms)| described(finding, &platforms)).collect()
}

/// What was started, as a table.
fn started(report: &Report) -> String {
    let mut table = Table::new([
        ("started", Align::Left),
        ("platform", Align::Left),
        ("result", Align::Left),
        ("version", Align::Left),
        ("seconds", Align::Right),
    ]);
    for (platform, bytes) in &report.sizes {
        let size = quantity::bytes(*bytes);
        table.row(["image".to_owned(), platform.to_string(), size, String::new(), String::new()]);
    }
    for Started { platform, what, result, version, time } in &report.started {
        let version = version.clone().unwrap_or_default();
        table.row([what.clone(), platform.to_string(), result.clone(), version, quantity::seconds(*time)]);
    }
    table.render(None)
}

/// `1 error, 2 warnings, 3 notes`, or that nothing was found.
pub(super) fn summary(report: &Report) -> String {
    let counted = [(Level::Error, "error"), (Level::Warning, "warning"), (Level::Note, "note")]
        .map(|(level, noun)| (report.count(level), noun));
    let told: Vec<String> =
        counted.iter().filter(|(count, _)| *count > 0).map(|(count, noun)| quantity::count(*count, noun)).collect();
    if told.is_empty() { "nothing was found".to_owned() } else { told.join(", ") }
}

/// Findings that differ in nothing but their platform, together. They stand side by side in a report.
pub(super) fn grouped(findings: &[Finding]) -> Vec<(&Finding, Vec<&Platform>)> {
    let mut groups: Vec<(&Finding, Vec<&Platform>)> = Vec::new();
    for finding in findings {
        match groups.last_mut() {
            Some((first, platforms)) if same(first, finding) => platforms.push(&finding.platform),
            _ => groups.push((finding, vec![&finding.platform])),
        }
    }
    groups
}

/// A finding on one line, without its hint.
pub(super) fn line(finding: &Finding, platforms: &[&Platform]) -> String {
    let place = finding.path.as_ref().map(|path| format!(" {path}")).unwrap_or_default();
    let owner = finding.owner.as_ref().map(|owner| format!("{owner}, ")).unwrap_or_default();
    format!("{}{place}: {} ({owner}{})", finding.code, finding.message, listed(platforms))
}

pub(super) fn listed(platforms: &[&Platform]) -> String {
    platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn same(left: &Finding, right: &Finding) -> bool {
    Finding { platform: left.platform.clone(), ..right.clone() } == *left
}

fn described(finding: &Finding, platforms: &[&Platform]) -> String {
    let place = finding.path.as_ref().map(|path| format!(" {path}")).unwrap_or_default();
    let head = format!("{} {}{place}: {}", finding.level(), finding.code, finding.message);
    let mut text = format!("{}\n", visible(&head));
    let owner = finding.owner.as_ref().map(|owner| format!("{owner}, ")).unwrap_or_default();
    let _ = writeln!(text, "  in {}", visible(&format!("{owner}{}", listed(platforms))));
    match (&finding.accepted, &finding.hint) {
        (Some(reason), _) => drop(writeln!(text, "  accepted: {}", visible(reason))),
        (None, Some(hint)) => drop(writeln!(text, "  hint: {}", visible(&hint.to_string()))),
        (None, None) => {}
    }
    if let (None, Some(line)) = (&finding.accepted, &finding.recipe) {
        let _ = writeln!(text, "  recipe: {}", visible(line));
    }
    text
}

/// `libraries, image (linux/amd64, linux/arm64)`.
pub(super) fn checked(report: &Report) -> String {
    let mut checks: Vec<Check> = report.checked.iter().map(|(_, check)| *check).collect();
    let mut platforms: Vec<&Platform> = report.checked.iter().map(|(platform, _)| platform).collect();
    checks.sort();
    checks.dedup();
    platforms.sort();
    platforms.dedup();
    let checks: Vec<String> = checks.iter().map(ToString::to_string).collect();
    if checks.is_empty() { "nothing".to_owned() } else { format!("{} ({})", checks.join(", "), listed(&platforms)) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::verify::{Code, Owner, Skipped};

    pub(in crate::cli::verify) fn report() -> Report {
        let platforms: [Platform; 2] = ["linux/amd64", "linux/arm64"].map(|text| text.parse().unwrap());
        let secret = platforms.iter().map(|platform| {
            let finding = Finding::new(Code::SECRET, platform, "a file of this name usually holds a | key");
            finding.at("app/.env").of(Owner::Layer("scripts".to_owned())).hinted("leave it out")
        });
        let mut findings: Vec<Finding> = secret.collect();
        let library = Finding::new(Code::MISSING_LIBRARY, &platforms[0], "libGL.so.1 is missing");
        let library = library.at("usr/lib/cv2.so").of(Owner::Wheel("opencv-python 4.9".to_owned()));
        findings.push(library.mended_by("packages = [\"libgl1\"]"));
        let mut accepted = Finding::new(Code::SET_ID, &platforms[1], "mode 4755").at("bin/x");
        accepted.accepted = Some("needed\u{1b}".to_owned());
        findings.push(accepted);
        let checked = platforms.iter().map(|platform| (platform.clone(), Check::Image)).collect();
        let reason = "no Python".to_owned();
        let skipped = vec![Skipped { platform: platforms[1].clone(), check: Check::Python, reason }];
        Report { findings, checked, skipped, ..Report::default() }.settled(&[])
    }

    #[test]
    fn platforms_stand_together() {
        insta::assert_snapshot!(render("oci:dist", &report()), @r#"
        error WW101 /usr/lib/cv2.so: libGL.so.1 is missing
          in wheel opencv-python 4.9, linux/amd64
          recipe: packages = ["libgl1"]
        error WW308 /app/.env: a file of this name usually holds a | key
          in layer scripts, linux/amd64, linux/arm64
          hint: leave it out
        note WW310 /bin/x: mode 4755
          in linux/arm64
          accepted: needed\u{1b}
        not checked: python on linux/arm64: no Python

        oci:dist: 3 errors, 1 note
        checked: image (linux/amd64, linux/arm64)
        "#);
        insta::assert_snapshot!(render("a:b", &Report::default()), @"
        a:b: nothing was found
        checked: nothing
        ");
    }
}
