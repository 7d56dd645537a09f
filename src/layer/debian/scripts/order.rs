//! The order in which packages are configured: what others depend on comes first.

use std::collections::BTreeMap;

use super::{super::UnpackError, Packed, text};
use crate::debian::{Dependency, Paragraph};

/// `packages` in this order; those that depend on each other in a circle, and all that is left open, by name.
pub(super) fn by_dependencies<'a>(packages: &[&'a Packed]) -> Result<Vec<&'a Packed>, UnpackError> {
    let places: BTreeMap<&str, usize> =
        packages.iter().enumerate().map(|(place, package)| (package.index.package.as_str(), place)).collect();
    let mut needs = Vec::with_capacity(packages.len());
    for package in packages {
        let control = text(package, "control")?;
        let names = names(&control);
        needs.push(names.iter().filter_map(|name| places.get(name.as_str()).copied()).collect::<Vec<_>>());
    }
    let mut ordered = Vec::with_capacity(packages.len());
    let mut seen = vec![false; packages.len()];
    for start in 0..packages.len() {
        // Depth first, without recursion: a place comes out once all that it needs has.
        let mut pending = vec![(start, 0)];
        while let Some((place, next)) = pending.pop() {
            if next == 0 && std::mem::replace(&mut seen[place], true) {
                continue;
            }
            match needs[place].get(next) {
                Some(needed) => pending.extend([(place, next + 1), (*needed, 0)]),
                None => ordered.push(packages[place]),
            }
        }
    }
    Ok(ordered)
}

/// What a control file says the package depends on, every alternative.
fn names(control: &str) -> Vec<String> {
    let Ok(paragraph) = Paragraph::parse("control", control.as_bytes()) else { return Vec::new() };
    let fields = ["Pre-Depends", "Depends"].into_iter().filter_map(|field| paragraph.get(field));
    let dependencies = fields.flat_map(|field| Dependency::parse_field(field).unwrap_or_default());
    dependencies.flat_map(|dependency| dependency.alternatives).map(|alternative| alternative.name).collect()
}
