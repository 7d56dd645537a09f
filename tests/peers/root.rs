//! Programs started in an unpacked root, the way its image's config says.

use std::{fs, path::Path};

use serde_json::Value;

use super::workshop::{call, output};

/// Runs on other processors what was made for arm64.
const EMULATOR: &str = "qemu-aarch64-static";

/// Named in full, because the image's PATH is what a name would be looked up in.
const CHROOT: &str = "/usr/sbin/chroot";
const UNSHARE: &str = "/usr/bin/unshare";
/// Mounts this machine's `/proc` where nobody else sees it, and goes on with the words that follow the root.
const WITH_PROC: &str = "/usr/bin/mount --bind /proc \"$1/proc\"; shift; exec \"$@\"";

/// The processors of images, and what `uname -m` calls them.
pub(super) const MACHINES: [(&str, &str); 2] = [("amd64", "x86_64"), ("arm64", "aarch64")];

/// Runs `words` (an absolute path first) in `root`, as the user and in the environment of `config`,
/// and returns its standard output.
pub(super) fn run(root: &Path, config: &Value, words: &[&str]) -> String {
    let settings = &config["config"];
    surroundings(root);
    let mut command = call(UNSHARE, ["--mount", "/bin/sh", "-euc", WITH_PROC, "sh"]);
    command.arg(root).arg(CHROOT).args(settings["User"].as_str().map(|user| format!("--userspec={user}")));
    command.arg(root);
    if let Some(emulator) = emulator(config) {
        // Once: what an earlier program left running has it open.
        let place = root.join(EMULATOR);
        if !place.exists() {
            let program = output(&mut call("which", [EMULATOR]));
            fs::copy(String::from_utf8(program).unwrap().trim(), place).unwrap();
        }
        command.arg(emulator);
    }
    let environment = settings["Env"].as_array().unwrap().iter().map(|entry| entry.as_str().unwrap());
    command.args(words).env_clear().envs(environment.map(|entry| entry.split_once('=').unwrap()));
    String::from_utf8(output(&mut command)).unwrap()
}

/// What every engine gives to programs, as far as those here look for it: `PyTorch` wants numbers by chance, and
/// its threads to know how many processors there are.
fn surroundings(root: &Path) {
    fs::create_dir_all(root.join("dev")).unwrap();
    fs::create_dir_all(root.join("proc")).unwrap();
    for (name, minor) in [("null", "3"), ("zero", "5"), ("random", "8"), ("urandom", "9")] {
        let place = root.join("dev").join(name);
        if !place.exists() {
            output(call("mknod", ["--mode=666"]).arg(place).args(["c", "1", minor]));
        }
    }
}

/// What has to stand before each program of the image, once [`run`] has been called.
pub(super) fn emulator(config: &Value) -> Option<&'static str> {
    (config["architecture"] == "arm64" && std::env::consts::ARCH != "aarch64").then_some("/qemu-aarch64-static")
}
