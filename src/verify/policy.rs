//! What the recipe's `[policy]` demands: of the recipe, of its lock, and of what is in an image.

use std::collections::BTreeSet;

use super::{Code, Demands, Finding, Owner, Subject};
use crate::{
    base::Evidence,
    lock::{LockedImage, LockedWheel, WheelSource},
    oci::Platform,
    python::{Licence, PackageName, Version},
    recipe::{Base, Policy, Recipe},
};

/// What the recipe itself says against its policy: its base, once for each platform.
#[must_use]
pub fn of_recipe(recipe: &Recipe) -> Vec<Finding> {
    let Base::Registry(reference) = recipe.base.get_ref() else { return Vec::new() };
    if !recipe.policy.pin_base || reference.digest().is_some() {
        return Vec::new();
    }
    let message = format!("the base is {reference}, without a digest");
    let finding = |platform: &Platform| {
        Finding::new(Code::BASE_NOT_PINNED, platform, message.clone())
            .hinted("add `@sha256:…`; `wheelwright inspect` tells the digest that the tag has now")
    };
    recipe.platforms.iter().map(|platform| finding(platform.get_ref())).collect()
}

/// What the lock says of an image's wheels against the policy: their age as far as it is not known, and their hashes.
#[must_use]
pub fn of_lock(policy: &Policy, locked: &LockedImage) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Files of the user's own are no releases, and have no index.
    let foreign = |wheel: &&LockedWheel| !matches!(wheel.source, WheelSource::Path(_));
    for wheel in locked.wheels.iter().filter(foreign) {
        let about = |code, message: String| Finding::new(code, &locked.platform, message).of(owner(wheel));
        if let (Some(age), None) = (&policy.min_age, wheel.uploaded) {
            let message = format!("{} may be younger than {}: {}", wheel.file, age.get_ref(), untold(wheel));
            findings.push(about(Code::TOO_YOUNG, message).hinted("take it from an index that tells, or accept it"));
        }
        if policy.require_hashes && wheel.own_hash {
            let message = format!("nothing but the file itself says that {} has its SHA-256", wheel.file);
            let hint = match &wheel.source {
                WheelSource::Url(_) => "add `#sha256=…` to its URL",
                _ => "name it in a file of requirements with `--hash`, or accept it",
            };
            findings.push(about(Code::HASH_UNTOLD, message).hinted(hint));
        }
    }
    findings
}

/// What was chosen younger than the policy allows, at the time when the lock was made.
#[must_use]
pub fn too_young(policy: &Policy, locked: &LockedImage, now: u64) -> Vec<Finding> {
    let Some(age) = &policy.min_age else { return Vec::new() };
    let least = now.saturating_sub(age.get_ref().seconds());
    let young = locked.wheels.iter().filter_map(|wheel| Some((wheel, wheel.uploaded?)));
    let finding = |(wheel, uploaded): (&LockedWheel, crate::python::UploadTime)| {
        let message = format!("{} is there since {uploaded}, which is less than {}", wheel.file, age.get_ref());
        let finding = Finding::new(Code::TOO_YOUNG, &locked.platform, message).of(owner(wheel));
        finding.hinted("take an older version, wait, or accept it")
    };
    young.filter(|(_, uploaded)| uploaded.seconds() > least).map(finding).collect()
}

/// What chosen wheels say against the policy, before there is an image: their versions, and the licence of each as far
/// as it is known.
#[must_use]
pub fn of_wheels<'a>(
    policy: &Policy,
    locked: &'a LockedImage,
    licence: impl Fn(&'a LockedWheel) -> Option<Option<Licence>>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for wheel in &locked.wheels {
        let Ok(name) = wheel.name.parse::<PackageName>() else { continue };
        findings.extend(denied(policy, (&name, &wheel.version), &locked.platform).map(|found| found.of(owner(wheel))));
        if let Some(licence) = licence(wheel) {
            let found = licensed(policy, (&wheel.name, licence.as_ref()), &locked.platform);
            findings.extend(found.map(|found| found.of(owner(wheel))));
        }
    }
    findings
}

/// What is in the image against the policy, with what recipe and lock say already.
pub(super) fn of_image(subject: &Subject, demands: &Demands) -> Vec<Finding> {
    let of_platform = |finding: &&Finding| finding.platform == subject.platform;
    let mut findings: Vec<Finding> = demands.told.iter().filter(of_platform).cloned().collect();
    let mut seen = BTreeSet::new();
    for (path, node) in subject.tree.iter() {
        let Some(Evidence::Distribution { name, version, licence, .. }) = node.evidence.as_deref() else { continue };
        let Ok(name) = name.parse::<PackageName>() else { continue };
        // What the system's package manager brought is its business, and said in other words.
        let of_system = matches!(subject.owner(node), Owner::Package(_));
        if of_system || !seen.insert((name.clone(), version.clone(), path.to_owned())) {
            continue;
        }
        let owner = Owner::Wheel(format!("{name} {version}"));
        let found = denied(&demands.policy, (&name, version), &subject.platform).into_iter().chain(licensed(
            &demands.policy,
            (name.as_str(), licence.licence().as_ref()),
            &subject.platform,
        ));
        findings.extend(found.map(|finding| finding.at(path).of(owner.clone())));
    }
    findings
}

fn denied(policy: &Policy, (name, version): (&PackageName, &str), platform: &Platform) -> Option<Finding> {
    let version: Option<Version> = version.parse().ok();
    let means = |demand: &&toml::Spanned<crate::recipe::Demand>| {
        let requirement = &demand.get_ref().requirement;
        requirement.name == *name
            && requirement.versions().is_none_or(|versions| {
                // A version that nobody understands is none that is known to be well.
                versions.is_empty() || version.as_ref().is_none_or(|version| versions.contains(version))
            })
    };
    let denied = policy.deny.iter().find(means)?;
    let text = version.map_or_else(|| "in a version that is none".to_owned(), |version| version.to_string());
    let message = format!("{name} {text} is what `{}` denies", denied.get_ref().text);
    Some(Finding::new(Code::DISTRIBUTION_DENIED, platform, message).hinted("require another version, or do without it"))
}

fn licensed(policy: &Policy, (name, licence): (&str, Option<&Licence>), platform: &Platform) -> Option<Finding> {
    if !policy.is_about_licences() {
        return None;
    }
    let expression = match licence {
        Some(Licence::Expression(text)) => spdx::Expression::parse(text).ok(),
        _ => None,
    };
    let Some((expression, licence)) = expression.zip(licence) else {
        let says = licence.map_or_else(|| "nothing".to_owned(), |licence| format!("`{}`", licence.as_str()));
        let message = format!("{name} says {says} of its licence, which is none that SPDX lists");
        let code = if policy.allow_licences.is_empty() { Code::LICENCE_UNKNOWN } else { Code::LICENCE_DENIED };
        return Some(Finding::new(code, platform, message).hinted("look at its licence, and accept it if it will do"));
    };
    if expression.evaluate(|wanted| allows(policy, &wanted.to_string())) {
        return None;
    }
    let refused = expression.requirements().map(|wanted| wanted.req.to_string());
    let refused: BTreeSet<String> = refused.filter(|wanted| !allows(policy, wanted)).collect();
    let refused: Vec<String> = refused.into_iter().collect();
    let licence = licence.as_str();
    let message = match refused.as_slice() {
        [only] if only == licence => format!("{name} is under {licence}, which is not allowed"),
        _ => format!("{name} is under {licence}, and {} is not allowed", refused.join(", ")),
    };
    Some(Finding::new(Code::LICENCE_DENIED, platform, message).hinted("take another distribution, or accept this one"))
}

/// Whether a distribution may be under `licence`, one of an expression. Who may use something under a licence may use it
/// with an exception too, which grants more.
fn allows(policy: &Policy, licence: &str) -> bool {
    let without = licence.split(" WITH ").next().unwrap_or(licence);
    let allowed = policy.allow_licences.is_empty()
        || policy.allow_licences.iter().any(|one| one.get_ref().matches(licence) || one.get_ref().matches(without));
    allowed && !policy.deny_licences.iter().any(|one| one.get_ref().matches(licence))
}

fn untold(wheel: &LockedWheel) -> String {
    match &wheel.source {
        WheelSource::Index(index) => format!("the index `{index}` does not tell since when it has it"),
        WheelSource::Url(_) | WheelSource::Path(_) => "it is named by its URL, and in no index".to_owned(),
    }
}

fn owner(wheel: &LockedWheel) -> Owner {
    Owner::Wheel(format!("{} {}", wheel.name, wheel.version))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(keys: &str) -> Policy {
        let head = "name = \"a\"\nbase = \"h.example/b:1\"\nplatforms = [\"linux/amd64\"]\nwheels.require = [\"c\"]\n";
        Recipe::parse("a.toml", &format!("{head}[policy]\n{keys}\n")).unwrap().policy
    }

    fn platform() -> Platform {
        "linux/amd64".parse().unwrap()
    }

    #[test]
    fn expressions_are_weighed_as_they_are_meant() {
        let check = |keys: &str, licence: &str, expect: Option<Code>| {
            let licence = Licence::Expression(licence.to_owned());
            let found = licensed(&policy(keys), ("a", Some(&licence)), &platform());
            assert_eq!(found.map(|finding| finding.code), expect, "{keys} {licence:?}");
        };
        let refused = Some(Code::LICENCE_DENIED);
        check("", "AGPL-3.0-only", None);
        check("deny-licences = [\"*GPL-*\"]", "MIT", None);
        check("deny-licences = [\"*GPL-*\"]", "MIT OR GPL-2.0-only", None);
        check("deny-licences = [\"*GPL-*\"]", "MIT AND GPL-2.0-only", refused);
        check("deny-licences = [\"GPL-3.0-or-later\"]", "GPL-3.0-or-later WITH GCC-exception-3.1", None);
        check("deny-licences = [\"GPL-3.0-or-later*\"]", "GPL-3.0-or-later WITH GCC-exception-3.1", refused);
        check("allow-licences = [\"MIT\", \"BSD-*\"]", "BSD-3-Clause AND MIT", None);
        check("allow-licences = [\"MIT\"]", "MIT AND (BSD-3-Clause OR Zlib)", refused);
        check("allow-licences = [\"Apache-2.0\"]", "Apache-2.0 WITH LLVM-exception", None);
        check("allow-licences = [\"LicenseRef-*\"]", "LicenseRef-Ours", None);
        check("allow-licences = [\"*\"]\ndeny-licences = [\"MPL-2.0\"]", "MPL-2.0", refused);
        check("allow-licences = [\"*\"]\ndeny-licences = [\"MPL-2.0\"]", "MPL-1.1", None);
    }

    #[test]
    fn what_is_not_known_is_not_allowed_and_only_told_where_little_is_denied() {
        let check = |keys: &str, licence: Option<&Licence>, expect: Option<Code>| {
            let found = licensed(&policy(keys), ("a", licence), &platform());
            assert_eq!(found.map(|finding| finding.code), expect, "{keys} {licence:?}");
        };
        let words = Licence::Words("BSD".to_owned());
        for licence in [None, Some(&words)] {
            check("allow-licences = [\"BSD-*\"]", licence, Some(Code::LICENCE_DENIED));
            check("deny-licences = [\"GPL-*\"]", licence, Some(Code::LICENCE_UNKNOWN));
            check("pin-base = true", licence, None);
        }
    }

    #[test]
    fn versions_are_denied_by_their_ranges() {
        let check = |demand: &str, version: &str, expect: bool| {
            let name = "py-yaml".parse().unwrap();
            let found = denied(&policy(&format!("deny = [\"{demand}\"]")), (&name, version), &platform());
            assert_eq!(found.is_some(), expect, "{demand} {version}");
        };
        check("Py_YAML<6", "5.4.1", true);
        check("py-yaml<6", "6.0", false);
        check("py-yaml", "6.0", true);
        check("py-yaml<6", "not a version", true);
        check("yaml<6", "5.4.1", false);
    }

    #[test]
    fn a_base_is_pinned_by_its_digest_alone() {
        let check = |base: &str, expect: usize| {
            let text = format!(
                "name = \"a\"\nbase = \"{base}\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\
                 wheels.require = [\"c\"]\n[policy]\npin-base = true\n"
            );
            assert_eq!(of_recipe(&Recipe::parse("a.toml", &text).unwrap()).len(), expect, "{base}");
        };
        check("h.example/b:1", 2);
        check(&format!("h.example/b:1@{}", crate::oci::Digest::of(b"")), 0);
        check("oci:base", 0);
    }
}
