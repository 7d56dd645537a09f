//! The recipe for DICOM on a base like `PyTorch`'s own: Debian below, and in `/opt/conda` a CPython with libraries
//! of its own, in which pip has installed things as it always does.
//!
//! What pip installs and wheels then replace is numpy here. With `OVER_CONDA_WITH_TORCH=1` it is torch with all
//! that it needs, which takes long and needs 20 GB of disk; `OVER_CONDA_ON=arm64` tries one platform alone, where
//! torch comes without CUDA and 2 GB do.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

use super::{
    bases::{Base, USUAL, bookworm, copy, cpython},
    image::Layout,
    root::{MACHINES, run},
    workshop::{Project, call, fresh, kept, of_repository, output, wheelwright},
};

const PREFIX: &str = "opt/conda";
const SITE: &str = "opt/conda/lib/python3.11/site-packages";

/// Imports the distribution that is named, beside those of the recipe, and lets it compute.
const PROGRAM: &str = "import importlib, importlib.metadata as metadata, sys; name = sys.argv[1]; \
                       print(metadata.version(name), importlib.import_module(name).ones(2).sum().item())";

/// What pip installs in the base, and what takes its place.
struct Brought {
    name: &'static str,
    version: &'static str,
    other: &'static str,
    /// Beside `name`: numpy, and everything that pip would ask for on arm64, where it cannot be asked from here.
    needs: &'static [&'static str],
    /// As the recipe names what may be replaced.
    replaced: &'static str,
}

const NUMPY: Brought = Brought { name: "numpy", version: "1.26.4", other: "1.25.2", needs: &[], replaced: "\"numpy\"" };
const TORCH: Brought = Brought {
    name: "torch",
    version: "2.3.1",
    other: "2.2.2",
    needs: &[
        "numpy==1.26.4",
        "filelock",
        "typing-extensions",
        "sympy",
        "mpmath<1.4",
        "networkx",
        "jinja2",
        "markupsafe",
        "fsspec",
    ],
    replaced: "\"torch\", \"triton\", \"nvidia-*\"",
};

/// A folder with the wheels that pip gets, its own among them.
fn wheels(brought: &Brought, architecture: &str, machine: &str) -> PathBuf {
    let folder = kept(&format!("over-conda-wheels/{}-{architecture}", brought.name));
    let platform = format!("manylinux2014_{machine}");
    let options = ["--only-binary", ":all:", "--python-version", "311", "--platform", &platform];
    let mut download = call("python3", ["-m", "pip", "download", "--quiet", "--disable-pip-version-check"]);
    download.args(options).arg("--find-links").arg(&folder).arg("--dest").arg(&folder).args(brought.needs);
    if architecture == "arm64" {
        download.arg("--no-deps");
    }
    output(download.args(["pip==24.0", &format!("{}=={}", brought.name, brought.version)]));
    folder
}

/// The base as a layout, of which nothing else is left.
fn conda(brought: &Brought, (architecture, machine): (&'static str, &str)) -> String {
    let folder = fresh(&format!("over-conda/{architecture}"));
    let root = folder.join("root");
    copy(&bookworm(architecture), &root);
    let tree = cpython(&format!("gnu-{architecture}"));
    copy(&tree.join("usr/local"), &root.join(PREFIX));
    output(call("cp", ["-a"]).arg(tree.join("lib")).arg(root.join(PREFIX)));
    let path = format!("/{PREFIX}/bin:{USUAL}");
    let base = Base { root, architecture, path: path.clone() };
    base.write(&format!("{PREFIX}/conda-meta/python-3.11.2-h2755cc3_0_cpython.json"), "{}");
    copy(&wheels(brought, architecture, machine), &base.root.join("wheels"));
    let pip = ["/opt/conda/bin/python3", "/wheels/pip-24.0-py3-none-any.whl/pip", "install", "--quiet"];
    let options = ["--no-index", "--find-links", "/wheels", "--no-cache-dir", "--disable-pip-version-check"];
    // In an emulator that alone would take minutes.
    let compile = if architecture == "arm64" { "--no-compile" } else { "--compile" };
    base.run(&[&pip[..], &options, &[compile, "pip", "numpy", brought.name]].concat());
    fs::remove_dir_all(base.root.join("wheels")).unwrap();
    let layout = folder.join("base");
    let script = of_repository("tests/peers/layout.py");
    let variables = [format!("PATH={path}")];
    output(call("python3", [&script, &base.root, &layout]).arg(architecture).args(variables));
    fs::remove_dir_all(&base.root).unwrap();
    format!("oci:{}", layout.display())
}

/// An image of this project, unpacked by umoci.
struct Image {
    root: PathBuf,
    config: serde_json::Value,
}

impl Image {
    fn of(folder: &Path, architecture: &str) -> Self {
        let layout = Layout::at(folder.join("image"));
        let config = layout.config(architecture);
        let root = layout.unpack(architecture, folder);
        fs::remove_dir_all(folder.join("image")).unwrap();
        Self { root, config }
    }

    fn python(&self, words: &[&str]) -> String {
        run(&self.root, &self.config, &[&["/opt/conda/bin/python3"], words].concat())
    }

    /// What RECORDs and files do not say alike.
    fn leftovers(&self) -> String {
        let mut script = call("python3", [of_repository("tests/peers/leftovers.py")]);
        script.args([self.root.join(SITE), self.root.join(PREFIX).join("bin")]);
        String::from_utf8(output(&mut script)).unwrap()
    }
}

fn check(brought: &Brought, platform: (&'static str, &str)) {
    let base = conda(brought, platform);
    let architecture = platform.0;
    adds_and_leaves_alone(brought, architecture, &base);
    replaces(brought, architecture, &base);
    fs::remove_dir_all(kept(&format!("over-conda/{architecture}"))).unwrap();
}

fn adds_and_leaves_alone(brought: &Brought, architecture: &str, base: &str) {
    let folder = format!("over-conda/{architecture}/dicom");
    let project = Project::of_repository(&folder, "dicom");
    // What the base has is asked for too, and is there.
    let asked = Vec::from_iter(BTreeSet::from(["pydicom>=2.4,<4", "numpy", brought.name]));
    let recipe = format!(
        "extends = \"lstv-uncertainty.toml\"\nplatforms = [\"linux/{architecture}\"]\nwheels.require = {asked:?}\n"
    );
    fs::write(project.folder().join("dicom.toml"), recipe).unwrap();
    output(project.command("lock", &kept("store")).args(["--base", base]));
    let lock = project.lock();
    let python = lock.platforms[0].facts.python.as_ref().unwrap();
    assert_eq!((&*python.path, &*python.scheme.purelib), ("/opt/conda/bin/python3", &*format!("/{SITE}")));
    let names: Vec<&str> = lock.images[0].wheels.iter().map(|wheel| &*wheel.name).collect();
    assert!(names.contains(&"pydicom") && !names.contains(&"numpy") && !names.contains(&"torch"), "{names:?}");
    let mut build = project.build(&kept("store"));
    let to = format!("oci:{}", project.folder().join("image").display());
    output(build.args(["--locked", "--base", base, "--output", &to]));
    let image = Image::of(project.folder(), architecture);
    assert_eq!(image.leftovers(), "");
    assert_eq!(image.python(&["/opt/lstv/decode.py"]), "{\"decoder\": \"gdcm\"}\n");
    let imported = image.python(&["-c", &format!("import pydicom, gdcm; {PROGRAM}"), brought.name]);
    assert_eq!(imported, format!("{} 2.0\n", brought.version));
    assert_eq!(image.python(&["-c", PROGRAM, "numpy"]), format!("{} 2.0\n", NUMPY.version));
    fs::remove_dir_all(project.folder()).unwrap();
}

fn replaces(brought: &Brought, architecture: &str, base: &str) {
    let folder = fresh(&format!("over-conda/{architecture}/other"));
    let recipe = folder.join("other.toml");
    let Brought { name, version, other, replaced, .. } = brought;
    let text = format!(
        "name = \"other\"\nbase = \"{base}\"\nplatforms = [\"linux/{architecture}\"]\n\
         wheels.require = [\"{name}=={other}\"]\n"
    );
    fs::write(&recipe, &text).unwrap();
    let to = format!("oci:{}", folder.join("image").display());
    let build = || {
        let mut build = wheelwright(["build", "--output", &to, "--store"]);
        build.arg(kept("store")).arg(&recipe);
        build
    };
    let refused = build().output().unwrap();
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(4), "{told}");
    for expect in [&format!("{name} {version}"), "hint: ", "`wheels.allow-replace`"] {
        assert!(told.contains(expect), "{expect}: {told}");
    }
    fs::write(&recipe, format!("{text}wheels.allow-replace = [{replaced}]\n")).unwrap();
    output(&mut build());
    let image = Image::of(&folder, architecture);
    assert_eq!(image.leftovers(), "");
    assert_eq!(image.python(&["-c", PROGRAM, name]), format!("{other} 2.0\n"));
}

#[test]
fn what_the_base_has_stays_or_is_replaced_whole() {
    let brought = if env::var_os("OVER_CONDA_WITH_TORCH").is_some() { &TORCH } else { &NUMPY };
    let only = env::var("OVER_CONDA_ON").ok();
    let wanted = |architecture: &str| only.as_deref().is_none_or(|only| only == architecture);
    let platforms: Vec<_> = MACHINES.into_iter().filter(|(architecture, _)| wanted(architecture)).collect();
    assert!(!platforms.is_empty(), "{only:?} is no platform");
    for platform in platforms {
        check(brought, platform);
    }
}
