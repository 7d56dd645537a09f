//! What stands at the top of a site by mistake.

/// Top-level folders and files that many distributions bring by mistake, and nobody imports.
const STRAY: [&str; 12] = [
    "test",
    "tests",
    "doc",
    "docs",
    "example",
    "examples",
    "benchmark",
    "benchmarks",
    "scripts",
    "LICENSE",
    "README",
    "CHANGELOG",
];

/// Whether nobody imports what stands at `path`, relative to the folder that wheels are installed into: of two
/// distributions that bring it, either may be the one that stays.
#[must_use]
pub fn is_stray(path: &str) -> bool {
    STRAY.contains(&path.split(['/', '.']).next().unwrap_or_default())
}
