//! Every kind of place that is both a source and a sink.

use std::{fs, io::Read as _, path::Path, sync::Arc, time::Duration};

use tempfile::TempDir;
use wheelwright::{
    archive::{ArchiveSink, ArchiveSource, Listing},
    fs::sorted_entries,
    http,
    image::{Sink, Source},
    layout::{LayoutSink, LayoutSource},
    oci::{Platform, Reference},
    registry::{Anonymous, Options, Registry},
    serve::{Running, Server},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Registry,
    Layout,
    Archive,
    Docker,
}

pub(super) const KINDS: [Kind; 4] = [Kind::Registry, Kind::Layout, Kind::Archive, Kind::Docker];

/// A place for one image, empty at first.
pub(super) struct Place {
    kind: Kind,
    folder: TempDir,
    server: Option<Running>,
    client: Registry,
}

impl Place {
    pub(super) async fn new(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = match kind {
            Kind::Registry => Some(Server::bind(([127, 0, 0, 1], 0).into(), folder.path()).await.unwrap().spawn()),
            _ => None,
        };
        let options = http::Options { pause: Duration::from_millis(1), retries: 1, ..http::Options::default() };
        let client = Registry::new(http::Client::new(options).unwrap(), Arc::new(Anonymous), Options::default());
        Self { kind, folder, server, client }
    }

    pub(super) fn sink(&self) -> Box<dyn Sink> {
        let archive = |listing| Box::new(ArchiveSink::create(self.path("image.tar"), listing).unwrap());
        match self.kind {
            Kind::Registry => Box::new(self.client.sink(&self.reference(), &[]).unwrap()),
            Kind::Layout => Box::new(LayoutSink::open(self.path("layout"), Some("demo".to_owned())).unwrap()),
            Kind::Archive => archive(Listing::Layout(Some("demo".to_owned()))),
            Kind::Docker => archive(Listing::Engines {
                reference: Some("h.example/demo:1".parse().unwrap()),
                platform: Some("linux/arm64".parse::<Platform>().unwrap()),
            }),
        }
    }

    pub(super) fn source(&self) -> Box<dyn Source> {
        let archive = |name| Box::new(ArchiveSource::open(self.path("image.tar"), Some(name)).unwrap());
        match self.kind {
            Kind::Registry => Box::new(self.client.source(&self.reference()).unwrap()),
            Kind::Layout => Box::new(LayoutSource::open(self.path("layout"), Some("demo")).unwrap()),
            Kind::Archive => archive("demo"),
            Kind::Docker => archive("h.example/demo:1"),
        }
    }

    /// Every file and folder, with the sizes of files.
    pub(super) fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        list(self.folder.path(), &mut found);
        found.sort();
        found
    }

    /// The files that were not there `before`. A registry may keep
    /// blobs that nothing names, and uploads that nobody goes on with.
    pub(super) fn files_that_matter(&self, before: &[String]) -> Vec<String> {
        let mut files = self.files();
        files.retain(|file| !before.contains(file));
        if self.kind == Kind::Registry {
            files.retain(|file| file.contains("/_manifests/") || file.contains("/_tags/"));
        }
        files
    }

    /// The members of the archive.
    pub(super) fn members(&self) -> Vec<(String, Vec<u8>)> {
        let mut archive = tar::Archive::new(fs::File::open(self.path("image.tar")).unwrap());
        let read = |mut entry: tar::Entry<'_, fs::File>| {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (entry.path().unwrap().to_string_lossy().into_owned(), bytes)
        };
        archive.entries().unwrap().map(|entry| read(entry.unwrap())).collect()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn reference(&self) -> Reference {
        format!("{}/demo:1", self.server.as_ref().unwrap().address()).parse().unwrap()
    }
}

fn list(folder: &Path, found: &mut Vec<String>) {
    for entry in sorted_entries(folder).unwrap() {
        let path = entry.path();
        let shown = path.display().to_string();
        if path.is_dir() {
            list(&path, found);
            found.push(shown);
        } else {
            found.push(format!("{shown} {}", path.metadata().unwrap().len()));
        }
    }
}
