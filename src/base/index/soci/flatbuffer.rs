//! Just enough of `FlatBuffers`: tables whose fields are found by number, strings, and vectors. Every place is
//! checked when it is looked at.
//!
//! [Its format](https://flatbuffers.dev/internals/).

/// Something points out of the bytes, or is not what it should be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Broken;

/// How to come to the outermost table.
pub(super) struct Root;

/// A table: fields by number, any of which may be absent.
#[derive(Clone, Copy)]
pub(super) struct Table<'b> {
    bytes: &'b [u8],
    at: usize,
    /// Where the table's fields lie, counted from `at`: two bytes for each.
    fields: &'b [[u8; 2]],
}

/// Elements side by side.
#[derive(Clone, Copy)]
pub(super) struct Vector<'b> {
    bytes: &'b [u8],
    /// Where the first one lies.
    at: usize,
    length: usize,
}

impl Root {
    pub(super) fn read(bytes: &[u8]) -> Result<Table<'_>, Broken> {
        Table::at(bytes, follow(bytes, 0)?)
    }
}

impl<'b> Table<'b> {
    fn at(bytes: &'b [u8], at: usize) -> Result<Self, Broken> {
        let back = i64::from(i32::from_le_bytes(array(bytes, at)?));
        let description = i64::try_from(at).ok().and_then(|at| usize::try_from(at - back).ok()).ok_or(Broken)?;
        let length = usize::from(u16::from_le_bytes(array(bytes, description)?));
        let own = bytes.get(description..).and_then(|rest| rest.get(..length)).ok_or(Broken)?;
        // Its own length and the table's stand in front.
        let (fields, _) = own.get(4..).ok_or(Broken)?.as_chunks();
        Ok(Self { bytes, at, fields })
    }

    /// The number in the field, zero if it is absent; none of them is below zero.
    pub(super) fn unsigned(&self, field: usize) -> Result<u64, Broken> {
        let number = self.number(field)?.map_or(0, i64::from_le_bytes);
        u64::try_from(number).map_err(|_| Broken)
    }

    /// A number of four bytes, zero if it is absent.
    pub(super) fn short(&self, field: usize) -> Result<u32, Broken> {
        Ok(self.number(field)?.map_or(0, u32::from_le_bytes))
    }

    pub(super) fn byte(&self, field: usize) -> Result<Option<u8>, Broken> {
        Ok(self.number(field)?.map(u8::from_le_bytes))
    }

    /// A string, or a vector of bytes; empty if it is absent.
    pub(super) fn bytes(&self, field: usize) -> Result<&'b [u8], Broken> {
        self.vector_of(field, 1)?.map_or(Ok(&[]), |vector| vector.raw(1))
    }

    pub(super) fn table(&self, field: usize) -> Result<Option<Self>, Broken> {
        self.place(field).map(|place| Self::at(self.bytes, follow(self.bytes, place)?)).transpose()
    }

    /// A vector of tables or strings.
    pub(super) fn vector(&self, field: usize) -> Result<Vector<'b>, Broken> {
        let none = Vector { bytes: self.bytes, at: 0, length: 0 };
        Ok(self.vector_of(field, 4)?.unwrap_or(none))
    }

    fn vector_of(&self, field: usize, width: usize) -> Result<Option<Vector<'b>>, Broken> {
        self.place(field).map(|place| Vector::at(self.bytes, follow(self.bytes, place)?, width)).transpose()
    }

    fn number<const N: usize>(&self, field: usize) -> Result<Option<[u8; N]>, Broken> {
        self.place(field).map(|place| array(self.bytes, place)).transpose()
    }

    fn place(&self, field: usize) -> Option<usize> {
        let offset = u16::from_le_bytes(*self.fields.get(field)?);
        (offset != 0).then(|| self.at + usize::from(offset))
    }
}

impl<'b> Vector<'b> {
    fn at(bytes: &'b [u8], at: usize, width: usize) -> Result<Self, Broken> {
        let length = u32::from_le_bytes(array(bytes, at)?) as usize;
        let vector = Self { bytes, at: at + 4, length };
        vector.raw(width).map(|_| vector)
    }

    pub(super) const fn len(&self) -> usize {
        self.length
    }

    pub(super) fn tables(self) -> impl Iterator<Item = Result<Table<'b>, Broken>> {
        self.places().map(move |place| Table::at(self.bytes, place?))
    }

    pub(super) fn strings(self) -> impl Iterator<Item = Result<&'b [u8], Broken>> {
        self.places().map(move |place| Self::at(self.bytes, place?, 1)?.raw(1))
    }

    /// Where the elements lead.
    fn places(self) -> impl Iterator<Item = Result<usize, Broken>> {
        (0..self.length).map(move |number| follow(self.bytes, self.at + 4 * number))
    }

    /// The bytes of all elements.
    fn raw(&self, width: usize) -> Result<&'b [u8], Broken> {
        let size = self.length.checked_mul(width).ok_or(Broken)?;
        self.bytes.get(self.at..).and_then(|rest| rest.get(..size)).ok_or(Broken)
    }
}

/// Where the reference at `at` leads: always forwards.
fn follow(bytes: &[u8], at: usize) -> Result<usize, Broken> {
    at.checked_add(u32::from_le_bytes(array(bytes, at)?) as usize).ok_or(Broken)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Broken> {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().ok_or(Broken)
}
