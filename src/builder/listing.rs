//! What a layer of ours holds, written down in the pass that makes it: to check an image, nothing is
//! inflated a second time.

use crate::{
    base::{self, Entry, Kind, Recorder},
    layer::{Item, Node, Witness, whiteout},
    oci::DiffId,
    store::{Store, StoreError},
};

/// Sees a layer being made, for [`lay_before`](crate::layer::lay_before): what is to be known of it for checks.
#[derive(Debug, Default)]
pub struct Listing(Recorder);

impl Listing {
    /// Keeps what was seen, by the layer's diff id. A layer whose files tell more than is kept has no
    /// note; whoever checks it reads it, and says so.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn keep(self, store: &Store, diff_id: DiffId) -> Result<(), StoreError> {
        self.0.finish().map_or(Ok(()), |entries| base::keep_layer(store, diff_id, &entries))
    }
}

impl Witness for Listing {
    fn item(&mut self, item: &Item) {
        let Item { path, mode, uid, gid, .. } = item;
        let (kind, size) = match &item.node {
            Node::Directory => (Kind::Directory, 0),
            Node::File(body) => (Kind::File, body.size()),
            Node::Symlink(target) => (Kind::Symlink(target.clone()), 0),
            Node::Hardlink(target) => (Kind::Hardlink(target.clone()), 0),
            Node::Whiteout => (Kind::File, 0),
        };
        let path = if item.node == Node::Whiteout { whiteout(path) } else { path.clone() };
        self.0.begin(&path, Entry { kind, mode: *mode, uid: *uid, gid: *gid, size });
    }

    fn contents(&mut self, bytes: &[u8]) {
        self.0.contents(bytes);
    }

    fn end(&mut self, tar: &[u8]) {
        self.0.append(tar);
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read as _, sync::Arc};

    use bytes::Bytes;

    use super::*;
    use crate::{
        base::LayerEntries,
        layer::{Body, Format, Threads, VirtualLayer, lay_before},
        testing::Library,
    };

    #[test]
    fn what_is_seen_is_what_the_layer_holds() {
        let item = |path: &str, node| Item { uid: 1, gid: 2, mtime: 3, ..Item::new(path.to_owned(), node, 0o755) };
        let file = |bytes: Vec<u8>| Node::File(Body::Literal(Bytes::from(bytes)));
        let items = [
            item("a", Node::Directory),
            item("a/libx.so", file(Library::new("libx.so.1").padding(200_000).build())),
            item("a/link", Node::Symlink("libx.so".to_owned())),
            item("a/same", Node::Hardlink("a/libx.so".to_owned())),
            item("a/text", file(b"text".to_vec())),
        ];
        for format in [Format::Gzip, Format::Plain, Format::Lazy] {
            // Some formats hold the same tar.
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path()).unwrap();
            let mut listing = Listing::default();
            let laid = lay_before(&mut listing, &items, (format, Threads::One), &store, &|_| {}).unwrap();
            assert!(base::known_layer(&store, laid.diff_id).is_none());
            listing.keep(&store, laid.diff_id).unwrap();
            let mut bytes = Vec::new();
            let layer = Arc::new(VirtualLayer::new(laid.descriptor, laid.rope));
            layer.reader(0).read_to_end(&mut bytes).unwrap();
            let mut tar = Vec::new();
            match format {
                Format::Plain => tar = bytes,
                _ => drop(flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut tar).unwrap()),
            }
            assert_eq!(base::known_layer(&store, laid.diff_id).unwrap(), LayerEntries::read(&tar[..]).unwrap());
        }
    }
}
