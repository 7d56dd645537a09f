//! Who we are to a registry: Docker's and Podman's files, credential helpers, or nobody.

mod file;
mod helper;

use std::{fmt, fs, io, path::PathBuf};

use futures_util::future::BoxFuture;

use crate::hint::{Advise, Hint};

use file::{Entry, File};

/// What a registry may learn about us; `Debug` does not show secrets.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// Nothing.
    Anonymous,
    /// User name and password, or a token in the place of one.
    Basic {
        /// User name.
        user: String,
        /// Password.
        password: String,
    },
    /// A long-lived token that the token server exchanges (OAuth 2 `refresh_token`).
    Identity {
        /// The user name that stood beside it, often empty.
        user: String,
        /// The token.
        token: String,
    },
    /// A token for the registry itself, used as it is.
    Bearer(String),
}

/// Knows credentials.
pub trait CredentialProvider: Send + Sync {
    /// The credential for `repository` in `registry` (host and port).
    fn credential<'a>(
        &'a self,
        registry: &'a str,
        repository: &'a str,
    ) -> BoxFuture<'a, Result<Credential, CredentialError>>;
}

/// Knows nothing: every registry sees a stranger.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anonymous;

/// Where other container tools keep credentials. Asked in the order of the fields; files that do not
/// exist are passed over.
#[derive(Clone, Default)]
pub struct CredentialFiles {
    /// The text of a `config.json`, as CI systems put into a variable.
    pub inline: Option<String>,
    /// Podman's `auth.json` files, most important first.
    pub auth_files: Vec<PathBuf>,
    /// Docker's `config.json`.
    pub docker_config: Option<PathBuf>,
}

/// Credentials that could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// A file that exists cannot be read.
    #[error("cannot read credentials from {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not what container tools write. The reason is not shown: it could quote a secret.
    #[error("{place} is not a credentials file of a container tool")]
    Malformed {
        /// The file, or the name of the variable's content.
        place: String,
    },
    /// A credential helper cannot be run.
    #[error("cannot run the credential helper `{helper}`")]
    Run {
        /// Its program.
        helper: String,
        /// Why.
        source: io::Error,
    },
    /// A credential helper failed.
    #[error("the credential helper `{helper}` failed for {registry}: {reason}")]
    Helper {
        /// Its program.
        helper: String,
        /// For which registry.
        registry: String,
        /// The first line it said.
        reason: String,
    },
}

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Basic { .. } => "Basic(…)",
            Self::Identity { .. } => "Identity(…)",
            Self::Bearer(_) => "Bearer(…)",
        })
    }
}

impl fmt::Debug for CredentialFiles {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CredentialFiles")
            .field("inline", &self.inline.as_ref().map(|_| "…"))
            .field("auth_files", &self.auth_files)
            .field("docker_config", &self.docker_config)
            .finish()
    }
}

impl CredentialProvider for Anonymous {
    fn credential<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<Credential, CredentialError>> {
        Box::pin(std::future::ready(Ok(Credential::Anonymous)))
    }
}

impl CredentialProvider for Credential {
    fn credential<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<Credential, CredentialError>> {
        Box::pin(std::future::ready(Ok(self.clone())))
    }
}

impl CredentialProvider for CredentialFiles {
    fn credential<'a>(
        &'a self,
        registry: &'a str,
        repository: &'a str,
    ) -> BoxFuture<'a, Result<Credential, CredentialError>> {
        Box::pin(async move {
            for file in self.files()? {
                match lookup(&file, registry, repository).await? {
                    Credential::Anonymous => {}
                    found => return Ok(found),
                }
            }
            Ok(Credential::Anonymous)
        })
    }
}

impl CredentialFiles {
    fn files(&self) -> Result<Vec<File>, CredentialError> {
        let inline = self.inline.as_deref().map(|text| parse(text, || "the inline configuration".to_owned()));
        let paths = self.auth_files.iter().chain(&self.docker_config);
        let read = paths.filter_map(|path| match fs::read_to_string(path) {
            Ok(text) => Some(parse(&text, || path.display().to_string())),
            Err(error) if is_absent(&error) => None,
            Err(source) => Some(Err(CredentialError::Read { path: path.clone(), source })),
        });
        inline.into_iter().chain(read).collect()
    }
}

impl Advise for CredentialError {
    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(match self {
            Self::Read { .. } | Self::Malformed { .. } => "log in again with the container tool that wrote the file",
            Self::Run { .. } => "install the credential helper, or remove it from `credsStore` and `credHelpers`",
            Self::Helper { .. } => "run the helper by hand with `get` to see what it says",
        }))
    }
}

async fn lookup(file: &File, registry: &str, repository: &str) -> Result<Credential, CredentialError> {
    let (helper, stored) = match file.entry(registry, repository) {
        Entry::Helper { name, otherwise } => (Some(name), otherwise),
        Entry::Stored(credential) => (None, credential),
    };
    if let Some(name) = helper {
        let registry = registry.to_owned();
        let asked = tokio::task::spawn_blocking(move || helper::get(&name, &registry)).await;
        match asked.unwrap_or(Ok(Credential::Anonymous))? {
            Credential::Anonymous => {}
            found => return Ok(found),
        }
    }
    Ok(stored)
}

fn parse(text: &str, place: impl Fn() -> String) -> Result<File, CredentialError> {
    File::parse(text).ok_or_else(|| CredentialError::Malformed { place: place() })
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// What the credentials of Docker Hub are filed under, since the days of its first interface.
pub(super) const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[tokio::test]
    async fn the_first_file_that_knows_wins() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, user: &str| {
            let path = folder.path().join(name);
            let text = format!(r#"{{"auths":{{"{user}.example":{{"username":"{user}","password":"p"}}}}}}"#);
            fs::File::options().create_new(true).write(true).open(&path).unwrap().write_all(text.as_bytes()).unwrap();
            path
        };
        let files = CredentialFiles {
            inline: Some(r#"{"auths":{"inline.example":{"username":"inline","password":"p"}}}"#.to_owned()),
            auth_files: vec![folder.path().join("absent"), write("auth.json", "podman")],
            docker_config: Some(write("config.json", "docker")),
        };
        for user in ["inline", "podman", "docker"] {
            let found = files.credential(&format!("{user}.example"), "a").await.unwrap();
            assert_eq!(found, Credential::Basic { user: user.to_owned(), password: "p".to_owned() });
        }
        assert_eq!(files.credential("other.example", "a").await.unwrap(), Credential::Anonymous);
    }

    #[tokio::test]
    async fn a_broken_file_is_an_error_without_its_content() {
        let files = CredentialFiles { inline: Some(r#"{"auths":"hunter2"}"#.to_owned()), ..Default::default() };
        let error = files.credential("r", "a").await.unwrap_err();
        assert!(!format!("{error:?} {error} {files:?}").contains("hunter2"));
    }
}
