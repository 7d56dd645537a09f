//! Images as programs that use [`ocipkg`] see them: one platform at a time, blobs in memory. For
//! handing images over to such programs; nothing in wheelwright itself goes this way.

use std::sync::Arc;

use anyhow::Context as _;
use ocipkg::{Digest as OcipkgDigest, ImageName};
use tokio::runtime::Handle;

use crate::image::{BlobSource, Image, read_whole};

/// One platform's image as an [`ocipkg::image::Image`], so that `ocipkg::image::copy` and everything
/// else that is generic over it can take it in.
///
/// `ocipkg` holds whole blobs in memory: blobs over `limit` bytes are refused. Its trait is
/// synchronous, so use this from a thread that may block, not from inside the runtime.
pub struct OcipkgView {
    name: ImageName,
    image: Image,
    runtime: Handle,
    limit: u64,
}

impl OcipkgView {
    /// A view of `image` under `name`, whose remote blobs are read on `runtime`.
    #[must_use]
    pub const fn new(name: ImageName, image: Image, runtime: Handle, limit: u64) -> Self {
        Self { name, image, runtime, limit }
    }

    fn blob(&self, digest: &str) -> Option<Arc<dyn BlobSource>> {
        let config: Arc<dyn BlobSource> = Arc::new(self.image.config.clone());
        let layers = self.image.layers.iter().map(|layer| Arc::clone(&layer.blob));
        layers.chain([config]).find(|blob| blob.descriptor().digest.to_string() == digest)
    }
}

impl ocipkg::image::Image for OcipkgView {
    fn get_name(&mut self) -> anyhow::Result<ImageName> {
        Ok(self.name.clone())
    }

    fn get_blob(&mut self, digest: &OcipkgDigest) -> anyhow::Result<Vec<u8>> {
        let blob = self.blob(digest.as_ref()).with_context(|| format!("the image has no blob {digest}"))?;
        let bytes = self.runtime.block_on(read_whole(&*blob, self.limit))?;
        Ok(bytes.to_vec())
    }

    fn get_manifest(&mut self) -> anyhow::Result<ocipkg::oci_spec::image::ImageManifest> {
        Ok(serde_json::from_slice(self.image.manifest.bytes())?)
    }
}

#[cfg(test)]
mod tests {
    use ocipkg::image::{Image as _, OciDirBuilder, copy};
    use serde_json::Value;

    use super::*;
    use crate::{
        image::{Layer, Manifest, Memory},
        oci::{DiffId, Digest, MediaType},
    };

    #[test]
    fn an_ocipkg_program_copies_our_image() {
        let layer = Memory::new(MediaType::ImageLayerGzip, &b"layer"[..]);
        let config = Memory::new(MediaType::ImageConfig, &b"{}"[..]);
        let manifest = Manifest::of_image(config.descriptor(), std::slice::from_ref(layer.descriptor()), &Value::Null);
        let diff_id = DiffId(Digest::of(b"tar"));
        let digest: OcipkgDigest = layer.descriptor().digest.to_string().parse().unwrap();
        let platform = "linux/amd64".parse().unwrap();
        let image = Image { platform, manifest, config, layers: vec![Layer { diff_id, blob: Arc::new(layer) }] };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let name = ImageName::parse("localhost/demo:1").unwrap();
        let mut view = OcipkgView::new(name.clone(), image.clone(), runtime.handle().clone(), 1024);
        let folder = tempfile::tempdir().unwrap();
        let builder = OciDirBuilder::new(folder.path().join("copy"), name.clone()).unwrap();
        let mut copied = copy(&mut view, builder).unwrap();
        assert_eq!(copied.get_blob(&digest).unwrap(), b"layer");
        let mut small = OcipkgView::new(name, image, runtime.handle().clone(), 2);
        assert!(small.get_blob(&digest).is_err());
    }
}
