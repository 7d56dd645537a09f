//! Why an image cannot be built: the rooms' errors, with the platform or file they concern.

use std::{io, path::PathBuf};

use crate::{
    apt::AptError,
    archive::ArchiveError,
    base::{BaseError, Unmet},
    compiler::CompilerError,
    debian::{DebianError, openpgp::OpenPgpError},
    engine::EngineError,
    hint::{Advise, Hint},
    image::TransferError,
    layer::{LayerError, debian::UnpackError},
    layout::LayoutError,
    lock::LockError,
    oci::{Digest, Platform, Reference},
    plan::PlanError,
    pypi::IndexError,
    recipe::RecipeError,
    registry::RegistryError,
    resolve::ResolveError,
    sbom::InventoryError,
    store::StoreError,
};

/// Why an image cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The recipe, or what it names, is wrong.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// The lock cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The lock knows nothing of an image.
    #[error("the lock has no {}for {platform}", variant.as_ref().map(|name| format!("variant `{name}` ")).unwrap_or_default())]
    NotLocked {
        /// The variant.
        variant: Option<String>,
        /// The platform.
        platform: Platform,
    },
    /// A maintainer script does what is not reproduced, and the recipe wants that to be an error.
    #[error("{package} would also run, when it is installed: {commands}")]
    MaintainerScript {
        /// The package.
        package: String,
        /// The first few commands, as its scripts spell them.
        commands: String,
    },
    /// What is to be upgraded is not in the lock.
    #[error("the lock has nothing called `{name}`")]
    NotInLock {
        /// As the user called it.
        name: String,
        /// What may have been meant.
        meant: Option<Hint>,
    },
    /// A lock of another tool is for other Pythons than the base has.
    #[error("`{}` is for Python {wanted}, and the base has {found} on {platform}", path.display())]
    OtherPython {
        /// As the recipe names it.
        path: PathBuf,
        /// What it is for.
        wanted: crate::python::VersionSpecifiers,
        /// What the base has.
        found: crate::python::PythonVersion,
        /// On which platform.
        platform: Platform,
    },
    /// A file that the recipe names cannot be read.
    #[error("cannot read `{}`", path.display())]
    File {
        /// As the recipe names it.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of keys cannot be used.
    #[error("the keys in `{}` cannot be used", path.display())]
    Keyring {
        /// As the recipe names it.
        path: PathBuf,
        /// Why.
        source: OpenPgpError,
    },
    /// Requirements files include each other without end.
    #[error("`{}` includes itself", path.display())]
    Circle {
        /// The file.
        path: PathBuf,
    },
    /// The base cannot be understood.
    #[error("the base cannot be used for {platform}")]
    Base {
        /// For which platform.
        platform: Platform,
        /// Why.
        source: BaseError,
    },
    /// Wheels take the place of what others in the base rely on.
    #[error("what the base brings for {platform} would break: {}", told(.broken))]
    Breaks {
        /// For which platform.
        platform: Platform,
        /// Requirements of the base's distributions that would not be met any more.
        broken: Vec<Unmet>,
    },
    /// The files of Debian packages do not lie on the base.
    #[error("Debian packages for {platform} do not fit together with the base")]
    Tree {
        /// For which platform.
        platform: Platform,
        /// Why.
        source: crate::base::LayerError,
    },
    /// Packages are wanted of a build that has nothing to lay them out with.
    #[error("this build of wheelwright brings no Debian packages")]
    NoDebian,
    /// The base is another system than Debian.
    #[error("the base for {platform} is {found}, and `[debian]` brings packages of Debian")]
    NotDebian {
        /// For which platform.
        platform: Platform,
        /// What it calls itself.
        found: String,
    },
    /// The base is of another release.
    #[error("the base for {platform} is of Debian {base}, and `debian.suite` is {suite}")]
    OtherRelease {
        /// For which platform.
        platform: Platform,
        /// Code name of the base's.
        base: String,
        /// The recipe's.
        suite: String,
    },
    /// The base has the C library of another release.
    #[error("the base for {platform} has libc6 {base}, and {suite} has {theirs}")]
    OtherLibc {
        /// For which platform.
        platform: Platform,
        /// The recipe's suite.
        suite: String,
        /// Version in the base.
        base: String,
        /// Version in the archive.
        theirs: String,
    },
    /// Nothing says which packages a base has.
    #[error("the base for {platform} does not say which Debian packages it holds")]
    NoPackageList {
        /// For which platform.
        platform: Platform,
    },
    /// The base's list of packages is malformed.
    #[error("the list of Debian packages in the base for {platform} cannot be read")]
    PackageList {
        /// For which platform.
        platform: Platform,
        /// Why.
        source: DebianError,
    },
    /// Something of the base would disappear under a package, with all that lies in it.
    #[error("Debian packages for {platform} bring `/{path}` as {kind}, and the base has something else there")]
    Overlaid {
        /// For which platform.
        platform: Platform,
        /// Without a leading slash.
        path: String,
        /// What packages bring.
        kind: &'static str,
    },
    /// The base is no longer what was locked.
    #[error("the base for {platform} is not the one that was locked, {locked}")]
    BaseMoved {
        /// For which platform.
        platform: Platform,
        /// What the lock says.
        locked: crate::oci::Digest,
    },
    /// Debian packages cannot be had.
    #[error("Debian packages for {platform} cannot be had")]
    Debian {
        /// For which platform.
        platform: Platform,
        /// Why.
        source: AptError,
    },
    /// Debian packages cannot be laid out.
    #[error("Debian packages for {platform} cannot be laid out")]
    Unpack {
        /// For which platform.
        platform: Platform,
        /// Why.
        source: UnpackError,
    },
    /// No set of wheels fits.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The same, in a recipe with variants.
    #[error("the variant `{variant}` cannot be locked")]
    Variant {
        /// Which.
        variant: String,
        /// Why.
        source: ResolveError,
    },
    /// Platforms would get different versions.
    #[error("{} would have different versions on different platforms: {list}", if *.count == 1 { "a distribution" } else { "distributions" })]
    Skew {
        /// How many.
        count: usize,
        /// `name 1.0 (linux/amd64), 1.1 (linux/arm64); …`
        list: String,
    },
    /// Layers cannot be planned.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A wheel cannot be fetched.
    #[error("cannot fetch {wheel}")]
    Wheel {
        /// File name.
        wheel: String,
        /// Why.
        source: IndexError,
    },
    /// A layer cannot be made.
    #[error("cannot make the layer `{layer}` for {platform}")]
    Layer {
        /// What a person calls it.
        layer: String,
        /// For which platform.
        platform: Platform,
        /// Why.
        source: LayerError,
    },
    /// Two wheels of an image bring different files to one path.
    #[error("the wheels for {platform} do not go together")]
    Clash {
        /// For which platform.
        platform: Platform,
        /// Which wheels, and where.
        source: LayerError,
    },
    /// What is written of a layer elsewhere is not so.
    #[error("{place} says that the layer `{layer}` is {said}, and it is {made}")]
    FalseRecord {
        /// What a person calls it.
        layer: String,
        /// Under which it is written.
        tag: String,
        /// Where.
        place: String,
        /// What is written.
        said: crate::oci::Digest,
        /// What was made here.
        made: crate::oci::Digest,
    },
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An OCI layout cannot be opened.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// An OCI archive cannot be opened.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A registry cannot be used.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// No container engine can take the image.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// An image cannot be read.
    #[error("cannot read the image")]
    Fetch {
        /// Why.
        source: TransferError,
    },
    /// The image is for other platforms.
    #[error("the image is not for {platform}, only for {}", listed(.available))]
    OtherPlatforms {
        /// What was asked for.
        platform: Platform,
        /// What there is.
        available: Vec<Platform>,
    },
    /// None of the images runs here, and an engine takes one only.
    #[error("none of the images is for this machine, only for {}", listed(.available))]
    NotForThisMachine {
        /// What there is.
        available: Vec<Platform>,
    },
    /// Two images for one platform cannot be in one index.
    #[error("there are two images for {platform}")]
    SamePlatform {
        /// The platform.
        platform: Platform,
    },
    /// An image that another machine was to make is not in the registry yet.
    #[error("the image for {platform} is not made yet: there is no {part}")]
    PartMissing {
        /// Its platform.
        platform: Platform,
        /// Where it is looked for.
        part: Reference,
    },
    /// It is not known what an image is for.
    #[error("{digest} does not say for which platform it is")]
    NoPlatform {
        /// The image.
        digest: crate::oci::Digest,
    },
    /// The image cannot be delivered.
    #[error("cannot write the image to {destination}")]
    Deliver {
        /// Where to.
        destination: String,
        /// Why.
        source: TransferError,
    },
    /// What an image consists of cannot be listed.
    #[error("the image for {platform} cannot be listed")]
    Inventory {
        /// The image's platform.
        platform: Platform,
        /// Why.
        source: InventoryError,
    },
    /// The config of an image is not what its manifest says.
    #[error("{message}")]
    Untrusted {
        /// What is wrong.
        message: String,
    },
    /// A lock speaks of another image.
    #[error("the image for {platform} is not what the lock says: it has no {package}")]
    OtherImage {
        /// The image's platform.
        platform: Platform,
        /// What the lock has and the image has not, `numpy 1.26.4`.
        package: String,
    },
    /// The base under an image cannot be swapped.
    #[error(transparent)]
    Rebase(#[from] super::RebaseError),
    /// An image does not count as signed.
    #[error(transparent)]
    Signature(#[from] super::SignatureError),
    /// An image cannot be proved.
    #[error(transparent)]
    Proof(#[from] super::ProofError),
    /// `scratch` holds nothing to read.
    #[error("`scratch` is no image")]
    Scratch,
    /// An image cannot be unpacked, to be started.
    #[error("cannot unpack the image into a temporary folder")]
    Unpacking {
        /// Why.
        source: io::Error,
    },
    /// Nobody can compile.
    #[error("Python sources cannot be compiled for {platform}")]
    Compiler {
        /// For which platform.
        platform: Platform,
        /// Why.
        source: CompilerError,
    },
    /// A layer that was made here cannot be read back.
    #[error("layer {digest} for {platform} is damaged in the store")]
    Damaged {
        /// The layer.
        digest: Digest,
        /// Of which platform's image.
        platform: Platform,
        /// Why it cannot be read.
        source: BaseError,
    },
    /// Threads cannot be had.
    #[error("cannot start worker threads")]
    Threads {
        /// Why.
        source: rayon::ThreadPoolBuildError,
    },
    /// A worker died.
    #[error("a worker was lost")]
    Worker,
}

impl Advise for BuildError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Recipe(error) => error.hint(),
            Self::Lock(error) => error.hint(),
            Self::NotLocked { .. } | Self::BaseMoved { .. } => Some(Hint::new("run `wheelwright lock` again")),
            Self::MaintainerScript { package, .. } => Some(Hint::new(format!(
                "if nothing in the image needs it: `debian.scripts.acknowledge = [\"{package}\"]`"
            ))),
            Self::NotInLock { meant, .. } => Some(meant.clone().unwrap_or_else(|| {
                Hint::new("name a distribution or Debian package of the lock, or `base` for the base image")
            })),
            Self::OtherPython { .. } => Some(Hint::new("take a `base` with such a Python, or lock the project again")),
            Self::File { .. } => Some(Hint::new("paths in a recipe are relative to the recipe's folder")),
            Self::Keyring { source, .. } => source.hint(),
            Self::Circle { .. } => Some(Hint::new("remove the `-r` line that leads back")),
            Self::Base { source, .. } => source.hint(),
            Self::Breaks { broken, .. } => broken.first().map(|first| {
                Hint::new(format!(
                    "require a version of {} that fits and name it in `wheels.allow-replace` too, or put `{}` into \
                     `wheels.overrides` if it works all the same",
                    first.owner, first.name
                ))
            }),
            Self::OtherRelease { base, .. } => {
                Some(Hint::new(format!("write `suite = \"{base}\"` in `[debian]`, or take another `base`")))
            }
            Self::Debian { source, .. } => source.hint(),
            Self::PackageList { source, .. } => source.hint(),
            Self::Unpack { source, .. } => source.hint(),
            Self::Resolve(error) => error.hint(),
            Self::Variant { source, .. } => source.hint(),
            Self::Skew { .. } => Some(Hint::new(
                "pin a version that has wheels for every platform, or allow the difference with `wheels.skew = \"warn\"`",
            )),
            Self::Plan(error) => error.hint(),
            Self::Wheel { source, .. } => source.hint(),
            Self::Layer { source, .. } | Self::Clash { source, .. } => source.hint(),
            Self::FalseRecord { tag, .. } => Some(Hint::new(format!(
                "remove the tag {tag} there and see who may write, or build with `--no-remote-cache`"
            ))),
            Self::Store(error) => error.hint(),
            Self::Layout(error) => error.hint(),
            Self::Archive(error) => error.hint(),
            Self::Registry(error) => error.hint(),
            Self::Engine(error) => error.hint(),
            Self::OtherPlatforms { .. } | Self::NotForThisMachine { .. } => {
                Some(Hint::new("choose one of them with `--platform`"))
            }
            Self::PartMissing { .. } => Some(Hint::new(
                "run the shard that makes it with the same recipe, lock and files, or wait for it with `--wait`",
            )),
            Self::Compiler { source, .. } => source.hint(),
            Self::Fetch { source } | Self::Deliver { source, .. } => source.hint(),
            Self::Rebase(error) => error.hint(),
            Self::Signature(error) => error.hint(),
            Self::Proof(error) => error.hint(),
            Self::Unpacking { .. } => Some(Hint::new("name a folder with room in TMPDIR, or leave out `--run`")),
            _ => self.plain_way().map(Hint::new),
        }
    }
}

impl BuildError {
    /// What to do where that needs no names.
    const fn plain_way(&self) -> Option<&'static str> {
        Some(match self {
            Self::SamePlatform { .. } => "name one of them in `--from`",
            Self::NoPlatform { .. } => "name an image whose config has `os` and `architecture`",
            Self::Scratch => "name an image, a layout or an archive",
            Self::OtherImage { .. } => {
                "name the recipe and the variant that the image was built from, or leave out `--of`"
            }
            Self::Inventory { .. } => "`wheelwright verify` tells what else is wrong with the image",
            Self::Damaged { .. } => "run the same again: what was damaged is removed, and is made anew",
            Self::Worker => "build again with `--jobs 1`; if it happens then too, please report it",
            Self::Threads { .. } => "lower `--jobs`",
            Self::NoDebian => "remove `[debian]` and lock anew, or build with `--features debian`",
            Self::NotDebian { .. } => "take an image of Debian as `base`, or `scratch`",
            Self::OtherLibc { .. } => "name the release of the base in `debian.suite`",
            Self::NoPackageList { .. } => {
                "take a `base` with `/var/lib/dpkg/status` or `/var/lib/dpkg/status.d`, or `scratch`"
            }
            Self::Overlaid { .. } | Self::Tree { .. } => {
                "leave the package out with `debian.exclude`, or take another `base`"
            }
            Self::Untrusted { .. } => "push the image anew from where it was made, or name another",
            _ => return None,
        })
    }
}

fn told(broken: &[Unmet]) -> String {
    broken.iter().map(Unmet::to_string).collect::<Vec<_>>().join("; ")
}

fn listed(platforms: &[Platform]) -> String {
    platforms.iter().map(Platform::to_string).collect::<Vec<_>>().join(", ")
}
