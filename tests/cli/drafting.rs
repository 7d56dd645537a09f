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
    insta::assert_snapshot!(bench.run("init --name app --base oci:base"), @"
    exit code: 0
    ----- stdout
    without counterpart:
      line   2  apt-get install gcc
                nothing is compiled or installed in the image: wheels bring what they need
    next: look at wheelwright.toml, then `wheelwright build --output oci:image`
    ----- stderr
    wrote wheelwright.toml
    ");
    let recipe = std::fs::read_to_string(bench.project().join("wheelwright.toml")).unwrap();
    insta::assert_snapshot!(recipe, @r#"
    # Drafted from Dockerfile, whose lines are named beside what they became.
    # What has no counterpart here stands at the end.
    name = "app"
    base = "oci:base"
    platforms = ["linux/amd64", "linux/arm64"]

    [wheels]
    require = ["./demo-1.0-py3-none-any.whl"]  # line 4

    [[scripts]]  # line 3
    from = "requirements.txt"
    to = "/tmp/requirements.txt"

    [[scripts]]  # line 5
    from = "app.py"
    to = "/app/app.py"

    [image]
    cmd = ["python3", "/app/app.py"]  # line 6

    # Without counterpart:
    #
    # line 2: apt-get install gcc
    #   nothing is compiled or installed in the image: wheels bring what they need
    "#);
    let run = bench.run("build --offline --output oci:dist");
    assert_eq!(run.code, Some(0), "{run}");
}

#[test]
fn a_recipe_that_is_there_stays() {
    let bench = bench();
    bench.write("wheelwright.toml", b"name = \"mine\"\n");
    insta::assert_snapshot!(bench.refuse("init"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: there is a recipe `wheelwright.toml` already
    hint: write another file with `--output FILE`, print with `--output -`, or add `--force`
    ");
    let printed = bench.run("init --output -");
    assert_eq!((printed.code, printed.stderr.as_str()), (Some(0), ""));
    assert!(printed.stdout.starts_with("# Drafted from Dockerfile"), "{printed}");
    assert_eq!(bench.run("init --force").code, Some(0));
}

#[test]
fn what_cannot_be_drafted() {
    let bench = Bench::new(&[
        ("other.cfg", "[a]\n"),
        ("Dockerfile", "FROM a AS one\nCOPY x /x\n"),
        ("bad/Dockerfile", "FROM a\nRAN b\n"),
    ]);
    insta::assert_snapshot!(bench.refuse("init --from other.cfg"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: nothing says what `other.cfg` is
    hint: name a Dockerfile, requirements (`.txt`), a `pyproject.toml` or an environment (`.yml`)
    ");
    insta::assert_snapshot!(bench.refuse("init --stage ones"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: Dockerfile has no stage `ones`
    hint: did you mean `one`?
    ");
    insta::assert_snapshot!(bench.refuse("init --from bad/Dockerfile"), @"
    exit code: 3
    ----- stdout
    ----- stderr
    error: Dockerfile:2: unknown instruction 'RAN'
    hint: mend the line, or name another file with `--from`
    ");
    insta::assert_snapshot!(bench.refuse("init --from Dockerfile --output bad/wheelwright.toml"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: `Dockerfile` does not lie below the folder of `bad/wheelwright.toml`
    hint: let `--output` name a file in a folder above it: paths are relative to it
    ");
    insta::assert_snapshot!(Bench::new(&[]).refuse("init"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: there is no Dockerfile here, no `pyproject.toml`, `requirements.txt` or `environment.yml`
    hint: name a file with `--from`
    ");
}
