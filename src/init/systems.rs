//! What is known of bases by their names, and of Debian packages that an image without compilers does not need.

/// Releases, and the numbers that names of images have in their place.
const SUITES: [(&str, &str); 5] =
    [("trixie", "13"), ("bookworm", "12"), ("bullseye", "11"), ("buster", "10"), ("forky", "14")];

/// The release that is drafted where nothing names one.
const USUAL: &str = "bookworm";

/// Names of images whose system is not Debian's.
const OTHER_SYSTEMS: [(&str, &str); 9] = [
    ("ubuntu", "Ubuntu"),
    ("nvidia/cuda", "Ubuntu"),
    ("pytorch/pytorch", "Ubuntu"),
    ("tensorflow/tensorflow", "Ubuntu"),
    ("alpine", "Alpine"),
    ("fedora", "Fedora"),
    ("ubi", "Red Hat"),
    ("amazonlinux", "Amazon Linux"),
    ("rockylinux", "Rocky Linux"),
];

/// Packages that serve compiling and installing alone.
const FOR_BUILDING: [&str; 32] = [
    "build-essential",
    "gcc",
    "g++",
    "clang",
    "make",
    "cmake",
    "ninja-build",
    "autoconf",
    "automake",
    "libtool",
    "pkg-config",
    "pkgconf",
    "gfortran",
    "rustc",
    "cargo",
    "python3",
    "python3-dev",
    "python3-pip",
    "python3-venv",
    "python3-setuptools",
    "python3-wheel",
    "python-dev",
    "python-pip",
    "pip",
    "gnupg",
    "gnupg2",
    "apt-utils",
    "apt-transport-https",
    "software-properties-common",
    "lsb-release",
    "dirmngr",
    "patchelf",
];

/// The Debian release of an image, by its name; a guess where it does not say.
pub(super) fn suite(image: &str) -> &'static str {
    let is = |(suite, number): &(&str, &str)| {
        image.contains(suite) || ["debian", "debian:"].iter().any(|name| image.contains(&format!("{name}{number}")))
    };
    SUITES.into_iter().find(is).map_or(USUAL, |(suite, _)| suite)
}

/// An image of Docker Hub's whose tag moves from one release of Debian to the next, with the tag of the usual one.
pub(super) fn with_suite(image: &str) -> Option<String> {
    let name = image.trim_start_matches("docker.io/").trim_start_matches("library/");
    let (repository, tag) = name.split_once(':').unwrap_or((name, "latest"));
    let (version, slim) = match tag.strip_suffix("slim") {
        Some(version) => (version.trim_end_matches('-'), "-slim"),
        None => (tag, ""),
    };
    // Older ones, and those with a third number, stay at the release that they had.
    let minor = |minor: &str| minor.parse::<u8>().is_ok_and(|minor| minor >= 7);
    match (repository, version) {
        ("python", "" | "latest") => Some(format!("python:{}", format!("{slim}-{USUAL}").trim_start_matches('-'))),
        ("python", _) if version == "3" || version.strip_prefix("3.").is_some_and(minor) => {
            Some(format!("python:{version}{slim}-{USUAL}"))
        }
        ("debian", "latest" | "stable") => Some(format!("debian:{USUAL}{slim}")),
        _ => None,
    }
}

/// The system of an image whose name says that it is not Debian's.
pub(super) fn other_system(image: &str) -> Option<&'static str> {
    let (name, tag) = image.rsplit_once(':').unwrap_or((image, ""));
    let repository = name.trim_start_matches("docker.io/").trim_start_matches("library/");
    let is = |part: &str| repository == part || repository.ends_with(&format!("/{part}")) || tag.contains(part);
    OTHER_SYSTEMS
        .into_iter()
        .find(|(part, _)| is(part) || repository.starts_with(&format!("{part}:")))
        .map(|(_, system)| system)
}

/// Whether an image is known to be published for one platform alone.
pub(super) fn only_amd64(image: &str) -> bool {
    let name = image.trim_start_matches("docker.io/");
    ["pytorch/pytorch", "tensorflow/tensorflow"].iter().any(|known| name.starts_with(known))
}

/// Whether a Debian package serves compiling and installing alone.
pub(super) fn is_for_building(package: &str) -> bool {
    FOR_BUILDING.contains(&package)
        || package.strip_suffix("-dev").is_some()
        || package.starts_with("gcc-")
        || package.starts_with("g++-")
}
