//! `--base`: a recipe on another base than its own, for one run or in its lock.

use std::fs;

use wheelwright::testing::{Base, Wheel};

use super::bench::{Bench, Run};

/// Wheels come from a folder of the project.
const RECIPE: &str = "\
name = \"app\"
base = \"oci:base\"
platforms = [\"linux/amd64\", \"linux/arm64\"]

[wheels]
require = [\"demo\"]
index = [{ name = \"own\", url = \"wheels\", for = [\"demo\"] }]
";

/// A project on `oci:base`, locked with `demo` 1.0; there is 2.0 by now, and `oci:new`.
fn bench(new: &Base) -> Bench {
    let bench = Bench::new(&[("app.toml", RECIPE)]);
    bench.write_base(&Base::default());
    bench.write_base_to("new", new);
    put(&bench, "1.0", "cp311-cp311-manylinux_2_17_x86_64.manylinux_2_17_aarch64");
    told(&bench, "lock app.toml");
    put(&bench, "2.0", "py3-none-any");
    bench
}

fn put(bench: &Bench, version: &str, tag: &str) {
    let wheel = Wheel::new("demo", version).tag(tag).file("demo.py", version.as_bytes());
    bench.write(&format!("wheels/{}", wheel.file_name()), &wheel.build());
}

fn told(bench: &Bench, line: &str) -> Run {
    let run = bench.run(&format!("{line} --offline"));
    assert_eq!(run.code, Some(0), "{run}");
    run
}

fn lock(bench: &Bench) -> String {
    fs::read_to_string(bench.project().join("app.lock")).unwrap()
}

fn digest(run: &Run) -> &str {
    run.stdout.lines().last().unwrap()
}

#[test]
fn a_build_on_another_base_is_one_of_a_recipe_that_names_it_and_leaves_the_lock() {
    let bench = bench(&Base::default().python(11, 10).file("etc/motd", b"new\n"));
    let before = lock(&bench);
    let swapped = told(&bench, "build app.toml --base oci:new -o oci:swapped --progress plain");
    let about = "app.lock is stale (`base` is `oci:new` and was `oci:base`): locking anew";
    assert!(swapped.stderr.contains(about), "{swapped}");
    assert!(swapped.stderr.contains("locked on oci:new for this run; app.lock was not written"), "{swapped}");
    assert_eq!(lock(&bench), before);
    told(&bench, "build app.toml --locked -o oci:own");
    // From elsewhere a path counts from where the program is called.
    let line = "build project/app.toml --base oci:project/new -o oci:project/elsewhere --offline";
    let elsewhere = bench.ended(bench.command(line).current_dir(bench.project().join("..")).output().unwrap());
    assert_eq!(elsewhere.code, Some(0), "{elsewhere}");
    assert_eq!(digest(&swapped), digest(&elsewhere));

    bench.write("app.toml", RECIPE.replace("oci:base", "oci:new").as_bytes());
    let named = told(&bench, "build app.toml -o oci:named");
    assert_eq!(digest(&swapped), digest(&named));
}

#[test]
fn the_lock_of_another_base_keeps_the_wheels_and_is_for_builds_on_it() {
    let bench = bench(&Base::default().python(11, 10));
    let before = lock(&bench);
    insta::assert_snapshot!(told(&bench, "lock app.toml --base oci:new").stdout, @"
    wrote app.lock
      ~ the base sha256:8e1a3db947d3… → sha256:33ae8a683381… (linux/amd64)
      ~ the base sha256:f5946dcf58a7… → sha256:797c3051ce1a… (linux/arm64)
      linux/amd64: 1 wheel (835 B)
      linux/arm64: 1 wheel (835 B)
    ");
    let swapped = lock(&bench);
    assert!(swapped.contains("\"base\" = \"oci:new\"") && swapped.contains("version = \"3.11.10\""), "{swapped}");
    let wheels = |lock: &str| {
        lock.lines().filter(|line| line.contains("name = \"demo\"")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(wheels(&swapped), wheels(&before));
    insta::assert_snapshot!(bench.refuse("build app.toml --locked --offline -o oci:dist"), @"
    exit code: 5
    ----- stdout
    ----- stderr
    error: the lock `app.lock` is stale: `base` is `oci:base` and was `oci:new`
    hint: run `wheelwright lock` with the same `--base`, if any, and commit the lock, or leave out `--locked`
    ");
    told(&bench, "build app.toml --locked --base oci:new -o oci:dist");
    told(&bench, "lock app.toml --locked --base oci:new");
    assert_eq!(lock(&bench), swapped);
}

#[test]
fn what_does_not_fit_the_other_base_is_chosen_anew() {
    let bench = bench(&Base::default().python(12, 1));
    told(&bench, "lock app.toml --base oci:new");
    let text = lock(&bench);
    assert!(text.contains("demo-2.0-py3-none-any.whl") && !text.contains("demo-1.0"), "{text}");
}

#[test]
fn bases_that_are_none_are_refused() {
    let bench = bench(&Base::default());
    insta::assert_snapshot!(bench.refuse("build app.toml --base scratch --offline -o oci:dist"), @r#"
    exit code: 3
    ----- stdout
    ----- stderr
    error: there are wheels and no interpreter: the base is `scratch`, and there is no `[debian]`
     --> --base:1:1
      |
    1 | scratch
      | ^^^^^^^ has no interpreter
      |
      = hint: add `[debian]` with `packages = ["python3"]`, or take a base with Python
    "#);
    insta::assert_snapshot!(bench.refuse("lock app.toml --base docker-daemon:new --offline"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: invalid value 'docker-daemon:new' for '--base <BASE>': a base cannot be read from `docker-daemon:`; save the image as an OCI layout and write `oci:DIR` or `oci-archive:FILE`

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(bench.refuse("build app.toml --base oci:none --progress off --offline -o oci:dist"), @r#"
    exit code: 3
    ----- stdout
    ----- stderr
    error: there is no `none`
     --> --base:1:1
      |
    1 | oci:none
      | ^^^^^^^^
      |
      = hint: check the path: in a recipe it starts at the recipe's folder
    "#);
    insta::assert_snapshot!(bench.refuse("build app.toml --base oci:new --shard 1/2 --push h.example/app"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: the argument '--base <BASE>' cannot be used with '--shard <I/N>'

    Usage: wheelwright build --base <BASE> --push <REF> <RECIPE>...

    For more information, try '--help'.
    ");
    bench.write("app.toml", format!("{RECIPE}python = \"3.12\"\n").as_bytes());
    insta::assert_snapshot!(bench.refuse("lock app.toml --base oci:new --progress off --offline"), @r#"
    exit code: 3
    ----- stdout
    ----- stderr
    error: the base has Python 3.11.9 on linux/amd64, not 3.12
     --> app.toml:8:10
      |
    8 | python = "3.12"
      |          ^^^^^^
      |
      = hint: take a base with this Python, or leave `wheels.python` out
    "#);
}
