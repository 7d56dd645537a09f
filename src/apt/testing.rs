//! Indexes of a line a package.

use std::{fmt::Write as _, sync::Arc};

use super::{DEBIAN, Origin, Standing, Universe};
use crate::debian::{Package, packages};

/// Each line is `name version[ | field: value; …]`.
pub(super) fn packages_of(lines: &str) -> Vec<Package> {
    let zeros = "0".repeat(64);
    let mut text = String::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (title, fields) = line.split_once(" | ").unwrap_or((line, ""));
        let (name, version) = title.split_once(' ').unwrap();
        let fields = fields.replace("; ", "\n");
        let file = format!("Filename: pool/{name}.deb\nSize: 1\nSHA256: {zeros}\nArchitecture: amd64");
        writeln!(text, "Package: {name}\nVersion: {version}\n{file}\n{fields}\n").unwrap();
    }
    packages("test", text.as_bytes()).map(Result::unwrap).collect()
}

/// A suite that is asked without being named, and its backports.
pub(super) fn universe_of(lines: &str, backports: &str) -> Universe {
    let mut universe = Universe::default();
    for (suite, standing, lines) in
        [("demo", Standing::Regular, lines), ("demo-backports", Standing::OnRequest, backports)]
    {
        let (archive, suite, component) = (DEBIAN.to_owned(), suite.to_owned(), "main".to_owned());
        let origin = Arc::new(Origin { archive, suite, component, standing });
        for package in packages_of(lines) {
            universe.add(&origin, package);
        }
    }
    universe.complete().unwrap();
    universe
}
