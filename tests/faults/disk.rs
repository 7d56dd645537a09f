//! A small file system in a mount namespace of its own, held by a process that ends with this value:
//! whatever becomes of the test, nothing stays mounted.

use std::{
    ffi::OsString,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

pub(super) struct Disk {
    keeper: Child,
    folder: PathBuf,
    as_root: bool,
}

impl Disk {
    /// A disk of `size` KiB at `folder`, which exists; nothing where the kernel lets nobody mount.
    pub(super) fn mount(folder: &Path, size: u64) -> Option<Self> {
        [true, false].into_iter().find_map(|as_root| {
            let mut unshare = Command::new("unshare");
            if !as_root {
                unshare.args(["--user", "--map-root-user"]);
            }
            // Reads until this end of the pipe is closed.
            let script = "mount -t tmpfs -o size=$1k disk \"$0\" && echo mounted && read -r _";
            unshare.args(["--mount", "sh", "-c", script]).arg(folder).arg(size.to_string());
            let mut keeper = unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
            let mut line = String::new();
            BufReader::new(keeper.stdout.take()?).read_line(&mut line).ok()?;
            let disk = Self { keeper, folder: folder.to_owned(), as_root };
            (line == "mounted\n").then_some(disk)
        })
    }

    /// `path` on this disk, as processes outside of its namespace reach it.
    pub(super) fn outside(&self, path: &Path) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}", self.keeper.id(), path.display()))
    }

    /// What a program has to be started with to see the disk.
    pub(super) fn entrance(&self) -> Vec<OsString> {
        let mut words = vec!["nsenter".to_owned(), format!("--target={}", self.keeper.id()), "--mount".to_owned()];
        if !self.as_root {
            words.extend(["--user".to_owned(), "--preserve-credentials".to_owned()]);
        }
        words.into_iter().map(OsString::from).collect()
    }

    /// Changes the options of the mount, such as `ro` or `size=4m`.
    pub(super) fn remount(&self, options: &str) {
        let entrance = self.entrance();
        let mut mount = Command::new(&entrance[0]);
        mount.args(&entrance[1..]).args(["mount", "-o", &format!("remount,{options}")]).arg(&self.folder);
        assert!(mount.status().unwrap().success(), "remount {options}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
