//! `--load`: which container engine takes the image.

use clap::{Args, ValueEnum};

use super::error::CliError;
use crate::{builder::BuildError, engine::Engine};

/// The flag.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(super) struct Loading {
    /// Load the image into a container engine: docker, podman or nerdctl, the first that answers. The
    /// archive streams into it and is not written down; of several platforms it gets this machine's
    #[arg(long, value_name = "ENGINE", num_args = 0..=1, require_equals = true, default_missing_value = "any")]
    load: Option<Wanted>,
}

/// What `--load` may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Wanted {
    /// The first of them that answers
    Any,
    /// Docker
    Docker,
    /// Podman
    Podman,
    /// The client of containerd
    Nerdctl,
}

impl Loading {
    /// Whether there is anything to load.
    pub(super) const fn is_wanted(self) -> bool {
        self.load.is_some()
    }

    /// The engine, which has answered; nothing where none is wanted.
    ///
    /// # Errors
    /// When none answers.
    pub(super) async fn engine(self) -> Result<Option<Engine>, CliError> {
        let Some(wanted) = self.load else { return Ok(None) };
        let named = |engine: Engine| engine.check().map(|()| engine);
        let found = tokio::task::spawn_blocking(move || match wanted {
            Wanted::Any => Engine::find(),
            Wanted::Docker => named(Engine::Docker),
            Wanted::Podman => named(Engine::Podman),
            Wanted::Nerdctl => named(Engine::Nerdctl),
        });
        match found.await {
            Ok(found) => Ok(Some(found.map_err(BuildError::from)?)),
            Err(_) => Err(BuildError::Worker.into()),
        }
    }
}
