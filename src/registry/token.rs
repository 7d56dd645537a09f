//! Tokens from a registry's token server.

use std::time::{Duration, Instant};

use reqwest::{
    StatusCode,
    header::{ACCEPT, HeaderValue},
};
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::{Credential, RegistryError};
use crate::http::{Authorization, Client, HttpError, Request};

/// No token is longer.
const LONGEST: u64 = 64 << 10;

/// How long a token lives that does not say so.
const USUAL_LIFE: u64 = 60;

/// A token and the moment from which it is not used any more.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) authorization: Authorization,
    pub(super) until: Instant,
}

/// What to ask a token server for.
pub(super) struct Wanted<'a> {
    pub(super) realm: &'a Url,
    pub(super) service: Option<&'a str>,
    pub(super) scopes: &'a [String],
}

/// Exchanges `credential` for a token; `repository` is named in errors.
pub(super) async fn fetch(
    http: &Client,
    wanted: &Wanted<'_>,
    credential: &Credential,
    repository: &str,
) -> Result<Token, RegistryError> {
    let failed = |source| RegistryError::Token { repository: repository.to_owned(), source };
    let body = match credential {
        Credential::Identity { user, token } => match post(http, wanted, token).await {
            // Servers older than OAuth 2 take the identity token in the place of a password.
            Err(error) if matches!(error.status(), Some(StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED)) => {
                get(http, wanted, Some((user, token))).await
            }
            result => result,
        },
        Credential::Basic { user, password } => get(http, wanted, Some((user, password))).await,
        _ => get(http, wanted, None).await,
    };
    parse(&body.map_err(failed)?).ok_or_else(|| RegistryError::NoToken { repository: repository.to_owned() })
}

async fn get(http: &Client, wanted: &Wanted<'_>, account: Option<(&str, &str)>) -> Result<Vec<u8>, HttpError> {
    let mut url = wanted.realm.clone();
    {
        let mut query = url.query_pairs_mut();
        if let Some(service) = wanted.service {
            query.append_pair("service", service);
        }
        for scope in wanted.scopes {
            query.append_pair("scope", scope);
        }
    }
    let authorization =
        account.map(|(user, password)| Authorization::Basic { user: user.to_owned(), password: password.to_owned() });
    Ok(http.fetch(&Request::get(url).authorized(authorization).limit(LONGEST)).await?.body.to_vec())
}

async fn post(http: &Client, wanted: &Wanted<'_>, identity: &str) -> Result<Vec<u8>, HttpError> {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "refresh_token")
        .append_pair("client_id", "wheelwright")
        .append_pair("service", wanted.service.unwrap_or_default())
        .append_pair("scope", &wanted.scopes.join(" "))
        .append_pair("refresh_token", identity)
        .finish();
    let request = Request::post(wanted.realm.clone(), form);
    let request = request.header(ACCEPT, HeaderValue::from_static("application/json")).limit(LONGEST);
    Ok(http.fetch(&request).await?.body.to_vec())
}

fn parse(body: &[u8]) -> Option<Token> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let field = |name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let token = field("token").or_else(|| field("access_token"))?.to_owned();
    let life = value.get("expires_in").and_then(Value::as_u64).filter(|life| *life > 0).unwrap_or(USUAL_LIFE);
    let life = life.min(24 * 3600);
    // A token shall not expire on its way, so its last seconds are not used.
    let margin = (life / 4).min(10);
    Some(Token {
        authorization: Authorization::Bearer(token),
        until: Instant::now() + Duration::from_secs(life - margin),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_two_names_and_a_life() {
        let check = |body: &str, expect: Option<(&str, u64)>| {
            let found = parse(body.as_bytes()).map(|token| {
                let life = token.until.saturating_duration_since(Instant::now()).as_secs_f64();
                (token.authorization, life)
            });
            match (found, expect) {
                (None, None) => {}
                (Some((Authorization::Bearer(token), life)), Some((expect, seconds))) => {
                    assert_eq!(token, expect, "{body}");
                    assert!((life - f64::from(u32::try_from(seconds).unwrap())).abs() < 5.0, "{body}: {life}");
                }
                other => panic!("{body}: {other:?}"),
            }
        };
        check(r#"{"token":"a"}"#, Some(("a", 50)));
        check(r#"{"access_token":"a","expires_in":300}"#, Some(("a", 290)));
        check(r#"{"token":"a","access_token":"b","expires_in":0}"#, Some(("a", 50)));
        check(r#"{"token":"a","expires_in":18446744073709551615}"#, Some(("a", 86390)));
        for nothing in ["", "{}", r#"{"token":""}"#, r#"{"token":7}"#] {
            check(nothing, None);
        }
    }
}
