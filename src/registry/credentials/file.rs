//! Docker's `config.json` and Podman's `auth.json`: what they say about one repository.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value};

use super::Credential;

/// A credentials file; unknown keys are other tools' business.
pub(super) struct File {
    helpers: BTreeMap<String, String>,
    store: Option<String>,
    auths: BTreeMap<String, Credential>,
}

/// What a file says about a repository.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Ask this helper; if it knows nothing, this is what the file itself says.
    Helper { name: String, otherwise: Credential },
    /// This.
    Stored(Credential),
}

impl File {
    /// Nothing when the text is no JSON object, or one of the sections is of the wrong kind.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let object = value.as_object()?;
        let mut auths = BTreeMap::new();
        for (key, entry) in section(object, "auths")? {
            // Docker leaves empty entries where a helper keeps the secret, under whichever name it was told.
            match credential(entry.as_object()?) {
                Credential::Anonymous => {}
                found => drop(auths.insert(normal(key), found)),
            }
        }
        let mut helpers = BTreeMap::new();
        for (key, name) in section(object, "credHelpers")? {
            helpers.insert(normal(key), name.as_str()?.to_owned());
        }
        let store = object.get("credsStore").and_then(Value::as_str).filter(|name| !name.is_empty());
        Some(Self { helpers, store: store.map(str::to_owned), auths })
    }

    pub(super) fn entry(&self, registry: &str, repository: &str) -> Entry {
        let keys = keys(registry, repository);
        let stored = keys.iter().find_map(|key| self.auths.get(key)).cloned().unwrap_or(Credential::Anonymous);
        match keys.iter().find_map(|key| self.helpers.get(key)).or(self.store.as_ref()) {
            Some(name) => Entry::Helper { name: name.clone(), otherwise: stored },
            None => Entry::Stored(stored),
        }
    }
}

/// `host/a/b`, `host/a`, `host`: the most specific key wins.
fn keys(registry: &str, repository: &str) -> Vec<String> {
    let mut key = format!("{}/{repository}", normal(registry));
    let mut keys = vec![key.clone()];
    while let Some(end) = key.rfind('/') {
        key.truncate(end);
        keys.push(key.clone());
    }
    keys
}

/// Keys are hosts, hosts with a path, or URLs of long-gone interfaces; Docker Hub has three names. What a URL of
/// Docker Hub has behind such an interface is kept: Docker files tokens of its own there, beside the credential.
fn normal(key: &str) -> String {
    let url = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"));
    let place = url.unwrap_or(key).trim_end_matches('/');
    let (name, path) = place.split_once('/').map_or((place, None), |(name, path)| (name, Some(path)));
    let name = match name {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        other => other,
    };
    match path {
        None => name.to_owned(),
        Some("v1" | "v2") if name == "docker.io" => name.to_owned(),
        Some(_) if url.is_some() && name != "docker.io" => name.to_owned(),
        Some(path) => format!("{name}/{path}"),
    }
}

fn credential(entry: &Map<String, Value>) -> Credential {
    let field = |name: &str| entry.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let decoded = field("auth").and_then(decode);
    let (user, password) = match (field("username"), field("password"), decoded) {
        (Some(user), Some(password), _) => (user.to_owned(), password.to_owned()),
        (_, _, Some(pair)) => pair,
        (user, _, None) => (user.unwrap_or_default().to_owned(), String::new()),
    };
    if let Some(token) = field("registrytoken") {
        Credential::Bearer(token.to_owned())
    } else if let Some(token) = field("identitytoken") {
        Credential::Identity { user, token: token.to_owned() }
    } else if password.is_empty() {
        Credential::Anonymous
    } else {
        Credential::Basic { user, password }
    }
}

/// `user:password` in base 64; the password may contain colons, and old Docker padded with NUL.
fn decode(text: &str) -> Option<(String, String)> {
    let bytes = BASE64_STANDARD.decode(text.trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.trim_end_matches('\0').split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

fn section<'a>(object: &'a Map<String, Value>, name: &str) -> Option<Vec<(&'a String, &'a Value)>> {
    match object.get(name) {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(value) => Some(value.as_object()?.iter().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(user: &str, password: &str) -> Credential {
        Credential::Basic { user: user.to_owned(), password: password.to_owned() }
    }

    fn check(text: &str, registry: &str, repository: &str, expect: &Entry) {
        assert_eq!(&File::parse(text).unwrap().entry(registry, repository), expect, "{text} {registry}/{repository}");
    }

    #[test]
    fn entries_of_every_kind_are_read() {
        let auth = |entry: &str| format!(r#"{{"auths":{{"r.example":{entry}}},"psFormat":"x"}}"#);
        let stored = |entry: &str, expect: Credential| check(&auth(entry), "r.example", "a/b", &Entry::Stored(expect));
        stored(r#"{"auth":"dTpwOnE="}"#, basic("u", "p:q"));
        stored(r#"{"username":"u","password":"p"}"#, basic("u", "p"));
        stored(
            r#"{"auth":"PHRva2VuPjo=","identitytoken":"i"}"#,
            Credential::Identity { user: "<token>".to_owned(), token: "i".to_owned() },
        );
        stored(r#"{"registrytoken":"t"}"#, Credential::Bearer("t".to_owned()));
        for nothing in ["{}", r#"{"auth":""}"#, r#"{"auth":"!"}"#, r#"{"auth":"dTo="}"#, r#"{"username":"u"}"#] {
            stored(nothing, Credential::Anonymous);
        }
    }

    #[test]
    fn the_most_specific_key_wins() {
        let text = r#"{"auths":{
            "q.example":{"auth":"YTox"}, "q.example/x":{"auth":"Yjoy"}, "q.example/x/y":{"auth":"Yzoz"},
            "https://old.example/v1/":{"auth":"ZDo0"}, "https://index.docker.io/v1/":{"auth":"ZTo1"}}}"#;
        let stored = |registry: &str, repository: &str, user: &str, password: &str| {
            check(text, registry, repository, &Entry::Stored(basic(user, password)));
        };
        stored("q.example", "z", "a", "1");
        stored("q.example", "x/z", "b", "2");
        stored("q.example", "x/y/z", "c", "3");
        stored("q.example", "xx", "a", "1");
        stored("old.example", "a", "d", "4");
        stored("docker.io", "library/python", "e", "5");
        check(text, "q.example:5000", "x", &Entry::Stored(Credential::Anonymous));
        check(text, "evil-q.example", "x", &Entry::Stored(Credential::Anonymous));
    }

    #[test]
    fn what_docker_keeps_beside_a_credential_does_not_hide_it() {
        // As a login by the browser leaves it.
        let text = r#"{"auths":{
            "https://index.docker.io/v1/":{"auth":"dTpwYXNz"},
            "https://index.docker.io/v1/access-token":{"auth":"dTphY2Nlc3M="},
            "https://index.docker.io/v1/refresh-token":{"auth":"dTpyZWZyZXNo"}}}"#;
        for repository in ["library/python", "v1", "me/refresh-token"] {
            check(text, "docker.io", repository, &Entry::Stored(basic("u", "pass")));
        }
        let text = r#"{"auths":{
            "docker.io":{"auth":"YTox"}, "https://index.docker.io/v1/":{},
            "http://r.example/v2":{"auth":"Yjoy"}, "r.example":{"auth":""}, "r.example/team/":{"auth":"Yzoz"},
            "https://long.example/artifactory/api/docker/x":{"auth":"ZDo0"}}}"#;
        check(text, "docker.io", "library/python", &Entry::Stored(basic("a", "1")));
        check(text, "r.example", "other/app", &Entry::Stored(basic("b", "2")));
        check(text, "r.example", "team/app", &Entry::Stored(basic("c", "3")));
        check(text, "long.example", "team/app", &Entry::Stored(basic("d", "4")));
    }

    #[test]
    fn helpers_go_before_the_store_and_the_store_before_entries() {
        let text =
            r#"{"auths":{"a.example":{"auth":"YTox"}},"credsStore":"desktop","credHelpers":{"b.example":"ecr"}}"#;
        let helper = |registry: &str, name: &str, otherwise: Credential| {
            check(text, registry, "x", &Entry::Helper { name: name.to_owned(), otherwise });
        };
        helper("a.example", "desktop", basic("a", "1"));
        helper("b.example", "ecr", Credential::Anonymous);
    }

    #[test]
    fn nonsense_is_no_file() {
        for text in ["", "[]", "{", r#"{"auths":[]}"#, r#"{"auths":{"a":1}}"#, r#"{"credHelpers":{"a":{}}}"#] {
            assert!(File::parse(text).is_none(), "{text}");
        }
    }
}
