//! `wheelwright sbom`.

use serde_json::Value;
use wheelwright::testing::{Base, Wheel};

use super::bench::Bench;

const RECIPE: &str = "\
name = \"app\"
base = \"oci:base\"
platforms = [\"linux/amd64\", \"linux/arm64\"]
[wheels]
require = [\"./demo-1.0-py3-none-any.whl\"]
[[scripts]]
from = \"hello.txt\"
to = \"/hello.txt\"
";

fn bench() -> Bench {
    let other = RECIPE.replace("demo-1.0", "demo-1.1");
    let bench = Bench::new(&[("app.toml", RECIPE), ("other.toml", &other), ("hello.txt", "hello\n")]);
    bench.write_base(&Base::default());
    for version in ["1.0", "1.1"] {
        let wheel = Wheel::new("demo", version).file("demo.py", b"pass").build();
        bench.write(&format!("demo-{version}-py3-none-any.whl"), &wheel);
    }
    for name in ["app", "other"] {
        let run = bench.run(&format!("build {name}.toml --offline --output oci:{name}"));
        assert_eq!(run.code, Some(0), "{run}");
    }
    bench
}

fn document(bench: &Bench, line: &str) -> Value {
    let run = bench.run(&format!("sbom {line} --progress off"));
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(run.stdout, bench.run(&format!("sbom {line} --progress off")).stdout);
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn what_the_lock_knows_is_in_the_document() {
    let bench = bench();
    let lock = std::fs::read_to_string(bench.project().join("app.lock")).unwrap();
    for platform in ["linux/amd64", "linux/arm64"] {
        let spdx = document(&bench, &format!("oci:app --of app.toml --platform {platform}"));
        let packages = spdx["packages"].as_array().unwrap();
        let demo = packages.iter().find(|package| package["name"] == "demo").unwrap();
        assert!(lock.contains(demo["checksums"][0]["checksumValue"].as_str().unwrap()), "{demo}");
        assert_eq!(demo["packageFileName"], "demo-1.0-py3-none-any.whl");
    }
    let cyclonedx = document(&bench, "oci:app --format cyclonedx --files --platform linux/arm64");
    let components = cyclonedx["components"].as_array().unwrap();
    let demo = components.iter().find(|component| component["name"] == "demo").unwrap();
    let places = demo["evidence"]["occurrences"].to_string();
    assert!(places.contains("site-packages/demo.py\""), "{places}");
    assert!(demo.get("hashes").is_none(), "only the lock knows the wheel's digest: {demo}");
}

#[test]
fn what_cannot_be_listed_is_refused() {
    let bench = bench();
    insta::assert_snapshot!(bench.run("sbom oci:app --of other.toml --platform linux/amd64 --progress off"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: the image for linux/amd64 is not what the lock says: it has no demo 1.1
    hint: name the recipe and the variant that the image was built from, or leave out `--of`
    ");
    insta::assert_snapshot!(bench.run("sbom oci:app --platform linux/s390x --progress off"), @"
    exit code: 4
    ----- stdout
    ----- stderr
    error: the image is not for linux/s390x, only for linux/amd64, linux/arm64
    hint: choose one of them with `--platform`
    ");
    insta::assert_snapshot!(bench.run("sbom oci:app --files --progress off"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: SPDX 2.3 lists files by their SHA-1, which nothing here has
    hint: add `--format cyclonedx`, or leave out `--files`
    ");
    insta::assert_snapshot!(bench.run("sbom oci:app --of app.toml --variant full --progress off"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: app.toml has no variant `full`
    hint: leave out `--variant`: the recipe has no variants
    ");
}
