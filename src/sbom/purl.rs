//! Package URLs.
//!
//! [Package URL specification](https://github.com/package-url/purl-spec), types `pypi`, `deb`, `oci`, `generic`.

use std::fmt::Write as _;

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
