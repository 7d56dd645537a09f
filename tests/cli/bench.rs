//! Runs the built program in a folder of its own, offline and with an empty environment.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;
use wheelwright::{
    fs::{sorted_entries, write_atomic},
    testing::Base,
};

/// A recipe; more keys of `[wheels]` may follow.
pub(super) const RECIPE: &str = "\
name = \"app\"
base = \"h.example/python:3.11\"
platforms = [\"linux/amd64\", \"linux/arm64\"]

[wheels]
require = [\"numpy\"]
";

/// A folder for the project, and one for home and store.
pub(super) struct Bench {
    folder: TempDir,
}

/// How a run ended.
pub(super) struct Run {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Bench {
    /// A project with these files.
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(bench.project()).unwrap();
        for (path, text) in files {
            write_atomic(&bench.project().join(path), text.as_bytes()).unwrap();
        }
        bench
    }

    /// Writes a file of the project.
    pub(super) fn write(&self, path: &str, contents: &[u8]) {
        let path = self.project().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        write_atomic(&path, contents).unwrap();
    }

    /// Writes a base image with a Python into the project's folder `base`.
    pub(super) fn write_base(&self, base: &Base) {
        self.write_base_to("base", base);
    }

    /// Writes a base image with a Python into this folder of the project.
    pub(super) fn write_base_to(&self, folder: &str, base: &Base) {
        for (path, contents) in base.layout() {
            self.write(&format!("{folder}/{path}"), &contents);
        }
    }

    pub(super) fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    /// Where wheels and layers are kept.
    pub(super) fn store(&self) -> PathBuf {
        self.folder.path().join("home/.cache/wheelwright")
    }

    /// Runs `line`, split at blanks.
    pub(super) fn run(&self, line: &str) -> Run {
        self.run_with(line, &[])
    }

    /// Runs `line` with more variables.
    pub(super) fn run_with(&self, line: &str, variables: &[(&str, &str)]) -> Run {
        self.ended(self.command(line).envs(variables.iter().copied()).output().unwrap())
    }

    /// The program with the arguments `line`, ready to run.
    pub(super) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
        command.args(line.split(' ')).current_dir(self.project()).env_clear();
        command.env("HOME", self.folder.path().join("home")).env("PIP_CONFIG_FILE", "/dev/null");
        command
    }

    /// What came of a run, with the same paths on every machine.
    pub(super) fn ended(&self, output: Output) -> Run {
        let text = |bytes| String::from_utf8(bytes).unwrap().replace(self.folder.path().to_str().unwrap(), "[folder]");
        Run { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Runs `line`, which must fail, print nothing on standard output and leave the project as it was.
    pub(super) fn refuse(&self, line: &str) -> String {
        let before = listing(&self.project());
        let run = self.run(line);
        assert_eq!(listing(&self.project()), before, "{line} changed the project");
        assert_eq!(run.stdout, "", "{line}");
        run.to_string()
    }

    /// Everything below the home folder; nothing when nothing was kept.
    pub(super) fn home(&self) -> String {
        listing(&self.folder.path().join("home"))
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let code = self.code.map_or("none".to_owned(), |code| code.to_string());
        write!(formatter, "exit code: {code}\n----- stdout\n{}----- stderr\n{}", self.stdout, self.stderr)
    }
}

/// Every path below `folder` with the length of each file.
fn listing(folder: &Path) -> String {
    let mut text = String::new();
    for entry in sorted_entries(folder).unwrap_or_default() {
        let path = entry.path();
        if path.is_dir() {
            let _ = write!(text, "{}/\n{}", path.display(), listing(&path));
        } else {
            let _ = writeln!(text, "{} {:?}", path.display(), fs::read(&path).unwrap().len());
        }
    }
    text
}
