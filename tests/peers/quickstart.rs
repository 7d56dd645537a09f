//! The quickstart: built for two platforms, read and started by others.

use std::{fs, path::PathBuf, sync::OnceLock};

use serde_json::Value;
use wheelwright::{lock::Lock, oci::Digest};

use super::{
    docker_registry::DockerRegistry,
    image::Layout,
    root::{MACHINES, run},
    workshop::{Project, call, fresh, kept, output, wheelwright},
};

/// The quickstart as the program has built it, and its roots as umoci has unpacked them.
pub(super) struct Quickstart {
    pub(super) lock: Lock,
    pub(super) folder: PathBuf,
    project: Project,
    roots: [PathBuf; 2],
}

/// Builds and unpacks it once.
pub(super) fn quickstart() -> &'static Quickstart {
    static QUICKSTART: OnceLock<Quickstart> = OnceLock::new();
    QUICKSTART.get_or_init(|| {
        let project = Project::of_repository("quickstart-recipe", "quickstart");
        let folder = fresh("quickstart");
        let layout = format!("oci:{}", folder.join("layout").display());
        output(project.build(&kept("store")).args(["--output", &layout]));
        let roots = MACHINES.map(|(architecture, _)| Layout::at(folder.join("layout")).unpack(architecture, &folder));
        Quickstart { lock: project.lock(), folder, project, roots }
    })
}

impl Quickstart {
    pub(super) fn layout(&self) -> Layout {
        Layout::at(self.folder.join("layout"))
    }

    /// Architectures, and the roots for them.
    pub(super) fn roots(&self) -> impl Iterator<Item = (&'static str, &PathBuf)> {
        MACHINES.iter().map(|(architecture, _)| *architecture).zip(&self.roots)
    }
}

#[test]
fn skopeo_sees_the_index() {
    let quickstart = quickstart();
    let image = format!("oci:{}", quickstart.folder.join("layout").display());
    let raw = output(&mut call("skopeo", ["inspect", "--raw", &image]));
    assert_eq!(Digest::of(&raw).to_string(), quickstart.layout().digest());
    let index: Value = serde_json::from_slice(&raw).unwrap();
    assert_eq!(index["mediaType"], "application/vnd.oci.image.index.v1+json");
    let platforms = index["manifests"].as_array().unwrap().iter().map(|entry| &entry["platform"]);
    let platforms: Vec<String> = platforms.map(|platform| platform["architecture"].to_string()).collect();
    assert_eq!(platforms, ["\"amd64\"", "\"arm64\""]);
}

#[test]
fn its_program_runs_on_every_platform() {
    let quickstart = quickstart();
    for ((architecture, root), (_, machine)) in quickstart.roots().zip(MACHINES) {
        let config = quickstart.layout().config(architecture);
        assert_eq!(config["config"]["Entrypoint"], serde_json::json!(["python3", "/app/hello.py"]));
        let report = run(root, &config, &["/usr/bin/python3", "/app/hello.py"]);
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report["machine"], machine);
        assert_eq!(report["web"]["body"]["hello"], "world", "{report}");
        assert!(report["compiled"]["markupsafe"].as_str().unwrap().contains(machine), "{report}");
        assert!(report["console script"][1].as_str().unwrap().starts_with("Flask 3."), "{report}");
        assert!(report["certificates"].as_u64().unwrap() > 100, "{report}");
        for (name, version) in report["versions"].as_object().unwrap() {
            assert_eq!(version.as_str().unwrap(), locked_version(&quickstart.lock, architecture, name));
        }
    }
}

#[test]
fn a_registry_keeps_it_as_it_is() {
    let quickstart = quickstart();
    let folder = fresh("registry");
    fs::create_dir(folder.join("server")).unwrap();
    let registry = DockerRegistry::start(&folder.join("server"));
    let image = registry.image("quickstart:latest");
    output(quickstart.project.build(&kept("store")).args(["--locked", "--push", &image]));
    let pulled = folder.join("pulled");
    let copy = ["--insecure-policy", "copy", "--all", "--preserve-digests", "--src-tls-verify=false"];
    output(call("skopeo", copy).arg(format!("docker://{image}")).arg(format!("oci:{}:latest", pulled.display())));
    let pulled = Layout::at(pulled);
    assert_eq!(pulled.digest(), quickstart.layout().digest());
    assert_eq!(pulled.blobs(), quickstart.layout().blobs());
}

#[test]
fn an_empty_machine_makes_it_again_from_what_a_registry_has() {
    let quickstart = quickstart();
    let folder = fresh("proving");
    fs::create_dir(folder.join("server")).unwrap();
    let registry = DockerRegistry::start(&folder.join("server"));
    let image = registry.image("quickstart:1");
    output(quickstart.project.build(&kept("store")).args(["--locked", "--push", &image]));
    let empty = folder.join("empty");
    let proved = output(wheelwright(["prove", &image, "--store"]).arg(&empty).current_dir(&folder));
    let proved = String::from_utf8(proved).unwrap();
    assert!(proved.contains("\nreproduced: "), "{proved}");
    // With what is attached to them, images of other machines and numbers of threads are the same.
    let layouts = [("1", kept("store")), ("8", empty)].map(|(jobs, store)| {
        let layout = folder.join(jobs);
        let output_flag = format!("oci:{}", layout.display());
        let line = ["--locked", "--jobs", jobs, "--attest", "referrers", "--output", &output_flag];
        output(quickstart.project.build(&store).args(line));
        layout
    });
    output(call("diff", ["-r"]).args(&layouts));
}

fn locked_version<'a>(lock: &'a Lock, architecture: &str, name: &str) -> &'a str {
    let image = lock.image(None, &format!("linux/{architecture}").parse().unwrap()).unwrap();
    &image.wheels.iter().find(|wheel| wheel.name == name).unwrap().version
}
