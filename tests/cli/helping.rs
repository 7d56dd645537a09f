//! What the program says of itself: help of every command, completions, manual pages.

#![cfg(feature = "serve")]

use super::bench::Bench;

/// Every command that has help of its own.
const COMMANDS: [&str; 25] = [
    "",
    "init",
    "build",
    "lock",
    "plan",
    "inspect",
    "diff",
    "sbom",
    "prove",
    "verify",
    "copy",
    "rebase",
    "sign",
    "index",
    "index create",
    "cache",
    "cache info",
    "cache prune",
    "cache verify",
    "cache export",
    "cache import",
    "report",
    "completions",
    "man",
    "serve",
];

#[test]
fn every_command_explains_itself() {
    let bench = Bench::new(&[]);
    let brief = bench.run("-h").stdout;
    let listed = brief.split_once("Commands:").unwrap().1.lines().skip(1).take_while(|line| !line.is_empty());
    for name in listed.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next()) {
        assert!(name == "help" || COMMANDS.contains(&name), "`{name}` is not among them");
    }
    for command in COMMANDS {
        let line = format!("{command} --help");
        let run = bench.run_with(line.trim(), &[("COLUMNS", "100")]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{command}");
        let shown = if command.is_empty() { run.stdout } else { own(&run.stdout) };
        insta::assert_snapshot!(format!("help {command}").trim(), shown);
    }
}

/// A command's help without the options that every command has.
fn own(help: &str) -> String {
    let Some((before, shared)) = help.split_once("\nGlobal options:") else { return help.to_owned() };
    let after = shared.find("\nExamples:").map_or("", |position| &shared[position..]);
    format!("{before}{after}")
}

#[test]
fn what_was_meant_is_suggested() {
    let bench = Bench::new(&[]);
    insta::assert_snapshot!(bench.run("biuld"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: unrecognized subcommand 'biuld'

      tip: a similar subcommand exists: 'build'

    Usage: wheelwright [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(bench.run("build --ouput oci:d"), @"
    exit code: 2
    ----- stdout
    ----- stderr
    error: unexpected argument '--ouput' found

      tip: a similar argument exists: '--output'

    Usage: wheelwright build --output <WHERE> [RECIPE]...

    For more information, try '--help'.
    ");
}

#[test]
fn shells_and_man_are_served() {
    let bench = Bench::new(&[]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = bench.run(&format!("completions {shell}"));
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{shell}");
        assert!(run.stdout.contains("metadata-file"), "{shell}");
    }
    let page = bench.run("man");
    assert!(page.code == Some(0) && page.stdout.contains(".TH") && page.stdout.contains("Exit codes"), "{page}");
    let run = bench.run("man pages");
    assert_eq!(run.code, Some(0), "{run}");
    let page = std::fs::read_to_string(bench.project().join("pages/wheelwright-cache-prune.1")).unwrap();
    assert!(page.contains("wheelwright\\-cache\\-prune"), "{page}");
}
