//! One recipe on its way: locked, built, checked, delivered, told of.

use std::time::Instant;

use super::Order;
use crate::{
    builder::{Attest, Builder, Built, Destination, Reported, Signable},
    cli::{
        args, attest,
        error::CliError,
        lock::{self, Policy},
        metadata::Delivered,
        project::ProjectFile,
        session::Session,
        signing, verify, why,
    },
    cosign::SigningKey,
    image::Delivery,
    lock::Lock,
    report::Recorder,
};

/// What shall be done.
pub(super) struct Job<'a> {
    pub(super) session: &'a Session,
    pub(super) builder: &'a Builder,
    pub(super) file: &'a ProjectFile,
    pub(super) orders: &'a [Order],
    pub(super) arguments: &'a args::Build,
    pub(super) key: Option<&'a SigningKey>,
}

/// What was done.
pub(super) struct Done<'a> {
    images: Vec<Built>,
    /// What `--why` asks for.
    pub(super) told: String,
    /// Whether every `--report` was written.
    pub(super) reported: Result<(), CliError>,
    deliveries: Vec<Vec<(&'a Destination, Delivery)>>,
}

impl<'a> Job<'a> {
    /// Does it.
    ///
    /// # Errors
    /// When anything fails; nothing is delivered unless everything was built, and `--why` names layers of it.
    pub(super) async fn run(self) -> Result<Done<'a>, CliError> {
        let start = Instant::now();
        let (session, project) = (self.session, &self.file.project);
        let (builder, recorder) = self.builder.recorded();
        let builder = &builder;
        let lock = self.lock(builder).await?;
        let mut images = Vec::new();
        for order in self.orders {
            images.push(builder.build(project, &lock, &order.selection).await?);
        }
        let told = why::told(&images, &self.arguments.why)?;
        let checked = verify::after_build(session, builder, project, (&images, &lock, self.arguments.verify)).await?;
        let (attest, effort) = attest::meant(self.arguments.attest);
        if attest == Attest::Index {
            let mut listing = Vec::new();
            for (order, built) in self.orders.iter().zip(images) {
                listing.push(builder.listing_attestations((project, &lock, &order.selection), built, effort).await?);
            }
            images = listing;
        }
        let mut deliveries = Vec::new();
        for (order, built) in self.orders.iter().zip(&images) {
            let mut here = Vec::new();
            for destination in &order.destinations {
                let origin = (project, &lock, &order.selection);
                signing::sign((session, builder), destination, &Signable::of(built), self.key).await?;
                here.push((destination, builder.deliver_attested(origin, built, destination, (attest, effort)).await?));
            }
            self.arguments.remote.tell((session, builder), built, &here).await?;
            deliveries.push(here);
        }
        for (built, deliveries) in images.iter().zip(&deliveries) {
            let sent = deliveries.iter().map(|(_, delivery)| delivery.bytes_sent()).sum();
            builder.remember_build(project, built, (start.elapsed(), sent))?;
        }
        let both = images.iter().zip(&deliveries).enumerate();
        let reported =
            both.map(|(position, (built, deliveries))| Reported { built, deliveries, checked: checked.get(position) });
        let reported = self.report(builder, &reported.collect::<Vec<_>>(), &recorder);
        Ok(Done { images, told, reported, deliveries })
    }

    /// Writes every `--report`.
    fn report(&self, builder: &Builder, images: &[Reported<'_>], recorder: &Recorder) -> Result<(), CliError> {
        let (project, targets) = (&self.file.project, &self.arguments.report);
        if targets.is_empty() {
            return Ok(());
        }
        let report = builder.report(project, images, recorder);
        let name = project.recipe.name.get_ref();
        targets.iter().try_for_each(|target| target.of(name).write(&report))
    }

    /// The lock, as `--locked` allows it to come about.
    async fn lock(&self, builder: &Builder) -> Result<Lock, CliError> {
        let policy = match &self.arguments.base {
            _ if self.arguments.locked => Policy::Locked,
            Some(_) => Policy::Once,
            None => Policy::Update,
        };
        lock::fresh(self.session, builder, self.file, policy).await
    }
}

impl Done<'_> {
    /// The images, each with what came of bringing it to its destinations.
    pub(super) fn delivered(&self) -> Vec<Delivered<'_>> {
        let mut delivered: Vec<Delivered<'_>> = Vec::new();
        for (built, deliveries) in self.images.iter().zip(&self.deliveries) {
            delivered.push((built, deliveries.iter().map(|(to, delivery)| (*to, delivery.clone())).collect()));
        }
        delivered
    }
}
