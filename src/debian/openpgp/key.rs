//! Public keys of version 4: [RFC 9580, section 5.5](https://www.rfc-editor.org/rfc/rfc9580#section-5.5).

use std::fmt::Write as _;

use ring::{
    digest,
    signature::{
        ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents, UnparsedPublicKey,
    },
};

use super::{
    OpenPgpError,
    packet::{Reader, malformed},
    signature::Hash,
};

const RSA: u8 = 1;
const RSA_SIGN_ONLY: u8 = 3;
const EDDSA_LEGACY: u8 = 22;
const ED25519_NATIVE: u8 = 27;
/// The object identifier of Ed25519, 1.3.6.1.4.1.11591.15.1.
const ED25519_CURVE: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01];

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PublicKey {
    body: Vec<u8>,
    fingerprint: [u8; 20],
    /// In seconds since 1970.
    pub(super) created: u64,
    material: Material,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Material {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    Ed25519(Vec<u8>),
    /// It may stand in a keyring, and verifies nothing.
    Other,
}

impl PublicKey {
    /// Reads a key packet; `None` for other versions.
    pub(super) fn parse(body: &[u8]) -> Result<Option<Self>, OpenPgpError> {
        let mut reader = Reader(body);
        if reader.byte()? != 4 {
            return Ok(None);
        }
        let created = u64::from(reader.long()?);
        let material = match reader.byte()? {
            RSA | RSA_SIGN_ONLY => {
                Material::Rsa { modulus: reader.number()?.to_vec(), exponent: reader.number()?.to_vec() }
            }
            EDDSA_LEGACY => legacy_curve(&mut reader)?,
            ED25519_NATIVE => Material::Ed25519(reader.take(32)?.to_vec()),
            _ => Material::Other,
        };
        let mut key = Self { body: body.to_vec(), fingerprint: [0; 20], created, material };
        // Version 4 has no other fingerprint. It finds the key, and proves nothing.
        let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &key.hashed());
        key.fingerprint.copy_from_slice(sha1.as_ref());
        Ok(Some(key))
    }

    /// 40 hexadecimal digits.
    pub(super) fn fingerprint(&self) -> String {
        hexadecimal(&self.fingerprint)
    }

    /// Whether the key goes by this fingerprint, or by this end of one.
    pub(super) fn is(&self, name: &[u8]) -> bool {
        name.len() >= 8 && self.fingerprint.ends_with(name)
    }

    pub(super) const fn is_usable(&self) -> bool {
        !matches!(self.material, Material::Other)
    }

    /// The key as it stands in what signatures of keys hash (section 5.2.4).
    pub(super) fn hashed(&self) -> Vec<u8> {
        let length = u16::try_from(self.body.len()).unwrap_or(u16::MAX);
        [&[0x99][..], &length.to_be_bytes(), &self.body].concat()
    }

    /// Whether `numbers` are this key's signature of `message`.
    pub(super) fn signed(&self, message: &[u8], hash: Hash, numbers: Reader<'_>) -> Result<bool, OpenPgpError> {
        let mut numbers = numbers;
        match &self.material {
            Material::Rsa { modulus, exponent } => {
                let scheme = match hash {
                    Hash::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
                    Hash::Sha512 => &RSA_PKCS1_2048_8192_SHA512,
                };
                let signature = padded(numbers.number()?, modulus.len())?;
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                Ok(key.verify(scheme, message, &signature).is_ok())
            }
            Material::Ed25519(point) => {
                // The native form is 64 octets; the older one two numbers, of which the first two octets
                // say how many bits there are.
                let signature = match numbers.0.len() {
                    64 => numbers.take(64)?.to_vec(),
                    _ => [padded(numbers.number()?, 32)?, padded(numbers.number()?, 32)?].concat(),
                };
                let digest = hash.digest(message);
                Ok(UnparsedPublicKey::new(&ED25519, point).verify(digest.as_ref(), &signature).is_ok())
            }
            Material::Other => Err(OpenPgpError::Unsupported { what: format!("the key {}", self.fingerprint()) }),
        }
    }
}

fn legacy_curve(reader: &mut Reader<'_>) -> Result<Material, OpenPgpError> {
    let length = usize::from(reader.byte()?);
    if reader.take(length)? != ED25519_CURVE {
        return Ok(Material::Other);
    }
    match reader.number()? {
        [0x40, point @ ..] if point.len() == 32 => Ok(Material::Ed25519(point.to_vec())),
        _ => Err(malformed("a key of Ed25519 has no point")),
    }
}

/// A number with the zeros in front that numbers go without.
fn padded(number: &[u8], length: usize) -> Result<Vec<u8>, OpenPgpError> {
    let zeros = length.checked_sub(number.len()).ok_or_else(|| malformed("a signature is longer than its key"))?;
    Ok([&vec![0; zeros], number].concat())
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}
