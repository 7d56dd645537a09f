//! Whether an image will run, and whether it is what it should be, from its files alone: for every
//! platform, without running it. Never prints; what is found are values, [`Finding`]s in a [`Report`].
//!
//! What is looked at is a [`Subject`]: one platform's image with its merged files, from wherever it
//! came. Each family of checks is a folder here; [`check`] makes those that are asked for.

mod code;
mod finding;
mod image;
pub mod libraries;
mod owners;
mod report;
mod subject;

pub use code::{Code, Level, UnknownCode};
pub use finding::{Finding, Owner};
pub use image::{budget, documents};
pub use owners::Owners;
pub use report::{Check, Report, Skipped};
pub use subject::{Subject, SubjectLayer, layer_names};

use crate::recipe;

/// Makes the checks `wanted` of one image. What the recipe accepts is not settled yet:
/// [`Report::settled`].
#[must_use]
pub fn check(subject: &Subject, wanted: &[Check], demands: &recipe::Check) -> Report {
    let mut report = Report::default();
    for check in wanted {
        match check {
            Check::Image => report.findings.extend(image::files(subject, demands)),
            Check::Libraries => {
                match libraries::prove(&subject.tree, &subject.platform, subject.settings(), &subject.owners) {
                    Some(proof) => report.findings.extend(libraries::findings(&proof, subject, demands)),
                    None => report.skipped.push(Skipped {
                        platform: subject.platform.clone(),
                        check: *check,
                        reason: "the loader of this platform is not known".to_owned(),
                    }),
                }
            }
            Check::Python | Check::Run => continue,
        }
        report.checked.push((subject.platform.clone(), *check));
    }
    report
}
