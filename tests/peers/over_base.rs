//! Debian packages over a base that mmdebstrap made: what is there already is not brought again, what comes
//! on top works, and apt finds nothing wrong with both together.

use std::{fs, path::Path};

use super::{
    debian_base::debian_base,
    image::Layout,
    root::{MACHINES, run},
    workshop::{Project, call, fresh, kept, output},
};

/// Loads what it is given; prints what a library says of itself.
const PROGRAM: &str = "import ctypes, platform; ctypes.CDLL('libGL.so.1'); glib = ctypes.CDLL('libglib-2.0.so.0'); \
                       print(platform.machine(), ctypes.c_uint.in_dll(glib, 'glib_major_version').value)";

#[test]
fn packages_come_on_top_of_a_base() {
    let recipe = format!(
        "name = \"over-base\"\nbase = \"{}\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\n[debian]\n\
         suite = \"bookworm\"\npackages = [\"libgl1\", \"libglib2.0-0\"]\nstrip = [\"doc\", \"man\", \"locale\"]\n",
        debian_base()
    );
    let project = Project::of_text("over-base", &recipe);
    let folder = fresh("over-base-image");
    let layout = folder.join("layout");
    output(project.build(&kept("store")).args(["--output", &format!("oci:{}", layout.display())]));
    let (lock, layout) = (project.lock(), Layout::at(layout));
    for (architecture, machine) in MACHINES {
        let locked = lock.platform(&format!("linux/{architecture}").parse().unwrap()).unwrap();
        let names: Vec<_> = locked.debian.iter().map(|package| package.name.as_str()).collect();
        assert!(names.contains(&"libgl1") && names.contains(&"libllvm15"), "{names:?}");
        for name in ["libc6", "libgcc-s1", "zlib1g", "libssl3"] {
            assert!(!names.contains(&name), "{name} is in the base");
        }
        let root = layout.unpack(architecture, &folder);
        let config = layout.config(architecture);
        assert_eq!(run(&root, &config, &["/usr/bin/python3", "-c", PROGRAM]), format!("{machine} 2\n"));
        check_with_apt(&root, architecture, locked.debian.len());
    }
}

/// Both lists together, as apt sees them.
fn check_with_apt(root: &Path, architecture: &str, expect: usize) {
    let status = fs::read_to_string(root.join("var/lib/dpkg/status")).unwrap();
    let mut all = status.trim_end().to_owned() + "\n";
    let entries = fs::read_dir(root.join("var/lib/dpkg/status.d")).unwrap().map(|entry| entry.unwrap().path());
    let mut paragraphs: Vec<_> = entries.filter(|path| path.extension().is_none_or(|end| end != "md5sums")).collect();
    paragraphs.sort();
    assert_eq!(paragraphs.len(), expect);
    for path in paragraphs {
        all += "\nStatus: install ok installed\n";
        all += fs::read_to_string(path).unwrap().trim();
        all += "\n";
    }
    let work = fresh("over-base-apt");
    fs::create_dir_all(work.join("lists/partial")).unwrap();
    fs::write(work.join("status"), all).unwrap();
    let settings = [
        format!("Dir::State::status={}", work.join("status").display()),
        format!("Dir::State::lists={}", work.join("lists").display()),
        format!("Dir::Cache={}", work.display()),
        format!("APT::Architecture={architecture}"),
        format!("APT::Architectures={architecture}"),
        "Debug::NoLocking=true".to_owned(),
    ];
    let mut check = call("apt-get", ["check"]);
    check.args(settings.iter().flat_map(|setting| ["-o", setting]));
    output(&mut check);
}
