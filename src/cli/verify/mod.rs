//! `wheelwright verify`: what is wrong with an image, or with what a recipe builds.

mod explain;
mod json;
mod markdown;
mod text;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{
    Outcome, destination, error::CliError, exit::Code as ExitCode, platform, project::ProjectFile, session::Session,
};
use crate::{
    builder::Checks,
    oci::Platform,
    recipe::{self, Base, Recipe},
    verify::{Check, Code, Level, Report},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  wheelwright verify oci:dist                          everything that can be told from files
  wheelwright verify ghcr.io/me/app:1 --image          blobs, layers and files that should not be there
  wheelwright verify app.tar --recipe app.toml         with what the recipe's [check] demands and accepts
  wheelwright verify python:3.12-slim --platform linux/arm64 --format json
  wheelwright verify --explain WW308                   what a finding means; without a code: all of them

Without --libraries, --python, --image or --run, the first three are made. Nothing of an image is
executed unless --run asks for it.

Findings at the level of --fail-on end the program with exit code 8. A finding is accepted in the recipe:
  [check]
  accept = [{ code = \"WW308\", path = \"/app/.env\", reason = \"holds defaults alone\" }]";

/// `verify`.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// HOST/REPOSITORY:TAG, oci:DIR[:NAME], oci-archive:FILE[:NAME] or docker-archive:FILE[:REF]
    /// (FILE.tar alone will do)
    #[arg(value_name = "IMAGE", value_parser = destination::parse_image, required_unless_present = "explain")]
    image: Option<Base>,
    /// Check libraries, symbols and machines of compiled files
    #[arg(long)]
    libraries: bool,
    /// Check modules, commands and requirements of Python distributions
    #[arg(long)]
    python: bool,
    /// Check blobs, layers, and files that should not be there
    #[arg(long = "image", id = "image_files")]
    image_files: bool,
    /// Take `[check]` from this recipe
    #[arg(long, value_name = "RECIPE")]
    recipe: Option<PathBuf>,
    /// Check this platform's image only; may be given several times
    #[arg(long, value_name = "P", value_parser = platform::parse)]
    platform: Vec<Platform>,
    /// How findings are printed
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    format: Format,
    /// From which level on findings make the program fail
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t)]
    fail_on: FailOn,
    /// Tell what a finding means, or list them all
    #[arg(long, value_name = "CODE", num_args = 0..=1, default_missing_value = "all", value_parser = explain::parse)]
    explain: Option<explain::Which>,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    #[default]
    Text,
    /// One object
    Json,
    /// A table, as for a comment on a change
    Markdown,
}

/// From which level on findings make the program fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum FailOn {
    /// Errors
    #[default]
    Error,
    /// Warnings and errors
    Warning,
    /// Nothing that is found
    Never,
}

/// Checks; returns what is printed, and the exit code that follows from it.
///
/// # Errors
/// When the image or the recipe cannot be read.
pub(super) async fn run(session: &Session, arguments: &Verify) -> Result<Outcome, CliError> {
    if let Some(which) = arguments.explain {
        return Ok(explain::text(which).into());
    }
    let Some(image) = &arguments.image else { return Err(CliError::NoImage) };
    let recipe = arguments.recipe.as_deref().map(|path| ProjectFile::open(Some(path), Path::new("."))).transpose()?;
    let demands = recipe.map(|file| demands(&file.project.recipe)).transpose()?.unwrap_or_default();
    let checks = Checks { wanted: wanted(arguments), platforms: arguments.platform.clone() };
    let report = session.builder()?.verify_image(image, Path::new(""), &checks, &demands).await?;
    Ok(outcome(&image.to_string(), &report, arguments))
}

fn wanted(arguments: &Verify) -> Vec<Check> {
    let flags = [arguments.libraries, arguments.python, arguments.image_files];
    let chosen = Check::STATIC.into_iter().zip(flags).filter(|(_, flag)| *flag).map(|(check, _)| check);
    let chosen: Vec<Check> = chosen.collect();
    if chosen.is_empty() { Check::STATIC.to_vec() } else { chosen }
}

/// The recipe's `[check]`, if every code in it is one.
fn demands(recipe: &Recipe) -> Result<recipe::Check, CliError> {
    for entry in &recipe.check.accept {
        if let Err(error) = entry.code.get_ref().parse::<Code>() {
            let hint = crate::hint::Hint::new("`wheelwright verify --explain` lists them");
            return Err(recipe.problem_at(entry.code.span(), error.to_string(), Some(hint)).into());
        }
    }
    Ok(recipe.check.clone())
}

fn outcome(image: &str, report: &Report, arguments: &Verify) -> Outcome {
    let text = match arguments.format {
        Format::Text => text::render(image, report),
        Format::Json => json::render(image, report),
        Format::Markdown => markdown::render(image, report),
    };
    let limit = match arguments.fail_on {
        FailOn::Error => Some(Level::Error),
        FailOn::Warning => Some(Level::Warning),
        FailOn::Never => None,
    };
    let fails = limit.is_some_and(|limit| report.worst() >= Some(limit));
    Outcome { text, code: if fails { ExitCode::Findings } else { ExitCode::Success } }
}
