//! Which interpreter of this machine compiles.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{
    error::{CompilerError, Tried},
    worker::{ARGUMENTS, greeted},
};
use crate::{
    http::ask,
    lock::{Compiler, Interpreter},
};

/// How long an interpreter may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(20);

/// The oldest CPython, 3.8, whose compiled modules are known.
const OLDEST: u8 = 8;

/// Where interpreters are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Interpreters that the user names, in this order; of whatever versions.
    pub named: Vec<PathBuf>,
    /// Folders in which `python3.X` is looked for then.
    pub folders: Vec<PathBuf>,
}

/// The interpreter that compiles for `image`'s: of the same feature release, and exactly `locked` where a lock
/// says who compiled before. Starts each that may be it, to ask. Blocks.
///
/// # Errors
/// When there is none.
pub fn find(
    search: &Search,
    image: &Interpreter,
    locked: Option<&Compiler>,
) -> Result<(PathBuf, Compiler), CompilerError> {
    let series = format!("python{}.{}", image.version.major, image.version.minor);
    let mut tried = Vec::new();
    let mut seen = BTreeSet::new();
    let listed = search.folders.iter().map(|folder| folder.join(&series)).filter(|program| program.is_file());
    for program in search.named.iter().cloned().chain(listed) {
        if !seen.insert(program.canonicalize().unwrap_or_else(|_| program.clone())) {
            continue;
        }
        match fits(&program, image, locked) {
            Ok(found) => return Ok((program, found)),
            Err(is) => tried.push(Tried { program, is }),
        }
    }
    let wanted = locked.map_or_else(
        || format!("CPython {}.{}", image.version.major, image.version.minor),
        |compiler| format!("{compiler}"),
    );
    Err(CompilerError::None { wanted, locked: locked.is_some(), tried })
}

fn fits(program: &Path, image: &Interpreter, locked: Option<&Compiler>) -> Result<Compiler, String> {
    let said = ask(Command::new(program).args(ARGUMENTS), b"", PATIENCE);
    let said = said.map_err(|error| format!("cannot be started ({error})"))?;
    let said = said.ok_or_else(|| format!("does not answer within {} s", PATIENCE.as_secs()))?;
    let (found, free_threaded) =
        greeted(&said.text).filter(|_| said.success).ok_or("is no released CPython that runs")?;
    let same_series = (found.version.major, found.version.minor) == (image.version.major, image.version.minor);
    if !same_series || free_threaded != image.free_threaded || locked.is_some_and(|locked| *locked != found) {
        return Err(format!("is {found}{}", if free_threaded { ", free-threaded" } else { "" }));
    }
    if found.version.minor < OLDEST {
        return Err(format!("is {found}, which is older than 3.{OLDEST}"));
    }
    Ok(found)
}
