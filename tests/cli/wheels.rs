//! Images with wheels, from recipe to layout, without a network: a base and wheels made in code.

use std::{collections::BTreeMap, fs, io::Read};

use serde_json::Value;
use wheelwright::testing::{Base, Wheel, ZipEntry};

use super::bench::Bench;

/// A project with two wheels on a base with Python; `more` is appended to the recipe.
fn project(demo: &Wheel, more: &str) -> Bench {
    let recipe = format!(
        "name = \"app\"\nbase = \"oci:base\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\
         [wheels]\nrequire = [\"./wheels/demo-1.0-py3-none-any.whl\", \"./wheels/other-2-py3-none-any.whl\"]\n{more}"
    );
    let bench = Bench::new(&[("app.toml", &recipe)]);
    bench.write_base(&Base::default());
    bench.write("wheels/demo-1.0-py3-none-any.whl", &demo.build());
    let other = Wheel::new("other", "2").file("other/__init__.py", b"").stored("other/data", &vec![7; 100_000]);
    bench.write("wheels/other-2-py3-none-any.whl", &other.build());
    bench
}

fn demo() -> Wheel {
    let text = (0..200_000).map(|number: u32| number.to_string()).collect::<Vec<_>>().join("\n");
    Wheel::new("demo", "1.0").file("demo/__init__.py", b"print(1)\n").file("demo/numbers.txt", text.as_bytes())
}

/// What the last layer of the layout's first image holds: paths and sizes; and its media type.
fn last_layer(bench: &Bench) -> (String, BTreeMap<String, u64>) {
    let blob = |descriptor: &Value| {
        let hex = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap().to_owned();
        fs::read(bench.project().join("dist/blobs/sha256").join(hex)).unwrap()
    };
    let json = |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).unwrap();
    let index = json(fs::read(bench.project().join("dist/index.json")).unwrap());
    let manifest = json(blob(&json(blob(&index["manifests"][0]))["manifests"][0]));
    let layer = manifest["layers"].as_array().unwrap().last().unwrap();
    let bytes = blob(layer);
    let media_type = layer["mediaType"].as_str().unwrap().to_owned();
    let tar: Vec<u8> = match media_type.rsplit_once('+') {
        Some((_, "gzip")) => read(flate2::read::MultiGzDecoder::new(&bytes[..])),
        Some((_, "zstd")) => zstd::decode_all(&bytes[..]).unwrap(),
        _ => bytes,
    };
    let mut archive = tar::Archive::new(&tar[..]);
    let entries = archive.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        (entry.path().unwrap().to_str().unwrap().to_owned(), entry.size())
    });
    (media_type, entries.collect())
}

fn read(mut reader: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn every_compression_makes_the_same_files() {
    let mut trees = Vec::new();
    for (compression, expect) in [
        ("", "application/vnd.oci.image.layer.v1.tar+gzip"),
        ("compression = \"zstd\"", "application/vnd.oci.image.layer.v1.tar+zstd"),
        ("compression = \"none\"", "application/vnd.oci.image.layer.v1.tar"),
        ("lazy = true", "application/vnd.oci.image.layer.v1.tar+gzip"),
    ] {
        let bench = project(&demo(), &format!("[layers]\n{compression}\n"));
        let run = bench.run("build app.toml --offline --progress off -o oci:dist");
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{compression}");
        let (media_type, mut files) = last_layer(&bench);
        assert_eq!(media_type, expect, "{compression}");
        // What makes eStargz readable in parts stands in the tar, too.
        let marks = [files.remove(".no.prefetch.landmark"), files.remove("stargz.index.json")];
        assert_eq!(marks.iter().all(Option::is_some), compression.starts_with("lazy"), "{compression}");
        trees.push(files);
        let again = bench.run("build app.toml --offline --locked --progress off -o oci:again").stdout;
        assert_eq!(again.matches("cached").count(), 2, "{again}");
        let digest = |text: &str| text.lines().last().unwrap().to_owned();
        assert_eq!(digest(&again), digest(&run.stdout), "{compression}");
    }
    assert!(trees[0].contains_key("usr/local/lib/python3.11/site-packages/other/data"), "{:?}", trees[0]);
    assert!(trees.iter().all(|tree| tree == &trees[0]), "{trees:?}");
}

#[test]
fn a_wheel_that_was_built_anew_is_noticed() {
    let bench = project(&demo(), "");
    let build = "build app.toml --offline --progress off -o oci:dist";
    let digest = |line: &str| bench.run(line).stdout.lines().last().unwrap_or_default().to_owned();
    let old = digest(build);
    let other = Wheel::new("demo", "1.0").file("demo/__init__.py", b"print(2)\n");
    bench.write("wheels/demo-1.0-py3-none-any.whl", &other.build());
    insta::assert_snapshot!(bench.run(&format!("{build} --locked")), @"
    exit code: 5
    ----- stdout
    ----- stderr
    error: the lock `app.lock` is stale: `./wheels/demo-1.0-py3-none-any.whl` changed
    hint: run `wheelwright lock` and commit the lock, or leave out `--locked`
    ");
    let new = digest(build);
    assert_ne!(new, old);
    assert_eq!(digest(&format!("{build} --locked")), new);
    // What the store has needs no file.
    std::fs::remove_file(bench.project().join("wheels/demo-1.0-py3-none-any.whl")).unwrap();
    assert_eq!(digest(&format!("{build} --locked")), new);
}

#[test]
fn files_are_held_against_record_where_that_is_asked_for() {
    let lying = Wheel::new("demo", "1.0").file("demo/a.py", b"print(1)\n").raw(ZipEntry::deflated("demo/b.py", b"1"));
    let bench = project(&lying, "");
    let build = "build app.toml --offline --progress off -o oci:dist";
    assert_eq!(bench.run(build).code, Some(0), "installers do not look");
    insta::assert_snapshot!(bench.run(&format!("{build} --verify-record --platform linux/amd64")), @"
    exit code: 7
    ----- stdout
    ----- stderr
    error: cannot make the layer `demo other` for linux/amd64
      caused by: demo-1.0-py3-none-any.whl: `demo/b.py` is malformed: RECORD does not list it
    hint: take another version of this wheel, or build it anew
    ");
    let bench = project(&demo(), "");
    assert_eq!(bench.run(build).code, Some(0));
    let made = |line: &str| bench.run(line).stdout.matches("built").count();
    // Both platforms have the same layer.
    assert_eq!(made(&format!("{build} --verify-record")), 1, "what was not checked is made again");
    assert_eq!(made(&format!("{build} --verify-record")), 0, "and once only");
}

#[test]
fn what_installers_pass_over_is_said() {
    let record = b"demo/A.py,,\ndemo/a.py,,\ndemo/gone.py,,\ndemo/folder/,,\ndemo-1.0.dist-info/RECORD,,\n";
    let odd = Wheel::new("demo", "1.0").file("demo/a.py", b"1").file("demo/A.py", b"2").record(record);
    let bench = project(&odd, "");
    let first = bench.run("build app.toml --offline --progress off -o oci:dist");
    assert_eq!(first.code, Some(0));
    insta::assert_snapshot!(first.stderr, @"
    warning: RECORD of demo-1.0-py3-none-any.whl lists files that are not in it: demo/gone.py
    hint: tell the package's authors; what `pip install` would do is done
    warning: paths differ only in the case of letters: /usr/local/lib/python3.11/site-packages/demo/A.py and /usr/local/lib/python3.11/site-packages/demo/a.py
    hint: tell the package's authors; what `pip install` would do is done
    ");
    assert_eq!(bench.run("build app.toml --offline --progress off -o oci:dist").stderr, first.stderr);
}
