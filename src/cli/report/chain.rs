//! An error and its causes, those included that pass themselves off as their wrapper.

use std::{error::Error, io};

use crate::{
    apt::AptError,
    archive::ArchiveError,
    base,
    builder::BuildError,
    cli::{error::CliError, starved},
    debian::{DebianError, openpgp::OpenPgpError},
    engine::EngineError,
    hint::{Advise, Hint},
    http::HttpError,
    image::TransferError,
    layer::{LayerError, debian::UnpackError},
    layout::LayoutError,
    lock::LockError,
    pypi::IndexError,
    python::PythonError,
    recipe::RecipeError,
    registry::{CredentialError, RegistryError},
    resolve::ResolveError,
    store::StoreError,
    zip::ZipError,
};

type Cause = dyn Error + 'static;

/// Asks whether an error is one of a certain type, which knows hints.
type Adviser = for<'a> fn(&'a Cause) -> Option<&'a dyn Advise>;

/// No chain is longer, unless it is a circle.
const LONGEST: usize = 64;

/// Every error that may know the way out.
const ADVISERS: &[Adviser] = &[
    adviser::<CliError>,
    adviser::<BuildError>,
    adviser::<RecipeError>,
    adviser::<LockError>,
    adviser::<ResolveError>,
    adviser::<IndexError>,
    adviser::<PythonError>,
    adviser::<AptError>,
    adviser::<DebianError>,
    adviser::<OpenPgpError>,
    adviser::<base::BaseError>,
    adviser::<LayerError>,
    adviser::<UnpackError>,
    adviser::<ZipError>,
    adviser::<TransferError>,
    adviser::<LayoutError>,
    adviser::<ArchiveError>,
    adviser::<EngineError>,
    adviser::<RegistryError>,
    adviser::<CredentialError>,
    adviser::<HttpError>,
    #[cfg(feature = "serve")]
    adviser::<crate::serve::ServeError>,
    adviser::<StoreError>,
];

/// Errors that stand in a box where they are large: the box is an error of its own.
const UNBOXERS: [for<'a> fn(&'a Cause) -> Option<&'a Cause>; 8] = [
    unboxed::<BuildError>,
    unboxed::<ResolveError>,
    unboxed::<IndexError>,
    unboxed::<AptError>,
    unboxed::<base::BaseError>,
    unboxed::<RegistryError>,
    unboxed::<TransferError>,
    unboxed::<HttpError>,
];

/// `error` and its causes, outermost first. A wrapper whose text is that of what it wraps stands
/// beside it.
pub(crate) fn unfold(error: &Cause) -> Vec<&Cause> {
    std::iter::successors(Some(error), |error| cause(*error)).take(LONGEST).collect()
}

/// The advice of the innermost error that has some; what the system refuses comes first.
pub(super) fn hint(chain: &[&Cause]) -> Option<Hint> {
    chain.iter().copied().find_map(starved::way_out).or_else(|| chain.iter().rev().copied().find_map(advice))
}

fn advice(error: &Cause) -> Option<Hint> {
    ADVISERS.iter().find_map(|adviser| adviser(error)).and_then(Advise::hint)
}

fn adviser<E: Advise>(error: &Cause) -> Option<&dyn Advise> {
    error.downcast_ref::<E>().map(|error| error as &dyn Advise)
}

fn cause(error: &Cause) -> Option<&Cause> {
    wrapped(error).or_else(|| error.source())
}

fn unboxed<E: Error + 'static>(error: &Cause) -> Option<&Cause> {
    error.downcast_ref::<Box<E>>().map(|error| &**error as &Cause)
}

/// What a transparent wrapper hides: its `source` is the source of what it wraps.
fn wrapped(error: &Cause) -> Option<&Cause> {
    if let Some(error) = error.downcast_ref::<CliError>() {
        return match error {
            CliError::Recipe(inner) => Some(inner),
            CliError::Lock(inner) => Some(inner),
            CliError::Store(inner) => Some(inner),
            CliError::Http(inner) => Some(inner),
            #[cfg(feature = "serve")]
            CliError::Serve(inner) => Some(inner),
            CliError::Build(inner) => Some(&**inner),
            _ => None,
        };
    }
    if let Some(error) = error.downcast_ref::<BuildError>() {
        return match error {
            BuildError::Recipe(inner) => Some(inner),
            BuildError::Lock(inner) => Some(inner),
            BuildError::Resolve(inner) => Some(inner),
            BuildError::Layout(inner) => Some(inner),
            BuildError::Archive(inner) => Some(inner),
            BuildError::Registry(inner) => Some(inner),
            BuildError::Engine(inner) => Some(inner),
            _ => None,
        };
    }
    if let Some(ResolveError::Index(inner)) = error.downcast_ref() {
        return Some(&**inner);
    }
    if let Some(IndexError::Store(inner)) = error.downcast_ref() {
        return Some(inner);
    }
    if let Some(LayerError::Store(inner)) = error.downcast_ref() {
        return Some(inner);
    }
    match error.downcast_ref() {
        Some(TransferError::Room(failure)) => return Some(failure.error()),
        Some(TransferError::Manifest(inner)) => return Some(inner),
        _ => {}
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return error.get_ref().map(|inner| inner as &Cause);
    }
    UNBOXERS.iter().find_map(|unboxed| unboxed(error))
}
