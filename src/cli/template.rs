//! Destinations as they are written on the command line: `{variant}` and `{name}` may stand in them.

use super::{destination, error::CliError};
use crate::{builder::Destination, oci::Reference};

/// What may stand in a template.
const PLACEHOLDERS: [&str; 2] = ["{variant}", "{name}"];

/// A value of `--push` or `--output`, which was understood with something in place of its placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(String);

impl std::fmt::Display for Template {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What stands in the place of placeholders.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words<'a> {
    /// The recipe's name.
    pub(super) name: &'a str,
    /// The variant, in a recipe with variants.
    pub(super) variant: Option<&'a str>,
}

impl Template {
    /// Reads the value of `--push`.
    ///
    /// # Errors
    /// When it is no reference, whatever stands for its placeholders.
    pub(super) fn push(text: &str) -> Result<Self, String> {
        let template = Self::with_known_placeholders(text)?;
        template.sample().parse::<Reference>().map_err(|error| error.to_string())?;
        Ok(template)
    }

    /// Reads the value of `--output`.
    ///
    /// # Errors
    /// When it names neither a layout nor an archive, whatever stands for its placeholders.
    pub(super) fn output(text: &str) -> Result<Self, String> {
        let template = Self::with_known_placeholders(text)?;
        destination::parse(&template.sample())?;
        Ok(template)
    }

    /// The text with `words` in it.
    ///
    /// # Errors
    /// When it speaks of a variant, and there is none.
    pub(super) fn filled(&self, words: Words<'_>) -> Result<String, CliError> {
        if self.tells_variant() && words.variant.is_none() {
            return Err(CliError::NoVariant { template: self.0.clone() });
        }
        Ok(self.with(words.variant.unwrap_or_default(), words.name))
    }

    /// Whether the variant is part of it, so that it need not be added.
    pub(super) fn tells_variant(&self) -> bool {
        self.0.contains(PLACEHOLDERS[0])
    }

    fn with_known_placeholders(text: &str) -> Result<Self, String> {
        let template = Self(text.to_owned());
        if template.sample().contains(['{', '}']) {
            return Err(format!("only {} may stand in braces", PLACEHOLDERS.join(" and ")));
        }
        Ok(template)
    }

    /// With what every variant and recipe may be called.
    fn sample(&self) -> String {
        self.with("x", "x")
    }

    fn with(&self, variant: &str, name: &str) -> String {
        self.0.replace(PLACEHOLDERS[0], variant).replace(PLACEHOLDERS[1], name)
    }
}

/// Of an output, where it goes.
///
/// # Errors
/// When a variant is wanted that there is not, or makes the text unreadable.
pub(super) fn destination_of(template: &Template, words: Words<'_>) -> Result<Destination, CliError> {
    let text = template.filled(words)?;
    destination::parse(&text).map_err(|reason| CliError::Template { text, reason })
}

/// Of a push, what it is called.
///
/// # Errors
/// When a variant is wanted that there is not, or is no part of a reference.
pub(super) fn reference_of(template: &Template, words: Words<'_>) -> Result<Reference, CliError> {
    let text = template.filled(words)?;
    text.parse().map_err(|error: crate::oci::ReferenceError| CliError::Template { text, reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled() {
        let words = Words { name: "app", variant: Some("full") };
        let check = |text: &str, expect: &str| {
            let template = Template::push(text).unwrap();
            assert_eq!(reference_of(&template, words).unwrap().to_string(), expect);
        };
        check("h.example/{name}:1.2-{variant}", "h.example/app:1.2-full");
        check("h.example/a-{variant}:1", "h.example/a-full:1");
        check("h.example/a:1", "h.example/a:1");
        let output = Template::output("oci:dist/{variant}:{name}").unwrap();
        assert_eq!(destination_of(&output, words).unwrap().to_string(), "oci:dist/full:app");
        assert!(output.tells_variant());
    }

    #[test]
    fn what_cannot_be_filled_is_refused() {
        for text in ["h.example/a:{version}", "h.example/a:{}", "h.example/{variant:1", "h.example/A{variant}"] {
            assert!(Template::push(text).is_err(), "{text}");
        }
        assert!(Template::output("{variant}").is_err());
        let template = Template::push("h.example/a:{variant}").unwrap();
        let none = Words { name: "app", variant: None };
        assert!(matches!(reference_of(&template, none), Err(CliError::NoVariant { .. })));
    }
}
