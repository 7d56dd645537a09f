//! Folders to work in, and the programs that work there.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use wheelwright::lock::Lock;

/// An empty folder of this name; what an earlier run left there is gone.
pub(super) fn fresh(name: &str) -> PathBuf {
    let folder = kept(name);
    fs::remove_dir_all(&folder).unwrap();
    kept(name)
}

/// A folder of this name, with what an earlier run left there.
pub(super) fn kept(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers").join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A file or folder of this repository.
pub(super) fn of_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A call of a program, without this process's standard input.
pub(super) fn call<S: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    command
}

/// A call of the program under test.
pub(super) fn wheelwright<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    call(env!("CARGO_BIN_EXE_wheelwright"), arguments)
}

/// What the program wrote to its standard output; anything but success stops the test.
pub(super) fn output(command: &mut Command) -> Vec<u8> {
    let shown = format!("{command:?}");
    let finished = command.output().unwrap_or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => panic!("{} is not installed, see .ci/run", command.get_program().display()),
        _ => panic!("{shown}: {error}"),
    });
    let (stdout, stderr) = (String::from_utf8_lossy(&finished.stdout), String::from_utf8_lossy(&finished.stderr));
    assert!(finished.status.success(), "{shown}\n{}\n{stdout}\n{stderr}", finished.status);
    finished.stdout
}

/// A folder with a recipe, built by the program under test.
pub(super) struct Project {
    folder: PathBuf,
    name: String,
}

impl Project {
    /// A copy of one of this repository's recipes, with its scripts, in an empty folder.
    pub(super) fn of_repository(folder: &str, name: &str) -> Self {
        let folder = fresh(folder);
        output(call("cp", ["-r", "-T"]).args([of_repository("recipes"), folder.clone()]));
        let project = Self { folder, name: name.to_owned() };
        if project.lock_file().exists() {
            fs::remove_file(project.lock_file()).unwrap();
        }
        project
    }

    /// This recipe, in an empty folder.
    pub(super) fn of_text(name: &str, recipe: &str) -> Self {
        let folder = fresh(name);
        fs::write(folder.join(format!("{name}.toml")), recipe).unwrap();
        Self { folder, name: name.to_owned() }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn lock_file(&self) -> PathBuf {
        self.folder.join(format!("{}.lock", self.name))
    }

    /// The lock that a build has written.
    pub(super) fn lock(&self) -> Lock {
        Lock::parse("lock", &fs::read_to_string(self.lock_file()).unwrap()).unwrap()
    }

    /// The call of the program that builds this; destinations are still to be added.
    pub(super) fn build(&self, store: &Path) -> Command {
        self.command("build", store)
    }

    /// Another call of the program on this.
    pub(super) fn command(&self, subcommand: &str, store: &Path) -> Command {
        let recipe = self.folder.join(format!("{}.toml", self.name));
        let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
        command.stdin(Stdio::null()).arg(subcommand).arg(recipe).arg("--store").arg(store);
        command
    }
}
