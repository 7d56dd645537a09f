//! An image put on a base that has changed since: unpacked by umoci, it starts.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    bases::{USUAL, bookworm, copy},
    debian_base::debian_base,
    image::Layout,
    root::{MACHINES, run},
    workshop::{Project, call, fresh, kept, of_repository, output, wheelwright},
};

const PLATFORMS: &str = "platforms = [\"linux/amd64\", \"linux/arm64\"]";
/// A compiled module of the image's, and a file that only the newer base has.
const PROGRAM: &str =
    "import platform, markupsafe._speedups; print(platform.machine(), open('/etc/release-note').read())";

#[test]
fn an_image_starts_on_a_newer_base() {
    let base = debian_base();
    let folder = fresh("rebasing-images");
    let layout = |name: &str| format!("oci:{}", folder.join(name).display());
    let app =
        format!("name = \"rebasing\"\nbase = \"{base}\"\n{PLATFORMS}\nwheels.require = [\"markupsafe==3.0.2\"]\n");
    output(Project::of_text("rebasing", &app).build(&kept("store")).args(["--output", &layout("app")]));
    let newer = format!(
        "name = \"newer\"\nbase = \"{base}\"\n{PLATFORMS}\n[[scripts]]\nfrom = \"note\"\nto = \"/etc/release-note\"\n"
    );
    let project = Project::of_text("newer", &newer);
    fs::write(project.folder().join("note"), "12.99").unwrap();
    output(project.build(&kept("store")).args(["--output", &layout("newer")]));
    let mut rebase = wheelwright(["rebase", &layout("app"), "--from", &base, "--base", &layout("newer")]);
    output(rebase.args(["--output", &layout("rebased"), "--store"]).arg(kept("store")));
    let rebased = Layout::at(folder.join("rebased"));
    for (architecture, machine) in MACHINES {
        let root = rebased.unpack(architecture, &folder);
        let config = rebased.config(architecture);
        assert_eq!(run(&root, &config, &["/usr/bin/python3", "-c", PROGRAM]), format!("{machine} 12.99\n"));
    }
}

/// The image's compiled module, and the base's that its package was changed for.
const EXPAT: &str = "import markupsafe._speedups, pyexpat; \
                     print(pyexpat.EXPAT_VERSION, open('/usr/share/doc/libexpat1/bumped').read())";

/// A package with the files of the one in `root`, in a newer version and with one file more.
fn bumped(root: &Path, folder: &Path) -> (PathBuf, String) {
    let dpkg = |words: &[&str]| {
        let mut command = call("dpkg-query", [format!("--admindir={}", root.join("var/lib/dpkg").display())]);
        String::from_utf8(output(command.args(words))).unwrap()
    };
    let content = folder.join("content");
    for file in dpkg(&["--listfiles", "libexpat1:amd64"]).lines() {
        let (from, to) = (root.join(file.trim_start_matches('/')), content.join(file.trim_start_matches('/')));
        // Folders, and links to them, are there already.
        if !from.is_dir() {
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            output(call("cp", ["-a"]).args([from, to]));
        }
    }
    fs::write(content.join("usr/share/doc/libexpat1/bumped"), "yes").unwrap();
    let control = dpkg(&["--status", "libexpat1:amd64"]);
    let version = control.lines().find_map(|line| line.strip_prefix("Version: ")).unwrap();
    let newer = format!("{version}+bump1");
    let control = control.replace("Status: install ok installed\n", "").replace(version, &newer);
    fs::create_dir_all(content.join("DEBIAN")).unwrap();
    fs::write(content.join("DEBIAN/control"), control).unwrap();
    let package = folder.join("libexpat1.deb");
    output(call("dpkg-deb", ["--root-owner-group", "-Znone", "--build"]).args([&content, &package]));
    (package, newer)
}

#[test]
fn an_image_starts_where_dpkg_has_brought_a_newer_package() {
    let folder = fresh("rebasing-bumped");
    let root = folder.join("root");
    copy(&bookworm("amd64"), &root);
    let layout = |name: &str| format!("oci:{}", folder.join(name).display());
    let base = |name: &str| {
        let mut script = call("python3", [&of_repository("tests/peers/layout.py"), &root, &folder.join(name)]);
        output(script.args(["amd64", &format!("PATH={USUAL}")]));
    };
    base("before");
    let app = format!(
        "name = \"bumped\"\nbase = \"{}\"\nplatforms = [\"linux/amd64\"]\nwheels.require = [\"markupsafe==3.0.2\"]\n",
        layout("before")
    );
    output(Project::of_text("bumped", &app).build(&kept("store")).args(["--output", &layout("app")]));
    let (package, version) = bumped(&root, &folder);
    let mut dpkg = call("dpkg", ["--log=/dev/null", "--install", "--root"]);
    output(dpkg.arg(&root).arg(package).env("DEBIAN_FRONTEND", "noninteractive"));
    base("after");
    let mut rebase = wheelwright(["rebase", &layout("app"), "--from", &layout("before"), "--base", &layout("after")]);
    output(rebase.args(["--output", &layout("rebased"), "--store"]).arg(kept("store")));
    output(wheelwright(["verify", &layout("rebased"), "--store"]).arg(kept("store")));
    let rebased = Layout::at(folder.join("rebased"));
    let blobs = Layout::at(folder.join("app")).blobs();
    assert!(rebased.blobs().intersection(&blobs).count() > 0, "the image's own layer is the same");
    let (root, config) = (rebased.unpack("amd64", &folder), rebased.config("amd64"));
    let told = run(&root, &config, &["/usr/bin/python3", "-c", EXPAT]);
    assert!(told.starts_with("expat_") && told.ends_with(" yes\n"), "{told}");
    assert!(fs::read_to_string(root.join("var/lib/dpkg/status")).unwrap().contains(&format!("Version: {version}\n")));
    fs::remove_dir_all(folder).unwrap();
}
