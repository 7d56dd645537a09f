//! `--python`: whether modules, commands and distributions are there as they are meant to be.

mod abi;
mod clobbered;
mod commands;
mod distributions;
mod entrypoint;
mod imports;
mod modules;
mod record;
mod requirements;

use super::{Check, Code, Demands, Finding, Report, Skipped, Subject};
use crate::{base::Python, python::PackageName};

use distributions::Distribution;
use modules::Modules;

/// What is looked at: an image, its interpreter, and what is installed.
struct View<'a> {
    subject: &'a Subject,
    python: &'a Python,
    distributions: Vec<Distribution<'a>>,
    modules: Modules<'a>,
}

/// Checks the image's Python, or says why not.
pub(super) fn check(subject: &Subject, demands: &Demands) -> Report {
    let mut report = Report::default();
    report.findings.extend(entrypoint::program(subject));
    let mut skip = |reason: String| {
        report.skipped.push(Skipped { platform: subject.platform.clone(), check: Check::Python, reason });
    };
    let python = match subject.tree.python(subject.settings()) {
        Ok(Some(python)) => python,
        Ok(None) => {
            if !demands.check.import.is_empty() {
                skip("there is no `python3` on its PATH".to_owned());
            }
            return report;
        }
        Err(error) => {
            skip(error.to_string());
            return report;
        }
    };
    let (distributions, malformed) = distributions::find(subject, &python);
    let modules = Modules::new(subject, &python);
    let view = View { subject, python: &python, distributions, modules };
    report.findings.extend(malformed);
    report.findings.extend(abi::check(&view));
    report.findings.extend(clobbered::check(&view));
    report.findings.extend(record::check(&view));
    report.findings.extend(requirements::check(&view, demands));
    report.findings.extend(commands::check(&view));
    report.findings.extend(imports::check(&view, demands));
    report.findings.extend(entrypoint::script(&view));
    report
}

impl<'a> View<'a> {
    fn distribution(&self, name: &PackageName) -> Option<&Distribution<'a>> {
        self.distributions.iter().find(|distribution| distribution.name == *name)
    }

    fn finding(&self, code: Code, message: impl Into<String>) -> Finding {
        Finding::new(code, &self.subject.platform, message)
    }

    /// A finding about the file at `path`, with what brought it.
    fn finding_at(&self, code: Code, path: &str, message: impl Into<String>) -> Finding {
        let finding = self.finding(code, message).at(path);
        match self.subject.tree.node(path.trim_start_matches('/')) {
            Some(node) => finding.of(self.subject.owner(node)),
            None => finding,
        }
    }
}
