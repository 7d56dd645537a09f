//! Which C library an image has.

use std::collections::BTreeSet;

use super::{
    banner::{Banners, Loader},
    entries::join,
    evidence::Evidence,
    interpreter::text,
    tree::Tree,
};
use crate::python::Libc;

/// Where loaders look without being told.
const FOLDERS: [&str; 4] = ["lib", "lib64", "usr/lib", "usr/lib64"];

/// The C library: of the kind that the interpreter asks for, if that is known. Of several versions
/// the oldest, for which every wheel works that works for one of the others.
pub(super) fn find(tree: &Tree, loader: Option<Loader>) -> Option<Libc> {
    let all = libraries(tree);
    let glibc = || {
        let versions: BTreeSet<_> = all.iter().flat_map(|banners| banners.glibc.iter().copied()).collect();
        versions.first().copied().or_else(|| debian_version(tree)).map(|(major, minor)| Libc::Glibc(major, minor))
    };
    let musl = || {
        let minors: BTreeSet<_> =
            all.iter().filter(|banners| banners.musl).flat_map(|banners| &banners.musl_minor).collect();
        minors.first().map(|minor| Libc::Musl(1, **minor))
    };
    match loader {
        Some(Loader::Glibc) => glibc(),
        Some(Loader::Musl) => musl(),
        None => glibc().or_else(musl),
    }
}

fn libraries(tree: &Tree) -> Vec<Banners> {
    let is_library =
        |name: &str| name.starts_with("libc.") || name.starts_with("libc-") || name.starts_with("ld-musl-");
    let mut found = Vec::new();
    for folder in FOLDERS {
        let machines = tree.children(folder).into_iter().filter(|(name, _)| name.contains("-linux-"));
        let folders = machines.map(|(name, _)| join(folder, name)).chain([folder.to_owned()]).collect::<Vec<_>>();
        for folder in folders {
            for (name, _) in tree.children(&folder).into_iter().filter(|(name, _)| is_library(name)) {
                let evidence = tree.find(&join(&folder, name)).and_then(|(_, node)| node.evidence.as_deref());
                if let Some(Evidence::Binary(banners)) = evidence {
                    found.push(banners.clone());
                }
            }
        }
    }
    found
}

/// What dpkg's list says, where the library itself says nothing.
fn debian_version(tree: &Tree) -> Option<(u16, u16)> {
    let list = text(tree, "var/lib/dpkg/status").or_else(|| text(tree, "var/lib/dpkg/status.d/libc6"))?;
    let paragraph = list.split("\n\n").find(|paragraph| paragraph.lines().any(|line| line == "Package: libc6"))?;
    let version = paragraph.lines().find_map(|line| line.strip_prefix("Version: "))?;
    let upstream = version.split_once(':').map_or(version, |(_, rest)| rest).split('-').next()?;
    let mut numbers = upstream.split('.').map_while(|part| part.parse().ok());
    numbers.next().zip(numbers.next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::tree::tests::tree;

    #[test]
    fn the_library_says_its_version() {
        let filler = "x".repeat(2000);
        let glibc = format!(
            "file usr/lib/x86_64-linux-gnu/libc.so.6 GNU C Library (Debian) stable release version 2.36.\\n{filler}"
        );
        let musl = format!("file usr/lib/ld-musl-x86_64.so.1 \\01.2.4\\0musl libc (x86_64)\\0{filler}");
        let dpkg = "file var/lib/dpkg/status Package: libc-bin\\nVersion: 2.1-1\\n\\nPackage: libc6\\nStatus: ok\\nVersion: 2.41-12\\n";
        let check = |files: &[&str], loader, expect: Option<&str>| {
            let found = find(&tree(&[files]), loader).map(|libc| libc.to_string());
            assert_eq!(found.as_deref(), expect, "{files:?}");
        };
        check(&[&glibc, "link lib usr/lib"], None, Some("glibc 2.36"));
        check(&[&musl], None, Some("musl 1.2"));
        check(&[&glibc, &musl], Some(Loader::Musl), Some("musl 1.2"));
        check(&[dpkg], None, Some("glibc 2.41"));
        check(&[dpkg, &glibc], Some(Loader::Glibc), Some("glibc 2.36"));
        check(&["dir usr"], None, None);
    }
}
