//! What can go wrong between the user and the builder.

use std::{io, path::PathBuf};

use super::exit::Code;
#[cfg(feature = "serve")]
use crate::serve::ServeError;
use crate::{
    builder::BuildError,
    cosign,
    hint::{Advise, Hint},
    http::HttpError,
    image::{ManifestError, TransferError},
    init::InitError,
    lock::{LockError, Stale},
    oci::{Platform, Reference, ReferenceError},
    pypi::IndexError,
    recipe::RecipeError,
    remote::KeyError,
    store::StoreError,
};

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    #[error("there is no `wheelwright.toml` here, and no `pyproject.toml` with a table `[tool.wheelwright]`")]
    NoRecipe,
    #[error("cannot read the recipe `{}`", path.display())]
    RecipeFile { path: PathBuf, source: io::Error },
    #[error("there is no Dockerfile here, no `pyproject.toml`, `requirements.txt` or `environment.yml`")]
    NoOrigin,
    #[error("nothing says what `{}` is", path.display())]
    UnknownOrigin { path: PathBuf },
    #[error("there is a recipe `{}` already", path.display())]
    RecipeExists { path: PathBuf },
    #[error("`{}` does not lie below the folder of `{}`", from.display(), recipe.display())]
    OutsideRecipe { from: PathBuf, recipe: PathBuf },
    #[error("`{text}` cannot be compared: {reason}")]
    Side { text: String, reason: String },
    #[error("{text} has no variant `{variant}`")]
    SideVariant { text: String, variant: String, known: Vec<String> },
    #[error(transparent)]
    Init(#[from] InitError),
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("nothing says where the image shall go")]
    NoDestination,
    #[error("no file in `{}` is a recipe", folder.display())]
    NoRecipes { folder: PathBuf },
    #[error("`{}` has {recipes} recipes, and one is looked at", folder.display())]
    SeveralRecipes { folder: PathBuf, recipes: usize },
    #[error("no image can go to `{text}`: {reason}")]
    Place { text: String, reason: String },
    #[error("a shard pushes, and does nothing else")]
    ShardPushes,
    #[error("a shard makes parts of images, and only a whole one is signed")]
    SignedShard,
    #[error("{shards} shards are more than the {most} jobs that {engine} starts at once")]
    TooManyShards { shards: usize, most: usize, engine: &'static str },
    #[error("nothing says to how many machines the work shall be given")]
    NoShards,
    #[error("a plan for {engine} says which container image runs the program, and none is named")]
    NoRunner { engine: &'static str },
    #[error("`{flag}` goes with one recipe, and there are {recipes}")]
    OneRecipe { flag: &'static str, recipes: usize },
    #[error("a report tells of one recipe, and there are {recipes}")]
    OneReport { recipes: usize },
    #[error("{} and {} would both go to {destination}", both[0], both[1])]
    SameDestination { destination: String, both: [String; 2], is_archive: bool },
    #[error("the image has {errors} {} and is not delivered", if *.errors == 1 { "error" } else { "errors" })]
    Findings { errors: usize, text: String, way: &'static str },
    #[error("the lock is against the recipe's policy in {errors} {}, and is not written", if *.errors == 1 { "way" } else { "ways" })]
    Policy { errors: usize, text: String },
    #[error("nothing says what the engine shall call the image")]
    NoName,
    #[error("{file} is not for {platform}")]
    Platform { file: String, platform: Platform, known: Vec<Platform> },
    #[error("`{reference}` names a digest, and a push goes to a tag")]
    PushToDigest { reference: Reference },
    #[error("the variant `{variant}` cannot be part of a tag")]
    VariantTag { variant: String, source: ReferenceError },
    #[error("`{template}` names the variant, and the recipe has none")]
    NoVariant { template: String },
    #[error("`{text}` cannot be written to: {reason}")]
    Template { text: String, reason: String },
    #[error("SOURCE_DATE_EPOCH is `{value}`, which is no number of seconds since 1970")]
    Epoch { value: String },
    #[error("there is no home folder to keep the store in")]
    NoHome,
    #[error("the package indexes of {place} cannot be used")]
    PackageIndexes { place: String, source: Box<IndexError> },
    #[error("`{}` holds no certificates", path.display())]
    Certificates { path: PathBuf },
    #[error("{variable} holds something that is no URL of a mirror")]
    Mirror { variable: &'static str },
    #[error("nothing says what the policy is that {image} shall keep")]
    NoPolicy { image: String },
    #[error("SPDX 2.3 lists files by their SHA-1, which nothing here has")]
    FilesInSpdx,
    #[error("there is no lock `{}`", path.display())]
    LockMissing { path: PathBuf },
    #[error("the lock `{}` is stale: {}", path.display(), listed(.stale))]
    LockStale { path: PathBuf, stale: Vec<Stale> },
    #[error("cannot read the image {image}")]
    Image { image: String, source: TransferError },
    #[error("the image {image} is malformed")]
    Manifest { image: String, source: ManifestError },
    #[error("the config of the image {image} is not JSON")]
    Config { image: String, source: serde_json::Error },
    #[cfg(feature = "serve")]
    #[error("`{place}` is no layout that could be served")]
    ServePlace { place: String },
    #[cfg(feature = "serve")]
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error("the store held damaged files, which are removed now: {}", damaged.join(", "))]
    Damaged { damaged: Vec<String> },
    #[error("the key in `{}` cannot be used", path.display())]
    RecordKey { path: PathBuf, source: KeyError },
    #[error("the key in `{place}` cannot be used")]
    SignKey { place: String, source: cosign::KeyError },
    #[error("the variable {name} is not set")]
    NoVariable { name: String },
    #[error("there is nothing to sign: signatures lie in registries, and the image goes to none")]
    NothingToSign,
    #[error("`{subject}` has no signature: only images in registries have")]
    NoSignature { subject: String },
    #[error("no layer is called `{name}`")]
    NoLayer { name: String, known: Vec<String> },
    #[error("`{}` is no report of a build: {reason}", path.display())]
    NoReport { path: PathBuf, reason: String },
    #[error("the time of this machine is unknown")]
    NoTime,
    #[error("cannot write to standard output")]
    Print { source: io::Error },
    #[error("cannot start the threads that wait for the network")]
    Runtime { source: io::Error },
    #[error("interrupted")]
    Interrupted,
    /// What it was is told already.
    #[error("the program panicked")]
    Panicked,
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error(transparent)]
    Build(Box<BuildError>),
}

impl From<BuildError> for CliError {
    fn from(error: BuildError) -> Self {
        Self::Build(Box::new(error))
    }
}

impl CliError {
    /// The exit code, where no cause knows better.
    pub(super) const fn code(&self) -> Option<Code> {
        Some(match self {
            Self::NoRecipe
            | Self::RecipeFile { .. }
            | Self::NoDestination
            | Self::NoOrigin
            | Self::UnknownOrigin { .. }
            | Self::RecipeExists { .. }
            | Self::OutsideRecipe { .. }
            | Self::Side { .. }
            | Self::SideVariant { .. }
            | Self::FilesInSpdx
            | Self::NoPolicy { .. }
            | Self::Init(InitError::NoStage { .. } | InitError::UnknownBase { .. })
            | Self::NoRecipes { .. }
            | Self::SeveralRecipes { .. }
            | Self::OneRecipe { .. }
            | Self::OneReport { .. }
            | Self::Place { .. }
            | Self::ShardPushes
            | Self::SignedShard
            | Self::TooManyShards { .. }
            | Self::NoRunner { .. }
            | Self::NoShards
            | Self::SameDestination { .. }
            | Self::NoName
            | Self::Platform { .. }
            | Self::PushToDigest { .. }
            | Self::VariantTag { .. }
            | Self::NoVariant { .. }
            | Self::Template { .. }
            | Self::Epoch { .. }
            | Self::NoHome
            | Self::PackageIndexes { .. }
            | Self::Certificates { .. }
            | Self::Mirror { .. }
            | Self::NoLayer { .. }
            | Self::NoReport { .. }
            | Self::SignKey { .. }
            | Self::NoVariable { .. }
            | Self::NothingToSign
            | Self::NoSignature { .. }
            | Self::RecordKey { .. } => Code::Usage,
            Self::Init(_) => Code::Recipe,
            Self::LockMissing { .. } | Self::LockStale { .. } => Code::Lock,
            #[cfg(feature = "serve")]
            Self::ServePlace { .. } => Code::Usage,
            Self::Config { .. } | Self::Damaged { .. } => Code::Refused,
            Self::Findings { .. } | Self::Policy { .. } => Code::Findings,
            Self::Interrupted => Code::Interrupted,
            _ => return None,
        })
    }
}

impl Advise for CliError {
    fn hint(&self) -> Option<Hint> {
        let sentence = match self {
            Self::NoRecipe => "name a recipe: `wheelwright build RECIPE.toml`",
            Self::RecipeFile { .. } => "check the path of the recipe",
            Self::NoOrigin => "name a file with `--from`",
            Self::UnknownOrigin { .. } => {
                "name a Dockerfile, requirements (`.txt`), a `pyproject.toml` or an environment (`.yml`)"
            }
            Self::RecipeExists { .. } => {
                "write another file with `--output FILE`, print with `--output -`, or add `--force`"
            }
            Self::OutsideRecipe { .. } => "let `--output` name a file in a folder above it: paths are relative to it",
            Self::Side { .. } => {
                "name a lock (FILE.lock), a recipe, `oci:DIR`, `oci-archive:FILE` or HOST/REPOSITORY:TAG"
            }
            Self::SideVariant { variant, known, .. } => return Some(meant(variant, known)),
            Self::Init(error) => return error.hint(),
            Self::NoDestination => {
                "add `--output oci:DIR`, `--output oci-archive:FILE`, `--push HOST/REPOSITORY:TAG` or `--load`"
            }
            #[cfg(feature = "serve")]
            Self::ServePlace { .. } => "write it as `oci:DIR`, or name a folder",
            Self::Damaged { .. } => "look after the disk; builds have again what they need",
            Self::RecordKey { source: KeyError::Public, .. } => "make it with `openssl pkey -in KEY -pubout`",
            Self::RecordKey { .. } => "make one with `openssl genpkey -algorithm ed25519`",
            Self::SignKey { source, .. } => return source.hint(),
            Self::NoLayer { known, .. } => {
                return Some(Hint::new(format!("choose with `--why` from {}", known.join(", "))));
            }
            Self::NoReport { .. } => "name what `build --report FILE.json` wrote",
            Self::Findings { way, .. } => way,
            Self::Policy { .. } => {
                "do what the hints say, or accept it under `[check] accept` with `package` and a reason"
            }
            Self::SeveralRecipes { .. } => "name one of them",
            Self::NoRecipes { .. } => "name the recipes themselves; one has a `name` and ends in `.toml`",
            Self::ShardPushes => "say where with `--push HOST/REPOSITORY:TAG`, and leave `--output` and `--load` out",
            Self::OneRecipe { .. } => "name one recipe, or leave the flag out",
            Self::OneReport { .. } => "put `{name}` into the name after `--report`, as in `{name}.html`",
            Self::NoName => "add `--name NAME:TAG`",
            Self::Platform { known, .. } => {
                let known: Vec<String> = known.iter().map(ToString::to_string).collect();
                return Some(Hint::new(format!("choose with `--platform` from {}", known.join(", "))));
            }
            Self::PushToDigest { .. } => "leave `@sha256:…` out and name a tag",
            Self::VariantTag { .. } => "choose one with `--variant`, and name the whole tag in `--push`",
            Self::NoVariant { .. } => "leave `{variant}` out, or add `[variants.NAME]` to the recipe",
            Self::Template { .. } => "say the name without `{variant}` or `{name}`",
            Self::Epoch { .. } => "set SOURCE_DATE_EPOCH to a whole number, or unset it",
            Self::NoHome => "name a folder with `--store DIR`",
            Self::PackageIndexes { .. } => "correct it, or name the index in WHEELWRIGHT_INDEX",
            Self::Certificates { .. } => "name a PEM file in PIP_CERT or REQUESTS_CA_BUNDLE, or unset them",
            Self::Mirror { .. } => "write it as `https://HOST/PATH`",
            Self::NoPolicy { .. } => "name the recipe that has a `[policy]` with `--recipe`, or leave `--policy` out",
            Self::FilesInSpdx => "add `--format cyclonedx`, or leave out `--files`",
            Self::LockMissing { .. } => "run `wheelwright lock` and commit the lock",
            Self::LockStale { stale, .. } if stale.iter().any(Stale::is_of_base) => OTHER_BASE,
            Self::LockStale { .. } => "run `wheelwright lock` and commit the lock, or leave out `--locked`",
            _ => return self.way_around().map(Hint::new),
        };
        Some(Hint::new(sentence))
    }
}

impl CliError {
    /// What to do about files, images and the machine.
    const fn way_around(&self) -> Option<&'static str> {
        Some(match self {
            Self::Read { .. } => "check the path, and that you may read the file",
            Self::Write { .. } => "name a file where you may write, with room on the disk",
            Self::SameDestination { is_archive: true, .. } => {
                "give each a file of its own, with `{name}` or `{variant}` in it, or write a layout, `oci:DIR:NAME`"
            }
            Self::SameDestination { .. } => {
                "put `{name}` into `--push` or `--output`, and give each recipe its own `name`"
            }
            Self::Place { .. } => "name another place, as `oci:DIR`, `oci-archive:FILE` or `HOST/REPOSITORY:TAG`",
            Self::Print { .. } => "see where standard output leads: whoever reads it must read to the end",
            Self::Runtime { .. } => "allow more processes and open files: `ulimit -u`, `ulimit -n`",
            Self::Manifest { .. } | Self::Config { .. } => {
                "push the image anew from where it was made, or name another"
            }
            Self::NoVariable { .. } => "put the PEM of the key into it, or name a file",
            Self::NothingToSign => "add `--push HOST/REPOSITORY:TAG`, or leave `--sign-key` out",
            Self::NoSignature { .. } => "name it as HOST/REPOSITORY:TAG, or leave `--signature` out",
            Self::SignedShard => "leave `--sign-key` out, and sign what `index create` joined with `wheelwright sign`",
            Self::TooManyShards { .. } => "ask for fewer with `--shards`",
            Self::NoShards => "say it with `--shards N`",
            Self::NoRunner { .. } => "name it with `--image`",
            Self::NoTime => "set the clock to a time after 1970",
            _ => return None,
        })
    }
}

/// What helps where the lock was made for another base than the recipe has.
const OTHER_BASE: &str =
    "run `wheelwright lock` with the same `--base`, if any, and commit the lock, or leave out `--locked`";

/// The variant that was meant, or those that there are.
fn meant(variant: &str, known: &[String]) -> Hint {
    Hint::did_you_mean(variant, known.iter().map(String::as_str))
        .unwrap_or_else(|| Hint::new(format!("choose with `--variant` from {}", known.join(", "))))
}

fn listed(stale: &[Stale]) -> String {
    stale.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
