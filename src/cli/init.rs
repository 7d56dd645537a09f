//! `wheelwright init`: a first recipe, out of what is there.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{error::CliError, platform, report::visible, session::Session};
use crate::{
    fs::{folder_of, sorted_entries, write_atomic},
    hint::Advise as _,
    init::{Around, Draft, Found, Origin, Remark, Wishes, draft},
    oci::Platform,
    recipe::{Base, BaseError},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  wheelwright init                                  from the Dockerfile, project or requirements here
  wheelwright init --from environment.yml --output -
  wheelwright init --from docker/Dockerfile --output wheelwright.toml --stage runtime
  wheelwright init --base python:3.12-slim-bookworm --platform linux/amd64

Nothing is run, fetched or installed. What has no counterpart in a recipe is printed with its line
and what to do instead, and stands at the end of the recipe; it stops nothing.

Paths in a recipe are relative to it, and its folder is taken for the context of a Dockerfile:
`COPY . .` becomes what lies beside the recipe. Where `docker build` is given another folder than
FILE's, name a recipe in that one with --output.

Stages that are built on the same stage, and on which nothing is built, become variants, and so does
what a Dockerfile does only where an ARG has a certain value, with one for its default.";

/// Where recipes are looked for.
const RECIPE: &str = "wheelwright.toml";

/// What is drafted from where nothing is named, in this order.
const USUAL: [&str; 6] =
    ["Dockerfile", "Containerfile", "pyproject.toml", "requirements.txt", "environment.yml", "environment.yaml"];

/// No source of a recipe is larger.
const LARGEST: u64 = 4 << 20;

/// `init`.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// A Dockerfile, requirements (.txt), pyproject.toml, uv.lock, or an environment of conda's (.yml)
    /// [default: the first of them that is here]
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// The recipe to write; `-` prints it and nothing else [default: wheelwright.toml beside FILE]
    #[arg(short, long, value_name = "RECIPE")]
    output: Option<PathBuf>,
    /// What the image is called [default: what FILE says, or its folder]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The base, in place of the one that FILE names
    #[arg(long, value_name = "IMAGE", value_parser = base)]
    base: Option<String>,
    /// The stage of the Dockerfile [default: the last one, and those beside it as variants]
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
    /// A platform to build for; may be given several times [default: linux/amd64 and linux/arm64]
    #[arg(long, value_name = "P", value_parser = platform::parse)]
    platform: Vec<Platform>,
    /// Write in place of a recipe that is there
    #[arg(long)]
    force: bool,
}

/// Drafts a recipe and writes it; returns what is left open.
///
/// # Errors
/// When there is nothing to draft from, it is malformed, or the recipe cannot be written.
pub(super) fn run(session: &Session, arguments: &Init) -> Result<String, CliError> {
    let from = arguments.from.clone().map_or_else(usual, Ok)?;
    let name = from.to_string_lossy().into_owned();
    let text = read(&from)?;
    let origin = Origin::of(&name).or_else(|| is_dockerfile(&text).then_some(Origin::Dockerfile));
    let origin = origin.ok_or_else(|| CliError::UnknownOrigin { path: from.clone() })?;
    let beside = || folder_of(&from).join(RECIPE);
    let output = arguments.output.clone().filter(|path| path != Path::new("-"));
    let prints = arguments.output.is_some() && output.is_none();
    let path = output.unwrap_or_else(beside);
    let path = path.strip_prefix(".").map_or_else(|_| path.clone(), Path::to_owned);
    if !prints && !arguments.force && path.exists() {
        return Err(CliError::RecipeExists { path });
    }
    let folder = Beside(folder_of(&path).to_owned());
    let file =
        below(&from, &folder.0).ok_or_else(|| CliError::OutsideRecipe { from: from.clone(), recipe: path.clone() })?;
    let wishes = Wishes {
        name: arguments.name.clone(),
        base: arguments.base.clone(),
        stage: arguments.stage.clone(),
        platforms: arguments.platform.iter().map(ToString::to_string).collect(),
    };
    let drafted = draft(origin, &file, &text, &folder, &wishes)?;
    if prints {
        return Ok(drafted.recipe);
    }
    write_atomic(&path, drafted.recipe.as_bytes()).map_err(|source| CliError::Write { path: path.clone(), source })?;
    session.note(&format!("wrote {}", path.display()));
    Ok(told(&path, &drafted))
}

fn told(path: &Path, drafted: &Draft) -> String {
    let mut text = String::new();
    if !drafted.remarks.is_empty() {
        text.push_str("without counterpart:\n");
    }
    for Remark { line, text: what, advice } in &drafted.remarks {
        let _ = writeln!(text, "  line {line:>3}  {}\n            {}", visible(what), visible(advice));
    }
    let recipe = if path == Path::new(RECIPE) { String::new() } else { format!(" {}", path.display()) };
    let _ = writeln!(text, "next: look at {}, then `wheelwright build{recipe} --output oci:image`", path.display());
    text
}

fn base(text: &str) -> Result<String, String> {
    let told = |error: BaseError| match error.hint() {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    };
    Base::parse(text).map(|base| base.to_string()).map_err(told)
}

fn usual() -> Result<PathBuf, CliError> {
    let found = USUAL.into_iter().find(|name| Path::new(name).is_file());
    found.map(PathBuf::from).ok_or(CliError::NoOrigin)
}

fn read(path: &Path) -> Result<String, CliError> {
    let fail = |source| CliError::Read { path: path.to_owned(), source };
    let size = fs::metadata(path).map_err(fail)?.len();
    if size > LARGEST {
        return Err(fail(std::io::ErrorKind::FileTooLarge.into()));
    }
    fs::read_to_string(path).map_err(fail)
}

/// A file with another name whose first words are those of a Dockerfile.
fn is_dockerfile(text: &str) -> bool {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let word = first.and_then(|line| line.split_whitespace().next()).unwrap_or_default().to_uppercase();
    word == "FROM" || word == "ARG"
}

/// The path of `file` from `folder` on.
fn below(file: &Path, folder: &Path) -> Option<String> {
    let (file, folder) = (fs::canonicalize(file).ok()?, fs::canonicalize(folder).ok()?);
    file.strip_prefix(folder).ok().map(|path| path.to_string_lossy().into_owned())
}

/// The folder of the recipe.
struct Beside(PathBuf);

impl Around for Beside {
    fn look(&self, path: &str) -> Option<Found> {
        let metadata = fs::metadata(self.0.join(path)).ok()?;
        Some(if metadata.is_dir() { Found::Folder } else { Found::File })
    }

    fn read(&self, path: &str) -> Option<String> {
        read(&self.0.join(path)).ok()
    }

    fn list(&self) -> Vec<String> {
        let entries = sorted_entries(&self.0).unwrap_or_default();
        entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    fn name(&self) -> Option<String> {
        Some(fs::canonicalize(&self.0).ok()?.file_name()?.to_string_lossy().into_owned())
    }
}
