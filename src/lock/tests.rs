//! Locks: their text to the letter, and what is refused.

use proptest::prelude::*;

use super::*;
use crate::{
    hint::Advise as _,
    python::{InterpreterKind, Libc, PythonVersion},
};

fn platform(text: &str) -> Platform {
    text.parse().unwrap()
}

fn items(items: &[&str]) -> Input {
    Input::Items(items.iter().map(|&item| item.to_owned()).collect())
}

fn wheel(name: &str, source: WheelSource, why: &[&str]) -> LockedWheel {
    LockedWheel {
        uploaded: None,
        own_hash: false,
        name: name.to_owned(),
        version: "1.0".to_owned(),
        file: format!("{name}-1.0-py3-none-any.whl"),
        sha256: Digest::of(name.as_bytes()),
        size: 12_345,
        source,
        why: why.iter().map(|&why| why.to_owned()).collect(),
    }
}

fn interpreter() -> Interpreter {
    Interpreter {
        path: "/usr/bin/python3".to_owned(),
        version: PythonVersion { major: 3, minor: 11, patch: 2 },
        free_threaded: false,
        scheme: Scheme {
            purelib: "/usr/local/lib/python3.11/dist-packages".to_owned(),
            platlib: "/usr/local/lib/python3.11/dist-packages".to_owned(),
            scripts: "/usr/local/bin".to_owned(),
            data: "/usr/local".to_owned(),
            headers: "/usr/local/include/python3.11".to_owned(),
        },
    }
}

fn directory(path: &str, mode: u32) -> Directory {
    Directory { path: path.to_owned(), mode, uid: 0, gid: 0 }
}

fn sample() -> Lock {
    let facts = Facts {
        python: Some(interpreter()),
        libc: Some(Libc::Glibc(2, 36)),
        installed: vec![Installed { name: "pip".to_owned(), version: "23.0.1".to_owned() }],
        directories: vec![directory("/", 0o755), directory("/tmp", 0o1777)],
        symlinks: vec![Symlink { path: "/lib".to_owned(), target: "usr/lib".to_owned() }],
        ..Facts::default()
    };
    let package = LockedPackage {
        name: "python3".to_owned(),
        version: "3.11.2-1+b1".to_owned(),
        archive: "debian".to_owned(),
        suite: None,
        path: "pool/main/p/python3-defaults/python3_3.11.2-1+b1_amd64.deb".to_owned(),
        sha256: Digest::of(b"deb"),
        size: 26_300,
        why: vec!["recipe".to_owned()],
    };
    let amd64 = platform("linux/amd64");
    let wheels = vec![
        wheel("flask", WheelSource::Index("default".to_owned()), &["recipe"]),
        wheel("jinja2", WheelSource::Url("https://example.org/j.whl".to_owned()), &["flask", "recipe"]),
        wheel("local", WheelSource::Path("dist/local.whl".to_owned()), &["recipe"]),
    ];
    Lock {
        version: Lock::VERSION,
        inputs: BTreeMap::from([
            ("base".to_owned(), Input::Text("docker.io/library/python:3.11-slim".to_owned())),
            ("wheels.files (requirements.txt)".to_owned(), Input::Digest(Digest::of(b"require"))),
            ("wheels.require".to_owned(), items(&["flask", "local[fast]>=1"])),
        ]),
        platforms: vec![LockedPlatform {
            debian: vec![package],
            ..LockedPlatform::new(amd64.clone(), Some(Digest::of(b"base")), facts)
        }],
        images: vec![LockedImage {
            choices: vec![vec!["flask".to_owned(), "jinja2".to_owned()]],
            ..LockedImage::new(Some("web".to_owned()), amd64, wheels)
        }],
    }
}

const GOLDEN: &str = r#"# Written by `wheelwright lock`. Keep it beside the recipe, under version control; do not edit it.
version = 1

[inputs]
"base" = "docker.io/library/python:3.11-slim"
"wheels.files (requirements.txt)" = "sha256:REQUIRE"
"wheels.require" = [
  "flask",
  "local[fast]>=1",
]

[[platforms]]
platform = "linux/amd64"
base = "sha256:BASE"
debian = [
  { name = "python3", version = "3.11.2-1+b1", archive = "debian", path = "pool/main/p/python3-defaults/python3_3.11.2-1+b1_amd64.deb", sha256 = "sha256:DEB", size = 26300, why = ["recipe"] },
]

[platforms.facts]
libc = "glibc 2.36"
installed = [
  { name = "pip", version = "23.0.1" },
]
directories = [
  { path = "/", mode = 0o755, uid = 0, gid = 0 },
  { path = "/tmp", mode = 0o1777, uid = 0, gid = 0 },
]
symlinks = [
  { path = "/lib", target = "usr/lib" },
]

[platforms.facts.python]
path = "/usr/bin/python3"
version = "3.11.2"

[platforms.facts.python.scheme]
purelib = "/usr/local/lib/python3.11/dist-packages"
platlib = "/usr/local/lib/python3.11/dist-packages"
scripts = "/usr/local/bin"
data = "/usr/local"
headers = "/usr/local/include/python3.11"

[[images]]
variant = "web"
platform = "linux/amd64"
choices = [["flask", "jinja2"]]
wheels = [
  { name = "flask", version = "1.0", file = "flask-1.0-py3-none-any.whl", sha256 = "sha256:FLASK", size = 12345, source = { index = "default" }, why = ["recipe"] },
  { name = "jinja2", version = "1.0", file = "jinja2-1.0-py3-none-any.whl", sha256 = "sha256:JINJA2", size = 12345, source = { url = "https://example.org/j.whl" }, why = ["flask", "recipe"] },
  { name = "local", version = "1.0", file = "local-1.0-py3-none-any.whl", sha256 = "sha256:LOCAL", size = 12345, source = { path = "dist/local.whl" }, why = ["recipe"] },
]
"#;

/// Words in capitals stand for digests of the same words in small letters.
fn golden() -> String {
    ["require", "base", "deb", "flask", "jinja2", "local"].iter().fold(GOLDEN.to_owned(), |text, word| {
        text.replace(&format!(":{}\"", word.to_uppercase()), &format!(":{}\"", Digest::of(word.as_bytes()).hex()))
    })
}

#[test]
fn the_text_is_fixed_to_the_letter() {
    assert_eq!(sample().to_toml(), golden());
    assert_eq!(Lock::parse("app.lock", &golden()).unwrap(), sample());
}

#[test]
fn a_lock_of_format_1_is_read_and_written_again_as_it_was() {
    // Somebody's lock: who changes this file breaks locks that are under version control.
    let text = include_str!("fixtures/format-1.lock");
    let lock = Lock::parse("format-1.lock", text).unwrap();
    assert_eq!((lock.version, lock.images[0].wheels.len()), (1, 3));
    assert_eq!(lock.to_toml(), text);
}

#[test]
fn what_images_do_to_their_base_reads_back() {
    let mut lock = sample();
    lock.platforms[0].base_index = Some(Digest::of(b"index"));
    lock.platforms[0].venv = Some(Venv {
        prefix: "/opt/venv".to_owned(),
        python: "/usr/bin/python3".to_owned(),
        system_site_packages: true,
    });
    let (version, cache_tag) = ("3.11.7".parse().unwrap(), "cpython-311".to_owned());
    lock.platforms[0].compiler = Some(Compiler { version, magic: 3495, cache_tag });
    let hides = ["/usr/lib/site/torch", "/usr/bin/torchrun"].map(str::to_owned).to_vec();
    lock.images[0].replaced = vec![Replaced { name: "torch".to_owned(), version: "2.0".to_owned(), hides }];
    let text = lock.to_toml();
    let expect = "compiler = { version = \"3.11.7\", magic = 3495, cache-tag = \"cpython-311\" }\n";
    assert!(text.contains(expect), "{text}");
    let expect = "venv = { prefix = \"/opt/venv\", python = \"/usr/bin/python3\", system-site-packages = true }\n";
    assert!(text.contains(expect), "{text}");
    let expect = "replaced = [\n  { name = \"torch\", version = \"2.0\", hides = [\"/usr/bin/torchrun\", \"/usr/lib/site/torch\"] },\n]\n";
    assert!(text.contains(expect), "{text}");
    let read = Lock::parse("app.lock", &text).unwrap();
    assert_eq!(read.to_toml(), text);
    for wrong in ["/", "usr", "/usr/../etc"] {
        assert!(Lock::parse("app.lock", &text.replace("/usr/bin/torchrun", wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn what_is_known_of_a_base_reads_back() {
    let mut lock = sample();
    let facts = &mut lock.platforms[0].facts;
    facts.system = Some(System {
        id: "debian".to_owned(),
        version: Some("12".to_owned()),
        codename: None,
        packages: Some(PackageDatabase::Dpkg),
    });
    facts.interpreters = vec![Installation {
        path: "/usr/bin/python3.11".to_owned(),
        version: "3.11.2".parse().unwrap(),
        kind: InterpreterKind::RedHat,
        abi: Some("cpython-311-x86_64-linux-gnu".to_owned()),
        prefix: "/usr".to_owned(),
        purelib: "/usr/local/lib/python3.11/site-packages".to_owned(),
        platlib: Some("/usr/local/lib64/python3.11/site-packages".to_owned()),
        externally_managed: true,
        system_site_packages: false,
    }];
    facts.libraries = ["libc.so.6 GLIBC_2.36", "libz.so.1"].map(|text| text.parse().unwrap()).to_vec();
    let text = lock.to_toml();
    assert_eq!(Lock::parse("lock", &text).unwrap(), lock);
    let expect = r#"libc = "glibc 2.36"
system = { id = "debian", version = "12", packages = "dpkg" }
interpreters = [
  { path = "/usr/bin/python3.11", version = "3.11.2", kind = "red-hat", abi = "cpython-311-x86_64-linux-gnu", prefix = "/usr", purelib = "/usr/local/lib/python3.11/site-packages", platlib = "/usr/local/lib64/python3.11/site-packages", externally-managed = true },
]
libraries = [
  "libc.so.6 GLIBC_2.36",
  "libz.so.1",
]
"#;
    assert!(text.contains(expect), "{text}");
    let error = Lock::parse("lock", &text.replace("\"libz.so.1\"", "\"\"")).unwrap_err();
    assert!(format!("{error:?}").contains("is no soname"), "{error:?}");
}

#[test]
fn what_lies_below_packages_and_where_they_come_from_is_optional() {
    let mut lock = sample();
    let locked = &mut lock.platforms[0];
    let suite = |suite: &str, signed_by: Option<&str>| LockedSuite {
        archive: "debian".to_owned(),
        suite: suite.to_owned(),
        date: "20261121T005302Z".to_owned(),
        release: Digest::of(b"base"),
        signed_by: signed_by.map(str::to_owned),
    };
    locked.suites = vec![suite("bookworm", Some("ABCD")), suite("bookworm-backports", None)];
    locked.debian[0].suite = Some("bookworm-backports".to_owned());
    let symlinks = vec![Symlink { path: "/lib".to_owned(), target: "usr/lib".to_owned() }];
    locked.below = Some(Below { directories: vec![directory("/srv", 0o2775)], symlinks });
    let text = lock.to_toml();
    let base = Digest::of(b"base");
    let expect = format!(
        "suites = [\n  {{ archive = \"debian\", suite = \"bookworm\", date = \"20261121T005302Z\", release = \"{base}\", \
         signed-by = \"ABCD\" }},\n  {{ archive = \"debian\", suite = \"bookworm-backports\", \
         date = \"20261121T005302Z\", release = \"{base}\" }},\n]\n"
    );
    assert!(text.contains(&expect), "{text}");
    assert!(text.contains("archive = \"debian\", suite = \"bookworm-backports\", path = "), "{text}");
    let below = "\n[platforms.below]\ndirectories = [\n  { path = \"/srv\", mode = 0o2775, uid = 0, gid = 0 },\n]\n\
                 symlinks = [\n  { path = \"/lib\", target = \"usr/lib\" },\n]\n\n[platforms.facts]\n";
    assert!(text.contains(below), "{text}");
    assert_eq!(Lock::parse("app.lock", &text).unwrap(), lock);
    for (from, to) in [("\"/srv\"", "\"srv\""), ("archive = \"debian\", suite", "archive = \"../x\", suite")] {
        assert!(Lock::parse("app.lock", &text.replacen(from, to, 1)).is_err(), "{from}");
    }
}

#[test]
fn what_is_hidden_is_not_below_the_wheels() {
    let mut lock = sample();
    let directories: Vec<String> = lock.platforms[0].facts.directories.iter().map(|one| one.path.clone()).collect();
    lock.images[0].replaced =
        vec![Replaced { name: "pip".to_owned(), version: "23.0.1".to_owned(), hides: vec![directories[1].clone()] }];
    let under = lock.platforms[0].under(&lock.images[0]);
    assert!(under.facts.installed.is_empty());
    assert!(under.facts.directories.iter().all(|one| !one.path.starts_with(&directories[1])));
    assert!(under.facts.directories.iter().any(|one| one.path == directories[0]));
}

#[test]
fn the_order_of_packages_does_not_show() {
    let mut shuffled = sample();
    shuffled.images[0].wheels.reverse();
    shuffled.images[0].wheels[1].why.reverse();
    assert_eq!(shuffled.to_toml(), golden());
}

#[test]
fn images_and_platforms_are_found_by_name() {
    let lock = sample();
    let (amd64, arm64) = (platform("linux/amd64"), platform("linux/arm64"));
    assert_eq!(lock.image(Some("web"), &amd64), lock.images.first());
    assert_eq!(lock.image(None, &amd64), None);
    assert_eq!(lock.image(Some("web"), &arm64), None);
    assert_eq!(lock.platform(&amd64), lock.platforms.first());
    assert_eq!(lock.platform(&arm64), None);
}

#[test]
fn stale_keys_are_named_with_their_difference() {
    let digest = |text: &str| Input::Digest(Digest::of(text.as_bytes()));
    let text = |text: &str| Input::Text(text.to_owned());
    let said = |pairs: &[(&str, Input)]| -> BTreeMap<String, Input> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
    };
    let check = |then: &[(&str, Input)], now: &[(&str, Input)], expect: &[&str]| {
        let lock = Lock { inputs: said(then), ..sample() };
        let stale: Vec<String> = lock.stale(&said(now)).iter().map(Stale::to_string).collect();
        assert_eq!(stale, expect);
    };
    let then = [("base", text("a")), ("wheels.deny", digest("c"))];
    check(&then, &then, &[]);
    check(
        &then,
        &[("base", text("b")), ("wheels.require", digest("d"))],
        &["`base` is `b` and was `a`", "`wheels.deny` was removed", "`wheels.require` was added"],
    );
    check(&[("files", digest("a"))], &[("files", digest("b"))], &["`files` changed"]);
    let require = |list: &[&str]| [("require", items(list))];
    check(&require(&["a", "b"]), &require(&["b", "a"]), &["`require` has another order"]);
    check(
        &require(&["a<2", "b", "c"]),
        &require(&["a[x]<3", "c"]),
        &["`require` lost `b` and has `a[x]<3` in place of `a<2`"],
    );
    check(
        &require(&[]),
        &require(&["1", "2", "3", "4", "5", "6", "7"]),
        &["`require` gained `1`, `2`, `3`, `4`, `5` and 2 more"],
    );
    // A lock that knows only digests.
    check(&[("base", digest("\"a\""))], &[("base", text("a"))], &[]);
    check(&[("require", digest("[\"a\",\"b\"]"))], &require(&["a", "b"]), &[]);
    check(&[("require", digest("[\"a\"]"))], &require(&["a", "b"]), &["`require` changed"]);
}

#[test]
fn wrong_locks_are_refused() {
    let check = |from: &str, to: &str, expect: &str| {
        let text = golden();
        assert!(text.contains(from), "{from}");
        let error = Lock::parse("app.lock", &text.replacen(from, to, 1)).unwrap_err();
        assert_eq!(error.to_string(), expect);
        assert!(error.hint().is_some());
    };
    check("version = 1", "version = 2\nnew-key = 1", "app.lock has lock format 2, and this version reads up to 1");
    check("version = 1", "version = 0", "app.lock:1: there is no lock format 0");
    check("version = 1", "", "app.lock:1: missing field `version`");
    check("version = 1", "version = ", "app.lock:2: string values must be quoted, expected literal string");
    check(
        "size = 12345",
        "length = 1",
        "app.lock:48: unknown field `length`, expected one of `name`, `version`, `file`, `sha256`, `size`, `source`, `uploaded`, `own-hash`, `why`",
    );
    check("size = 12345", "size = -1", "app.lock:48: invalid value: integer `-1`, expected u64");
    check("flask-1.0-", "../flask-1.0-", "app.lock names as a wheel `../flask-1.0-py3-none-any.whl`");
    check("none-any.whl", "none-any.tar", "app.lock names as a wheel `flask-1.0-py3-none-any.tar`");
    check("flask-1.0-", "flask-", "app.lock names as a wheel `flask-py3-none-any.whl`");
    check("version = \"1.0\"", "version = \"2.0\"", "app.lock calls `flask-1.0-py3-none-any.whl` flask 2.0");
    check("version = \"1.0\"", "version = \"1.0+a\"", "app.lock calls `flask-1.0-py3-none-any.whl` flask 1.0+a");
    check("name = \"flask\"", "name = \"other\"", "app.lock calls `flask-1.0-py3-none-any.whl` other 1.0");
    check("dist/local.whl", "/home/local.whl", "app.lock names as the place of a wheel `/home/local.whl`");
    check(
        "pool/main/p",
        "../main/p",
        "app.lock names as the place of a package `../main/p/python3-defaults/python3_3.11.2-1+b1_amd64.deb`",
    );
    check("\"debian\"", "\"../x\"", "app.lock names as an archive `../x`");
    check("\"/tmp\"", "\"/tmp/../etc\"", "app.lock names as a path of the image `/tmp/../etc`");
    check("\"/usr/local/bin\"", "\"bin\"", "app.lock names as a path of the image `bin`");
    check("name = \"jinja2\"", "name = \"flask\"", "app.lock locks `flask` for linux/amd64 twice");
    check(
        "[[images]]",
        "[[images]]\nvariant = \"web\"\nplatform = \"linux/amd64\"\n[[images]]",
        "app.lock locks the wheels of `web` for linux/amd64 twice",
    );
    check(
        "[[images]]\nvariant = \"web\"\nplatform = \"linux/amd64\"",
        "[[images]]\nplatform = \"linux/s390x\"",
        "app.lock locks wheels for linux/s390x and nothing below them",
    );
}

#[test]
fn a_wheel_may_be_spelled_in_all_ways_of_its_version() {
    let check = |version: &str, file: &str| {
        let mut lock = sample();
        lock.images[0].wheels[0].version = version.to_owned();
        lock.images[0].wheels[0].file = file.to_owned();
        let text = lock.to_toml();
        assert_eq!(Lock::parse("app.lock", &text).map(|lock| lock.to_toml()), Ok(text));
    };
    for version in
        ["1.0.0.post1", "1.0_1", "1.0.POST1", "1!2.0", "2.0+cu121", "2.0+ubuntu_1", "v1.0", "1.0.dev3", "1.0rc1"]
    {
        check(version, &format!("Flask-{version}-py3-none-any.whl"));
        check(version, &format!("flask-{version}-2local-cp311.cp312-none-any.whl"));
    }
    check("1.0", "FLASK-1.0.0-py3-none-any.whl");
}

#[test]
fn deep_nesting_is_refused() {
    for part in ["[", "{ a = ", "a."] {
        assert!(Lock::parse("app.lock", &format!("version = 1\nx = {}", part.repeat(50_000))).is_err());
        assert!(Lock::parse("app.lock", &format!("version = 1\n{}a = 1", part.repeat(50_000))).is_err());
    }
    assert!(Lock::parse("app.lock", &format!("version = 1\n[{}a]", "a.".repeat(50_000))).is_err());
}

proptest! {
    #[test]
    fn every_lock_reads_back(
        words in proptest::collection::vec("\\PC{0,12}|[\\x00-\\x20\"\\\\]{0,4}", 6),
        size in 0..=u64::MAX / 2,
        mode in 0..=0o7777_u32,
        free_threaded in any::<bool>(),
    ) {
        let mut lock = sample();
        lock.inputs.insert(words[0].clone(), Input::Items(words[1..4].to_vec()));
        lock.inputs.insert(format!("{}.", words[0]), Input::Text(words[1].clone()));
        lock.images[0].variant = Some(words[1].clone());
        lock.images[0].choices.push(vec![words[2].clone()]);
        lock.images[0].wheels[0].size = size;
        lock.images[0].wheels[0].why = vec![words[4].clone()];
        lock.images[0].wheels[0].source = WheelSource::Index(words[5].clone());
        lock.platforms[0].facts.directories[1].mode = mode;
        lock.platforms[0].facts.symlinks[0].target.clone_from(&words[3]);
        lock.platforms[0].facts.python.as_mut().unwrap().free_threaded = free_threaded;
        let text = lock.to_toml();
        let read = Lock::parse("app.lock", &text).unwrap();
        prop_assert_eq!(&read, &lock);
        prop_assert_eq!(read.to_toml(), text);
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}") {
        let _ = Lock::parse("app.lock", &format!("version = 1\n{text}"));
    }
}
