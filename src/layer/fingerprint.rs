//! Whether this build's compressors give the bytes that the layer format is defined by. Another
//! version of a compressor may give others, and digests would differ between machines.
//!
//! The default format needs no compressor for wheels; Debian files, large files of the user's, pieces
//! of eStargz layers and Zstandard layers do. Each asks here before it compresses anything.

use std::{io::Write as _, sync::OnceLock};

use flate2::{Compression, write::DeflateEncoder};

use super::LayerError;
use crate::oci::Digest;

/// What level 6 of flate2 makes of the sample.
const DEFLATE: &str = "sha256:c875909c1acbfdeb27f8badd5eafa82cd7d758040e6a0e9f1b0992118ff55f82";

/// What level 3 of Zstandard makes of the sample, as layers are encoded.
#[cfg(feature = "zstd")]
const ZSTD: &str = "sha256:b1a59adcebed38043dd7ce6a8040d9773b4d3b1657ee37a761d477a040ba65f8";

/// Bytes of the sample: more than a window, and more than any encoder's block.
const SAMPLE: usize = 600_000;

/// Checks flate2, level 6; the first call compresses the sample.
pub(super) fn deflate() -> Result<(), LayerError> {
    static FOUND: OnceLock<String> = OnceLock::new();
    expect("flate2", DEFLATE, FOUND.get_or_init(|| digest(deflated(&sample()))))
}

/// Checks Zstandard, level 3; the first call compresses the sample.
#[cfg(feature = "zstd")]
pub(super) fn zstd() -> Result<(), LayerError> {
    static FOUND: OnceLock<String> = OnceLock::new();
    expect("zstd", ZSTD, FOUND.get_or_init(|| digest(compressed(&sample()))))
}

#[cfg(not(feature = "zstd"))]
pub(super) fn zstd() -> Result<(), LayerError> {
    Err(LayerError::NoZstd)
}

fn expect(compressor: &'static str, expected: &str, found: &str) -> Result<(), LayerError> {
    if found == expected { Ok(()) } else { Err(LayerError::Fingerprint { compressor }) }
}

/// A compressor that fails on memory has no fingerprint.
fn digest(bytes: std::io::Result<Vec<u8>>) -> String {
    bytes.map(|bytes| Digest::of(&bytes).to_string()).unwrap_or_default()
}

fn deflated(sample: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(sample)?;
    encoder.finish()
}

#[cfg(feature = "zstd")]
fn compressed(sample: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = zstd::Encoder::new(Vec::new(), super::lay::encoder::ZSTD_LEVEL)?;
    super::lay::encoder::configure(&mut encoder, 1)?;
    encoder.set_pledged_src_size(Some(sample.len() as u64))?;
    encoder.write_all(sample)?;
    encoder.finish()
}

/// Text-like, repetitive, sparse and random stretches, so that every kind of block and match occurs.
fn sample() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut sample = Vec::with_capacity(SAMPLE + 4096);
    while sample.len() < SAMPLE {
        let choice = random();
        let length = 16 + usize::try_from((choice >> 8) & 0x7ff).unwrap_or_default();
        match choice & 3 {
            0 => {
                sample
                    .extend((0..length).map(|_| b"etaoin shrdlu()_=.\n"[usize::from(random().to_le_bytes()[0] % 19)]));
            }
            1 => sample.extend((0..length).map(|_| random().to_le_bytes()[3])),
            2 => sample.extend(std::iter::repeat_n(choice.to_le_bytes()[5], length)),
            _ => {
                let reach = sample.len().min(20_000);
                let start = sample.len() - reach;
                sample.extend_from_within(start..start + length.min(reach));
            }
        }
    }
    sample.truncate(SAMPLE);
    sample
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compressors_are_those_of_the_format() {
        let sample = sample();
        let expect = "sha256:cea5da9caee360d88f8277f3be477927959657b8fa298e4699f38324340ec127";
        assert_eq!(Digest::of(&sample).to_string(), expect);
        assert_eq!(digest(deflated(&sample)), DEFLATE, "flate2");
        #[cfg(feature = "zstd")]
        assert_eq!(digest(compressed(&sample)), ZSTD, "zstd");
    }

    #[test]
    fn another_compressor_is_named() {
        let error = expect("flate2", DEFLATE, "sha256:other").unwrap_err();
        assert!(matches!(error, LayerError::Fingerprint { compressor: "flate2" }));
    }
}
