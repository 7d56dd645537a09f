//! Sources compiled by a real CPython: the same bytes from two folders and for two processors, and taken by the
//! interpreters of the images for what they import.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use super::{
    image::Layout,
    root::{MACHINES, run},
    workshop::{Project, fresh, kept, output, wheelwright},
};

const RECIPE: &str = r#"
name      = "NAME"
base      = "scratch"
platforms = ["linux/amd64", "linux/arm64"]

[debian]
suite    = "bookworm"
packages = ["python3"]

[wheels]
require  = ["flask==3.1.0"]
bytecode = true

[[scripts]]
from = "app"
to   = "/app"

[image]
entrypoint = ["python3", "/app/main.py"]
env        = { PYTHONDONTWRITEBYTECODE = "1", PATH = "/usr/local/bin:/usr/bin:/bin" }
"#;

/// Imports in a process of its own, and tells where each module's code came from.
const IMPORTS: &str = "\
import subprocess, sys
said = subprocess.run([sys.executable, '-v', '-c', 'import sys; sys.path.append(\"/app\"); import flask, helper'],
                      stderr=subprocess.PIPE, text=True, check=True).stderr
print('\\n'.join(line for line in said.splitlines() if ' matches ' in line or 'code object from' in line))
";

#[test]
fn two_builds_are_one_and_both_platforms_import_what_was_compiled() {
    let build = |name: &str| {
        let project = Project::of_text(name, &RECIPE.replace("NAME", "bytecode"));
        fs::create_dir(project.folder().join("app")).unwrap();
        fs::write(project.folder().join("app/main.py"), "import flask, helper\nprint(helper.text)\n").unwrap();
        fs::write(project.folder().join("app/helper.py"), "text = 'compiled'\n").unwrap();
        project
    };
    let (here, there) = (build("bytecode-here"), build("bytecode-there"));
    let layouts = [(&here, kept("store")), (&there, fresh("bytecode-store"))].map(|(project, store)| {
        let layout = project.folder().join("layout");
        output(project.build(&store).args(["--progress", "off", "--output", &format!("oci:{}", layout.display())]));
        Layout::at(layout)
    });
    assert_eq!(layouts[0].digest(), layouts[1].digest());
    assert_eq!(here.lock().platforms[0].compiler, here.lock().platforms[1].compiler);

    let folder = here.folder();
    let compiled = |architecture: &str| -> BTreeSet<String> {
        let history = layouts[0].config(architecture);
        let (steps, layers) = (history["history"].as_array().unwrap(), &history["rootfs"]["diff_ids"]);
        let named = |what: &str| -> Vec<Value> {
            let is_named = |step: &&Value| step["created_by"].as_str().unwrap().contains(what);
            let places = steps.iter().enumerate().filter(|(_, step)| is_named(step));
            places.map(|(place, _)| layers[place].clone()).collect()
        };
        assert_eq!(named("bytecode of debian").len(), 1, "{history}");
        named("bytecode of").iter().map(|digest| digest.as_str().unwrap().to_owned()).collect()
    };
    let (amd64, arm64) = (compiled("amd64"), compiled("arm64"));
    assert_eq!((amd64.len(), arm64.len()), (3, 3));
    // Of the packages' sources some differ between processors; those of the wheels are the same.
    assert!(amd64.intersection(&arm64).count() >= 2, "{amd64:?} {arm64:?}");

    let address = format!("oci:{}", folder.join("layout").display());
    output(&mut wheelwright(["verify", &address, "--store", &kept("store").display().to_string()]));
    for (architecture, _) in MACHINES {
        let root = layouts[0].unpack(architecture, folder);
        let config = layouts[0].config(architecture);
        assert_eq!(run(&root, &config, &["/usr/bin/python3", "/app/main.py"]), "compiled\n");
        if architecture == MACHINES[0].0 {
            let said = run(&root, &config, &["/usr/bin/python3", "-c", IMPORTS]);
            for module in
                ["/usr/lib/python3.11/__pycache__/ast", "packages/flask/__pycache__/app", "/app/__pycache__/helper"]
            {
                let taken = |line: &str| line.contains(&format!("{module}.cpython-311.pyc matches "));
                assert!(said.lines().any(taken), "{module}: {said}");
            }
            // A link into /etc is no source of the packages' folders.
            let from_source = |line: &&str| line.ends_with(".py'") && !line.contains("sitecustomize");
            assert_eq!(said.lines().find(from_source), None, "{said}");
        }
        fs::remove_dir_all(folder.join(architecture)).unwrap();
    }
}
