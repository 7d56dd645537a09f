//! Container engines on this machine: an archive, streamed into `docker load` and its like.

mod error;
mod sink;

use std::{
    fmt,
    process::{Command, Stdio},
};

pub use error::EngineError;
pub use sink::EngineSink;

/// A program that runs containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Docker, whose daemon must run.
    Docker,
    /// Podman.
    Podman,
    /// The client of containerd.
    Nerdctl,
}

impl Engine {
    /// All of them, the usual one first.
    pub const ALL: [Self; 3] = [Self::Docker, Self::Podman, Self::Nerdctl];

    /// The name of its program.
    #[must_use]
    pub const fn program(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Nerdctl => "nerdctl",
        }
    }

    /// The first that is installed and answers. Blocks.
    ///
    /// # Errors
    /// When none does; the error tells what each said.
    pub fn find() -> Result<Self, EngineError> {
        let mut silent = Vec::new();
        for engine in Self::ALL {
            match engine.answer() {
                Ok(()) => return Ok(engine),
                Err(reason) => silent.push(reason),
            }
        }
        Err(EngineError::None { reasons: silent.into_iter().flatten().collect() })
    }

    /// Succeeds if it could load an image now. Blocks.
    ///
    /// # Errors
    /// When it is not installed, or its daemon does not run.
    pub fn check(self) -> Result<(), EngineError> {
        self.answer().map_err(|reason| EngineError::None { reasons: reason.into_iter().collect() })
    }

    /// Asks for its version, which needs the daemon. Says nothing if it is not installed, else why not.
    fn answer(self) -> Result<(), Option<String>> {
        let asked = Command::new(self.program()).arg("version").stdin(Stdio::null()).output().map_err(|_| None)?;
        if asked.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&asked.stderr);
        let line = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it fails");
        Err(Some(format!("{self}: {}", line.trim())))
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.program())
    }
}
