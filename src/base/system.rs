//! What system an image is, and who keeps the list of its packages.

use super::{interpreter::text, tree::Tree};
use crate::lock::{PackageDatabase, System};

/// What os-release says; nothing where there is none.
pub(super) fn find(tree: &Tree) -> Option<System> {
    let release = text(tree, "etc/os-release").or_else(|| text(tree, "usr/lib/os-release"))?;
    let field = |name: &str| {
        let mut pairs = release.lines().filter_map(|line| line.split_once('='));
        let value = pairs.find(|(key, _)| key.trim() == name)?.1.trim().trim_matches(['"', '\'']);
        let plain = !value.is_empty() && value.chars().all(|letter| letter.is_ascii_graphic());
        plain.then(|| value.to_owned())
    };
    Some(System {
        id: field("ID").unwrap_or_else(|| "linux".to_owned()),
        version: field("VERSION_ID"),
        codename: field("VERSION_CODENAME"),
        packages: packages(tree),
    })
}

fn packages(tree: &Tree) -> Option<PackageDatabase> {
    const DPKG: &[&str] = &["var/lib/dpkg/status", "var/lib/dpkg/status.d"];
    const APK: &[&str] = &["lib/apk/db/installed", "usr/lib/apk/db/installed"];
    const RPM: &[&str] = &["rpmdb.sqlite", "Packages", "Packages.db"];
    let is_there = |path: &&str| tree.find(path).is_some();
    let is_rpm = |name: &&str| {
        ["var/lib/rpm", "usr/lib/sysimage/rpm"].iter().any(|folder| tree.find(&format!("{folder}/{name}")).is_some())
    };
    if DPKG.iter().any(is_there) {
        Some(PackageDatabase::Dpkg)
    } else if APK.iter().any(is_there) {
        Some(PackageDatabase::Apk)
    } else {
        RPM.iter().any(is_rpm).then_some(PackageDatabase::Rpm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::tree::tests::tree;

    #[test]
    fn systems_say_what_they_are() {
        let check = |files: &[&str], expect: Option<&str>| {
            let found = find(&tree(&[files])).map(|System { id, version, codename, packages }| {
                let [version, codename] = [version, codename].map(Option::unwrap_or_default);
                format!("{id} {version} {codename} {packages:?}")
            });
            assert_eq!(found.as_deref(), expect, "{files:?}");
        };
        let debian = "file usr/lib/os-release PRETTY_NAME=\"Debian 12\"\\nVERSION_ID=\"12\"\\nID=debian\\nVERSION_CODENAME=bookworm\\n";
        let expect = Some("debian 12 bookworm Some(Dpkg)");
        check(&[debian, "link etc/os-release ../usr/lib/os-release", "file var/lib/dpkg/status x"], expect);
        check(&[debian, "dir var/lib/dpkg/status.d"], expect);
        check(
            &["file etc/os-release ID=alpine\nVERSION_ID=3.20.1\n", "file lib/apk/db/installed x"],
            Some("alpine 3.20.1  Some(Apk)"),
        );
        check(
            &["file etc/os-release ID=\"rhel\"\nVERSION_ID='9.4'\n", "file var/lib/rpm/rpmdb.sqlite x"],
            Some("rhel 9.4  Some(Rpm)"),
        );
        check(&["file etc/os-release NAME=\"a b\"\n"], Some("linux   None"));
        check(&["dir etc"], None);
    }
}
