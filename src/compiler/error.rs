//! Why nothing can be compiled.

use std::{io, path::PathBuf, time::Duration};

use crate::{
    hint::{Advise, Hint},
    lock::Compiler,
    python::BytecodeError,
};

/// A source that cannot be compiled for reasons of the interpreter's.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompilerError {
    /// No interpreter of this machine fits.
    #[error("there is no {wanted} here to compile with{}", listed(tried))]
    None {
        /// The version that is needed.
        wanted: String,
        /// Whether exactly this one is needed, because the lock says so.
        locked: bool,
        /// What was found in its place.
        tried: Vec<Tried>,
    },
    /// The interpreter cannot be started.
    #[error("cannot start `{}`", program.display())]
    Start {
        /// The interpreter.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The interpreter is not any more what it was.
    #[error("`{}` is not {expected} any more: it says `{found}`", program.display())]
    Stranger {
        /// The interpreter.
        program: PathBuf,
        /// What it was.
        expected: Compiler,
        /// How it greets now.
        found: String,
    },
    /// The interpreter does not answer.
    #[error("`{}` did not answer within {} s about `{path}`", program.display(), limit.as_secs_f32())]
    Late {
        /// The interpreter.
        program: PathBuf,
        /// What it was asked about.
        path: String,
        /// How long it had.
        limit: Duration,
    },
    /// The interpreter died.
    #[error("`{}` died over `{path}`: {said}", program.display())]
    Died {
        /// The interpreter.
        program: PathBuf,
        /// What it was asked about.
        path: String,
        /// Its last words.
        said: String,
    },
    /// The interpreter answers what is no answer.
    #[error("`{}` answered nonsense about `{path}`", program.display())]
    Nonsense {
        /// The interpreter.
        program: PathBuf,
        /// What it was asked about.
        path: String,
    },
    /// The interpreter gives something else than code.
    #[error("`{}` compiled `{path}` to what is no code", program.display())]
    Rubbish {
        /// The interpreter.
        program: PathBuf,
        /// The source.
        path: String,
        /// What is wrong with it.
        source: BytecodeError,
    },
    /// Two processes of one interpreter differ.
    #[error("two processes of `{}` compiled `{path}` differently", program.display())]
    Differs {
        /// The interpreter.
        program: PathBuf,
        /// The source.
        path: String,
    },
}

/// An interpreter that was found and does not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// Where.
    pub program: PathBuf,
    /// What it is, or what is wrong with it.
    pub is: String,
}

fn listed(tried: &[Tried]) -> String {
    let each = tried.iter().map(|one| format!("`{}` {}", one.program.display(), one.is)).collect::<Vec<_>>();
    if each.is_empty() { String::new() } else { format!(": {}", each.join("; ")) }
}

impl Advise for CompilerError {
    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(match self {
            Self::None { wanted, locked: true, .. } => format!(
                "name {wanted} in WHEELWRIGHT_PYTHON, or run `wheelwright lock` here to have it compiled by another"
            ),
            Self::None { wanted, .. } => format!(
                "install {wanted}, name one in WHEELWRIGHT_PYTHON or `wheels.bytecode`, or leave `bytecode` out"
            ),
            _ => {
                "name another interpreter of this version in WHEELWRIGHT_PYTHON, or leave `wheels.bytecode` out".into()
            }
        }))
    }
}
