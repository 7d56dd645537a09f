//! What is known of bases by their names, and of Debian packages that an image without compilers does not need.

/// Releases that names of images carry.
const SUITES: [&str; 5] = ["trixie", "bookworm", "bullseye", "buster", "forky"];

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
    SUITES.into_iter().find(|suite| image.contains(suite)).unwrap_or("bookworm")
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
