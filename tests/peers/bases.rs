//! What is known of bases, held against what the interpreters in them say of themselves.
//!
//! Real are: Debian's own files (bookworm, installed where this machine can run them, and trixie and
//! bookworm, extracted, the last without a merged `/usr`), CPython as its authors ship it, over glibc and over musl, and virtual
//! environments that Python makes itself. Only laid out like the originals are: the folders of conda and
//! pyenv, in which that CPython stands, and what Alpine writes beside its Python.

use std::{
    fs,
    io::{self, BufReader},
    path::{Path, PathBuf},
    process::Stdio,
    sync::OnceLock,
};

use serde_json::{Value, json};
use wheelwright::{
    base::{Tree, inspect, read_base},
    layout::LayoutSource,
    lock::{Facts, Installation},
    python::InterpreterKind,
    store::Store,
};

use super::{
    debian_base::debian_base,
    image::Layout,
    root::{MACHINES, run},
    workshop::{call, fresh, kept, of_repository, output},
};

/// What an interpreter says of itself.
const PROBE: &str = r#"
import sys, types
try:
    import binascii
except ImportError:  # of a CPython that was compiled without zlib; nothing is computed with it here
    sys.modules["binascii"] = types.ModuleType("binascii")
    sys.modules["binascii"].__getattr__ = lambda name: None
import importlib.metadata, json, os, re, shutil, sysconfig
installed = {}
for one in importlib.metadata.distributions():
    installed.setdefault(re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower(), one.version)
try:
    libc = os.confstr("CS_GNU_LIBC_VERSION")
except (OSError, ValueError):  # musl knows no such name
    libc = None
print(json.dumps({
    "version": sys.version.split()[0],
    "abi": sysconfig.get_config_var("SOABI"),
    "prefix": sys.prefix,
    "paths": sysconfig.get_paths(),
    "installed": sorted(installed.items()),
    "python3": shutil.which("python3"),
    "libc": libc,
}))
"#;

pub(super) const USUAL: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const METADATA: &str = "Metadata-Version: 2.1\nName: Demo.Thing\nVersion: 1.0\n";

/// A root, and how its image would start.
pub(super) struct Base {
    pub(super) root: PathBuf,
    pub(super) architecture: &'static str,
    /// Where it looks for programs.
    pub(super) path: String,
}

impl Base {
    fn config(&self) -> Value {
        let environment = json!({ "Env": [format!("PATH={}", self.path)] });
        json!({ "architecture": self.architecture, "config": environment })
    }

    pub(super) fn run(&self, words: &[&str]) -> String {
        run(&self.root, &self.config(), words)
    }

    fn probe(&self, interpreter: &str) -> Value {
        serde_json::from_str(&self.run(&[interpreter, "-s", "-c", PROBE])).unwrap()
    }

    /// What is known from the files alone.
    fn facts(&self) -> Facts {
        let arguments = ["--create", "--exclude=./qemu-*", "--exclude=./dev/*", "--directory"];
        let mut tar = call("tar", arguments).arg(&self.root).arg(".").stdout(Stdio::piped()).spawn().unwrap();
        let mut tree = Tree::new();
        let mut layer = BufReader::with_capacity(1 << 20, tar.stdout.take().unwrap());
        tree.apply_layer(&mut layer).unwrap();
        // Padding, which is no part of the layer.
        io::copy(&mut layer, &mut io::sink()).unwrap();
        // 1 means that a file changed while it was read: other tests link these files, which counts as that.
        assert!(matches!(tar.wait().unwrap().code(), Some(0 | 1)));
        tree.facts(&self.config()["config"], &[]).unwrap()
    }

    /// Compares everything that both can know; `kinds` are those of the interpreters there.
    fn check(&self, kinds: &[InterpreterKind]) -> Facts {
        let facts = self.facts();
        let found: Vec<_> = facts.interpreters.iter().map(|found| found.kind).collect();
        assert_eq!(found, kinds, "{}: {:?}", self.root.display(), facts.interpreters);
        for found in &facts.interpreters {
            self.check_installation(found);
        }
        let python = facts.python.as_ref().unwrap();
        let said = self.probe(&python.path);
        let about = format!("{}: {said}", self.root.display());
        assert_eq!(said["python3"], python.path, "{about}");
        assert_eq!(said["version"], python.version.to_string(), "{about}");
        let scheme = &python.scheme;
        for (key, path) in [
            ("purelib", &scheme.purelib),
            ("platlib", &scheme.platlib),
            ("scripts", &scheme.scripts),
            ("data", &scheme.data),
        ] {
            assert_eq!(said["paths"][key], *path, "{key}: {about}");
        }
        let installed: Vec<_> = facts.installed.iter().map(|one| json!([one.name, one.version])).collect();
        assert_eq!(said["installed"], Value::from(installed), "{about}");
        if let Some(libc) = said["libc"].as_str() {
            assert_eq!(facts.libc.unwrap().to_string(), libc, "{about}");
        }
        facts
    }

    fn check_installation(&self, found: &Installation) {
        let said = self.probe(&found.path);
        let about = format!("{} {found:?}\n{said}", self.root.display());
        assert_eq!(said["version"], found.version.to_string(), "{about}");
        assert_eq!(said["abi"].as_str(), found.abi.as_deref(), "{about}");
        assert_eq!(said["prefix"], found.prefix, "{about}");
        assert_eq!(said["paths"]["purelib"], found.purelib, "{about}");
        assert_eq!(said["paths"]["platlib"], *found.platlib.as_ref().unwrap_or(&found.purelib), "{about}");
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// What `ldd --version` says: `2.36`.
    fn glibc(&self) -> String {
        let said = self.run(&["/bin/bash", "/usr/bin/ldd", "--version"]);
        said.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned()
    }
}

/// An empty folder for the roots of one kind of base.
fn roots(name: &str) -> impl Iterator<Item = (&'static str, PathBuf)> {
    let folder = fresh(&format!("bases/{name}"));
    MACHINES.into_iter().map(move |(architecture, _)| (architecture, folder.join(architecture)))
}

/// Debian bookworm with its Python, installed as Debian does.
pub(super) fn bookworm(architecture: &str) -> PathBuf {
    static ROOTS: OnceLock<PathBuf> = OnceLock::new();
    let folder = ROOTS.get_or_init(|| {
        let (base, folder) = (debian_base(), fresh("bases/bookworm"));
        let layout = base.strip_prefix("oci:").and_then(|rest| rest.rsplit_once(':')).unwrap().0;
        for (architecture, _) in MACHINES {
            Layout::at(layout).unpack(architecture, &folder);
        }
        folder
    });
    folder.join(architecture).join("rootfs")
}

/// Debian's files of `suite`, extracted.
fn debian(suite: &str, usr: &str, (architecture, root): (&str, &Path)) {
    let tar = kept("debian-roots").join(format!("{suite}-{usr}-{architecture}.tar"));
    if !tar.exists() {
        let script = of_repository("tests/peers/debian-root.sh");
        output(call("sh", [script.as_os_str()]).args([suite, architecture, usr]).arg(&tar));
    }
    fs::create_dir_all(root).unwrap();
    output(call("tar", ["--extract", "--file"]).arg(&tar).arg("--directory").arg(root));
}

/// CPython without any distribution's changes.
pub(super) fn cpython(name: &str) -> PathBuf {
    static TREES: OnceLock<PathBuf> = OnceLock::new();
    let trees = TREES.get_or_init(|| {
        let folder = kept("cpython").join("with-libraries");
        if !folder.exists() {
            output(call("sh", [of_repository("tests/peers/cpython.sh"), folder.clone()]).env("LC_ALL", "C"));
        }
        folder
    });
    trees.join(name)
}

/// The same files once more: hard links, that may be replaced but not changed.
pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    output(call("cp", ["-a", "-l", "-T"]).args([from, to]));
}

/// What is known of an image in a layout, found with an empty store, and the names of what is kept there.
fn known(layout: &Path, name: &str) -> (Facts, Vec<String>) {
    let store = fresh("bases/store");
    let source = LayoutSource::open(layout, Some(name)).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let facts = runtime.block_on(async {
        let base = read_base(&source, &"linux/amd64".parse().unwrap()).await.unwrap();
        inspect(&base, &[], &Store::open(&store).unwrap()).await.unwrap()
    });
    let notes = fs::read_dir(store.join("v1/bases")).unwrap().map(|note| note.unwrap().file_name());
    (facts, notes.map(|name| name.into_string().unwrap()).collect())
}

#[test]
fn tables_of_other_tools_say_the_same_as_the_layer() {
    let base = debian_base();
    let (layout, name) = base.strip_prefix("oci:").and_then(|rest| rest.rsplit_once(':')).unwrap();
    let chunked = fresh("bases/zstd-chunked").join("layout");
    let format = ["copy", "--override-arch", "amd64", "--dest-compress", "--dest-compress-format", "zstd:chunked"];
    output(call("skopeo", format).arg(&base).arg(format!("oci:{}:chunked", chunked.display())));
    let (expect, whole) = known(Path::new(layout), name);
    let (found, table) = known(&chunked, "chunked");
    assert_eq!(found, expect);
    let starts = |notes: &[String], with: &str| notes.iter().any(|note| note.starts_with(with));
    assert!(starts(&whole, "layer-") && starts(&table, "table-") && !starts(&table, "layer-"), "{whole:?} {table:?}");
}

#[test]
fn debian_is_known() {
    for (architecture, root) in roots("debian") {
        drop(root);
        let base = Base { root: bookworm(architecture), architecture, path: USUAL.to_owned() };
        let facts = base.check(&[InterpreterKind::Debian]);
        assert!(facts.interpreters[0].externally_managed);
        assert_eq!(facts.libc.unwrap().to_string(), format!("glibc {}", base.glibc()));
        let system = facts.system.unwrap();
        assert_eq!((system.id.as_str(), system.codename.as_deref()), ("debian", Some("bookworm")));
    }
    for (architecture, root) in roots("trixie") {
        debian("trixie", "merged", (architecture, &root));
        let base = Base { root, architecture, path: USUAL.to_owned() };
        let facts = base.check(&[InterpreterKind::Debian]);
        assert_eq!(facts.libc.unwrap().to_string(), format!("glibc {}", base.glibc()));
        assert_eq!(facts.system.unwrap().codename.as_deref(), Some("trixie"));
        assert!(facts.symlinks.iter().any(|link| link.path == "/lib" && link.target == "usr/lib"));
    }
    for (architecture, root) in roots("split") {
        debian("bookworm", "split", (architecture, &root));
        let base = Base { root, architecture, path: USUAL.to_owned() };
        let facts = base.check(&[InterpreterKind::Debian]);
        assert_eq!(facts.libc.unwrap().to_string(), format!("glibc {}", base.glibc()));
        assert!(!facts.symlinks.iter().any(|link| link.path == "/lib"), "{:?}", facts.symlinks);
    }
}

/// The files of torch for arm64, as its wheel brings them; for amd64 it would be 1.6 GB.
fn torch() -> PathBuf {
    let folder = kept("torch-wheel");
    if !folder.join("files").exists() {
        let options =
            ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--python-version", "311"];
        let download = ["--platform", "manylinux2014_aarch64", "torch==2.3.1", "--dest"];
        output(call("python3", options).args(download).arg(&folder));
        let wheel = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.is_file());
        output(call("python3", ["-m", "zipfile", "-e"]).arg(wheel.unwrap()).arg(folder.join("part")));
        fs::rename(folder.join("part"), folder.join("files")).unwrap();
    }
    folder.join("files")
}

#[test]
fn a_base_with_torch_is_known() {
    for (architecture, root) in roots("torch") {
        copy(&bookworm(architecture), &root);
        let site = root.join("usr/local/lib/python3.11/dist-packages");
        let metadata = "torch-2.3.1.dist-info";
        match architecture {
            "arm64" => copy(&torch(), &site),
            _ => copy(&torch().join(metadata), &site.join(metadata)),
        }
        let facts = Base { root, architecture, path: USUAL.to_owned() }.check(&[InterpreterKind::Debian]);
        let torch = facts.installed.iter().find(|found| found.name == "torch").unwrap();
        assert_eq!(torch.version, "2.3.1");
    }
}

#[test]
fn virtual_environments_are_known() {
    for (architecture, root) in roots("venv") {
        copy(&bookworm(architecture), &root);
        let base = Base { root, architecture, path: format!("/opt/venv/bin:{USUAL}") };
        for options in [&["/opt/venv"][..], &["--system-site-packages", "/opt/open"], &["--copies", "/srv/copy"]] {
            base.run(&[&["/usr/bin/python3", "-m", "venv", "--without-pip"], options].concat());
        }
        base.write("opt/venv/lib/python3.11/site-packages/demo_thing-1.0.dist-info/METADATA", METADATA);
        let kinds = [InterpreterKind::Venv, InterpreterKind::Venv, InterpreterKind::Venv, InterpreterKind::Debian];
        let facts = base.check(&kinds);
        assert_eq!(facts.installed.len(), 1);
        assert!(facts.interpreters[0].system_site_packages && !facts.interpreters[1].system_site_packages);
        // The same, entered through the environment that sees Debian's packages too.
        let base = Base { path: format!("/opt/open/bin:{USUAL}"), ..base };
        base.check(&kinds);
    }
}

#[test]
fn unchanged_cpython_is_known_wherever_it_stands() {
    for (architecture, root) in roots("usr-local") {
        copy(&bookworm(architecture), &root);
        // Where no maintainer script has run, there is none.
        if root.join("usr/local").exists() {
            fs::remove_dir_all(root.join("usr/local")).unwrap();
        }
        copy(&cpython(&format!("gnu-{architecture}")).join("usr/local"), &root.join("usr/local"));
        let base = Base { root, architecture, path: USUAL.to_owned() };
        base.write("usr/local/lib/python3.11/site-packages/demo_thing-1.0.dist-info/METADATA", METADATA);
        base.check(&[InterpreterKind::Debian, InterpreterKind::Standard]);
    }
    for (architecture, root) in roots("conda") {
        copy(&bookworm(architecture), &root);
        for place in ["opt/conda", "opt/pyenv/versions/3.11.2"] {
            copy(&cpython(&format!("gnu-{architecture}")).join("usr/local"), &root.join(place));
        }
        let base = Base { root, architecture, path: format!("/opt/conda/bin:{USUAL}") };
        base.write("opt/conda/conda-meta/python-3.11.2-h2755cc3_0_cpython.json", "{}");
        base.write("opt/conda/lib/python3.11/site-packages/demo_thing-1.0.dist-info/METADATA", METADATA);
        base.check(&[InterpreterKind::Conda, InterpreterKind::Standard, InterpreterKind::Debian]);
    }
}

#[test]
fn musl_is_known() {
    for (architecture, root) in roots("alpine") {
        copy(&cpython(&format!("musl-{architecture}")), &root);
        let base = Base { root, architecture, path: USUAL.to_owned() };
        base.write("etc/os-release", "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.17.10\n");
        base.write("lib/apk/db/installed", "P:musl\nV:1.2.3-r6\n\n");
        base.write("usr/lib/python3.11/site-packages/demo_thing-1.0.dist-info/METADATA", METADATA);
        let facts = base.check(&[InterpreterKind::Standard]);
        let (_, machine) = MACHINES.into_iter().find(|(name, _)| *name == architecture).unwrap();
        let mut said = call("/usr/sbin/chroot", [base.root.as_os_str()]);
        if architecture == "arm64" && std::env::consts::ARCH != "aarch64" {
            said.arg("/qemu-aarch64-static");
        }
        // The loader says its version, and that it was called without a program.
        let said = said.arg(format!("/lib/ld-musl-{machine}.so.1")).output().unwrap().stderr;
        let said = String::from_utf8(said).unwrap();
        let version = said.lines().find_map(|line| line.strip_prefix("Version ")).unwrap();
        let series = version.rsplit_once('.').unwrap().0;
        assert_eq!(facts.libc.unwrap().to_string(), format!("musl {series}"), "{said}");
        assert_eq!(facts.system.unwrap().id, "alpine");
    }
}
