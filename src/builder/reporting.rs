//! A build told as a whole, for [`crate::report`].

use super::{Builder, Built, BuiltLayer, Destination, PastBuild, Project, Since};
use crate::{
    image::{Delivery, Moved},
    report::{self, FORMAT, Recorder, Report},
    verify,
};

/// What came of building one image: where it went, and what checks found.
#[derive(Clone, Copy)]
pub struct Reported<'a> {
    /// The image.
    pub built: &'a Built,
    /// Where it went.
    pub deliveries: &'a [(&'a Destination, Delivery)],
    /// What was found in it; nothing where nobody looked.
    pub checked: Option<&'a verify::Report>,
}

impl Builder {
    /// Everything that is known of a build that is over; [`Builder::remember_build`] comes before it.
    #[must_use]
    pub fn report(&self, project: &Project, images: &[Reported<'_>], recorder: &Recorder) -> Report {
        Report {
            format: FORMAT,
            name: project.recipe.name.get_ref().clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            began: self.settings.now,
            took: recorder.elapsed(),
            images: images.iter().map(|image| self.reported(project, *image)).collect(),
            timeline: recorder.spans(),
            warnings: recorder.warnings(),
        }
    }

    fn reported(&self, project: &Project, image: Reported<'_>) -> report::Image {
        let Reported { built, deliveries, checked } = image;
        let platforms = built.index.images.iter().map(|one| {
            let layers = built.layers.iter().filter(|layer| layer.platform == one.platform);
            let findings = checked.iter().flat_map(|checked| &checked.findings);
            report::Platform {
                platform: one.platform.to_string(),
                layers: layers.map(|layer| described(layer, deliveries)).collect(),
                findings: findings.filter(|finding| finding.platform == one.platform).map(found).collect(),
            }
        });
        let delivery = |(to, delivery): &(&Destination, Delivery)| report::Delivery {
            to: to.to_string(),
            sent: delivery.bytes_sent(),
        };
        report::Image {
            variant: built.variant.clone(),
            digest: built.index.manifest.descriptor().digest.to_string(),
            deliveries: deliveries.iter().map(delivery).collect(),
            platforms: platforms.collect(),
            builds: self.past_builds(project, built.variant.as_deref()).iter().map(remembered).collect(),
        }
    }
}

fn described(layer: &BuiltLayer, deliveries: &[(&Destination, Delivery)]) -> report::Layer {
    let word = |(_, delivery): &(&Destination, Delivery)| delivery.moved(&layer.digest).map_or("-", Moved::verb);
    let package = |held: &super::Held| report::Package {
        name: held.name.clone(),
        version: held.version.clone(),
        size: held.size,
    };
    report::Layer {
        name: layer.name.clone(),
        digest: layer.digest.to_string(),
        size: layer.size,
        made: layer.made.to_string(),
        delivered: deliveries.iter().map(|delivery| word(delivery).to_owned()).collect(),
        took: u64::try_from(layer.time.as_millis()).unwrap_or(u64::MAX),
        why: layer.why.iter().filter(|why| why.since == Since::Now).flat_map(|why| why.differs.clone()).collect(),
        holds: layer.holds.iter().map(package).collect(),
    }
}

fn found(finding: &verify::Finding) -> report::Finding {
    let place = [finding.path.clone(), finding.owner.as_ref().map(ToString::to_string)];
    let place = place.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let hint = finding.hint.as_ref().map(ToString::to_string);
    let accepted = finding.accepted.as_ref().map(|reason| format!("accepted: {reason}"));
    report::Finding {
        code: finding.code.to_string(),
        level: finding.level().to_string(),
        message: finding.message.clone(),
        place: (!place.is_empty()).then_some(place),
        advice: accepted.or_else(|| finding.recipe.clone()).or(hint),
    }
}

fn remembered(build: &PastBuild) -> report::Build {
    report::Build { began: build.began, took: build.took, made: build.made.len(), kept: build.kept, sent: build.sent }
}
