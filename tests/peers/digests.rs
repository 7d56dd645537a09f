//! The same recipe and lock give the same digests, whatever else differs.

use std::{fs, path::Path};

use super::{
    image::Layout,
    workshop::{Project, fresh, output},
};

#[test]
fn folders_jobs_and_stores_leave_no_trace() {
    let (here, there) = (project("digests-here"), project("digests-there/deep er"));
    let stores = fresh("digests-stores");
    let (one, other) = (stores.join("one"), stores.join("other"));
    let first = digest(&here, &one, "1");
    fs::copy(here.lock_file(), there.lock_file()).unwrap();
    assert_eq!(digest(&there, &other, "2"), first, "another folder, an empty store, two jobs");
    assert_eq!(digest(&there, &one, "2"), first, "a full store");
    fs::remove_dir_all(other.join("v1/layers")).unwrap();
    assert_eq!(digest(&here, &other, "1"), first, "wheels at hand, layers made again");
}

fn project(folder: &str) -> Project {
    Project::of_repository(folder, "quickstart")
}

fn digest(project: &Project, store: &Path, jobs: &str) -> String {
    let layout = project.folder().join("layout");
    if layout.exists() {
        fs::remove_dir_all(&layout).unwrap();
    }
    output(project.build(store).args(["--jobs", jobs, "--output", &format!("oci:{}", layout.display())]));
    Layout::at(layout).digest()
}
