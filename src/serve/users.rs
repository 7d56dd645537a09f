//! Who may use the registry: HTTP's basic authentication against a file as `htpasswd -B` writes it.
//!
//! [RFC 7617](https://www.rfc-editor.org/rfc/rfc7617).

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hyper::{HeaderMap, StatusCode, header::AUTHORIZATION, header::WWW_AUTHENTICATE};

use super::{ServeError, reply::Trouble};
use crate::oci::Digest;

/// Passwords that were right are remembered up to this number: bcrypt takes its time on purpose.
const MOST_REMEMBERED: usize = 1000;

/// Users and the bcrypt hashes of their passwords.
#[derive(Clone)]
pub struct Users {
    hashes: Arc<BTreeMap<String, String>>,
    /// Digests of user and password that were right before.
    right: Arc<Mutex<BTreeSet<Digest>>>,
    /// One password is looked at at a time, so that guessing does not take all processors.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Users {
    /// Reads lines of `user:hash`; empty ones and those that begin with `#` mean nothing. `path` is
    /// for messages.
    ///
    /// # Errors
    /// When a line is something else, or a hash is not of bcrypt.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ServeError> {
        let mut hashes = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let user = line.split_once(':').filter(|(user, hash)| !user.is_empty() && is_bcrypt(hash));
            let Some((user, hash)) = user else {
                return Err(ServeError::User { path: path.to_owned(), line: number + 1 });
            };
            hashes.insert(user.to_owned(), hash.to_owned());
        }
        if hashes.is_empty() {
            return Err(ServeError::NoUser { path: path.to_owned() });
        }
        Ok(Self { hashes: Arc::new(hashes), right: Arc::default(), turn: Arc::default() })
    }

    /// Lets the request pass, or tells how to log in.
    pub(super) async fn check(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        let known = match headers.get(AUTHORIZATION).and_then(|value| read(value.as_bytes())) {
            Some((user, password)) => self.knows(user, password).await,
            None => false,
        };
        if known {
            return Ok(());
        }
        Err(Trouble::Refused {
            status: StatusCode::UNAUTHORIZED,
            code: "UNAUTHORIZED",
            message: "log in with a user and a password that this registry knows".to_owned(),
            headers: vec![(WWW_AUTHENTICATE, "Basic realm=\"wheelwright\"".to_owned())],
        })
    }

    async fn knows(&self, user: String, password: String) -> bool {
        let seen = Digest::of(format!("{}:{user}:{password}", user.len()).as_bytes());
        if self.remembered().contains(&seen) {
            return true;
        }
        let _turn = self.turn.lock().await;
        // A stranger waits as long as a user does.
        let (hash, stranger) = match self.hashes.get(&user) {
            Some(hash) => (hash.clone(), false),
            None => (self.hashes.values().next().cloned().unwrap_or_default(), true),
        };
        let verified = tokio::task::spawn_blocking(move || bcrypt::verify(password, &hash));
        let right = verified.await.is_ok_and(|verified| verified.unwrap_or(false)) && !stranger;
        if right {
            let mut remembered = self.remembered();
            if remembered.len() == MOST_REMEMBERED {
                remembered.clear();
            }
            remembered.insert(seen);
        }
        right
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, BTreeSet<Digest>> {
        self.right.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_bcrypt(hash: &str) -> bool {
    hash.starts_with("$2") && hash.parse::<bcrypt::HashParts>().is_ok()
}

/// `Basic` and base64 of `user:password`.
fn read(value: &[u8]) -> Option<(String, String)> {
    let (scheme, encoded) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    text.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(text: &str) -> Result<Users, ServeError> {
        Users::parse(Path::new("users"), text)
    }

    #[tokio::test]
    async fn users_log_in_with_their_own_password() {
        let hash = |password: &str| bcrypt::hash(password, 4).unwrap();
        let text = format!("# team\n\nann:{}\nbob:{}\n", hash("a:b"), hash("bee"));
        let users = users(&text).unwrap();
        let check = async |header: Option<String>, expect: bool| {
            let mut headers = HeaderMap::new();
            headers.extend(header.iter().map(|value| (AUTHORIZATION, value.parse().unwrap())));
            assert_eq!(users.check(&headers).await.is_ok(), expect, "{header:?}");
        };
        let basic = |text: &str| Some(format!("Basic {}", BASE64_STANDARD.encode(text)));
        for _ in 0..2 {
            check(basic("ann:a:b"), true).await;
            check(basic("bob:bee"), true).await;
            check(basic("ann:bee"), false).await;
            check(basic("eve:bee"), false).await;
            check(basic("ann"), false).await;
            check(basic(""), false).await;
            check(Some("Bearer x".to_owned()), false).await;
            check(Some("Basic ???".to_owned()), false).await;
            check(None, false).await;
        }
        assert_eq!(users.remembered().len(), 2);
    }

    #[test]
    fn other_hashes_are_refused_by_their_line() {
        let check = |text: &str, expect: &str| assert_eq!(users(text).err().unwrap().to_string(), expect, "{text}");
        for wrong in ["a:{SHA}x", "a:$apr1$x$y", "a:plain", "a:$2y$bad", ":$2y$05$x", "a"] {
            check(&format!("#\n{wrong}"), "line 2 of `users` is no `user:` and bcrypt hash");
        }
        check("# nobody\n", "`users` names no user");
    }
}
