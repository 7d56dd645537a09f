//! Packets, and the numbers in them: [RFC 9580, sections 3 and 4](https://www.rfc-editor.org/rfc/rfc9580#section-3).

use super::OpenPgpError;

/// A keyring of more packets than this is none: Debian's own has some three hundred.
const MOST_PACKETS: usize = 100_000;

/// One packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'a> {
    /// What it is.
    pub(super) tag: u8,
    pub(super) body: &'a [u8],
}

pub(super) const SIGNATURE: u8 = 2;
pub(super) const SECRET_KEY: u8 = 5;
pub(super) const PUBLIC_KEY: u8 = 6;
pub(super) const SECRET_SUBKEY: u8 = 7;
pub(super) const USER_ID: u8 = 13;
pub(super) const PUBLIC_SUBKEY: u8 = 14;
pub(super) const USER_ATTRIBUTE: u8 = 17;

/// All packets, in both forms of their headers.
pub(super) fn packets(bytes: &[u8]) -> Result<Vec<Packet<'_>>, OpenPgpError> {
    let mut reader = Reader(bytes);
    let mut found = Vec::new();
    while !reader.0.is_empty() {
        if found.len() == MOST_PACKETS {
            return Err(malformed("it has too many packets"));
        }
        found.push(packet(&mut reader)?);
    }
    Ok(found)
}

fn packet<'a>(reader: &mut Reader<'a>) -> Result<Packet<'a>, OpenPgpError> {
    let first = reader.byte()?;
    if first & 0x80 == 0 {
        return Err(malformed("a packet does not begin like one"));
    }
    if first & 0x40 != 0 {
        let length = new_length(reader)?;
        return Ok(Packet { tag: first & 0x3f, body: reader.take(length)? });
    }
    let length = match first & 3 {
        0 => usize::from(reader.byte()?),
        1 => usize::from(reader.short()?),
        2 => reader.long()? as usize,
        _ => return Err(malformed("a packet has no length")),
    };
    Ok(Packet { tag: first >> 2 & 0x0f, body: reader.take(length)? })
}

/// Section 4.2.1. Partial lengths are for data, of which there is none here.
fn new_length(reader: &mut Reader<'_>) -> Result<usize, OpenPgpError> {
    match reader.byte()? {
        short @ 0..192 => Ok(usize::from(short)),
        first @ 192..224 => Ok((usize::from(first) - 192) * 256 + usize::from(reader.byte()?) + 192),
        255 => Ok(reader.long()? as usize),
        _ => Err(malformed("a packet comes in parts")),
    }
}

/// Takes numbers and pieces from the front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], OpenPgpError> {
        let (piece, rest) = self.0.split_at_checked(length).ok_or_else(|| malformed("it ends too early"))?;
        self.0 = rest;
        Ok(piece)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], OpenPgpError> {
        let (piece, rest) = self.0.split_first_chunk().ok_or_else(|| malformed("it ends too early"))?;
        self.0 = rest;
        Ok(*piece)
    }

    pub(super) fn byte(&mut self) -> Result<u8, OpenPgpError> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn short(&mut self) -> Result<u16, OpenPgpError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn long(&mut self) -> Result<u32, OpenPgpError> {
        self.array().map(u32::from_be_bytes)
    }

    /// A number of any length, without zeros in front (section 3.2).
    pub(super) fn number(&mut self) -> Result<&'a [u8], OpenPgpError> {
        let bits = usize::from(self.short()?);
        self.take(bits.div_ceil(8))
    }

    /// Length of a subpacket (section 5.2.3.7).
    pub(super) fn subpacket(&mut self) -> Result<&'a [u8], OpenPgpError> {
        let length = match self.byte()? {
            short @ 0..192 => usize::from(short),
            255 => self.long()? as usize,
            first => (usize::from(first) - 192) * 256 + usize::from(self.byte()?) + 192,
        };
        self.take(length)
    }
}

pub(super) const fn malformed(reason: &'static str) -> OpenPgpError {
    OpenPgpError::Packet { reason }
}
