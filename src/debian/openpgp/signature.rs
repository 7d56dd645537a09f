//! Signatures of version 4: [RFC 9580, section 5.2](https://www.rfc-editor.org/rfc/rfc9580#section-5.2).

use ring::digest::{Digest, SHA256, SHA512, digest};

use super::{
    OpenPgpError,
    key::{PublicKey, hexadecimal},
    packet::{Reader, malformed},
};

/// A text whose lines end with CR LF.
pub(super) const CANONICAL_TEXT: u8 = 0x01;
/// From here to 0x13: a user's name belongs to a key.
pub(super) const GENERIC_CERTIFICATION: u8 = 0x10;
pub(super) const POSITIVE_CERTIFICATION: u8 = 0x13;
pub(super) const SUBKEY_BINDING: u8 = 0x18;
pub(super) const PRIMARY_KEY_BINDING: u8 = 0x19;
pub(super) const DIRECT_KEY: u8 = 0x1f;
pub(super) const KEY_REVOCATION: u8 = 0x20;
pub(super) const SUBKEY_REVOCATION: u8 = 0x28;

/// The key flag of keys that sign data.
const SIGNS_DATA: u8 = 0x02;

/// Checksums that are still trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha512,
}

impl Hash {
    pub(super) fn digest(self, message: &[u8]) -> Digest {
        digest(if self == Self::Sha256 { &SHA256 } else { &SHA512 }, message)
    }
}

/// A signature, not yet verified.
#[derive(Clone, Debug)]
pub(super) struct Signature<'a> {
    pub(super) kind: u8,
    hash: Hash,
    /// From the version to the last hashed subpacket.
    hashed: &'a [u8],
    /// Of the checksum.
    beginning: &'a [u8],
    numbers: Reader<'a>,
    /// Fingerprints and key ids of who made it.
    issuers: Vec<&'a [u8]>,
    created: Option<u64>,
    lifetime: Option<u64>,
    /// Of the key that is signed.
    key_lifetime: Option<u64>,
    flags: Option<u8>,
    /// The signature by which a subkey agrees to belong to its key.
    pub(super) agreement: Option<&'a [u8]>,
}

impl<'a> Signature<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, OpenPgpError> {
        let mut reader = Reader(body);
        let version = reader.byte()?;
        if version != 4 {
            return Err(OpenPgpError::Unsupported { what: format!("a signature of version {version}") });
        }
        let (kind, _algorithm) = (reader.byte()?, reader.byte()?);
        let hash = match reader.byte()? {
            8 => Hash::Sha256,
            10 => Hash::Sha512,
            other => return Err(OpenPgpError::Unsupported { what: format!("a signature with {}", hash_name(other)) }),
        };
        let length = usize::from(reader.short()?);
        let own = reader.take(length)?;
        let length = usize::from(reader.short()?);
        let others = reader.take(length)?;
        let beginning = reader.take(2)?;
        let hashed = body.get(..6 + own.len()).ok_or_else(|| malformed("it ends too early"))?;
        let mut signature = Self {
            kind,
            hash,
            hashed,
            beginning,
            numbers: reader,
            issuers: Vec::new(),
            created: None,
            lifetime: None,
            key_lifetime: None,
            flags: None,
            agreement: None,
        };
        signature.read(own, Trust::Hashed)?;
        signature.read(others, Trust::Advisory)?;
        Ok(signature)
    }

    /// Reads subpackets. Only what is hashed says anything; who made it, and the agreement of a subkey,
    /// prove themselves.
    fn read(&mut self, subpackets: &'a [u8], trust: Trust) -> Result<(), OpenPgpError> {
        let mut reader = Reader(subpackets);
        while !reader.0.is_empty() {
            let (kind, content) = reader.subpacket()?.split_first().ok_or_else(|| malformed("a subpacket is empty"))?;
            let mut value = Reader(content);
            match (kind & 0x7f, trust) {
                (16, _) => self.issuers.push(content),
                (33, _) => self.issuers.push(content.strip_prefix(&[4]).unwrap_or_default()),
                (32, _) => self.agreement = Some(content),
                (2, Trust::Hashed) => self.created = Some(u64::from(value.long()?)),
                (3, Trust::Hashed) => self.lifetime = Some(u64::from(value.long()?)),
                (9, Trust::Hashed) => self.key_lifetime = Some(u64::from(value.long()?)),
                (27, Trust::Hashed) => self.flags = Some(content.first().copied().unwrap_or_default()),
                // What is critical must be understood (section 5.2.3.7). These may be, and change nothing here:
                // exportable, revocable, preferences, features, a primary name, a policy, a signer's name.
                (4 | 7 | 11 | 21..=26 | 28 | 30 | 34, Trust::Hashed) => {}
                (other, Trust::Hashed) if kind & 0x80 != 0 => {
                    return Err(OpenPgpError::Unsupported { what: format!("a critical subpacket of type {other}") });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether `key` is said to have made it.
    pub(super) fn names(&self, key: &PublicKey) -> bool {
        !self.issuers.is_empty() && self.issuers.iter().all(|name| key.is(name))
    }

    /// Who is said to have made it, for a message.
    pub(super) fn issuer(&self) -> String {
        let longest = self.issuers.iter().max_by_key(|name| name.len());
        longest.filter(|name| !name.is_empty()).map_or_else(|| "an unnamed key".to_owned(), |name| hexadecimal(name))
    }

    /// Seconds since 1970.
    pub(super) fn created(&self) -> Result<u64, OpenPgpError> {
        self.created.ok_or_else(|| malformed("a signature has no time"))
    }

    /// When it ends, in seconds since 1970.
    pub(super) fn expires(&self) -> Option<u64> {
        self.lifetime.filter(|lifetime| *lifetime > 0).map(|lifetime| self.created.unwrap_or_default() + lifetime)
    }

    /// When the signed `key` ends, in seconds since 1970.
    pub(super) fn key_expires(&self, key: &PublicKey) -> Option<u64> {
        self.key_lifetime.filter(|lifetime| *lifetime > 0).map(|lifetime| key.created + lifetime)
    }

    /// Whether it says what the signed key is for. Some only say who may revoke it.
    pub(super) const fn has_flags(&self) -> bool {
        self.flags.is_some()
    }

    /// Whether the key that is signed may sign data; where nothing is said, `otherwise`.
    pub(super) fn may_sign(&self, otherwise: bool) -> bool {
        self.flags.map_or(otherwise, |flags| flags & SIGNS_DATA != 0)
    }

    /// Makes sure that `key` signed `data`.
    pub(super) fn verify(&self, key: &PublicKey, data: &[u8]) -> Result<(), OpenPgpError> {
        let length = u32::try_from(self.hashed.len()).map_err(|_| malformed("it is too long"))?;
        let message = [data, self.hashed, &[4, 0xff], &length.to_be_bytes()].concat();
        let begins = self.hash.digest(&message).as_ref().starts_with(self.beginning);
        if begins && key.signed(&message, self.hash, self.numbers)? {
            Ok(())
        } else {
            Err(OpenPgpError::Bad { key: key.fingerprint() })
        }
    }
}

/// How far subpackets can be trusted.
#[derive(Clone, Copy)]
enum Trust {
    Hashed,
    Advisory,
}

/// [RFC 9580, section 9.5](https://www.rfc-editor.org/rfc/rfc9580#section-9.5).
fn hash_name(number: u8) -> String {
    match number {
        1 => "MD5".to_owned(),
        2 => "SHA-1".to_owned(),
        3 => "RIPEMD-160".to_owned(),
        9 => "SHA-384".to_owned(),
        11 => "SHA-224".to_owned(),
        other => format!("checksum {other}"),
    }
}
