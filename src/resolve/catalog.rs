//! What there is to choose from: listings and metadata, each fetched once, many at a time.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::OnceCell;

use super::{
    ResolveError,
    listing::{Candidate, Criteria, Listing, Prereleases, Taste},
    ranges::{Versions, nearest},
};
use crate::{
    lock::WheelSource,
    oci::Digest,
    pypi::{IndexError, PackageIndex},
    python::{CoreMetadata, PackageName, PythonVersion, TagSet, Target, UploadTime, Version, VersionSpecifiers},
};

/// Versions looked at before a search is given up, where the request says nothing. The largest sets that
/// people have need a few thousand.
pub(super) const PATIENCE: usize = 20_000;

/// Everything that can be chosen for one request on one target.
#[derive(Clone)]
pub(super) struct Catalog {
    pub(super) index: PackageIndex,
    pub(super) tags: TagSet,
    pub(super) accepted: BTreeMap<PackageName, BTreeSet<Digest>>,
    pub(super) prefer: BTreeMap<PackageName, Version>,
    pub(super) keep: BTreeSet<String>,
    pub(super) prereleases: BTreeSet<PackageName>,
    pub(super) before: Option<UploadTime>,
    pub(super) any_age: BTreeSet<PackageName>,
    /// Versions that may be looked at.
    pub(super) patience: usize,
    /// Distributions of which there were pre-releases alone where nothing could be had.
    unreleased: Arc<Mutex<BTreeSet<PackageName>>>,
    listings: Arc<Mutex<Listings>>,
}

type Listings = BTreeMap<PackageName, Arc<OnceCell<Arc<Listing>>>>;

/// The metadata of a wheel, or why the wheel cannot be used.
pub(super) type Usable = Result<Arc<CoreMetadata>, Unusable>;

/// Why a wheel cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// What it says cannot be met here.
    Unfit(String),
    /// It is not what its name and its index say.
    Damaged(String),
}

impl Catalog {
    pub(super) fn new(index: PackageIndex, target: &Target) -> Self {
        Self {
            index,
            tags: TagSet::of(target),
            accepted: BTreeMap::new(),
            prefer: BTreeMap::new(),
            keep: BTreeSet::new(),
            prereleases: BTreeSet::new(),
            before: None,
            any_age: BTreeSet::new(),
            patience: PATIENCE,
            unreleased: Arc::default(),
            listings: Arc::default(),
        }
    }

    pub(super) fn target(&self) -> &Target {
        self.tags.target()
    }

    /// The same, in which other files can be fixed.
    pub(super) fn apart(&self) -> Self {
        let listings = Arc::new(Mutex::new(self.listings().clone()));
        Self { listings, ..self.clone() }
    }

    /// Makes `candidate`, which the recipe names, the only one of its distribution.
    pub(super) fn fix(&self, candidate: Candidate) {
        let name = candidate.wheel.name().clone();
        let listing = Arc::new(OnceCell::new_with(Some(Arc::new(Listing::direct(candidate)))));
        self.listings().insert(name, listing);
    }

    /// Takes note that pre-releases of `package` would have served where nothing else did.
    pub(super) fn note_unreleased(&self, package: &PackageName) {
        self.unreleased.lock().unwrap_or_else(PoisonError::into_inner).insert(package.clone());
    }

    /// The same, in which pre-releases are taken of what was noted; nothing where that changes nothing.
    pub(super) fn with_unreleased(&self) -> Option<Self> {
        let noted = std::mem::take(&mut *self.unreleased.lock().unwrap_or_else(PoisonError::into_inner));
        let prereleases = &self.prereleases | &noted;
        (prereleases.len() > self.prereleases.len()).then(|| Self { prereleases, ..self.clone() })
    }

    /// The same, in which the version of `package` that is nearest to `versions` is preferred.
    pub(super) fn preferring_nearest(&self, package: &PackageName, versions: &Versions) -> Self {
        let nearest = self.known(package).and_then(|listing| nearest(versions, listing.advisable()).into_iter().next());
        let mut catalog = self.clone();
        catalog.prefer.extend(nearest.map(|version| (package.clone(), version)));
        catalog
    }

    /// The versions of `package`.
    pub(super) async fn listing(&self, package: &PackageName) -> Result<Arc<Listing>, ResolveError> {
        let cell = self.cell(package);
        cell.get_or_try_init(|| self.list(package)).await.cloned()
    }

    /// The versions of `package`, if they were asked for before.
    pub(super) fn known(&self, package: &PackageName) -> Option<Arc<Listing>> {
        self.cell(package).get().cloned()
    }

    /// The wheel to try first of those in `versions`.
    pub(super) fn choose<'a>(
        &self,
        package: &PackageName,
        listing: &'a Listing,
        versions: &Versions,
    ) -> Option<&'a Candidate> {
        let asked = self.prereleases.contains(package);
        let prereleases = if asked { Prereleases::Asked } else { Prereleases::Avoided };
        listing.choose(versions, Taste { prefer: self.prefer.get(package), prereleases })
    }

    /// What `candidate` says of itself; or, inside, why it cannot be used.
    pub(super) async fn metadata(&self, candidate: &Candidate) -> Result<Usable, ResolveError> {
        if let Some(metadata) = &candidate.metadata {
            return Ok(Ok(Arc::clone(metadata)));
        }
        let WheelSource::Index(index) = &candidate.source else {
            return Ok(Err(Unusable::Damaged("it has no metadata".to_owned())));
        };
        match self.index.metadata(index, &candidate.file).await {
            Ok(metadata) => Ok(self.for_python(metadata)),
            Err(IndexError::Metadata { source, .. }) => Ok(Err(Unusable::Unfit(source.to_string()))),
            Err(error @ IndexError::Broken { .. }) => Ok(Err(Unusable::Damaged(error.to_string()))),
            Err(error) => Err(error.into()),
        }
    }

    /// Fetches ahead what will be needed if `package` is decided within `versions`.
    pub(super) async fn warm(&self, package: &PackageName, versions: &Versions) {
        if let Ok(listing) = self.listing(package).await
            && let Some(candidate) = self.choose(package, &listing, versions)
        {
            let _ = self.metadata(candidate).await;
        }
    }

    fn for_python(&self, metadata: Arc<CoreMetadata>) -> Usable {
        let python = self.target().python;
        match other_python(&metadata, python) {
            Some(specifiers) => Err(Unusable::Unfit(format!("it requires Python {specifiers}, the base has {python}"))),
            None => Ok(metadata),
        }
    }

    async fn list(&self, package: &PackageName) -> Result<Arc<Listing>, ResolveError> {
        let project = self.index.project(package, &self.target().platform).await?;
        let accepted = self.accepted.get(package);
        let before = self.before.filter(|_| !self.any_age.contains(package));
        let criteria = Criteria { tags: &self.tags, accepted, keep: &self.keep, before };
        let listing = project.map(|project| Listing::of(package, &project.index, &project.files, &criteria));
        Ok(Arc::new(listing.unwrap_or_default()))
    }

    fn cell(&self, package: &PackageName) -> Arc<OnceCell<Arc<Listing>>> {
        Arc::clone(self.listings().entry(package.clone()).or_default())
    }

    fn listings(&self) -> MutexGuard<'_, Listings> {
        self.listings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The Pythons that a distribution is for, where `python` is none of them.
pub(super) fn other_python(metadata: &CoreMetadata, python: PythonVersion) -> Option<&VersionSpecifiers> {
    metadata.requires_python.as_ref().filter(|specifiers| !specifiers.contains(&python.release()))
}
