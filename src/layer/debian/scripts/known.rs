//! Packages whose scripts need not be followed: what they do is done by units that know it as a whole, or is
//! of no use in an image.

/// Each with what stands in place of its scripts.
const DONE: &[(&str, &str)] = &[
    ("base-files", "directories and profiles: fixups/directories"),
    ("base-passwd", "users and groups: accounts"),
    ("ca-certificates", "bundle and links: fixups/certificates"),
    ("ca-certificates-java", "the same for Java: fixups/java"),
    ("dash", "/bin/sh is a link in the package"),
    ("debconf", "questions are not asked"),
    ("debianutils", "/etc/shells: shells"),
    ("dpkg", "its list of packages: fixups/status"),
    ("init-system-helpers", "nothing is started"),
    ("libc-bin", "nsswitch.conf: fixups/name_service; ld.so.cache: fixups/ld_cache"),
    ("libc6", "checks of a running system, and restarts of its services"),
    ("passwd", "shadow passwords: nobody logs in with one"),
    ("tzdata", "the local time: fixups/time_zone"),
    ("ucf", "a list of kept configuration"),
    ("usr-is-merged", "merged from the beginning"),
    ("usrmerge", "merged from the beginning"),
];

/// Whether the scripts of `package` need not be followed.
pub(super) fn is_done(package: &str) -> bool {
    DONE.iter().any(|(name, _)| *name == package) || is_python(package)
}

/// Debian's Python compiles its modules and those of others: images go without, or get their own.
fn is_python(package: &str) -> bool {
    let rest = package.strip_prefix("lib").unwrap_or(package);
    let Some(rest) = rest.strip_prefix("python3") else { return false };
    let series = rest.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    ["", "-minimal", "-stdlib", "-distutils", "-lib2to3", "-venv"].contains(&series)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interpreter_is_known_and_modules_are_not() {
        for (package, expect) in [
            ("python3", true),
            ("python3.11-minimal", true),
            ("libpython3.13-stdlib", true),
            ("python3-distutils", true),
            ("python3.11-venv", true),
            ("python3-numpy", false),
            ("libc6", true),
            ("libc6-dev", false),
        ] {
            assert_eq!(is_done(package), expect, "{package}");
        }
    }
}
