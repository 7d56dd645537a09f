//! Signatures of Debian's archives: as much of `OpenPGP` as they use, and no more.
//!
//! [RFC 9580](https://www.rfc-editor.org/rfc/rfc9580): keys and signatures of version 4, RSA and
//! Ed25519, SHA-2. The arithmetic is `ring`'s. Everything else is refused by name, so that a signature
//! is never taken for good because it was not understood.

mod armor;
mod certificate;
mod error;
mod key;
mod packet;
mod signature;
#[cfg(test)]
pub(crate) mod testing;

use certificate::SigningKey;
pub use error::OpenPgpError;
use packet::{SIGNATURE, packets};
use signature::{CANONICAL_TEXT, Signature};

use super::ClearSigned;

/// The keys of Debian's archives since Debian 11, reduced to what signs and what proves that it may.
const ARCHIVE_KEYS: &[u8] = include_bytes!("archive-keys.asc");

/// Keys that may sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyring {
    keys: Vec<SigningKey>,
}

/// Who signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Of the key: 40 hexadecimal digits.
    pub fingerprint: String,
    /// When, in seconds since 1970.
    pub signed: u64,
}

impl Keyring {
    /// The keys with which Debian signs its archives.
    ///
    /// # Errors
    /// Never, as a test shows: the keys are part of the program.
    pub fn debian() -> Result<Self, OpenPgpError> {
        Self::parse(ARCHIVE_KEYS)
    }

    /// Reads public keys, armoured or not, as `gpg --export` writes them. Keys that have no valid
    /// signature of their own, are revoked, or are of other kinds are passed over.
    ///
    /// # Errors
    /// When the bytes are no public keys, or when none of them can verify a signature here.
    pub fn parse(bytes: &[u8]) -> Result<Self, OpenPgpError> {
        let mut keys = Vec::new();
        for block in armor::public_keys(bytes)? {
            keys.extend(certificate::signing_keys(&packets(&block)?)?);
        }
        if keys.is_empty() { Err(OpenPgpError::NoKey) } else { Ok(Self { keys }) }
    }

    /// Makes sure that one of the keys signed the text, as apt does: one good signature is enough.
    /// Keys are held against `now`, in seconds since 1970; where there is none, no key has expired.
    ///
    /// # Errors
    /// When there is no good signature: why not, of the one that came closest.
    pub fn verify(&self, signed: &ClearSigned, now: Option<u64>) -> Result<Signer, OpenPgpError> {
        let text = canonical(&signed.text);
        let mut closest = None;
        let armored = armor::signature(&signed.signature)?;
        for packet in packets(&armored)?.into_iter().filter(|packet| packet.tag == SIGNATURE) {
            let tried = Signature::parse(packet.body).and_then(|signature| self.check(&signature, &text, now));
            match tried {
                Ok(who) => return Ok(who),
                Err(error) if closest.as_ref().is_none_or(|other| error.nearness() > OpenPgpError::nearness(other)) => {
                    closest = Some(error);
                }
                Err(_) => {}
            }
        }
        Err(closest.unwrap_or(OpenPgpError::NoSignature))
    }

    fn check(&self, signature: &Signature<'_>, text: &[u8], now: Option<u64>) -> Result<Signer, OpenPgpError> {
        if signature.kind != CANONICAL_TEXT {
            return Err(OpenPgpError::Unsupported { what: format!("a signature of type {:#04x}", signature.kind) });
        }
        let key = self.keys.iter().find(|key| signature.names(&key.key));
        let key = key.ok_or_else(|| OpenPgpError::UnknownKey { key: signature.issuer() })?;
        let fingerprint = key.key.fingerprint();
        signature.verify(&key.key, text)?;
        let past = |end: Option<u64>| matches!((end, now), (Some(end), Some(now)) if end <= now);
        if past(key.expires) {
            return Err(OpenPgpError::ExpiredKey { key: fingerprint });
        }
        if past(signature.expires()) {
            return Err(OpenPgpError::ExpiredSignature { key: fingerprint });
        }
        Ok(Signer { fingerprint, signed: signature.created()? })
    }
}

/// The text as it is hashed: lines end with CR LF, the last one with nothing (section 7.2).
fn canonical(text: &str) -> Vec<u8> {
    text.strip_suffix('\n').unwrap_or(text).replace('\n', "\r\n").into_bytes()
}

#[cfg(test)]
mod tests;
