//! How the folders of an interpreter are laid out.

use serde::{Deserialize, Serialize};

/// How the folders of an interpreter are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InterpreterKind {
    /// As CPython does by itself: `PREFIX/lib/python3.X/site-packages`.
    Standard,
    /// Debian's own: `dist-packages`, and what is installed goes to `/usr/local`.
    Debian,
    /// Red Hat's own: compiled modules in `lib64`, and what is installed goes to `/usr/local`.
    RedHat,
    /// As CPython does, with conda's records beside it.
    Conda,
    /// A virtual environment.
    Venv,
}

impl InterpreterKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Standard, Self::Debian, Self::RedHat, Self::Conda, Self::Venv];

    /// The word in recipes and locks.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Debian => "debian",
            Self::RedHat => "red-hat",
            Self::Conda => "conda",
            Self::Venv => "venv",
        }
    }
}
