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
pub mod policy;
mod python;
mod report;
pub mod run;
mod subject;

pub use code::{Code, Level, UnknownCode};
pub use finding::{Finding, Owner};
pub use image::{budget, documents};
use owners::ListedFiles;
pub use owners::Owners;
pub use report::{Check, Report, Skipped};
pub use subject::{Subject, SubjectLayer, base_layers, layer_names};

use crate::{
    lock::Lock,
    python::{NamePattern, PackageName},
    recipe,
};

/// What a recipe says that an image must be.
#[derive(Clone, Debug, Default)]
pub struct Demands {
    /// `[check]`.
    pub check: recipe::Check,
    /// Distributions that `[wheels] exclude` leaves out.
    pub exclude: Vec<NamePattern>,
    /// `[policy]`.
    pub policy: recipe::Policy,
    /// What the recipe and its lock say against the policy, whatever is in the image.
    pub told: Vec<Finding>,
    /// Distributions for which `overrides` say what counts, whatever others require.
    pub overridden: Vec<PackageName>,
}

impl Demands {
    /// The same with what the lock says of the images of `variant`.
    #[must_use]
    pub fn with_lock(mut self, lock: &Lock, variant: Option<&str>) -> Self {
        let images = lock.images.iter().filter(|image| image.variant.as_deref() == variant);
        self.told.extend(images.flat_map(|image| policy::of_lock(&self.policy, image)));
        self
    }

    /// The checks that are made where nothing else is asked for.
    #[must_use]
    pub fn checks(&self) -> Vec<Check> {
        let policy = (!self.policy.is_empty()).then_some(Check::Policy);
        Check::STATIC.into_iter().chain(policy).collect()
    }

    /// What `recipe` says, where `overridden` are the distributions that its overrides, or those of the lock that it
    /// names, are about.
    #[must_use]
    pub fn of(recipe: &recipe::Recipe, overridden: Vec<PackageName>) -> Self {
        let exclude = recipe.wheels.exclude.iter().map(|pattern| pattern.get_ref().clone()).collect();
        let (check, policy) = (recipe.check.clone(), recipe.policy.clone());
        Self { check, exclude, policy, told: policy::of_recipe(recipe), overridden }
    }
}

/// Makes the checks `wanted` of one image. What the recipe accepts is not settled yet:
/// [`Report::settled`].
#[must_use]
pub fn check(subject: &Subject, wanted: &[Check], demands: &Demands) -> Report {
    let size = subject.layers.iter().map(|layer| layer.size).sum();
    let mut report = Report { sizes: vec![(subject.platform.clone(), size)], ..Report::default() };
    for check in wanted {
        match check {
            Check::Image => report.findings.extend(image::files(subject, &demands.check)),
            Check::Libraries => {
                match libraries::prove(&subject.tree, &subject.platform, subject.settings(), &subject.owners) {
                    Some(proof) => report.findings.extend(libraries::findings(&proof, subject, &demands.check)),
                    None => report.skipped.push(Skipped {
                        platform: subject.platform.clone(),
                        check: *check,
                        reason: "the loader of this platform is not known".to_owned(),
                    }),
                }
            }
            Check::Python => report.extend(python::check(subject, demands)),
            Check::Policy => report.findings.extend(policy::of_image(subject, demands)),
            Check::Run => continue,
        }
        report.checked.push((subject.platform.clone(), *check));
    }
    for finding in &mut report.findings {
        let node = finding.path.as_ref().and_then(|path| subject.tree.find(path));
        finding.inherited = node.is_some_and(|(_, node)| node.layer < subject.base_layers);
    }
    report
}
