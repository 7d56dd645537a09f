//! What cannot be done is said in full, with its own exit code, and leaves nothing behind.

use super::bench::{Bench, RECIPE};

/// Runs `line` in a project whose recipe is `recipe`.
fn refuse(recipe: &str, line: &str) -> String {
    let bench = Bench::new(&[("wheelwright.toml", recipe)]);
    let said = bench.refuse(line);
    assert_eq!(bench.home(), "", "something was kept");
    said
}

#[test]
fn an_unknown_key() {
    let recipe = format!("{RECIPE}requires = [\"scipy\"]\n");
    insta::assert_snapshot!(refuse(&recipe, "build --output oci:dist"), @r#"
    exit code: 3
    ----- stdout
    ----- stderr
    error: unknown key `wheels.requires`
     --> wheelwright.toml:7:1
      |
    7 | requires = ["scipy"]
      | ^^^^^^^^ unknown key
      |
      = hint: did you mean `require`?
    "#);
}

#[test]
fn several_problems_at_once() {
    let recipe =
        "name = \"App\"\nbase = \"scratch\"\nplatforms = [\"linux/x86_64\"]\n\n[wheels]\nrequire = [\"numpy <<2\"]\n";
    insta::assert_snapshot!(refuse(recipe, "lock"), @r#"
    exit code: 3
    ----- stdout
    ----- stderr
    error: `App` cannot be the name of an image
     --> wheelwright.toml:1:8
      |
    1 | name = "App"
      |        ^^^^^ not a name of an image
      |
      = hint: use lower-case letters, digits, and single `-`, `_` or `.` between them

    error: `linux/x86_64` is not a platform
     --> wheelwright.toml:3:14
      |
    3 | platforms = ["linux/x86_64"]
      |              ^^^^^^^^^^^^^^ not a platform
      |
      = hint: did you mean `linux/amd64`?

    error: `numpy <<2` is not a requirement: no such comparison operator "<<", must be one of ~= == != <= >= < > ===
     --> wheelwright.toml:6:12
      |
    6 | require = ["numpy <<2"]
      |            ^^^^^^^^^^^ not a requirement
      |
      = hint: write it as PEP 508 has it: `name[extra]>=1,<2 ; marker`
    "#);
}

#[test]
fn no_toml() {
    insta::assert_snapshot!(refuse("name = \"app\nbase =", "lock"), @r#"
    exit code: 3
    ----- stdout
    ----- stderr
    error: invalid basic string, expected `"`
     --> wheelwright.toml:1:12
      |
    1 | name = "app
      |            ^ here

    error: string values must be quoted, expected literal string
     --> wheelwright.toml:2:7
      |
    2 | base =
      |       ^ here
    "#);
}

#[test]
fn nowhere_to_put_the_image() {
    insta::assert_snapshot!(refuse(RECIPE, "build"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: nothing says where the image shall go
    hint: add `--output oci:DIR`, `--output oci-archive:FILE`, `--push HOST/REPOSITORY:TAG` or `--load`
    ");
}

#[test]
fn a_platform_that_the_recipe_does_not_have() {
    insta::assert_snapshot!(refuse(RECIPE, "build -o oci:dist --platform linux/s390x"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: wheelwright.toml is not for linux/s390x
    hint: choose with `--platform` from linux/amd64, linux/arm64
    ");
}

#[test]
fn a_platform_that_does_not_exist() {
    insta::assert_snapshot!(refuse(RECIPE, "build -o oci:dist --platform linux/x86_64"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: invalid value 'linux/x86_64' for '--platform <P>': `linux/x86_64` is not a platform; did you mean `linux/amd64`?

    For more information, try '--help'.
    ");
}

#[test]
fn a_variant_that_the_recipe_does_not_have() {
    let recipe = format!("{RECIPE}[variants.pytorch]\nrequire = [\"torch\"]\n");
    insta::assert_snapshot!(refuse(&recipe, "build -o oci:dist --variant pytorsh"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: wheelwright.toml has no variant `pytorsh`
    hint: did you mean `pytorch`?
    ");
    insta::assert_snapshot!(refuse(RECIPE, "build -o oci:dist --variant any"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: wheelwright.toml has no variant `any`
    hint: leave out `--variant`: the recipe has no variants
    ");
}

#[test]
fn an_output_that_is_no_place() {
    insta::assert_snapshot!(refuse(RECIPE, "build -o dist"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: invalid value 'dist' for '--output <WHERE>': write it as `oci:DIR[:NAME]`, `oci-archive:FILE[:NAME]` or `docker-archive:FILE[:REF]`

    For more information, try '--help'.
    ");
}

#[test]
fn a_push_to_a_digest() {
    let digest = "0".repeat(64);
    insta::assert_snapshot!(refuse(RECIPE, &format!("build --push h.example/a@sha256:{digest}")), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: `h.example/a@sha256:0000000000000000000000000000000000000000000000000000000000000000` names a digest, and a push goes to a tag
    hint: leave `@sha256:…` out and name a tag
    ");
}

#[test]
fn no_recipe() {
    let bench = Bench::new(&[("pyproject.toml", "[project]\nname = \"app\"\n")]);
    insta::assert_snapshot!(bench.refuse("lock"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: there is no `wheelwright.toml` here, and no `pyproject.toml` with a table `[tool.wheelwright]`
    hint: name a recipe: `wheelwright build RECIPE.toml`
    ");
    insta::assert_snapshot!(bench.refuse("build other.toml -o oci:dist"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: cannot read the recipe `other.toml`
      caused by: No such file or directory (os error 2)
    hint: check the path of the recipe
    ");
}

#[test]
fn an_epoch_that_is_none() {
    let bench = Bench::new(&[("wheelwright.toml", RECIPE)]);
    let run = bench.run_with("lock", &[("SOURCE_DATE_EPOCH", "yesterday")]);
    insta::assert_snapshot!(run, @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: SOURCE_DATE_EPOCH is `yesterday`, which is no number of seconds since 1970
    hint: set SOURCE_DATE_EPOCH to a whole number, or unset it
    ");
    assert_eq!(bench.home(), "");
}

#[test]
fn a_missing_lock_where_it_must_be_there() {
    let bench = Bench::new(&[("wheelwright.toml", RECIPE)]);
    insta::assert_snapshot!(bench.refuse("build --locked -o oci:dist"), @"
    exit code: 5
    ----- stdout
    ----- stderr
    error: there is no lock `wheelwright.lock`
    hint: run `wheelwright lock` and commit the lock
    ");
}

#[test]
fn a_stale_lock_where_it_must_be_fresh() {
    let lock = format!("version = 1\n[inputs]\n\"wheels.require\" = \"sha256:{}\"\n", "0".repeat(64));
    let bench = Bench::new(&[("app.toml", RECIPE), ("app.lock", &lock)]);
    insta::assert_snapshot!(bench.refuse("build app.toml --locked -o oci:dist"), @"
    exit code: 5
    ----- stdout
    ----- stderr
    error: the lock `app.lock` is stale: `base` was added; `platforms` was added; `wheels.require` changed
    hint: run `wheelwright lock` and commit the lock, or leave out `--locked`
    ");
}

#[test]
fn an_empty_store_without_the_network() {
    let bench = Bench::new(&[("wheelwright.toml", RECIPE)]);
    insta::assert_snapshot!(bench.refuse("build --offline -o oci:dist"), @"
    exit code: 6
    ----- stdout
    ----- stderr
    there is no wheelwright.lock: locking
    reading the base h.example/python:3.11 for linux/amd64
    error: the base cannot be used for linux/amd64
      caused by: cannot read the base image
      caused by: h.example/python is needed, but this run is offline
    hint: run once without `--offline` to fill the store
    ");
}

#[test]
fn a_lock_that_is_none() {
    let bench = Bench::new(&[("wheelwright.toml", RECIPE), ("wheelwright.lock", "version = 1\nplatform = 3\n")]);
    insta::assert_snapshot!(bench.refuse("build -o oci:dist"), @"
    exit code: 5
    ----- stdout
    ----- stderr
    error: wheelwright.lock:2: unknown field `platform`, expected one of `version`, `inputs`, `platforms`, `images`
    hint: restore it from version control, or choose everything anew with `wheelwright lock --upgrade`
    ");
    let bench = Bench::new(&[("wheelwright.toml", RECIPE), ("wheelwright.lock", "version = 99\n")]);
    insta::assert_snapshot!(bench.refuse("build -o oci:dist"), @"
    exit code: 5
    ----- stdout
    ----- stderr
    error: wheelwright.lock has lock format 99, and this version reads up to 1
    hint: update wheelwright, or choose everything anew with `wheelwright lock --upgrade`
    ");
}

/// Recipes that name what is not there, or what cannot be brought.
const SCRIPTS: &str = "name = \"app\"\nbase = \"scratch\"\nplatforms = [\"linux/amd64\"]\n\n[[scripts]]\n";

#[test]
fn files_that_the_recipe_names_are_shown_where_it_names_them() {
    let check = |files: &[(&str, &str)], scripts: &str, prepare: &dyn Fn(&std::path::Path)| {
        let recipe = format!("{SCRIPTS}{scripts}\n");
        let bench = Bench::new(&[files, &[("app.toml", recipe.as_str())][..]].concat());
        prepare(&bench.project());
        let run = bench.run("build app.toml --offline --progress off -o oci:dist");
        assert!(!bench.project().join("dist").exists());
        run.to_string()
    };
    insta::assert_snapshot!(check(&[], "from = \"src\"\nto = \"/app\"", &|_| {}), @r#"
    exit code: 3
    ----- stdout
    ----- stderr
    error: cannot read `src`: No such file or directory (os error 2)
     --> app.toml:6:8
      |
    6 | from = "src"
      |        ^^^^^
      |
      = hint: paths in a recipe are relative to the recipe's folder
    "#);
    insta::assert_snapshot!(check(&[("src/a", "")], "from = \"src/\"\nto = \"/app\"", &|project| {
        std::os::unix::fs::symlink("../../secret", project.join("src/link")).unwrap();
    }), @r#"
    exit code: 3
    ----- stdout
    ----- stderr
    error: `src/link` cannot stand in a layer: it is a link that leads out of its folder
     --> app.toml:6:8
      |
    6 | from = "src/"
      |        ^^^^^^
      |
      = hint: take it out of the folder, or name what you mean in a `[[scripts]]` of its own
    "#);
    insta::assert_snapshot!(check(&[("run.py", "")], "from = \"run.py\"\nto = \"/app/\"", &|_| {}), @r#"
    exit code: 3
    ----- stdout
    ----- stderr
    error: `run.py` is a file, and `/app/` is the name of a folder
     --> app.toml:7:6
      |
    7 | to = "/app/"
      |      ^^^^^^^
      |
      = hint: write `to = "/app/run.py"`, or `to = "/app"` if the file shall be called so
    "#);
    let bench = Bench::new(&[("app.toml", &format!("{SCRIPTS}from = \"src\"\nto = \"/app/\"\n")), ("src/a", "")]);
    assert_eq!(bench.run("build app.toml --offline --progress off -o oci:dist").code, Some(0), "a folder goes there");
}

#[test]
fn a_base_or_a_folder_of_wheels_that_is_not_there() {
    let missing = RECIPE.replace("h.example/python:3.11", "oci:missing");
    let bench = Bench::new(&[("wheelwright.toml", &missing)]);
    insta::assert_snapshot!(bench.refuse("lock --offline --progress off"), @r#"
    exit code: 3
    ----- stdout
    ----- stderr
    error: there is no `missing`
     --> wheelwright.toml:2:8
      |
    2 | base = "oci:missing"
      |        ^^^^^^^^^^^^^
      |
      = hint: check the path: in a recipe it starts at the recipe's folder
    "#);
    let bench = Bench::new(&[(
        "wheelwright.toml",
        &RECIPE
            .replace("h.example/python:3.11", "oci:base")
            .replace("[wheels]", "[wheels]\nindex = [{ name = \"own\", url = \"missing\" }]"),
    )]);
    bench.write_base(&wheelwright::testing::Base::default());
    insta::assert_snapshot!(bench.run("lock --offline --progress off"), @r#"
    exit code: 3
    ----- stdout
    ----- stderr
    error: cannot read `[folder]/project/missing`
      caused by: No such file or directory (os error 2)
    hint: check the path in `wheels.index`, and that you may read the folder
    "#);
}

#[test]
fn a_name_that_the_lock_does_not_have() {
    let recipe = format!("{SCRIPTS}from = \"run.py\"\nto = \"/run.py\"\n");
    let bench = Bench::new(&[("app.toml", &recipe), ("run.py", "")]);
    assert_eq!(bench.run("lock app.toml --offline --progress off").code, Some(0));
    insta::assert_snapshot!(bench.refuse("lock app.toml --offline --explain nosuch"), @r#"
    exit code: 2
    ----- stdout
    ----- stderr
    error: the lock has nothing called `nosuch`
    hint: name a distribution or Debian package of the lock
    "#);
}

#[test]
fn folders_stand_for_their_recipe() {
    let recipe = format!("{SCRIPTS}from = \"run.py\"\nto = \"/run.py\"\n");
    let bench = Bench::new(&[("one/wheelwright.toml", &recipe), ("one/run.py", ""), ("one/other.toml", &recipe)]);
    for line in ["plan one", "verify one/", "verify --recipe one", "plan ./one/wheelwright.toml"] {
        let run = bench.run(&format!("{line} --offline --progress off"));
        assert_eq!(run.code, Some(0), "{line}: {run}");
    }
    bench.write("two/a.toml", recipe.as_bytes());
    bench.write("two/b.toml", recipe.as_bytes());
    insta::assert_snapshot!(bench.refuse("plan two"), @r#"
    exit code: 2
    ----- stdout
    ----- stderr
    error: `two` has 2 recipes, and one is looked at
    hint: name one of them
    "#);
    insta::assert_snapshot!(bench.refuse("verify ./none/"), @r#"
    exit code: 2
    ----- stdout
    ----- stderr
    error: invalid value './none/' for '[IMAGE]': `./none/` is not an image reference: `.` is not the name of a host; write `base` as `scratch`, `oci:DIR[:tag]`, `oci-archive:FILE[:tag]` or `HOST/NAME:TAG`

    For more information, try '--help'.
    "#);
    insta::assert_snapshot!(bench.refuse("verify one --timeout 0"), @r#"
    exit code: 2
    ----- stdout
    ----- stderr
    error: invalid value '0' for '--timeout <S>': number would be zero for non-zero type

    For more information, try '--help'.
    "#);
}

#[test]
fn what_is_no_image_and_no_lock_is_not_quoted() {
    let bench =
        Bench::new(&[("x.tar", &"password = hunter2\n".repeat(100)), ("uv.lock", "version = 1\nrevision = 3\n")]);
    insta::assert_snapshot!(bench.refuse("inspect x.tar"), @r#"
    exit code: 1
    ----- stdout
    ----- stderr
    error: `x.tar` is no tar file, or a damaged one
    hint: decompress the file first if it is compressed
    "#);
    insta::assert_snapshot!(bench.refuse("inspect docker-archive:."), @r#"
    exit code: 1
    ----- stdout
    ----- stderr
    error: `.` is a folder, and no archive
    hint: name a layout as `oci:.`, or a file
    "#);
    insta::assert_snapshot!(bench.refuse("diff uv.lock x.lock"), @r#"
    exit code: 2
    ----- stdout
    ----- stderr
    error: `uv.lock` cannot be compared: it is another tool's lock
    hint: name a lock (FILE.lock), a recipe, `oci:DIR`, `oci-archive:FILE` or HOST/REPOSITORY:TAG
    "#);
}

#[test]
fn colours_on_demand() {
    let bench = Bench::new(&[("wheelwright.toml", RECIPE)]);
    assert!(bench.refuse("build --color always").contains("\u{1b}[1m"));
    assert!(bench.run_with("build", &[("CLICOLOR_FORCE", "1")]).stderr.contains("\u{1b}[1m"));
    assert!(!bench.run_with("build", &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]).stderr.contains('\u{1b}'));
}

#[test]
fn help_and_version_are_results() {
    let bench = Bench::new(&[]);
    let version = bench.run("--version");
    assert_eq!((version.code, version.stderr.as_str()), (Some(0), ""));
    assert_eq!(version.stdout, format!("wheelwright {}\n", env!("CARGO_PKG_VERSION")));
    let help = bench.run("--help");
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    for words in ["Exit codes:", "  130  interrupted", "wheelwright build --output oci:dist"] {
        assert!(help.stdout.contains(words), "{words}");
    }
    assert_eq!(bench.run("frobnicate").code, Some(2));
}
