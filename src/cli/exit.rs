//! What the program's exit code says, for scripts.

use std::{error::Error, fmt::Write as _, process::ExitCode};

use super::{error::CliError, report::unfold, starved};
use crate::{
    apt::AptError,
    base,
    builder::{BuildError, ProofError, RebaseError},
    debian::DebianError,
    http::HttpError,
    image::{ManifestError, Mismatch, TransferError},
    layer::{LayerError, debian::UnpackError},
    lock::LockError,
    pypi::IndexError,
    recipe::RecipeError,
    registry::RegistryError,
    resolve::ResolveError,
    store::StoreError,
    zip::ZipError,
};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Success = 0,
    Failure = 1,
    Usage = 2,
    Recipe = 3,
    Unresolved = 4,
    Lock = 5,
    Network = 6,
    Refused = 7,
    Findings = 8,
    Partly = 9,
    Interrupted = 130,
}

/// Every code with its meaning, as `--help` shows them.
const TABLE: [(Code, &str); 11] = [
    (Code::Success, "done"),
    (Code::Failure, "something unexpected, or a file could not be read or written"),
    (Code::Usage, "the command line, or a setting of the environment, makes no sense"),
    (Code::Recipe, "the recipe, or a file it names, is wrong"),
    (Code::Unresolved, "no wheels, packages or base image satisfy the recipe"),
    (Code::Lock, "the lock is unreadable; with --locked also: missing or stale"),
    (Code::Network, "a registry, package index or archive could not be reached or refused"),
    (Code::Refused, "an input was refused: wrong checksum, damaged or hostile contents"),
    (
        Code::Findings,
        "the image was checked, and errors were found; `verify --fail-on` says from which level on; or it could not be \
         proved",
    ),
    (Code::Partly, "of several recipes, some failed, or all; the others were built and delivered"),
    (Code::Interrupted, "interrupted"),
];

/// The table as text for `--help`.
pub(super) fn help() -> String {
    let mut text = String::from("Exit codes:\n");
    for (code, meaning) in TABLE {
        let _ = writeln!(text, "  {:>3}  {meaning}", code as u8);
    }
    text
}

/// Every code with its meaning.
#[cfg(test)]
pub(super) fn table() -> impl Iterator<Item = (u8, &'static str)> {
    TABLE.iter().map(|(code, meaning)| (*code as u8, *meaning))
}

/// The code for `error`: that of its innermost cause that has one; what the system refuses says nothing of
/// recipes or servers.
pub(super) fn code(error: &CliError) -> Code {
    let chain = unfold(error);
    if chain.iter().any(|error| starved::is_refusal(*error)) {
        return Code::Failure;
    }
    chain.into_iter().rev().find_map(class).unwrap_or(Code::Failure)
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

fn class(error: &(dyn Error + 'static)) -> Option<Code> {
    fn when<E: Error + 'static>(error: &(dyn Error + 'static), code: fn(&E) -> Option<Code>) -> Option<Code> {
        error.downcast_ref::<E>().and_then(code)
    }
    when(error, CliError::code)
        .or_else(|| documents(error))
        .or_else(|| sources(error))
        .or_else(|| images(error))
        .or_else(|| when::<BuildError>(error, build))
}

fn build(error: &BuildError) -> Option<Code> {
    match error {
        BuildError::NotLocked { .. } => Some(Code::Lock),
        BuildError::File { .. } | BuildError::Circle { .. } | BuildError::Keyring { .. } => Some(Code::Recipe),
        BuildError::Skew { .. }
        | BuildError::Breaks { .. }
        | BuildError::OtherPlatforms { .. }
        | BuildError::OtherPython { .. }
        | BuildError::NotDebian { .. }
        | BuildError::OtherRelease { .. }
        | BuildError::OtherLibc { .. }
        | BuildError::NoPackageList { .. }
        | BuildError::MaintainerScript { .. }
        | BuildError::Rebase(RebaseError::Misfits { .. })
        | BuildError::Compiler { .. }
        | BuildError::Overlaid { .. } => Some(Code::Unresolved),
        BuildError::FalseRecord { .. }
        | BuildError::Signature(_)
        | BuildError::Damaged { .. }
        | BuildError::Proof(
            ProofError::Swapped { .. }
            | ProofError::Forged { .. }
            | ProofError::Attached { .. }
            | ProofError::LeadsOut { .. },
        ) => Some(Code::Refused),
        BuildError::Proof(ProofError::Nothing { .. } | ProofError::NoProvenance { .. }) => Some(Code::Findings),
        BuildError::Scratch
        | BuildError::Proof(ProofError::FilesMissing)
        | BuildError::Rebase(
            RebaseError::UnknownBase { .. } | RebaseError::NotBelow { .. } | RebaseError::Nested { .. },
        )
        | BuildError::NotInLock { .. }
        | BuildError::OtherImage { .. }
        | BuildError::NotForThisMachine { .. }
        | BuildError::SamePlatform { .. } => Some(Code::Usage),
        _ => None,
    }
}

fn documents(error: &(dyn Error + 'static)) -> Option<Code> {
    if let Some(error) = error.downcast_ref::<RecipeError>() {
        return Some(match error {
            RecipeError::Invalid { .. } => Code::Recipe,
            RecipeError::UnknownVariant { .. } | RecipeError::VariantNotNamed { .. } => Code::Usage,
        });
    }
    error.is::<LockError>().then_some(Code::Lock)
}

fn sources(error: &(dyn Error + 'static)) -> Option<Code> {
    if let Some(error) = error.downcast_ref::<ResolveError>() {
        return (!matches!(error, ResolveError::Index(_))).then_some(Code::Unresolved);
    }
    if let Some(error) = error.downcast_ref::<IndexError>() {
        return package_index(error);
    }
    if let Some(error) = error.downcast_ref::<AptError>() {
        return archive(error);
    }
    if let Some(error) = error.downcast_ref::<HttpError>() {
        return Some(match error {
            HttpError::Keep { .. } | HttpError::Tls { .. } | HttpError::Setup { .. } => Code::Failure,
            _ => Code::Network,
        });
    }
    let store = error.downcast_ref::<StoreError>()?;
    Some(if matches!(store, StoreError::Mismatch { .. }) { Code::Refused } else { Code::Failure })
}

fn package_index(error: &IndexError) -> Option<Code> {
    Some(match error {
        IndexError::Ask { .. } | IndexError::Page { .. } | IndexError::Fetch { .. } | IndexError::NotListed { .. } => {
            Code::Network
        }
        IndexError::Broken { .. }
        | IndexError::Metadata { .. }
        | IndexError::MetadataDigest { .. }
        | IndexError::MetadataDiffers { .. }
        | IndexError::Size { .. } => Code::Refused,
        IndexError::UnknownIndex { .. } => Code::Unresolved,
        IndexError::Url { .. } | IndexError::Folder { .. } => Code::Recipe,
        IndexError::Config { .. } | IndexError::Keyring { .. } | IndexError::KeyringSilent { .. } => Code::Usage,
        IndexError::Store(_) => return None,
    })
}

fn archive(error: &AptError) -> Option<Code> {
    Some(match error {
        AptError::Fetch { .. } | AptError::Gone { .. } => Code::Network,
        AptError::Malformed { .. }
        | AptError::OtherSuite { .. }
        | AptError::Corrupt { .. }
        | AptError::WrongSize { .. }
        | AptError::Expired { .. }
        | AptError::Unsigned { .. }
        | AptError::Signature { .. }
        | AptError::Older { .. }
        | AptError::NoChecksum { .. } => Code::Refused,
        AptError::Place { .. } => Code::Lock,
        AptError::NoArchitecture { .. }
        | AptError::NoComponent { .. }
        | AptError::NoContents { .. }
        | AptError::BaseBroken { .. }
        | AptError::Endless { .. }
        | AptError::Unknown { .. }
        | AptError::Unmet { .. }
        | AptError::BaseUnfit { .. }
        | AptError::Conflict { .. } => Code::Unresolved,
        AptError::Keep { .. } | AptError::Read { .. } | AptError::Interrupted { .. } => return None,
    })
}

fn images(error: &(dyn Error + 'static)) -> Option<Code> {
    if let Some(error) = error.downcast_ref::<RegistryError>() {
        return Some(match error {
            RegistryError::Mismatch { .. } | RegistryError::TooLarge { .. } => Code::Refused,
            RegistryError::Name { .. } | RegistryError::Tag { .. } => Code::Usage,
            RegistryError::Transfer { .. } => return None,
            _ => Code::Network,
        });
    }
    if let Some(error) = error.downcast_ref::<base::BaseError>() {
        return match error {
            base::BaseError::Transfer { .. } | base::BaseError::Layer { .. } => None,
            base::BaseError::Config { .. } | base::BaseError::LayerType { .. } => Some(Code::Refused),
            _ => Some(Code::Unresolved),
        };
    }
    refused(error).then_some(Code::Refused)
}

/// Whether `error` says that foreign bytes are not what they should be.
fn refused(error: &(dyn Error + 'static)) -> bool {
    fn matches<E: Error + 'static>(error: &(dyn Error + 'static), which: fn(&E) -> bool) -> bool {
        error.downcast_ref::<E>().is_some_and(which)
    }
    error.is::<Mismatch>()
        || error.is::<ManifestError>()
        || matches::<TransferError>(error, |error| matches!(error, TransferError::Corrupt { .. }))
        || matches::<ZipError>(error, |error| error.refusal().is_some())
        || matches::<DebianError>(error, |error| !matches!(error, DebianError::Read { .. }))
        || matches::<base::LayerError>(error, |error| !matches!(error, base::LayerError::Read { .. }))
        || matches::<LayerError>(error, |error| {
            matches!(
                error,
                LayerError::Metadata { .. }
                    | LayerError::Contents { .. }
                    | LayerError::Clash { .. }
                    | LayerError::OwnClash { .. }
                    | LayerError::OnDirectory { .. }
                    | LayerError::Path { .. }
            )
        })
        || matches::<UnpackError>(error, |error| {
            !matches!(error, UnpackError::Keep { .. } | UnpackError::Read { .. } | UnpackError::Malformed { .. })
        })
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::layout::LayoutError;

    #[test]
    fn every_code_is_explained_once() {
        let codes: Vec<u8> = TABLE.iter().map(|(code, _)| *code as u8).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130]);
        assert!(help().contains("\n    7  an input was refused"), "{}", help());
    }

    #[test]
    fn the_innermost_cause_decides() {
        let check = |error: BuildError, expect: Code| {
            let shown = format!("{error:?}");
            assert_eq!(code(&error.into()), expect, "{shown}");
        };
        let offline = || HttpError::Offline { url: "https://index.example/".to_owned() };
        let ask = |source| IndexError::Ask { index: "default".to_owned(), package: "a".parse().unwrap(), source };
        check(ResolveError::from(ask(offline())).into(), Code::Network);
        let denied = ResolveError::ConstraintUrl { package: "a".parse().unwrap() };
        check(denied.into(), Code::Unresolved);
        let mismatch = StoreError::Mismatch { subject: "a".into(), expected: "b".into(), found: "c".into() };
        check(BuildError::Wheel { wheel: "a.whl".into(), source: mismatch.into() }, Code::Refused);
        let registry = RegistryError::Mismatch { repository: "r".into(), expected: "a".into(), found: "b".into() };
        let deliver = |source| BuildError::Deliver { destination: "oci:a".into(), source };
        check(deliver(registry.into()), Code::Refused);
        check(deliver(RegistryError::Offline { repository: "r".into() }.into()), Code::Network);
        let full = LayoutError::Write { path: "a".into(), source: io::Error::from(io::ErrorKind::StorageFull) };
        check(deliver(full.into()), Code::Failure);
        check(BuildError::Scratch, Code::Usage);
    }
}
