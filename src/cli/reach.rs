//! What the command line says of the network: whom to trust besides, and which registries differ from
//! others.

use std::{num::NonZeroUsize, path::PathBuf};

use clap::Args;

use super::{error::CliError, network};
use crate::{http, registry};

/// Flags of the network.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Network options")]
pub(super) struct Reach {
    /// Never touch the network: everything must be in the store
    #[arg(long, global = true)]
    pub(super) offline: bool,
    /// Trust the certificate authorities in this PEM file beside the system's (`SSL_CERT_FILE` names
    /// others in their place)
    #[arg(long, global = true, value_name = "FILE", env = "WHEELWRIGHT_CA_FILE", hide_env_values = true)]
    ca_file: Option<PathBuf>,
    /// Speak HTTP without TLS to this registry; loopback addresses need no permission
    #[arg(long, global = true, value_name = "HOST[:PORT]")]
    plain_http: Vec<String>,
    /// Read images of HOST from a mirror first, `docker.io=mirror.example` or
    /// `docker.io=harbor.example/hub`; may be given several times
    #[arg(long, global = true, value_name = "HOST=MIRROR", value_parser = mirror)]
    #[arg(env = "WHEELWRIGHT_REGISTRY_MIRROR", hide_env_values = true, value_delimiter = ',')]
    registry_mirror: Vec<(String, String)>,
    /// Upload to HOST in requests of at most so many MiB, where a proxy refuses larger ones
    #[arg(long, global = true, value_name = "HOST=MIB", value_parser = chunks)]
    upload_chunks: Vec<(String, u64)>,
    /// Requests under way at the same time to any registry or package index, and files fetched or sent, for all
    /// recipes together [default: 16 and 50, 8 and 4]
    #[arg(long, global = true, value_name = "N")]
    connections: Option<NonZeroUsize>,
}

impl Reach {
    /// The certificates of `--ca-file`.
    ///
    /// # Errors
    /// When the file cannot be read, or holds none.
    pub(super) fn authorities(&self) -> Result<Vec<rustls::pki_types::CertificateDer<'static>>, CliError> {
        self.ca_file.as_deref().map_or_else(|| Ok(Vec::new()), network::bundle_of)
    }

    /// What the client of package indexes and archives may do at the same time.
    pub(super) fn limit(&self, options: http::Options) -> http::Options {
        let Some(connections) = self.connections.map(NonZeroUsize::get) else { return options };
        http::Options { questions: connections, downloads: connections, ..options }
    }

    /// Settings of the client of registries.
    pub(super) fn registry(&self) -> registry::Options {
        let limits = registry::Options::default();
        let connections = self.connections.map(NonZeroUsize::get);
        let mut options = registry::Options {
            requests: connections.unwrap_or(limits.requests),
            uploads: connections.unwrap_or(limits.uploads),
            plain_http: self.plain_http.iter().cloned().collect(),
            chunks: self.upload_chunks.iter().cloned().collect(),
            ..limits
        };
        for (host, mirror) in &self.registry_mirror {
            options.mirrors.entry(host.clone()).or_default().push(mirror.clone());
        }
        options
    }
}

fn mirror(text: &str) -> Result<(String, String), String> {
    let written = "write it as `HOST=MIRROR` or `HOST=MIRROR/PATH`, without `https://`";
    let (host, mirror) = text.split_once('=').ok_or(written)?;
    if host.is_empty() || host.contains('/') || mirror.is_empty() || mirror.contains("://") {
        return Err(written.to_owned());
    }
    Ok((host.to_owned(), mirror.to_owned()))
}

fn chunks(text: &str) -> Result<(String, u64), String> {
    let written = "write it as `HOST=MIB`, such as `registry.example=90`";
    let (host, number) = text.split_once('=').ok_or(written)?;
    let size: u64 = number.parse().map_err(|_| written)?;
    if host.is_empty() || host.contains('/') || !(1..=1 << 20).contains(&size) {
        return Err(written.to_owned());
    }
    Ok((host.to_owned(), size << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_and_chunks_are_named_for_a_host() {
        let pair = |host: &str, mirror: &str| Ok((host.to_owned(), mirror.to_owned()));
        assert_eq!(mirror("docker.io=h.example:5000/hub"), pair("docker.io", "h.example:5000/hub"));
        for wrong in ["docker.io", "=h", "docker.io=", "docker.io=https://h.example", "a/b=h"] {
            assert!(mirror(wrong).is_err(), "{wrong}");
        }
        assert_eq!(chunks("h.example:5000=90"), Ok(("h.example:5000".to_owned(), 90 << 20)));
        for wrong in ["h", "h=", "h=0", "h=-1", "h=9MB", "=1", "h=99999999999999999999"] {
            assert!(chunks(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn flags_become_settings() {
        let reach = Reach {
            registry_mirror: vec![mirror("docker.io=a").unwrap(), mirror("docker.io=b").unwrap()],
            plain_http: vec!["a".to_owned()],
            upload_chunks: vec![chunks("c=2").unwrap()],
            ..Reach::default()
        };
        let options = reach.registry();
        assert_eq!(options.mirrors["docker.io"], ["a", "b"]);
        assert_eq!(options.chunks["c"], 2 << 20);
        assert!(options.plain_http.contains("a"));
        let missing = Reach { ca_file: Some("/absent/ca.pem".into()), ..Reach::default() };
        assert!(matches!(missing.authorities(), Err(CliError::Read { .. })));
    }
}
