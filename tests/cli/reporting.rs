//! `build --report` and `wheelwright report`, through the program.

use std::fs;

use serde_json::Value;

use super::bench::Bench;

const RECIPE: &str = "\
name = \"app\"
base = \"scratch\"
platforms = [\"linux/amd64\", \"linux/arm64\"]

[[scripts]]
from = \"hello.txt\"
to = \"/hello.txt\"
";

#[test]
fn a_build_is_told_in_every_format_and_held_against_the_first() {
    let bench = Bench::new(&[("app.toml", RECIPE), ("hello.txt", "hello\n")]);
    let build = "build app.toml --offline --progress off -o oci:dist --report b.json --report b.html --report b.md";
    assert_eq!(bench.run(build).code, Some(0));
    bench.write("hello.txt", b"hello again\n");
    let second = bench.run(build);
    assert_eq!((second.code, second.stderr.as_str()), (Some(0), ""));
    let read = |name: &str| fs::read_to_string(bench.project().join(name)).unwrap();
    let report: Value = serde_json::from_str(&read("b.json")).unwrap();
    let image = &report["images"][0];
    assert_eq!(image["builds"].as_array().unwrap().len(), 2);
    let layer = &image["platforms"][1]["layers"][0];
    assert_eq!(
        (&layer["name"], &layer["made"], &layer["delivered"][0]),
        (&"scripts".into(), &"built".into(), &"sent".into())
    );
    assert!(layer["why"][0].as_str().unwrap().starts_with("file /hello.txt was "), "{layer}");
    let kinds: Vec<&str> =
        report["timeline"].as_array().unwrap().iter().map(|span| span["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"layer") && kinds.contains(&"upload"), "{kinds:?}");
    assert!(read("b.html").contains("<title>app</title>"));
    assert!(read("b.md").contains("| scripts | 106 B | built | 106 B | built |"), "{}", read("b.md"));
    assert_eq!(bench.run("report b.json").stdout, read("b.md"));
    assert_eq!(bench.run("report b.json --output c.html").stdout, "");
    assert_eq!(read("c.html"), read("b.html"));
}

#[test]
fn files_that_cannot_be_written_are_named_before_anything_is_built() {
    let bench = Bench::new(&[("app.toml", RECIPE), ("hello.txt", "hello\n")]);
    for flag in
        ["--metadata-file hello.txt/made.json", "--report hello.txt/b.json", "--report hello.txt/more/{name}.md"]
    {
        let run = bench.run(&format!("build app.toml --offline --progress off -o oci:dist {flag}"));
        assert!(run.code == Some(1) && run.stderr.starts_with("error: cannot write `hello.txt/"), "{run}");
        assert!(!bench.project().join("dist").exists() && !bench.project().join("app.lock").exists(), "{flag}");
    }
    let run =
        bench.run("build app.toml --offline --progress off -o oci:dist --report new/b.json --metadata-file new/m.json");
    assert_eq!(run.code, Some(0), "{run}");
    // What comes in between is known only afterwards, and the digest is told all the same.
    for flag in ["--metadata-file late/index.json/m.json", "--report late/index.json/b.json"] {
        let _ = fs::remove_dir_all(bench.project().join("late"));
        let run = bench.run(&format!("build app.toml --offline --progress off -o oci:late {flag}"));
        assert!(run.code == Some(1) && run.stdout.contains("\ndigest: sha256:"), "{run}");
        assert!(run.stderr.starts_with("app.toml: error: cannot write `late/index.json/"), "{run}");
    }
}

#[test]
fn what_is_no_report_is_refused_by_name() {
    let bench = Bench::new(&[("app.toml", RECIPE), ("hello.txt", "hello\n"), ("a.json", "{}")]);
    insta::assert_snapshot!(bench.run("report a.json"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: `a.json` is no report of a build: missing field `format` at line 1 column 2
    hint: name what `build --report FILE.json` wrote
    ");
    insta::assert_snapshot!(bench.run("report none.json"), @"
    exit code: 1
    ----- stdout
    ----- stderr
    error: cannot read `none.json`
      caused by: No such file or directory (os error 2)
    hint: check the path, and that you may read the file
    ");
    insta::assert_snapshot!(bench.run("build app.toml -o oci:dist --report report"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: invalid value 'report' for '--report <FILE>': its name ends with none of .html, .md and .json

    For more information, try '--help'.
    ");
    assert!(!bench.project().join("dist").exists());
}
