//! A build that needs no network, from nothing to a layout and an archive.

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
image.user = \"1000\"
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
    insta::assert_snapshot!(bench.run("build app.toml --offline --locked -o oci:dist"), @"");
    let one = bench.run("build app.toml --offline --locked --variant one --platform linux/arm64 -o oci:one:1.0");
    insta::assert_snapshot!(one, @"");
}

#[test]
fn the_lock_is_written_once() {
    let bench = Bench::new(&[("app.toml", RECIPE), ("hello.txt", "hello\n")]);
    insta::assert_snapshot!(bench.run("lock app.toml --offline"), @"");
    insta::assert_snapshot!(bench.run("lock app.toml --offline --progress json"), @"");
}
