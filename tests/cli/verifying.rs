//! What `verify` finds in images, from the recipe to the exit code.

use std::fmt::Write as _;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use wheelwright::{
    oci::Digest,
    testing::{Base, Library, Wheel},
};

use super::bench::Bench;

const SCRIPTS: &str = "\
name = \"app\"
base = \"scratch\"
platforms = [\"linux/amd64\", \"linux/arm64\"]

[[scripts]]
from = \"app\"
to = \"/app\"
";

/// A project with a secret in its folder of scripts, built into a layout.
fn with_secret() -> Bench {
    let bench = Bench::new(&[("app.toml", SCRIPTS)]);
    bench.write("app/main.py", b"print('hello')\n");
    bench.write("app/.env", b"DATABASE_PASSWORD=hunter2\n");
    bench.write("app/.env.example", b"DATABASE_PASSWORD=\n");
    bench
}

#[test]
fn a_secret_in_a_folder_of_scripts() {
    let bench = with_secret();
    let refused = bench.run("build app.toml --offline --progress off -o oci:dist");
    insta::assert_snapshot!(refused, @"
    exit code: 8
    ----- stdout
    ----- stderr
    error WW308 /app/.env: a file of this name usually holds settings with passwords
      in layer scripts, linux/amd64, linux/arm64
      hint: leave it out of layer scripts, and give it to the container when it starts
    error: the image has 2 errors and is not delivered
    hint: mend it, accept it under `[check] accept` with a reason, or build with `--verify off`
    ");
    assert!(!bench.project().join("dist").exists(), "nothing is delivered");
    assert_eq!(bench.run("build app.toml --offline --verify off -o oci:dist").code, Some(0));
    insta::assert_snapshot!(bench.run("verify oci:dist --image --offline --progress off"), @"
    exit code: 8
    ----- stdout
    error WW308 /app/.env: a file of this name usually holds settings with passwords
      in layer scripts, linux/amd64, linux/arm64
      hint: leave it out of layer scripts, and give it to the container when it starts

    oci:dist: 2 errors
    checked: image (linux/amd64, linux/arm64)
    ----- stderr
    ");
    let accepted = format!(
        "{SCRIPTS}\n[check]\naccept = [{{ code = \"WW308\", path = \"/app/.env\", reason = \"holds defaults\" }}, \
         {{ code = \"WW310\", reason = \"gone\" }}]\n"
    );
    bench.write("accepting.toml", accepted.as_bytes());
    let line = "verify oci:dist --image --offline --progress off --platform linux/arm64 --recipe accepting.toml";
    insta::assert_snapshot!(bench.run(line), @"
    exit code: 0
    ----- stdout
    note WW001: the recipe accepts WW310, which does not occur
      in linux/arm64
      hint: remove the entry from `[check] accept`
    note WW308 /app/.env: a file of this name usually holds settings with passwords
      in layer scripts, linux/arm64
      accepted: holds defaults

    oci:dist: 2 notes
    checked: image (linux/arm64)
    ----- stderr
    ");
    // The same demands of what a recipe of other words builds.
    let run = bench.run("verify app.toml --offline --progress off --recipe accepting.toml");
    assert!(run.code == Some(0) && run.stdout.contains("accepted: holds defaults\n"), "{run}");
}

#[test]
fn a_base_that_was_never_read_here_is_read() {
    let recipe = SCRIPTS.replace("scratch", "oci:base");
    let bench = Bench::new(&[("app.toml", &recipe)]);
    bench.write("app/.env", b"DATABASE_PASSWORD=hunter2\n");
    bench.write_base(&Base::default());
    assert_eq!(bench.run("lock app.toml --offline").code, Some(0));
    // Another machine has the lock, and nothing else.
    let run = bench.run("build app.toml --offline --locked --store elsewhere -o oci:dist");
    assert!(run.code == Some(8) && run.stderr.contains("error WW308 /app/.env"), "{run}");
}

#[test]
fn a_base_that_cannot_be_read_is_not_checked() {
    let bench = Bench::new(&[("app.toml", &SCRIPTS.replace("scratch", "oci:base"))]);
    bench.write("app/main.py", b"print()\n");
    bench.write_base(&Base::default());
    let run = bench.run("build app.toml --offline -o oci:dist");
    assert_eq!(run.code, Some(0), "{run}");
    let blobs = wheelwright::fs::sorted_entries(&bench.project().join("base/blobs/sha256")).unwrap();
    for blob in blobs.into_iter().filter(|blob| !std::fs::read(blob.path()).unwrap().starts_with(b"{")) {
        std::fs::remove_file(blob.path()).unwrap();
    }
    // What it was to check is where the image goes; the base is not.
    let run = bench.run("build app.toml --offline --locked --store elsewhere -o oci:dist");
    assert!(run.code == Some(0) && run.stderr.contains("warning: not checked: "), "{run}");
}

#[test]
fn damaged_blobs_are_findings() {
    let bench = with_secret();
    bench.run("build app.toml --offline --platform linux/amd64 --verify off -o oci:dist");
    let blobs = bench.project().join("dist/blobs/sha256");
    let paths: Vec<_> = wheelwright::fs::sorted_entries(&blobs).unwrap().iter().map(std::fs::DirEntry::path).collect();
    let is = |bytes: &[u8], what: &str| match what {
        "layer" => bytes.starts_with(&[0x1f, 0x8b]),
        _ => bytes.starts_with(b"{") && String::from_utf8_lossy(bytes).contains(what),
    };
    let check = |what: &str, damage: fn(&mut Vec<u8>), expect: &str| {
        let path = paths.iter().find(|path| is(&std::fs::read(path).unwrap(), what)).unwrap();
        let before = std::fs::read(path).unwrap();
        let mut bytes = before.clone();
        damage(&mut bytes);
        std::fs::remove_file(path).unwrap();
        if !bytes.is_empty() {
            wheelwright::fs::write_atomic(path, &bytes).unwrap();
        }
        let run = bench.run("verify oci:dist --image --offline --progress off");
        assert_eq!(run.code, Some(8), "{what} {run}");
        let digest = format!("sha256:{}", path.file_name().unwrap().to_str().unwrap());
        let told = run.stdout.replace(&digest, "DIGEST");
        assert!(told.starts_with(&format!("error WW301: {expect}")), "{what} {told}");
        let json = bench.run("verify oci:dist --image --offline --progress off --format json");
        assert!(json.code == Some(8) && json.stdout.contains("\"WW301\""), "{json}");
        wheelwright::fs::write_atomic(path, &before).unwrap();
        run.stdout
    };
    let flip = |bytes: &mut Vec<u8>| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    };
    let flipped = check("layer", flip, "layer DIGEST: the bytes that are there have the digest sha256:");
    assert!(flipped.contains("not checked: image on linux/amd64: its layers cannot be read\n"), "{flipped}");
    for (what, name) in [("layer", "layer DIGEST"), ("\"rootfs\"", "config DIGEST"), ("\"layers\"", "its manifest")] {
        check(what, Vec::clear, &format!("{name} is not there\n"));
        check(what, |bytes| bytes.push(b'\n'), &format!("{name}: the bytes that are there have "));
        check(what, |bytes| bytes.truncate(bytes.len() - 1), &format!("{name}: the bytes that are there have "));
    }
}

#[test]
fn a_user_that_the_image_does_not_have() {
    let bench = with_secret();
    bench.write("app.toml", format!("{SCRIPTS}[image]\nuser = \"app\"\n").as_bytes());
    std::fs::remove_file(bench.project().join("app/.env")).unwrap();
    let run = bench.run("build app.toml --offline --progress off -o oci:dist");
    let told = "error WW313: the image runs as the user `app`, and has no /etc/passwd\n";
    assert!(run.code == Some(8) && run.stderr.contains(told), "{run}");
    // A file of one's own has it.
    bench.write("passwd", b"app:x:1000:1000::/:\n");
    let with = "[[scripts]]\nfrom = \"passwd\"\nto = \"/etc/passwd\"\n";
    bench.write("app.toml", format!("{SCRIPTS}{with}[image]\nuser = \"app\"\n").as_bytes());
    let run = bench.run("build app.toml --offline --progress off -o oci:dist");
    assert!(run.code == Some(0) && !run.stderr.contains("WW313"), "{run}");
    bench.write("app.toml", format!("{SCRIPTS}{with}[image]\nuser = \"app:staff\"\n").as_bytes());
    let run = bench.run("build app.toml --offline --progress off -o oci:dist");
    assert!(run.code == Some(8) && run.stderr.contains("the group `staff`, and has no /etc/group\n"), "{run}");
}

#[test]
fn findings_are_explained() {
    let bench = Bench::new(&[]);
    insta::assert_snapshot!(bench.run("verify --explain WW304"), @"
    exit code: 0
    ----- stdout
    WW304, warning: the history does not fit the layers

    The entries of the configuration's history that are not empty are not as many as
    the layers.
    ----- stderr
    ");
    let all = bench.run("verify --explain");
    assert!(all.stdout.contains("WW308  error    a file usually holds secrets\n"), "{all}");
    assert_eq!(bench.run("verify --explain WW999").code, Some(2));
    assert_eq!(bench.run("verify").code, Some(2), "there is no recipe here");
}

#[test]
fn a_code_that_is_none_is_refused() {
    let recipe = format!("{SCRIPTS}\n[check]\naccept = [{{ code = \"WW999\", reason = \"x\" }}]\n");
    let bench = Bench::new(&[("app.toml", &recipe)]);
    insta::assert_snapshot!(bench.refuse("verify oci:dist --recipe app.toml"), @r#"
    exit code: 3
    ----- stdout
    ----- stderr
    error: there is no finding `WW999`
      --> app.toml:10:20
       |
    10 | accept = [{ code = "WW999", reason = "x" }]
       |                    ^^^^^^^
       |
       = hint: `wheelwright verify --explain` lists them
    "#);
}

const SITE: &str = "usr/local/lib/python3.11/site-packages";

/// A base with a distribution installed in it: its files, with the RECORD that goes with them.
fn with(base: Base, (name, version): (&str, &str), headers: &str, files: &[(&str, &str)]) -> Base {
    let info = format!("{name}-{version}.dist-info");
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{headers}");
    let mut record = format!("{info}/RECORD,,\n");
    let mut base = base.file(&format!("{SITE}/{info}/METADATA"), metadata.as_bytes());
    for (path, text) in files {
        let hash = BASE64_URL_SAFE_NO_PAD.encode(Digest::of(text.as_bytes()).as_bytes());
        let _ = writeln!(record, "{path},sha256={hash},{}", text.len());
        base = base.file(&format!("{SITE}/{path}"), text.as_bytes());
    }
    base.file(&format!("{SITE}/{info}/RECORD"), record.as_bytes())
}

/// What is found in `base` under `[check]` with these keys, a line each: level, code, path, message.
fn found(base: &Base, keys: &str) -> Vec<String> {
    let recipe = format!("{SCRIPTS}[check]\n{keys}\n");
    let bench = Bench::new(&[("app.toml", &recipe)]);
    bench.write_base(&base.clone().platforms(&["linux/amd64"]));
    let run = bench.run("verify oci:base --python --offline --progress off --recipe app.toml --format json");
    let object: serde_json::Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run}"));
    assert_eq!(run.code, Some(if object["summary"]["errors"] == 0 { 0 } else { 8 }), "{run}");
    let text = |finding: &serde_json::Value, key: &str| finding[key].as_str().unwrap_or("-").replace(SITE, "SITE");
    let told = |finding| ["level", "code", "path", "message"].map(|key| text(finding, key)).join(" ");
    object["findings"].as_array().unwrap().iter().map(told).collect()
}

#[test]
fn a_sound_image_gives_no_finding() {
    let base = with(
        Base::default(),
        ("demo", "1.0"),
        "Requires-Dist: other>=2 ; sys_platform == \"linux\"\nRequires-Dist: absent ; extra == \"x\"\n",
        &[
            ("demo/__init__.py", "import os, sys, math\nfrom . import inner\nfrom .inner import deep as d\n"),
            ("demo/inner/__init__.py", "def deep(): pass\n"),
            ("demo/cli.py", "from other import *\n\ndef main():\n    import nowhere\n"),
            ("demo/fast.cpython-311-x86_64-linux-gnu.so", "x"),
            ("demo-1.0.dist-info/entry_points.txt", "[console_scripts]\ndemo = demo.cli:main\n"),
        ],
    );
    let base = with(
        base,
        ("other", "2.1"),
        "",
        &[("other.py", "try:\n    import fast\nexcept ImportError:\n    fast = None\n")],
    );
    assert_eq!(found(&base, ""), [""; 0]);
    let note = "note WW210 - modules that are imported if they are there, are not: `fast`";
    assert_eq!(found(&base, "import = [\"demo\", \"demo.cli\", \"demo.fast\"]"), [note]);
}

#[test]
fn commands_without_their_module_or_function() {
    let points = "[console_scripts]\ngone = demo.none:main\nno-function = demo:absent\nfine = demo:inner.main\n";
    let files = [("demo/__init__.py", "from .a import inner\n"), ("demo-1.0.dist-info/entry_points.txt", points)];
    assert_eq!(
        found(&with(Base::default(), ("demo", "1.0"), "", &files), ""),
        [
            "warning WW202 /SITE/demo-1.0.dist-info/entry_points.txt the command `gone` imports `demo.none`, which is not there",
            "warning WW203 /SITE/demo-1.0.dist-info/entry_points.txt the command `no-function` calls `absent` of `demo`, which does not define it",
        ]
    );
}

#[test]
fn two_distributions_that_write_one_file() {
    let base = with(Base::default(), ("one", "1"), "", &[("shared/a.py", "1"), ("same.py", "x"), ("LICENSE", "one")]);
    let base = with(base, ("two", "2"), "", &[("same.py", "x"), ("shared/a.py", "22"), ("LICENSE", "two")]);
    assert_eq!(
        found(&base, ""),
        [
            "error WW204 /SITE/shared/a.py one 1 and two 2 both bring this file, with different contents",
            "warning WW206 /SITE/shared/a.py 1 file of one 1 has another size than RECORD says: shared/a.py",
            "warning WW215 /SITE/LICENSE one 1 and two 2 both bring this file, with different contents",
        ]
    );
    // Each says in its own words that their package is a namespace.
    let one = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n";
    let two = &format!("# shared\n{one}");
    let base = with(Base::default(), ("one", "1"), "", &[("shared/__init__.py", one)]);
    assert_eq!(found(&with(base.clone(), ("two", "2"), "", &[("shared/__init__.py", two)]), ""), [""; 0]);
    let code = &format!("{one}x = 1\n{}", "#".repeat(2000));
    let more = "error WW204 /SITE/shared/__init__.py one 1 and two 2 both bring this file, with different contents";
    assert_eq!(found(&with(base, ("two", "2"), "", &[("shared/__init__.py", code)]), "")[0], more);
}

#[test]
fn requirements_that_are_not_met() {
    let headers = "Requires-Dist: absent<2\nRequires-Dist: other>=3\nRequires-Dist: left-out\nRequires-Dist: win ; os_name == \"nt\"\n";
    let base = with(Base::default(), ("demo", "1.0"), headers, &[]);
    let base = with(base, ("other", "2.1"), "", &[]);
    assert_eq!(
        found(&base, "[wheels]\nexclude = [\"left-*\"]"),
        [
            "error WW207 /SITE/demo-1.0.dist-info demo 1.0 requires absent<2, and that is not there",
            "error WW208 /SITE/demo-1.0.dist-info demo 1.0 requires other>=3, and other is 2.1",
            "warning WW211 /SITE/demo-1.0.dist-info demo 1.0 requires left-out, and that is not there",
        ]
    );
}

#[test]
fn modules_that_are_missing_or_for_another_python() {
    let files = [
        ("demo/__init__.py", "from demo import fast\nimport demo.sub\n"),
        ("demo/fast.cpython-312-x86_64-linux-gnu.so", "x"),
        ("demo/sub.py", "import absent.thing\nfrom os import path\n"),
    ];
    let base = with(Base::default(), ("demo", "1.0"), "", &files);
    assert_eq!(
        found(&base, "import = [\"demo\", \"cv2\"]"),
        [
            "error WW201 /SITE/demo/fast.cpython-312-x86_64-linux-gnu.so `fast` is only there as fast.cpython-312-x86_64-linux-gnu.so, and the image has Python 3.11.9",
            "error WW209 - `cv2` is not there",
            "error WW209 /SITE/demo/sub.py it imports `absent`, which is not there",
        ]
    );
}

#[test]
fn modules_that_code_may_make_are_notes() {
    let check = |files: &[(&str, &str)], import: &str, expect: &str| {
        let base = with(Base::default(), ("demo", "1.0"), "", files);
        assert_eq!(found(&base, &format!("import = [\"{import}\"]")), [expect], "{import}");
    };
    let note = |module: &str| format!("note WW219 - no file has these modules, and code may make them: `{module}`");
    // As `tlz`, `py` and `awscli` do.
    let finder = "import sys, toolz\nsys.meta_path.append(Loader())\n";
    let toolz = ("toolz.py", "");
    let tlz = [("tlz/__init__.py", "from . import _build\n"), ("tlz/_build.py", finder), toolz];
    check(&[&tlz[..], &[("demo.py", "from tlz.functoolz import f\n")]].concat(), "demo", &note("tlz.functoolz"));
    let register = "def put(m):\n    sys.modules[m.name] = m\n";
    let py = [("py/__init__.py", "from py._vendored import apipkg\n"), ("py/_vendored/__init__.py", "")];
    check(&[&py[..], &[("py/_vendored/apipkg.py", register)]].concat(), "py.path", &note("py.path"));
    let alias = [("cli/__init__.py", "import sys\nsys.meta_path.insert(0, Finder())\n"), ("cli/core/__init__.py", "")];
    let driver = ("cli/driver.py", "import botocore.session\n");
    check(&[&alias[..], &[driver]].concat(), "cli.driver", &note("botocore"));
    // Others do not make what ordinary code imports, nor does a module in its own place.
    let gone = |file: &str| format!("error WW209 /SITE/{file} it imports `botocore`, which is not there");
    let six = ("six.py", "import sys\nsys.modules[__name__ + '.moves'] = moves\nsys.meta_path.append(finder)\n");
    check(&[six, ("demo.py", "import six\nimport botocore\n")], "demo", &gone("demo.py"));
    check(&[&alias[..], &[("demo.py", "import cli\nimport botocore\n")]].concat(), "demo", &gone("demo.py"));
    let lazy = ("lazy/__init__.py", "import sys\nimport botocore\nsys.modules[__name__] = Lazy()\n");
    check(&[lazy], "lazy", &gone("lazy/__init__.py"));
}

#[test]
fn recorded_files_that_are_gone() {
    let base = with(Base::default(), ("demo", "1.0"), "", &[("demo.py", "x = 1\n")]);
    let record = "demo.py,,6\nlost.py,,1\ndemo/__pycache__/x.pyc,,\n../../../bin/demo,,\n";
    let base = base.file(&format!("{SITE}/demo-1.0.dist-info/RECORD"), record.as_bytes());
    assert_eq!(found(&base, ""), ["warning WW205 /SITE/lost.py 1 file of demo 1.0 is not there: lost.py"]);
}

#[test]
fn a_wheel_whose_command_does_not_work_is_not_delivered() {
    let recipe = "name = \"app\"\nbase = \"oci:base\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\
                  [wheels]\nrequire = [\"./demo-1.0-py3-none-any.whl\"]\n\
                  [image]\nentrypoint = [\"demo\"]\n";
    let bench = Bench::new(&[("app.toml", recipe)]);
    bench.write_base(&Base::default());
    let demo = Wheel::new("demo", "1.0").file("demo/__init__.py", b"").console_script("demo", "demo.cli:main");
    bench.write("demo-1.0-py3-none-any.whl", &demo.build());
    insta::assert_snapshot!(bench.run("build app.toml --offline --progress off -o oci:dist"), @"
    exit code: 8
    ----- stdout
    ----- stderr
    error WW218 /usr/local/lib/python3.11/site-packages/demo-1.0.dist-info/entry_points.txt: the command `demo` imports `demo.cli`, which is not there
      in wheel demo 1.0, linux/amd64, linux/arm64
      hint: install a version of the distribution that has it, or what it is an extra of
    error: the image has 2 errors and is not delivered
    hint: mend it, accept it under `[check] accept` with a reason, or build with `--verify off`
    ");
    assert!(!bench.project().join("dist").exists(), "nothing is delivered");
    let whole = Wheel::new("demo", "1.0").file("demo/__init__.py", b"").file("demo/cli.py", b"def main(): pass\n");
    bench.write("demo-1.0-py3-none-any.whl", &whole.console_script("demo", "demo.cli:main").build());
    let run = bench.run("build app.toml --offline --progress off -o oci:dist");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run}");
    assert_eq!(bench.run("verify app.toml --offline --progress off").code, Some(0));
}

/// Builds a wheel of this tag, with one extension module, over a base of compiled files for `machine`.
fn with_module(platform: &str, machine: u16, tag: &str, module: &Library) -> String {
    let name = format!("demo-1.0-{tag}.whl");
    let recipe = format!(
        "name = \"app\"\nbase = \"oci:base\"\nplatforms = [\"{platform}\"]\n[wheels]\nrequire = [\"./{name}\"]\n"
    );
    let bench = Bench::new(&[("app.toml", &recipe)]);
    let loader = if machine == 183 { "lib/ld-linux-aarch64.so.1" } else { "lib64/ld-linux-x86-64.so.2" };
    // Files that are smaller are not taken for programs.
    let text = |library: Library, banner: &str| [&library.build()[..], banner.as_bytes(), &[b'x'; 4096]].concat();
    let python = Library::new("").machine(machine).interpreter(&format!("/{loader}")).needs("libc.so.6");
    let libc = Library::new("libc.so.6").machine(machine).provides("GLIBC_2.17").provides("GLIBC_2.36");
    let banner = "\0GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\n\0";
    bench.write_base(
        &Base::default()
            .platforms(&[platform])
            .file("usr/local/bin/python3.11", &text(python, &format!("\0/{loader}\x003.11.9\0")))
            .file("usr/lib/libc.so.6", &text(libc, banner))
            .file(loader, &Library::new("ld-linux.so").machine(machine).build()),
    );
    let suffix = if machine == 183 { "aarch64-linux-gnu" } else { "x86_64-linux-gnu" };
    let path = format!("demo/fast.cpython-311-{suffix}.so");
    let wheel = Wheel::new("demo", "1.0").tag(tag).file("demo/__init__.py", b"").file(&path, &module.build());
    bench.write(&name, &wheel.build());
    let run = bench.run("build app.toml --offline --progress off -o oci:dist");
    assert_eq!(bench.project().join("dist").exists(), run.code == Some(0), "{run}");
    run.to_string()
}

#[test]
fn wheels_that_promise_too_much() {
    let module = |machine| Library::new("").machine(machine).needs("libc.so.6").defines("PyInit_fast");
    let tag = "cp311-cp311-manylinux_2_17_x86_64";
    let sound = with_module("linux/amd64", 62, tag, &module(62).requires("libc.so.6", &["GLIBC_2.17"]));
    assert!(sound.starts_with("exit code: 0\n") && sound.ends_with("----- stderr\n"), "{sound}");
    let newer = with_module("linux/amd64", 62, tag, &module(62).requires("libc.so.6", &["GLIBC_2.38"]));
    assert!(newer.contains("exit code: 8\n") && newer.contains("error WW103 /usr/local/lib/python3.11/"), "{newer}");
    assert!(newer.contains("it needs `GLIBC_2.38` of `libc.so.6`") && newer.contains("in wheel demo 1.0"), "{newer}");
    let foreign = with_module("linux/arm64", 183, "cp311-cp311-manylinux_2_17_aarch64", &module(62));
    assert!(foreign.contains("exit code: 8\n") && foreign.contains("error WW104 /usr/local/lib/"), "{foreign}");
    assert!(foreign.contains("in wheel demo 1.0, linux/arm64"), "{foreign}");
}

#[test]
fn two_wheels_that_write_one_file_are_not_laid_down() {
    let recipe = "name = \"app\"\nbase = \"oci:base\"\nplatforms = [\"linux/amd64\"]\n\
                  [wheels]\nrequire = [\"./one-1-py3-none-any.whl\", \"./two-2-py3-none-any.whl\"]\n";
    let bench = Bench::new(&[("app.toml", recipe)]);
    bench.write_base(&Base::default());
    bench.write("one-1-py3-none-any.whl", &Wheel::new("one", "1").file("shared/a.py", b"1").build());
    bench.write("two-2-py3-none-any.whl", &Wheel::new("two", "2").file("shared/a.py", b"22").build());
    let run = bench.run("build app.toml --offline --progress off -o oci:dist");
    assert_eq!(run.code, Some(7), "{run}");
    for part in ["one-1-py3-none-any.whl", "two-2-py3-none-any.whl", "shared/a.py"] {
        assert!(run.stderr.contains(part), "{run}");
    }
    assert!(!bench.project().join("dist").exists(), "nothing is delivered");
}
