//! An image put on a base that has changed since: unpacked by umoci, it starts on both processors.

use super::{
    debian_base::debian_base,
    image::Layout,
    root::{MACHINES, run},
    workshop::{Project, fresh, kept, output, wheelwright},
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
    std::fs::write(project.folder().join("note"), "12.99").unwrap();
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
