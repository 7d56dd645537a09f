//! Where images go: what `--output` and `--push` say, and how a variant becomes part of the names.

use std::path::{Path, PathBuf};

use super::{
    error::CliError,
    template::{Template, Words, destination_of, reference_of},
};
use crate::{builder::Destination, engine::Engine, hint::Advise as _, oci::Reference, recipe::Base};

/// How an output is written.
const FORMS: &str = "write it as `oci:DIR[:NAME]`, `oci-archive:FILE[:NAME]` or `docker-archive:FILE[:REF]`";

/// Reads the value of `--output`.
///
/// # Errors
/// When it names neither a layout nor an archive; the message says how to.
pub(super) fn parse(text: &str) -> Result<Destination, String> {
    match text.split_once(':') {
        Some(("oci" | "oci-archive", _)) => {}
        Some(("docker-archive", rest)) => return docker_archive(rest),
        _ if Path::new(text).extension().is_some_and(|extension| extension == "tar") => {
            return Ok(Destination::Archive { file: PathBuf::from(text), name: None });
        }
        _ => return Err(FORMS.to_owned()),
    }
    match Base::parse(text) {
        Ok(Base::Layout { path, tag }) => Ok(Destination::Layout { folder: path.into(), name: tag }),
        Ok(Base::Archive { path, tag }) => Ok(Destination::Archive { file: path.into(), name: tag }),
        Ok(other) => Err(format!("`{other}` cannot be written to")),
        Err(error) => Err(error.hint().map_or_else(|| error.to_string(), |hint| format!("{error}; {hint}"))),
    }
}

/// Reads what `--output` reads, and names in registries too.
///
/// # Errors
/// When it is none of them, or a name without a registry: nobody means to push to the default one.
pub(super) fn parse_any(text: &str) -> Result<Destination, String> {
    match parse(text) {
        Err(reason) if reason != FORMS => return Err(reason),
        Ok(destination) => return Ok(destination),
        Err(_) => {}
    }
    let name = text.strip_prefix("docker://").unwrap_or(text);
    if !name.contains('/') {
        return Err(format!("{FORMS}, or HOST/REPOSITORY:TAG for a registry"));
    }
    let reference: Reference = name.parse().map_err(|error| format!("{error}"))?;
    if reference.digest().is_some() {
        return Err("it names a digest, and an image is written to a tag".to_owned());
    }
    Ok(Destination::Registry(reference))
}

/// A name in a registry to push to.
///
/// # Errors
/// When it is none, or names a digest.
pub(super) fn parse_push(text: &str) -> Result<Destination, String> {
    match parse_any(text)? {
        Destination::Registry(reference) => Ok(Destination::Registry(reference)),
        _ => Err("write it as `HOST/REPOSITORY:TAG`, or name it in `--output`".to_owned()),
    }
}

/// An image to read: in a registry, a layout or an archive.
///
/// # Errors
/// When it is none; the message says how to write it.
pub(super) fn parse_image(text: &str) -> Result<Base, String> {
    match parse(text) {
        Ok(Destination::Archive { file, name }) => {
            return Ok(Base::Archive { path: file.to_string_lossy().into_owned(), tag: name });
        }
        Ok(Destination::DockerArchive { file, reference }) => {
            let tag = reference.map(|reference| reference.to_string());
            return Ok(Base::Archive { path: file.to_string_lossy().into_owned(), tag });
        }
        _ => {}
    }
    match parse_base(text)? {
        Base::Scratch => Err("`scratch` holds nothing".to_owned()),
        base => Ok(base),
    }
}

/// A base, as recipes write it.
pub(super) fn parse_base(text: &str) -> Result<Base, String> {
    Base::parse(text).map_err(|error| error.hint().map_or_else(|| error.to_string(), |hint| format!("{error}; {hint}")))
}

/// `FILE[:REF]`. A file's name may have a colon, if what follows it is no reference.
fn docker_archive(rest: &str) -> Result<Destination, String> {
    let split = rest.split_once(':').map(|(file, name)| (file, name.parse::<Reference>()));
    let (file, reference) = match split {
        Some((file, Ok(reference))) if reference.digest().is_none() => (file, Some(reference)),
        Some(_) => return Err("what follows `docker-archive:FILE:` is no `NAME:TAG`".to_owned()),
        None => (rest, None),
    };
    if file.is_empty() {
        return Err(FORMS.to_owned());
    }
    Ok(Destination::DockerArchive { file: file.into(), reference })
}

/// All destinations of one image: outputs first. `variant` is the variant if names that do not say it
/// themselves must tell it.
///
/// # Errors
/// When a reference to push to names a digest, or the variant is no part of a tag.
pub(super) fn all(
    outputs: &[Template],
    pushes: &[Template],
    words: Words<'_>,
    variant: Option<&str>,
) -> Result<Vec<Destination>, CliError> {
    let suffix = |template: &Template| variant.filter(|_| !template.tells_variant());
    let outputs = outputs.iter().map(|output| of_variant(&destination_of(output, words)?, suffix(output)));
    let pushes = pushes.iter().map(|push| pushed(&reference_of(push, words)?, suffix(push)).map(Destination::Registry));
    outputs.chain(pushes).collect()
}

/// Where `--load` brings an image: under the first name it is pushed to, else that of the recipe.
///
/// # Errors
/// When the variant is no part of a tag.
pub(super) fn loaded(
    engine: Engine,
    pushes: &[Template],
    words: Words<'_>,
    variant: Option<&str>,
) -> Result<Destination, CliError> {
    let tag = variant.unwrap_or("latest");
    let reference = match pushes.first() {
        Some(first) => pushed(&reference_of(first, words)?, variant.filter(|_| !first.tells_variant()))?,
        None => format!("{}:{tag}", words.name)
            .parse()
            .map_err(|source| CliError::VariantTag { variant: tag.to_owned(), source })?,
    };
    Ok(Destination::Engine { engine, reference })
}

fn of_variant(output: &Destination, variant: Option<&str>) -> Result<Destination, CliError> {
    let Some(variant) = variant else { return Ok(output.clone()) };
    Ok(match output {
        Destination::Layout { folder, name } => {
            Destination::Layout { folder: folder.clone(), name: Some(suffixed(name.as_deref(), variant)) }
        }
        Destination::Archive { file, name } => {
            Destination::Archive { file: file_of_variant(file, variant), name: name.clone() }
        }
        Destination::DockerArchive { file, reference } => Destination::DockerArchive {
            file: file_of_variant(file, variant),
            reference: reference.as_ref().map(|reference| pushed(reference, Some(variant))).transpose()?,
        },
        other @ (Destination::Engine { .. } | Destination::Registry(_)) => other.clone(),
    })
}

fn file_of_variant(file: &Path, variant: &str) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let extension = file.extension().map(|extension| format!(".{}", extension.to_string_lossy()));
    file.with_file_name(format!("{stem}-{variant}{}", extension.unwrap_or_default()))
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
        let docker = parse("docker-archive:a.tar:h.example/b:1").unwrap();
        assert_eq!(docker.to_string(), "docker-archive:a.tar:h.example/b:1");
        assert_eq!(parse("docker-archive:a.tar").unwrap().to_string(), "docker-archive:a.tar");
        assert_eq!(
            parse("docker-archive:a.tar:b").unwrap().to_string(),
            "docker-archive:a.tar:docker.io/library/b:latest"
        );
        for text in [
            "dist",
            "dir:dist",
            "oci:",
            "oci:a:b c",
            "docker://a/b",
            "scratch",
            "",
            "docker-archive:",
            "docker-archive:a:B",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn destinations_may_be_registries_and_say_so() {
        let check = |text: &str, expect: &str| assert_eq!(parse_any(text).unwrap().to_string(), expect, "{text}");
        check("h.example/a:1", "h.example/a:1");
        check("docker://h.example/a", "h.example/a:latest");
        check("oci:d", "oci:d");
        let pinned = format!("h.example/a@{}", crate::oci::Digest::of(b""));
        for text in ["dist", "app:1", "oci:", "h.example/A", &pinned] {
            assert!(parse_any(text).is_err(), "{text}");
        }
    }

    #[test]
    fn images_are_read_where_they_are_written() {
        let check = |text: &str, expect: &str| assert_eq!(parse_image(text).unwrap().to_string(), expect, "{text}");
        check("oci:d:x", "oci:d:x");
        check("docker-archive:a.tar:b:1", "oci-archive:a.tar:docker.io/library/b:1");
        check("a.tar", "oci-archive:a.tar");
        check("python:3.12", "docker.io/library/python:3.12");
        assert!(parse_image("scratch").is_err());
    }

    #[test]
    fn engines_know_images_by_the_name_they_are_pushed_to() {
        let check = |pushes: &[&str], variant, expect: &str| {
            let pushes: Vec<Template> = pushes.iter().map(|name| Template::push(name).unwrap()).collect();
            let destination = loaded(Engine::Podman, &pushes, Words { name: "app", variant }, variant).unwrap();
            assert_eq!(destination.to_string(), format!("podman: {expect}"));
        };
        check(&[], None, "docker.io/library/app:latest");
        check(&[], Some("full"), "docker.io/library/app:full");
        check(&["h.example/a:1", "h.example/a:2"], None, "h.example/a:1");
        check(&["h.example/a:1"], Some("full"), "h.example/a:1-full");
    }

    #[test]
    fn variants_become_part_of_every_name() {
        let outputs: Vec<Template> =
            ["oci:d", "oci:d:x", "oci-archive:a/b.tar:n", "c.tar", "docker-archive:d.tar:h.example/e:1"]
                .map(|text| Template::output(text).unwrap())
                .into();
        let pushes =
            ["h.example/a", "h.example/a:1", "h.example/{name}:{variant}-1"].map(|text| Template::push(text).unwrap());
        let words = Words { name: "app", variant: Some("full") };
        let shown = |variant| -> Vec<String> {
            all(&outputs, &pushes, words, variant).unwrap().iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            shown(Some("full")),
            [
                "oci:d:full",
                "oci:d:x-full",
                "oci-archive:a/b-full.tar:n",
                "oci-archive:c-full.tar",
                "docker-archive:d-full.tar:h.example/e:1-full",
                "h.example/a:latest-full",
                "h.example/a:1-full",
                "h.example/app:full-1"
            ]
        );
        assert_eq!(shown(None)[6], "h.example/a:1");
        let pinned = Template::push(&format!("h.example/a@{}", crate::oci::Digest::of(b""))).unwrap();
        assert!(matches!(all(&[], &[pinned], words, None), Err(CliError::PushToDigest { .. })));
    }
}
