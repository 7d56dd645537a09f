//! Where images come from and go to.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{BuildError, Builder, Built, BuiltLayer, Made, Project};
use crate::{
    archive::{ArchiveSink, ArchiveSource, Listing},
    engine::{Engine, EngineSink},
    hint::Hint,
    image::{BlobSource as _, Delivery, Graph, Sink, Source, TransferError},
    layout::{LayoutSink, LayoutSource},
    oci::{Digest, Platform, Reference},
    recipe::Base,
};

/// Layers of more bytes are warned of before they are pushed.
const GIANT: u64 = 2_000_000_000;

/// Where an image goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// An OCI layout, new or already there.
    Layout {
        /// The folder.
        folder: PathBuf,
        /// Name of the image in it.
        name: Option<String>,
    },
    /// An OCI archive.
    Archive {
        /// The file.
        file: PathBuf,
        /// Name of the image in it.
        name: Option<String>,
    },
    /// An archive that container engines load.
    DockerArchive {
        /// The file.
        file: PathBuf,
        /// Name of the image in the engine.
        reference: Option<Reference>,
    },
    /// A container engine on this machine, which gets one platform's image.
    Engine {
        /// Which one.
        engine: Engine,
        /// Name of the image in it.
        reference: Reference,
    },
    /// A repository of a registry, with a tag.
    Registry(Reference),
}

impl Builder {
    /// Brings a built image to `to`. Whoever reads there sees the old image or the new one.
    ///
    /// # Errors
    /// When the destination cannot be written; it is then as it was, apart from blobs that nothing names.
    pub async fn deliver(&self, built: &Built, to: &Destination) -> Result<Delivery, BuildError> {
        self.warn_of_giants(built, to);
        self.bring_watched(&self.graph_of(built), to).await
    }

    /// Brings an image from anywhere to `to`. Whoever reads there sees the old image or the new one.
    ///
    /// # Errors
    /// When the destination cannot be written, or the image cannot be read; the destination is then as
    /// it was, apart from blobs that nothing names.
    pub async fn bring(&self, graph: &Graph, to: &Destination) -> Result<Delivery, BuildError> {
        self.bring_watched(&graph.watched(&self.settings.observer, |_| None), to).await
    }

    /// What was built, of which the observer hears when it is read, by the names of its layers.
    pub(super) fn graph_of(&self, built: &Built) -> Graph {
        let row = |layer: &BuiltLayer| (layer.digest, format!("{} {}", layer.name, layer.platform));
        let of_layers: BTreeMap<Digest, String> = built.layers.iter().rev().map(row).collect();
        let configs = built
            .index
            .images
            .iter()
            .map(|image| (image.config.descriptor().digest, format!("config {}", image.platform)));
        let names: BTreeMap<Digest, String> = of_layers.into_iter().chain(configs).collect();
        let graph = Graph::of_index(&built.index).listing(&built.listed);
        graph.watched(&self.settings.observer, |blob| names.get(&blob.digest).cloned())
    }

    /// As [`Builder::bring`], for a graph that is watched.
    pub(super) async fn bring_watched(&self, graph: &Graph, to: &Destination) -> Result<Delivery, BuildError> {
        match self.bring_once(graph, to).await? {
            Err(source) => {
                self.remove_damaged(graph, &source).await;
                Err(BuildError::Deliver { destination: to.to_string(), source })
            }
            Ok(delivery) => Ok(delivery),
        }
    }

    /// As [`Builder::bring`], with what went wrong on the way inside.
    pub(super) async fn bring_once(
        &self,
        graph: &Graph,
        to: &Destination,
    ) -> Result<Result<Delivery, TransferError>, BuildError> {
        let one = match to {
            Destination::Engine { .. } => Some(for_this_machine(graph)?),
            _ => None,
        };
        let sink = self.sink(to)?;
        self.stage("writing", to);
        let brought = one.as_ref().unwrap_or(graph).deliver(&*sink).await;
        if brought.is_err() {
            self.registry.tidy().await;
        }
        Ok(brought)
    }

    /// Cancels the uploads that were given up, because a delivery failed or its future was dropped.
    pub async fn tidy(&self) {
        self.registry.tidy().await;
    }

    /// Some registries give an upload ten minutes, whatever its size.
    pub(super) fn warn_of_giants(&self, built: &Built, to: &Destination) {
        if !matches!(to, Destination::Registry(_)) {
            return;
        }
        for layer in built.layers.iter().filter(|layer| layer.size > GIANT && layer.made != Made::Base) {
            let message = format!("layer {} has {} MB in one upload", layer.name, layer.size / 1_000_000);
            let hint = Hint::new("name what is in it under `layers.own`, if the registry gives it too little time");
            self.warn(&message, Some(&hint));
        }
    }

    /// What [`Builder::bring`] would do to `to`, which is no engine, as far as that can be known.
    ///
    /// # Errors
    /// When the destination cannot be asked.
    pub async fn foresee(&self, graph: &Graph, to: &Destination) -> Result<Delivery, BuildError> {
        let fail = |source| BuildError::Deliver { destination: to.to_string(), source };
        graph.foresee(&*self.sink(to)?).await.map_err(fail)
    }

    pub(super) fn sink(&self, to: &Destination) -> Result<Box<dyn Sink>, BuildError> {
        Ok(match to {
            Destination::Layout { folder, name } => Box::new(LayoutSink::open(folder, name.clone())?),
            Destination::Archive { file, name } => Box::new(ArchiveSink::create(file, Listing::Layout(name.clone()))?),
            Destination::DockerArchive { file, reference } => {
                let platform = Platform::of_this_machine();
                Box::new(ArchiveSink::create(file, Listing::Engines { reference: reference.clone(), platform })?)
            }
            Destination::Engine { engine, reference } => Box::new(EngineSink::start(*engine, reference.clone())?),
            Destination::Registry(reference) => Box::new(self.registry.sink(reference, &[])?),
        })
    }

    /// Opens the image that `base` names; relative paths start from `folder`.
    ///
    /// # Errors
    /// When it is `scratch`, or cannot be opened.
    pub fn source(&self, base: &Base, folder: &Path) -> Result<Box<dyn Source>, BuildError> {
        Ok(match base {
            Base::Scratch => return Err(BuildError::Scratch),
            Base::Registry(reference) => Box::new(self.registry.source(reference)?),
            Base::Layout { path, tag } => Box::new(LayoutSource::open(folder.join(path), tag.as_deref())?),
            Base::Archive { path, tag } => Box::new(ArchiveSource::open(folder.join(path), tag.as_deref())?),
        })
    }

    /// The recipe's base, or the same at its digest. One on this machine that is not there is the recipe's mistake.
    ///
    /// # Errors
    /// When it is `scratch`, or cannot be opened.
    pub(super) fn base_source(&self, project: &Project, base: &Base) -> Result<Box<dyn Source>, BuildError> {
        if let Base::Layout { path, .. } | Base::Archive { path, .. } = base
            && !project.folder.join(path).exists()
        {
            let hint = Hint::new("check the path: in a recipe it starts at the recipe's folder");
            let message = format!("there is no `{path}`");
            return Err(project.recipe.problem_at(project.recipe.base.span(), message, Some(hint)).into());
        }
        self.source(base, &project.folder)
    }
}

/// The one image of `graph` that an engine here gets: that for this machine, or the only one.
fn for_this_machine(graph: &Graph) -> Result<Graph, BuildError> {
    let malformed = |source: crate::image::ManifestError| BuildError::Fetch { source: source.into() };
    let here = Platform::of_this_machine();
    let images = graph.images().map_err(malformed)?;
    let meant = images.iter().find(|(platform, _)| platform.is_some() && *platform == here);
    match (meant, images.as_slice()) {
        (Some((_, image)), _) | (None, [(_, image)]) => graph.below(image).map_err(malformed),
        _ => {
            let available = images.into_iter().filter_map(|(platform, _)| platform).collect();
            Err(BuildError::NotForThisMachine { available })
        }
    }
}

impl Destination {
    /// The name in a registry, if that is where it is.
    #[must_use]
    pub const fn reference(&self) -> Option<&Reference> {
        if let Self::Registry(reference) = self { Some(reference) } else { None }
    }
}

impl std::fmt::Display for Destination {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (scheme, path, name) = match self {
            Self::Registry(reference) => return write!(formatter, "{reference}"),
            Self::Engine { engine, reference } => return write!(formatter, "{engine}: {reference}"),
            Self::DockerArchive { file, reference } => {
                write!(formatter, "docker-archive:{}", file.display())?;
                return reference.as_ref().map_or(Ok(()), |reference| write!(formatter, ":{reference}"));
            }
            Self::Layout { folder, name } => ("oci", folder, name),
            Self::Archive { file, name } => ("oci-archive", file, name),
        };
        write!(formatter, "{scheme}:{}", path.display())?;
        name.as_ref().map_or(Ok(()), |name| write!(formatter, ":{name}"))
    }
}
