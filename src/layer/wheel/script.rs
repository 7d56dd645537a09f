//! Scripts: the launchers of entry points, and first lines that name the image's interpreter.

use crate::python::EntryPoint;

/// A program that calls the entry point.
///
/// [Entry points specification, "Use for scripts"](https://packaging.python.org/en/latest/specifications/entry-points/#use-for-scripts).
pub(super) fn launcher(point: &EntryPoint, interpreter: &str) -> String {
    let (module, call) = (&point.module, &point.attribute);
    let import = call.split('.').next().unwrap_or(call);
    format!(
        "{}\nimport sys\n\nfrom {module} import {import}\n\nif __name__ == \"__main__\":\n    sys.exit({call}())\n",
        first_line(interpreter)
    )
}

/// The script with its `#!python` line naming `interpreter`; arguments in that line are dropped, as
/// installers do.
pub(super) fn with_interpreter(script: &[u8], interpreter: &str) -> Vec<u8> {
    let rest = script.iter().position(|byte| *byte == b'\n').map_or(&[][..], |end| &script[end..]);
    [first_line(interpreter).as_bytes(), rest].concat()
}

/// Linux reads 127 bytes of a first line and splits it at blanks; longer ones go through the shell,
/// which Python reads as a string.
fn first_line(interpreter: &str) -> String {
    let plain = format!("#!{interpreter}");
    if plain.len() <= 127 && !interpreter.contains(' ') {
        return plain;
    }
    format!("#!/bin/sh\n'''exec' \"{interpreter}\" \"$0\" \"$@\"\n' '''")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_line_changes() {
        let script = with_interpreter(b"#!python -u\nprint('x')\n", "/usr/bin/python3");
        assert_eq!(script, b"#!/usr/bin/python3\nprint('x')\n");
        assert_eq!(with_interpreter(b"#!python", "/p"), b"#!/p");
    }

    #[test]
    fn long_paths_go_through_the_shell() {
        let line = first_line(&format!("/opt/{}/bin/python", "x".repeat(130)));
        assert!(line.starts_with("#!/bin/sh\n'''exec' \"/opt/"), "{line}");
    }
}
