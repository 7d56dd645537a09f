//! `diff` and `inspect --packages`.

use wheelwright::testing::{Base, Wheel};

use super::bench::Bench;

fn recipe(version: &str, more: &str) -> String {
    format!(
        "name = \"app\"\nbase = \"oci:base\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\
         [wheels]\nrequire = [\"./demo-{version}-py3-none-any.whl\"]\n{more}"
    )
}

fn bench() -> Bench {
    let later = recipe("1.1", "[[scripts]]\nfrom = \"hello.txt\"\nto = \"/hello.txt\"\n[image.env]\nMODE = \"new\"\n");
    let bench = Bench::new(&[("one.toml", &recipe("1.0", "")), ("two.toml", &later), ("hello.txt", "hello\n")]);
    bench.write_base(&Base::default());
    for version in ["1.0", "1.1"] {
        let wheel = Wheel::new("demo", version).file("demo.py", version.as_bytes()).build();
        bench.write(&format!("demo-{version}-py3-none-any.whl"), &wheel);
    }
    for name in ["one", "two"] {
        let run = bench.run(&format!("build {name}.toml --offline --output oci:{name}"));
        assert_eq!(run.code, Some(0), "{run}");
    }
    bench
}

#[test]
fn images_and_locks_are_compared() {
    let bench = bench();
    let amd64 = "--progress off --platform linux/amd64";
    insta::assert_snapshot!(bench.run(&format!("diff oci:one oci:two {amd64}")), @"
    exit code: 0
    ----- stdout
    linux/amd64
      ~ python demo 1.0 → 1.1
      + env MODE new
      files: 7 added, 6 removed, 0 changed
      layers: 1 of 3 as before
      size: 14.3 kB → 14.4 kB (+102 B)
    ----- stderr
    ");
    insta::assert_snapshot!(bench.run(&format!("diff one.lock two.toml {amd64}")), @"
    exit code: 0
    ----- stdout
    linux/amd64
      ~ python demo 1.0 → 1.1
      size: 808 B → 807 B (-1 B)
    ----- stderr
    ");
    insta::assert_snapshot!(bench.run(&format!("diff oci:one two.lock {amd64}")), @"
    exit code: 0
    ----- stdout
    linux/amd64
      ~ python demo 1.0 → 1.1
    ----- stderr
    ");
    insta::assert_snapshot!(bench.run(&format!("diff oci:one oci:one {amd64}")), @"
    exit code: 0
    ----- stdout
    linux/amd64
      no difference
      layers: 2 of 2 as before
      size: 14.3 kB
    ----- stderr
    ");
}

#[test]
fn differences_are_told_to_reviewers_and_programs() {
    let bench = bench();
    let amd64 = "--progress off --platform linux/amd64";
    insta::assert_snapshot!(bench.run(&format!("diff oci:one oci:two --format markdown --files {amd64}")), @"
    exit code: 0
    ----- stdout
    ### linux/amd64

    size: 14.3 kB → 14.4 kB (+102 B); layers as before: 1 of 3; files: 7 added, 6 removed, 0 changed

    | Package | Before | After |
    |---|---|---|
    | python demo | 1.0 | 1.1 |

    | Setting | Before | After |
    |---|---|---|
    | env MODE |  | new |

    | File | Before | After |
    |---|---|---|
    | /hello.txt |  | file, 6 bytes, 0644 0:0 |
    | /usr/local/lib/python3.11/site-packages/demo-1.0.dist-info | directory, 0755 0:0 |  |
    | /usr/local/lib/python3.11/site-packages/demo-1.0.dist-info/INSTALLER | file, 12 bytes, 0644 0:0 |  |
    | /usr/local/lib/python3.11/site-packages/demo-1.0.dist-info/METADATA | file, 46 bytes, 0644 0:0 |  |
    | /usr/local/lib/python3.11/site-packages/demo-1.0.dist-info/RECORD | file, 415 bytes, 0644 0:0 |  |
    | /usr/local/lib/python3.11/site-packages/demo-1.0.dist-info/REQUESTED | file, 0 bytes, 0644 0:0 |  |
    | /usr/local/lib/python3.11/site-packages/demo-1.0.dist-info/WHEEL | file, 78 bytes, 0644 0:0 |  |
    | /usr/local/lib/python3.11/site-packages/demo-1.1.dist-info |  | directory, 0755 0:0 |
    | /usr/local/lib/python3.11/site-packages/demo-1.1.dist-info/INSTALLER |  | file, 12 bytes, 0644 0:0 |
    | /usr/local/lib/python3.11/site-packages/demo-1.1.dist-info/METADATA |  | file, 46 bytes, 0644 0:0 |
    | /usr/local/lib/python3.11/site-packages/demo-1.1.dist-info/RECORD |  | file, 415 bytes, 0644 0:0 |
    | /usr/local/lib/python3.11/site-packages/demo-1.1.dist-info/REQUESTED |  | file, 0 bytes, 0644 0:0 |
    | /usr/local/lib/python3.11/site-packages/demo-1.1.dist-info/WHEEL |  | file, 78 bytes, 0644 0:0 |

    ----- stderr
    ");
    let run = bench.run("diff oci:one oci:two --format json --progress off");
    let value: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(value["images"].as_array().unwrap().len(), 2, "{run}");
    assert_eq!(value["images"][0]["packages"][0]["after"], "1.1", "{run}");
}

#[test]
fn another_licence_is_told() {
    let bench = Bench::new(&[("one.toml", &recipe("1.0", "")), ("two.toml", &recipe("1.1", ""))]);
    bench.write_base(&Base::default());
    for (version, licence, name) in [("1.0", "MIT", "one"), ("1.1", "MIT AND LicenseRef-Own", "two")] {
        let wheel = Wheel::new("demo", version).header("License-Expression", licence).build();
        bench.write(&format!("demo-{version}-py3-none-any.whl"), &wheel);
        let run = bench.run(&format!("build {name}.toml --offline --output oci:{name}"));
        assert_eq!(run.code, Some(0), "{run}");
    }
    let run = bench.run("diff oci:one oci:two --progress off --platform linux/arm64");
    assert!(run.stdout.contains("  ~ licence demo MIT → MIT AND LicenseRef-Own\n"), "{run}");
    let run = bench.run("diff oci:one oci:two --progress off --format json");
    let value: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(value["images"][0]["licences"][0]["after"], "MIT AND LicenseRef-Own", "{run}");
}

#[test]
fn sides_that_are_none() {
    let bench = Bench::new(&[]);
    insta::assert_snapshot!(bench.refuse("diff scratch oci:a"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: `scratch` cannot be compared: `scratch` holds nothing
    hint: name a lock (FILE.lock), a recipe, `oci:DIR`, `oci-archive:FILE` or HOST/REPOSITORY:TAG
    ");
    insta::assert_snapshot!(bench.refuse("diff no.lock oci:a"), @"
    exit code: 5
    ----- stdout
    ----- stderr
    error: there is no lock `no.lock`
    hint: run `wheelwright lock` and commit the lock
    ");
}

#[test]
fn what_is_installed_is_listed() {
    let bench = bench();
    let run = bench.run("inspect oci:two --packages --progress off");
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.stdout.contains("  python package  demo 1.1\n"), "{run}");
}
