//! A sandbox without a daemon: namespaces where they are allowed, else `chroot` as root, else Podman.

use std::{
    fs,
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use serde_json::Value;

use crate::oci::{Digest, Platform};

/// Where programs of this machine are looked for.
const FOLDERS: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];
/// Where the kernel lists its emulators.
const EMULATORS: &str = "/proc/sys/fs/binfmt_misc";
/// How often it is looked whether a program has ended.
const TICK: Duration = Duration::from_millis(20);
/// Most bytes of what a program says that are read.
const MOST_SAID: u64 = 64 << 10;
/// How long it is waited for Podman to remove a container.
const REMOVING: Duration = Duration::from_secs(30);

/// What `unshare` separates where anybody may do that: a process that ends takes all that it has started along.
const OF_ANYBODY: &[&str] =
    &["--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--net", "--ipc"];
/// The same where only root may, and not in every container.
const OF_ROOT: &[&str] = &["--pid", "--fork", "--kill-child"];

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
    /// With what of [`OF_ROOT`] is allowed: all of it or nothing.
    Chroot(&'static [&'static str]),
    Podman,
}

pub(super) struct Sandbox<'w> {
    means: Means,
    root: PathBuf,
    folder: String,
    environment: Vec<(String, String)>,
    is_wanted: &'w dyn Fn() -> bool,
}

impl<'w> Sandbox<'w> {
    /// A sandbox over the files below `root`, or why there is none. What runs in it is ended when `is_wanted` says no.
    pub(super) fn find(
        platform: &Platform,
        root: &Path,
        settings: &Value,
        is_wanted: &'w dyn Fn() -> bool,
    ) -> Result<Self, String> {
        can_execute(platform)?;
        let means = means()?;
        let folder =
            settings.get("WorkingDir").and_then(Value::as_str).filter(|folder| !folder.is_empty()).unwrap_or("/");
        let listed = settings.get("Env").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let environment = listed.filter_map(|entry| entry.split_once('='));
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(Self { means, root: root.to_owned(), folder: folder.to_owned(), environment, is_wanted })
    }

    /// Runs `command` to its end, or until its time is over, and ends all that it has started.
    pub(super) fn run(&self, command: &[&str], limits: Limits) -> Ended {
        let start = Instant::now();
        let run = || -> io::Result<(Option<i32>, bool, String)> {
            let mut output = tempfile::tempfile()?;
            let mut process = self.command(command, limits.memory)?;
            process.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output.try_clone()?);
            let ended = finish(process, || start.elapsed() > limits.time || !(self.is_wanted)())?;
            if ended.is_none() && self.means == Means::Podman {
                // A Podman that does not answer is left alone.
                let _ = self.remove_container();
            }
            let length = output.seek(SeekFrom::End(0))?;
            output.seek(SeekFrom::Start(length.saturating_sub(MOST_SAID)))?;
            let mut said = Vec::new();
            output.take(MOST_SAID).read_to_end(&mut said)?;
            let code = ended.and_then(|status| status.code());
            Ok((code, ended.is_none(), String::from_utf8_lossy(&said).into_owned()))
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
            process.args(["run", "--rm", "--network=none", "--stop-timeout=0", "--workdir", &self.folder]);
            process.args(["--name", &self.container(), "--replace"]);
            process.args(self.environment.iter().map(|(name, value)| format!("--env={name}={value}")));
            process.arg("--rootfs").arg(&self.root).args(command);
            return Ok(process);
        }
        let unshare = program("unshare").map_err(io::Error::other)?;
        process.arg(&unshare);
        process.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Means::Chroot(apart) = self.means {
            process.args(apart).arg("--root").arg(&self.root).arg("--wd").arg(&self.folder).arg("--").args(command);
        } else {
            process.args(OF_ANYBODY);
            process.arg(program("sh").map_err(io::Error::other)?).args(["-c", &entering()?]);
            process.arg(&self.root).arg(&self.folder).arg(&unshare).args(command);
        }
        Ok(process)
    }

    /// What Podman calls the container over these files; no two folders have the same path at the same time.
    fn container(&self) -> String {
        let digest = Digest::of(self.root.as_os_str().as_encoded_bytes());
        format!("wheelwright-{}", &digest.hex()[..16])
    }

    /// Ends what runs in Podman's container, which is no child of the program that started it.
    fn remove_container(&self) -> io::Result<()> {
        let start = Instant::now();
        let mut process = Command::new(program("podman").map_err(io::Error::other)?);
        process.args(["rm", "--force", &self.container()]);
        process.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        finish(process, || start.elapsed() > REMOVING).map(drop)
    }
}

/// Starts a process and waits for its end; if `is_over` before, there is no status. Then whatever is in its group,
/// itself included, is ended.
fn finish(mut process: Command, is_over: impl Fn() -> bool) -> io::Result<Option<ExitStatus>> {
    let mut child = process.process_group(0).spawn()?;
    let group = Pid::from_child(&child);
    // Who is not waited for keeps its number, so that the group is no other one.
    let has_ended =
        || waitid(WaitId::Pid(group), WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT);
    let late = loop {
        if has_ended()?.is_some() {
            break false;
        }
        if is_over() {
            break true;
        }
        thread::sleep(TICK);
    };
    kill_process_group(group, Signal::KILL)?;
    let status = child.wait()?;
    Ok((!late).then_some(status))
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
    let mut all = [Means::Namespaces, Means::Chroot(OF_ROOT), Means::Chroot(&[]), Means::Podman].into_iter();
    let found = all.find(|means| means.is_allowed());
    found.ok_or_else(|| "namespaces are not allowed here, this is not root, and there is no Podman".to_owned())
}

impl Means {
    /// Whether this machine lets that be done.
    fn is_allowed(self) -> bool {
        let arguments = match self {
            Self::Namespaces => OF_ANYBODY.to_vec(),
            Self::Chroot(apart) => [apart, &["--root", "/"]].concat(),
            Self::Podman => return program("podman").is_ok(),
        };
        let works = || {
            let mut process = Command::new(program("unshare").ok()?);
            process.args(arguments).arg(program("true").ok()?).stdout(Stdio::null()).stderr(Stdio::null());
            process.status().ok()
        };
        works().is_some_and(|status| status.success())
    }
}

fn program(name: &str) -> Result<PathBuf, String> {
    let found = FOLDERS.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
    found.ok_or_else(|| format!("this machine has no `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Processes that were given the word `word`, those that have ended left out.
    fn running(word: &str) -> usize {
        let processes = crate::fs::sorted_entries(Path::new("/proc")).unwrap();
        let commands = processes.iter().filter_map(|process| fs::read(process.path().join("cmdline")).ok());
        commands.filter(|command| command.split(|byte| *byte == 0).any(|given| given == word.as_bytes())).count()
    }

    #[test]
    fn nothing_that_was_started_stays() {
        let (yes, no) = (|| true, || false);
        for (number, means) in [Means::Namespaces, Means::Chroot(OF_ROOT), Means::Chroot(&[])].into_iter().enumerate() {
            if !means.is_allowed() {
                continue;
            }
            let check = |more: &str, time: Duration, is_wanted: &dyn Fn() -> bool, late: bool| {
                let (root, folder) = (PathBuf::from("/"), "/".to_owned());
                let sandbox = Sandbox { means, root, folder, environment: Vec::new(), is_wanted };
                // A number of seconds that nobody else has.
                let word = format!("{}{number}", 1_000_000 + std::process::id());
                let line = format!("/bin/sleep {word} & {more}");
                let ended = sandbox.run(&["/bin/sh", "-c", &line], Limits { time, start: time, memory: 1 << 30 });
                assert_eq!((ended.code, ended.late), (if late { None } else { Some(3) }, late), "{ended:?}");
                let start = Instant::now();
                while running(&word) > 0 {
                    assert!(start.elapsed() < Duration::from_secs(20), "{means:?}: `{line}` still runs");
                    thread::sleep(TICK);
                }
            };
            let (moment, hour) = (Duration::from_millis(300), Duration::from_hours(1));
            check("wait", moment, &yes, true);
            check("wait", hour, &no, true);
            check("exit 3", hour, &yes, false);
        }
    }

    #[test]
    fn only_known_machines_are_tried() {
        assert!(Platform::of_this_machine().is_some_and(|here| can_execute(&here).is_ok()));
        let reason = can_execute(&"linux/s390x".parse().unwrap());
        if let Err(reason) = reason {
            assert!(reason.contains("linux/s390x"), "{reason}");
        }
    }
}
