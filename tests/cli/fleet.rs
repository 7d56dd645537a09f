//! Many recipes in one run: what they have in common is had once, and each fails alone.

use std::collections::BTreeSet;

use serde_json::Value;
use wheelwright::{
    image::Source as _,
    layout::LayoutSource,
    testing::{Base, Wheel},
};

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
        word if word.contains('.') && word.chars().all(|letter| letter == '.' || letter.is_ascii_digit()) => {
            "…".to_owned()
        }
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
    insta::assert_snapshot!(same(&run.stdout), @r#"
    recipe variant images layers sent seconds digest
    ./one.toml - 2 2 base, 1 cached, 1 built … kB … sha256:…
    ./three.toml - 2 2 base, 1 cached, 1 built … kB … sha256:…
    ./two.toml - 2 2 base, 1 cached, 1 built … kB … sha256:…

    3 recipes built, 1 failed in … s
    failed: ./broken.toml: ./broken.toml:1:1: `platforms` is missing (and one more problem)
    "#);
    insta::assert_snapshot!(run.stderr, @r#"
    ./broken.toml: error: `platforms` is missing
     --> ./broken.toml:1:1
      |
    1 | name = "broken"
      | ^ missing here
      |
      = hint: add `platforms = ["linux/amd64", "linux/arm64"]`

    error: unknown key `platform`
     --> ./broken.toml:3:1
      |
    3 | platform = []
      | ^^^^^^^^ unknown key
      |
      = hint: did you mean `platforms`?
    "#);
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
    insta::assert_snapshot!(bench.refuse("build one.toml two.toml -o oci:dist"), @r#"
    exit code: 2
    ----- stdout
    ----- stderr
    error: one.toml and two.toml would both go to oci:dist
    hint: put `{name}` into `--push` or `--output`, and give each recipe its own `name`
    "#);
    insta::assert_snapshot!(bench.refuse("build one.toml two.toml -o oci-archive:all.tar:{name}"), @r#"
    exit code: 2
    ----- stdout
    ----- stderr
    error: one.toml and two.toml would both go to all.tar
    hint: give each a file of its own, with `{name}` or `{variant}` in it, or write a layout, `oci:DIR:NAME`
    "#);
    insta::assert_snapshot!(bench.refuse("build one.toml two.toml -o oci:dist:{name} --why common"), @r#"
    exit code: 2
    ----- stdout
    ----- stderr
    error: `--why` goes with one recipe, and there are 2
    hint: name one recipe, or leave the flag out
    "#);
    insta::assert_snapshot!(bench.refuse("build one.toml two.toml -o oci:dist:{name} --report {name}.md --report a.json"), @r#"
    exit code: 2
    ----- stdout
    ----- stderr
    error: a report tells of one recipe, and there are 2
    hint: put `{name}` into the name after `--report`, as in `{name}.html`
    "#);
    insta::assert_snapshot!(bench.refuse("lock one.toml two.toml --explain common"), @r#"
    exit code: 2
    ----- stdout
    ----- stderr
    error: `--explain` goes with one recipe, and there are 2
    hint: name one recipe, or leave the flag out
    "#);
    insta::assert_snapshot!(bench.refuse("build base -o oci:dist:{name}"), @r#"
    exit code: 2
    ----- stdout
    ----- stderr
    error: no file in `base` is a recipe
    hint: name the recipes themselves; one has a `name` and ends in `.toml`
    "#);
}

#[test]
fn several_recipes_are_locked_side_by_side() {
    let bench = fleet();
    let run = bench.run("lock one.toml broken.toml two.toml --offline --progress off");
    assert_eq!(run.code, Some(9), "{run}");
    insta::assert_snapshot!(run.stdout, @r#"
    wrote one.lock
      linux/amd64: 2 wheels (41.6 kB)
      linux/arm64: 2 wheels (41.6 kB)
    wrote two.lock
      linux/amd64: 2 wheels (41.6 kB)
      linux/arm64: 2 wheels (41.6 kB)

    2 recipes locked, 1 failed
      failed: broken.toml: broken.toml:1:1: `platforms` is missing (and one more problem)
    "#);
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
        "build one.toml two.toml three.toml --locked --at-once 1 --no-remote-cache --attest none \
         --push {}/again/{{name}}:1",
        world.host()
    ));
    assert_eq!(other.code, Some(0), "{other}");
    let uploads = world.seen().into_iter().filter(|seen| seen.method == "POST" && seen.path.contains("/again/"));
    let mounts = uploads.filter(|seen| seen.query.contains("mount=") && seen.query.contains("from=again%2Fone"));
    // The wheel's layer, twice; the base's come from the base.
    assert_eq!(mounts.count(), 2, "{other}");
}

/// A fleet given out to four machines, each with nothing but recipes and locks, comes to what one machine makes of
/// it; and whoever runs again changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_make_what_one_machine_makes() {
    let world = World::new().await;
    put_base(&world, 50_000).await;
    let bench = fleet();
    std::fs::remove_file(bench.project().join("broken.toml")).unwrap();
    for name in ["one", "two", "three"] {
        let recipe = recipe(name, &format!("{}/base/python:3.11", world.host()), name);
        bench.write(&format!("{name}.toml"), recipe.as_bytes());
    }
    let (alone, apart) = (format!("{}/alone/{{name}}:1", world.host()), format!("{}/apart/{{name}}:1", world.host()));
    let whole = bench.run(&format!("build . --progress off --push {alone}"));
    assert_eq!(whole.code, Some(0), "{whole}");

    let plan = bench.run(&format!("plan . --shards 4 --push {apart}"));
    assert_eq!((plan.code, plan.stderr.as_str()), (Some(0), ""), "{plan}");
    assert_eq!(bench.run(&format!("plan . --shards 4 --push {apart}")).stdout, plan.stdout);
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    let images = |shard: &Value| shard["images"].as_array().unwrap().len();
    let spread: Vec<usize> = plan["shards"].as_array().unwrap().iter().map(images).collect();
    assert_eq!((spread.iter().sum::<usize>(), spread.len()), (6, 4));
    assert!(spread.iter().all(|number| (1..=2).contains(number)), "{plan:#}");
    let line = |command: &Value| {
        let words = command.as_array().unwrap().iter().skip(1).map(|word| word.as_str().unwrap().to_owned());
        words.collect::<Vec<_>>().join(" ")
    };

    // Too early: nobody has made anything.
    let join = line(&plan["join"]);
    let early = bench.run(&format!("{join} --progress off"));
    assert_eq!(early.code, Some(9), "{early}");
    assert!(early.stderr.contains("the image for linux/amd64 is not made yet"), "{early}");
    // The first shard runs twice, all of them at the same time, each over a store of its own.
    let commands = plan["shards"].as_array().unwrap().iter().map(|shard| line(&shard["command"]));
    let commands: Vec<String> = commands.collect();
    let children: Vec<_> = commands
        .iter()
        .chain(&commands[..1])
        .enumerate()
        .map(|(number, command)| {
            let mut command = bench.command(&format!("{command} --progress off"));
            command.env("WHEELWRIGHT_STORE", bench.store().join(number.to_string()));
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in children {
        let run = bench.ended(child.wait_with_output().unwrap());
        assert_eq!(run.code, Some(0), "{run}");
    }
    let told = bench.run(&format!("{join} --dry-run --progress off"));
    assert!(told.stdout.ends_with("\n3 recipes would be joined\n"), "{told}");
    assert_eq!(told.stdout.matches("\nwould be: ").count(), 3, "{told}");
    for _ in 0..2 {
        let joined = bench.run(&format!("{join} --progress off"));
        assert_eq!(joined.code, Some(0), "{joined}");
        for name in ["one", "two", "three"] {
            let expect = complete(&world, &format!("alone/{name}:1")).await;
            assert_eq!(complete(&world, &format!("apart/{name}:1")).await, expect, "{joined}");
            assert!(joined.stdout.contains(&expect.to_string()), "{joined}");
        }
    }
    // Of other files other parts are made: the old ones are not taken for them.
    let text = std::fs::read_to_string(bench.project().join("one.toml")).unwrap();
    bench.write("one.toml", format!("{text}\n[image]\nuser = \"1000\"\n").as_bytes());
    let stale = bench.run(&format!("{join} --progress off"));
    assert_eq!(stale.code, Some(9), "{stale}");
    assert!(stale.stdout.contains("2 recipes joined, 1 failed"), "{stale}");
}

#[test]
fn a_shard_needs_a_fresh_lock_and_a_registry() {
    let bench = fleet();
    insta::assert_snapshot!(bench.refuse("build one.toml --shard 1/2 -o oci:dist"), @r#"
    exit code: 2
    ----- stdout
    ----- stderr
    error: a shard pushes, and does nothing else
    hint: say where with `--push HOST/REPOSITORY:TAG`, and leave `--output` and `--load` out
    "#);
    insta::assert_snapshot!(bench.refuse("build one.toml two.toml --shard 1/2 --push h.example/{name}:1"), @r#"
    exit code: 5
    ----- stdout
    ----- stderr
    error: there is no lock `one.lock`
    hint: run `wheelwright lock` and commit the lock
    "#);
    insta::assert_snapshot!(bench.refuse("plan one.toml --shards 2 --push h.example/{name}:1"), @r#"
    exit code: 5
    ----- stdout
    ----- stderr
    error: there is no lock `one.lock`
    hint: run `wheelwright lock` and commit the lock
    "#);
    insta::assert_snapshot!(bench.refuse("build one.toml --shard 3/2 --push h.example/{name}:1"), @r#"
    exit code: 2
    ----- stdout
    ----- stderr
    error: invalid value '3/2' for '--shard <I/N>': write it as `I/N`, from `1/N` to `N/N`; who counts from 0 writes `I+1/N`

    For more information, try '--help'.
    "#);
}
