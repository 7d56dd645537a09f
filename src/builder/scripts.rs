//! What is wrong with files of the user's, told where the recipe names them.

use std::{error::Error as _, io};

use super::{BuildError, Project};
use crate::{
    hint::{Advise as _, Hint},
    layer::LayerError,
    oci::Platform,
    recipe::Script,
};

/// Refuses a file that shall go to what is written as a folder: whoever copies otherwise means a file in it.
///
/// # Errors
/// When there is one.
pub(super) fn check(project: &Project, scripts: &[Script]) -> Result<(), BuildError> {
    let is_file = |script: &&Script| project.folder.join(script.from.get_ref()).is_file();
    let Some(script) = scripts.iter().filter(|script| script.is_to_folder).find(is_file) else { return Ok(()) };
    let (from, to) = (script.from.get_ref(), script.to.get_ref());
    let name = from.rsplit('/').next().unwrap_or(from);
    let hint = format!("write `to = \"{to}/{name}\"`, or `to = \"{to}\"` if the file shall be called so");
    let message = format!("`{from}` is a file, and `{to}/` is the name of a folder");
    Err(project.recipe.problem_at(script.to.span(), message, Some(Hint::new(hint))).into())
}

/// Why the layer of `scripts` cannot be made. What is missing, or cannot be brought, is the recipe's mistake.
pub(super) fn wrong((project, scripts): (&Project, &[Script]), platform: &Platform, source: LayerError) -> BuildError {
    let (path, hint) = match &source {
        LayerError::Local { path, source: error } if is_missing(error) => (path, source.hint()),
        LayerError::Path { path, .. } => {
            (path, Some(Hint::new("take it out of the folder, or name what you mean in a `[[scripts]]` of its own")))
        }
        _ => return layer(platform, source),
    };
    let names = |script: &&Script| {
        let rest = path.strip_prefix(script.from.get_ref().trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let Some(script) = scripts.iter().find(names) else { return layer(platform, source) };
    let cause = source.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    project.recipe.problem_at(script.from.span(), format!("{source}{cause}"), hint).into()
}

fn layer(platform: &Platform, source: LayerError) -> BuildError {
    BuildError::Layer { layer: "scripts".to_owned(), platform: platform.clone(), source }
}

/// Whether a path leads nowhere.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
