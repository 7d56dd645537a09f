//! Images handed from us to others and back: through registries, layouts and archives, into an engine.

use std::{fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;
use wheelwright::oci::Digest;

use super::{
    docker_registry::DockerRegistry,
    image::Layout,
    quickstart::quickstart,
    wheelwright_registry::WheelwrightRegistry,
    workshop::{call, fresh, output, wheelwright},
};

const SKOPEO: [&str; 6] =
    ["--insecure-policy", "copy", "--all", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false"];

/// Both registries, each with what to call an image there.
fn registries(folder: &Path) -> (DockerRegistry, WheelwrightRegistry) {
    fs::create_dir(folder.join("docker")).unwrap();
    (DockerRegistry::start(&folder.join("docker")), WheelwrightRegistry::start(&folder.join("ours")))
}

/// Podman with storage of its own, in which nothing needs a kernel's help.
struct Podman(TempDir);

impl Podman {
    fn new() -> Self {
        // Its paths must be short.
        Self(TempDir::new().unwrap())
    }

    fn options(&self) -> Vec<String> {
        let path = |name: &str| self.0.path().join(name).to_string_lossy().into_owned();
        let (root, run) = (path("root"), path("run"));
        [
            "--root",
            &root,
            "--runroot",
            &run,
            "--storage-driver",
            "vfs",
            "--runtime",
            "runc",
            "--cgroup-manager",
            "cgroupfs",
        ]
        .map(str::to_owned)
        .into()
    }

    fn output(&self, words: &[&str]) -> Vec<u8> {
        output(call("podman", self.options()).args(words))
    }
}

fn copy(from: &str, to: &str) {
    output(wheelwright(["copy", from, to]).args(["--progress", "off"]));
}

fn skopeo(from: &str, to: &str) {
    output(call("skopeo", SKOPEO).args([from, to]));
}

/// The digest of an image that a tool has written to the layout `folder`, whose every blob is checked.
fn digest(folder: &Path) -> String {
    let layout = Layout::at(folder);
    assert_eq!(layout.blobs().len(), 10, "seven blobs, two manifests and the index");
    layout.digest()
}

#[test]
fn registries_and_tools_agree_in_every_direction() {
    let (folder, quickstart) = (fresh("handing-over"), quickstart());
    let ours = format!("oci:{}", quickstart.folder.join("layout").display());
    let expect = quickstart.layout().digest();
    let (docker, builtin) = registries(&folder);
    let (podman, path) = (Podman::new(), |name: String| folder.join(name));
    for (registry, image) in [("docker", docker.image("")), ("builtin", builtin.image(""))] {
        copy(&ours, &format!("{image}by-us:1"));
        skopeo(&ours, &format!("docker://{image}by-skopeo:1"));
        for pushed in ["by-us", "by-skopeo"] {
            let name = format!("{image}{pushed}:1");
            let layout = path(format!("{registry}-{pushed}-us"));
            copy(&name, &format!("oci:{}", layout.display()));
            assert_eq!(digest(&layout), expect, "{registry}, {pushed}, pulled by us");
            let layout = path(format!("{registry}-{pushed}-skopeo"));
            skopeo(&format!("docker://{name}"), &format!("oci:{}:1", layout.display()));
            assert_eq!(digest(&layout), expect, "{registry}, {pushed}, pulled by skopeo");
        }
        let name = format!("{image}by-us:1");
        podman.output(&["pull", "-q", "--tls-verify=false", &name]);
        let asked = podman.output(&["image", "inspect", "--format", "{{.Digest}}", &name]);
        assert_eq!(String::from_utf8(asked).unwrap().trim(), expect, "{registry}, pulled by podman");
    }
    // From one registry to the other, by way of us.
    copy(&docker.image("by-us:1"), &builtin.image("by-us:2"));
    copy(&builtin.image("by-skopeo:1"), &docker.image("by-us:2"));
    for image in [docker.image("by-us:2"), builtin.image("by-us:2")] {
        let raw = output(&mut call("skopeo", ["inspect", "--raw", "--tls-verify=false", &format!("docker://{image}")]));
        assert_eq!(Digest::of(&raw).to_string(), expect);
    }
    podman_pushes_what_it_was_given(&podman, &folder, &builtin);
}

/// Podman writes indexes anew, but lists the same images in them.
fn podman_pushes_what_it_was_given(podman: &Podman, folder: &Path, registry: &WheelwrightRegistry) {
    let (from, to) = (registry.image("by-us:1"), format!("docker://{}", registry.image("by-podman:1")));
    podman.output(&["manifest", "create", "list"]);
    podman.output(&["manifest", "add", "--all", "--tls-verify=false", "list", &format!("docker://{from}")]);
    podman.output(&["manifest", "push", "--all", "--tls-verify=false", "list", &to]);
    let layout = folder.join("by-podman");
    copy(&registry.image("by-podman:1"), &format!("oci:{}", layout.display()));
    let digests = |index: Value| -> Vec<Value> {
        index["manifests"].as_array().unwrap().iter().map(|entry| entry["digest"].clone()).collect()
    };
    assert_eq!(digests(Layout::at(layout).index()), digests(quickstart().layout().index()));
}

#[test]
fn every_reader_takes_our_archives() {
    let (folder, quickstart) = (fresh("archives"), quickstart());
    let layout = quickstart.folder.join("layout").display().to_string();
    let expect = quickstart.layout().digest();
    let (oci, docker) = (folder.join("oci.tar"), folder.join("docker.tar"));
    copy(&format!("oci:{layout}"), &format!("oci-archive:{}:1", oci.display()));
    copy(&format!("oci:{layout}"), &format!("docker-archive:{}:h.example/quickstart:1", docker.display()));
    for archive in [&oci, &docker] {
        let (archive, unpacked) = (archive.display(), folder.join("unpacked"));
        skopeo(&format!("oci-archive:{archive}"), &format!("oci:{}:1", unpacked.display()));
        assert_eq!(digest(&unpacked), expect, "{archive}");
        fs::remove_dir_all(&unpacked).unwrap();
        fs::create_dir(&unpacked).unwrap();
        output(call("tar", ["-xf", &archive.to_string(), "-C"]).arg(&unpacked));
        let root = Layout::at(&unpacked).unpack("amd64", &folder);
        assert!(root.join("app/hello.py").is_file());
        fs::remove_dir_all(folder.join("amd64")).unwrap();
        fs::remove_dir_all(&unpacked).unwrap();
    }
    let one = folder.join("one").display().to_string();
    let words = ["copy", &format!("oci:{layout}"), &format!("oci:{one}:1"), "--platform", "linux/arm64"];
    output(wheelwright(words).args(["--progress", "off"]));
    output(call("umoci", ["unpack", "--image", &format!("{one}:1")]).arg(folder.join("bundle")));
    assert!(folder.join("bundle/rootfs/app/hello.py").is_file());

    let inspected = output(&mut call("skopeo", ["inspect", &format!("docker-archive:{}", docker.display())]));
    let inspected: Value = serde_json::from_slice(&inspected).unwrap();
    assert_eq!(inspected["Architecture"], "amd64", "this machine's image, or the first");
}

#[test]
fn podman_runs_what_it_loads() {
    let (folder, quickstart) = (fresh("loading"), quickstart());
    let layout = format!("oci:{}", quickstart.folder.join("layout").display());
    let archive = folder.join("docker.tar");
    copy(&layout, &format!("docker-archive:{}:h.example/quickstart:1", archive.display()));
    let podman = Podman::new();
    podman.output(&["load", "-q", "-i", &archive.to_string_lossy()]);
    podman.run("h.example/quickstart:1");

    let mut load = wheelwright(["copy", &layout, "--load=podman", "--name", "h.example/quickstart:2"]);
    output(load.env("PATH", podman.in_path(&folder)));
    podman.run("h.example/quickstart:2");
}

impl Podman {
    fn run(&self, image: &str) {
        let limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"];
        let report = self.output(&[&["run", "--rm", "--network", "none"], &limits[..], &[image]].concat());
        let report: Value = serde_json::from_slice(&report).unwrap();
        assert_eq!(report["web"]["body"]["hello"], "world", "{report}");
    }

    /// A PATH on which `podman` is this one.
    fn in_path(&self, folder: &Path) -> String {
        use std::os::unix::fs::PermissionsExt as _;
        let bin = folder.join("bin");
        fs::create_dir(&bin).unwrap();
        let real = String::from_utf8(output(&mut call("which", ["podman"]))).unwrap();
        let text = format!("#!/bin/sh\nexec {} {} \"$@\"\n", real.trim(), self.options().join(" "));
        fs::write(bin.join("podman"), text).unwrap();
        fs::set_permissions(bin.join("podman"), fs::Permissions::from_mode(0o755)).unwrap();
        format!("{}:{}", bin.display(), std::env::var("PATH").unwrap())
    }
}
