//! `wheelwright sbom`: what an image consists of, for scanners and auditors.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{destination, error::CliError, platform, project::ProjectFile, session::Session};
use crate::{builder::Origin, oci::Platform, recipe::Base, sbom};

pub(super) const EXAMPLES: &str = "\
Examples:
  wheelwright sbom ghcr.io/me/app:1 --platform linux/arm64
  wheelwright sbom oci:dist --of app.toml --format cyclonedx > app.cdx.json

Packages are those whose metadata stand in the image: distributions, Debian packages, the interpreter,
files of your own. With --of, recipe and lock add the digest of each wheel and .deb and who wanted it;
an image that is not what the lock says is refused. Without --platform, an image for several platforms
gives this machine's. The same image gives the same document, byte for byte.";

/// `sbom`.
#[derive(Debug, Args)]
pub(super) struct Sbom {
    /// HOST/REPOSITORY:TAG, oci:DIR[:NAME], oci-archive:FILE[:NAME] or docker-archive:FILE[:REF]
    /// (FILE.tar alone will do)
    #[arg(value_name = "IMAGE", value_parser = destination::parse_image)]
    image: Base,
    /// The recipe that the image was built from, with its lock beside it
    #[arg(long, value_name = "RECIPE")]
    of: Option<PathBuf>,
    /// The variant, where the recipe has some
    #[arg(long, value_name = "NAME", requires = "of")]
    variant: Option<String>,
    /// The platform, where the image is for several
    #[arg(long, value_name = "P", value_parser = platform::parse)]
    platform: Option<Platform>,
    /// The form of the document
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    format: Format,
    /// List the files of each component too; only CycloneDX has a place for them
    #[arg(long)]
    files: bool,
}

/// The form of the document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// SPDX 2.3, JSON
    #[default]
    Spdx,
    /// CycloneDX 1.6, JSON
    Cyclonedx,
}

/// Lists; returns the document.
///
/// # Errors
/// When the image cannot be read, has no such platform, or is not what the lock says.
pub(super) async fn run(session: &Session, arguments: &Sbom) -> Result<String, CliError> {
    if arguments.files && arguments.format == Format::Spdx {
        return Err(CliError::FilesInSpdx);
    }
    let file = arguments.of.as_ref().map(|path| ProjectFile::open(Some(path), Path::new("."))).transpose()?;
    let lock = match &file {
        Some(file) => Some(file.lock()?.ok_or_else(|| CliError::LockMissing { path: file.lock_path() })?),
        None => None,
    };
    let origin = file.as_ref().zip(lock.as_ref()).map(|(file, lock)| Origin {
        project: &file.project,
        lock,
        variant: arguments.variant.as_deref(),
    });
    if let Some(origin) = &origin {
        origin.project.recipe.variant(origin.variant)?;
    }
    let name = origin.map_or_else(|| name_of(&arguments.image), |origin| origin.project.recipe.name.get_ref().clone());
    let wanted = (name.as_str(), arguments.platform.as_ref());
    let inventory = session.builder()?.inventory(&arguments.image, Path::new(""), wanted, origin).await?;
    let format = match arguments.format {
        Format::Spdx => sbom::Format::Spdx,
        Format::Cyclonedx => sbom::Format::CycloneDx,
    };
    Ok(String::from_utf8_lossy(&format.write(&inventory, arguments.files)).into_owned() + "\n")
}

/// What an image is called where no recipe says it.
fn name_of(image: &Base) -> String {
    match image {
        Base::Registry(reference) => format!("{}/{}", reference.registry(), reference.repository()),
        Base::Layout { path, .. } | Base::Archive { path, .. } => {
            let stem = Path::new(path).file_stem().map(|stem| stem.to_string_lossy().into_owned());
            stem.filter(|stem| !stem.is_empty()).unwrap_or_else(|| "image".to_owned())
        }
        Base::Scratch => "image".to_owned(),
    }
}
