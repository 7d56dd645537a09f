//! Python interpreters of this machine that compile sources for images: found, asked who they are, fed through
//! pipes. They parse what they are given and import none of it.
//!
//! What two processes make of one source must be the same, byte for byte, once each is in its canonical form
//! ([`canonical_code`](crate::python::canonical_code)): they have different seeds for their hashes.

mod error;
mod find;
mod worker;

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

pub use error::{CompilerError, Tried};
pub use find::{Search, find};
use worker::{Answer, Worker};

use crate::{
    lock::Compiler,
    python::{canonical_code, unchecked_header},
};

/// How long one source may take. The largest known take some seconds.
const PATIENCE: Duration = Duration::from_mins(2);

/// Processes of one interpreter, two for each thread that compiles at the same time.
#[derive(Debug)]
pub struct Compilers {
    program: PathBuf,
    identity: Compiler,
    patience: Duration,
    idle: Mutex<Vec<(Worker, Worker)>>,
}

impl Compilers {
    /// Those of `program`, which [`find`] found to be `identity`.
    #[must_use]
    pub fn new(program: &Path, identity: Compiler) -> Self {
        Self { program: program.to_owned(), identity, patience: PATIENCE, idle: Mutex::default() }
    }

    /// What the interpreter is.
    #[must_use]
    pub const fn identity(&self) -> &Compiler {
        &self.identity
    }

    /// What `source` becomes, which is imported as the absolute path `path`: an unchecked-hash pyc. Nothing where
    /// it is no source of this Python. Blocks; a thread that waits here waits for processors only.
    ///
    /// # Errors
    /// When the interpreter cannot be started, dies, takes too long, answers what no interpreter does, or does
    /// not answer the same twice.
    pub fn compile(&self, path: &str, source: &[u8]) -> Result<Option<Vec<u8>>, CompilerError> {
        let taken = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let (mut first, mut second) = match taken {
            Some(pair) => pair,
            None => (self.start()?, self.start()?),
        };
        let one = self.judge(path, first.compile(path, source, self.patience)?)?;
        let other = self.judge(path, second.compile(path, source, self.patience)?)?;
        if one != other {
            return Err(CompilerError::Differs { program: self.program.clone(), path: path.to_owned() });
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push((first, second));
        Ok(one)
    }

    fn start(&self) -> Result<Worker, CompilerError> {
        Worker::start(&self.program, &self.identity, self.patience)
    }

    fn judge(&self, path: &str, answer: Answer) -> Result<Option<Vec<u8>>, CompilerError> {
        let Answer::Code { source, code } = answer else { return Ok(None) };
        let rubbish = |source| CompilerError::Rubbish { program: self.program.clone(), path: path.to_owned(), source };
        let code = canonical_code(&code, self.identity.version.minor).map_err(rubbish)?;
        Ok(Some([&unchecked_header(self.identity.magic, source)[..], &code].concat()))
    }
}

#[cfg(test)]
mod tests;
