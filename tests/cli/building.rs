//! A build that needs no network, from nothing to a layout and an archive.

use wheelwright::testing::{Base, Wheel};

use super::bench::Bench;

const RECIPE: &str = "\
name = \"app\"
base = \"scratch\"
platforms = [\"linux/amd64\", \"linux/arm64\"]

[[scripts]]
from = \"hello.txt\"
to = \"/hello.txt\"

[variants.one]
[variants.two]
user = \"1000\"
";

#[test]
fn an_image_is_built_locked_and_built_again() {
    let bench = Bench::new(&[("app.toml", RECIPE), ("hello.txt", "hello\n")]);
    let first = bench.run("build app.toml --offline --progress off -o oci:dist -o app.tar");
    assert_eq!((first.code, first.stderr.as_str()), (Some(0), ""));
    assert!(first.stdout.starts_with("layer"), "{}", first.stdout);
    for file in ["app.lock", "dist/index.json", "app-one.tar", "app-two.tar"] {
        assert!(bench.project().join(file).is_file(), "{file}");
    }
    // What was built before takes no time, so that every byte of the output is known.
    insta::assert_snapshot!(bench.run("build app.toml --offline --locked -o oci:dist"), @"
    exit code: 0
    ----- stdout
    layer         platform     made    delivered      bytes  seconds
    one: scripts  linux/amd64  cached  there already   99 B
    one: scripts  linux/arm64  cached  there already   99 B
    two: scripts  linux/amd64  cached  there already   99 B
    two: scripts  linux/arm64  cached  there already   99 B

    oci:dist:one  sha256:c0187aa37f1edde538cfd49dcfe587d8b615573e22d63be87c0c187ca50cfacc  2 images, 3 blobs there already
    oci:dist:two  sha256:705486ab586de0a4ea4b4b8d9fbf835c84b9bb934a0bac7220c04566f8bba667  2 images, 3 blobs there already
    digest: sha256:c0187aa37f1edde538cfd49dcfe587d8b615573e22d63be87c0c187ca50cfacc  one
    digest: sha256:705486ab586de0a4ea4b4b8d9fbf835c84b9bb934a0bac7220c04566f8bba667  two
    ----- stderr
    writing oci:dist:one
    writing oci:dist:two
    ");
    let one = bench.run("build app.toml --offline --locked --variant one --platform linux/arm64 -o oci:one:1.0");
    insta::assert_snapshot!(one, @"
    exit code: 0
    ----- stdout
    layer         platform     made    delivered  bytes  seconds
    one: scripts  linux/arm64  cached  sent        99 B

    oci:one:1.0  sha256:c4aa39cd0ab4e4a39f2c29a5fe35c1080a17215edd1d5ed1845ab891bda742d8  1 image, 2 blobs sent (467 B)
    digest: sha256:c4aa39cd0ab4e4a39f2c29a5fe35c1080a17215edd1d5ed1845ab891bda742d8  one
    ----- stderr
    writing oci:one:1.0
    ");
}

#[test]
fn the_lock_is_written_once() {
    let bench = Bench::new(&[("app.toml", RECIPE), ("hello.txt", "hello\n")]);
    insta::assert_snapshot!(bench.run("lock app.toml --offline"), @"
    exit code: 0
    ----- stdout
    wrote app.lock
      one, linux/amd64: 0 wheels (0 B)
      one, linux/arm64: 0 wheels (0 B)
      two, linux/amd64: 0 wheels (0 B)
      two, linux/arm64: 0 wheels (0 B)
    ----- stderr
    ");
    insta::assert_snapshot!(bench.run("lock app.toml --offline --progress json"), @"
    exit code: 0
    ----- stdout
    unchanged: app.lock
      one, linux/amd64: 0 wheels (0 B)
      one, linux/arm64: 0 wheels (0 B)
      two, linux/amd64: 0 wheels (0 B)
      two, linux/arm64: 0 wheels (0 B)
    ----- stderr
    ");
}

#[test]
fn a_stale_lock_is_refused_with_the_difference() {
    let bench = Bench::new(&[("app.toml", RECIPE), ("hello.txt", "hello\n")]);
    bench.run("lock app.toml --offline");
    let changed = RECIPE.replace("[variants.two]", "[variants.three]").replace(", \"linux/arm64\"", "");
    wheelwright::fs::write_atomic(&bench.project().join("app.toml"), changed.as_bytes()).unwrap();
    insta::assert_snapshot!(bench.refuse("lock app.toml --offline --locked"), @"
    exit code: 5
    ----- stdout
    ----- stderr
    error: the lock `app.lock` is stale: `platforms` lost `linux/arm64`; `variants` gained `three` and lost `two`
    hint: run `wheelwright lock` and commit the lock, or leave out `--locked`
    ");
    insta::assert_snapshot!(bench.refuse("lock app.toml --offline --upgrade ghost"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: the lock has nothing called `ghost`
    hint: name a distribution or Debian package of the lock, or `base` for the base image
    ");
    let exported = bench.run("lock app.toml --offline --export requirements --variant one");
    insta::assert_snapshot!(exported, @"
    exit code: 0
    ----- stdout
    # Written by `wheelwright lock --export requirements`, for linux/amd64.
    ----- stderr
    app.lock is stale (`platforms` lost `linux/arm64`; `variants` gained `three` and lost `two`): locking anew
    wrote app.lock
    ");
}

#[test]
fn every_variant_has_to_fit_into_the_layers_that_are_left() {
    let recipe = "name = \"app\"\nbase = \"oci:base\"\nplatforms = [\"linux/amd64\"]\n\
                  wheels.require = [\"./demo-1.0-py3-none-any.whl\"]\n[variants.small]\n[variants.large]\n\
                  scripts = [{ from = \"app.toml\", to = \"/srv/app.toml\" }]\n";
    let bench = Bench::new(&[("app.toml", recipe)]);
    bench.write_base(&Base::default().more_layers(123));
    bench.write("demo-1.0-py3-none-any.whl", &Wheel::new("demo", "1.0").file("demo.py", b"").build());
    let small = bench.run("build app.toml --variant small --offline --progress off -o oci:dist");
    assert_eq!(small.code, Some(0), "{small}");
    let line = "build app.toml --offline --progress off -o oci:both";
    insta::assert_snapshot!(bench.refuse(line), @"
    exit code: 1
    ----- stdout
    ----- stderr
    error: the image for linux/amd64 needs 126 layers, 125 of them the base's and the scripts', and may have 125
    hint: choose a `base` with fewer layers
    ");
}
