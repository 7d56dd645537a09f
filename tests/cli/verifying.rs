//! What `verify` finds in images, from the recipe to the exit code.

use super::bench::Bench;

const SCRIPTS: &str = "\
name = \"app\"
base = \"scratch\"
platforms = [\"linux/amd64\", \"linux/arm64\"]

[[scripts]]
from = \"app\"
to = \"/app\"
";

/// A project with a secret in its folder of scripts, built into a layout.
fn with_secret() -> Bench {
    let bench = Bench::new(&[("app.toml", SCRIPTS)]);
    bench.write("app/main.py", b"print('hello')\n");
    bench.write("app/.env", b"DATABASE_PASSWORD=hunter2\n");
    bench.write("app/.env.example", b"DATABASE_PASSWORD=\n");
    bench
}

#[test]
fn a_secret_in_a_folder_of_scripts() {
    let bench = with_secret();
    assert_eq!(bench.run("build app.toml --offline -o oci:dist").code, Some(0));
    insta::assert_snapshot!(bench.run("verify oci:dist --image --offline --progress off"), @"
    exit code: 8
    ----- stdout
    error WW308 /app/.env: a file of this name usually holds settings with passwords
      in layer scripts, linux/amd64, linux/arm64
      hint: leave it out of layer scripts, and give it to the container when it starts

    oci:dist: 2 errors
    checked: image (linux/amd64, linux/arm64)
    ----- stderr
    ");
    let accepted = format!(
        "{SCRIPTS}\n[check]\naccept = [{{ code = \"WW308\", path = \"/app/.env\", reason = \"holds defaults\" }}, \
         {{ code = \"WW310\", reason = \"gone\" }}]\n"
    );
    bench.write("accepting.toml", accepted.as_bytes());
    let line = "verify oci:dist --image --offline --progress off --platform linux/arm64 --recipe accepting.toml";
    insta::assert_snapshot!(bench.run(line), @"
    exit code: 0
    ----- stdout
    note WW001: the recipe accepts WW310, which does not occur
      in linux/arm64
      hint: remove the entry from `[check] accept`
    note WW308 /app/.env: a file of this name usually holds settings with passwords
      in layer scripts, linux/arm64
      accepted: holds defaults

    oci:dist: 2 notes
    checked: image (linux/arm64)
    ----- stderr
    ");
}

#[test]
fn a_damaged_layer_is_a_finding() {
    let bench = with_secret();
    bench.run("build app.toml --offline --platform linux/amd64 -o oci:dist");
    let largest = |folder| {
        let blobs = wheelwright::fs::sorted_entries(folder).unwrap();
        let blobs = blobs.into_iter().filter(|blob| std::fs::read(blob.path()).unwrap().starts_with(&[0x1f, 0x8b]));
        blobs.map(|blob| blob.path()).next().unwrap()
    };
    let layer = largest(&bench.project().join("dist/blobs/sha256"));
    let mut bytes = std::fs::read(&layer).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::remove_file(&layer).unwrap();
    wheelwright::fs::write_atomic(&layer, &bytes).unwrap();
    let run = bench.run("verify oci:dist --image --offline --progress off");
    assert_eq!(run.code, Some(8), "{run}");
    assert!(run.stdout.starts_with("error WW0") || run.stdout.starts_with("error WW30"), "{run}");
    assert!(run.stdout.contains("not checked: image on linux/amd64: its layers cannot be read\n"), "{run}");
}

#[test]
fn findings_are_explained() {
    let bench = Bench::new(&[]);
    insta::assert_snapshot!(bench.run("verify --explain WW304"), @"
    exit code: 0
    ----- stdout
    WW304, warning: the history does not fit the layers

    The entries of the configuration's history that are not empty are not as many as
    the layers.
    ----- stderr
    ");
    let all = bench.run("verify --explain");
    assert!(all.stdout.contains("WW308  error    a file usually holds secrets\n"), "{all}");
    assert_eq!(bench.run("verify --explain WW999").code, Some(2));
    assert_eq!(bench.run("verify").code, Some(2));
}

#[test]
fn a_code_that_is_none_is_refused() {
    let recipe = format!("{SCRIPTS}\n[check]\naccept = [{{ code = \"WW999\", reason = \"x\" }}]\n");
    let bench = Bench::new(&[("app.toml", &recipe)]);
    insta::assert_snapshot!(bench.refuse("verify oci:dist --recipe app.toml"), @r#"
    exit code: 3
    ----- stdout
    ----- stderr
    error: there is no finding `WW999`
      --> app.toml:10:20
       |
    10 | accept = [{ code = "WW999", reason = "x" }]
       |                    ^^^^^^^
       |
       = hint: `wheelwright verify --explain` lists them
    "#);
}
