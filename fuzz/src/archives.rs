//! Archives of images, of recipes that travel with them, and of stores.

use wheelwright::{
    archive::{ArchiveSink, ArchiveSource, Listing},
    attest::{Carried, Content, Origin},
    image::{Graph, Manifest, Memory, Source as _, read_whole},
    oci::{Digest, MediaType},
    store::{Bucket, Store},
};

use crate::place::{folder, gzip, tar_of, wait, with_file, with_store};

/// Any bytes as an archive of an image: what is read out of it is what its digest says, and no more than it has.
pub(crate) fn archive(bytes: &[u8]) {
    with_file(bytes, |path| {
        let Ok(source) = ArchiveSource::open(path, None) else { return };
        let Ok(root) = wait(source.root()) else { return };
        assert_eq!(root.descriptor().digest, Digest::of(root.bytes()));
        let Ok(graph) = wait(Graph::read(&source, root)) else { return };
        for blob in graph.blobs() {
            if let Ok(found) = wait(read_whole(&**blob, 1 << 20)) {
                assert_eq!(Digest::of(&found), blob.descriptor().digest);
                assert!(found.len() <= bytes.len());
            }
        }
    });
}

pub(crate) fn archive_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let config = Memory::new(
        MediaType::ImageConfig,
        r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#,
    );
    let seed = |listing: Listing| {
        let folder = folder();
        let path = folder.path().join("image.tar");
        let manifest =
            Manifest::of_image(wheelwright::image::BlobSource::descriptor(&config), &[], &serde_json::Value::Null);
        let source = Lone(manifest.clone(), config.clone());
        let graph = wait(Graph::read(&source, manifest)).expect("memory can be read");
        let sink = ArchiveSink::create(&path, listing).expect("the folder can be written");
        wait(graph.deliver(&sink)).expect("the folder can be written");
        std::fs::read(&path).expect("it was written")
    };
    vec![("image", seed(Listing::Layout(None)))]
}

/// An image of nothing but a config.
struct Lone(Manifest, Memory);

impl wheelwright::image::Source for Lone {
    fn root(&self) -> futures_util::future::BoxFuture<'_, Result<Manifest, wheelwright::image::TransferError>> {
        Box::pin(async { Ok(self.0.clone()) })
    }

    fn manifest<'a>(
        &'a self,
        _: &'a wheelwright::oci::Descriptor,
    ) -> futures_util::future::BoxFuture<'a, Result<Manifest, wheelwright::image::TransferError>> {
        self.root()
    }

    fn blob(&self, _: &wheelwright::oci::Descriptor) -> Box<dyn wheelwright::image::BlobSource> {
        Box::new(self.1.clone())
    }
}

/// Any tar as the recipe and lock that travel with an image, and as a store that was carried here: nothing leads out
/// of the former; of the latter everything that was taken in is right, and goes out as it came in.
pub(crate) fn carried(bytes: &[u8]) {
    let origin = Origin {
        recipe: "a/app.toml".to_owned(),
        lock: "a/app.lock".to_owned(),
        variant: None,
        whole: true,
        decisive: Digest::of(b""),
    };
    if let Ok(read) = Carried::read(origin, &gzip(bytes)) {
        for (path, content) in &read.contents {
            assert!(!path.starts_with('/') && !path.split('/').any(|part| part == ".." || part.is_empty()), "{path}");
            if let Content::File { bytes: contents, .. } = content {
                assert!(contents.len() <= bytes.len());
            }
        }
        let _ = (read.text("recipe", "a/app.toml").expect("it was looked for"), read.extended("../x/./y"));
        assert!(read.extended("../../../a/app.toml").is_ok(), "the root is as high as it goes");
    }
    with_store(|store| {
        with_file(bytes, |path| {
            let Ok(came) = store.import(path) else { return };
            assert!(came.bytes <= bytes.len() as u64);
            let out = path.with_extension("out");
            let went = store.export(&out).expect("the store is sound");
            with_store(|other| {
                let again = other.import(&out).expect("it was written by us");
                assert_eq!(again, went);
            });
        });
        let verified = store.verify().expect("the store can be read");
        assert!(verified.damaged.is_empty(), "{:?}", verified.damaged);
    });
}

pub(crate) fn carried_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let folder = folder();
    let store = Store::open(folder.path().join("store")).expect("the folder can be written");
    store.put(b"a blob").expect("the store can be written");
    store.keep(Bucket::Pages, "a-page", b"a note").expect("the store can be written");
    let path = folder.path().join("out.tar");
    store.export(&path).expect("the folder can be written");
    vec![
        ("recipe", tar_of(&[("a/", b""), ("a/app.toml", b"name = 1"), ("a/app.lock", b""), ("a/link", b"->app.toml")])),
        ("store", std::fs::read(&path).expect("it was written")),
    ]
}
