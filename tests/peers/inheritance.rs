//! What an image takes over from its base, beside what buildah makes of the same steps in a Dockerfile.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use wheelwright::oci::Digest;

use super::{
    debian_base::debian_base,
    docker_registry::DockerRegistry,
    workshop::{Project, call, fresh, kept, output},
};

/// Everything that a Dockerfile can say about a container.
const BASE: &str = r#"
ENV PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 BASE=1
LABEL org.example.base="yes" org.example.both="base"
HEALTHCHECK --interval=30s --timeout=3s --retries=2 CMD ["/usr/bin/true"]
SHELL ["/bin/bash", "-c"]
ONBUILD COPY trigger /etc/trigger
ENTRYPOINT ["/usr/bin/env"]
CMD ["true"]
STOPSIGNAL SIGINT
EXPOSE 80/tcp
VOLUME /data
USER 7:7
WORKDIR /srv
"#;

/// The same changes, as lines of a Dockerfile and as keys of a recipe.
const CHANGES: [(&str, &str); 3] = [
    ("", ""),
    (
        "ENV LANG=de_DE.UTF-8 APP=1\nLABEL org.example.both=\"app\" org.example.app=\"yes\"\nENTRYPOINT [\"/usr/bin/cat\"]\n",
        "env = { LANG = \"de_DE.UTF-8\", APP = \"1\" }\nentrypoint = [\"/usr/bin/cat\"]\n\
         labels = { \"org.example.both\" = \"app\", \"org.example.app\" = \"yes\" }\n",
    ),
    (
        "CMD [\"ls\"]\nSTOPSIGNAL SIGTERM\nEXPOSE 81/udp\nVOLUME /more\nUSER 8\nWORKDIR /tmp\n",
        "cmd = [\"ls\"]\nstop-signal = \"SIGTERM\"\nports = [\"81/udp\"]\nvolumes = [\"/more\"]\nuser = \"8\"\nworkdir = \"/tmp\"\n",
    ),
];

/// Buildah, with a place of its own for images.
struct Buildah {
    folder: PathBuf,
}

impl Buildah {
    fn new(folder: &Path) -> Self {
        let place = |name: &str| folder.join(name).display().to_string();
        let settings = [("driver", "vfs".to_owned()), ("graphroot", place("images")), ("runroot", place("run"))];
        let lines = settings.map(|(key, value)| format!("{key} = \"{value}\"")).join("\n");
        fs::write(folder.join("storage.conf"), format!("[storage]\n{lines}\n")).unwrap();
        Self { folder: folder.to_owned() }
    }

    fn command(&self, subcommand: &str) -> Command {
        let mut command = call("buildah", [subcommand]);
        command.env("CONTAINERS_STORAGE_CONF", self.folder.join("storage.conf"));
        command
    }

    /// Builds in Docker's format, and pushes.
    fn build(&self, dockerfile: &str, image: &str) {
        let file = self.folder.join("Dockerfile");
        fs::write(&file, dockerfile).unwrap();
        let mut build = self.command("bud");
        build.args(["--isolation", "chroot", "--format", "docker", "--tls-verify=false", "--tag", image, "--file"]);
        output(build.args([&file, &self.folder.join("context")]));
        let to = format!("docker://{image}");
        output(self.command("push").args(["--tls-verify=false", "--format", "v2s2", image, &to]));
    }
}

fn inspected(image: &str, options: &[&str]) -> Vec<u8> {
    let mut inspect = call("skopeo", ["inspect", "--tls-verify=false", "--override-arch", "amd64", "--raw"]);
    output(inspect.args(options).arg(format!("docker://{image}")))
}

/// What the config says of containers, without what says nothing.
fn settings(image: &str) -> Value {
    let mut config: Value = serde_json::from_slice(&inspected(image, &["--config"])).unwrap();
    let mut settings = config["config"].take();
    let says = |value: &Value| *value != json!([]) && *value != Value::Null;
    settings.as_object_mut().unwrap().retain(|_, value| says(value));
    // A variable that is set anew moves to the end in buildah's list, and stays in its place in ours.
    settings["Env"].as_array_mut().unwrap().sort_by_key(ToString::to_string);
    settings
}

#[test]
fn images_take_over_what_dockerfiles_would() {
    let folder = fresh("inheritance");
    fs::create_dir_all(folder.join("context")).unwrap();
    fs::create_dir_all(folder.join("registry")).unwrap();
    fs::write(folder.join("context/trigger"), "").unwrap();
    fs::write(folder.join("context/note"), "").unwrap();
    let registry = DockerRegistry::start(&folder.join("registry"));
    let buildah = Buildah::new(&folder);
    let base = registry.image("base:1");
    buildah.build(&format!("FROM {}\n{BASE}", debian_base()), &base);
    let trigger = json!(["COPY trigger /etc/trigger"]);
    assert_eq!(settings(&base)["OnBuild"], trigger);
    for (number, (dockerfile, recipe)) in CHANGES.iter().enumerate() {
        let (theirs, ours) = (registry.image(&format!("theirs:{number}")), registry.image(&format!("ours:{number}")));
        buildah.build(&format!("FROM {base}\n{dockerfile}COPY note /opt/note\n"), &theirs);
        let text = format!(
            "name = \"ours\"\nbase = \"{base}\"\nplatforms = [\"linux/amd64\"]\n[image]\n{recipe}\
             [[scripts]]\nfrom = \"note\"\nto = \"/opt/note\"\n"
        );
        let project = Project::of_text("inheritance-recipe", &text);
        fs::write(project.folder().join("note"), "").unwrap();
        let told = project.build(&kept("store")).args(["--push", &ours]).output().unwrap();
        let stderr = String::from_utf8(told.stderr).unwrap();
        assert!(told.status.success() && stderr.contains("ONBUILD"), "{stderr}");
        let (theirs, mut ours_say) = (settings(&theirs), settings(&ours));
        // Buildah has run the step; nothing runs here, so that it stays for who builds on this, and is told.
        assert_eq!(ours_say.as_object_mut().unwrap().remove("OnBuild"), Some(trigger.clone()));
        assert_eq!(ours_say, theirs, "{dockerfile}");
        assert_eq!(ours_say["Healthcheck"]["Test"], json!(["CMD", "/usr/bin/true"]));
        assert_eq!(ours_say["Shell"], json!(["/bin/bash", "-c"]));
        names_its_base(&ours, &base);
    }
    drop(registry);
    fs::remove_dir_all(folder).unwrap();
}

/// What buildah leaves out in this format.
fn names_its_base(image: &str, base: &str) {
    let manifest: Value = serde_json::from_slice(&inspected(image, &[])).unwrap();
    let digest = Digest::of(&inspected(base, &[])).to_string();
    let manifest = manifest["manifests"].get(0).map_or(manifest.clone(), |entry| {
        let name = format!("{}@{}", image.rsplit_once(':').unwrap().0, entry["digest"].as_str().unwrap());
        serde_json::from_slice(&inspected(&name, &[])).unwrap()
    });
    let annotation = |key: &str| manifest["annotations"][format!("org.opencontainers.image.base.{key}")].clone();
    assert_eq!((annotation("name"), annotation("digest")), (json!(base), json!(digest)), "{manifest}");
}
