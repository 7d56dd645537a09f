//! `wheelwright lock --export`: the wheels of the lock for pip, uv and their like.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::{
    builder::{Builder, Selection},
    cli::{error::CliError, platform, project::ProjectFile},
    fs::{folder_of, write_atomic},
    lock::Lock,
    oci::Platform,
};

/// What other tools read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// pylock.toml (PEP 751), for `uv pip sync` and `pip install -r`
    Pylock,
    /// Pinned requirements with hashes, for `pip install --require-hashes -r`
    Requirements,
}

/// What is exported, and where to.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// Write the wheels of the lock for other tools, in place of what `lock` prints
    #[arg(id = "export", long = "export", value_name = "FORMAT", value_enum)]
    pub(super) format: Option<Format>,
    /// Export this platform only; may be given several times [default: all of the recipe]
    #[arg(long, value_name = "P", value_parser = platform::parse, requires = "export")]
    platform: Vec<Platform>,
    /// Export this variant
    #[arg(long, value_name = "NAME", requires = "export")]
    variant: Option<String>,
    /// Write to FILE, not to standard output; paths in the export start there, or at the recipe
    #[arg(short, long, value_name = "FILE", requires = "export")]
    output: Option<PathBuf>,
}

/// The text of the export, or what is said after it was written to a file.
///
/// # Errors
/// When the lock lacks what is asked for, an index cannot be asked, or the file cannot be written.
pub(super) async fn run(
    builder: &Builder,
    file: &ProjectFile,
    lock: &Lock,
    arguments: &Export,
) -> Result<String, CliError> {
    let selection = Selection { platforms: arguments.platform.clone(), variant: arguments.variant.clone() };
    let folder = arguments.output.as_deref().map_or(file.project.folder.as_path(), folder_of);
    let project = &file.project;
    let text = match arguments.format {
        None | Some(Format::Requirements) => builder.requirements(project, lock, &selection, folder)?,
        Some(Format::Pylock) => builder.pylock(project, lock, &selection, folder).await?,
    };
    let Some(path) = &arguments.output else { return Ok(text) };
    write_atomic(path, text.as_bytes()).map_err(|source| CliError::Write { path: path.clone(), source })?;
    Ok(format!("wrote {}\n", path.display()))
}
