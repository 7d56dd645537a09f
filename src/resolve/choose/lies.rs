//! Indexes that lie, break off, or change their mind: each ends in a correct choice or in a clear
//! error, and never in a wrong wheel.

use std::{
    error::Error as _,
    io::Write as _,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::super::{Request, Resolution, ResolveError, resolve};
use crate::{
    http::Options,
    lock::LockedWheel,
    oci::Digest,
    pypi::{
        DefaultIndex, IndexError, Location, PackageIndex,
        scripted::{Reply, Scripted, but, listed},
        testing::{Wheel, package_index_with, zip},
    },
    python::Target,
};

/// One index that offers `demo`, and an empty store.
struct World {
    server: Scripted,
    folder: tempfile::TempDir,
}

const PAGE: &str = "/simple/demo/";
const FILE: &str = "/files/demo-2.0-py3-none-any.whl";
const BESIDE: &str = "/files/demo-2.0-py3-none-any.whl.metadata";

impl World {
    /// `demo` 1.0 and 2.0 need `base`; the page is honest until it is scripted otherwise.
    async fn new(replies: &[(&str, Vec<Reply>)]) -> Self {
        let (old, base) = (old(), Wheel::new("base", "1.0"));
        let server = Scripted::serve(&[
            (PAGE, vec![Reply::page(&[listed(&old), listed(&new())])]),
            (FILE, vec![Reply::file(new().bytes())]),
            ("/files/demo-1.0-py3-none-any.whl", vec![Reply::file(old.bytes())]),
            ("/simple/base/", vec![Reply::page(&[listed(&base)])]),
            ("/files/base-1.0-py3-none-any.whl", vec![Reply::file(base.bytes())]),
        ])
        .await;
        for (path, replies) in replies {
            server.script(path, replies.clone());
        }
        Self { server, folder: tempfile::tempdir().unwrap() }
    }

    fn index(&self) -> PackageIndex {
        let options = Options { retries: 3, pause: Duration::from_millis(1), ..Options::default() };
        package_index_with(&self.folder, self.server.settings(), options)
    }

    async fn resolve(&self, requirement: &str) -> Result<Resolution, ResolveError> {
        let target = Target {
            platform: "linux/amd64".parse().unwrap(),
            python: "3.11.2".parse().unwrap(),
            libc: "glibc 2.36".parse().unwrap(),
            free_threaded: false,
        };
        let request = Request { requirements: vec![requirement.parse().unwrap()], ..Request::default() };
        resolve(&request, &target, &self.index()).await
    }

    /// `base 1.0, demo 2.0`, then the notices; or the error with its causes and facts.
    async fn choose(&self, requirement: &str) -> String {
        match self.resolve(requirement).await {
            Ok(resolution) => {
                let wheels = resolution.wheels.iter().map(|wheel| format!("{} {}", wheel.name, wheel.version));
                let notices = resolution.notices.iter().map(ToString::to_string);
                [wheels.collect::<Vec<_>>().join(", ")].into_iter().chain(notices).collect::<Vec<_>>().join("; ")
            }
            Err(error) => self.told(&error),
        }
    }

    /// What becomes of `demo` when it is locked and then fetched: `ok`, or the error.
    async fn fetch(&self) -> String {
        let resolution = match self.resolve("demo").await {
            Ok(resolution) => resolution,
            Err(error) => return format!("lock: {}", self.told(&error)),
        };
        let picked = resolution.wheels.into_iter().find(|wheel| wheel.name.as_str() == "demo").unwrap();
        match self.index().download(&LockedWheel::from(picked)).await {
            Ok(blob) => {
                let expected = [old(), new()].map(|wheel| wheel.bytes());
                assert!(expected.contains(&blob.read().unwrap()), "a wrong wheel");
                format!("ok {}", blob.size())
            }
            Err(error) => self.causes(&error),
        }
    }

    fn told(&self, error: &ResolveError) -> String {
        let facts = error.facts().iter().map(ToString::to_string);
        [self.causes(error)].into_iter().chain(facts).collect::<Vec<_>>().join("; ")
    }

    fn causes(&self, error: &dyn std::error::Error) -> String {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text.replace(self.server.url.as_str().trim_end_matches("/simple/"), "")
    }
}

fn old() -> Wheel {
    Wheel::new("demo", "1.0").requires(&["base"])
}

fn new() -> Wheel {
    Wheel::new("demo", "2.0").requires(&["base"])
}

fn beside(metadata: &str, digest: Option<&str>) -> [(&'static str, Vec<Reply>); 2] {
    let promise = digest.map_or(json!(true), |of| json!({"sha256": Digest::of(of.as_bytes()).hex()}));
    let page = Reply::page(&[listed(&old()), but(listed(&new()), "core-metadata", promise)]);
    [(PAGE, vec![page]), (BESIDE, vec![Reply::new("200 OK", metadata)])]
}

fn page_with(key: &str, value: Value) -> Vec<Reply> {
    vec![Reply::page(&[listed(&old()), but(listed(&new()), key, value)])]
}

fn wrong() -> String {
    "0".repeat(64)
}

#[tokio::test]
async fn an_honest_index_is_believed() {
    let world = World::new(&[]).await;
    assert_eq!(world.choose("demo").await, "base 1.0, demo 2.0");
    assert_eq!(world.fetch().await, format!("ok {}", new().bytes().len()));
    let metadata = new().metadata();
    let world = World::new(&beside(&metadata, Some(&metadata))).await;
    assert_eq!(world.choose("demo").await, "base 1.0, demo 2.0");
    assert_eq!(world.fetch().await, format!("ok {}", new().bytes().len()));
}

#[tokio::test]
async fn a_wrong_hash_is_an_error_and_nothing_is_kept() {
    let world = World::new(&[(PAGE, page_with("hashes", json!({"sha256": wrong()})))]).await;
    let expected =
        format!("demo-2.0-py3-none-any.whl: expected sha256:{}, got {}", wrong(), Digest::of(&new().bytes()));
    assert_eq!(world.fetch().await, expected);
    assert!(world.index().store().blob(&Digest::of(&new().bytes())).is_none());
}

#[tokio::test]
async fn a_wrong_size_is_an_error() {
    let real = new().bytes().len();
    for wrong in [real - 1, real + 1] {
        let world = World::new(&[(PAGE, page_with("size", json!(wrong)))]).await;
        let expected = format!("lock: demo-2.0-py3-none-any.whl has {real} bytes, its index says {wrong}");
        assert_eq!(world.fetch().await, expected);
    }
    // Where METADATA lies beside the wheel, the wheel itself tells.
    let metadata = new().metadata();
    let sized = |size: usize| {
        let file = but(listed(&new()), "core-metadata", json!(true));
        [
            (PAGE, vec![Reply::page(&[but(file, "size", json!(size))])]),
            (BESIDE, vec![Reply::new("200 OK", metadata.clone())]),
        ]
    };
    let shorter = World::new(&sized(real - 1)).await.fetch().await;
    assert_eq!(shorter, format!("cannot fetch demo-2.0-py3-none-any.whl: {FILE} sends more than {} bytes", real - 1));
    let longer = World::new(&sized(real + 1)).await.fetch().await;
    assert_eq!(longer, format!("demo-2.0-py3-none-any.whl: expected {} bytes, got {real} bytes", real + 1));
}

#[tokio::test]
async fn metadata_cut_short_is_noticed() {
    let metadata = new().metadata();
    let cut = &metadata[..metadata.find("base").unwrap() + 2];
    let world = World::new(&beside(cut, Some(&metadata))).await;
    let lied = "the metadata beside demo-2.0-py3-none-any.whl does not have the SHA-256 that the index gives";
    assert_eq!(world.choose("demo").await, lied);
    // Without a hash beside it, the wheel itself is asked.
    let world = World::new(&beside(cut, None)).await;
    assert_eq!(world.choose("demo").await, "base 1.0, demo 2.0");
    // Where the connection breaks off, it is asked again.
    let [page, _] = beside(&metadata, Some(&metadata));
    let whole = Reply::new("200 OK", metadata.clone());
    let world = World::new(&[page, (BESIDE, vec![whole.clone().cut(20), whole])]).await;
    assert_eq!(world.choose("demo").await, "base 1.0, demo 2.0");
}

#[tokio::test]
async fn metadata_of_something_else_is_passed_over_aloud() {
    let other = |name: &str, version: &str| {
        let text = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\n");
        zip(&[("demo-2.0.dist-info/METADATA".to_owned(), text.into_bytes())])
    };
    let page = |bytes: &[u8]| {
        let file = but(listed(&new()), "hashes", json!({"sha256": Digest::of(bytes).hex()}));
        vec![Reply::page(&[listed(&old()), but(file, "size", json!(bytes.len()))])]
    };
    for (name, version) in [("demo", "3.0"), ("other", "2.0")] {
        let bytes = other(name, version);
        let world = World::new(&[(PAGE, page(&bytes)), (FILE, vec![Reply::file(bytes)])]).await;
        let reason = format!("demo-2.0-py3-none-any.whl: its metadata is of {name} {version}");
        let expected = format!("base 1.0, demo 1.0; demo 2.0 was passed over: {reason}");
        assert_eq!(world.choose("demo").await, expected);
        let pinned = world.choose("demo==2.0").await;
        assert!(pinned.contains(&reason) && pinned.starts_with("no set of wheels"), "{pinned}");
    }
    let world = World::new(&[
        (PAGE, page(b"no zip at all, but long enough")),
        (FILE, vec![Reply::file(*b"no zip at all, but long enough")]),
    ])
    .await;
    let expected = "base 1.0, demo 1.0; demo 2.0 was passed over: demo-2.0-py3-none-any.whl: it is not a zip file";
    assert_eq!(world.choose("demo").await, expected);
}

#[tokio::test]
async fn metadata_that_differs_from_the_wheels_is_found_when_the_wheel_comes() {
    let lie = new().metadata().replace("Requires-Dist: base", "Requires-Dist: base<0; extra == 'x'");
    let world = World::new(&beside(&lie, Some(&lie))).await;
    assert_eq!(world.choose("demo").await, "demo 2.0");
    let expected = "demo-2.0-py3-none-any.whl requires other things than index `default` said it does";
    // As often as it is tried with that lock.
    assert_eq!(world.fetch().await, expected);
    // Now the wheel is at hand: who locks again gets what it says.
    assert_eq!(world.choose("demo").await, "base 1.0, demo 2.0");
    assert_eq!(world.fetch().await, format!("ok {}", new().bytes().len()));
}

#[tokio::test]
async fn a_page_without_end_is_given_up() {
    let expected = format!("cannot ask index `default` for demo: {PAGE} sends more than 67108864 bytes");
    let json = "application/vnd.pypi.simple.v1+json";
    let announced =
        Reply::new("200 OK", "").endless().with("content-length: 209715200").with(&format!("content-type: {json}"));
    assert_eq!(World::new(&[(PAGE, vec![announced])]).await.choose("demo").await, expected);
    // 200 MB of blanks, as a few hundred kilobytes of gzip.
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..200 {
        gzip.write_all(&vec![b' '; 1 << 20]).unwrap();
    }
    let bomb = Reply::new("200 OK", gzip.finish().unwrap())
        .with("content-encoding: gzip")
        .with(&format!("content-type: {json}"));
    assert_eq!(World::new(&[(PAGE, vec![bomb])]).await.choose("demo").await, expected);
}

#[tokio::test]
async fn redirects_without_end_are_given_up() {
    let round = Reply::new("302 Found", "").with(&format!("location: {PAGE}"));
    let world = World::new(&[(PAGE, vec![round])]).await;
    let text = world.choose("demo").await;
    assert!(text.starts_with(&format!("cannot ask index `default` for demo: cannot reach {PAGE}: ")), "{text}");
    assert!(text.ends_with("more than 10 redirects"), "{text}");
    assert_eq!(world.server.requests().len(), 11);
}

#[tokio::test]
async fn a_server_that_wants_to_be_left_alone_is() {
    let honest = Reply::page(&[listed(&new())]);
    let later = Reply::new("429 Too Many Requests", "slow down").with("retry-after: 1");
    let world = World::new(&[(PAGE, vec![later.clone(), honest])]).await;
    let start = Instant::now();
    assert_eq!(world.choose("demo").await, "base 1.0, demo 2.0");
    assert!(start.elapsed() >= Duration::from_secs(1));
    let always = Reply::new("429 Too Many Requests", "slow down").with("retry-after: 0");
    let world = World::new(&[(PAGE, vec![always])]).await;
    let expected = format!("cannot ask index `default` for demo: {PAGE} answered 429 Too Many Requests: slow down");
    assert_eq!(world.choose("demo").await, expected);
    assert_eq!(world.server.requests().len(), 4);
}

#[tokio::test]
async fn a_burst_of_errors_is_sat_out_and_a_lasting_one_told() {
    let honest = Reply::page(&[listed(&new())]);
    let burst = ["503 Service Unavailable", "502 Bad Gateway", "500 Internal Server Error"]
        .map(|status| Reply::new(status, ""));
    let world = World::new(&[(PAGE, burst.iter().cloned().chain([honest]).collect())]).await;
    assert_eq!(world.choose("demo").await, "base 1.0, demo 2.0");
    let world = World::new(&[(PAGE, vec![burst[0].clone()])]).await;
    let expected = format!("cannot ask index `default` for demo: {PAGE} answered 503 Service Unavailable");
    assert_eq!(world.choose("demo").await, expected);
    // An index that does not know us is not one that has nothing: no other is asked.
    for status in ["401 Unauthorized", "403 Forbidden", "304 Not Modified"] {
        let world = World::new(&[(PAGE, vec![Reply::new(status, "")])]).await;
        let expected = format!("cannot ask index `default` for demo: {PAGE} answered {status}");
        assert_eq!(world.choose("demo").await, expected);
    }
}

#[tokio::test]
async fn connections_that_break_off_are_taken_up_again() {
    let honest = Reply::page(&[listed(&new())]);
    let world = World::new(&[(PAGE, vec![honest.clone().cut(40), honest.clone().cut(0), honest.clone()])]).await;
    assert_eq!(world.choose("demo").await, "base 1.0, demo 2.0");
    let bytes = new().bytes();
    let file = Reply::file(bytes.clone());
    world.server.script(FILE, vec![file.clone().cut(100), file.clone().cut(50), file]);
    world.server.requests();
    assert_eq!(world.fetch().await, format!("ok {}", bytes.len()));
    let requests = world.server.requests();
    assert_eq!(
        requests[requests.len() - 3..],
        [format!("GET {FILE}"), format!("GET {FILE} bytes=100-"), format!("GET {FILE} bytes=150-")]
    );
    let world = World::new(&[(PAGE, vec![honest.clone().cut(40)])]).await;
    let text = world.choose("demo").await;
    assert!(text.starts_with(&format!("cannot ask index `default` for demo: cannot reach {PAGE}")), "{text}");
    // Without a length, nobody but JSON tells that the end is missing.
    let world = World::new(&[(PAGE, vec![honest.endless().cut(60)])]).await;
    let text = world.choose("demo").await;
    assert!(text.starts_with("index `default` has no usable page for demo: "), "{text}");
    let anchor = format!("<a href=\"{FILE}#sha256={}\">x</a>\n", Digest::of(&bytes).hex());
    let html = Reply::new("200 OK", format!("{anchor}<a href=\"/files/demo-3.0-py3-none-any.whl#sha256=12"))
        .with("content-type: text/html");
    assert_eq!(World::new(&[(PAGE, vec![html.endless()])]).await.choose("demo").await, "base 1.0, demo 2.0");
}

#[tokio::test]
async fn pages_and_files_that_change_are_followed_or_refused() {
    let bytes = new().bytes();
    let world = World::new(&[]).await;
    let resolution = world.resolve("demo").await.unwrap();
    let locked = LockedWheel::from(resolution.wheels[1].clone());
    // The same wheel, moved.
    let moved = but(listed(&new()), "url", json!("/elsewhere/demo-2.0-py3-none-any.whl"));
    world.server.script(PAGE, vec![Reply::page(&[moved])]);
    world.server.script(FILE, vec![Reply::new("404 Not Found", "")]);
    world.server.script("/elsewhere/demo-2.0-py3-none-any.whl", vec![Reply::file(bytes.clone())]);
    assert_eq!(world.index().download(&locked).await.unwrap().read().unwrap(), bytes);
    // Another wheel under the same name.
    let world = World::new(&[]).await;
    world.resolve("demo").await.unwrap();
    let other = Wheel::new("demo", "2.0").requires(&["nothing"]);
    world.server.script(FILE, vec![Reply::file(other.bytes())]);
    let error = world.index().download(&locked).await.unwrap_err();
    assert!(matches!(error, IndexError::Fetch { .. } | IndexError::Store(_)), "{error}");
    world.server.script(PAGE, vec![Reply::page(&[listed(&other)])]);
    world.server.script(FILE, vec![Reply::new("404 Not Found", "")]);
    let error = world.index().download(&locked).await.unwrap_err();
    assert_eq!(error.to_string(), "index `default` does not list demo-2.0-py3-none-any.whl");
    // Two wheels of one size, the directory of one and the bytes of the other.
    let (first, second) = large();
    let page = but(listed(&new()), "hashes", json!({"sha256": Digest::of(&first).hex()}));
    let page = vec![Reply::page(&[but(page, "size", json!(first.len())), listed(&old())])];
    let world = World::new(&[(PAGE, page), (FILE, vec![Reply::file(first), Reply::file(second)])]).await;
    let expected = "base 1.0, demo 1.0; demo 2.0 was passed over: demo-2.0-py3-none-any.whl: METADATA is damaged";
    assert_eq!(world.choose("demo").await, expected);
}

/// Two wheels of equal size whose METADATA, of equal size, lies far from their end.
fn large() -> (Vec<u8>, Vec<u8>) {
    let mut seed = 1_u32;
    let mut noise = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed.to_be_bytes()[0]
    };
    let filler: Vec<u8> = (0..100_000).map(|_| noise()).collect();
    let wheel = |requirement: &str| {
        let text = format!("Metadata-Version: 2.1\nName: demo\nVersion: 2.0\nRequires-Dist: {requirement}\n\n");
        zip(&[("demo-2.0.dist-info/METADATA".to_owned(), text.into_bytes()), ("demo/data".to_owned(), filler.clone())])
    };
    let wheels = (wheel("aaaa"), wheel("bbbb"));
    assert_eq!(wheels.0.len(), wheels.1.len());
    wheels
}

#[tokio::test]
async fn a_private_name_never_falls_through_to_another_index() {
    let public = World::new(&[]).await;
    for status in ["401 Unauthorized", "403 Forbidden", "500 Internal Server Error"] {
        let house = Scripted::serve(&[(PAGE, vec![Reply::new(status, "")])]).await;
        let mut settings = public.server.settings();
        settings.indexes.push(crate::pypi::Index {
            name: "house".to_owned(),
            location: Location::Simple(house.url.clone()),
            packages: Vec::new(),
            platforms: Vec::new(),
        });
        let index = package_index_with(&public.folder, settings, Options { retries: 0, ..Options::default() });
        let error = index.project(&"demo".parse().unwrap(), &"linux/amd64".parse().unwrap()).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot ask index `house` for demo");
        assert!(error.source().unwrap().to_string().contains(status));
    }
}

#[tokio::test]
async fn a_page_of_links_serves_many_distributions_with_one_request() {
    let (demo, base) = (new(), Wheel::new("base", "1.0"));
    let link = |wheel: &Wheel| {
        format!("<a href=\"/files/{}#sha256={}\">x</a>\n", wheel.file(), Digest::of(&wheel.bytes()).hex())
    };
    let html = Reply::new("200 OK", format!("{}{}", link(&demo), link(&base))).with("content-type: text/html");
    let world = World::new(&[("/links.html", vec![html])]).await;
    let page = world.server.url.join("/links.html").unwrap();
    let settings =
        crate::pypi::Settings { default: DefaultIndex::Other(Location::Links(page)), ..world.server.settings() };
    let index = package_index_with(&world.folder, settings, Options { retries: 0, ..Options::default() });
    for (name, expect) in [("demo", Some(1)), ("base", Some(1)), ("other", None)] {
        let project = index.project(&name.parse().unwrap(), &"linux/amd64".parse().unwrap()).await.unwrap();
        assert_eq!(project.map(|project| project.files.len()), expect, "{name}");
    }
    assert_eq!(world.server.requests(), ["GET /links.html"]);
}
