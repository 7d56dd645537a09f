//! The versions of one distribution as a target sees them: to say why it has not a newer one.

use std::collections::BTreeSet;

use super::{
    ResolveError,
    listing::{Criteria, Listing},
};
use crate::{
    oci::Digest,
    pypi::PackageIndex,
    python::{PackageName, TagSet, Target, UploadTime, Version, Yanked},
};

/// A version that an index lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Which.
    pub version: Version,
    /// What the target makes of it.
    pub verdict: Verdict,
}

/// What a target makes of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has this wheel for it.
    Usable(Box<crate::python::IndexFile>),
    /// Its wheel was withdrawn by its authors, for a reason that may be empty.
    Withdrawn(String),
    /// There is nothing but source.
    SourceOnly,
    /// It has no wheel for it, for this reason.
    NoWheel(String),
}

/// Every version of `package` that its index lists, the newest first; with `accepted`, only files of
/// these digests count, and with `before` none that came later. Nothing when no index has it.
///
/// # Errors
/// When an index cannot be asked.
pub async fn survey(
    package: &PackageName,
    (accepted, before): (Option<&BTreeSet<Digest>>, Option<UploadTime>),
    target: &Target,
    index: &PackageIndex,
) -> Result<Vec<Listed>, ResolveError> {
    let tags = TagSet::of(target);
    let Some(project) = index.project(package, &target.platform).await? else { return Ok(Vec::new()) };
    let criteria = Criteria { tags: &tags, accepted, keep: &BTreeSet::new(), before };
    let listing = Listing::of(package, &project.index, &project.files, &criteria);
    let usable = listing.candidates.iter().map(|candidate| Listed {
        version: candidate.wheel.version().clone(),
        verdict: match &candidate.file.yanked {
            Yanked::No => Verdict::Usable(Box::new(candidate.file.clone())),
            Yanked::Because(reason) => Verdict::Withdrawn(reason.clone()),
        },
    });
    let refused = listing.refused.iter().map(|(version, refused)| Listed {
        version: version.clone(),
        verdict: if refused.is_source_only() { Verdict::SourceOnly } else { Verdict::NoWheel(refused.in_words(&tags)) },
    });
    let mut found: Vec<Listed> = usable.chain(refused).collect();
    found.sort_by(|one, other| other.version.cmp(&one.version));
    Ok(found)
}
