//! What distributions require, against what is installed: as `pip check`, with the markers of the
//! image's own platform.

use std::collections::BTreeMap;

use super::{View, distributions::Distribution};
use crate::{
    base::{Unmet, unmet},
    lock::Interpreter,
    python::{Libc, PackageName, Target, marker_environment},
    verify::{Code, Demands, Finding},
};

pub(super) fn check(view: &View<'_>, demands: &Demands) -> Vec<Finding> {
    let Interpreter { version, free_threaded, .. } = view.python.interpreter;
    let platform = view.subject.platform.clone();
    // No marker asks for the C library.
    let target = Target { platform, python: version, libc: Libc::Glibc(2, 0), free_threaded };
    let present: BTreeMap<PackageName, String> =
        view.distributions.iter().map(|one| (one.name.clone(), one.version.to_owned())).collect();
    // What it cannot tell was found to be no interpreter before.
    let mut declared = view.subject.tree.declared(view.subject.settings()).unwrap_or_default();
    declared.retain(|one| view.distribution(&one.name).is_some_and(|found| !found.is_of_system()));
    let unmet = unmet(&declared, &present, &marker_environment(&target));
    unmet.iter().filter_map(|unmet| Some(finding(view, demands, view.distribution(&unmet.owner)?, unmet))).collect()
}

fn finding(view: &View<'_>, demands: &Demands, owner: &Distribution<'_>, unmet: &Unmet) -> Finding {
    let Unmet { name, wanted, .. } = unmet;
    let left_out = demands.exclude.iter().any(|pattern| pattern.matches(name));
    let about = |code| view.finding(code, unmet.to_string()).at(&owner.info).of(owner.owner.clone());
    if demands.overridden.contains(name) {
        return about(Code::REQUIREMENT_OVERRIDDEN);
    }
    if owner.layer < view.subject.base_layers {
        return about(Code::REQUIREMENT_OF_BASE);
    }
    let (code, hint) = match &unmet.found {
        Some(_) => {
            let hint = "choose versions that go together: lock again without overriding either";
            (Code::REQUIREMENT_VERSION, hint.to_owned())
        }
        None if left_out => {
            let hint = "accept it with the reason why it is not needed, or remove it from `[wheels] exclude`";
            (Code::REQUIREMENT_EXCLUDED, hint.to_owned())
        }
        None => (Code::REQUIREMENT_MISSING, format!("add `{name}` to what is installed")),
    };
    let finding = about(code).hinted(hint);
    if code == Code::REQUIREMENT_MISSING { finding.mended_by(format!("require = [\"{wanted}\"]")) } else { finding }
}
