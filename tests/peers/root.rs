//! Programs started in an unpacked root, the way its image's config says.

use std::{fs, path::Path};

use serde_json::Value;

use super::workshop::{call, output};

/// Runs on other processors what was made for arm64.
const EMULATOR: &str = "qemu-aarch64-static";

/// Named in full, because the image's PATH is what a name would be looked up in.
const CHROOT: &str = "/usr/sbin/chroot";

/// The processors of images, and what `uname -m` calls them.
pub(super) const MACHINES: [(&str, &str); 2] = [("amd64", "x86_64"), ("arm64", "aarch64")];

/// Runs `words` (an absolute path first) in `root`, as the user and in the environment of `config`,
/// and returns its standard output.
pub(super) fn run(root: &Path, config: &Value, words: &[&str]) -> String {
    let settings = &config["config"];
    let mut command = call(CHROOT, settings["User"].as_str().map(|user| format!("--userspec={user}")));
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

/// What has to stand before each program of the image, once [`run`] has been called.
pub(super) fn emulator(config: &Value) -> Option<&'static str> {
    (config["architecture"] == "arm64" && std::env::consts::ARCH != "aarch64").then_some("/qemu-aarch64-static")
}
