//! Which `Authorization` a request gets. Tokens are fetched once, however many requests wait for
//! one, and kept until they expire or are refused. So are credentials: a helper is a program that is started for each.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Instant,
};

use reqwest::header::HeaderMap;
use url::Url;

use super::{
    Credential, CredentialProvider, RegistryError,
    challenge::{Challenge, challenges},
    location::{Refusal, check},
    lock,
    token::{Token, Wanted, fetch},
};
use crate::http::{Authorization, Client};

pub(super) struct Authenticator {
    http: Client,
    provider: Arc<dyn CredentialProvider>,
    /// What each registry asked for last.
    known: Mutex<BTreeMap<String, Challenge>>,
    /// Scopes that a registry wanted beyond those we knew to ask for.
    wider: Mutex<BTreeMap<(String, Scopes), Scopes>>,
    tokens: Mutex<BTreeMap<Key, Slot<Token>>>,
    /// By registry and repository.
    credentials: Mutex<BTreeMap<(String, String), Slot<Credential>>>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    registry: String,
    realm: String,
    service: Option<String>,
    scopes: Vec<String>,
}

type Scopes = Vec<String>;

/// Locked while what belongs there is fetched, so that only one request does it.
type Slot<T> = Arc<tokio::sync::Mutex<Option<T>>>;

/// Who asks, and for what.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) registry: &'a str,
    pub(super) repository: &'a str,
    pub(super) root: &'a Url,
    /// The target's scope first: some registries look at no other.
    pub(super) scopes: &'a [String],
}

impl Authenticator {
    pub(super) fn new(http: Client, provider: Arc<dyn CredentialProvider>) -> Self {
        let (known, wider) = (Mutex::default(), Mutex::default());
        let (tokens, credentials) = (Mutex::default(), Mutex::default());
        Self { http, provider, known, wider, tokens, credentials }
    }

    /// What a request gets before the registry has complained about it.
    pub(super) async fn authorization(&self, asking: Asking<'_>) -> Result<Option<Authorization>, RegistryError> {
        let known = lock(&self.known).get(asking.registry).cloned();
        match known {
            None => Ok(None),
            Some(challenge) => self.meet(asking, &challenge, None).await,
        }
    }

    /// What a request gets that was answered 401, sent with `refused`; nothing when we have nothing
    /// better to offer.
    pub(super) async fn challenged(
        &self,
        asking: Asking<'_>,
        headers: &HeaderMap,
        refused: Option<&Authorization>,
    ) -> Result<Option<Authorization>, RegistryError> {
        for challenge in challenges(headers) {
            if let Challenge::Bearer { scope: Some(scope), .. } = &challenge {
                self.widen(asking, scope);
            }
            let met = self.meet(asking, &challenge, refused).await?;
            if met.is_some() && met.as_ref() != refused {
                lock(&self.known).insert(asking.registry.to_owned(), challenge);
                return Ok(met);
            }
        }
        Ok(None)
    }

    async fn meet(
        &self,
        asking: Asking<'_>,
        challenge: &Challenge,
        refused: Option<&Authorization>,
    ) -> Result<Option<Authorization>, RegistryError> {
        match challenge {
            Challenge::Basic => {
                let still_good = |known: &Credential| refused.is_none() || basic(known).as_ref() != refused;
                Ok(basic(&self.credential(asking, still_good).await?))
            }
            Challenge::Bearer { realm, service, .. } => {
                self.token(asking, realm, service.as_deref(), refused).await.map(Some)
            }
        }
    }

    async fn token(
        &self,
        asking: Asking<'_>,
        realm: &str,
        service: Option<&str>,
        refused: Option<&Authorization>,
    ) -> Result<Authorization, RegistryError> {
        let wider = lock(&self.wider).get(&(asking.registry.to_owned(), asking.scopes.to_vec())).cloned();
        let scopes = wider.unwrap_or_else(|| asking.scopes.to_vec());
        let key = Key {
            registry: asking.registry.to_owned(),
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scopes: scopes.clone(),
        };
        let slot = Arc::clone(lock(&self.tokens).entry(key).or_default());
        let mut slot = slot.lock().await;
        if let Some(token) = &*slot
            && token.until > Instant::now()
            && Some(&token.authorization) != refused
        {
            return Ok(token.authorization.clone());
        }
        // A token may be refused because that is worth nothing any more of which it was made.
        let credential = self.credential(asking, |_| refused.is_none()).await?;
        if let Credential::Bearer(token) = credential {
            return Ok(Authorization::Bearer(token));
        }
        let realm = asking.realm(realm)?;
        let wanted = Wanted { realm: &realm, service, scopes: &scopes };
        let token = match fetch(&self.http, &wanted, &credential, &asking.subject()).await {
            Err(error) if is_refusal(&error) => {
                let another = self.credential(asking, |known| *known != credential).await?;
                if another == credential {
                    return Err(error);
                }
                fetch(&self.http, &wanted, &another, &asking.subject()).await?
            }
            fetched => fetched?,
        };
        let authorization = token.authorization.clone();
        *slot = Some(token);
        Ok(authorization)
    }

    /// Who we are. The provider is asked once, and again when what it said is not `still_good`; as long as it knows
    /// nothing it is asked each time.
    async fn credential(
        &self,
        asking: Asking<'_>,
        still_good: impl Fn(&Credential) -> bool + Send,
    ) -> Result<Credential, RegistryError> {
        let key = (asking.registry.to_owned(), asking.repository.to_owned());
        let slot = Arc::clone(lock(&self.credentials).entry(key).or_default());
        let mut slot = slot.lock().await;
        if let Some(known) = &*slot
            && still_good(known)
        {
            return Ok(known.clone());
        }
        let found = self.provider.credential(asking.registry, asking.repository).await;
        let found = found.map_err(|source| RegistryError::Credentials { repository: asking.subject(), source })?;
        *slot = Some(found.clone()).filter(|found| *found != Credential::Anonymous);
        Ok(found)
    }

    /// Remembers a scope that the registry names and that our own do not cover. It goes first.
    fn widen(&self, asking: Asking<'_>, scope: &str) {
        if asking.scopes.iter().any(|own| covers(own, scope)) {
            return;
        }
        let key = (asking.registry.to_owned(), asking.scopes.to_vec());
        let mut scopes = vec![scope.to_owned()];
        scopes.extend(asking.scopes.iter().cloned());
        lock(&self.wider).insert(key, scopes);
    }
}

impl Asking<'_> {
    /// The address of the token server, if it may be asked.
    fn realm(&self, realm: &str) -> Result<Url, RegistryError> {
        let url = Url::parse(realm).map_err(|_| Refusal::Malformed);
        let url = url.and_then(|url| check(self.root, &url).map(|()| url));
        url.map_err(|source| RegistryError::Address { repository: self.subject(), subject: "tokens", source })
    }

    fn subject(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }
}

fn basic(credential: &Credential) -> Option<Authorization> {
    match credential.clone() {
        Credential::Basic { user, password } => Some(Authorization::Basic { user, password }),
        _ => None,
    }
}

/// Whether a token server does not take who we say we are.
fn is_refusal(error: &RegistryError) -> bool {
    let RegistryError::Token { source, .. } = error else { return false };
    source.status().is_some_and(|status| matches!(status.as_u16(), 401 | 403))
}

/// Whether `own` names the same resource as `other` and at least its actions.
fn covers(own: &str, other: &str) -> bool {
    match (own.rsplit_once(':'), other.rsplit_once(':')) {
        (Some((own_name, own_actions)), Some((name, actions))) => {
            own_name == name && actions.split(',').all(|action| own_actions.split(',').any(|own| own == action))
        }
        _ => own == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_compared_by_action() {
        let check = |own: &str, other: &str, expect: bool| assert_eq!(covers(own, other), expect, "{own} {other}");
        check("repository:a/b:pull,push", "repository:a/b:push,pull", true);
        check("repository:a/b:pull,push", "repository:a/b:pull", true);
        check("repository:a/b:pull", "repository:a/b:pull,push", false);
        check("repository:a/b:pull", "repository:a/c:pull", false);
        check("repository:h:5000/a:pull", "repository:h:5000/a:pull", true);
        check("x", "x", true);
    }
}
