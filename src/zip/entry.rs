//! One entry of a wheel, as both of its headers agree it is.

/// A file or directory of a wheel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path inside the wheel: relative, canonical, `/` between components; directories end in `/`.
    pub name: String,
    /// How the contents are stored.
    pub method: Method,
    /// CRC-32 (IEEE) of the contents.
    pub crc32: u32,
    /// Bytes as stored.
    pub compressed: u64,
    /// Bytes of the contents.
    pub size: u64,
    /// Where the local header begins.
    pub header_offset: u64,
    /// Where the stored bytes begin.
    pub data_offset: u64,
    /// Whether this is a regular file with an execute bit; installers then set mode 0755, else 0644.
    pub executable: bool,
}

/// How contents are stored; wheels use no other methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// As they are (method 0).
    Stored,
    /// Raw deflate, RFC 1951 (method 8).
    Deflate,
}

impl Entry {
    /// Whether this is a directory.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.name.ends_with('/')
    }
}
