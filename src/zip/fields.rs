//! Little-endian fields of the zip format, and the zip64 extra field.

use super::{ReadAt, ZipError};

/// Stands in a 32-bit field whose value is in the zip64 extra field.
pub(super) const IN_ZIP64: u32 = u32::MAX;

pub(super) fn read(file: &(impl ReadAt + ?Sized), offset: u64, length: usize) -> Result<Vec<u8>, ZipError> {
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, offset).map_err(|source| ZipError::Read {
        offset,
        length: length as u64,
        source,
    })?;
    Ok(bytes)
}

/// Takes fields off the front of a slice; past its end every field is zero and `cut` is set.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
    pub(super) cut: bool,
}

impl<'a> Fields<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, cut: false }
    }

    pub(super) fn take(&mut self, length: usize) -> &'a [u8] {
        if let Some((taken, rest)) = self.rest.split_at_checked(length) {
            self.rest = rest;
            taken
        } else {
            // Nothing is left after a cut, so that every loop over fields ends.
            self.rest = &[];
            self.cut = true;
            &[]
        }
    }

    pub(super) fn u16(&mut self) -> u16 {
        self.take(2).try_into().map_or(0, u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> u32 {
        self.take(4).try_into().map_or(0, u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> u64 {
        self.take(8).try_into().map_or(0, u64::from_le_bytes)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

/// The extra fields that matter: zip64 values, and a second name that readers may prefer.
pub(super) struct Extra<'a> {
    pub(super) zip64: Option<&'a [u8]>,
    pub(super) unicode_path: Option<&'a [u8]>,
}

impl Extra<'_> {
    /// Whether readers that prefer the second name would read another one than `raw_name`.
    pub(super) fn renames(&self, raw_name: &[u8]) -> bool {
        self.unicode_path.is_some_and(|path| path.get(5..) != Some(raw_name))
    }
}

/// Splits an extra field into its records; nothing when they do not fill it exactly or repeat.
pub(super) fn parse_extra(bytes: &[u8]) -> Option<Extra<'_>> {
    let mut fields = Fields::new(bytes);
    let mut extra = Extra { zip64: None, unicode_path: None };
    while !fields.is_empty() {
        let (tag, length) = (fields.u16(), fields.u16());
        let body = fields.take(length.into());
        let slot = match tag {
            0x0001 => &mut extra.zip64,
            0x7075 => &mut extra.unicode_path,
            _ => continue,
        };
        if slot.replace(body).is_some() {
            return None;
        }
    }
    (!fields.cut).then_some(extra)
}
