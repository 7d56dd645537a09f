//! Images of every form are made again: other compressions, Debian's files, compiled modules, wheels of an index.

use std::collections::BTreeMap;

use wheelwright::{
    fs::write_atomic,
    image::Source as _,
    oci::Digest,
    testing::{Deb, DebianArchive, Wheel},
};

use super::{
    attesting::world,
    bench::{Bench, Run},
    compiling::interpreter,
    private_index,
    workshop::{digest, files, project},
};
use crate::{
    debian::world::Mirror,
    registry::world::{World, client},
};

/// Pushes the project to `app:1` of `world`, with these lines more in its recipe.
fn push(bench: &Bench, world: &World, lines: &str) -> Run {
    let path = bench.project().join("app.toml");
    let recipe = std::fs::read_to_string(&path).unwrap();
    write_atomic(&path, format!("{recipe}{lines}").as_bytes()).unwrap();
    let run = bench.run(&format!("build app.toml --progress off --push {}/app:1", world.host()));
    assert_eq!(run.code, Some(0), "{run}");
    run
}

fn proved(run: &Run, layers: usize) {
    assert_eq!(run.code, Some(0), "{run}");
    let word = if layers == 1 { "layer" } else { "layers" };
    assert!(run.stdout.contains(&format!("\nreproduced: {layers} of {layers} {word}, ")), "{run}");
}

/// The layers of the images under `app:1`, without the base's.
async fn layers(world: &World) -> Vec<Digest> {
    let source = client().source(&world.reference("app:1")).unwrap();
    let mut layers = Vec::new();
    for image in source.root().await.unwrap().manifests().unwrap() {
        let all = source.manifest(&image).await.unwrap().layers().unwrap();
        layers.extend(all.iter().skip(1).map(|layer| layer.digest));
    }
    layers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn layers_of_every_compression_are_made_again_and_kept_nowhere() {
    let mut seen = BTreeMap::new();
    for lines in ["compression = \"zstd\"", "compression = \"none\"", "lazy = true"] {
        let world = world(true).await;
        let bench = project(&world.host());
        push(&bench, &world, &format!("[layers]\n{lines}\n"));
        let nothing = Bench::new(&[]);
        let line = format!("prove {}/app:1 --progress off", world.host());
        proved(&nothing.run(&line), 4);
        // Whoever made it makes it again all the same, and keeps what was there.
        let before = files(&bench.store().join("v1/layers"));
        proved(&bench.run(&line), 4);
        assert_eq!(files(&bench.store().join("v1/layers")), before);
        let made = layers(&world).await;
        assert_eq!(made.len(), 4);
        let kept = files(&nothing.store().join("v1/blobs"));
        let names: Vec<String> = kept.iter().map(|path| path.to_string_lossy().replace('/', "")).collect();
        for layer in &made {
            assert!(!names.iter().any(|name| name.contains(layer.hex().as_str())), "{layer}");
        }
        seen.insert(lines, made);
    }
    let different: std::collections::BTreeSet<_> = seen.values().collect();
    assert_eq!(different.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_debian_packages_are_made_again() {
    let app = Deb::new("app", "1.0").field("Depends: lib").file("usr/share/app/readme", b"hello\n");
    let packages = [app, Deb::new("lib", "2:1.0-1").file("usr/lib/lib.txt", b"lib\n")];
    let mirror = Mirror::start(DebianArchive::new().suite("demo", "Sat, 21 Nov 2026 00:53:02 UTC", &packages).files());
    let world = world(true).await;
    let recipe = format!(
        "name = \"app\"\nbase = \"scratch\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\n[debian]\nsuite = \"demo\"\n\
         packages = [\"app\"]\nkeyring = false\nsecurity = false\nmirror = \"{}\"\n",
        mirror.url
    );
    push(&Bench::new(&[("app.toml", &recipe)]), &world, "");
    proved(&Bench::new(&[]).run(&format!("prove {}/app:1 --progress off", world.host())), 2);
    // Another package under the same name is not what the lock names.
    mirror.replace("lib_1.0-1_all.deb", Some(&Deb::new("lib", "2:1.0-1").file("usr/lib/lib.txt", b"bil\n").build()));
    let run = Bench::new(&[]).run(&format!("prove {}/app:1 --progress off", world.host()));
    assert!(run.code != Some(0) && run.stderr.contains("lib_1.0-1_all.deb"), "{run}");
}

#[test]
fn what_scripts_would_run_is_shown_whole_to_who_asks() {
    let long = format!("five {}", "x".repeat(100));
    let app = Deb::new("app", "1.0").script("postinst", &format!("one\ntwo\nthree\nfour\n{long}\n"));
    let mirror = Mirror::start(DebianArchive::new().suite("demo", "Sat, 21 Nov 2026 00:53:02 UTC", &[app]).files());
    let recipe = format!(
        "name = \"app\"\nbase = \"scratch\"\nplatforms = [\"linux/amd64\"]\n\n[debian]\nsuite = \"demo\"\n\
         packages = [\"app\"]\nkeyring = false\nsecurity = false\nmirror = \"{}\"\n",
        mirror.url
    );
    for (line, whole) in [("lock app.toml", false), ("lock app.toml -v", true)] {
        let run = Bench::new(&[("app.toml", &recipe)]).run(line);
        assert!(
            run.stderr.contains("app would also run, when it is installed: `one`, `two`, `three` and 2 more"),
            "{run}"
        );
        assert_eq!(run.stderr.contains(&format!("one; two; three; four; {long}")), whole, "{run}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compiled_modules_are_made_again_by_who_the_lock_names() {
    let world = world(true).await;
    let bench = project(&world.host());
    let recipe = std::fs::read_to_string(bench.project().join("app.toml")).unwrap();
    let recipe = recipe.replace("[wheels]\n", "[wheels]\nbytecode = true\n");
    bench.write("app.toml", recipe.as_bytes());
    bench.write(
        "demo-1.0-py3-none-any.whl",
        &Wheel::new("demo", "1.0").file("demo/__init__.py", b"one = 1\n").file("demo/two.py", b"two = 2\n").build(),
    );
    let python = interpreter(&bench, "3.11.7");
    let with = [("WHEELWRIGHT_PYTHON", python.as_str())];
    let line = format!("build app.toml --progress off --push {}/app:1", world.host());
    digest(&bench.run_with(&line, &with));
    let line = format!("prove {}/app:1 --progress off", world.host());
    proved(&Bench::new(&[]).run_with(&line, &with), 6);
    let other = interpreter(&bench, "3.11.2");
    let run = Bench::new(&[]).run_with(&line, &[("WHEELWRIGHT_PYTHON", &other)]);
    assert_eq!(run.code, Some(4), "{run}");
    assert!(run.stderr.contains("there is no CPython 3.11.7 here to compile with"), "{run}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wheels_come_from_the_index_that_is_named() {
    let world = world(true).await;
    let (theirs, asked) = private_index::open();
    let recipe = format!(
        "name = \"app\"\nbase = \"{}/base/python:3.11\"\nplatforms = [\"linux/amd64\"]\n\n[wheels]\nrequire = [\"demo\"]\n\n\
         [[wheels.index]]\nname = \"theirs\"\nurl = \"http://{theirs}/simple/\"\n",
        world.host()
    );
    let bench = Bench::new(&[("app.toml", &recipe)]);
    push(&bench, &world, "");
    let (mirror, mirrored) = private_index::open();
    let before = asked();
    let line = format!("prove {}/app:1 --progress off --against http://{mirror}/simple/", world.host());
    proved(&Bench::new(&[]).run(&line), 1);
    assert!(mirrored() > 0 && asked() == before);
    // An index that has nothing; and a store that knows all about the layer, but for the wheel in it.
    let nobody = Mirror::start(&BTreeMap::new());
    let line = format!("prove {}/app:1 --progress off --against {}/simple/", world.host(), nobody.url);
    proved(&bench.run(&line), 1);
    for path in files(&bench.store().join("v1/blobs")) {
        if std::fs::read(&path).unwrap().starts_with(b"PK") {
            std::fs::remove_file(path).unwrap();
        }
    }
    for machine in [&bench, &Bench::new(&[])] {
        let run = machine.run(&line);
        assert!(run.code != Some(0) && run.stderr.contains("demo"), "{run}");
    }
}
