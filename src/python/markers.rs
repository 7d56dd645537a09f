//! The marker environment of a target.

use pep508_rs::MarkerEnvironmentBuilder;

use super::{MarkerEnvironment, Target};

/// What environment markers see on `target`. `platform_machine` is the architecture's own name, and
/// `platform_release` and `platform_version`, which belong to a running kernel, are empty.
///
/// [Dependency specifiers, "Environment markers"](https://packaging.python.org/en/latest/specifications/dependency-specifiers/#environment-markers).
///
/// # Panics
/// Never: the versions are made of numbers.
#[must_use]
pub fn marker_environment(target: &Target) -> MarkerEnvironment {
    let full = target.python.to_string();
    let short = format!("{}.{}", target.python.major, target.python.minor);
    MarkerEnvironmentBuilder {
        implementation_name: "cpython",
        implementation_version: &full,
        os_name: "posix",
        platform_machine: target.platform.machine(),
        platform_python_implementation: "CPython",
        platform_release: "",
        platform_system: "Linux",
        platform_version: "",
        python_full_version: &full,
        python_version: &short,
        sys_platform: "linux",
    }
    .try_into()
    .expect("three numbers with dots between them are a version")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::python::{Requirement, tags::tests::target};

    #[test]
    fn markers_see_the_target() {
        let environment = marker_environment(&target("linux/arm/v7", "3.11.2", "glibc 2.36"));
        let check = |marker: &str, expect: bool| {
            let requirement: Requirement = format!("a; {marker}").parse().unwrap();
            assert_eq!(requirement.applies(&environment, &[]), expect, "{marker}");
        };
        check("platform_machine == 'armv7l'", true);
        check("python_full_version >= '3.11.3'", false);
        check("python_version >= '3.11' and sys_platform == 'linux'", true);
        check("platform_python_implementation != 'PyPy'", true);
        check("os_name == 'nt' or extra == 'win'", false);
    }
}
