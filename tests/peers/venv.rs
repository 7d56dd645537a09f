//! Wheels in an environment of their own, laid out without Python: unpacked by umoci, Python takes it for one, on
//! both processors.

use super::{
    debian_base::debian_base,
    image::Layout,
    root::{MACHINES, run},
    workshop::{Project, kept, output},
};

/// A compiled module of the environment's, and how the interpreter sees itself.
const PROGRAM: &str = "import platform, sys, sysconfig, markupsafe._speedups as module; \
                       print(platform.machine(), sys.prefix, sys.base_prefix, module.__file__.startswith(sysconfig.get_path('platlib')))";

#[test]
fn an_environment_starts() {
    let recipe = format!(
        "name = \"venv\"\nbase = \"{}\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\
         wheels = {{ require = [\"markupsafe==3.0.2\"], into = \"/opt/venv\" }}\n",
        debian_base()
    );
    let project = Project::of_text("venv", &recipe);
    let layout = project.folder().join("layout");
    output(project.build(&kept("store")).args(["--output", &format!("oci:{}", layout.display())]));
    let layout = Layout::at(layout);
    for (architecture, machine) in MACHINES {
        let config = layout.config(architecture);
        let path =
            config["config"]["Env"].as_array().unwrap().iter().find_map(|entry| entry.as_str()?.strip_prefix("PATH="));
        assert!(path.unwrap().starts_with("/opt/venv/bin:"), "{config}");
        let root = layout.unpack(architecture, project.folder());
        let said = run(&root, &config, &["/opt/venv/bin/python3", "-c", PROGRAM]);
        assert_eq!(said, format!("{machine} /opt/venv /usr True\n"));
    }
}
