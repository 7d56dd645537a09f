//! All that was found, with what was looked for and what could not be.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Code, Finding, Level, run::Started};
use crate::{oci::Platform, recipe::Accepted};

/// A family of checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Check {
    /// Libraries, symbols and machines of ELF files.
    Libraries,
    /// Modules, commands and distributions.
    Python,
    /// Blobs, layers, files that should not be there.
    Image,
    /// What the recipe's policy demands.
    Policy,
    /// Started in a sandbox.
    Run,
}

/// A check that was not made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Skipped {
    /// Of which platform's image.
    pub platform: Platform,
    /// Which check, or a part of which.
    pub check: Check,
    /// Why not: one line.
    pub reason: String,
}

/// What was found in the images of one name, or of one recipe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Sorted: the worst first, then by code, path and platform.
    pub findings: Vec<Finding>,
    /// The checks that were made, of each platform.
    pub checked: Vec<(Platform, Check)>,
    /// What was not checked, and why.
    pub skipped: Vec<Skipped>,
    /// What was started, where that was asked for.
    #[serde(default)]
    pub started: Vec<Started>,
    /// Bytes of each platform's layers, compressed.
    #[serde(default)]
    pub sizes: Vec<(Platform, u64)>,
}

impl Report {
    /// Adds what was found elsewhere.
    pub fn extend(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.checked.extend(other.checked);
        self.skipped.extend(other.skipped);
        self.started.extend(other.started);
        self.sizes.extend(other.sizes);
    }

    /// Notes the reasons of accepted findings, and adds a note for each entry that accepts nothing although
    /// its check was made. Sorts.
    #[must_use]
    pub fn settled(mut self, accepted: &[Accepted]) -> Self {
        let mut vain = Vec::new();
        for entry in accepted {
            let mut met = false;
            for finding in self.findings.iter_mut().filter(|finding| accepts(entry, finding)) {
                met = true;
                finding.accepted.get_or_insert_with(|| entry.reason.get_ref().clone());
            }
            if !met && let Some(finding) = self.in_vain(entry) {
                vain.push(finding);
            }
        }
        self.findings.extend(vain);
        self.sort();
        self
    }

    /// The level of the worst finding.
    #[must_use]
    pub fn worst(&self) -> Option<Level> {
        self.findings.iter().map(Finding::level).max()
    }

    /// Findings of this level.
    #[must_use]
    pub fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level() == level).count()
    }

    fn sort(&mut self) {
        self.findings.sort_by(|left, right| {
            let key = |finding: &Finding| {
                (std::cmp::Reverse(finding.level()), finding.code, finding.path.clone(), finding.message.clone())
            };
            key(left).cmp(&key(right)).then_with(|| left.platform.cmp(&right.platform))
        });
        self.findings.dedup();
        self.checked.sort();
        self.checked.dedup();
        self.skipped.sort();
        self.skipped.dedup();
    }

    /// The note on an entry that accepts nothing; none where its check was not made, on some platform.
    fn in_vain(&self, entry: &Accepted) -> Option<Finding> {
        let code: Code = entry.code.get_ref().parse().ok()?;
        let check = Check::of(code)?;
        let skipped = |platform: &Platform| {
            self.skipped.iter().any(|skipped| skipped.check == check && skipped.platform == *platform)
        };
        let (platform, _) = self.checked.iter().find(|(_, made)| *made == check)?;
        if self.checked.iter().any(|(platform, made)| *made == check && skipped(platform)) {
            return None;
        }
        let place = entry.path.as_ref().map(|path| format!(" at {}", path.get_ref())).unwrap_or_default();
        let of = entry.package.as_ref().map(|package| format!(" of {}", package.get_ref())).unwrap_or_default();
        let message = format!("the recipe accepts {code}{of}{place}, which does not occur");
        Some(Finding::new(Code::ACCEPTED_IN_VAIN, platform, message).hinted("remove the entry from `[check] accept`"))
    }
}

impl Check {
    /// The checks that look at files and start nothing.
    pub const STATIC: [Self; 3] = [Self::Libraries, Self::Python, Self::Image];

    /// The check that gives findings of this code; none for those about the checks themselves.
    #[must_use]
    pub fn of(code: Code) -> Option<Self> {
        match code.to_string().as_bytes().get(2) {
            Some(b'1') => Some(Self::Libraries),
            Some(b'2') => Some(Self::Python),
            Some(b'3') => Some(Self::Image),
            Some(b'4') => Some(Self::Run),
            Some(b'5') => Some(Self::Policy),
            _ => None,
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Libraries => "libraries",
            Self::Python => "python",
            Self::Image => "image",
            Self::Policy => "policy",
            Self::Run => "run",
        })
    }
}

/// Whether the entry is about this finding: its code, and its path or a folder above.
fn accepts(entry: &Accepted, finding: &Finding) -> bool {
    let within = |folder: &str, path: &str| {
        path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || folder == "/")
    };
    finding.code.to_string() == *entry.code.get_ref()
        && entry
            .package
            .as_ref()
            .is_none_or(|package| finding.owner.as_ref().is_some_and(|owner| owner.is(package.get_ref())))
        && match (&entry.path, &finding.path) {
            (None, _) => true,
            (Some(folder), Some(path)) => within(folder.get_ref(), path),
            (Some(_), None) => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Recipe;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    fn accepted(entries: &str) -> Vec<Accepted> {
        let text = format!(
            "name = \"a\"\nbase = \"h.example/b:1\"\nplatforms = [\"linux/amd64\"]\nwheels.require = [\"c\"]\n\
             [check]\naccept = [{entries}]\n"
        );
        Recipe::parse("a.toml", &text).unwrap().check.accept
    }

    fn report() -> Report {
        let amd = platform("linux/amd64");
        let secret = |path: &str| Finding::new(Code::SECRET, &amd, "a secret").at(path);
        let checked = vec![(amd.clone(), Check::Image)];
        let findings = vec![Finding::new(Code::HISTORY, &amd, "history"), secret("a/b/.env"), secret("ab")];
        Report { findings, checked, ..Report::default() }
    }

    fn told(report: &Report) -> Vec<String> {
        let line = |finding: &Finding| {
            format!("{} {} {}", finding.level(), finding.code, finding.path.as_deref().unwrap_or("-"))
        };
        report.findings.iter().map(line).collect()
    }

    #[test]
    fn the_worst_stands_first() {
        let report = report().settled(&[]);
        assert_eq!(told(&report), ["error WW308 /a/b/.env", "error WW308 /ab", "warning WW304 -"]);
        assert_eq!((report.worst(), report.count(Level::Error)), (Some(Level::Error), 2));
    }

    #[test]
    fn what_is_accepted_is_a_note_and_what_is_accepted_in_vain_too() {
        let check = |entries: &str, expect: &[&str]| assert_eq!(told(&report().settled(&accepted(entries))), expect);
        check(
            "{ code = \"WW308\", path = \"/a\", reason = \"x\" }",
            &["error WW308 /ab", "warning WW304 -", "note WW308 /a/b/.env"],
        );
        check("{ code = \"WW308\", reason = \"x\" }", &["warning WW304 -", "note WW308 /a/b/.env", "note WW308 /ab"]);
        let all = ["error WW308 /a/b/.env", "error WW308 /ab", "warning WW304 -"];
        check("{ code = \"WW310\", reason = \"x\" }", &[&all[..], &["note WW001 -"]].concat());
        // Nobody looked for this one.
        check("{ code = \"WW204\", reason = \"x\" }", &all);
    }
}
