//! The table `[policy]`: what may be in an image at all, and how well known it must be.

use std::fmt;

use toml::Spanned;

use super::{Demand, demand::demand, problem::Fault, reader::Reader};
use crate::{hint::Hint, python::Wanted};

/// The table `[policy]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Licences under which distributions may be; any where there are none.
    pub allow_licences: Vec<Spanned<LicencePattern>>,
    /// Licences under which they may not be, unless they may be had under another.
    pub deny_licences: Vec<Spanned<LicencePattern>>,
    /// Seconds that a release must have been in its index when it is locked.
    pub min_age: Option<Spanned<Age>>,
    /// Whether every wheel's hash must come from its index or the recipe.
    pub require_hashes: bool,
    /// Distributions, and versions of them, that must not be in the image, whoever brings them.
    pub deny: Vec<Spanned<Demand>>,
    /// Whether the base must be named by its digest.
    pub pin_base: bool,
}

/// A licence as SPDX writes it, or with `*` for any letters: `MIT`, `GPL-*`,
/// `GPL-3.0-or-later WITH GCC-exception-3.1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LicencePattern(String);

/// A span of time, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Age {
    text: String,
    seconds: u64,
}

impl Policy {
    pub(super) fn read(table: Reader<'_>) -> Self {
        let policy = Self {
            allow_licences: table.parsed_list("allow-licences", licence),
            deny_licences: table.parsed_list("deny-licences", licence),
            min_age: table.parsed("min-age", age),
            require_hashes: table.flag("require-hashes"),
            deny: table.parsed_list("deny", denied),
            pin_base: table.flag("pin-base"),
        };
        table.finish();
        policy
    }

    /// Whether nothing is demanded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether licences count.
    #[must_use]
    pub const fn is_about_licences(&self) -> bool {
        !self.allow_licences.is_empty() || !self.deny_licences.is_empty()
    }
}

impl LicencePattern {
    /// Whether it means `licence`, one of an expression with its exception. Capital letters make no difference.
    #[must_use]
    pub fn matches(&self, licence: &str) -> bool {
        let (pattern, licence) = (self.0.to_ascii_lowercase(), licence.to_ascii_lowercase());
        let mut parts = pattern.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = licence.strip_prefix(first) else { return false };
        let mut parts = parts.peekable();
        if parts.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return rest.ends_with(part);
            }
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        true
    }
}

impl fmt::Display for LicencePattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Age {
    /// How long.
    #[must_use]
    pub const fn seconds(&self) -> u64 {
        self.seconds
    }
}

impl fmt::Display for Age {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// One licence of SPDX's list, or a pattern of them.
fn licence(text: &str) -> Result<LicencePattern, Fault> {
    let text = text.trim();
    let one = |text: &str| {
        spdx::Expression::parse(text).is_ok_and(|expression| expression.requirements().count() == 1)
            && !text.contains(['(', ')'])
    };
    let plain = |letter: char| letter.is_ascii_alphanumeric() || " -._+*:".contains(letter);
    let sound = if text.contains('*') { text.chars().all(plain) } else { one(text) };
    if sound {
        return Ok(LicencePattern(text.to_owned()));
    }
    let known = spdx::identifiers::LICENSES.iter().map(|licence| licence.name);
    let hint = Hint::did_you_mean(text, known)
        .unwrap_or_else(|| Hint::new("write it as SPDX does, `Apache-2.0`, or several as `GPL-*`"));
    Err(Fault::new(format!("`{text}` is not a licence of SPDX's list")).labelled("not a licence").hinted(Some(hint)))
}

/// `pyyaml<6`, `left-pad`.
fn denied(text: &str) -> Result<Demand, Fault> {
    let demand = demand(text)?;
    let requirement = &demand.requirement;
    let plain = matches!(requirement.wanted, Wanted::Versions(_))
        && requirement.extras.is_empty()
        && requirement.marker.is_true()
        && demand.wheel.is_none();
    if plain {
        return Ok(demand);
    }
    let fault = Fault::new(format!("`{text}` is more than a name and versions")).labelled("not only versions");
    Err(fault.advised("write the distribution, and versions if not all are meant: `pyyaml<6`"))
}

/// `7 days`, `36 hours`, `2 weeks`.
fn age(text: &str) -> Result<Age, Fault> {
    const UNITS: [(&str, u64); 6] =
        [("hour", 3600), ("hours", 3600), ("day", 86_400), ("days", 86_400), ("week", 604_800), ("weeks", 604_800)];
    let seconds = text.split_once(' ').and_then(|(number, unit)| {
        let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit.trim())?;
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        if digits { number.parse::<u64>().ok()?.checked_mul(*seconds) } else { None }
    });
    let wrong = || {
        let fault = Fault::new(format!("`{text}` is not an age")).labelled("not an age");
        fault.advised("write it in hours, days or weeks: `\"7 days\"`")
    };
    let seconds = seconds.filter(|seconds| *seconds > 0).ok_or_else(wrong)?;
    Ok(Age { text: text.to_owned(), seconds })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{Recipe, RecipeError};

    #[test]
    fn patterns_match_whole_licences() {
        let check = |pattern: &str, licence: &str, expect: bool| {
            assert_eq!(super::licence(pattern).ok().unwrap().matches(licence), expect, "{pattern} {licence}");
        };
        check("MIT", "MIT", true);
        check("gpl-*", "GPL-3.0-only", true);
        check("MIT", "MIT-0", false);
        check("GPL-*", "GPL-3.0-or-later", true);
        check("GPL-*", "AGPL-3.0-only", false);
        check("*GPL-*", "AGPL-3.0-only", true);
        check("GPL-3.0-or-later", "GPL-3.0-or-later WITH GCC-exception-3.1", false);
        check("GPL-3.0-or-later*", "GPL-3.0-or-later WITH GCC-exception-3.1", true);
        check("GPL-3.0-or-later WITH GCC-exception-3.1", "GPL-3.0-or-later WITH GCC-exception-3.1", true);
        check("LicenseRef-*", "LicenseRef-Own", true);
        check("*", "anything", true);
        check("A*A", "A", false);
        check("A*B*C", "AxBxC", true);
        check("A*B*C", "AxCxB", false);
    }

    #[test]
    fn wrong_demands_are_explained() {
        let head = "name = \"a\"\nbase = \"h.example/b:1\"\nplatforms = [\"linux/amd64\"]\nwheels.require = [\"c\"]\n";
        let keys = "allow-licences = [\"MTI\", \"MIT OR 0BSD\"]\nmin-age = \"7\"\ndeny = [\"a[b]<1\"]\npinbase = true";
        let Err(RecipeError::Invalid { problems, .. }) = Recipe::parse("a.toml", &format!("{head}[policy]\n{keys}\n"))
        else {
            panic!()
        };
        let hint = |problem: &crate::recipe::Problem| problem.hint.as_ref().unwrap().to_string();
        let told: Vec<String> =
            problems.iter().map(|problem| format!("{} | {}", problem.message, hint(problem))).collect();
        assert_eq!(
            told,
            [
                "`MTI` is not a licence of SPDX's list | did you mean `MIT`?",
                "`MIT OR 0BSD` is not a licence of SPDX's list | write it as SPDX does, `Apache-2.0`, or several as `GPL-*`",
                "`7` is not an age | write it in hours, days or weeks: `\"7 days\"`",
                "`a[b]<1` is more than a name and versions | write the distribution, and versions if not all are meant: `pyyaml<6`",
                "unknown key `policy.pinbase` | did you mean `pin-base`?",
            ]
        );
    }

    #[test]
    fn ages_have_a_unit() {
        let check = |text: &str, expect: Option<u64>| {
            assert_eq!(age(text).ok().map(|age| age.seconds()), expect, "{text}");
        };
        check("7 days", Some(604_800));
        check("1 week", Some(604_800));
        check("36 hours", Some(129_600));
        for wrong in ["", "7", "days", "-1 days", "0 days", "7days", "1.5 days", "99999999999999999999 days"] {
            check(wrong, None);
        }
    }
}
