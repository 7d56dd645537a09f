//! What the system refuses is said to be refused by the system.

use std::process::Command;

use super::bench::{Bench, Run};

/// Builds an image of one file under a limit of `prlimit`.
fn limited(limit: &str) -> Run {
    let recipe = "name = \"app\"\nbase = \"scratch\"\nplatforms = [\"linux/amd64\"]\n\n\
                  [[scripts]]\nfrom = \"app.toml\"\nto = \"/app.toml\"\n";
    let bench = Bench::new(&[("app.toml", recipe)]);
    let build = bench.command("build app.toml --progress off -o oci:dist");
    let mut command = Command::new("prlimit");
    command.arg(limit).arg(build.get_program()).args(build.get_args()).current_dir(bench.project());
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", bench.project().join("home"));
    bench.ended(command.output().unwrap())
}

#[test]
fn a_limit_for_files_is_an_error_and_not_the_end() {
    let run = limited("--fsize=100");
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stderr.contains("(os error 27)"), "{run}");
    assert!(run.stderr.ends_with("\nhint: allow larger files: `ulimit -f`\n"), "{run}");
}

#[test]
fn without_files_for_the_listeners_an_error_is_told_and_no_panic() {
    for number in 5..12 {
        let run = limited(&format!("--nofile={number}"));
        assert_eq!(run.code, Some(1), "{number}: {run}");
        assert_eq!(run.stderr.matches("error: ").count(), 1, "{number}: {run}");
        assert!(run.stderr.contains("`ulimit -n`") && !run.stderr.contains("panicked"), "{number}: {run}");
    }
}
