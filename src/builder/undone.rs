//! What maintainer scripts would have done and nobody does: said in every build, also in those that make no
//! layer, or held against the recipe.

use std::{fs::File, io::Read as _, path::Path};

use bytes::Bytes;

use super::{BuildError, Builder, Project};
use crate::{
    hint::Hint,
    layer::debian::Undone,
    oci::Digest,
    plan::LayerKey,
    recipe::Unknown,
    store::{Bucket, StoreError},
};

/// Commands of one package that are named.
const NAMED: usize = 3;
/// Letters of a command that are shown.
const SHOWN: usize = 72;
/// A certificate has a few thousand bytes.
const LARGEST_CERTIFICATE: u64 = 1 << 20;

impl Builder {
    /// Warns of `undone`, or stops the build where the recipe wants that.
    pub(super) fn judge_undone(&self, project: &Project, undone: &[Undone]) -> Result<(), BuildError> {
        let Some(debian) = &project.recipe.debian else { return Ok(()) };
        let scripts = &debian.scripts;
        let known = |package: &str| scripts.acknowledge.iter().any(|name| name.get_ref() == package);
        for Undone { package, commands } in undone.iter().filter(|undone| !known(&undone.package)) {
            // Whole for whoever asks for more words.
            tracing::debug!(%package, commands = commands.join("; "), "left undone");
            let commands = some(commands);
            if scripts.unknown == Unknown::Error {
                return Err(BuildError::MaintainerScript { package: package.clone(), commands });
            }
            let hint = format!("if nothing in the image needs it: `debian.scripts.acknowledge = [\"{package}\"]`");
            self.warn(&format!("{package} would also run, when it is installed: {commands}"), Some(&Hint::new(hint)));
        }
        Ok(())
    }

    /// Keeps `undone` for builds that find the layer made.
    pub(super) fn note_undone(&self, key: &LayerKey, undone: &[Undone]) -> Result<(), StoreError> {
        let note: Vec<_> = undone.iter().map(|undone| (&undone.package, &undone.commands)).collect();
        self.settings.store.keep(Bucket::Checks, &name(key), &serde_json::to_vec(&note).unwrap_or_default())
    }

    /// Judges what was noted when the layer was made; nothing where that was elsewhere.
    pub(super) fn judge_noted(&self, project: &Project, key: &LayerKey) -> Result<(), BuildError> {
        let note = self.settings.store.note(Bucket::Checks, &name(key)).unwrap_or_default();
        let noted: Vec<(String, Vec<String>)> = serde_json::from_slice(&note).unwrap_or_default();
        let undone: Vec<_> = noted.into_iter().map(|(package, commands)| Undone { package, commands }).collect();
        self.judge_undone(project, &undone)
    }
}

fn name(key: &LayerKey) -> String {
    format!("undone-{}", key.hex())
}

/// The first few commands, none too long.
fn some(commands: &[String]) -> String {
    let cut = |command: &String| match command.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("`{}…`", &command[..at]),
        None => format!("`{command}`"),
    };
    let first = commands.iter().take(NAMED).map(cut).collect::<Vec<_>>().join(", ");
    match commands.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// The certificates of the recipe: names without folder and ending, and contents.
pub(super) fn certificates(project: &Project) -> Result<Vec<(String, Bytes)>, BuildError> {
    let files = project.recipe.debian.iter().flat_map(|debian| &debian.certificates);
    let read = |file: &toml::Spanned<String>| {
        let path = Path::new(file.get_ref());
        let fail = |source| BuildError::File { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        let file = File::open(project.folder.join(path)).map_err(fail)?;
        file.take(LARGEST_CERTIFICATE).read_to_end(&mut bytes).map_err(fail)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok((name, Bytes::from(bytes)))
    };
    files.map(read).collect()
}

/// The same by their digests, for the key of the layer.
pub(super) fn certificate_digests(project: &Project) -> Result<Vec<(String, Digest)>, BuildError> {
    Ok(certificates(project)?.into_iter().map(|(name, bytes)| (name, Digest::of(&bytes))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shortened() {
        let long = "x".repeat(100);
        let commands: Vec<String> = [long.as_str(), "b", "c", "d", "e"].map(str::to_owned).into();
        assert_eq!(some(&commands), format!("`{}…`, `b`, `c` and 2 more", &long[..72]));
        assert_eq!(some(&commands[1..2]), "`b`");
    }
}
