//! The compressions that members of a .deb and indexes come in.

use std::io::{self, BufReader, Read};

use super::DebianError;

/// The largest window that is decoded: `xz -9` and `zstd --ultra` stay below.
const XZ_MEMORY_KIB: u32 = 80 << 10;
#[cfg(feature = "zstd")]
const ZSTD_WINDOW_LOG: u32 = 27;

/// How a member or index is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1952.
    Gzip,
    /// The xz file format.
    Xz,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    /// What the end of the file name `name` says, once `stem` is off.
    ///
    /// # Errors
    /// When it names no compression that is read here.
    pub fn of(name: &str, stem: &str) -> Result<Self, DebianError> {
        match name.strip_prefix(stem) {
            Some("") => Ok(Self::None),
            Some(".gz") => Ok(Self::Gzip),
            Some(".xz") => Ok(Self::Xz),
            Some(".zst") => Ok(Self::Zstd),
            _ => Err(DebianError::Compression { name: name.to_owned() }),
        }
    }
}

/// The plain bytes of `reader`. Memory: at most 80 MiB for a window, whatever the bytes claim; how many
/// bytes come out is for the caller to bound.
///
/// # Errors
/// When a decoder cannot be set up, or this build has no Zstandard.
pub fn decompress<'a, R: Read + Send + 'a>(
    compression: Compression,
    reader: R,
) -> io::Result<Box<dyn Read + Send + 'a>> {
    Ok(match compression {
        Compression::None => Box::new(reader),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(reader))),
        Compression::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(
            BufReader::with_capacity(64 << 10, reader),
            true,
            XZ_MEMORY_KIB,
        )),
        #[cfg(feature = "zstd")]
        Compression::Zstd => {
            let mut decoder = zstd::Decoder::new(reader)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
        #[cfg(not(feature = "zstd"))]
        Compression::Zstd => return Err(io::Error::from(io::ErrorKind::Unsupported)),
    })
}
