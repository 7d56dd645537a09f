//! A package as the user asks for it: `libgl1`, `libgl1=1.6.0-1`, `git/bookworm-backports`.

use crate::{
    apt::{Candidate, Universe, set::fits},
    debian::{Alternative, DebianError, Package, Relation, Requirement, package_name},
};

/// A package that is asked for by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wish<'a> {
    /// Name, and the version if one is asked for.
    pub(super) wanted: Alternative,
    /// The suite or the archive, if one is asked for.
    pub(super) suite: Option<&'a str>,
}

impl<'a> Wish<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, DebianError> {
        let (name, version, suite) = match (text.split_once('='), text.split_once('/')) {
            (Some((name, version)), _) => (name, Some(version), None),
            (None, Some((name, suite))) => (name, None, Some(suite)),
            (None, None) => (text, None, None),
        };
        let bound = |version: &str| Ok(Requirement { relation: Relation::Equal, version: version.parse()? });
        let requirement = version.map(bound).transpose()?;
        Ok(Self { wanted: Alternative { requirement, ..Alternative::any(package_name(name)?) }, suite })
    }

    /// Whether what the base has is what is asked for. A suite does not matter for what is there.
    pub(super) fn is_met_by(&self, package: &Package) -> bool {
        fits(package, &self.wanted)
    }

    /// The package to take: of that version or suite where one is named, else the candidate, else whoever
    /// provides what goes by the name.
    pub(super) fn candidates<'u>(&self, universe: &'u Universe) -> Vec<&'u Candidate> {
        if self.suite.is_none() && self.wanted.requirement.is_none() {
            return universe.meeting(&self.wanted);
        }
        let versions = universe.versions(&self.wanted.name).iter();
        let of_suite = |candidate: &Candidate| self.suite.is_none_or(|suite| candidate.origin.word() == suite);
        versions.filter(|candidate| of_suite(candidate) && fits(&candidate.package, &self.wanted)).take(1).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_name_versions_and_suites() {
        let check = |text: &str, expect: (&str, Option<&str>)| {
            let wish = Wish::parse(text).unwrap();
            assert_eq!((wish.wanted.to_string().as_str(), wish.suite), expect);
        };
        check("libgl1", ("libgl1", None));
        check("ffmpeg=7:5.1.6-0+deb12u1", ("ffmpeg (= 7:5.1.6-0+deb12u1)", None));
        check("git/bookworm-backports", ("git", Some("bookworm-backports")));
        for wrong in ["", "=1", "a=", "A", "a b", "../a"] {
            assert!(Wish::parse(wrong).is_err(), "{wrong}");
        }
    }
}
