//! The recipe's policy, from the lock to the exit code.

use wheelwright::testing::{Base, Wheel};

use super::bench::Bench;

const HEAD: &str = "name = \"app\"\nbase = \"oci:base\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\
                    wheels.require = [\"./demo-1.0-py3-none-any.whl\"]\n";

/// A project with one wheel under a licence, on a base with a distribution under another.
fn bench(policy: &str) -> Bench {
    let bench = Bench::new(&[("app.toml", &format!("{HEAD}{policy}"))]);
    let site = "usr/local/lib/python3.11/site-packages";
    let base = Base::default()
        .file(&format!("{site}/below-3.0.dist-info/METADATA"), b"Name: below\nVersion: 3.0\nLicense: Ours\n\n")
        .file(&format!("{site}/below.py"), b"pass\n");
    bench.write_base(&base);
    let wheel = Wheel::new("demo", "1.0").header("License-Expression", "GPL-3.0-or-later").file("demo.py", b"pass\n");
    bench.write("demo-1.0-py3-none-any.whl", &wheel.build());
    bench
}

#[test]
fn a_lock_against_the_policy_is_not_written() {
    let bench = bench("[policy]\ndeny-licences = [\"GPL-*\"]\n");
    for line in ["lock app.toml --offline --progress off", "build app.toml --offline --progress off -o oci:dist"] {
        let run = bench.run(line);
        assert_eq!((run.code, run.stdout.as_str()), (Some(8), ""), "{run}");
        insta::allow_duplicates! {
            let about = run.stderr.split_once("error WW501").unwrap().1;
            insta::assert_snapshot!(about, @r"
            : demo is under GPL-3.0-or-later, which is not allowed
              in wheel demo 1.0, linux/amd64, linux/arm64
              hint: take another distribution, or accept this one
            error: the lock is against the recipe's policy in 2 ways, and is not written
            hint: do what the hints say, or accept it under `[check] accept` with `package` and a reason
            ");
        }
        assert!(!bench.project().join("app.lock").exists() && !bench.project().join("dist").exists());
    }
}

#[test]
fn what_is_accepted_is_built_and_what_the_base_brings_is_warned_of() {
    let policy = "[policy]\nallow-licences = [\"MIT\"]\ndeny = [\"below<4\"]\n[check]\n\
                  accept = [{ code = \"WW501\", package = \"demo\", reason = \"bought\" }]\n";
    let bench = bench(policy);
    let built = bench.run("build app.toml --offline --progress off -o oci:dist");
    assert_eq!(built.code, Some(0), "{built}");
    assert!(built.stderr.contains("warning: WW501") && built.stderr.contains("warning: WW505"), "{built}");
    insta::assert_snapshot!(bench.run("verify oci:dist --policy --recipe app.toml --offline --progress off"), @r"
    exit code: 8
    ----- stdout
    error WW501 /usr/local/lib/python3.11/site-packages/below-3.0.dist-info/METADATA: below says `Ours` of its licence, which is none that SPDX lists
      in wheel below 3.0, linux/amd64, linux/arm64
      hint: look at its licence, and accept it if it will do
    error WW505 /usr/local/lib/python3.11/site-packages/below-3.0.dist-info/METADATA: below 3.0 is what `below<4` denies
      in wheel below 3.0, linux/amd64, linux/arm64
      hint: require another version, or do without it
    note WW501 /usr/local/lib/python3.11/site-packages/demo-1.0.dist-info/METADATA: demo is under GPL-3.0-or-later, which is not allowed
      in wheel demo 1.0, linux/amd64, linux/arm64
      accepted: bought

    oci:dist: 4 errors, 2 notes
    checked: policy (linux/amd64, linux/arm64)
    ----- stderr
    ");
    insta::assert_snapshot!(bench.run("verify oci:dist --policy --offline --progress off"), @r"
    exit code: 2
    ----- stdout
    ----- stderr
    error: nothing says what the policy is that oci:dist shall keep
    hint: name the recipe that has a `[policy]` with `--recipe`, or leave `--policy` out
    ");
    // The same of the recipe; without one there is no policy, and nothing of it to check.
    let of_recipe = bench.run("verify app.toml --policy --offline --progress off");
    assert!(of_recipe.stdout.contains("accepted: bought"), "{of_recipe}");
    let plain = bench.run("verify oci:dist --offline --progress off");
    assert!(plain.stdout.contains("checked: libraries, python, image ("), "{plain}");
}
