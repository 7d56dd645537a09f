//! Dependencies between packages: alternatives, each with a version perhaps.

use std::{fmt, str::FromStr};

use super::{DebianError, Version};

/// One demand of a `Depends` field: any of the alternatives meets it, the first is preferred.
///
/// Policy, "Syntax of relationship fields".
/// The qualifiers `:any` and `:native` read as the name alone: one image has one architecture. One that
/// names an architecture is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// At least one.
    pub alternatives: Vec<Alternative>,
}

/// One way to meet a [`Dependency`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// A package, or something that packages provide.
    pub name: String,
    /// For which architecture it must be; none where any one of the image's will do.
    pub architecture: Option<String>,
    /// Which versions of it.
    pub requirement: Option<Requirement>,
}

/// A bound on versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// How the version must compare.
    pub relation: Relation,
    /// To this one.
    pub version: Version,
}

/// How versions compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `<<`
    Earlier,
    /// `<=`
    EarlierOrEqual,
    /// `=`
    Equal,
    /// `>=`
    LaterOrEqual,
    /// `>>`
    Later,
}

impl Dependency {
    /// The demands of a whole field, all of which must be met.
    ///
    /// # Errors
    /// When the field does not follow the syntax.
    pub fn parse_field(text: &str) -> Result<Vec<Self>, DebianError> {
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::parse).collect()
    }
}

impl Alternative {
    /// Any version of `name`.
    #[must_use]
    pub fn any(name: impl Into<String>) -> Self {
        Self { name: name.into(), architecture: None, requirement: None }
    }

    /// Whether `version` of the package of this name would do.
    #[must_use]
    pub fn accepts(&self, version: &Version) -> bool {
        self.requirement.as_ref().is_none_or(|requirement| requirement.accepts(version))
    }
}

impl Requirement {
    /// Whether `version` is within the bound.
    #[must_use]
    pub fn accepts(&self, version: &Version) -> bool {
        let order = version.cmp(&self.version);
        match self.relation {
            Relation::Earlier => order.is_lt(),
            Relation::EarlierOrEqual => order.is_le(),
            Relation::Equal => order.is_eq(),
            Relation::LaterOrEqual => order.is_ge(),
            Relation::Later => order.is_gt(),
        }
    }
}

/// `text`, if it may name a package.
///
/// # Errors
/// When it may not: Policy, `Package`.
pub fn package_name(text: &str) -> Result<&str, DebianError> {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let first = text.bytes().next().is_some_and(letter);
    // Some provided names, such as those of Perl and Haskell interfaces, have upper-case letters.
    let rest = text.bytes().all(|byte| letter(byte) || b"+-._".contains(&byte) || byte.is_ascii_uppercase());
    if first && rest && text.len() <= 256 {
        Ok(text)
    } else {
        Err(DebianError::Name { text: text.chars().take(256).collect() })
    }
}

impl FromStr for Dependency {
    type Err = DebianError;

    fn from_str(text: &str) -> Result<Self, DebianError> {
        text.split('|')
            .map(|part| part.trim().parse())
            .collect::<Result<_, _>>()
            .map(|alternatives| Self { alternatives })
    }
}

impl FromStr for Alternative {
    type Err = DebianError;

    fn from_str(text: &str) -> Result<Self, DebianError> {
        let malformed = || DebianError::Dependency { text: text.chars().take(256).collect() };
        let (name, requirement) = match text.split_once('(') {
            Some((name, rest)) => {
                let inside = rest.trim_end().strip_suffix(')').ok_or_else(malformed)?;
                (name.trim_end(), Some(inside.trim().parse().map_err(|_| malformed())?))
            }
            None => (text, None),
        };
        let (name, qualifier) = name.split_once(':').map_or((name, None), |(name, after)| (name, Some(after)));
        let name = package_name(name).map_err(|_| malformed())?.to_owned();
        let architecture = qualifier.filter(|word| !matches!(*word, "any" | "native")).map(str::to_owned);
        if architecture.as_deref().is_some_and(|word| package_name(word).is_err()) {
            return Err(malformed());
        }
        Ok(Self { name, architecture, requirement })
    }
}

impl FromStr for Requirement {
    type Err = DebianError;

    fn from_str(text: &str) -> Result<Self, DebianError> {
        let end = text.find(|letter| !"<>=".contains(letter)).unwrap_or(text.len());
        let relation = match &text[..end] {
            "<<" => Relation::Earlier,
            // The single signs are deprecated; dpkg reads them as these.
            "<=" | "<" => Relation::EarlierOrEqual,
            "=" => Relation::Equal,
            ">=" | ">" => Relation::LaterOrEqual,
            ">>" => Relation::Later,
            _ => return Err(DebianError::Dependency { text: text.to_owned() }),
        };
        Ok(Self { relation, version: text[end..].trim().parse()? })
    }
}

impl fmt::Display for Dependency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, alternative) in self.alternatives.iter().enumerate() {
            if position > 0 {
                formatter.write_str(" | ")?;
            }
            alternative.fmt(formatter)?;
        }
        Ok(())
    }
}

impl fmt::Display for Alternative {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)?;
        if let Some(architecture) = &self.architecture {
            write!(formatter, ":{architecture}")?;
        }
        match &self.requirement {
            Some(requirement) => write!(formatter, " ({requirement})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.relation {
            Relation::Earlier => "<<",
            Relation::EarlierOrEqual => "<=",
            Relation::Equal => "=",
            Relation::LaterOrEqual => ">=",
            Relation::Later => ">>",
        };
        write!(formatter, "{sign} {}", self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_in_every_spelling() {
        let check = |text: &str, expect: &[&str]| {
            let found: Vec<_> = Dependency::parse_field(text).unwrap().iter().map(ToString::to_string).collect();
            assert_eq!(found, expect, "{text}");
        };
        check("", &[]);
        check("libc6 (>= 2.36), python3:any", &["libc6 (>= 2.36)", "python3"]);
        check("a|b ( <<1:2.0~ ) |c,\n d(=1)", &["a | b (<< 1:2.0~) | c", "d (= 1)"]);
        check("old (> 1), older (< 2),", &["old (>= 1)", "older (<= 2)"]);
        check("gcc:native, wine:i386 (= 1)", &["gcc", "wine:i386 (= 1)"]);
    }

    #[test]
    fn malformed_fields_are_refused() {
        for wrong in [
            "a b",
            "a (1)",
            "a (>= )",
            "a (>= 1",
            "a [amd64]",
            "a <!nocheck>",
            "| a",
            "-a",
            "a (=> 1)",
            "é",
            "a:",
            "a:b c",
        ] {
            assert!(Dependency::parse_field(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bounds_hold_at_their_edges() {
        let check = |bound: &str, expect: [bool; 3]| {
            let bound: Requirement = bound.parse().unwrap();
            let found = ["1~", "1", "1.1"].map(|version| bound.accepts(&version.parse().unwrap()));
            assert_eq!(found, expect, "{bound}");
        };
        check("<< 1", [true, false, false]);
        check("<= 1", [true, true, false]);
        check("= 1", [false, true, false]);
        check(">= 1", [false, true, true]);
        check(">> 1", [false, false, true]);
    }
}
