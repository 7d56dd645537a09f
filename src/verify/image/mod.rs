//! `--image`: whether an image's documents fit together, and what its files should not be.

mod cuda;
mod documents;
mod hidden;
mod modes;
mod secrets;
mod user;

pub use documents::{budget, documents};

use super::{Code, Finding, Subject};
use crate::{quantity::bytes, recipe};

/// What the merged files of an image tell about it.
pub(super) fn files(subject: &Subject, demands: &recipe::Check) -> Vec<Finding> {
    let mut findings = hidden::check(subject);
    findings.extend(cuda::check(subject));
    findings.extend(secrets::check(subject));
    findings.extend(modes::check(subject));
    findings.extend(user::check(subject));
    findings.extend(too_large(subject, demands));
    findings
}

fn too_large(subject: &Subject, demands: &recipe::Check) -> Option<Finding> {
    let most = *demands.max_size.as_ref()?.get_ref();
    let size: u64 = subject.layers.iter().map(|layer| layer.size).sum();
    let largest = subject.layers.iter().max_by_key(|layer| layer.size)?;
    let message = format!("its layers have {} together, and {} are allowed", bytes(size), bytes(most));
    let hint = format!("make it smaller, or raise `[check] max-size`; the largest layer is {}", largest.name);
    (size > most).then(|| Finding::new(Code::TOO_LARGE, &subject.platform, message).hinted(hint))
}

/// The first few of `paths`, and how many more there are.
fn some(paths: &[String]) -> String {
    const NAMED: usize = 3;
    let first = paths.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match paths.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
