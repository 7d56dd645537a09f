//! Who may see the credentials, and what is done when a registry wants them.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use wheelwright::{
    hint::Advise as _,
    http::Authorization,
    image::{BlobSource as _, Moved},
    registry::{Credential, CredentialError, CredentialProvider},
    serve::faults::{Fault, Seen},
};

use super::world::{World, basic, blob, challenge, client, client_as};

/// A registry with a token server of its own, at `/token` on the same port.
struct Guarded {
    world: World,
    issued: Arc<AtomicUsize>,
}

/// How the token server behaves.
#[derive(Clone)]
struct Habits {
    /// The member of the answer that holds the token.
    member: &'static str,
    /// What the challenge calls the scope; the path's repository where empty.
    scope: &'static str,
    /// A token is good for so many requests.
    uses: usize,
    /// Tokens for a POST form only, or for a GET with credentials only.
    method: &'static str,
}

const USUAL: Habits = Habits { member: "token", scope: "repository:a/b:pull,push", uses: usize::MAX, method: "GET" };

impl Guarded {
    async fn new(habits: Habits) -> Self {
        let world = World::new().await;
        let realm = format!("{}/token", world.url());
        let (issued, used) = (Arc::new(AtomicUsize::new(0)), Mutex::new(0));
        let count = Arc::clone(&issued);
        world.rule(move |seen| {
            if seen.path == "/token" {
                return Some(token_answer(seen, &habits, &count));
            }
            let expect = format!("Bearer secret-{}", count.load(Ordering::SeqCst));
            let mut used = used.lock().unwrap();
            let right = seen.headers.get("authorization").is_some_and(|value| value == expect.as_str());
            if right && *used < habits.uses {
                *used += 1;
                return None;
            }
            *used = 0;
            Some(challenge(&format!(r#"Bearer realm="{realm}",service="reg, one",scope="{}""#, habits.scope)))
        });
        Self { world, issued }
    }

    fn tokens(&self) -> usize {
        self.issued.load(Ordering::SeqCst)
    }
}

fn token_answer(seen: &Seen, habits: &Habits, issued: &AtomicUsize) -> Fault {
    if seen.method != habits.method {
        return Fault::Answer { status: 404, headers: Vec::new(), body: Bytes::new() };
    }
    let number = issued.fetch_add(1, Ordering::SeqCst) + 1;
    let body = format!(r#"{{"{}":"secret-{number}","expires_in":300}}"#, habits.member);
    Fault::Answer { status: 200, headers: Vec::new(), body: body.into() }
}

async fn push(world: &World, credential: Credential) -> Result<Moved, wheelwright::registry::RegistryError> {
    client_as(Arc::new(credential)).to_write(&world.reference("a/b")).unwrap().put_blob(&blob(1, 100_000)).await
}

fn password() -> Credential {
    Credential::Basic { user: "u".to_owned(), password: "hunter2".to_owned() }
}

#[tokio::test]
async fn one_token_serves_a_whole_push() {
    for member in ["token", "access_token"] {
        let guarded = Guarded::new(Habits { member, ..USUAL }).await;
        push(&guarded.world, password()).await.unwrap();
        assert_eq!(guarded.tokens(), 1);
        let asked = guarded.world.seen().into_iter().find(|seen| seen.path == "/token").unwrap();
        assert_eq!(asked.query, "service=reg%2C+one&scope=repository%3Aa%2Fb%3Apull%2Cpush");
        assert!(asked.headers["authorization"].to_str().unwrap().starts_with("Basic "));
    }
}

#[tokio::test]
async fn of_several_challenges_the_one_that_can_be_met_is() {
    let guarded = Guarded::new(USUAL).await;
    let realm = format!("{}/token", guarded.world.url());
    for text in [
        format!("Negotiate, Basic realm=\"a, b\", bearer Realm=\"{realm}\" , service=\"r\""),
        format!("Bearer service=\"no realm\", Bearer realm=\"{realm}\""),
    ] {
        let world = World::new().await;
        world.rule(move |seen| (!seen.headers.contains_key("authorization")).then(|| challenge(&text)));
        push(&world, password()).await.unwrap();
        let used = world.seen().into_iter().rfind(|seen| seen.method == "PUT").unwrap();
        assert!(used.headers["authorization"].to_str().unwrap().starts_with("Bearer secret-"));
    }
}

#[tokio::test]
async fn a_mount_asks_for_both_repositories_and_for_ours_first() {
    let guarded = Guarded::new(USUAL).await;
    let client = client_as(Arc::new(password()));
    let blob = blob(1, 100_000);
    client.to_write(&guarded.world.reference("base")).unwrap().put_blob(&blob).await.unwrap();
    let held = client.to_read(&guarded.world.reference("base")).unwrap().blob(blob.descriptor());
    let target = client.to_write(&guarded.world.reference("a/b")).unwrap();
    assert_eq!(target.put_blob(&held).await.unwrap(), Moved::Mounted);
    let asked: Vec<String> =
        guarded.world.seen().into_iter().filter(|seen| seen.path == "/token").map(|seen| seen.query).collect();
    let both = "scope=repository%3Aa%2Fb%3Apull%2Cpush&scope=repository%3Abase%3Apull";
    assert!(asked.iter().any(|query| query.ends_with(both)), "{asked:?}");
}

#[tokio::test]
async fn strangers_ask_without_credentials() {
    let guarded = Guarded::new(USUAL).await;
    push(&guarded.world, Credential::Anonymous).await.unwrap();
    let asked = guarded.world.seen().into_iter().find(|seen| seen.path == "/token").unwrap();
    assert!(!asked.headers.contains_key("authorization"));
}

#[tokio::test]
async fn expired_tokens_are_replaced_in_the_middle_of_a_push() {
    for uses in [1, 2] {
        let guarded = Guarded::new(Habits { uses, ..USUAL }).await;
        push(&guarded.world, password()).await.unwrap();
        assert!(guarded.tokens() >= 2, "{}", guarded.tokens());
    }
}

#[tokio::test]
async fn many_requests_wait_for_one_token() {
    let guarded = Guarded::new(USUAL).await;
    let client = client_as(Arc::new(password()));
    let repository = client.to_write(&guarded.world.reference("a/b")).unwrap();
    // The registry's challenge is known after the first request, so that the others ask at once.
    repository.put_blob(&blob(0, 10)).await.unwrap();
    let blobs: Vec<_> = (1..9).map(|seed| blob(seed, 1000)).collect();
    let all = futures_util::future::try_join_all(blobs.iter().map(|blob| repository.put_blob(blob))).await;
    all.unwrap();
    assert_eq!(guarded.tokens(), 1);
}

#[tokio::test]
async fn a_scope_we_did_not_know_goes_first() {
    let guarded = Guarded::new(Habits { scope: "repository:team/a/b:pull,push", ..USUAL }).await;
    push(&guarded.world, password()).await.unwrap();
    let asked = guarded.world.seen().into_iter().find(|seen| seen.path == "/token").unwrap();
    let ours = "scope=repository%3Aa%2Fb%3Apull%2Cpush";
    assert_eq!(asked.query, format!("service=reg%2C+one&scope=repository%3Ateam%2Fa%2Fb%3Apull%2Cpush&{ours}"));
}

#[tokio::test]
async fn identity_tokens_are_exchanged_in_a_form() {
    let identity = || Credential::Identity { user: "<token>".to_owned(), token: "long".to_owned() };
    let guarded = Guarded::new(Habits { method: "POST", member: "access_token", ..USUAL }).await;
    push(&guarded.world, identity()).await.unwrap();
    assert_eq!(guarded.tokens(), 1);
    // Older servers know GET only.
    let guarded = Guarded::new(USUAL).await;
    push(&guarded.world, identity()).await.unwrap();
    assert_eq!(guarded.world.count("POST", "/token"), 1);
    assert_eq!(guarded.world.count("GET", "/token"), 1);
}

#[tokio::test]
async fn registry_tokens_are_used_as_they_are() {
    let guarded = Guarded::new(USUAL).await;
    push(&guarded.world, Credential::Bearer("secret-0".to_owned())).await.unwrap();
    assert_eq!(guarded.world.count("GET", "/token"), 0);
}

#[tokio::test]
async fn basic_is_spoken_where_it_is_asked_for() {
    let world = World::new().await;
    world.needs_basic("u", "p:q");
    let repository = client_as(basic("u", "p:q")).to_write(&world.reference("a")).unwrap();
    repository.put_blob(&blob(1, 1000)).await.unwrap();
    assert_eq!(world.seen().iter().filter(|seen| !seen.headers.contains_key("authorization")).count(), 1);
}

/// A helper that says another password each time it is started.
#[derive(Default)]
struct Helper(AtomicUsize);

impl CredentialProvider for Helper {
    fn credential<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<Credential, CredentialError>> {
        let password = format!("p{}", self.0.fetch_add(1, Ordering::SeqCst) + 1);
        Box::pin(std::future::ready(Ok(Credential::Basic { user: "u".to_owned(), password })))
    }
}

#[tokio::test]
async fn helpers_are_started_once_and_again_when_what_they_said_is_refused() {
    for scheme in ["Basic", "Bearer"] {
        let (world, helper, valid) = (World::new().await, Arc::<Helper>::default(), Arc::new(AtomicUsize::new(1)));
        let (realm, number) = (format!("{}/token", world.url()), Arc::clone(&valid));
        world.rule(move |seen| {
            let number = number.load(Ordering::SeqCst);
            let password = Authorization::Basic { user: "u".to_owned(), password: format!("p{number}") };
            let token = Authorization::Bearer(format!("t{number}"));
            let has = |wanted: &Authorization| seen.headers.get("authorization") == wanted.header_value().as_ref();
            let answer = |status, body: String| Some(Fault::Answer { status, headers: Vec::new(), body: body.into() });
            match (seen.path.as_str(), scheme) {
                ("/token", _) if has(&password) => answer(200, format!(r#"{{"token":"t{number}"}}"#)),
                ("/token", _) => answer(401, String::new()),
                (_, "Basic") if has(&password) => None,
                (_, "Basic") => Some(challenge("Basic realm=\"x\"")),
                _ if has(&token) => None,
                _ => Some(challenge(&format!("Bearer realm=\"{realm}\""))),
            }
        });
        let client = client_as(Arc::clone(&helper) as Arc<dyn CredentialProvider>);
        let put = async |name: &str, seeds: std::ops::Range<u8>| {
            let repository = client.to_write(&world.reference(name)).unwrap();
            let blobs: Vec<_> = seeds.map(|seed| blob(seed, 1000)).collect();
            let all = blobs.iter().map(|blob| repository.put_blob(blob));
            futures_util::future::try_join_all(all).await.unwrap();
        };
        let started = || helper.0.load(Ordering::SeqCst);
        put("a", 0..8).await;
        assert_eq!(started(), 1, "{scheme}");
        valid.store(2, Ordering::SeqCst);
        put("a", 8..16).await;
        assert_eq!(started(), 2, "{scheme}");
        // Another scope, for which there is no token yet.
        valid.store(3, Ordering::SeqCst);
        let reading = client.to_read(&world.reference("a")).unwrap();
        assert!(reading.has_blob(blob(1, 1000).descriptor()).await.unwrap());
        assert_eq!(started(), 3, "{scheme}");
        // In another repository we may be somebody else.
        valid.store(4, Ordering::SeqCst);
        put("b", 0..8).await;
        assert_eq!(started(), 4, "{scheme}");
    }
}

#[tokio::test]
async fn wrong_credentials_are_told_once_and_without_the_secret() {
    let world = World::new().await;
    world.needs_basic("u", "p");
    let error = push(&world, password()).await.unwrap_err();
    assert_eq!(error.status().unwrap().as_u16(), 401);
    assert!(error.hint().unwrap().to_string().contains("log in"));
    assert!(!format!("{error:?} {error} {:?}", password()).contains("hunter2"));
    assert_eq!(world.seen().len(), 2);

    let guarded = Guarded::new(Habits { method: "none", ..USUAL }).await;
    let error = push(&guarded.world, password()).await.unwrap_err();
    assert!(error.to_string().starts_with("no token for"), "{error}");
}

#[tokio::test]
async fn a_registry_without_locks_sees_no_credentials() {
    let world = World::new().await;
    push(&world, password()).await.unwrap();
    assert!(world.seen().iter().all(|seen| !seen.headers.contains_key("authorization")));
}

#[tokio::test]
async fn a_redirect_target_that_wants_credentials_gets_none() {
    let (world, thief) = (World::new().await, World::new().await);
    thief.fail(usize::MAX, "GET", "", challenge("Basic realm=\"x\""));
    let headers = vec![("location", format!("{}/v2/x", thief.url()))];
    world.fail(usize::MAX, "GET", "/manifests/", Fault::Answer { status: 307, headers, body: Bytes::new() });
    let source = client_as(Arc::new(password())).source(&world.reference("a:1")).unwrap();
    let error = source.resolve().await.unwrap_err();
    assert_eq!(error.status().unwrap().as_u16(), 401);
    assert!(thief.seen().iter().all(|seen| !seen.headers.contains_key("authorization")));
    assert_eq!(thief.seen().len(), 1);
}

#[tokio::test]
async fn challenges_that_nobody_can_meet_are_errors() {
    for text in ["", "Negotiate", "Bearer service=\"x\"", "Basic realm=\"x\""] {
        let world = World::new().await;
        world.fail(usize::MAX, "HEAD", "", challenge(text));
        let error = client().to_write(&world.reference("a")).unwrap().put_blob(&blob(1, 10)).await.unwrap_err();
        assert_eq!(error.status().unwrap().as_u16(), 401, "{text}: {error}");
    }
    let world = World::new().await;
    world.fail(usize::MAX, "HEAD", "", challenge("Bearer realm=\"file:///etc/passwd\""));
    let error = client().to_write(&world.reference("a")).unwrap().put_blob(&blob(1, 10)).await.unwrap_err();
    assert!(error.to_string().contains("not followed"), "{error}");
}
