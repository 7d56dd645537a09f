//! Sources compiled, without a Python: interpreters here are shell scripts that greet as one and take everything for
//! an empty module.

use std::{fs, os::unix::fs::PermissionsExt as _};

use wheelwright::testing::{Base, Wheel};

use super::{bench::Bench, over::image};

/// Answers each request with the code of a module in which nothing is.
const INTERPRETER: &str = r#"#!/bin/sh
PATH=/usr/bin:/bin
echo 'wheelwright-compiler-1 cpython VERSION final ordinary 3495 cpython-311'
zeros() { head -c "$1" /dev/zero; }
while head=$(head -c 8 | od -An -tu1); set -- $head; [ $# -eq 8 ]; do
    head -c $(($3 * 256 + $4 + $7 * 256 + $8)) >/dev/null
    zeros 3; printf ',+12345678c'; zeros 20; printf NNNNNNNN; zeros 4; printf NN
done
"#;

/// A project with a wheel and a script; `bytecode` follows in `[wheels]`.
fn project(bytecode: &str) -> Bench {
    let recipe = format!(
        "name = \"app\"\nbase = \"oci:base\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\
         [wheels]\nrequire = [\"./demo-1.0-py3-none-any.whl\"]\n{bytecode}\n[[scripts]]\nfrom = \"app\"\nto = \"/srv\"\n"
    );
    let bench = Bench::new(&[("app.toml", &recipe), ("app/helper.py", "x = 1\n"), ("app/notes.txt", "x\n")]);
    bench.write_base(&Base::default());
    let demo = Wheel::new("demo", "1.0")
        .file("demo/__init__.py", b"one = 1\n")
        .file("demo/kept.py", b"two = 2\n")
        .file("demo/__pycache__/kept.cpython-311.pyc", b"of the wheel's own")
        .file("demo-1.0.data/scripts/tool.py", b"#!python\n");
    bench.write("demo-1.0-py3-none-any.whl", &demo.build());
    bench
}

pub(super) fn interpreter(bench: &Bench, version: &str) -> String {
    let path = format!("tools/python-{version}");
    bench.write(&path, INTERPRETER.replace("VERSION", version).as_bytes());
    let path = bench.project().join(path);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn without_an_interpreter_nothing_is_locked() {
    insta::assert_snapshot!(project("bytecode = true").refuse("lock app.toml --offline --progress off"), @"
    exit code: 4
    ----- stdout
    ----- stderr
    error: Python sources cannot be compiled for linux/amd64
      caused by: there is no CPython 3.11 here to compile with
    hint: install CPython 3.11, name one in WHEELWRIGHT_PYTHON or `wheels.bytecode`, or leave `bytecode` out
    ");
    let bench = project("bytecode = \"tools/python-3.12.1\"");
    interpreter(&bench, "3.12.1");
    insta::assert_snapshot!(bench.refuse("lock app.toml --offline --progress off"), @"
    exit code: 4
    ----- stdout
    ----- stderr
    error: Python sources cannot be compiled for linux/amd64
      caused by: there is no CPython 3.11 here to compile with: `./tools/python-3.12.1` is CPython 3.12.1
    hint: install CPython 3.11, name one in WHEELWRIGHT_PYTHON or `wheels.bytecode`, or leave `bytecode` out
    ");
}

#[test]
fn modules_are_compiled_once_and_by_whom_the_lock_names() {
    let bench = project("bytecode = true");
    let python = interpreter(&bench, "3.11.7");
    let line = "build app.toml --offline --locked -o oci:dist";
    bench.run_with("lock app.toml --offline", &[("WHEELWRIGHT_PYTHON", &python)]);
    // Somebody who has another one, and no layer yet.
    let other = interpreter(&bench, "3.11.2");
    insta::assert_snapshot!(bench.run_with(&format!("{line} --progress off --platform linux/amd64"), &[("WHEELWRIGHT_PYTHON", &other)]), @"
    exit code: 4
    ----- stdout
    ----- stderr
    error: Python sources cannot be compiled for linux/amd64
      caused by: there is no CPython 3.11.7 here to compile with: `[folder]/project/tools/python-3.11.2` is CPython 3.11.2
    hint: name CPython 3.11.7 in WHEELWRIGHT_PYTHON, or run `wheelwright lock` here to have it compiled by another
    ");

    let first = bench.run_with(line, &[("WHEELWRIGHT_PYTHON", &python)]);
    assert_eq!(first.code, Some(0), "{first}");
    let (_, files) = image(&bench);
    let pycs: Vec<(&str, usize)> = files
        .iter()
        .filter(|(path, _)| std::path::Path::new(path).extension().is_some_and(|ending| ending == "pyc"))
        .map(|(path, contents)| (path.as_str(), contents.len()))
        .collect();
    let site = "usr/local/lib/python3.11/site-packages/demo/__pycache__";
    let (init, kept) = (format!("{site}/__init__.cpython-311.pyc"), format!("{site}/kept.cpython-311.pyc"));
    assert_eq!(pycs, [("srv/__pycache__/helper.cpython-311.pyc", 51), (&init[..], 51), (&kept[..], 18)]);
    assert_eq!(files[&init][..17], *b"\xa7\x0d\r\n\x01\0\0\x0012345678c");
    // What was made is there for everybody; nobody needs an interpreter.
    let cached = bench.run(line);
    assert!(cached.code == Some(0) && cached.stdout.contains("bytecode of demo"), "{cached}");
    assert!(!cached.stdout.contains("built"), "{cached}");
    // Locking anew keeps who compiled, where he can be had.
    let both = format!("{other}:{python}");
    let again = bench.run_with("lock app.toml --offline", &[("WHEELWRIGHT_PYTHON", &both)]);
    assert!(again.stdout.starts_with("unchanged: app.lock"), "{again}");
    let taken = bench.run_with("lock app.toml --offline", &[("WHEELWRIGHT_PYTHON", &other)]);
    assert!(taken.stdout.starts_with("wrote app.lock"), "{taken}");
}
