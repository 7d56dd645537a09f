//! A tar that is encoded as a whole: only its bytes count, not what stands where.

use super::{
    Format, Laid,
    pass::{Cut, END_OF_ARCHIVE, Output},
};
use crate::{
    layer::{Body, Item, LayerError, Rope, hashes::Hashes},
    oci::{Descriptor, MediaType},
};

pub(super) struct Whole<'scope> {
    hashes: Hashes<'scope>,
    media_type: MediaType,
}

impl<'scope> Whole<'scope> {
    /// `hashes` must have an encoder for `format`.
    pub(super) fn new(hashes: Hashes<'scope>, format: Format) -> Self {
        let media_type = if format == Format::Zstd { MediaType::ImageLayerZstd } else { MediaType::ImageLayer };
        Self { hashes, media_type }
    }
}

impl Output for Whole<'_> {
    fn tar(&mut self, buffer: Vec<u8>, filled: usize) -> Result<Vec<u8>, LayerError> {
        self.hashes.tar(buffer, filled)
    }

    fn between(&mut self, _: &[u8]) -> Result<(), LayerError> {
        Ok(())
    }

    fn begin(&mut self, _: &Body) -> Result<(), LayerError> {
        Ok(())
    }

    fn contents(&mut self, _: &Body, _: &[u8]) -> Result<(), LayerError> {
        Ok(())
    }

    fn end(&mut self, _: &Item, _: &Body, _: Option<Cut>) -> Result<(), LayerError> {
        Ok(())
    }

    fn end_of_archive(&mut self) -> Result<Vec<u8>, LayerError> {
        Ok(END_OF_ARCHIVE.to_vec())
    }

    fn finish(self, result: Result<(), LayerError>) -> Result<Laid, LayerError> {
        let sums = self.hashes.finish(result)?;
        let blob = sums.encoded.ok_or(LayerError::Thread)?;
        let descriptor = Descriptor::new(self.media_type, *blob.digest(), blob.size());
        Ok(Laid { diff_id: sums.diff_id, descriptor, rope: Rope::of_blob(&blob) })
    }
}
