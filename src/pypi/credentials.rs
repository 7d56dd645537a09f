//! Who we are to a package index.
//!
//! The first that knows is believed: the variables of the index's own name, the URL, netrc, and, where
//! a user name is known and a key ring is asked for, the `keyring` program. What belongs to an index is
//! sent to the index's own origin alone; netrc speaks for the hosts that it names.

use std::{collections::BTreeMap, fmt, io, process::Command, time::Duration};

use url::Url;

use super::{IndexError, Location, Netrc, PackageIndex, settings::Asked};
use crate::{
    http::{self, Authorization, Request},
    python::without_login,
};

/// What package indexes may learn about us, beside what their URLs carry. Debug output shows no secret.
#[derive(Clone, Default)]
pub struct Credentials {
    /// By name of the index, as [`Credentials::key`] writes it.
    pub named: BTreeMap<String, Login>,
    /// By host.
    pub netrc: Netrc,
    /// Asked for the password where only the user is known.
    pub keyring: Option<Keyring>,
}

/// A user, and a password if it is known.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Login {
    /// User name.
    pub user: Option<String>,
    /// Password or token.
    pub password: Option<String>,
}

/// A program that is run as `keyring get SERVICE USER`, as pip and uv run it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyring {
    /// `keyring`, or where it lies; arguments may follow.
    pub command: Vec<String>,
    /// How long it may take.
    pub limit: Duration,
}

impl Default for Keyring {
    fn default() -> Self {
        Self { command: vec!["keyring".to_owned()], limit: http::PATIENCE }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named: Vec<&String> = self.named.keys().collect();
        formatter.debug_struct("Credentials").field("named", &named).field("netrc", &self.netrc).finish_non_exhaustive()
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Login(…)")
    }
}

impl Credentials {
    /// How variables write the name of an index: `my-index.2` as `MY_INDEX_2`.
    #[must_use]
    pub fn key(index: &str) -> String {
        let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' };
        index.chars().map(letter).collect()
    }
}

impl Login {
    fn of(url: &Url) -> Option<Self> {
        let text = |text: &str| (!text.is_empty()).then(|| http::percent_decode(text));
        let login = Self { user: text(url.username()), password: url.password().and_then(text) };
        (login != Self::default()).then_some(login)
    }
}

impl PackageIndex {
    /// A request for `url`, which index `index` named, with what its host may know of us.
    pub(super) async fn request(&self, index: &str, url: &Url) -> Result<Request, IndexError> {
        let login = self.login(index, url);
        let user = login.as_ref().and_then(|login| login.user.clone());
        let password = login.and_then(|login| login.password);
        let known = match (user, password) {
            (user, Some(password)) => Some((user.unwrap_or_default(), password)),
            (user, None) => match self.in_netrc(url, user.as_deref()) {
                Some(found) => Some(found),
                None => self.in_keyring(index, url, user).await?,
            },
        };
        let authorization = known.map(|(user, password)| Authorization::Basic { user, password });
        Ok(Request::get(url.clone()).authorized(authorization))
    }

    fn login(&self, index: &str, url: &Url) -> Option<Login> {
        let own = self.root(index).filter(|root| root.origin() == url.origin());
        let named = own.and_then(|_| self.inner().settings.credentials.named.get(&Credentials::key(index)).cloned());
        let login = named.or_else(|| Login::of(url)).or_else(|| own.and_then(Login::of))?;
        // A variable may hold only the password to the user of the URL.
        let user = login.user.or_else(|| own.and_then(Login::of).and_then(|login| login.user));
        Some(Login { user, ..login })
    }

    fn root(&self, index: &str) -> Option<&Url> {
        match self.named(index)? {
            Asked { location: Location::Simple(root) | Location::Links(root), .. } => Some(root),
            Asked { location: Location::Folder(_), .. } => None,
        }
    }

    fn in_netrc(&self, url: &Url, user: Option<&str>) -> Option<(String, String)> {
        let (user, password) = self.inner().settings.credentials.netrc.find(url.host_str()?, user)?;
        Some((user.to_owned(), password.to_owned()))
    }

    /// With the user alone where nobody knows the password: some tokens are written that way.
    async fn in_keyring(
        &self,
        index: &str,
        url: &Url,
        user: Option<String>,
    ) -> Result<Option<(String, String)>, IndexError> {
        let Some(user) = user else { return Ok(None) };
        let Some(keyring) = &self.inner().settings.credentials.keyring else { return Ok(Some((user, String::new()))) };
        let service = self.root(index).filter(|root| root.origin() == url.origin()).unwrap_or(url);
        let cell = super::client::cell(&self.inner().passwords, (bare(service), user.clone()));
        let found = cell.get_or_try_init(|| ask(keyring.clone(), service.clone(), user.clone())).await?;
        Ok(Some((user, found.clone().unwrap_or_default())))
    }
}

/// The password of `user`: for the URL of the index, else for its host.
async fn ask(keyring: Keyring, service: Url, user: String) -> Result<Option<String>, IndexError> {
    let program = keyring.command.first().cloned().unwrap_or_default();
    let failed = |source| IndexError::Keyring { program: program.clone(), source };
    let host = service.host_str().unwrap_or_default();
    let host = service.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let limit = keyring.limit;
    let run = move || -> io::Result<Option<String>> {
        for service in [bare(&service), host] {
            let mut words = keyring.command.iter();
            let mut command = Command::new(words.next().map(String::as_str).unwrap_or_default());
            let command = command.args(words).arg("get").arg(service).arg(&user);
            let said = http::ask(command, b"", limit)?.ok_or(io::ErrorKind::TimedOut)?;
            let text = String::from_utf8(said.text).unwrap_or_default();
            let password = text.trim_end_matches(['\r', '\n']);
            if said.success && !password.is_empty() {
                return Ok(Some(password.to_owned()));
            }
        }
        Ok(None)
    };
    match tokio::task::spawn_blocking(run).await.map_err(io::Error::other).and_then(|found| found) {
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            Err(IndexError::KeyringSilent { program, seconds: limit.as_secs() })
        }
        result => result.map_err(failed),
    }
}

/// `url` without credentials.
fn bare(url: &Url) -> String {
    without_login(url).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pypi::{DefaultIndex, Index, Settings, testing::package_index};

    fn basic(user: &str, password: &str) -> Authorization {
        Authorization::Basic { user: user.to_owned(), password: password.to_owned() }
    }

    fn settings(root: &str) -> Settings {
        let house = Index {
            name: "my-house".to_owned(),
            location: Location::Simple("https://house.example:8443/simple/".parse().unwrap()),
            packages: Vec::new(),
            platforms: Vec::new(),
        };
        let default = DefaultIndex::Other(Location::Simple(root.parse().unwrap()));
        Settings { default, indexes: vec![house], ..Settings::default() }
    }

    async fn sent(settings: &Settings, index: &str, url: &str) -> Option<Authorization> {
        let folder = tempfile::tempdir().unwrap();
        let index_of = package_index(&folder, settings.clone());
        index_of.request(index, &url.parse().unwrap()).await.unwrap().authorization
    }

    #[tokio::test]
    async fn credentials_stay_with_their_host() {
        let settings = settings("https://user:p%40ss@host/simple/");
        let check = async |url: &str, expect| assert_eq!(sent(&settings, "default", url).await, expect, "{url}");
        check("https://host/f/a.whl", Some(basic("user", "p@ss"))).await;
        check("https://user:p%40ss@host/simple/a/", Some(basic("user", "p@ss"))).await;
        check("https://host:8443/f/a.whl", None).await;
        check("https://other/f/a.whl", None).await;
        check("https://own:word@other/f/a.whl", Some(basic("own", "word"))).await;
        check("http://host/f/a.whl", None).await;
    }

    #[tokio::test]
    async fn the_first_that_knows_is_believed() {
        let mut settings = settings("https://host/simple/");
        settings.credentials.netrc =
            Netrc::parse("machine host login n password o\nmachine files.example login f password g");
        assert_eq!(sent(&settings, "default", "https://host/a").await, Some(basic("n", "o")));
        assert_eq!(sent(&settings, "default", "https://files.example/a").await, Some(basic("f", "g")));
        assert_eq!(sent(&settings, "my-house", "https://house.example:8443/a").await, None);
        let login = Login { user: Some("v".to_owned()), password: Some("w".to_owned()) };
        settings.credentials.named = [("MY_HOUSE".to_owned(), login.clone()), ("DEFAULT".to_owned(), login)].into();
        assert_eq!(sent(&settings, "my-house", "https://house.example:8443/a").await, Some(basic("v", "w")));
        assert_eq!(sent(&settings, "my-house", "https://files.example/a").await, Some(basic("f", "g")));
        assert_eq!(sent(&settings, "default", "https://host/a").await, Some(basic("v", "w")));
        assert_eq!(sent(&settings, "", "https://host/a").await, Some(basic("n", "o")));
        let shown = format!("{settings:?}");
        assert!(!shown.contains("\"w\"") && !shown.contains("\"o\""), "{shown}");
    }

    #[tokio::test]
    async fn the_key_ring_is_asked_for_the_passwords_of_known_users() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let script = format!(
            "echo \"$@\" >>{}; case $2 in https://house*) exit 1;; house.example:8443) echo secret;; *) exec sleep 60;; esac",
            log.display()
        );
        let command = ["sh", "-c", &script, "keyring"].map(str::to_owned).to_vec();
        let keyring = Keyring { command, limit: Duration::from_secs(1) };
        let mut settings = settings("https://host/simple/");
        settings.credentials.keyring = Some(keyring);
        let index = package_index(&folder, settings.clone());
        let request = async |url: &str| index.request("my-house", &url.parse().unwrap()).await;
        for _ in 0..2 {
            let request = request("https://me@house.example:8443/a").await.unwrap();
            assert_eq!(request.authorization, Some(basic("me", "secret")));
        }
        assert!(request("https://house.example:8443/a").await.unwrap().authorization.is_none());
        let asked = std::fs::read_to_string(&log).unwrap();
        assert_eq!(asked, "get https://house.example:8443/simple/ me\nget house.example:8443 me\n");
        let silent = request("https://me@slow.example/").await.unwrap_err();
        assert_eq!(silent.to_string(), "`sh` gave no answer within 1 s");
        settings.credentials.keyring =
            Some(Keyring { command: vec!["/no/such/keyring".to_owned()], ..Keyring::default() });
        let index = package_index(&folder, settings);
        let missing = index.request("my-house", &"https://me@house.example:8443/a".parse().unwrap()).await.unwrap_err();
        assert_eq!(missing.to_string(), "cannot run `/no/such/keyring`");
    }
}
