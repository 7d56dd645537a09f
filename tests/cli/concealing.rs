//! Passwords of an index, a registry and a proxy go where they are asked for, and are found nowhere afterwards:
//! not in what is printed, written, kept, pushed or attached, whether a run succeeds or fails.

use std::fs;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use wheelwright::testing::Base;

use super::{
    bench::{Bench, Run},
    private_index::{self, holding},
    workshop,
};
use crate::registry::world::World;

/// A name that only the proxy knows.
const HOST: &str = "registry.invalid:5000";
const ROBOT: (&str, &str) = ("robot", "hunter3+Rg7x");
const PROXY: (&str, &str) = ("way", "hunter4Px5w");

const RECIPE: &str = "\
name = \"app\"
base = \"registry.invalid:5000/base/python:3.11\"
platforms = [\"linux/amd64\", \"linux/arm64\"]

[wheels]
require = [\"demo\"]

[[scripts]]
from = \"hello.txt\"
to = \"/hello.txt\"
";

fn encoded((user, password): (&str, &str)) -> String {
    BASE64_STANDARD.encode(format!("{user}:{password}"))
}

/// Every password in every form that a program could write it down in.
fn secrets() -> Vec<String> {
    let all = [(private_index::USER, private_index::PASSWORD), ROBOT, PROXY];
    let forms = |one: (&str, &str)| [one.1.to_owned(), one.1.replace('+', "%2B"), encoded(one)];
    all.into_iter().flat_map(forms).collect()
}

fn silent(run: &Run) {
    for secret in secrets() {
        assert!(!run.stdout.contains(&secret) && !run.stderr.contains(&secret), "{secret}\n{run}");
    }
}

struct Closed {
    world: World,
    bench: Bench,
    index: String,
}

impl Closed {
    async fn new() -> Self {
        let world = World::new().await;
        workshop::put(&world, "base/python:3.11", &Base::default()).await;
        world.needs_basic(ROBOT.0, ROBOT.1);
        let bench = Bench::new(&[("app.toml", RECIPE), ("hello.txt", "hello\n")]);
        Self { world, bench, index: private_index::index() }
    }

    /// Runs `line` as loudly as can be, through the proxy at `proxy`, as `robot`.
    fn run(&self, line: &str, proxy: &str, robot: (&str, &str)) -> Run {
        let auth = format!("{{\"auths\":{{\"{HOST}\":{{\"auth\":\"{}\"}}}}}}", encoded(robot));
        let password = private_index::PASSWORD.replace('+', "%2B");
        let index = format!("http://{}:{password}@{}/simple", private_index::USER, self.index);
        let proxy = format!("http://{}:{}@{proxy}", PROXY.0, PROXY.1);
        let variables = [
            ("DOCKER_AUTH_CONFIG", auth.as_str()),
            ("PIP_INDEX_URL", &index),
            ("http_proxy", &proxy),
            ("no_proxy", "127.0.0.1"),
            ("WHEELWRIGHT_LOG", "trace"),
        ];
        let run = self.bench.run_with(&format!("{line} -vv --progress json --plain-http {HOST}"), &variables);
        silent(&run);
        run
    }

    fn well(&self, line: &str) -> Run {
        let run = self.run(line, &self.world.host(), ROBOT);
        assert_eq!(run.code, Some(0), "{line}\n{run}");
        run
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passwords_are_found_nowhere_after_a_run() {
    let closed = Closed::new().await;
    closed.well("lock app.toml");
    let built = closed.well(&format!(
        "build app.toml --push {HOST}/app:1 -o oci:dist -o app.tar --metadata-file made.json \
         --report r.html --report r.json --report r.md"
    ));
    assert!(built.stdout.contains("artifacts attached"), "{built}");
    assert!(built.stderr.contains("TRACE"), "{built}");
    closed.well("lock app.toml --export pylock -o pylock.toml");
    closed.well("lock app.toml --export requirements -o requirements.txt");
    closed.well("plan app.toml");
    closed.well(&format!("inspect {HOST}/app:1"));
    closed.well(&format!("sbom {HOST}/app:1 --platform linux/amd64 --format spdx"));
    closed.well(&format!("copy {HOST}/app:1 oci:back"));
    let project = closed.bench.project();
    for written in ["app.lock", "app.tar", "made.json", "r.html", "r.json", "pylock.toml", "requirements.txt"] {
        assert!(fs::read(project.join(written)).is_ok_and(|bytes| !bytes.is_empty()), "{written}");
    }
    // The proxy and the registry are one server here; both were told who asks.
    let told = |header: &str, user| {
        closed
            .world
            .seen()
            .iter()
            .any(|seen| seen.headers.get(header).is_some_and(|value| *value == format!("Basic {}", encoded(user))))
    };
    assert!(told("authorization", ROBOT) && told("proxy-authorization", PROXY));
    // Project, home and store; then all that the registry has.
    assert_eq!(holding(project.parent().unwrap(), &secrets()), [""; 0]);
    assert!(!workshop::files(closed.world.folder()).is_empty());
    assert_eq!(holding(closed.world.folder(), &secrets()), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_are_told_without_passwords() {
    let closed = Closed::new().await;
    let lock = "lock app.toml";
    let refused = closed.run(lock, &closed.world.host(), ("robot", "hunter3+Rg7xwrong"));
    assert!(refused.code == Some(6) && refused.stderr.contains("401"), "{refused}");
    let no_proxy = closed.run(lock, "127.0.0.1:1", ROBOT);
    assert_eq!(no_proxy.code, Some(6), "{no_proxy}");
    let no_index = Closed { index: "127.0.0.1:1".to_owned(), ..closed };
    let run = no_index.run(lock, &no_index.world.host(), ROBOT);
    assert_eq!(run.code, Some(6), "{run}");
    assert_eq!(holding(no_index.bench.project().parent().unwrap(), &secrets()), [""; 0]);
}

#[test]
fn passwords_in_files_are_neither_repeated_nor_taken_over() {
    let url = "http://me:hunter2+Zp9q@127.0.0.1:1";
    let head = "name = \"app\"\nbase = \"oci:base\"\nplatforms = [\"linux/amd64\"]\n\n[wheels]\n";
    let dockerfile = format!(
        "FROM python:3.11\nRUN pip install --index-url {url}/simple demo\nRUN pip install git+{url}/x.git\n\
         RUN pip install \"other @ {url}/other-1.0-py3-none-any.whl\"\n"
    );
    let bench = Bench::new(&[
        ("index.toml", &format!("{head}require = [\"demo\"]\nindex = [{{ name = \"x\", url = \"{url}/simple\" }}]\n")),
        ("direct.toml", &format!("{head}require = [\"demo @ {url}/demo-1.0-py3-none-any.whl\"]\n")),
        ("files.toml", &format!("{head}files = [\"requirements.txt\"]\n")),
        (
            "base.toml",
            "name = \"app\"\nbase = \"me:hunter2+Zp9q@127.0.0.1:1/python:3.11\"\nplatforms = [\"linux/amd64\"]\n",
        ),
        ("requirements.txt", &format!("--extra-index-url {url}/simple\ndemo\n")),
        ("Dockerfile", &dockerfile),
    ]);
    bench.write_base(&Base::default());
    for recipe in ["index", "direct", "files", "base"] {
        let run = bench.run(&format!("lock {recipe}.toml --progress off"));
        assert!(run.code != Some(0) && !run.to_string().contains("hunter2"), "{run}");
    }
    let run = bench.run("init --from Dockerfile -o drafted.toml --base oci:base");
    assert!(run.code == Some(0) && !run.to_string().contains("hunter2"), "{run}");
    let drafted = fs::read_to_string(bench.project().join("drafted.toml")).unwrap();
    assert!(drafted.contains("http://127.0.0.1:1/simple") && !drafted.contains("hunter2"), "{drafted}");
}
