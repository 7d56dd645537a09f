//! `wheelwright lock`, and how `wheelwright build` comes by a fresh lock.

mod arguments;
mod changes;
mod explain;
mod export;

pub(super) use arguments::{Arguments, EXAMPLES};

use std::path::{Path, PathBuf};

use super::{
    Outcome,
    error::CliError,
    project::{ProjectFile, Written},
    recipes::{self, Fates},
    session::Session,
    verify,
};
use crate::{
    builder::{Builder, Kept, RemoteCache},
    lock::{Lock, Stale},
};
use arguments::Upgrade;

/// Chooses what the lock does not say yet and writes it; of several recipes, each.
///
/// # Errors
/// When the recipe is wrong or cannot be met.
pub(super) async fn run(session: &Session, arguments: &Arguments) -> Result<Outcome, CliError> {
    let recipes = recipes::named(&arguments.recipes())?;
    if recipes.len() > 1 {
        return several(session, (recipes, arguments)).await;
    }
    let file = ProjectFile::open(recipes.first().map(PathBuf::as_path), Path::new("."))?;
    one(session, &session.builder()?, (file, arguments)).await.map(Outcome::from)
}

async fn several(session: &Session, (recipes, arguments): (Vec<PathBuf>, &Arguments)) -> Result<Outcome, CliError> {
    let alone = [("--explain", !arguments.explain.is_empty()), ("--export", arguments.export.format.is_some())];
    if let Some((flag, _)) = alone.into_iter().find(|(_, given)| *given) {
        return Err(CliError::OneRecipe { flag, recipes: recipes.len() });
    }
    let builder = session.builder()?;
    let work = async |path: PathBuf| {
        let name = path.display().to_string();
        let session = session.within(&name);
        let locked = async {
            let builder = builder.within(&name, RemoteCache::default())?;
            one(&session, &builder, (ProjectFile::open(Some(&path), Path::new("."))?, arguments)).await
        };
        let locked: Result<String, CliError> = locked.await;
        locked.inspect_err(|error| session.note(&format!("failed: {error}")))
    };
    let names: Vec<String> = recipes.iter().map(|path| path.display().to_string()).collect();
    let fates = arguments.several.fleet(session).each(recipes, work).await;
    let fates = Fates::of(names, fates);
    let told: String = fates.done.iter().map(|(_, told)| told.as_str()).collect();
    Ok(Outcome::partly(format!("{told}\n{}", fates.closing("locked", None)), fates.failures))
}

async fn one(
    session: &Session,
    builder: &Builder,
    (file, arguments): (ProjectFile, &Arguments),
) -> Result<String, CliError> {
    let file = file.on(arguments.base.as_ref())?;
    let policy = if arguments.locked { Policy::Locked } else { Policy::Update };
    if !arguments.explain.is_empty() {
        let lock = fresh(session, builder, &file, policy).await?;
        return explain::run(builder, &file, &lock, &arguments.explain).await;
    }
    if arguments.export.format.is_some() {
        let lock = fresh(session, builder, &file, policy).await?;
        return export::run(builder, &file, &lock, &arguments.export).await;
    }
    if arguments.locked {
        let lock = fresh(session, builder, &file, policy).await?;
        return Ok(format!("fresh: {}\n{}", file.lock_path().display(), changes::contents(&lock)));
    }
    let upgrade = arguments.upgrade();
    let before = match file.lock() {
        // What is thrown away need not be understood.
        Err(_) if upgrade == Upgrade::Everything => None,
        before => before?,
    };
    let kept = match (&before, &upgrade) {
        (Some(lock), Upgrade::Nothing) => Kept::of(lock),
        (Some(lock), Upgrade::Only(names)) => Kept::but(lock, names)?,
        (None, Upgrade::Only(_)) => return Err(CliError::LockMissing { path: file.lock_path() }),
        (_, Upgrade::Everything) | (None, Upgrade::Nothing) => Kept::nothing(),
    };
    let lock = builder.lock(&file.project, &kept).await?;
    verify::after_lock(session, builder, (&file, &lock)).await?;
    let written = file.write(&lock)?;
    Ok(summary(&file, before.as_ref(), &lock, written))
}

/// Whether a build may write the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    /// It is made where it is missing and made anew where it is stale.
    Update,
    /// It must be there and fresh.
    Locked,
    /// The same as [`Policy::Update`], for this run alone: nothing is written.
    Once,
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
    let before = file.lock()?;
    match &before {
        None if policy == Policy::Locked => return Err(CliError::LockMissing { path }),
        None => session.note(&format!("there is no {}: locking", path.display())),
        Some(lock) => {
            let stale = builder.stale(&file.project, lock)?;
            if stale.is_empty() {
                return Ok(lock.clone());
            }
            if policy == Policy::Locked {
                return Err(CliError::LockStale { path, stale });
            }
            let changes: Vec<String> = stale.iter().map(Stale::to_string).collect();
            session.note(&format!("{} is stale ({}): locking anew", path.display(), changes.join("; ")));
        }
    }
    let kept = before.as_ref().map_or_else(Kept::nothing, Kept::of);
    let lock = builder.lock(&file.project, &kept).await?;
    verify::after_lock(session, builder, (file, &lock)).await?;
    if policy == Policy::Once {
        let base = file.project.recipe.base.get_ref();
        session.note(&format!("locked on {base} for this run; {} was not written", path.display()));
    } else {
        file.write(&lock)?;
        session.note(&format!("wrote {}", path.display()));
    }
    if let Some(before) = &before {
        changes::told(before, &lock).lines().for_each(|line| session.note(line));
    }
    Ok(lock)
}

/// `wrote app.lock`, what changed, and what there is.
fn summary(file: &ProjectFile, before: Option<&Lock>, lock: &Lock, written: Written) -> String {
    let verb = match written {
        Written::New => "wrote",
        Written::Unchanged => "unchanged:",
    };
    let changes = before.map(|before| changes::told(before, lock)).unwrap_or_default();
    format!("{verb} {}\n{changes}{}", file.lock_path().display(), changes::contents(lock))
}
