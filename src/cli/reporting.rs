//! `build --report` and `wheelwright report`: what a build came to, as a page, a text or data.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};

use super::error::CliError;
use crate::{fs::write_atomic, report::Report};

/// What the recipe's name takes the place of.
const NAME: &str = "{name}";

pub(super) const EXAMPLES: &str = "\
Examples:
  wheelwright build app.toml --output oci:dist --report build.html
  wheelwright build app.toml --push ghcr.io/me/app:1 --report build.json
  wheelwright report build.json --format markdown       for a comment on a pull request
  wheelwright report build.json --output build.html     the same page as above";

/// `report`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What `build --report FILE.json` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How the report is told [default: as the end of the name in --output says, else markdown]
    #[arg(long, value_name = "HOW", value_enum)]
    format: Option<Format>,
    /// Write it to FILE; else it is printed
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// How a report is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// One page with pictures, that needs nothing else
    Html,
    /// A text, as for a comment on a change
    Markdown,
    /// For programs, and for this command
    Json,
}

/// A file to write a report to, in the format that its name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    path: PathBuf,
    format: Format,
}

impl Target {
    /// From the file's name.
    ///
    /// # Errors
    /// When the name says no format.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let path = PathBuf::from(text);
        let format = by_name(&path).ok_or("its name ends with none of .html, .md and .json")?;
        Ok(Self { path, format })
    }

    /// The file for the recipe called `name`: that stands for `{name}`.
    pub(super) fn of(&self, name: &str) -> Self {
        Self { path: PathBuf::from(self.path.to_string_lossy().replace(NAME, name)), format: self.format }
    }

    /// Where the report goes.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether each recipe has a file of its own.
    pub(super) fn is_of_each(&self) -> bool {
        self.path.to_string_lossy().contains(NAME)
    }

    /// Writes the report.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn write(&self, report: &Report) -> Result<(), CliError> {
        write(&self.path, self.format, report)
    }
}

/// Tells a report otherwise; returns it, or nothing where it was written to a file.
///
/// # Errors
/// When the file is no report, or the other one cannot be written.
pub(super) fn run(arguments: &Arguments) -> Result<String, CliError> {
    let path = &arguments.file;
    let text = fs::read_to_string(path).map_err(|source| CliError::Read { path: path.clone(), source })?;
    let report = Report::from_json(&text).map_err(|reason| CliError::NoReport { path: path.clone(), reason })?;
    let named = arguments.output.as_deref().and_then(by_name);
    let format = arguments.format.or(named).unwrap_or(Format::Markdown);
    match &arguments.output {
        None => Ok(rendered(format, &report)),
        Some(path) => write(path, format, &report).map(|()| String::new()),
    }
}

fn write(path: &Path, format: Format, report: &Report) -> Result<(), CliError> {
    write_atomic(path, rendered(format, report).as_bytes())
        .map_err(|source| CliError::Write { path: path.to_owned(), source })
}

fn rendered(format: Format, report: &Report) -> String {
    match format {
        Format::Html => report.html(),
        Format::Markdown => report.markdown(),
        Format::Json => report.json(),
    }
}

fn by_name(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()? {
        "html" | "htm" => Some(Format::Html),
        "md" | "markdown" => Some(Format::Markdown),
        "json" => Some(Format::Json),
        _ => None,
    }
}
