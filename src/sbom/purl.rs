//! Package URLs.
//!
//! [Package URL specification](https://github.com/package-url/purl-spec), types `pypi`, `deb`, `oci`, `generic`.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    lock::{Facts, LockedPackage, LockedWheel, WheelSource},
    oci::{Digest, Platform, Reference},
};

/// The package URL of a distribution; `locked` is the wheel that it came in, `indexes` are the URLs of the indexes
/// that are not the default one, by their names.
#[must_use]
pub fn of_distribution(
    name: &str,
    version: &str,
    locked: Option<&LockedWheel>,
    indexes: Option<&BTreeMap<String, String>>,
) -> String {
    let (mut index, mut download) = (None, None);
    match locked.map(|wheel| &wheel.source) {
        Some(WheelSource::Index(name)) => index = indexes.and_then(|indexes| indexes.get(name)),
        Some(WheelSource::Url(url)) => download = Some(url),
        Some(WheelSource::Path(_)) | None => {}
    }
    let qualifiers = [
        ("download_url", download.map(String::as_str)),
        ("file_name", locked.map(|wheel| wheel.file.as_str())),
        ("repository_url", index.map(String::as_str)),
    ];
    purl("pypi", name, version, &qualifiers)
}

/// The package URL of a Debian package for `architecture`, in a system of which `facts` are known.
#[must_use]
pub fn of_package(name: &str, version: &str, architecture: &str, facts: &Facts) -> String {
    let distro = facts.system.as_ref().map(|system| {
        let version = system.version.as_deref().or(system.codename.as_deref());
        version.map_or_else(|| system.id.clone(), |version| format!("{}-{version}", system.id))
    });
    let vendor = facts.system.as_ref().map_or("debian", |system| system.id.as_str());
    let qualifiers = [("arch", Some(architecture)), ("distro", distro.as_deref())];
    purl("deb", &format!("{vendor}/{name}"), version, &qualifiers)
}

/// The same of a package that a lock names, whose file says for which architecture it is.
#[must_use]
pub fn of_locked_package(package: &LockedPackage, facts: &Facts) -> String {
    let stem = package.path.strip_suffix(".deb").unwrap_or(&package.path);
    let architecture = stem.rsplit_once('_').map_or("all", |(_, architecture)| architecture);
    of_package(&package.name, &package.version, architecture, facts)
}

/// The package URL of the image with the manifest `digest`, found under `name`.
#[must_use]
pub fn of_image(name: &Reference, digest: &Digest, platform: &Platform) -> String {
    let last = name.repository().rsplit('/').next().unwrap_or_default();
    let place = format!("{}/{}", name.registry(), name.repository());
    let qualifiers =
        [("arch", Some(platform.architecture())), ("repository_url", Some(place.as_str())), ("tag", name.tag())];
    purl("oci", last, &digest.to_string(), &qualifiers)
}

/// `pkg:TYPE/NAME@VERSION?QUALIFIERS`. `name` may have a namespace in front, whose slashes stay; qualifiers
/// without a value are left out. They have to be given in the order of their keys.
pub(super) fn purl(kind: &str, name: &str, version: &str, qualifiers: &[(&str, Option<&str>)]) -> String {
    let name: Vec<String> = name.split('/').map(encoded).collect();
    let mut text = format!("pkg:{kind}/{}@{}", name.join("/"), encoded(version));
    let stated = qualifiers.iter().filter_map(|(key, value)| Some((key, value.filter(|value| !value.is_empty())?)));
    for (number, (key, value)) in stated.enumerate() {
        text.push(if number == 0 { '?' } else { '&' });
        let _ = write!(text, "{key}={}", encoded(value));
    }
    text
}

/// Percent-encoded but for what the specification lets stand: letters, digits, `.-_~` and the colon.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_a_url_is_encoded() {
        assert_eq!(purl("pypi", "torch", "2.3.1+cpu", &[("file_name", None)]), "pkg:pypi/torch@2.3.1%2Bcpu");
        let qualifiers = [("arch", Some("amd64")), ("distro", Some("debian-12"))];
        assert_eq!(
            purl("deb", "debian/libstdc++6", "1:2.3~rc1", &qualifiers),
            "pkg:deb/debian/libstdc%2B%2B6@1:2.3~rc1?arch=amd64&distro=debian-12"
        );
    }
}
