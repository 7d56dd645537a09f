//! Keys by which records are signed and believed: Ed25519, in the PEM files that `openssl genpkey` writes.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer, pem::PemObject as _};

/// How the public half of an Ed25519 key begins as X.509 writes it; its 32 bytes follow.
///
/// [RFC 8410](https://www.rfc-editor.org/rfc/rfc8410#section-4).
const PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A private key.
pub struct SigningKey(Ed25519KeyPair);

/// Public keys.
#[derive(Clone, Debug)]
pub struct TrustedKeys(Vec<[u8; 32]>);

/// A file that holds no such key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No private key.
    #[error("it holds no private Ed25519 key in PEM")]
    Private,
    /// No public key, or one of another kind.
    #[error("it holds no public Ed25519 key in PEM")]
    Public,
}

impl SigningKey {
    /// Reads a `PRIVATE KEY` out of a PEM file.
    ///
    /// # Errors
    /// When there is none, or of another kind.
    pub fn parse(pem: &[u8]) -> Result<Self, KeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| KeyError::Private)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der());
        pair.map(Self).map_err(|_| KeyError::Private)
    }

    /// The signature, in base64.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> String {
        BASE64_STANDARD.encode(self.0.sign(message))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningKey")
    }
}

impl TrustedKeys {
    /// Reads every `PUBLIC KEY` out of a PEM file.
    ///
    /// # Errors
    /// When there is none, or one is of another kind.
    pub fn parse(pem: &[u8]) -> Result<Self, KeyError> {
        let key = |der: SubjectPublicKeyInfoDer<'_>| der.strip_prefix(&PREFIX[..])?.try_into().ok();
        let keys = SubjectPublicKeyInfoDer::pem_slice_iter(pem).map(|der| der.ok().and_then(key));
        match keys.collect::<Option<Vec<[u8; 32]>>>() {
            Some(keys) if !keys.is_empty() => Ok(Self(keys)),
            _ => Err(KeyError::Public),
        }
    }

    /// Whether the owner of one of the keys has signed `message`. `signature` is in base64.
    #[must_use]
    pub fn have_signed(&self, message: &[u8], signature: &str) -> bool {
        let Ok(signature) = BASE64_STANDARD.decode(signature) else { return false };
        self.0.iter().any(|key| UnparsedPublicKey::new(&ED25519, key).verify(message, &signature).is_ok())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    // Made by `openssl genpkey -algorithm ed25519` for this test.
    pub(in crate::remote) const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEILtKPEFALyyK9ACzjGvRaKqbnGYMA6UW+hh96/wWRGzD\n-----END PRIVATE KEY-----\n";
    pub(in crate::remote) const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEADzeExiKyOai0t0Jcn/6JBmMUNyMMSpvsVeaArmJUVCs=\n-----END PUBLIC KEY-----\n";
    pub(in crate::remote) const OTHER_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAo1BDVu8sIE44nnCtq8JSxtC/jczZ1mKwXjIF44KWQ4s=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn signatures_hold_for_one_message_and_one_key() {
        let key = SigningKey::parse(PRIVATE.as_bytes()).unwrap();
        let signature = key.sign(b"message");
        let both = format!("{OTHER_PUBLIC}{PUBLIC}");
        let check = |pem: &str, message: &[u8], signature: &str, expect| {
            let trusted = TrustedKeys::parse(pem.as_bytes()).unwrap();
            assert_eq!(trusted.have_signed(message, signature), expect, "{pem}");
        };
        check(PUBLIC, b"message", &signature, true);
        check(&both, b"message", &signature, true);
        check(OTHER_PUBLIC, b"message", &signature, false);
        check(PUBLIC, b"massage", &signature, false);
        check(PUBLIC, b"message", "", false);
        check(PUBLIC, b"message", "%", false);
    }

    #[test]
    fn other_files_are_refused() {
        for pem in ["", "key", PUBLIC, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            assert_eq!(SigningKey::parse(pem.as_bytes()).err(), Some(KeyError::Private), "{pem}");
        }
        let rsa = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEA\n-----END PUBLIC KEY-----\n";
        let mixed = format!("{PUBLIC}{rsa}");
        for pem in ["", "key", PRIVATE, rsa, &mixed] {
            assert_eq!(TrustedKeys::parse(pem.as_bytes()).err(), Some(KeyError::Public), "{pem}");
        }
    }
}
