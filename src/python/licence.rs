//! What a distribution says of its licence, in the three ways that there have been.

use serde::{Deserialize, Serialize};

use super::headers::{self, Headers};

/// A `License` field longer than this is the text of a licence, not its name.
const LONGEST_NAME: usize = 120;

/// The fields of METADATA that tell of a licence, as they stand there.
///
/// [Core metadata specifications, `License-Expression`, `License`, `Classifier`, `License-File`](https://packaging.python.org/en/latest/specifications/core-metadata/).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenceFields {
    /// `License-Expression`.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// `License`, where it is a name.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The last part of each `Classifier: License :: …`.
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub classifiers: Vec<String>,
    /// `License-File`, by their names in the distribution's own folder.
    #[serde(rename = "f", default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

/// A licence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Licence {
    /// An SPDX licence expression.
    Expression(String),
    /// In words that stand for no one licence of SPDX's list.
    Words(String),
}

impl LicenceFields {
    /// What the headers of the METADATA `text` say.
    #[must_use]
    pub fn of_metadata(text: &str) -> Self {
        Self::of_headers(&headers::headers(text.trim_start_matches('\u{feff}')))
    }

    pub(super) fn of_headers(headers: &Headers) -> Self {
        let stated = |key: &str| {
            let value = headers::first(headers, key).filter(|value| !value.is_empty() && *value != "UNKNOWN");
            value.map(str::to_owned)
        };
        let of_classifiers = headers::all(headers, "classifier").filter_map(|classifier| {
            let name = classifier.strip_prefix("License ::")?.rsplit("::").next()?.trim();
            (name != "OSI Approved").then(|| name.to_owned())
        });
        Self {
            expression: stated("license-expression"),
            name: stated("license").filter(|name| name.len() <= LONGEST_NAME),
            classifiers: of_classifiers.collect(),
            files: headers::all(headers, "license-file").map(str::to_owned).collect(),
        }
    }

    /// Whether they say nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// About how many bytes this takes.
    #[must_use]
    pub fn weight(&self) -> usize {
        let lists = self.classifiers.iter().chain(&self.files).chain(&self.expression).chain(&self.name);
        lists.map(|text| size_of::<String>() + text.len()).sum()
    }

    /// The licence that they mean: the newest way of saying it counts, and a name that is SPDX's before one
    /// that is not.
    #[must_use]
    pub fn licence(&self) -> Option<Licence> {
        if let Some(expression) = &self.expression {
            return Some(expression_of(expression).unwrap_or_else(|| Licence::Words(expression.clone())));
        }
        if let Some(known) = self.name.as_deref().and_then(expression_of) {
            return Some(known);
        }
        // Several do not say whether one may choose among them.
        if let [classifier] = self.classifiers.as_slice()
            && let Some(known) = expression_of(classifier)
        {
            return Some(known);
        }
        let words = self.name.clone().or_else(|| Some(self.classifiers.join(", ")).filter(|text| !text.is_empty()));
        words.map(Licence::Words)
    }
}

impl Licence {
    /// The text, whichever it is.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Expression(text) | Self::Words(text) => text,
        }
    }
}

/// The expression that `text` is, or the licence of SPDX's list whose full name it is. Short names such as `BSD`
/// stand for several, and are not guessed at.
fn expression_of(text: &str) -> Option<Licence> {
    let text = text.trim();
    if spdx::Expression::parse(text).is_ok() {
        return Some(Licence::Expression(text.to_owned()));
    }
    let named = spdx::identifiers::LICENSES.iter().find(|known| known.full_name.eq_ignore_ascii_case(text))?;
    Some(Licence::Expression(named.name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_are_told_in_the_newest_way() {
        let check = |headers: &str, expect: &str| {
            let text = format!("Metadata-Version: 2.4\nName: a\n{headers}\nLicense: body\n");
            let found = LicenceFields::of_metadata(&text).licence();
            let found = found.map_or_else(|| "-".to_owned(), |licence| format!("{licence:?}"));
            assert_eq!(found, expect, "{headers}");
        };
        check("", "-");
        check("License-Expression: MIT OR Apache-2.0\nLicense: x\n", "Expression(\"MIT OR Apache-2.0\")");
        check("License-Expression: LicenseRef-Own\n", "Expression(\"LicenseRef-Own\")");
        check("License: MIT\nClassifier: License :: OSI Approved :: BSD License\n", "Expression(\"MIT\")");
        check("License: Apache License 2.0\n", "Expression(\"Apache-2.0\")");
        check("License: Apache 2\n", "Words(\"Apache 2\")");
        check("License: BSD\nClassifier: License :: OSI Approved :: MIT License\n", "Expression(\"MIT\")");
        check("License: Ours, see LICENSE\n", "Words(\"Ours, see LICENSE\")");
        check("License: UNKNOWN\nClassifier: License :: OSI Approved\n", "-");
        let both = "Classifier: License :: OSI Approved :: MIT License\nClassifier: License :: Public Domain\n";
        check(both, "Words(\"MIT License, Public Domain\")");
        let long = format!("License: {}\nClassifier: License :: OSI Approved :: MIT License\n", "may ".repeat(40));
        check(&long, "Expression(\"MIT\")");
    }

    #[test]
    fn files_are_named() {
        let found = LicenceFields::of_metadata("Name: a\nLicense-File: LICENSE\nLicense-File: licences/b.txt\n\n");
        assert_eq!(found.files, ["LICENSE", "licences/b.txt"]);
        assert!(!found.is_empty() && found.licence().is_none());
    }
}
