//! `wheelwright lock --explain`: answers as people read them.

use std::fmt::Write as _;

use super::changes;
use crate::{
    builder::{Answer, Builder, Explanation, Link, Newer},
    cli::{error::CliError, project::ProjectFile, quantity, report::visible},
    lock::{Lock, LockedPackage, LockedWheel, Place, WheelSource},
    python::{PackageName, Version},
};

/// Chains told of one distribution.
const CHAINS: usize = 8;
/// Versions told by name that share one reason.
const VERSIONS: usize = 3;
/// Reasons told.
const REASONS: usize = 8;

/// Explains each of `names`.
///
/// # Errors
/// When the lock has nothing of such a name, and when the recipe's files cannot be read.
pub(super) async fn run(
    builder: &Builder,
    file: &ProjectFile,
    lock: &Lock,
    names: &[String],
) -> Result<String, CliError> {
    let mut parts = Vec::new();
    for name in names {
        for explanation in builder.explain(&file.project, lock, name).await? {
            parts.push(told(name, &explanation, lock));
        }
    }
    Ok(parts.join("\n"))
}

fn told(name: &str, explanation: &Explanation, lock: &Lock) -> String {
    let place = changes::places(&explanation.places, &changes::images(lock));
    let name = name.parse::<PackageName>().map_or_else(|_| visible(name), |name| name.to_string());
    match &explanation.answer {
        Answer::Locked { wheels, chains, newer } => {
            let version = wheels.first().map(|wheel| visible(&wheel.version)).unwrap_or_default();
            let mut text = format!("{name} {version}{place}\n");
            field(&mut text, "file", &wheels.iter().map(file).collect::<Vec<_>>());
            field(&mut text, "asked for", &told_chains(chains));
            field(&mut text, "not newer", &told_newer(newer));
            text
        }
        Answer::Package { packages } => told_packages(&explanation.places, packages, lock),
        Answer::InBase { version } => format!("{name} {version}{place}\n  the base brings it, and it is kept\n"),
        Answer::Excluded { pattern } => {
            format!("{name}{place}\n  `wheels.exclude` leaves it out: `{pattern}`\n")
        }
    }
}

/// `libgl1 1.6.0-1 (Debian)`, its files, and who asked for it.
fn told_packages(here: &[Place], packages: &[LockedPackage], lock: &Lock) -> String {
    let Some(first) = packages.first() else { return String::new() };
    let mut text = visible(&format!("{} {} (Debian){}", first.name, first.version, changes::platforms(here, lock)));
    text.push('\n');
    let file = |package: &LockedPackage| {
        let (name, _, size) = package.as_file();
        format!("{name} ({}), from the archive `{}`", quantity::bytes(size), package.archive)
    };
    field(&mut text, "file", &packages.iter().map(file).collect::<Vec<_>>());
    let asking = |why: &String| if why == "recipe" { "the recipe".to_owned() } else { why.clone() };
    field(&mut text, "asked for", &first.why.iter().map(asking).collect::<Vec<_>>());
    text
}

/// `  key:       first`, and the others below it.
fn field(text: &mut String, key: &str, values: &[String]) {
    for (position, value) in values.iter().enumerate() {
        let key = if position == 0 { format!("{key}:") } else { String::new() };
        let _ = writeln!(text, "  {key:<11}{}", visible(value));
    }
}

fn file(wheel: &LockedWheel) -> String {
    let from = match &wheel.source {
        WheelSource::Index(name) => format!("from the index `{name}`"),
        WheelSource::Url(url) => format!("from {url}"),
        WheelSource::Path(path) => format!("from {path}"),
    };
    format!("{} ({}), {from}", wheel.file, quantity::bytes(wheel.size))
}

fn told_chains(chains: &[Vec<Link>]) -> Vec<String> {
    let step = |link: &Link| format!("{} requires {}", link.asking, link.requirement);
    let line = |chain: &Vec<Link>| chain.iter().map(step).collect::<Vec<_>>().join(" → ");
    let mut lines: Vec<String> = chains.iter().take(CHAINS).map(line).collect();
    if let Some(more) = chains.len().checked_sub(CHAINS).filter(|more| *more > 0) {
        lines.push(format!("and by {more} more"));
    }
    lines
}

fn told_newer(newer: &Newer) -> Vec<String> {
    match newer {
        Newer::Rejected(versions) if versions.is_empty() => vec!["there is no newer version".to_owned()],
        Newer::Rejected(versions) => {
            let mut reasons: Vec<(&str, Vec<&Version>)> = Vec::new();
            for (version, reason) in versions {
                match reasons.iter_mut().find(|(known, _)| known == reason) {
                    Some((_, versions)) => versions.push(version),
                    None => reasons.push((reason, vec![version])),
                }
            }
            let mut lines: Vec<String> = reasons
                .iter()
                .take(REASONS)
                .map(|(reason, versions)| format!("{}: {reason}", listed(versions)))
                .collect();
            if let Some(more) = reasons.len().checked_sub(REASONS).filter(|more| *more > 0) {
                lines.push(format!("and {more} other reasons for older ones"));
            }
            lines
        }
        Newer::Given(lock) => vec![format!("the version stands in {lock}")],
        Newer::Unknown(why) => vec![format!("not known: {why}")],
        _ => vec!["the recipe names this very file".to_owned()],
    }
}

fn listed(versions: &[&Version]) -> String {
    let names: Vec<String> = versions.iter().take(VERSIONS).map(ToString::to_string).collect();
    match versions.len().checked_sub(VERSIONS) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        lock::{Facts, LockedPlatform},
        oci::Digest,
    };

    #[test]
    fn packages_are_told_with_who_asked_for_them() {
        let platforms: [crate::oci::Platform; 2] = ["linux/amd64", "linux/arm64"].map(|text| text.parse().unwrap());
        let lock = Lock {
            version: Lock::VERSION,
            inputs: BTreeMap::new(),
            platforms: platforms.map(|platform| LockedPlatform::new(platform, None, Facts::default())).into(),
            images: Vec::new(),
        };
        let package = LockedPackage {
            name: "libgl1".to_owned(),
            version: "1.6.0-1".to_owned(),
            archive: "debian".to_owned(),
            suite: None,
            path: "pool/main/libg/libglvnd/libgl1_1.6.0-1_amd64.deb".to_owned(),
            sha256: Digest::of(b"deb"),
            size: 88_400,
            why: vec!["libGL.so.1".to_owned(), "recipe".to_owned()],
        };
        let place = Place { variant: None, platform: lock.platforms[0].platform.clone() };
        let answer = Answer::Package { packages: vec![package] };
        let explanation = Explanation { places: vec![place], answer };
        insta::assert_snapshot!(told("libgl1", &explanation, &lock), @r"
        libgl1 1.6.0-1 (Debian) (linux/amd64)
          file:      libgl1_1.6.0-1_amd64.deb (88.4 kB), from the archive `debian`
          asked for: libGL.so.1
                     the recipe
        ");
    }
}
