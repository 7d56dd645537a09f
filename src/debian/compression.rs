//! The compressions that members of a .deb and indexes come in.

use std::io::{self, BufReader, Read};

use super::DebianError;

/// The largest window that is decoded: `xz -9` and `zstd --ultra` stay below.
#[cfg(feature = "debian")]
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
/// When a decoder cannot be set up, or is not in this build: xz needs the feature `debian`, Zstandard `zstd`.
pub fn decompress<'a, R: Read + Send + 'a>(
    compression: Compression,
    reader: R,
) -> io::Result<Box<dyn Read + Send + 'a>> {
    Ok(match compression {
        Compression::None => Box::new(reader),
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(reader))),
        #[cfg(feature = "debian")]
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
        #[cfg(not(feature = "debian"))]
        Compression::Xz => return Err(io::Error::from(io::ErrorKind::Unsupported)),
        #[cfg(not(feature = "zstd"))]
        Compression::Zstd => return Err(io::Error::from(io::ErrorKind::Unsupported)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `plain bytes`, as `xz -0` packs them.
    const XZ: [u8; 68] = [
        0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46, 0x02, 0x00, 0x21, 0x01, 0x0c, 0x00,
        0x00, 0x00, 0x8f, 0x98, 0x41, 0x9c, 0x01, 0x00, 0x0a, 0x70, 0x6c, 0x61, 0x69, 0x6e, 0x20, 0x62, 0x79, 0x74,
        0x65, 0x73, 0x00, 0x00, 0x0a, 0x28, 0x04, 0x1e, 0x40, 0x2b, 0x99, 0xbc, 0x00, 0x01, 0x23, 0x0b, 0xc2, 0x1b,
        0xfd, 0x09, 0x1f, 0xb6, 0xf3, 0x7d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x04, 0x59, 0x5a,
    ];

    #[test]
    fn xz_is_read_and_a_damaged_file_is_not() {
        let read = |bytes: &[u8]| {
            let mut plain = String::new();
            decompress(Compression::Xz, bytes).unwrap().read_to_string(&mut plain).map(|_| plain)
        };
        assert_eq!(read(&XZ).unwrap(), "plain bytes");
        assert_eq!(read(&[XZ, XZ].concat()).unwrap(), "plain bytesplain bytes");
        assert!(read(&XZ[..XZ.len() - 1]).is_err());
        let mut damaged = XZ;
        damaged[30] ^= 1;
        assert!(read(&damaged).is_err());
    }

    #[test]
    fn names_say_how_files_are_compressed() {
        let check = |name: &str, expect: Option<Compression>| {
            assert_eq!(Compression::of(name, "data.tar").ok(), expect, "{name}");
        };
        check("data.tar", Some(Compression::None));
        check("data.tar.xz", Some(Compression::Xz));
        check("data.tar.zst", Some(Compression::Zstd));
        check("data.tar.lzma", None);
        check("other.xz", None);
    }
}
