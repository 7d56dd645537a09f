//! `wheelwright lock`, and how `wheelwright build` comes by a fresh lock.

use std::{fmt::Write as _, path::Path};

use super::{
    args,
    error::CliError,
    project::{ProjectFile, Written},
    quantity,
    session::Session,
};
use crate::{builder::Builder, lock::Lock};

/// Chooses everything and writes the lock.
///
/// # Errors
/// When the recipe is wrong or cannot be met.
pub(super) async fn run(session: &Session, arguments: &args::Lock) -> Result<String, CliError> {
    let file = ProjectFile::open(arguments.recipe.as_deref(), Path::new("."))?;
    let lock = session.builder()?.lock(&file.project).await?;
    let written = file.write(&lock)?;
    Ok(summary(&file, &lock, written))
}

/// Whether a build may write the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    /// It is made where it is missing and made anew where it is stale.
    Update,
    /// It must be there and fresh.
    Locked,
}

/// A lock that says what the recipe says.
///
/// # Errors
/// When the lock is unreadable, or the policy forbids to make it, or the recipe cannot be met.
pub(super) async fn fresh(
    session: &Session,
    builder: &Builder,
    file: &ProjectFile,
    policy: Policy,
) -> Result<Lock, CliError> {
    let path = file.lock_path();
    match file.lock()? {
        None if policy == Policy::Locked => return Err(CliError::LockMissing { path }),
        None => session.note(&format!("there is no {}: locking", path.display())),
        Some(lock) => {
            let stale = builder.stale(&file.project, &lock)?;
            if stale.is_empty() {
                return Ok(lock);
            }
            if policy == Policy::Locked {
                return Err(CliError::LockStale { path, stale });
            }
            let changes: Vec<String> = stale.iter().map(ToString::to_string).collect();
            session.note(&format!("{} is stale ({}): locking anew", path.display(), changes.join(", ")));
        }
    }
    let lock = builder.lock(&file.project).await?;
    file.write(&lock)?;
    session.note(&format!("wrote {}", path.display()));
    Ok(lock)
}

/// `wrote app.lock: 12 wheels for linux/amd64, …`.
fn summary(file: &ProjectFile, lock: &Lock, written: Written) -> String {
    let verb = match written {
        Written::New => "wrote",
        Written::Unchanged => "unchanged:",
    };
    let mut text = format!("{verb} {}\n", file.lock_path().display());
    for image in &lock.images {
        let variant = image.variant.as_ref().map(|variant| format!("{variant}, ")).unwrap_or_default();
        let packages = lock.platform(&image.platform).map_or(0, |platform| platform.debian.len());
        let wheels = quantity::count(image.wheels.len(), "wheel");
        let packages = match packages {
            0 => String::new(),
            packages => format!(", {}", quantity::count(packages, "Debian package")),
        };
        let size = quantity::bytes(image.wheels.iter().map(|wheel| wheel.size).sum());
        let _ = writeln!(text, "  {variant}{}: {wheels} ({size}){packages}", image.platform);
    }
    text
}
