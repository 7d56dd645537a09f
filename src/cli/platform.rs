//! Platforms as flags name them.

use crate::oci::Platform;

/// Reads the value of `--platform`.
///
/// # Errors
/// When no such platform is known; the message says which was probably meant.
pub(super) fn parse(text: &str) -> Result<Platform, String> {
    text.parse::<Platform>().map_err(|error| match error.suggestion {
        Some(meant) => format!("{error}; did you mean `{meant}`?"),
        None => format!("{error}; write it as `linux/amd64`"),
    })
}
