//! What distributions require, against what is installed: as `pip check`, with the markers of the
//! image's own platform.

use super::{View, distributions::Distribution};
use crate::{
    lock::Interpreter,
    python::{Libc, MarkerEnvironment, Requirement, Target, marker_environment},
    verify::{Code, Demands, Finding},
};

pub(super) fn check(view: &View<'_>, demands: &Demands) -> Vec<Finding> {
    let Interpreter { version, free_threaded, .. } = view.python.interpreter;
    // No marker asks for the C library.
    let target =
        Target { platform: view.subject.platform.clone(), python: version, libc: Libc::Glibc(2, 0), free_threaded };
    let environment = marker_environment(&target);
    let judged = view.distributions.iter().filter(|distribution| !distribution.is_of_system());
    judged.flat_map(|distribution| unmet(view, demands, distribution, &environment)).collect()
}

fn unmet(
    view: &View<'_>,
    demands: &Demands,
    distribution: &Distribution<'_>,
    environment: &MarkerEnvironment,
) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for text in distribution.requires {
        let Ok(requirement) = Requirement::lenient(text) else { continue };
        if !requirement.applies(environment, &[]) {
            continue;
        }
        let finding = judge(view, demands, distribution, &requirement);
        findings.extend(finding.filter(|finding| !findings.contains(finding)));
    }
    findings
}

fn judge(
    view: &View<'_>,
    demands: &Demands,
    distribution: &Distribution<'_>,
    requirement: &Requirement,
) -> Option<Finding> {
    let name = &requirement.name;
    let versions = requirement.versions().map(ToString::to_string).unwrap_or_default();
    let asks = format!("{} requires {name}{}", distribution.title(), versions.replace(' ', ""));
    let at = |code, message: String| view.finding(code, message).at(&distribution.info).of(distribution.owner.clone());
    let installed = view.distributions.iter().find(|installed| installed.name == *name);
    let Some(installed) = installed else {
        if demands.exclude.iter().any(|pattern| pattern.matches(name)) {
            let message = format!("{asks}, which `[wheels] exclude` leaves out");
            return Some(
                at(Code::REQUIREMENT_EXCLUDED, message)
                    .hinted("accept it with the reason why it is not needed, or remove it from `exclude`"),
            );
        }
        let finding = at(Code::REQUIREMENT_MISSING, format!("{asks}, which is not installed"));
        return Some(
            finding
                .hinted(format!("add `{name}` to what is installed"))
                .mended_by(format!("require = [\"{name}{}\"]", versions.replace(' ', ""))),
        );
    };
    let version = installed.parsed_version()?;
    let met = requirement.versions().is_none_or(|versions| versions.contains(&version));
    let message = format!("{asks}, and {} is installed", installed.title());
    (!met).then(|| {
        at(Code::REQUIREMENT_VERSION, message)
            .hinted("choose versions that go together: lock again without overriding either")
    })
}
