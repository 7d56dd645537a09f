//! Signatures of ours before cosign and before a policy of Skopeo, and cosign's before ours; openssl as the third
//! opinion. Both programs come out of an image that is built for this: Debian's newer release has them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use super::{
    docker_registry::DockerRegistry,
    image::Layout,
    workshop::{Project, call, kept, of_repository, output, wheelwright},
};

/// A root with cosign and Skopeo, and a folder `/trial` for files.
struct Tools(PathBuf);

impl Tools {
    fn build(folder: &Path) -> Self {
        let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let recipe = format!(
            "name = \"signing-tools\"\nbase = \"scratch\"\nplatforms = [\"linux/{machine}\"]\n[debian]\n\
             suite = \"trixie\"\npackages = [\"cosign\", \"skopeo\"]\n"
        );
        let project = Project::of_text("signing-tools", &recipe);
        let layout = project.folder().join("image");
        let to = format!("oci:{}", layout.display());
        output(project.build(&kept("store")).args(["--progress", "off", "--output", &to]));
        let root = Layout::at(layout).unpack(machine, folder);
        fs::create_dir_all(root.join("trial/registries.d")).unwrap();
        fs::write(root.join("trial/registries.d/all.yaml"), "default-docker: {use-sigstore-attachments: true}\n")
            .unwrap();
        let tools = Self(root);
        for name in ["key.pem", "key.pub", "other.pub"] {
            fs::copy(of_repository("src/cosign/fixtures").join(name), tools.file(name)).unwrap();
        }
        tools
    }

    /// A file of `/trial`, as it is called from outside.
    fn file(&self, name: &str) -> PathBuf {
        self.0.join("trial").join(name)
    }

    fn run(&self, program: &str) -> Command {
        let mut command = call("/usr/sbin/chroot", [&self.0]);
        command.arg(program).env_clear().envs([("HOME", "/trial"), ("COSIGN_PASSWORD", "secret")]);
        command
    }

    fn cosign(&self, words: &[&str]) -> Command {
        let mut command = self.run("/usr/bin/cosign");
        command.args(words);
        command
    }

    /// Whether cosign finds `image` signed by a key.
    fn verifies(&self, key: &str, image: &str) -> bool {
        let key = format!("/trial/{key}");
        let verify = ["verify", "--insecure-ignore-tlog=true", "--key", &key, image];
        told(&mut self.cosign(&verify))
    }

    /// Whether Skopeo copies `image` under a policy that demands a signature by this key.
    fn copies(&self, key: &str, image: &str, more: &[&str]) -> bool {
        let demand = format!(
            r#"{{"type":"sigstoreSigned","keyPath":"/trial/{key}","signedIdentity":{{"type":"matchRepository"}}}}"#
        );
        let policy = format!(r#"{{"default":[{{"type":"reject"}}],"transports":{{"docker":{{"":[{demand}]}}}}}}"#);
        fs::write(self.file("policy.json"), policy).unwrap();
        let _ = fs::remove_dir_all(self.file("copied"));
        let mut copy = self.run("/usr/bin/skopeo");
        copy.args(["--policy", "/trial/policy.json", "--registries.d", "/trial/registries.d", "--tmpdir", "/trial"]);
        copy.args(more).args(["copy", "--src-tls-verify=false", "--remove-signatures"]);
        told(copy.args([&format!("docker://{image}"), "dir:/trial/copied"]))
    }
}

/// Whether a program said yes; if no, then for the signature and for nothing else.
fn told(command: &mut Command) -> bool {
    let ended = command.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success() || said.contains("signature"), "{said}");
    ended.status.success()
}

/// The program under test, with a store of its own.
fn program(words: &[&str]) -> Command {
    let mut command = wheelwright(words);
    command.args(["--progress", "off", "--store"]).arg(kept("signing-store")).env("COSIGN_PASSWORD", "secret");
    command
}

/// The digest that a run has printed.
fn digest(command: &mut Command) -> String {
    let said = String::from_utf8(output(command)).unwrap();
    said.lines().find_map(|line| line.strip_prefix("digest: ")).unwrap().to_owned()
}

#[test]
fn cosign_and_skopeo_believe_our_signatures_and_we_believe_cosigns() {
    let recipe = "name = \"signing\"\nbase = \"scratch\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\
                  [[scripts]]\nfrom = \"signing.toml\"\nto = \"/signing.toml\"\n";
    let project = Project::of_text("signing", recipe);
    let tools = Tools::build(project.folder());
    let registry = DockerRegistry::start(project.folder());
    let (ours, theirs) = (registry.image("ours:1"), registry.image("theirs:1"));
    let file = |name: &str| tools.file(name).display().to_string();
    let platform = |name: &str| ["--override-os", "linux", "--override-arch", name].map(str::to_owned);

    // Nobody has signed it yet.
    output(project.build(&kept("signing-store")).args(["--progress", "off", "--push", &ours]));
    assert!(!tools.verifies("key.pub", &ours));
    assert!(!tools.copies("key.pub", &ours, &platform("amd64").each_ref().map(String::as_str)));
    // Pushed again and signed: the index for cosign, the platforms' images for Skopeo.
    let signed = ["--progress", "off", "--push", &ours, "--sign-key", &file("key.pem")];
    let root = digest(project.build(&kept("signing-store")).args(signed));
    assert!(tools.verifies("key.pub", &ours) && !tools.verifies("other.pub", &ours));
    for machine in ["amd64", "arm64"] {
        let machine = platform(machine);
        let machine = machine.each_ref().map(String::as_str);
        assert!(tools.copies("key.pub", &ours, &machine) && !tools.copies("other.pub", &ours, &machine));
    }
    by_openssl(&tools, (&registry.image("ours"), &root));

    // A key that cosign made signs here as well, beside the other.
    output(&mut tools.cosign(&["generate-key-pair", "--output-key-prefix", "/trial/cosign"]));
    output(&mut program(&["sign", &ours, "--key", &file("cosign.key")]));
    assert!(tools.verifies("cosign.pub", &ours) && tools.verifies("key.pub", &ours));
    // Both go along with a copy, and cosign believes them there.
    let promoted = registry.image("promoted:1");
    output(&mut program(&["copy", &ours, &promoted]));
    assert!(tools.verifies("cosign.pub", &promoted) && tools.verifies("key.pub", &promoted));
    // What cosign signed with it counts here, and is not signed again.
    output(&mut program(&["copy", &ours, &theirs, "--attest", "none"]));
    let sign = ["sign", "--yes", "--tlog-upload=false", "--recursive", "--key", "/trial/cosign.key", &theirs];
    output(&mut tools.cosign(&sign));
    let tag = format!("{}:{}.sig", registry.image("theirs"), root.replace(':', "-"));
    let before = digest(&mut program(&["sign", &tag]));
    assert_eq!(digest(&mut program(&["verify", &theirs, "--signature", &file("cosign.pub")])), root);
    output(&mut program(&["sign", &theirs, "--key", &file("cosign.key")]));
    assert_eq!(digest(&mut program(&["sign", &tag])), before);
    let refused = program(&["verify", &theirs, "--signature", &file("key.pub")]).output().unwrap();
    assert_eq!(refused.status.code(), Some(7));
}

/// `openssl dgst` on payload and signature as they lie in the registry.
fn by_openssl(tools: &Tools, (repository, digest): (&str, &str)) {
    let from = format!("docker://{repository}:{}.sig", digest.replace(':', "-"));
    let to = tools.file("signatures");
    output(call("skopeo", ["copy", "--src-tls-verify=false", &from]).arg(format!("dir:{}", to.display())));
    let manifest: Value = serde_json::from_slice(&fs::read(to.join("manifest.json")).unwrap()).unwrap();
    let layer = &manifest["layers"][0];
    let payload = to.join(layer["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap());
    let signature = layer["annotations"]["dev.cosignproject.cosign/signature"].as_str().unwrap();
    fs::write(to.join("base64"), signature).unwrap();
    output(call("openssl", ["base64", "-d", "-A", "-in"]).arg(to.join("base64")).arg("-out").arg(to.join("der")));
    let mut verify = call("openssl", ["dgst", "-sha256", "-verify"]);
    verify.arg(tools.file("key.pub")).arg("-signature").arg(to.join("der")).arg(payload);
    assert_eq!(output(&mut verify), b"Verified OK\n");
}
