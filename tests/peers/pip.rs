//! What lies in site-packages is what pip would have put there.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use wheelwright::{lock::Lock, oci::Digest};

use super::{
    debian_base::debian_base,
    image::Layout,
    quickstart::quickstart,
    root::MACHINES,
    workshop::{Project, call, fresh, kept, output},
};

/// Where Debian's Python looks for what others have installed.
const SITE_PACKAGES: &str = "usr/local/lib/python3.11/dist-packages";

/// The newest glibc that a Debian bookworm satisfies.
const NEWEST_GLIBC: u32 = 36;

#[test]
fn the_quickstart_is_what_pip_installs() {
    let quickstart = quickstart();
    let requirements = ["flask>=3,<4", "cbor2>=5,<7", "httpx>=0.27,<1"];
    let folder = fresh("pip-quickstart");
    for (architecture, root) in quickstart.roots() {
        compare(root, &pip(&folder, architecture, &requirements, &quickstart.lock));
    }
}

#[test]
fn decoders_of_medical_images_are_what_pip_installs() {
    let requirements = ["pydicom", "python-gdcm", "pylibjpeg", "pylibjpeg-libjpeg", "numpy<2"];
    let recipe = format!(
        "name = \"dicom\"\nbase = {:?}\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\n\
         [wheels]\nrequire = {requirements:?}\nskew = \"warn\"\n",
        debian_base()
    );
    let project = Project::of_text("dicom", &recipe);
    let layout = project.folder().join("layout");
    output(project.build(&kept("store")).args(["--output", &format!("oci:{}", layout.display())]));
    for (architecture, _) in MACHINES {
        let root = Layout::at(&layout).unpack(architecture, project.folder());
        compare(&root, &pip(project.folder(), architecture, &requirements, &project.lock()));
        fs::remove_dir_all(root).unwrap();
    }
}

/// A folder with what pip installs for an architecture, with the versions of the lock.
fn pip(folder: &Path, architecture: &str, requirements: &[&str], lock: &Lock) -> PathBuf {
    let (_, machine) = MACHINES.into_iter().find(|(name, _)| *name == architecture).unwrap();
    let image = lock.image(None, &format!("linux/{architecture}").parse().unwrap()).unwrap();
    let mut pins = String::new();
    for wheel in &image.wheels {
        writeln!(pins, "{}=={}", wheel.name, wheel.version).unwrap();
    }
    let constraints = folder.join(format!("{architecture}.txt"));
    fs::write(&constraints, pins).unwrap();
    let target = folder.join(format!("pip-{architecture}"));
    let mut command = call("python3", ["-m", "pip", "install", "--quiet", "--no-compile", "--only-binary", ":all:"]);
    command.args(["--disable-pip-version-check", "--root-user-action", "ignore", "--python-version", "3.11"]);
    for minor in (5..=NEWEST_GLIBC).rev() {
        command.args(["--platform", &format!("manylinux_2_{minor}_{machine}")]);
        // pip does not know that these are other names for some of the above.
        for (alias, _) in [("2014", 17), ("2010", 12), ("1", 5)].into_iter().filter(|(_, same)| *same == minor) {
            command.args(["--platform", &format!("manylinux{alias}_{machine}")]);
        }
    }
    command.args(["--platform", &format!("linux_{machine}")]);
    output(command.arg("--target").arg(&target).arg("--constraint").arg(constraints).args(requirements));
    target
}

/// Every file of site-packages must be pip's, and every file of pip's must be there; likewise scripts,
/// whose text is the installer's own.
fn compare(root: &Path, pip: &Path) {
    let ours = files(&root.join(SITE_PACKAGES));
    let mut theirs = files(pip);
    let scripts: Vec<String> = theirs.keys().filter(|path| path.starts_with("bin/")).cloned().collect();
    theirs.retain(|path, _| !path.starts_with("bin/"));
    assert!(ours.len() > 100, "{} files", ours.len());
    let mut differences = String::new();
    for path in ours.keys().chain(theirs.keys()).filter(|path| ours.get(*path) != theirs.get(*path)) {
        writeln!(differences, "{path}: ours {:?}, pip's {:?}", ours.get(path), theirs.get(path)).unwrap();
    }
    assert!(differences.is_empty(), "{}:\n{differences}", root.display());
    for script in scripts {
        let mode = fs::metadata(root.join("usr/local").join(&script)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755, "{script}");
    }
}

/// Path → digest, and whether it may be executed. Not what says who installed it.
fn files(folder: &Path) -> BTreeMap<String, (Digest, bool)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        for entry in fs::read_dir(current).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                folders.push(path);
            } else if !(path.to_str().unwrap().contains(".dist-info/") && ["RECORD", "INSTALLER"].contains(&name)) {
                let executable = fs::metadata(&path).unwrap().permissions().mode() & 0o111 != 0;
                let shown = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(shown, (Digest::of(&fs::read(&path).unwrap()), executable));
            }
        }
    }
    found
}
