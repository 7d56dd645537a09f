//! The WHEEL file of a wheel.

use super::{PythonError, headers};

/// What a wheel says about its own format.
///
/// [Binary distribution format, "File contents"](https://packaging.python.org/en/latest/specifications/binary-distribution-format/#file-contents).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WheelMetadata {
    /// The format's major and minor number; the major one is 1.
    pub version: (u32, u32),
    /// Whether the wheel's root goes to `purelib` instead of `platlib`.
    pub root_is_purelib: bool,
    /// The expanded tags.
    pub tags: Vec<String>,
}

impl WheelMetadata {
    /// Reads a WHEEL file.
    ///
    /// # Errors
    /// When `Wheel-Version` or `Root-Is-Purelib` is missing or wrong, or the format is newer than 1.x.
    pub fn parse(bytes: &[u8]) -> Result<Self, PythonError> {
        let fail = |reason: String| PythonError::Wheel { reason };
        let text = String::from_utf8_lossy(bytes);
        let headers = headers::headers(&text);
        let version = headers::first(&headers, "wheel-version").ok_or_else(|| fail("no Wheel-Version".to_owned()))?;
        let numbers = version
            .split_once('.')
            .and_then(|(major, minor)| Some((major.trim().parse::<u32>().ok()?, minor.trim().parse::<u32>().ok()?)));
        let numbers = numbers.ok_or_else(|| fail("Wheel-Version is not of the form 1.0".to_owned()))?;
        if numbers.0 != 1 {
            return Err(fail(format!("Wheel-Version {}.{} is not understood, only 1.x is", numbers.0, numbers.1)));
        }
        let purelib = headers::first(&headers, "root-is-purelib").map(str::to_ascii_lowercase);
        let root_is_purelib = match purelib.as_deref() {
            Some("true") => true,
            Some("false") => false,
            _ => return Err(fail("Root-Is-Purelib is neither true nor false".to_owned())),
        };
        let tags = headers::all(&headers, "tag").map(str::to_owned).collect();
        Ok(Self { version: numbers, root_is_purelib, tags })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_format_one_is_understood() {
        let wheel = WheelMetadata::parse(
            b"Wheel-Version: 1.0\r\nGenerator: x (1)\r\nRoot-Is-Purelib: false\r\nTag: a-b-c\r\nTag: a-b-d\r\n",
        )
        .unwrap();
        assert_eq!((wheel.version, wheel.root_is_purelib, wheel.tags.len()), ((1, 0), false, 2));
        let folded = WheelMetadata::parse(b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag:\n a-b-c\n \n").unwrap();
        assert_eq!(folded.tags, ["a-b-c"]);
        for wrong in ["", "Wheel-Version: 2.0\nRoot-Is-Purelib: true\n", "Wheel-Version: 1.0\n", "Wheel-Version: 1\n"] {
            assert!(WheelMetadata::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
