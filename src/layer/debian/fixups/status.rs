//! What is installed, in the form that scanners of images read: a file per package in
//! `/var/lib/dpkg/status.d`, as images built without dpkg have it.

use super::{Packed, Tree};

const FOLDER: &str = "var/lib/dpkg/status.d";

pub(super) fn apply(tree: &mut Tree, packages: &[&Packed]) {
    for package in packages {
        let name = &package.index.package;
        for (file, end) in [("control", ""), ("md5sums", ".md5sums")] {
            if let Some(stretch) = package.index.control_files.get(file) {
                tree.add_body(&format!("{FOLDER}/{name}{end}"), package.body(stretch));
            }
        }
    }
}
