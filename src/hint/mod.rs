//! Advice that stands beside an error: one imperative sentence that names a flag or a recipe key.

mod credentials;

use std::fmt;

#[cfg(feature = "cli")]
pub(crate) use credentials::masked;
pub(crate) use credentials::{has_login, stripped};
use serde::{Deserialize, Serialize};

/// What the user can do about an error, printed as `hint: …`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint(String);

/// An error that may know the way out.
pub trait Advise: std::error::Error + Send + Sync + 'static {
    /// The way out, where there is one to name.
    fn hint(&self) -> Option<Hint>;
}

impl Hint {
    /// A hint in the imperative, without the `hint:` in front and without a full stop.
    #[must_use]
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// `did you mean …?`, when one of `known` is close to `found`.
    #[must_use]
    pub fn did_you_mean<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        known
            .into_iter()
            .map(|name| (strsim::damerau_levenshtein(found, name), name))
            .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
            .min()
            .map(|(_, name)| Self(format!("did you mean `{name}`?")))
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_names_are_suggested() {
        let suggest = |found| Hint::did_you_mean(found, ["require", "files", "python"]).map(|hint| hint.to_string());
        assert_eq!(suggest("requires"), Some("did you mean `require`?".to_owned()));
        assert_eq!(suggest("pyhton"), Some("did you mean `python`?".to_owned()));
        assert_eq!(suggest("volumes"), None);
    }
}
