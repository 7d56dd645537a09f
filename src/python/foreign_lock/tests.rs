//! Locks of other tools: what is read, what is wanted of them, and what is refused.

use super::*;
use crate::python::{marker_environment, tags::tests::target};

fn shown(lock: &ForeignLock, platform: &str, part: &Part<'_>) -> Result<String, String> {
    let environment = marker_environment(&target(platform, "3.11.2", "glibc 2.36"));
    let selected = lock.select(&environment, part).map_err(|error| error.to_string())?;
    let line = |(package, why): &(&ForeignPackage, Vec<String>)| {
        let version = package.version.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{} {version} ({})", package.name, why.join(" "))
    };
    Ok(selected.iter().map(line).collect::<Vec<_>>().join(", "))
}

const UV: &str = r#"
version = 1
revision = 5
requires-python = ">=3.11, <3.13"

[[package]]
name = "app"
version = "0.1.0"
source = { virtual = "." }
dependencies = [
    { name = "flask" },
    { name = "httpx", extra = ["http2"] },
    { name = "torch", version = "2.3.1", source = { registry = "https://index.example/simple" }, marker = "platform_machine == 'aarch64'" },
    { name = "torch", version = "2.3.1+cpu", source = { registry = "https://cpu.example/whl" }, marker = "platform_machine != 'aarch64'" },
    { name = "own" },
    { name = "gpu", marker = "extra == 'extra-3-app-cuda'" },
]

[package.optional-dependencies]
yaml = [{ name = "pyyaml" }]
cuda = []

[package.dev-dependencies]
dev = [{ name = "pytest" }]

[[package]]
name = "flask"
version = "3.0"
source = { registry = "https://index.example/simple" }
sdist = { url = "https://files.example/flask-3.0.tar.gz", hash = "sha256:00", size = 1 }
wheels = [{ url = "https://files.example/Flask-3.0%2Bx-py3-none-any.whl", hash = "sha256:0000000000000000000000000000000000000000000000000000000000000000", size = 7 }]

[[package]]
name = "gpu"
version = "1"
source = { registry = "https://index.example/simple" }

[[package]]
name = "h2"
version = "4.0"
source = { registry = "https://index.example/simple" }

[[package]]
name = "httpx"
version = "0.27"
source = { registry = "https://index.example/simple" }
dependencies = [{ name = "flask" }]
[package.optional-dependencies]
http2 = [{ name = "h2" }]

[[package]]
name = "own"
version = "1.0"
source = { path = "dist/own-1.0-py3-none-any.whl" }
wheels = [{ filename = "own-1.0-py3-none-any.whl", hash = "sha256:0000000000000000000000000000000000000000000000000000000000000000" }]

[[package]]
name = "pytest"
version = "8.0"
source = { git = "https://git.example/pytest?rev=1#2" }

[[package]]
name = "pyyaml"
version = "6.0"
source = { registry = "https://index.example/simple" }

[[package]]
name = "torch"
version = "2.3.1"
source = { registry = "https://index.example/simple" }

[[package]]
name = "torch"
version = "2.3.1+cpu"
source = { registry = "https://cpu.example/whl" }
"#;

#[test]
fn the_graph_of_uv_is_followed() {
    let lock = ForeignLock::uv_lock(UV).unwrap();
    let base = "flask 3.0 (httpx recipe), h2 4.0 (httpx), httpx 0.27 (recipe), own 1.0 (recipe)";
    let check = |platform: &str, part: &Part<'_>, expect: &str| {
        assert_eq!(shown(&lock, platform, part).unwrap_or_else(|error| error), expect);
    };
    check("linux/amd64", &Part::default(), &format!("{base}, torch 2.3.1+cpu (recipe)"));
    check("linux/arm64", &Part::default(), &format!("{base}, torch 2.3.1 (recipe)"));
    let (extras, groups) = (["yaml".parse().unwrap()], ["dev".to_owned()]);
    let part = Part { extras: &extras, groups: &groups, ..Part::default() };
    check("linux/arm64", &part, &format!("{base}, pytest 8.0 (recipe), pyyaml 6.0 (recipe), torch 2.3.1 (recipe)"));
    let cuda = ["cuda".parse().unwrap()];
    let part = Part { extras: &cuda, ..Part::default() };
    assert!(shown(&lock, "linux/amd64", &part).unwrap().contains("gpu 1 (recipe)"));
    let also = ["pyyaml".parse().unwrap(), "none ; platform_machine == 'x86_64'".parse().unwrap()];
    let part = Part { also: &also, ..Part::default() };
    assert!(shown(&lock, "linux/arm64", &part).unwrap().contains("pyyaml"));
    check("linux/amd64", &part, "`none` is not in it");
    let forked = ["torch".parse().unwrap()];
    check("linux/amd64", &Part { also: &forked, ..Part::default() }, &format!("{base}, torch 2.3.1+cpu (recipe)"));
    let wrong = ["x".to_owned()];
    let part = Part { groups: &wrong, ..Part::default() };
    check("linux/amd64", &part, "app has no dependency group `x`; it has: dev");
}

#[test]
fn files_of_uv_are_read() {
    let lock = ForeignLock::uv_lock(UV).unwrap();
    let only = |name: &str| lock.named(&name.parse().unwrap()).next().cloned().unwrap();
    let flask = only("flask");
    assert_eq!(flask.origin, Origin::Index(Some("https://index.example/simple".to_owned())));
    assert_eq!((flask.wheels[0].file.file(), flask.wheels[0].size), ("Flask-3.0+x-py3-none-any.whl", Some(7)));
    assert!(flask.wheels[0].sha256.is_some());
    let own = only("own");
    assert_eq!(
        (own.origin, own.wheels[0].place.clone()),
        (Origin::Direct, Some(Place::Path("dist/own-1.0-py3-none-any.whl".to_owned())))
    );
    assert_eq!(only("pytest").origin, Origin::Source("https://git.example/pytest".to_owned()));
    assert_eq!(only("app").origin, Origin::Source("the folder .".to_owned()));
}

#[test]
fn a_lock_says_which_environments_it_is_for() {
    let check = |lock: Result<ForeignLock, PythonError>, platform: &str, expect: &str| {
        let found = shown(&lock.unwrap(), platform, &Part::default());
        assert_eq!(found.err().unwrap_or_default(), expect);
    };
    let amd64 = "[\"platform_machine == 'aarch64' and python_version < '3'\", \"platform_machine == 'x86_64'\"]";
    let uv = UV.replace("revision = 5", &format!("supported-markers = {amd64}"));
    let pylock = PYLOCK.replace("created-by = \"test\"", &format!("environments = {amd64}"));
    let other = "the lock is for other environments than Linux on aarch64 with Python 3.11.2";
    for (platform, expect) in [("linux/amd64", ""), ("linux/arm64", other)] {
        check(ForeignLock::uv_lock(&uv), platform, expect);
        check(ForeignLock::pylock(&pylock), platform, expect);
        check(ForeignLock::pylock(&pylock.replace(amd64, "[]")), platform, "");
    }
}

#[test]
fn extras_are_those_that_are_locked_or_asked_for() {
    let (uv, pylock) = (ForeignLock::uv_lock(UV).unwrap(), ForeignLock::pylock(PYLOCK).unwrap());
    let has =
        |lock: &ForeignLock, name: &str, extra: &str| lock.has_extra(&name.parse().unwrap(), &extra.parse().unwrap());
    assert_eq!((has(&uv, "httpx", "http2"), has(&uv, "httpx", "brotli")), (Some(true), Some(false)));
    assert_eq!((has(&uv, "flask", "http2"), has(&pylock, "flask", "http2")), (Some(false), None));
    // It asks for nothing, and so stands with those alone who ask for it.
    let empty =
        ForeignLock::uv_lock(&UV.replace("{ name = \"pytest\" }", "{ name = \"pytest\", extra = [\"x\"] }")).unwrap();
    assert_eq!(has(&empty, "pytest", "x"), Some(true));
}

const PYLOCK: &str = r#"
lock-version = "1.0"
created-by = "test"
requires-python = ">=3.11"
default-groups = ["main"]

[[packages]]
name = "flask"
version = "3.0"
dependencies = [{ name = "native" }]
wheels = [{ name = "flask-3.0-py3-none-any.whl", url = "https://files.example/x", size = 1, hashes = { sha256 = "0000000000000000000000000000000000000000000000000000000000000000" } }]

[[packages]]
name = "native"
version = "1"
marker = "platform_machine == 'x86_64'"
index = "https://index.example/simple"

[[packages]]
name = "yaml"
version = "1"
marker = "'yaml' in extras and platform_machine == 'x86_64'"

[[packages]]
name = "main"
version = "1"
marker = '"main" in dependency_groups or ("dev" in dependency_groups and "x" not in extras)'

[[packages]]
name = "there"
archive = { url = "https://files.example/there-1-py3-none-any.whl", hashes = { sha256 = "0000000000000000000000000000000000000000000000000000000000000000" } }

[[packages]]
name = "built"
marker = "platform_machine == 's390x'"
directory = { path = "." }
"#;

#[test]
fn packages_of_a_pylock_are_taken_by_their_markers() {
    let lock = ForeignLock::pylock(PYLOCK).unwrap();
    let check = |platform: &str, part: &Part<'_>, expect: &str| {
        assert_eq!(shown(&lock, platform, part).unwrap_or_else(|error| error), expect);
    };
    check("linux/amd64", &Part::default(), "flask 3.0 (recipe), main 1 (recipe), native 1 (flask), there  (recipe)");
    check("linux/arm64", &Part::default(), "flask 3.0 (recipe), main 1 (recipe), there  (recipe)");
    let (extras, groups) = (["yaml".parse().unwrap(), "x".parse().unwrap()], ["dev".to_owned()]);
    let part = Part { extras: &extras, groups: &groups, ..Part::default() };
    check("linux/amd64", &part, "flask 3.0 (recipe), native 1 (flask), there  (recipe), yaml 1 (recipe)");
    let there = lock.named(&"there".parse().unwrap()).next().cloned().unwrap();
    assert_eq!((there.origin, there.wheels.len()), (Origin::Direct, 1));
    assert!(lock.named(&"built".parse().unwrap()).all(|package| package.origin.is_source()));
}

#[test]
fn mistakes_have_a_place() {
    let check = |read: fn(&str) -> Result<ForeignLock, PythonError>, from: &str, to: &str, expect: &str| {
        let whole = if from.contains("lock-version") || PYLOCK.contains(from) { PYLOCK } else { UV };
        let text = whole.replacen(from, to, 1);
        match read(&text).unwrap_err() {
            PythonError::Place { span, reason, .. } => assert_eq!(format!("{} | {reason}", &text[span]), expect),
            other => panic!("{other}"),
        }
    };
    let (pylock, uv) = (ForeignLock::pylock, ForeignLock::uv_lock);
    check(pylock, "\"1.0\"", "\"2.0\"", "\"2.0\" | version 2.0 of the format is not understood, only 1.x is");
    check(pylock, "name = \"flask\"", "name = \"fla sk\"", "\"fla sk\" | `fla sk` is not a distribution name");
    check(pylock, "version = \"3.0\"", "version = \"x\"", "\"x\" | `x` is not a version");
    check(
        uv,
        "version = 1\nrevision",
        "version = 2\nrevision",
        "2 | version 2 of the format is not understood, only 1 is",
    );
    check(
        uv,
        "marker = \"platform_machine == 'aarch64'\"",
        "marker = \"so what\"",
        "\"so what\" | `so what` is not a marker",
    );
    check(uv, "virtual = \".\"", "directory = \".\"", " | no project is locked here, only distributions");
    let twice = PYLOCK.replace("name = \"native\"", "name = \"flask\"");
    let error = shown(&ForeignLock::pylock(&twice).unwrap(), "linux/amd64", &Part::default()).unwrap_err();
    assert_eq!(error, "flask is wanted in two versions at once, 3.0 and 1");
}
