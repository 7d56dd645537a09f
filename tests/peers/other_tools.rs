//! Other tools take the exports of a lock, and the locks that they make say the same here.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use super::workshop::{Project, call, fresh, kept, output};

const PLATFORMS: [(&str, &str); 2] =
    [("linux/amd64", "x86_64-manylinux_2_36"), ("linux/arm64", "aarch64-manylinux_2_36")];

/// numpy is compiled, flask is not, and uvloop is for one platform alone.
const REQUIREMENTS: [&str; 3] = ["flask>=3,<4", "numpy<3", "uvloop ; platform_machine == 'aarch64'"];

#[test]
fn pip_and_uv_take_the_exports() {
    let project = locked("exports", &format!("require = {REQUIREMENTS:?}"));
    let (requirements, pylock) =
        (project.folder().join("out/requirements.txt"), project.folder().join("out/pylock.toml"));
    for (format, file) in [("requirements", &requirements), ("pylock", &pylock)] {
        output(wheelwright(&project).args(["--export", format, "--output"]).arg(file));
    }
    let pip =
        ["install", "--dry-run", "--ignore-installed", "--quiet", "--require-hashes", "--report", "-", "--requirement"];
    let report: serde_json::Value = serde_json::from_slice(&output(pip_of_now().args(pip).arg(&requirements))).unwrap();
    let host = if cfg!(target_arch = "aarch64") { "linux/arm64" } else { "linux/amd64" };
    let wanted = versions(&project, host);
    let chosen = report["install"].as_array().unwrap().iter().map(|item| {
        let text = |key: &str| item["metadata"][key].as_str().unwrap().to_lowercase();
        (text("name"), text("version"))
    });
    assert_eq!(chosen.collect::<BTreeMap<_, _>>(), wanted);
    for (platform, tags) in PLATFORMS {
        for file in [&requirements, &pylock] {
            let mut uv = uv();
            uv.args(["pip", "sync", "--dry-run", "--python-version", "3.11", "--python-platform", tags]);
            uv.arg("--target").arg(project.folder().join("venv")).arg("--require-hashes").arg(file);
            let finished = uv.output().unwrap();
            let said = String::from_utf8(finished.stderr).unwrap();
            assert!(finished.status.success(), "{said}");
            let installed = said.lines().filter_map(|line| line.trim().strip_prefix("+ ")?.split_once("=="));
            let installed = installed.map(|(name, version)| (name.to_owned(), version.to_owned()));
            assert_eq!(installed.collect::<BTreeMap<_, _>>(), versions(&project, platform), "{}", file.display());
        }
    }
}

#[test]
fn locks_of_uv_and_pip_say_the_same_here() {
    let theirs = fresh("other-locks");
    let list = REQUIREMENTS.map(|text| format!("{text:?}")).join(", ");
    let text = format!(
        "[project]\nname = \"sample\"\nversion = \"1\"\nrequires-python = \"==3.11.*\"\ndependencies = [{list}]\n"
    );
    fs::write(theirs.join("pyproject.toml"), text).unwrap();
    output(uv().arg("lock").current_dir(&theirs));
    let compile = ["pip", "compile", "--universal", "--python-version", "3.11", "--format", "pylock.toml", "--quiet"];
    output(uv().args(compile).args(["-o", "pylock.uv.toml", "pyproject.toml"]).current_dir(&theirs));
    output(pip_of_now().args(["lock", "--quiet", "-o", "pylock.toml"]).args(REQUIREMENTS).current_dir(&theirs));
    let own = locked("other-locks-own", "files = [\"../other-locks/pyproject.toml\"]");
    for file in ["uv.lock", "pylock.uv.toml"] {
        let project = locked("other-locks-foreign", &format!("from-lock = \"../other-locks/{file}\""));
        for (platform, _) in PLATFORMS {
            assert_eq!(files(&project, platform), files(&own, platform), "{file} {platform}");
        }
    }
    // pip locks for the machine that it runs on.
    let (host, _) = PLATFORMS[usize::from(cfg!(target_arch = "aarch64"))];
    let recipe = recipe("from-lock = \"../other-locks/pylock.toml\"").replacen(
        &format!("{:?}", PLATFORMS.map(|(platform, _)| platform)),
        &format!("[{host:?}]"),
        1,
    );
    let project = Project::of_text("other-locks-pip", &recipe);
    output(&mut wheelwright(&project));
    assert_eq!(files(&project, host), files(&own, host));
}

fn recipe(wheels: &str) -> String {
    let platforms = PLATFORMS.map(|(platform, _)| platform);
    format!(
        "name = \"sample\"\nbase = \"scratch\"\nplatforms = {platforms:?}\n\n[wheels]\n{wheels}\n\n\
         [debian]\nsuite = \"bookworm\"\npackages = [\"python3\"]\n"
    )
}

fn locked(name: &str, wheels: &str) -> Project {
    let project = Project::of_text(name, &recipe(wheels));
    output(&mut wheelwright(&project));
    project
}

fn wheelwright(project: &Project) -> Command {
    let mut command = project.command("lock", &kept("store"));
    command.args(["--progress", "off"]);
    command
}

fn versions(project: &Project, platform: &str) -> BTreeMap<String, String> {
    let lock = project.lock();
    let image = lock.image(None, &platform.parse().unwrap()).unwrap();
    image.wheels.iter().map(|wheel| (wheel.name.clone(), wheel.version.clone())).collect()
}

/// File name, digest and size of every wheel.
fn files(project: &Project, platform: &str) -> Vec<(String, String, u64)> {
    let lock = project.lock();
    let image = lock.image(None, &platform.parse().unwrap()).unwrap();
    image.wheels.iter().map(|wheel| (wheel.file.clone(), wheel.sha256.to_string(), wheel.size)).collect()
}

/// A folder with the newest pip and uv in it: locks are younger than a distribution's pip.
fn tools() -> &'static Path {
    static TOOLS: OnceLock<PathBuf> = OnceLock::new();
    TOOLS.get_or_init(|| {
        let folder = fresh("tools");
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action", "ignore"];
        output(call("python3", pip).arg("--target").arg(&folder).args(["pip>=25.1", "uv"]));
        folder
    })
}

fn pip_of_now() -> Command {
    let mut command = call("python3", ["-m", "pip", "--disable-pip-version-check"]);
    command.env("PYTHONPATH", tools());
    command
}

fn uv() -> Command {
    let nothing: [&str; 0] = [];
    call(tools().join("bin/uv").to_str().unwrap(), nothing)
}
