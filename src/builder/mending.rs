//! What is done about damage in the store: what is wrong is removed and had again, within the same run.

use super::{BuildError, Builder, Built, Destination, Project, Selection, make::Site, memo::MadeLayer};
use crate::{
    hint::Hint,
    image::{Artifact, Delivery, Graph, TransferError},
    layer::debian::Packed,
    lock::Lock,
    oci::Digest,
    plan::{Contents, PlannedLayer, Sources},
    store::{Blob, Store},
};

impl Builder {
    /// Makes a layer; once more with fresh files if those of the store turn out to be damaged.
    pub(super) async fn lay_down_mended(&self, site: Site<'_>, planned: PlannedLayer) -> Result<MadeLayer, BuildError> {
        let error = match self.lay_down(site, planned.clone()).await {
            Err(error @ (BuildError::Layer { .. } | BuildError::Unpack { .. })) => error,
            result => return result,
        };
        let (store, contents) = (self.settings.store.clone(), planned.contents.clone());
        if !self.compute(move || remove_damaged(&inputs(&store, &contents))).await? {
            return Err(error);
        }
        self.warn("the store held damaged files, which are had again", None);
        self.lay_down(site, planned).await
    }

    /// As [`Builder::deliver`], with what is to be attached; where files of the store turn out to be damaged, `built` is built again from
    /// `lock`, once, and then delivered.
    ///
    /// # Errors
    /// As [`Builder::build`] and [`Builder::deliver`].
    pub async fn deliver_mended(
        &self,
        (project, lock, selection): (&Project, &Lock, &Selection),
        (built, attached): (&Built, Vec<Artifact>),
        to: &Destination,
    ) -> Result<Delivery, BuildError> {
        self.warn_of_giants(built, to);
        let graph = self.graph_of(built).attaching(attached);
        let error = match self.bring_once(&graph, to).await? {
            Ok(delivery) => return Ok(delivery),
            Err(error) => error,
        };
        let fail = |source| BuildError::Deliver { destination: to.to_string(), source };
        if !self.is_mended(&graph, &error).await {
            return Err(fail(error));
        }
        self.warn("the store held damaged files, which are had again", None);
        let mut again = self.build(project, lock, selection).await?;
        let digests = |built: &Built| -> Vec<Digest> {
            built.index.images.iter().map(|image| image.manifest.descriptor().digest).collect()
        };
        if digests(&again) != digests(built) {
            return Err(fail(error));
        }
        // The same images: what is listed beside them, or attached to them, is said of these.
        again.index.manifest = built.index.manifest.clone();
        again.listed.clone_from(&built.listed);
        self.bring_watched(&self.graph_of(&again).attaching(graph.attached().to_vec()), to).await
    }

    /// Throws away what a blob turned out to be made of wrongly, so that it is had anew.
    pub(super) async fn is_mended(&self, graph: &Graph, error: &TransferError) -> bool {
        let (TransferError::Corrupt { digest, .. } | TransferError::Read { digest, .. }) = error else { return false };
        let Some(blob) = graph.blobs().iter().find(|blob| blob.descriptor().digest == *digest).cloned() else {
            return false;
        };
        tokio::task::spawn_blocking(move || blob.distrust()).await.unwrap_or(false)
    }

    /// The same for an image that cannot be built again here.
    pub(super) async fn remove_damaged(&self, graph: &Graph, error: &TransferError) {
        if self.is_mended(graph, error).await {
            let hint = Hint::new("run the same again");
            self.warn("the store held damaged files, which are removed now", Some(&hint));
        }
    }
}

/// The files of the store that a layer is made of, as far as they are there.
fn inputs(store: &Store, contents: &Contents) -> Vec<Blob> {
    let wheel = |wheel: &crate::lock::LockedWheel| store.blob(&wheel.sha256);
    let package = |package: &crate::lock::LockedPackage| {
        let packed = Packed::recall(store, &package.sha256).map(|packed| packed.contents().clone());
        store.blob(&package.sha256).into_iter().chain(packed).collect::<Vec<Blob>>()
    };
    match contents {
        // Made of nothing but what the lock says.
        Contents::Whiteouts(_) | Contents::Venv(_) => Vec::new(),
        Contents::Wheels(wheels) | Contents::Bytecode { of: Sources::Wheels(wheels), .. } => {
            wheels.iter().filter_map(wheel).collect()
        }
        Contents::Share { wheel: shared, .. } => wheel(shared).into_iter().collect(),
        Contents::Debian(packages) | Contents::Bytecode { of: Sources::Packages(packages), .. } => {
            packages.iter().flat_map(package).collect()
        }
    }
}

/// Whether any of the files was not what its digest says. Those are gone now; one that cannot be read is not
/// relied on either. All are looked at.
fn remove_damaged(blobs: &[Blob]) -> bool {
    blobs.iter().filter(|blob| blob.remove_if_damaged().unwrap_or(true)).count() > 0
}
