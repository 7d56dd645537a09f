//! The grammar of the command line, with the help that it prints.

use std::{ffi::OsString, num::NonZeroUsize, path::PathBuf};

use clap::{ArgAction, Args, ColorChoice, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use super::{
    attest::Attest, cache, copy, destination, diff, environment::Environment, exit, index, init, loading::Loading,
    lock, manual, plan, platform, prove, reach::Reach, rebase, recipes::Several, remote_cache::Remote, reporting, sbom,
    shards::Shard, signing, template::Template, verify,
};
use crate::{oci::Platform, recipe::Base};

const EXAMPLES: &str = "\
Examples:
  wheelwright init --from Dockerfile                   draft ./wheelwright.toml from what is there
  wheelwright build --output oci:dist                  build ./wheelwright.toml into an OCI layout
  wheelwright build app.toml --push ghcr.io/me/app:1   build for every platform and push
  wheelwright build --locked --push ghcr.io/me/app:1   the same in CI: only what the lock names
  wheelwright lock app.toml                            choose wheels and packages, write app.lock
  wheelwright inspect ghcr.io/me/app:1                 what is in an image, without pulling it
  wheelwright verify ghcr.io/me/app:1                  what is wrong with an image, without running it
  wheelwright prove ghcr.io/me/app:1                   make an image again from what goes with it, and compare
  wheelwright copy oci:dist ghcr.io/me/app:1           bring an image somewhere else, as it is
  wheelwright rebase ghcr.io/me/app:1 --base python:3.12-slim --push ghcr.io/me/app:1
                                                       the same image on a newer base, no layer made anew

";

const BUILD_EXAMPLES: &str = "\
Examples:
  wheelwright build --output oci:dist
  wheelwright build --output oci-archive:app.tar --platform linux/arm64
  wheelwright build app.toml --push ghcr.io/me/app:1.2 --push ghcr.io/me/app:latest
  wheelwright build app.toml --variant pytorch --push ghcr.io/me/app:pytorch
  wheelwright build app.toml --load
  wheelwright build app.toml --base registry.example/python:3.11-slim --output oci:dist
  wheelwright build recipes/*.toml --push 'ghcr.io/me/{name}:1.2'

Without a lock, one is made and written beside the recipe; where the recipe says something else than
its lock, it is locked anew. With --locked either is an error.

Everything is built before anything is delivered, and a name moves last: whoever looks at a
destination sees the old image or the new one.

An engine takes one platform's image, this machine's, and calls it by the first --push, else
NAME:latest. If it is all that is asked for, nothing else is built. A docker-archive holds every
platform; `docker load` takes this machine's out of it, or else the first.

In the names of images, {name} is the recipe's name and {variant} the variant:
  --push 'ghcr.io/me/{name}:1.2-{variant}'
  --output oci:dist/{variant}

A recipe with variants gives one image each. Where the name does not say {variant}, and unless exactly
one --variant is named, the variant becomes part of every name:
  --push REPO:TAG            REPO:TAG-VARIANT
  --output oci:DIR           oci:DIR:VARIANT
  --output oci:DIR:NAME      oci:DIR:NAME-VARIANT
  --output oci-archive:A.tar oci-archive:A-VARIANT.tar
  --load                     NAME:VARIANT

Several recipes are built side by side. They share downloads, layers, threads and connections, and the
failure of one does not stop the others: each is delivered when it is whole, the table at the end says
what became of it, and the exit code is 9 if any failed. A folder stands for its wheelwright.toml
(or pyproject.toml with a tool.wheelwright table), else for the *.toml files in it with a `name`.
Put {name} where the image goes, so that each goes to a place of its own.";

const INSPECT_EXAMPLES: &str = "\
Examples:
  wheelwright inspect python:3.12-slim
  wheelwright inspect oci:dist
  wheelwright inspect oci-archive:app.tar --json
  wheelwright inspect ghcr.io/me/app:1 --packages

Without --packages manifests and configs are read, and no layer.";

/// Builds OCI images of Python applications from wheels: for several platforms at once, without
/// Docker, without root, and without executing anything.
#[derive(Debug, Parser)]
#[command(name = "wheelwright", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = format!("{EXAMPLES}{}", exit::help()))]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
    #[command(flatten)]
    pub(super) global: Global,
}

impl Arguments {
    /// Reads the command line of this process.
    ///
    /// # Errors
    /// When it makes no sense, and when help is asked for.
    pub(super) fn read(environment: &Environment) -> Result<Self, clap::Error> {
        let mut command = without_empty(Self::command(), environment).color(color(std::env::args_os()));
        let matches = command.try_get_matches_from_mut(std::env::args_os())?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

/// When help and what is said of a wrong command line have colours: as `--color` says, wherever it stands.
fn color(arguments: impl IntoIterator<Item = OsString>) -> ColorChoice {
    let mut value = None;
    let mut follows = false;
    for argument in arguments {
        let argument = argument.to_string_lossy();
        let given = if follows { Some(argument.as_ref()) } else { argument.strip_prefix("--color=") };
        value = given.and_then(|given| Color::from_str(given, false).ok()).or(value);
        follows = argument == "--color";
    }
    match value.unwrap_or_default() {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    }
}

/// The grammar without variables that are set to nothing: nobody has typed the flags that they stand for.
fn without_empty(command: clap::Command, environment: &Environment) -> clap::Command {
    command.mut_args(|flag| {
        let is_empty = flag.get_env().is_some_and(|name| environment.is_empty(name));
        if is_empty { flag.env(None::<&str>) } else { flag }
    })
}

/// What every command understands.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(super) struct Global {
    /// Where wheels, packages and layers are kept between builds [default: ~/.cache/wheelwright]
    #[arg(long, global = true, value_name = "DIR", env = "WHEELWRIGHT_STORE", hide_env_values = true)]
    pub(super) store: Option<PathBuf>,
    /// Layers made at the same time [default: one per core]
    #[arg(long, global = true, value_name = "N")]
    pub(super) jobs: Option<NonZeroUsize>,
    /// How progress is shown on standard error
    #[arg(long, global = true, value_name = "HOW", value_enum, default_value_t)]
    pub(super) progress: Progress,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    pub(super) color: Color,
    /// Tell more on standard error; twice for still more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(super) verbose: u8,
    #[command(flatten)]
    pub(super) reach: Reach,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Progress {
    /// Live bars on a terminal, plain lines elsewhere
    #[default]
    Auto,
    /// A line for each stage, download, layer and upload
    Plain,
    /// An object of JSON on each line
    Json,
    /// Warnings and errors only
    Off,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal
    #[default]
    Auto,
    /// In any case
    Always,
    /// In no case
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Draft a recipe from a Dockerfile, requirements, a project or a conda environment
    #[command(after_help = init::EXAMPLES)]
    Init(init::Init),
    /// Build the images of a recipe and bring them somewhere
    #[command(after_help = BUILD_EXAMPLES)]
    Build(Build),
    /// Choose every wheel and package, and write the lock beside the recipe
    #[command(after_help = lock::EXAMPLES)]
    Lock(lock::Arguments),
    /// Show what a build will fetch, make and send, before it does
    #[command(after_help = plan::EXAMPLES)]
    Plan(plan::Plan),
    /// Show what is in an image: platforms, configuration, layers
    #[command(after_help = INSPECT_EXAMPLES)]
    Inspect(Inspect),
    /// Show what one image, or lock, has otherwise than another
    #[command(after_help = diff::EXAMPLES)]
    Diff(diff::Diff),
    /// List what an image consists of, as SPDX or CycloneDX
    #[command(after_help = sbom::EXAMPLES)]
    Sbom(sbom::Sbom),
    /// Make a published image again from what is attached to it, and compare
    #[command(after_help = prove::EXAMPLES)]
    Prove(prove::Prove),
    /// Check whether an image will run and is what it should be, from its files alone
    #[command(after_help = verify::EXAMPLES)]
    Verify(verify::Verify),
    /// Copy an image between registries, layouts, archives and engines
    #[command(visible_alias = "push", after_help = copy::EXAMPLES)]
    Copy(copy::Copy),
    /// Swap the base under a finished image; its own layers stay as they are
    #[command(after_help = rebase::EXAMPLES)]
    Rebase(rebase::Rebase),
    /// Sign an image in its registry with a key, as cosign does
    #[command(after_help = signing::EXAMPLES)]
    Sign(signing::Sign),
    /// Join images of several platforms under one name
    #[command(subcommand)]
    Index(index::Index),
    /// Tell a build's report otherwise: as a page, a text, or data
    #[command(after_help = reporting::EXAMPLES)]
    Report(reporting::Arguments),
    /// See to the store: what is kept between builds
    #[command(subcommand)]
    Cache(cache::Cache),
    /// Print what a shell needs to complete commands and flags
    #[command(after_help = manual::COMPLETIONS)]
    Completions(manual::Completions),
    /// Print the manual page, or write those of every command into a folder
    #[command(after_help = manual::MAN)]
    Man(manual::Man),
    /// Be a registry: for a laptop, for tests, for a network without one
    #[cfg(feature = "serve")]
    #[command(after_help = super::serve::EXAMPLES)]
    Serve(super::serve::Serve),
}

impl Command {
    /// Whether a signal is the ordinary end of it.
    pub(super) const fn ends_with_a_signal(&self) -> bool {
        match self {
            #[cfg(feature = "serve")]
            Self::Serve(_) => true,
            _ => false,
        }
    }
}

/// `build`.
#[derive(Debug, Args)]
pub(super) struct Build {
    /// The recipe, or several; a folder stands for the recipes in it [default: wheelwright.toml, or
    /// pyproject.toml with a tool.wheelwright table]
    #[arg(value_name = "RECIPE")]
    pub(super) recipes: Vec<PathBuf>,
    /// Do one machine's part of the work, the I-th of N: each image is pushed by its digest, and
    /// `wheelwright index create --of RECIPE` joins them. Locks must be fresh. See `wheelwright plan --shards`
    #[arg(long, value_name = "I/N", value_parser = Shard::parse)]
    pub(super) shard: Option<Shard>,
    /// Write the image to oci:DIR[:NAME] (an OCI layout), oci-archive:FILE[:NAME] (the same as one
    /// tar; FILE.tar alone will do) or docker-archive:FILE[:REF] (a tar that `docker load`, Podman,
    /// containerd and readers of OCI archives take); may be given several times
    #[arg(short, long, value_name = "WHERE", value_parser = Template::output)]
    pub(super) output: Vec<Template>,
    /// Push the image to HOST/REPOSITORY:TAG; may be given several times
    #[arg(long, value_name = "REF", value_parser = Template::push)]
    pub(super) push: Vec<Template>,
    #[command(flatten)]
    pub(super) loading: Loading,
    /// Build for this platform of the recipe only; may be given several times
    #[arg(long, value_name = "P", value_parser = platform::parse)]
    pub(super) platform: Vec<Platform>,
    /// Build this variant of the recipe only; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(super) variant: Vec<String>,
    /// Build on this base in place of the recipe's, written like that one; a path counts from the working
    /// folder. The lock is held against it, and the file stays as it is: `lock --base` writes it
    #[arg(long, value_name = "BASE", value_parser = destination::parse_base, conflicts_with = "shard")]
    pub(super) base: Option<Base>,
    /// Fail if the lock is missing or stale
    #[arg(long)]
    pub(super) locked: bool,
    /// Whether what was built is checked before it is delivered; errors are a reason not to
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    pub(super) verify: verify::Checking,
    /// How an SBOM, the provenance, a map of paths, and recipe and lock go with the image [default: referrers
    /// for registries, none elsewhere]
    #[arg(long, value_name = "HOW", value_enum, conflicts_with = "shard")]
    pub(super) attest: Option<Attest>,
    /// Write digests, sizes, layers and destinations to FILE, as JSON
    #[arg(long, value_name = "FILE")]
    pub(super) metadata_file: Option<PathBuf>,
    /// Write what was built, how long each part took and what was found to FILE.html, FILE.md or FILE.json;
    /// may be given several times. Of several recipes, {name} in it is the recipe's name
    #[arg(long, value_name = "FILE", value_parser = reporting::Target::parse, conflicts_with = "shard")]
    pub(super) report: Vec<reporting::Target>,
    /// Hold every file of every wheel against the SHA-256 in the wheel's RECORD. A wheel as a whole is
    /// what the lock names either way. Layers that were not checked so far are made again
    #[arg(long)]
    pub(super) verify_record: bool,
    /// Tell of the layer with this name, or a part of it, which of its inputs differ from the last time it was
    /// another one; may be given several times
    #[arg(long, value_name = "LAYER", conflicts_with = "shard")]
    pub(super) why: Vec<String>,
    #[command(flatten)]
    pub(super) signing: signing::Signing,
    // The last ones: their headings would stand over all that follows.
    #[command(flatten)]
    pub(super) several: Several,
    #[command(flatten)]
    pub(super) remote: Remote,
}

/// `inspect`.
#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// HOST/REPOSITORY:TAG, oci:DIR[:NAME], oci-archive:FILE[:NAME] or docker-archive:FILE[:REF]
    /// (FILE.tar alone will do)
    #[arg(value_name = "IMAGE", value_parser = destination::parse_image)]
    pub(super) image: Base,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Read the layers too, and list what is installed: Python, system, distributions, Debian packages
    #[arg(long)]
    pub(super) packages: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn colours_are_known_before_the_line_is_understood() {
        let check = |line: &str, expect: ColorChoice| {
            assert_eq!(color(line.split(' ').map(OsString::from)), expect, "{line}");
        };
        check("wheelwright biuld", ColorChoice::Auto);
        check("wheelwright --color never biuld", ColorChoice::Never);
        check("wheelwright biuld --color=always", ColorChoice::Always);
        check("wheelwright --color sometimes --color never", ColorChoice::Never);
        check("wheelwright --color", ColorChoice::Auto);
    }

    #[test]
    fn flags_are_understood_wherever_they_stand() {
        let parse = |line: &str| Arguments::try_parse_from(line.split(' '));
        let arguments = parse("wheelwright --offline build app.toml -vv --jobs 3 --push a/b:c -o oci:d").unwrap();
        assert!(arguments.global.reach.offline && arguments.global.verbose == 2);
        assert_eq!(arguments.global.jobs, NonZeroUsize::new(3));
        for wrong in [
            "wheelwright build --jobs 0",
            "wheelwright build --push h.example/UPPER",
            "wheelwright build --output dist",
            "wheelwright build --platform linux/x86_64",
            "wheelwright inspect scratch",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn variables_that_are_empty_are_not_set() {
        let flags = ["WHEELWRIGHT_STORE", "WHEELWRIGHT_CA_FILE", "WHEELWRIGHT_REGISTRY_MIRROR"];
        let heeded = |value: &str| {
            let environment = Environment::of("/none".as_ref(), &flags.map(|name| (name, value)));
            let command = without_empty(Arguments::command(), &environment);
            command
                .get_arguments()
                .filter_map(|flag| flag.get_env())
                .filter(|name| flags.iter().any(|flag| flag == name))
                .count()
        };
        assert_eq!((heeded(""), heeded("x")), (0, 3));
    }

    #[test]
    fn a_shard_takes_no_flag_that_it_would_not_obey() {
        let parse = |more: &str| {
            let line = format!("wheelwright build --shard 1/2 --push h.example/a:1 {more}");
            Arguments::try_parse_from(line.split_whitespace()).map_err(|refusal| refusal.kind())
        };
        assert!(parse("--locked --metadata-file a.json --verify off --variant a --platform linux/amd64").is_ok());
        for other in ["--report r.md", "--attest index", "--attest none", "--why torch", "--base scratch"] {
            assert_eq!(parse(other).err(), Some(clap::error::ErrorKind::ArgumentConflict), "{other}");
        }
    }
}
