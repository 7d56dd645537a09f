//! `wheelwright serve`: the built-in registry, until somebody ends it.

use std::{
    fs,
    future::Future,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;

use super::{destination, error::CliError, session::Session};
use crate::{
    builder::Destination,
    serve::{Server, Shelved, Tls, Users},
};

/// Below the help of `serve`.
pub(super) const EXAMPLES: &str = "\
Examples:
  wheelwright serve registry                    push to 127.0.0.1:5000, and pull from there
  wheelwright serve oci:dist --listen [::]:80   what the layout holds, read-only, for everybody
  htpasswd -B -c users ann
  wheelwright serve registry --users users --tls-cert cert.pem --tls-key key.pem --listen 0.0.0.0:443

It says on standard output where it listens, once it does. SIGINT and SIGTERM stop it, after the
requests that are under way, for which it waits ten seconds.

A layout is shown as it is when the program starts. An image whose name there is a tag has that tag in
the repository called like the folder; one without a name is `latest`; one with a full name keeps the
repository and the tag of that.

What is deleted is no longer seen, but its bytes stay in the folder.";

/// How long requests under way may take when it stops.
const GRACE: Duration = Duration::from_secs(10);

/// `serve`.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// The folder that keeps the images, made if it is missing; or oci:DIR, a layout to be read only
    #[arg(value_name = "DIR")]
    place: String,
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5000")]
    listen: SocketAddr,
    /// Let in only whom this file names, in lines as `htpasswd -B` writes them
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// Speak TLS with this certificate, PEM, with its chain
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Refuse whatever would change something
    #[arg(long)]
    read_only: bool,
}

/// Serves until `stop` completes; `say` hears at once where.
///
/// # Errors
/// When it cannot listen, or a file it is given is of no use.
pub(super) async fn run(
    session: &Session,
    arguments: &Serve,
    stop: impl Future<Output = ()> + Send,
    say: impl Fn(&str) -> Result<(), CliError>,
) -> Result<String, CliError> {
    // Before anything is made: what it is given must be of use.
    let (users, tls) = (arguments.users()?, arguments.tls()?);
    let (mut server, shelved) = arguments.server().await?;
    if tls.is_none() && !server.address().ip().is_loopback() {
        session.note("anybody on the way can read along: there is no TLS");
    }
    if let Some(users) = users {
        server = server.with_users(users);
    }
    if let Some(tls) = tls {
        server = server.with_tls(tls);
    }
    if arguments.read_only {
        server = server.read_only();
    }
    say(&arguments.greeting(server.address(), &shelved))?;
    server.with_grace(GRACE).run(stop).await;
    Ok(String::new())
}

impl Serve {
    async fn server(&self) -> Result<(Server, Vec<Shelved>), CliError> {
        if !self.place.starts_with("oci:") {
            return Ok((Server::bind(self.listen, Path::new(&self.place)).await?, Vec::new()));
        }
        match destination::parse(&self.place) {
            Ok(Destination::Layout { folder, name: None }) => Ok(Server::bind_layout(self.listen, &folder).await?),
            _ => Err(CliError::ServePlace { place: self.place.clone() }),
        }
    }

    fn users(&self) -> Result<Option<Users>, CliError> {
        let Some(path) = &self.users else { return Ok(None) };
        let text = fs::read_to_string(path).map_err(|source| CliError::Read { path: path.clone(), source })?;
        Ok(Some(Users::parse(path, &text)?))
    }

    fn tls(&self) -> Result<Option<Tls>, CliError> {
        match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Ok(Some(Tls::read(certificate, key)?)),
            _ => Ok(None),
        }
    }

    fn greeting(&self, address: SocketAddr, shelved: &[Shelved]) -> String {
        let scheme = if self.tls_cert.is_some() { "https" } else { "http" };
        let listed = shelved.iter().map(|Shelved { name, digest }| format!("{address}/{name}  {digest}\n"));
        std::iter::once(format!("listening on {scheme}://{address}\n")).chain(listed).collect()
    }
}
