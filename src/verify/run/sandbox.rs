//! A sandbox without a daemon: namespaces where they are allowed, else `chroot` as root, else Podman.

use std::{
    fs,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::oci::Platform;

/// Where programs of this machine are looked for.
const FOLDERS: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];
/// Where the kernel lists its emulators.
const EMULATORS: &str = "/proc/sys/fs/binfmt_misc";
/// How often it is looked whether a program has ended.
const TICK: Duration = Duration::from_millis(20);
/// Most bytes of what a program says that are read.
const MOST_SAID: u64 = 64 << 10;

/// Gives the image its devices and processes, and starts what follows in it: ROOT FOLDER UNSHARE PROGRAM….
const ENTER: &str = r#"root=$0; folder=$1; enter=$2; shift 2
mount --rbind /dev "$root/dev" 2>/dev/null
mount -t proc proc "$root/proc" 2>/dev/null
exec "$enter" --root="$root" --wd="$folder" -- "$@""#;

/// What a program may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// For one import.
    pub time: Duration,
    /// How long an entry point must run to count as started.
    pub start: Duration,
    /// Bytes of memory of its own.
    pub memory: u64,
}

/// How a program ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// Its exit code; none when a signal ended it.
    pub(super) code: Option<i32>,
    /// Whether its time was over.
    pub(super) late: bool,
    /// What it wrote to both streams, the end of it.
    pub(super) said: String,
    pub(super) time: Duration,
}

/// How the image's files are entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    Namespaces,
    Chroot,
    Podman,
}

pub(super) struct Sandbox {
    means: Means,
    root: PathBuf,
    folder: String,
    environment: Vec<(String, String)>,
}

impl Sandbox {
    /// A sandbox over the files below `root`, or why there is none.
    pub(super) fn find(platform: &Platform, root: &Path, settings: &Value) -> Result<Self, String> {
        can_execute(platform)?;
        let means = means()?;
        let folder =
            settings.get("WorkingDir").and_then(Value::as_str).filter(|folder| !folder.is_empty()).unwrap_or("/");
        let listed = settings.get("Env").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let environment = listed.filter_map(|entry| entry.split_once('='));
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(Self { means, root: root.to_owned(), folder: folder.to_owned(), environment })
    }

    /// Runs `command` to its end, or until its time is over.
    pub(super) fn run(&self, command: &[&str], limits: Limits) -> Ended {
        let start = Instant::now();
        let run = || -> io::Result<(Option<i32>, bool, String)> {
            let mut output = tempfile::tempfile()?;
            let mut process = self.command(command, limits.memory)?;
            process.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output.try_clone()?);
            let mut child = process.spawn()?;
            let (code, late) = loop {
                if let Some(status) = child.try_wait()? {
                    break (status.code(), false);
                }
                if start.elapsed() > limits.time {
                    child.kill()?;
                    child.wait()?;
                    break (None, true);
                }
                thread::sleep(TICK);
            };
            let length = output.seek(SeekFrom::End(0))?;
            output.seek(SeekFrom::Start(length.saturating_sub(MOST_SAID)))?;
            let mut said = Vec::new();
            output.take(MOST_SAID).read_to_end(&mut said)?;
            Ok((code, late, String::from_utf8_lossy(&said).into_owned()))
        };
        let (code, late, said) = run().unwrap_or_else(|error| (None, false, format!("cannot be started: {error}")));
        Ended { code, late, said, time: start.elapsed() }
    }

    fn command(&self, command: &[&str], memory: u64) -> io::Result<Command> {
        let limit = program("prlimit").map_err(io::Error::other)?;
        let mut process = Command::new(limit);
        process.arg(format!("--data={memory}"));
        if self.means == Means::Podman {
            process.arg(program("podman").map_err(io::Error::other)?);
            process.args(["run", "--rm", "--network=none", "--workdir", &self.folder]);
            process.args(self.environment.iter().map(|(name, value)| format!("--env={name}={value}")));
            process.arg("--rootfs").arg(&self.root).args(command);
            return Ok(process);
        }
        let unshare = program("unshare").map_err(io::Error::other)?;
        process.arg(&unshare);
        process.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        if self.means == Means::Namespaces {
            process.args(["--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--net", "--ipc"]);
            process.arg(program("sh").map_err(io::Error::other)?).args(["-c", &entering()?]);
            process.arg(&self.root).arg(&self.folder).arg(&unshare).args(command);
        } else {
            process.arg("--root").arg(&self.root).arg("--wd").arg(&self.folder).arg("--").args(command);
        }
        Ok(process)
    }
}

/// The shell's lines, in which `mount` must be found whatever the image's `PATH` says.
fn entering() -> io::Result<String> {
    let mount = program("mount").map_err(io::Error::other)?;
    Ok(ENTER.replace("mount -", &format!("{} -", mount.display())))
}

/// Whether this machine executes programs for `platform`, itself or through an emulator.
fn can_execute(platform: &Platform) -> Result<(), String> {
    if Platform::of_this_machine().as_ref() == Some(platform) {
        return Ok(());
    }
    let name = match platform.machine() {
        "armv7l" | "armv6l" => "arm",
        "i686" => "i386",
        other => other,
    };
    let registered = fs::read_to_string(format!("{EMULATORS}/qemu-{name}")).unwrap_or_default();
    let flags = registered.lines().find_map(|line| line.strip_prefix("flags:")).unwrap_or_default();
    if registered.starts_with("enabled") && flags.contains('F') {
        return Ok(());
    }
    Err(format!("this machine does not run programs for {platform}: no emulator is registered (qemu-user-static)"))
}

fn means() -> Result<Means, String> {
    let works = |arguments: &[&str]| {
        let unshare = program("unshare").ok()?;
        let mut process = Command::new(unshare);
        let status =
            process.args(arguments).arg(program("true").ok()?).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.ok().filter(std::process::ExitStatus::success)
    };
    if works(&["--user", "--map-root-user", "--mount", "--pid", "--fork", "--net", "--ipc"]).is_some() {
        Ok(Means::Namespaces)
    } else if works(&["--root", "/"]).is_some() {
        Ok(Means::Chroot)
    } else if program("podman").is_ok() {
        Ok(Means::Podman)
    } else {
        Err("namespaces are not allowed here, this is not root, and there is no Podman".to_owned())
    }
}

fn program(name: &str) -> Result<PathBuf, String> {
    let found = FOLDERS.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
    found.ok_or_else(|| format!("this machine has no `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_machines_are_tried() {
        assert!(Platform::of_this_machine().is_some_and(|here| can_execute(&here).is_ok()));
        let reason = can_execute(&"linux/s390x".parse().unwrap());
        if let Err(reason) = reason {
            assert!(reason.contains("linux/s390x"), "{reason}");
        }
    }
}
