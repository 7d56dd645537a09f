//! Where images go: what `--output` and `--push` say, and how a variant becomes part of the names.

use std::path::{Path, PathBuf};

use super::error::CliError;
use crate::{builder::Destination, hint::Advise as _, oci::Reference, recipe::Base};

/// Reads the value of `--output`.
///
/// # Errors
/// When it names neither a layout nor an archive; the message says how to.
pub(super) fn parse(text: &str) -> Result<Destination, String> {
    let scheme = text.split_once(':').map(|(scheme, _)| scheme);
    if !matches!(scheme, Some("oci" | "oci-archive")) {
        let plain_tar = Path::new(text).extension().is_some_and(|extension| extension == "tar");
        return if plain_tar {
            Ok(Destination::Archive { file: PathBuf::from(text), name: None })
        } else {
            Err("write it as `oci:DIR[:NAME]` or `oci-archive:FILE[:NAME]`".to_owned())
        };
    }
    match Base::parse(text) {
        Ok(Base::Layout { path, tag }) => Ok(Destination::Layout { folder: path.into(), name: tag }),
        Ok(Base::Archive { path, tag }) => Ok(Destination::Archive { file: path.into(), name: tag }),
        Ok(other) => Err(format!("`{other}` cannot be written to")),
        Err(error) => Err(error.hint().map_or_else(|| error.to_string(), |hint| format!("{error}; {hint}"))),
    }
}

/// All destinations of one image: outputs first. `variant` is the variant if names must tell it.
///
/// # Errors
/// When a reference to push to names a digest, or the variant is no part of a tag.
pub(super) fn all(
    outputs: &[Destination],
    pushes: &[Reference],
    variant: Option<&str>,
) -> Result<Vec<Destination>, CliError> {
    let outputs = outputs.iter().map(|output| Ok(of_variant(output, variant)));
    let pushes = pushes.iter().map(|reference| pushed(reference, variant).map(Destination::Registry));
    outputs.chain(pushes).collect()
}

fn of_variant(output: &Destination, variant: Option<&str>) -> Destination {
    let Some(variant) = variant else { return output.clone() };
    match output {
        Destination::Layout { folder, name } => {
            Destination::Layout { folder: folder.clone(), name: Some(suffixed(name.as_deref(), variant)) }
        }
        Destination::Archive { file, name } => {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            let extension = file.extension().map(|extension| format!(".{}", extension.to_string_lossy()));
            let file = file.with_file_name(format!("{stem}-{variant}{}", extension.unwrap_or_default()));
            Destination::Archive { file, name: name.clone() }
        }
        Destination::Registry(reference) => Destination::Registry(reference.clone()),
    }
}

fn pushed(reference: &Reference, variant: Option<&str>) -> Result<Reference, CliError> {
    if reference.digest().is_some() {
        return Err(CliError::PushToDigest { reference: reference.clone() });
    }
    let Some(variant) = variant else { return Ok(reference.clone()) };
    let fail = |source| CliError::VariantTag { variant: variant.to_owned(), source };
    reference.tagged(&suffixed(reference.tag(), variant)).map_err(fail)
}

fn suffixed(name: Option<&str>, variant: &str) -> String {
    name.map_or_else(|| variant.to_owned(), |name| format!("{name}-{variant}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_read_and_written_alike() {
        for text in ["oci:dist", "oci:dist:1.2", "oci-archive:a/b.tar", "oci-archive:b.tar:latest"] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        assert_eq!(parse("dist/app.tar").unwrap().to_string(), "oci-archive:dist/app.tar");
        for text in ["dist", "dir:dist", "oci:", "oci:a:b c", "docker://a/b", "scratch", ""] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn variants_become_part_of_every_name() {
        let outputs: Vec<Destination> =
            ["oci:d", "oci:d:x", "oci-archive:a/b.tar:n", "c.tar"].map(|text| parse(text).unwrap()).into();
        let pushes = ["h.example/a".parse().unwrap(), "h.example/a:1".parse().unwrap()];
        let shown = |variant| -> Vec<String> {
            all(&outputs, &pushes, variant).unwrap().iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            shown(Some("full")),
            [
                "oci:d:full",
                "oci:d:x-full",
                "oci-archive:a/b-full.tar:n",
                "oci-archive:c-full.tar",
                "h.example/a:latest-full",
                "h.example/a:1-full"
            ]
        );
        assert_eq!(shown(None)[5], "h.example/a:1");
        let pinned = pushes[0].at(crate::oci::Digest::of(b""));
        assert!(matches!(all(&[], &[pinned], None), Err(CliError::PushToDigest { .. })));
    }
}
