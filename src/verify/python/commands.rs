//! Console scripts: whether the module and the function that each calls are there.

use super::{View, distributions::Distribution, entrypoint, modules::Resolution};
use crate::{
    python::EntryPoint,
    verify::{Code, Finding},
};

pub(super) fn check(view: &View<'_>) -> Vec<Finding> {
    let judged = view.distributions.iter().filter(|distribution| !distribution.is_of_system());
    let commands = judged.flat_map(|distribution| {
        let commands = distribution.commands.console.iter().chain(&distribution.commands.gui);
        commands.map(move |command| (distribution, command))
    });
    commands.filter_map(|(distribution, command)| judge(view, distribution, command)).collect()
}

fn judge(view: &View<'_>, distribution: &Distribution<'_>, command: &EntryPoint) -> Option<Finding> {
    let EntryPoint { name, module, attribute } = command;
    let is_started = entrypoint::starts(view.subject, name);
    let at = |code, message: String| {
        let code = if is_started { Code::ENTRYPOINT_BROKEN } else { code };
        let finding = view.finding(code, message).at(&format!("{}/entry_points.txt", distribution.info));
        finding.of(distribution.owner.clone())
    };
    let first = attribute.split('.').next().unwrap_or_default();
    match view.modules.resolve(module) {
        Resolution::Missing => {
            let message = format!("the command `{name}` imports `{module}`, which is not there");
            Some(
                at(Code::ENTRY_POINT_MODULE, message)
                    .hinted("install a version of the distribution that has it, or what it is an extra of"),
            )
        }
        Resolution::Found(found) if found.source.is_some_and(|source| !source.get().may_bind(first)) => {
            let below = found.is_package()
                && matches!(view.modules.resolve(&format!("{module}.{first}")), Resolution::Found(_));
            let message = format!("the command `{name}` calls `{attribute}` of `{module}`, which does not define it");
            (!below).then(|| {
                at(Code::ENTRY_POINT_ATTRIBUTE, message).hinted("install a version of the distribution that has it")
            })
        }
        _ => None,
    }
}
