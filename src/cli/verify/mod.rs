//! `wheelwright verify`: what is wrong with an image, or with what a recipe builds.

mod explain;
mod json;
mod markdown;
mod text;

use std::{
    collections::BTreeMap,
    num::NonZeroU64,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueEnum};

use super::{
    Outcome, destination,
    error::CliError,
    exit::Code as ExitCode,
    lock::{self, Policy},
    platform,
    project::ProjectFile,
    session::Session,
    signing,
};
use crate::{
    builder::{Builder, Built, Checks, Depth, Project, Selection},
    lock::Lock,
    oci::{Platform, Reference},
    recipe::{Base, Recipe},
    verify::{Check, Code, Demands, Level, Report, Skipped, run::Limits},
};

/// How long an entry point must run to count as started.
const START: Duration = Duration::from_secs(10);
/// Bytes of memory of what is started.
const MEMORY: u64 = 8_000_000_000;

pub(super) const EXAMPLES: &str = "\
Examples:
  wheelwright verify oci:dist                          everything that can be told from files
  wheelwright verify ghcr.io/me/app:1 --image          blobs, layers and files that should not be there
  wheelwright verify app.toml                          what the recipe builds, with all its [check] demands
  wheelwright verify app.tar --recipe app.toml         a finished image, with the same demands
  wheelwright verify python:3.12-slim --platform linux/arm64 --format json
  wheelwright verify ghcr.io/me/app:1 --signature cosign.pub
                                                       whether the owner of the key has signed it
  wheelwright verify --explain WW308                   what a finding means; without a code: all of them

Without --libraries, --python, --image, --policy, --run or --signature, the first three checks are
made, and the fourth where the recipe has a policy. Nothing of an image is executed but by --run: that
imports the modules of `[check] import` and starts the entry point, below a temporary folder, in
namespaces without a network where those are allowed, else under chroot as root, else in Podman; for
other machines where an emulator is registered; each with 8 GB of memory.

Findings at the level of --fail-on end the program with exit code 8. A finding is accepted in the recipe:
  [check]
  accept = [{ code = \"WW308\", path = \"/app/.env\", reason = \"holds defaults alone\" }]";

/// `verify`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(super) struct Verify {
    /// HOST/REPOSITORY:TAG, oci:DIR[:NAME], oci-archive:FILE[:NAME] or docker-archive:FILE[:REF]
    /// (FILE.tar alone will do); or RECIPE.toml, or its folder: its images are built first [default: the recipe here]
    #[arg(value_name = "IMAGE", value_parser = subject)]
    subject: Option<Named>,
    /// Check libraries, symbols and machines of compiled files
    #[arg(long)]
    libraries: bool,
    /// Check modules, commands and requirements of Python distributions
    #[arg(long)]
    python: bool,
    /// Check blobs, layers, and files that should not be there
    #[arg(long)]
    image: bool,
    /// Check what the recipe's `[policy]` demands: licences, denied distributions, the base; of a recipe's own images
    /// also ages and hashes; of an image with --recipe
    #[arg(long)]
    policy: bool,
    /// Import the modules of `[check] import` and start the entry point, in a sandbox
    #[arg(long)]
    run: bool,
    /// Demand a signature by the owner of this public key, a PEM file or `env://NAME`; alone it is all that is
    /// checked, and what else is checked is the image that was signed
    #[arg(long, value_name = "KEY")]
    signature: Option<String>,
    /// Seconds that one import may take with --run
    #[arg(long, value_name = "S", default_value = "120")]
    timeout: NonZeroU64,
    /// Take `[check]` and `[policy]` from this recipe
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

/// What is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Named {
    Image(Base),
    Recipe(PathBuf),
}

fn subject(text: &str) -> Result<Named, String> {
    match Path::new(text).extension() {
        Some(ending) if ending == "toml" => Ok(Named::Recipe(PathBuf::from(text))),
        _ => match destination::parse_image(text) {
            Err(_) if Path::new(text).is_dir() => Ok(Named::Recipe(PathBuf::from(text))),
            image => image.map(Named::Image),
        },
    }
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

/// How `build` checks what it built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Checking {
    /// Not at all
    Off,
    /// From what was noted while layers were made, and a base of up to 256 MiB
    #[default]
    Quick,
    /// Reading layers of which nothing is known
    Full,
}

impl Checking {
    /// The same for a builder; none for not at all.
    pub(super) const fn depth(self) -> Option<Depth> {
        match self {
            Self::Off => None,
            Self::Quick => Some(Depth::Quick),
            Self::Full => Some(Depth::Full),
        }
    }
}

/// Checks; returns what is printed, and the exit code that follows from it.
///
/// # Errors
/// When the image or the recipe cannot be read.
pub(super) async fn run(session: &Session, arguments: &Verify) -> Result<Outcome, CliError> {
    if let Some(which) = arguments.explain {
        return Ok(explain::text(which).into());
    }
    let (mut text, mut subject) = (String::new(), arguments.subject.clone());
    if let Some(key) = &arguments.signature {
        let (said, image) = signed(session, (subject.as_ref(), key), arguments.format).await?;
        if checks_chosen(arguments).is_empty() {
            return Ok(said.into());
        }
        (text, subject) = (said, Some(Named::Image(Base::Registry(image))));
    }
    let reports = match &subject {
        Some(Named::Image(image)) => vec![(image.to_string(), of_image(session, arguments, image).await?)],
        Some(Named::Recipe(path)) => of_recipe(session, arguments, Some(path)).await?,
        None => of_recipe(session, arguments, None).await?,
    };
    let outcome = outcome(&reports, arguments);
    Ok(Outcome { text: text + &outcome.text, ..outcome })
}

/// Demands a signature; returns what is said of it, and the image by its digest.
async fn signed(
    session: &Session,
    (subject, key): (Option<&Named>, &str),
    format: Format,
) -> Result<(String, Reference), CliError> {
    let reference = match subject {
        Some(Named::Image(Base::Registry(reference))) => reference,
        Some(Named::Image(other)) => return Err(CliError::NoSignature { subject: other.to_string() }),
        Some(Named::Recipe(path)) => return Err(CliError::NoSignature { subject: path.display().to_string() }),
        None => return Err(CliError::NoSignature { subject: "a recipe".to_owned() }),
    };
    let public = signing::public(session, key)?;
    let signed = session.builder()?.verify_signature(reference, &public).await?;
    let text = match format {
        Format::Text => text::signed(reference, &signed, key),
        Format::Json => json::signed(reference, &signed, key),
        Format::Markdown => markdown::signed(reference, &signed, key),
    };
    Ok((text, reference.at(signed.digest)))
}

async fn of_image(session: &Session, arguments: &Verify, image: &Base) -> Result<Report, CliError> {
    if arguments.policy && arguments.recipe.is_none() {
        return Err(CliError::NoPolicy { image: image.to_string() });
    }
    let recipe = arguments.recipe.as_deref().map(|path| ProjectFile::open(Some(path), Path::new("."))).transpose()?;
    let builder = session.builder()?;
    let demands = recipe.map(|file| demands(&builder, &file.project)).transpose()?.unwrap_or_default();
    let mut report = builder.verify_image(image, Path::new(""), &checks(arguments, &demands), &demands).await?;
    if demands.policy.min_age.is_some() || demands.policy.require_hashes {
        let reason =
            "how old releases are, and whence their hashes come, is told by a lock: verify the recipe for that";
        let policy = report.checked.iter().filter(|(_, check)| *check == Check::Policy);
        let skipped = policy.map(|(platform, check)| (platform.clone(), *check)).collect::<Vec<_>>();
        report.skipped.extend(skipped.into_iter().map(|(platform, check)| Skipped {
            platform,
            check,
            reason: reason.to_owned(),
        }));
    }
    Ok(report)
}

/// Builds every image of a recipe, and checks it; each report with the image's name.
async fn of_recipe(
    session: &Session,
    arguments: &Verify,
    path: Option<&Path>,
) -> Result<Vec<(String, Report)>, CliError> {
    let file = ProjectFile::open_any(path.or(arguments.recipe.as_deref()))?;
    let recipe = &file.project.recipe;
    let builder = session.builder()?;
    let demands = match (path, &arguments.recipe) {
        (Some(_), Some(other)) => {
            let other = ProjectFile::open(Some(other), Path::new("."))?.project.recipe;
            let mut own = file.project.clone();
            refuse_unknown_codes(&other)?;
            (own.recipe.check, own.recipe.policy) = (other.check, other.policy);
            builder.demands(&own)?
        }
        _ => demands(&builder, &file.project)?,
    };
    let lock = lock::fresh(session, &builder, &file, Policy::Update).await?;
    let mut reports = Vec::new();
    for variant in recipe.images() {
        let name = match &variant.name {
            Some(variant) => format!("{} ({variant})", recipe.file_name()),
            None => recipe.file_name().to_owned(),
        };
        let selection = Selection { platforms: arguments.platform.clone(), variant: variant.name };
        let built = builder.build(&file.project, &lock, &selection).await?;
        let demands = demands.clone().with_lock(&lock, built.variant.as_deref());
        let checks = checks(arguments, &demands);
        reports.push((name, builder.verify_built(&built, Depth::Full, &checks, &demands).await?));
    }
    Ok(reports)
}

/// Checks images that were just built: warns of what is not well, and returns what was found in each, if
/// anybody was to look.
///
/// # Errors
/// When there are errors among what is found: nothing is delivered then.
pub(super) async fn after_build(
    session: &Session,
    builder: &Builder,
    project: &Project,
    (images, lock, checking): (&[Built], &Lock, Checking),
) -> Result<Vec<Report>, CliError> {
    let Some(depth) = checking.depth() else { return Ok(Vec::new()) };
    let demands = demands(builder, project)?;
    let checks = Checks { wanted: demands.checks(), ..Checks::default() };
    let (mut text, mut errors, mut reports) = (String::new(), 0, Vec::new());
    for built in images {
        let demands = demands.clone().with_lock(lock, built.variant.as_deref());
        let report = builder.verify_built(built, depth, &checks, &demands).await?;
        errors += report.count(Level::Error);
        text.push_str(&text::findings(&report, Level::Error));
        warn(session, &report);
        warn_of_skipped(session, &report);
        reports.push(report);
    }
    let way = "mend it, accept it under `[check] accept` with a reason, or build with `--verify off`";
    if errors > 0 { Err(CliError::Findings { errors, text, way }) } else { Ok(reports) }
}

/// Tells what was not checked, and why: each reason once.
fn warn_of_skipped(session: &Session, report: &Report) {
    let mut reasons: BTreeMap<(&str, Check), Vec<&Platform>> = BTreeMap::new();
    for skipped in &report.skipped {
        reasons.entry((&skipped.reason, skipped.check)).or_default().push(&skipped.platform);
    }
    let mut told: BTreeMap<(&str, Vec<&Platform>), Vec<String>> = BTreeMap::new();
    for ((reason, check), platforms) in reasons {
        told.entry((reason, platforms)).or_default().push(check.to_string());
    }
    for ((reason, platforms), checks) in told {
        let platforms: Vec<String> = platforms.into_iter().map(ToString::to_string).collect();
        let message = format!("not checked: {} on {}: {reason}", checks.join(", "), platforms.join(", "));
        session.warn(&message, None);
    }
}

/// Holds a lock that was just made against the recipe's policy: warns of what is not well.
///
/// # Errors
/// When there are errors: the lock is not written then.
pub(super) async fn after_lock(
    session: &Session,
    builder: &Builder,
    (file, lock): (&ProjectFile, &Lock),
) -> Result<(), CliError> {
    refuse_unknown_codes(&file.project.recipe)?;
    let report = builder.judge_lock(&file.project, lock).await?;
    warn(session, &report);
    let errors = report.count(Level::Error);
    if errors > 0 { Err(CliError::Policy { errors, text: text::findings(&report, Level::Error) }) } else { Ok(()) }
}

/// Tells what came to be wrong with an image when it was put on another base.
///
/// # Errors
/// When it is not fit to be delivered any more.
pub(super) fn after_rebase(session: &Session, report: &Report) -> Result<(), CliError> {
    warn(session, report);
    let errors = report.count(Level::Error);
    let text = text::findings(report, Level::Error);
    let way = "take another base, build the image anew on this one, or rebase with `--verify off`";
    if errors > 0 { Err(CliError::Findings { errors, text, way }) } else { Ok(()) }
}

fn warn(session: &Session, report: &Report) {
    for (finding, platforms) in text::grouped(&report.findings) {
        if finding.level() == Level::Warning {
            session.warn(&text::line(finding, &platforms), finding.hint.as_ref());
        }
    }
}

/// The checks that flags ask for.
fn checks_chosen(arguments: &Verify) -> Vec<Check> {
    let flags = [
        (Check::Libraries, arguments.libraries),
        (Check::Python, arguments.python),
        (Check::Image, arguments.image),
        (Check::Policy, arguments.policy),
        (Check::Run, arguments.run),
    ];
    flags.into_iter().filter(|(_, flag)| *flag).map(|(check, _)| check).collect()
}

fn checks(arguments: &Verify, demands: &Demands) -> Checks {
    let chosen = checks_chosen(arguments);
    let wanted = if chosen.is_empty() { demands.checks() } else { chosen };
    let limits = Limits { time: Duration::from_secs(arguments.timeout.get()), start: START, memory: MEMORY };
    Checks { wanted, platforms: arguments.platform.clone(), limits }
}

/// What the recipe demands, if every code in it is one.
fn demands(builder: &Builder, project: &Project) -> Result<Demands, CliError> {
    refuse_unknown_codes(&project.recipe)?;
    Ok(builder.demands(project)?)
}

fn refuse_unknown_codes(recipe: &Recipe) -> Result<(), CliError> {
    for entry in &recipe.check.accept {
        if let Err(error) = entry.code.get_ref().parse::<Code>() {
            let hint = crate::hint::Hint::new("`wheelwright verify --explain` lists them");
            return Err(recipe.problem_at(entry.code.span(), error.to_string(), Some(hint)).into());
        }
    }
    Ok(())
}

fn outcome(reports: &[(String, Report)], arguments: &Verify) -> Outcome {
    let rendered = reports.iter().map(|(image, report)| match arguments.format {
        Format::Text => text::render(image, report),
        Format::Json => json::render(image, report),
        Format::Markdown => markdown::render(image, report),
    });
    let text = rendered.collect::<Vec<_>>().join(if arguments.format == Format::Json { "" } else { "\n" });
    let limit = match arguments.fail_on {
        FailOn::Error => Some(Level::Error),
        FailOn::Warning => Some(Level::Warning),
        FailOn::Never => None,
    };
    let worst = reports.iter().filter_map(|(_, report)| report.worst()).max();
    let fails = limit.is_some_and(|limit| worst >= Some(limit));
    Outcome::ended(text, if fails { ExitCode::Findings } else { ExitCode::Success })
}
