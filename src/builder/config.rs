//! What the recipe changes in its base's config, and what manifests say of the base.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use toml::Spanned;

use super::{BuildError, Project};
use crate::{
    hint::Hint,
    image::{ConfigChanges, expanded, variables},
    lock::LockedPlatform,
    oci::Digest,
    recipe::{Base, ImageSettings},
};

/// What `settings` change in the config of the base, none for `scratch`.
///
/// # Errors
/// When a variable's value speaks of a variable that the base does not set.
pub(super) fn changes(
    project: &Project,
    below: &LockedPlatform,
    base: Option<&Value>,
    settings: &ImageSettings,
) -> Result<ConfigChanges, BuildError> {
    let words = |list: &Vec<Spanned<String>>| list.iter().map(|word| word.get_ref().clone()).collect::<Vec<_>>();
    let text = |value: &Option<Spanned<String>>| value.as_ref().map(|text| text.get_ref().clone());
    let labels = settings.labels.iter().map(|(key, value)| (key.clone(), value.get_ref().clone()));
    Ok(ConfigChanges {
        entrypoint: settings.entrypoint.as_ref().map(words),
        cmd: settings.cmd.as_ref().map(words),
        env: environment(project, below, base, settings)?,
        user: text(&settings.user),
        workdir: text(&settings.workdir),
        labels: labels.collect(),
        ports: words(&settings.ports),
        volumes: words(&settings.volumes),
        stop_signal: text(&settings.stop_signal),
    })
}

/// The variables to set: those of the virtual environment, if there is one, and the recipe's over them.
fn environment(
    project: &Project,
    below: &LockedPlatform,
    base: Option<&Value>,
    settings: &ImageSettings,
) -> Result<BTreeMap<String, String>, BuildError> {
    let mut known = variables(base);
    let mut changed = BTreeMap::new();
    if let Some(venv) = &below.venv {
        let path = known.get("PATH").map_or_else(String::new, |path| format!(":{path}"));
        changed.insert("PATH".to_owned(), format!("{}/bin{path}", venv.prefix));
        changed.insert("VIRTUAL_ENV".to_owned(), venv.prefix.clone());
    }
    known.extend(changed.clone());
    for (name, value) in &settings.env {
        let expanded = expanded(value.get_ref(), &known).map_err(|missing| {
            let message = format!("the base sets no variable `{missing}` on {}", below.platform);
            let hint =
                Hint::new(format!("write `${{{missing}:-}}` if there need be none, or `$${{` for the two signs"));
            project.recipe.problem_at(value.span(), message, Some(hint))
        })?;
        changed.insert(name.clone(), expanded);
    }
    Ok(changed)
}

/// Which base an index has, over images on bases out of these indexes: that of all of them, if it is one.
pub(super) fn index_annotations(project: &Project, below: &[Option<Digest>]) -> Value {
    let first = below.first().copied().flatten();
    annotations(project, first.filter(|_| below.iter().all(|other| *other == first)).as_ref())
}

/// Which base an image or an index has; a local one has no name that means anything elsewhere.
pub(super) fn annotations(project: &Project, base: Option<&Digest>) -> Value {
    let Some(digest) = base else { return Value::Null };
    let mut annotations = json!({ "org.opencontainers.image.base.digest": digest.to_string() });
    if let Base::Registry(reference) = project.recipe.base.get_ref() {
        annotations["org.opencontainers.image.base.name"] = reference.to_string().into();
    }
    annotations
}
