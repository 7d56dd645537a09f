//! `plan`: what a build will come to, before anything is fetched or made.

use wheelwright::testing::{Base, Wheel};

use super::bench::Bench;

const RECIPE: &str = "\
name = \"app\"
base = \"oci:base\"
platforms = [\"linux/amd64\", \"linux/arm64\"]
[wheels]
require = [\"./demo-1.0-py3-none-any.whl\"]
[[scripts]]
from = \"hello.txt\"
to = \"/hello.txt\"
[variants.one]
require = [\"./nvidia_demo_cu12-1.0-py3-none-any.whl\"]
[variants.two]
";

fn bench() -> Bench {
    let bench = Bench::new(&[("app.toml", RECIPE), ("hello.txt", "hello\n")]);
    bench.write_base(&Base::default().file("opt/data", &vec![7; 100_000]));
    bench.write("demo-1.0-py3-none-any.whl", &Wheel::new("demo", "1.0").file("demo.py", b"a = 1\n").build());
    let cuda = Wheel::new("nvidia_demo_cu12", "1.0").file("cuda.py", b"b = 1\n").build();
    bench.write("nvidia_demo_cu12-1.0-py3-none-any.whl", &cuda);
    bench
}

#[test]
fn what_is_made() {
    let bench = bench();
    insta::assert_snapshot!(bench.run("plan app.toml --offline"), @r#"
    exit code: 0
    ----- stdout
    layer                  platform     made     fetch     bytes
    one: base, 1 layer     linux/amd64  base            114.2 kB
    one: nvidia-demo-cu12  linux/amd64  to make           ~902 B
    one: demo              linux/amd64  to make           ~809 B
    one: scripts           linux/amd64  to make                ?
    one: base, 1 layer     linux/arm64  base            114.2 kB
    one: nvidia-demo-cu12  linux/arm64  to make           ~902 B
    one: demo              linux/arm64  to make           ~809 B
    one: scripts           linux/arm64  to make                ?
    two: base, 1 layer     linux/amd64  base            114.2 kB
    two: demo              linux/amd64  to make           ~809 B
    two: scripts           linux/amd64  to make                ?
    two: base, 1 layer     linux/arm64  base            114.2 kB
    two: demo              linux/arm64  to make           ~809 B
    two: scripts           linux/arm64  to make                ?

    fetch  0 files, 0 B
    make   4 of 5 layers
    send   at most 115.9 kB: 1.7 kB of layers made, 114.2 kB of the base's
    ----- stderr
    there is no app.lock: locking
    reading the base oci:base for linux/amd64
    reading the base oci:base for linux/arm64
    choosing wheels one
    choosing wheels two
    wrote app.lock
    warning: one linux/amd64: CUDA takes 902 B of 115.9 kB: 1 wheel
    hint: where no GPU is meant, take torch from an index of CPU wheels (`wheels.index`, with `for`), and say `wheels.deny = ["nvidia-*"]`
    warning: one linux/amd64: the base is 114.2 kB of 115.9 kB
    hint: a smaller base has the same Python: a `-slim` one, or one of Debian packages over `scratch`
    warning: one linux/arm64: CUDA takes 902 B of 115.9 kB: 1 wheel
    hint: where no GPU is meant, take torch from an index of CPU wheels (`wheels.index`, with `for`), and say `wheels.deny = ["nvidia-*"]`
    warning: one linux/arm64: the base is 114.2 kB of 115.9 kB
    hint: a smaller base has the same Python: a `-slim` one, or one of Debian packages over `scratch`
    warning: two linux/amd64: the base is 114.2 kB of 115.0 kB
    hint: a smaller base has the same Python: a `-slim` one, or one of Debian packages over `scratch`
    warning: two linux/arm64: the base is 114.2 kB of 115.0 kB
    hint: a smaller base has the same Python: a `-slim` one, or one of Debian packages over `scratch`
    "#);
}

#[test]
fn what_is_known_after_a_build() {
    let bench = bench();
    let run = bench.run("build app.toml --offline --output oci:dist --platform linux/amd64 --variant two");
    assert_eq!(run.code, Some(0), "{run}");
    insta::assert_snapshot!(bench.run("plan app.toml --offline --locked --platform linux/amd64"), @r#"
    exit code: 0
    ----- stdout
    layer                  platform     made     fetch     bytes
    one: base, 1 layer     linux/amd64  base            114.2 kB
    one: nvidia-demo-cu12  linux/amd64  to make           ~902 B
    one: demo              linux/amd64  cached             968 B
    one: scripts           linux/amd64  cached              99 B
    two: base, 1 layer     linux/amd64  base            114.2 kB
    two: demo              linux/amd64  cached             968 B
    two: scripts           linux/amd64  cached              99 B

    fetch  0 files, 0 B
    make   1 of 4 layers
    send   at most 116.1 kB: 2.0 kB of layers made, 114.2 kB of the base's
    ----- stderr
    warning: one linux/amd64: CUDA takes 902 B of 116.1 kB: 1 wheel
    hint: where no GPU is meant, take torch from an index of CPU wheels (`wheels.index`, with `for`), and say `wheels.deny = ["nvidia-*"]`
    warning: one linux/amd64: the base is 114.2 kB of 116.1 kB
    hint: a smaller base has the same Python: a `-slim` one, or one of Debian packages over `scratch`
    warning: two linux/amd64: the base is 114.2 kB of 115.2 kB
    hint: a smaller base has the same Python: a `-slim` one, or one of Debian packages over `scratch`
    "#);
}

#[test]
fn for_programs() {
    let bench = bench();
    let run = bench.run("plan app.toml --offline --format json --progress off --platform linux/amd64 --variant one");
    assert_eq!(run.code, Some(0), "{run}");
    let value: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(value["version"], 1);
    assert_eq!(value["warnings"][0]["kind"], "cuda");
    let layers = value["images"][0]["layers"].as_array().unwrap();
    assert!(layers.iter().any(|layer| layer["made"] == "to make" && layer["holds"][0]["name"] == "demo"), "{value}");
}

#[test]
fn what_the_recipe_does_not_have() {
    let bench = bench();
    let run = bench.run("plan app.toml --offline --variant three");
    assert_eq!(run.code, Some(2), "{run}");
    insta::assert_snapshot!(bench.run("plan none.toml"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: cannot read the recipe `none.toml`
      caused by: No such file or directory (os error 2)
    hint: check the path of the recipe
    ");
}
