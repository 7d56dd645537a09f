//! Images from anywhere to anywhere, and what is told of them.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::Value;
use wheelwright::fs::write_atomic;

use super::bench::Bench;

const RECIPE: &str = "\
name = \"app\"
base = \"scratch\"
platforms = [\"linux/amd64\", \"linux/arm64\"]

[[scripts]]
from = \"hello.txt\"
to = \"/hello.txt\"
";

/// A folder with `oci:dist`, built of a recipe for two platforms.
fn bench() -> Bench {
    let bench = Bench::new(&[("app.toml", RECIPE), ("hello.txt", "hello\n")]);
    let built = bench.run("build app.toml --offline --progress off -o oci:dist --metadata-file built.json");
    assert_eq!(built.code, Some(0), "{built}");
    bench
}

/// An engine called `name`, which does `load` with what it is given.
fn engine(bench: &Bench, name: &str, load: &str) -> String {
    let folder = bench.project().join("bin");
    let program = folder.join(name);
    let text = format!("#!/bin/sh\n[ \"$1\" = version ] && exit 0\n[ \"$1\" = load ] || exit 9\n{load}\n");
    write_atomic(&program, text.as_bytes()).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    folder.to_string_lossy().into_owned()
}

#[test]
fn an_image_goes_round_as_it_is() {
    let bench = bench();
    insta::assert_snapshot!(bench.run("copy oci:dist a.tar docker-archive:b.tar:me/app:1 --offline"), @"
    exit code: 0
    ----- stdout
    oci-archive:a.tar  sha256:c0187aa37f1edde538cfd49dcfe587d8b615573e22d63be87c0c187ca50cfacc  2 images, 3 blobs sent (835 B)
    docker-archive:b.tar:docker.io/me/app:1  sha256:c0187aa37f1edde538cfd49dcfe587d8b615573e22d63be87c0c187ca50cfacc  2 images, 3 blobs sent (835 B)
    digest: sha256:c0187aa37f1edde538cfd49dcfe587d8b615573e22d63be87c0c187ca50cfacc
    ----- stderr
    writing oci-archive:a.tar
    writing docker-archive:b.tar:docker.io/me/app:1
    ");
    let back = bench.run("copy docker-archive:b.tar:me/app:1 oci:back --offline --progress off");
    assert!(back.stdout.ends_with(&digest_line(&bench, "dist")), "{back}");
    let (dist, back) = (bench.project().join("dist"), bench.project().join("back"));
    assert_eq!(fs::read(dist.join("index.json")).unwrap(), fs::read(back.join("index.json")).unwrap());
}

#[test]
fn platforms_are_picked_and_joined_again() {
    let bench = bench();
    for architecture in ["amd64", "arm64"] {
        let line = format!("copy oci:dist oci:{architecture} --platform linux/{architecture} --offline --progress off");
        let run = bench.run(&line);
        assert!(run.stdout.contains("1 image, 2 blobs sent"), "{run}");
    }
    let joined = bench.run("index create oci:joined --from oci:amd64 --from oci:arm64 --offline --progress off");
    assert!(joined.stdout.ends_with(&digest_line(&bench, "dist")), "{joined}");
    insta::assert_snapshot!(bench.refuse("index create oci:twice --from oci:dist --from oci:arm64 --offline"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: there are two images for linux/arm64
    hint: name one of them in `--from`
    ");
    insta::assert_snapshot!(bench.refuse("copy oci:dist oci:s390x --platform linux/s390x --offline"), @"
    exit code: 4
    ----- stdout
    ----- stderr
    error: the image is not for linux/s390x, only for linux/amd64, linux/arm64
    hint: choose one of them with `--platform`
    ");
}

#[test]
fn a_dry_run_moves_nothing() {
    let bench = bench();
    insta::assert_snapshot!(bench.run("push oci:dist oci:dist:again oci:new --dry-run --offline"), @"
    exit code: 0
    ----- stdout
    blob          bytes  would be
    ec36ea8ea737   99 B  there already
    dc2b0ecc8601  368 B  there already
    538110d3db9a  368 B  there already

    would be: oci:dist:again  sha256:c0187aa37f1edde538cfd49dcfe587d8b615573e22d63be87c0c187ca50cfacc  2 images, 3 blobs there already
    blob          bytes  would be
    ec36ea8ea737   99 B  sent
    dc2b0ecc8601  368 B  sent
    538110d3db9a  368 B  sent

    would be: oci:new  sha256:c0187aa37f1edde538cfd49dcfe587d8b615573e22d63be87c0c187ca50cfacc  2 images, 3 blobs sent (835 B)
    digest: sha256:c0187aa37f1edde538cfd49dcfe587d8b615573e22d63be87c0c187ca50cfacc
    ----- stderr
    ");
    assert!(!bench.project().join("new").exists());
}

#[test]
fn what_was_built_is_written_down() {
    let bench = bench();
    let metadata: Value = serde_json::from_slice(&fs::read(bench.project().join("built.json")).unwrap()).unwrap();
    let digest = metadata["containerimage.digest"].as_str().unwrap();
    assert_eq!(digest_line(&bench, "dist"), format!("digest: {digest}\n"));
    assert_eq!(metadata["containerimage.descriptor"]["digest"], digest);
    let ours = &metadata["wheelwright"];
    assert_eq!(ours["images"][1]["platform"], "linux/arm64");
    assert_eq!(ours["images"][1]["layers"][0]["name"], "scripts");
    assert_eq!(ours["destinations"][0]["name"], "oci:dist");
    assert_eq!(ours["destinations"][0]["blobs"].as_array().unwrap().len(), 3);
}

#[test]
fn an_engine_gets_one_image_through_a_pipe() {
    let bench = bench();
    let path = engine(&bench, "podman", "/bin/cat > loaded.tar");
    let run = bench.run_with("build app.toml --offline --progress off --load", &[("PATH", &path)]);
    assert!(run.stdout.contains("podman: docker.io/library/app:latest  sha256:"), "{run}");
    let inspected = bench.run("inspect docker-archive:loaded.tar --json --offline");
    let inspected: Value = serde_json::from_str(&inspected.stdout).unwrap();
    assert_eq!(inspected["images"].as_array().unwrap().len(), 1);
    let run = bench.run_with("copy oci:dist --load=podman --name x:1 --offline --progress off", &[("PATH", &path)]);
    assert!(run.stdout.contains("podman: docker.io/library/x:1  sha256:"), "{run}");
}

#[test]
fn engines_that_fail_are_quoted() {
    let bench = bench();
    insta::assert_snapshot!(bench.run_with("copy oci:dist --load --name x --offline", &[("PATH", "/none")]), @"
    exit code: 1
    ----- stdout
    ----- stderr
    error: no container engine can load the image
    hint: start Docker, install Podman or nerdctl, or write `docker-archive:FILE` and load that elsewhere
    ");
    insta::assert_snapshot!(bench.refuse("copy oci:dist --load --offline"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: nothing says what the engine shall call the image
    hint: add `--name NAME:TAG`
    ");
    for (name, load, said) in [
        ("nerdctl", "echo useless; echo 'no space left' >&2; exit 1", "no space left"),
        ("docker", "/bin/cat > /dev/null; echo 'bad layer' >&2; exit 1", "bad layer"),
    ] {
        let path = engine(&bench, name, load);
        let run = bench.run_with("copy oci:dist --load --name x --offline", &[("PATH", &path)]);
        assert_eq!(run.code, Some(1), "{run}");
        assert!(run.stderr.contains(&format!("`{name} load` failed: {said}\nhint: ")), "{run}");
    }
}

/// `digest: sha256:…`, of the image in the layout `folder`.
fn digest_line(bench: &Bench, folder: &str) -> String {
    let index = fs::read(bench.project().join(folder).join("index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    format!("digest: {}\n", index["manifests"][0]["digest"].as_str().unwrap())
}
