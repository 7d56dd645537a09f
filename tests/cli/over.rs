//! Images that change their base: distributions replaced, environments of their own, variables that
//! speak of the base's.

use std::{collections::BTreeMap, fs, io::Read as _};

use serde_json::Value;
use wheelwright::testing::{Base, Wheel};

use super::bench::{Bench, Run};

const SITE: &str = "usr/local/lib/python3.11/site-packages";

/// A project over a base that brings `demo` 1.0; `more` follows in `[wheels]`.
fn project(base: &Base, more: &str) -> Bench {
    let recipe = format!(
        "name = \"app\"\nbase = \"oci:base\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\
         [wheels]\nrequire = [\"./demo-2.0-py3-none-any.whl\"]\n{more}"
    );
    let bench = Bench::new(&[("app.toml", &recipe)]);
    bench.write_base(base);
    let demo = Wheel::new("demo", "2.0").file("demo/__init__.py", b"two").file("demo/new.py", b"");
    bench.write("demo-2.0-py3-none-any.whl", &demo.build());
    bench
}

fn with_demo() -> Base {
    let site = |path: &str| format!("{SITE}/{path}");
    let record = "demo/__init__.py,,\ndemo/old.py,,\ndemo-1.0.dist-info/METADATA,,\ndemo-1.0.dist-info/RECORD,,\n../../../bin/demo,,\n";
    Base::default()
        .file(&site("demo/__init__.py"), b"one")
        .file(&site("demo/old.py"), b"")
        .file(&site("demo/__pycache__/old.cpython-311.pyc"), b"")
        .file(&site("demo-1.0.dist-info/METADATA"), b"Name: demo\nVersion: 1.0\n")
        .file(&site("demo-1.0.dist-info/RECORD"), record.as_bytes())
        .file(&site("demo-1.0.dist-info/INSTALLER"), b"pip\n")
        .file(&site("other.py"), b"")
        .file("usr/local/bin/demo", b"")
}

/// The layout's first image: its config, and its files with their contents, laid over each other.
pub(super) fn image(bench: &Bench) -> (Value, BTreeMap<String, Vec<u8>>) {
    let blob = |descriptor: &Value| {
        let hex = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap().to_owned();
        fs::read(bench.project().join("dist/blobs/sha256").join(hex)).unwrap()
    };
    let json = |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).unwrap();
    let index = json(fs::read(bench.project().join("dist/index.json")).unwrap());
    let manifest = json(blob(&json(blob(&index["manifests"][0]))["manifests"][0]));
    let mut files = BTreeMap::new();
    for layer in manifest["layers"].as_array().unwrap() {
        let (mut bytes, mut tar) = (blob(layer), Vec::new());
        if bytes.starts_with(&[0x1f, 0x8b]) {
            flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut tar).unwrap();
            bytes = std::mem::take(&mut tar);
        }
        for entry in tar::Archive::new(&bytes[..]).entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().to_str().unwrap().trim_end_matches('/').to_owned();
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
            if let Some(hidden) = name.strip_prefix(".wh.") {
                assert_eq!(entry.size(), 0);
                let hidden = format!("{folder}/{hidden}");
                let below = format!("{hidden}/");
                let before = files.len();
                files.retain(|path: &String, _| *path != hidden && !path.starts_with(&below));
                assert!(files.len() < before, "{hidden} was not there");
            } else if !entry.header().entry_type().is_dir() {
                let link = entry.link_name().unwrap().map(|target| target.to_str().unwrap().as_bytes().to_vec());
                let mut contents = Vec::new();
                entry.read_to_end(&mut contents).unwrap();
                files.insert(path, link.unwrap_or(contents));
            }
        }
    }
    (json(blob(&manifest["config"])), files)
}

fn build(bench: &Bench) -> Run {
    let run = bench.run("build app.toml --offline --progress off -o oci:dist");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run}");
    run
}

fn below<'f>(files: &'f BTreeMap<String, Vec<u8>>, folder: &str) -> Vec<&'f str> {
    let folder = format!("{folder}/");
    files.keys().filter_map(|path| path.strip_prefix(&folder)).collect()
}

#[test]
fn what_the_base_brings_is_not_replaced_unasked() {
    insta::assert_snapshot!(project(&with_demo(), "").refuse("lock app.toml --offline --progress off"), @"
    exit code: 4
    ----- stdout
    ----- stderr
    error: no set of wheels for linux/amd64 satisfies every requirement
      - the recipe requires demo
      - the base brings demo 1.0, which cannot be replaced
      - the recipe names the file of demo 2.0
      - there is none for linux/arm64 either
    hint: require the version of demo that the base has, name it in `wheels.allow-replace`, or give the wheels an environment of their own with `wheels.into`
    ");
}

#[test]
fn what_is_replaced_leaves_nothing_behind() {
    let bench = project(&with_demo(), "allow-replace = [\"de*\"]\n");
    let run = build(&bench);
    let (_, files) = image(&bench);
    let expect = [
        "demo-2.0.dist-info/INSTALLER",
        "demo-2.0.dist-info/METADATA",
        "demo-2.0.dist-info/RECORD",
        "demo-2.0.dist-info/REQUESTED",
        "demo-2.0.dist-info/WHEEL",
        "demo/__init__.py",
        "demo/new.py",
        "other.py",
    ];
    assert_eq!(below(&files, SITE), expect);
    assert_eq!(files[&format!("{SITE}/demo/__init__.py")], b"two");
    assert!(!files.contains_key("usr/local/bin/demo"));
    let lock = fs::read_to_string(bench.project().join("app.lock")).unwrap();
    let hides = format!(
        "replaced = [\n  {{ name = \"demo\", version = \"1.0\", hides = [\"/usr/local/bin/demo\", \"/{SITE}/demo\", \"/{SITE}/demo-1.0.dist-info\"] }},\n]\n"
    );
    assert_eq!(lock.matches(&hides).count(), 2, "{lock}");
    // The same again, from nothing but the lock.
    fs::remove_dir_all(bench.store()).unwrap();
    let again = bench.run("build app.toml --offline --locked --progress off -o oci:again");
    assert_eq!(again.stdout.lines().last(), run.stdout.lines().last());
    // Locking anew changes nothing.
    assert!(bench.run("lock app.toml --offline").stdout.starts_with("unchanged"));
}

#[test]
fn whoever_relies_on_what_is_replaced_is_named() {
    let metadata = b"Name: user\nVersion: 3\nRequires-Dist: demo<2\nRequires-Dist: gone\n";
    let base = || with_demo().file(&format!("{SITE}/user-3.dist-info/METADATA"), metadata);
    let bench = project(&base(), "allow-replace = [\"demo\"]\n");
    insta::assert_snapshot!(bench.refuse("lock app.toml --offline --progress off"), @"
    exit code: 4
    ----- stdout
    ----- stderr
    error: what the base brings for linux/amd64 would break: user 3 requires demo<2, and demo is 2.0
    hint: require a version of user that fits and name it in `wheels.allow-replace` too, or put `demo` into `wheels.overrides` if it works all the same
    ");
    build(&project(&base(), "allow-replace = [\"demo\"]\noverrides = [\"demo\"]\n"));
}

#[test]
fn wheels_live_in_an_environment_of_their_own() {
    let bench =
        project(&with_demo(), "into = \"/opt/venv\"\n[image]\nenv = { PATH = \"/x:${PATH}\", A = \"$${B}\" }\n");
    build(&bench);
    let (config, files) = image(&bench);
    let site = below(&files, "opt/venv/lib/python3.11/site-packages");
    assert!(site.contains(&"demo/new.py") && site.contains(&"demo-2.0.dist-info/RECORD"), "{site:?}");
    assert_eq!(files[&format!("{SITE}/demo/__init__.py")], b"one");
    assert_eq!(files["opt/venv/bin/python"], b"/usr/local/bin/python3");
    assert_eq!(files["opt/venv/lib64"], b"lib");
    let settings = String::from_utf8(files["opt/venv/pyvenv.cfg"].clone()).unwrap();
    assert!(settings.starts_with("home = /usr/local/bin\ninclude-system-site-packages = false\nversion = 3.11.9\n"));
    let environment = &config["config"]["Env"];
    let expect = ["PATH=/x:/opt/venv/bin:/usr/local/bin:/usr/bin:/bin", "A=${B}", "VIRTUAL_ENV=/opt/venv"];
    assert_eq!(*environment, serde_json::json!(expect));
    // What the base has does not count there, and does where it is seen.
    let seen = "into = { path = \"/opt/venv\", system-site-packages = true }\n";
    let bench = project(&with_demo(), seen);
    let recipe = fs::read_to_string(bench.project().join("app.toml")).unwrap();
    bench.write("app.toml", recipe.replace("./demo-2.0-py3-none-any.whl", "demo<2").as_bytes());
    build(&bench);
    let (_, files) = image(&bench);
    assert_eq!(below(&files, "opt/venv/lib/python3.11/site-packages"), Vec::<&str>::new());
    // A newer one stands before it.
    let bench = project(&with_demo(), seen);
    build(&bench);
    let (_, files) = image(&bench);
    assert!(files.contains_key(&format!("{SITE}/demo/old.py")));
    assert!(files.contains_key("opt/venv/lib/python3.11/site-packages/demo/new.py"));
}

#[test]
fn what_wheels_have_for_the_data_folder_goes_where_links_lead() {
    let base = || Base::default().link("usr/local/man", "share/man").file("usr/local/share/man/man1/other.1", b"");
    let check = |more: &str, expect: [(&str, &[u8]); 4]| {
        let bench = project(&base(), more);
        let demo = Wheel::new("demo", "2.0")
            .file("demo-2.0.data/data/man/man1/demo.1", b"page")
            .file("demo-2.0.data/data/lib64/demo.txt", b"text");
        bench.write("demo-2.0-py3-none-any.whl", &demo.build());
        build(&bench);
        let (_, files) = image(&bench);
        for (path, contents) in expect {
            assert_eq!(files.get(path).map(Vec::as_slice), Some(contents), "{path}");
        }
    };
    let link = ("usr/local/man", &b"share/man"[..]);
    let other = ("usr/local/share/man/man1/other.1", &b""[..]);
    let text = ("usr/local/lib64/demo.txt", &b"text"[..]);
    check("", [link, other, ("usr/local/share/man/man1/demo.1", b"page"), text]);
    let wide = ("opt/venv/lib64", &b"lib"[..]);
    let text = ("opt/venv/lib/demo.txt", &b"text"[..]);
    check("into = \"/opt/venv\"\n", [link, ("opt/venv/man/man1/demo.1", b"page"), wide, text]);
}

#[test]
fn wheels_that_share_a_namespace_go_together() {
    let one = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n";
    let two = format!("# shared\n{one}");
    let check = |shared: &str, other: &str| {
        let bench = project(&Base::default(), "[check]\nimport = [\"shared.other\"]\n");
        let recipe = fs::read_to_string(bench.project().join("app.toml")).unwrap();
        let recipe = recipe.replace("require = [", "require = [\"./other-1.0-py3-none-any.whl\", ");
        bench.write("app.toml", recipe.as_bytes());
        let demo = Wheel::new("demo", "2.0").file("shared/__init__.py", one.as_bytes()).file("LICENSE", b"one");
        bench.write("demo-2.0-py3-none-any.whl", &demo.build());
        let wheel = Wheel::new("other", "1.0").file("shared/__init__.py", shared.as_bytes());
        let wheel = wheel.file("shared/other.py", b"").file("LICENSE", other.as_bytes());
        bench.write("other-1.0-py3-none-any.whl", &wheel.build());
        (bench.run("build app.toml --offline --progress off -o oci:dist"), bench)
    };
    let (run, bench) = check(&two, "one");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run}");
    let (_, files) = image(&bench);
    assert_eq!(files[&format!("{SITE}/shared/__init__.py")], one.as_bytes());
    let (run, _) = check(&two, "two");
    assert!(run.code == Some(0) && run.stderr.contains("warning: WW215 "), "{run}");
    let (run, _) = check(&format!("{two}x = 1\n"), "one");
    assert_eq!(run.code, Some(7), "{run}");
    assert!(run.stderr.contains("comes from both demo-2.0-py3-none-any.whl and other-1.0"), "{run}");
}

#[test]
fn environments_need_room() {
    let bench = project(&with_demo().file("opt/venv/x", b""), "into = \"/opt/venv\"\n");
    insta::assert_snapshot!(bench.refuse("lock app.toml --offline --progress off"), @r#"
    exit code: 3
    ----- stdout
    ----- stderr
    error: the base has something in /opt/venv
     --> app.toml:6:8
      |
    6 | into = "/opt/venv"
      |        ^^^^^^^^^^^
      |
      = hint: name another folder
    "#);
}

#[test]
fn variables_that_the_base_lacks_are_named() {
    let bench = project(&with_demo(), "into = \"/v\"\n[image]\nenv = { LIBS = \"/x:${LIBS}\" }\n");
    bench.run("lock app.toml --offline");
    insta::assert_snapshot!(bench.refuse("build app.toml --offline --locked --progress off --platform linux/amd64 -o oci:dist"), @r#"
    exit code: 3
    ----- stdout
    ----- stderr
    error: the base sets no variable `LIBS` on linux/amd64
     --> app.toml:8:16
      |
    8 | env = { LIBS = "/x:${LIBS}" }
      |                ^^^^^^^^^^^^
      |
      = hint: write `${LIBS:-}` if there need be none, or `$${` for the two signs
    "#);
}

#[test]
fn steps_for_builds_on_a_base_are_told_of() {
    let bench = project(&Base::default().step("RUN pip install ."), "");
    let run = bench.run("build app.toml --offline --progress off -o oci:dist");
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(
        run.stderr.matches("warning: the base has 1 ONBUILD steps, which are kept and not run").count(),
        1,
        "{run}"
    );
    assert_eq!(image(&bench).0["config"]["OnBuild"][0], "RUN pip install .");
}
