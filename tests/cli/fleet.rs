//! Many recipes in one run: what they have in common is had once, and each fails alone.

use std::collections::BTreeSet;

use serde_json::Value;
use wheelwright::{layout::LayoutSource, image::Source as _, testing::{Base, Wheel}};

use super::{
    bench::Bench,
    workshop::{complete, put_base},
};
use crate::registry::world::{World, noise};

/// A recipe that wants a wheel of its own and one that all have.
fn recipe(name: &str, base: &str, own: &str) -> String {
    format!(
        "name = \"{name}\"\nbase = \"{base}\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\n\
         [wheels]\nrequire = [\"./common-1.0-py3-none-any.whl\", \"./{own}-1.0-py3-none-any.whl\"]\n"
    )
}

/// A folder of recipes over a base on the disk, each with a wheel of its own, and one that is wrong.
fn fleet() -> Bench {
    let bench = Bench::new(&[("broken.toml", "name = \"broken\"\nbase = \"oci:base\"\nplatform = []\n")]);
    bench.write_base(&Base::default());
    for (number, name) in ["common", "one", "two", "three"].into_iter().enumerate() {
        let wheel = Wheel::new(name, "1.0").file(&format!("{name}.py"), &noise(u8::try_from(number).unwrap(), 20_000));
        bench.write(&wheel.file_name(), &wheel.build());
        if name != "common" {
            bench.write(&format!("{name}.toml"), recipe(name, "oci:base", name).as_bytes());
        }
    }
    bench
}

/// What stands in place of what differs from run to run.
fn same(text: &str) -> String {
    let word = |word: &str| match word {
        word if word.starts_with("sha256:") => "sha256:…".to_owned(),
        word if word.len() == 3 && word.chars().nth(1) == Some('.') => "…".to_owned(),
        word => word.to_owned(),
    };
    let line = |line: &str| line.split_whitespace().map(word).collect::<Vec<_>>().join(" ");
    text.lines().map(|text| line(text) + "\n").collect()
}

#[test]
fn one_failure_does_not_stop_the_others() {
    let bench = fleet();
    let run = bench.run("build . --offline --progress off --metadata-file made.json -o oci:dist:{name}");
    assert_eq!(run.code, Some(9), "{run}");
    insta::assert_snapshot!(same(&run.stdout), @"");
    insta::assert_snapshot!(run.stderr, @"");
    let made: Value = serde_json::from_slice(&std::fs::read(bench.project().join("made.json")).unwrap()).unwrap();
    assert_eq!(made.as_object().unwrap().keys().collect::<Vec<_>>(), ["./one.toml", "./three.toml", "./two.toml"]);
    for name in ["one", "two", "three"] {
        let alone = bench.run(&format!("build {name}.toml --offline --locked --progress off -o oci:alone:{name}"));
        assert_eq!(alone.code, Some(0), "{alone}");
        let digest = made[format!("./{name}.toml")]["containerimage.digest"].as_str().unwrap();
        assert!(alone.stdout.contains(digest), "{alone}");
        assert!(bench.project().join(format!("{name}.lock")).is_file());
        let source = LayoutSource::open(bench.project().join("dist"), Some(name)).unwrap();
        let root = tokio::runtime::Runtime::new().unwrap().block_on(source.root()).unwrap();
        assert_eq!(root.descriptor().digest.to_string(), digest);
    }
    let strict = bench.run("build broken.toml one.toml two.toml three.toml --at-once 1 --fail-fast -o oci:dist:{name}");
    assert_eq!(strict.code, Some(9), "{strict}");
    assert!(strict.stdout.contains("0 recipes built, 1 failed, 3 not begun"), "{strict}");
}

#[test]
fn what_several_recipes_cannot_mean_is_refused() {
    let bench = fleet();
    insta::assert_snapshot!(bench.refuse("build one.toml two.toml -o oci:dist"), @"");
    insta::assert_snapshot!(bench.refuse("build one.toml two.toml -o oci:dist:{name} --why common"), @"");
    insta::assert_snapshot!(bench.refuse("lock one.toml two.toml --explain common"), @"");
    insta::assert_snapshot!(bench.refuse("build base -o oci:dist:{name}"), @"");
}

#[test]
fn several_recipes_are_locked_side_by_side() {
    let bench = fleet();
    let run = bench.run("lock one.toml broken.toml two.toml --offline --progress off");
    assert_eq!(run.code, Some(9), "{run}");
    insta::assert_snapshot!(run.stdout, @"");
    let events = bench.run("lock one.toml two.toml --offline --progress json");
    let recipes: BTreeSet<String> = events
        .stderr
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).unwrap()["recipe"].as_str().map(str::to_owned))
        .collect();
    assert_eq!((events.code, recipes), (Some(0), ["one.toml", "two.toml"].map(str::to_owned).into()));
}

/// What two recipes have in common is laid once, and sent once to a registry: the other repository mounts it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn layers_are_made_once_and_mounted_between_repositories() {
    let world = World::new().await;
    put_base(&world, 50_000).await;
    let bench = fleet();
    let base = format!("{}/base/python:3.11", world.host());
    for name in ["one", "two", "three"] {
        // With a layer of its own, the wheel that all have is a layer that all have.
        let recipe = recipe(name, &base, name) + "\n[layers]\nown = [\"common\"]\n";
        bench.write(&format!("{name}.toml"), recipe.as_bytes());
    }
    let push = format!("--progress json --push {}/fleet/{{name}}:1", world.host());
    let run = bench.run(&format!("build one.toml two.toml three.toml --at-once 3 {push}"));
    assert_eq!(run.code, Some(0), "{run}");
    let laid = run.stderr.lines().filter(|line| line.contains("\"started\"") && line.contains("\"task\":\"layer\""));
    let laid: Vec<&str> = laid.filter(|line| line.contains("\"name\":\"common ")).collect();
    assert_eq!(laid.len(), 1, "{laid:#?}");
    for name in ["one", "two", "three"] {
        complete(&world, &format!("fleet/{name}:1")).await;
    }
    // One after the other, so that nobody sends what another one is about to.
    let other = bench.run(&format!(
        "build one.toml two.toml three.toml --locked --at-once 1 --no-remote-cache --push {}/again/{{name}}:1",
        world.host()
    ));
    assert_eq!(other.code, Some(0), "{other}");
    let uploads = world.seen().into_iter().filter(|seen| seen.method == "POST" && seen.path.contains("/again/"));
    let mounts = uploads.filter(|seen| seen.query.contains("mount=") && seen.query.contains("from=again%2Fone"));
    // The wheel's layer, twice; the base's come from the base.
    assert_eq!(mounts.count(), 2, "{other}");
}
