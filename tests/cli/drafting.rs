//! `init`: recipes drafted from what a project has, and built without a hand on them.

use wheelwright::testing::{Base, Wheel};

use super::bench::Bench;

const DOCKERFILE: &str = "\
FROM python:3.11-slim-bookworm
RUN apt-get update && apt-get install -y gcc
COPY requirements.txt demo-1.0-py3-none-any.whl /tmp/
RUN pip install /tmp/demo-1.0-py3-none-any.whl
COPY app.py /app/
CMD [\"python3\", \"/app/app.py\"]
";

fn bench() -> Bench {
    let bench = Bench::new(&[("Dockerfile", DOCKERFILE), ("requirements.txt", "demo\n"), ("app.py", "import demo\n")]);
    let wheel = Wheel::new("demo", "1.0").file("demo.py", b"").build();
    bench.write("demo-1.0-py3-none-any.whl", &wheel);
    bench
}

#[test]
fn a_dockerfile_becomes_a_recipe_that_builds_as_it_is() {
    let bench = bench();
    bench.write_base(&Base::default());
    insta::assert_snapshot!(bench.run("init --name app --base oci:base"), @"");
    let recipe = std::fs::read_to_string(bench.project().join("wheelwright.toml")).unwrap();
    insta::assert_snapshot!(recipe, @"");
    let run = bench.run("build --offline --output oci:dist");
    assert_eq!(run.code, Some(0), "{run}");
}

#[test]
fn a_recipe_that_is_there_stays() {
    let bench = bench();
    bench.write("wheelwright.toml", b"name = \"mine\"\n");
    insta::assert_snapshot!(bench.refuse("init"), @"");
    let printed = bench.run("init --output -");
    assert_eq!((printed.code, printed.stderr.as_str()), (Some(0), ""));
    assert!(printed.stdout.starts_with("# Drafted from Dockerfile"), "{printed}");
    assert_eq!(bench.run("init --force").code, Some(0));
}

#[test]
fn what_cannot_be_drafted() {
    let bench = Bench::new(&[("other.cfg", "[a]\n"), ("Dockerfile", "FROM a AS one\nCOPY x /x\n"), ("bad/Dockerfile", "FROM a\nRAN b\n")]);
    insta::assert_snapshot!(bench.refuse("init --from other.cfg"), @"");
    insta::assert_snapshot!(bench.refuse("init --stage ones"), @"");
    insta::assert_snapshot!(bench.refuse("init --from bad/Dockerfile"), @"");
    insta::assert_snapshot!(bench.refuse("init --from Dockerfile --output bad/wheelwright.toml"), @"");
    insta::assert_snapshot!(Bench::new(&[]).refuse("init"), @"");
}
