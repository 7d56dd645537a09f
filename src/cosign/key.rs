//! Keys: ECDSA over P-256, in the PEM files that cosign and openssl write.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use p256::{
    ecdsa::{
        self, VerifyingKey,
        signature::{Signer as _, Verifier as _},
    },
    pkcs8::{DecodePrivateKey as _, DecodePublicKey as _},
};
use rustls::pki_types::{PrivatePkcs8KeyDer, PrivateSec1KeyDer, SubjectPublicKeyInfoDer, pem::PemObject as _};

use super::sealed;
use crate::hint::{Advise, Hint};

/// How the PEM of a key that openssl has encrypted begins.
const ENCRYPTED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";

/// A private key. Equal payloads get equal signatures:
/// [RFC 6979](https://www.rfc-editor.org/rfc/rfc6979).
pub struct SigningKey(ecdsa::SigningKey);

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// Text that is no usable key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No private key in any form that is known.
    #[error("it holds no private key in PEM")]
    Private,
    /// No public key.
    #[error("it holds no public key in PEM")]
    Public,
    /// A private key of another kind.
    #[error("it holds a private key that is none of ECDSA on the curve P-256")]
    PrivateKind,
    /// A public key of another kind.
    #[error("it holds a public key that is none of ECDSA on the curve P-256")]
    PublicKind,
    /// Encrypted as only openssl does it.
    #[error("it holds a private key that openssl has encrypted")]
    Encrypted,
    /// Encrypted by cosign, and malformed.
    #[error("it holds an encrypted private key that is malformed: {0}")]
    Sealed(&'static str),
    /// Encrypted by cosign, under another password.
    #[error("the password does not open it")]
    Password,
}

impl SigningKey {
    /// Reads a private key: `PRIVATE KEY`, `EC PRIVATE KEY`, or one of cosign's that `password` opens.
    ///
    /// # Errors
    /// When there is none, or none that can be used.
    pub fn parse(pem: &str, password: &str) -> Result<Self, KeyError> {
        if let Some(sealed) = sealed::find(pem) {
            return Self::of_pkcs8(&sealed::open(sealed, password)?);
        }
        if pem.contains(ENCRYPTED) {
            return Err(KeyError::Encrypted);
        }
        if let Ok(der) = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()) {
            return Self::of_pkcs8(der.secret_pkcs8_der());
        }
        let der = PrivateSec1KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| KeyError::Private)?;
        let secret = p256::SecretKey::from_sec1_der(der.secret_sec1_der()).map_err(|_| KeyError::PrivateKind)?;
        Ok(Self(secret.into()))
    }

    fn of_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let secret = p256::SecretKey::from_pkcs8_der(der).map_err(|_| KeyError::PrivateKind)?;
        Ok(Self(secret.into()))
    }

    /// The signature of `message`, in base64.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> String {
        let signature: ecdsa::Signature = self.0.sign(message);
        BASE64_STANDARD.encode(signature.to_der().as_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(*self.0.verifying_key())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningKey")
    }
}

impl PublicKey {
    /// Reads a `PUBLIC KEY`.
    ///
    /// # Errors
    /// When there is none, or none that can be used.
    pub fn parse(pem: &str) -> Result<Self, KeyError> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).map_err(|_| KeyError::Public)?;
        VerifyingKey::from_public_key_der(&der).map(Self).map_err(|_| KeyError::PublicKind)
    }

    /// Whether `signature`, in base64, is the owner's and of `message`.
    #[must_use]
    pub fn has_signed(&self, message: &[u8], signature: &str) -> bool {
        let signature = BASE64_STANDARD.decode(signature.trim()).ok();
        let signature = signature.and_then(|der| ecdsa::Signature::from_der(&der).ok());
        signature.is_some_and(|signature| self.0.verify(message, &signature).is_ok())
    }
}

impl Advise for KeyError {
    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(match self {
            Self::Private | Self::PrivateKind => {
                "make one with `cosign generate-key-pair`, or `openssl genpkey -algorithm EC -pkeyopt \
                 ec_paramgen_curve:P-256`"
            }
            Self::Public | Self::PublicKind => {
                "name cosign's `cosign.pub`, or make it with `openssl pkey -in KEY -pubout`"
            }
            Self::Encrypted => "decrypt it with `openssl pkey -in KEY -out PLAIN`",
            Self::Sealed(_) => "take the file as `cosign generate-key-pair` wrote it",
            Self::Password => "set COSIGN_PASSWORD to the password of the key",
        }))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    // Made for these tests by openssl, and sealed with the password `secret` as cosign does it.
    pub(in crate::cosign) const KEY: &str = include_str!("fixtures/key.pem");
    pub(in crate::cosign) const PUBLIC: &str = include_str!("fixtures/key.pub");
    pub(in crate::cosign) const OTHER: &str = include_str!("fixtures/other.pem");
    const SEC1: &str = include_str!("fixtures/key-sec1.pem");
    const SEALED: &str = include_str!("fixtures/key-sealed.pem");
    const BY_OPENSSL: &str = include_str!("fixtures/key-openssl.pem");
    const P384: &str = include_str!("fixtures/p384.pem");
    const P384_PUBLIC: &str = include_str!("fixtures/p384.pub");

    #[test]
    fn a_key_is_the_same_in_each_of_its_forms() {
        let older = SEALED.replace("SIGSTORE", "COSIGN");
        let public = PublicKey::parse(PUBLIC).unwrap();
        let signatures: Vec<String> = [KEY, SEC1, SEALED, &older]
            .map(|pem| SigningKey::parse(pem, "secret").unwrap())
            .map(|key| {
                assert_eq!(key.public(), public);
                key.sign(b"message")
            })
            .into();
        assert!(signatures.windows(2).all(|pair| pair[0] == pair[1]), "{signatures:?}");
        assert!(public.has_signed(b"message", &signatures[0]));
    }

    #[test]
    fn signatures_hold_for_one_message_and_one_key() {
        let signature = SigningKey::parse(KEY, "").unwrap().sign(b"message");
        let other = SigningKey::parse(OTHER, "").unwrap().public();
        let public = PublicKey::parse(PUBLIC).unwrap();
        assert!(!other.has_signed(b"message", &signature));
        assert!(!public.has_signed(b"massage", &signature));
        for wrong in ["", "%", "AAAA", &signature[4..]] {
            assert!(!public.has_signed(b"message", wrong), "{wrong}");
        }
    }

    /// What openssl signs, with a nonce of its own, holds as well: `openssl dgst -sha256 -sign key.pem`.
    #[test]
    fn signatures_of_other_tools_hold() {
        const BY_OPENSSL: &str =
            "MEUCIGlPEVCw395oP1HLxP5r+RvML9D3C2nUI/qQ4PiEzcaVAiEAyTXaltJ8HXRmSxuWS0TNJEiozUOFo+pOjr8dv4PAtPs=";
        assert!(PublicKey::parse(PUBLIC).unwrap().has_signed(b"message", BY_OPENSSL));
    }

    #[test]
    fn other_keys_are_refused_for_what_they_are() {
        let check = |pem: &str, password: &str, expect: KeyError| {
            assert_eq!(SigningKey::parse(pem, password).err(), Some(expect), "{pem}");
        };
        for pem in ["", "key", PUBLIC] {
            check(pem, "", KeyError::Private);
        }
        check(P384, "", KeyError::PrivateKind);
        check("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "", KeyError::PrivateKind);
        check(BY_OPENSSL, "secret", KeyError::Encrypted);
        check(SEALED, "Secret", KeyError::Password);
        check(SEALED, "", KeyError::Password);
        let check = |pem: &str, expect: KeyError| assert_eq!(PublicKey::parse(pem).err(), Some(expect), "{pem}");
        for pem in ["", "key", KEY] {
            check(pem, KeyError::Public);
        }
        check(P384_PUBLIC, KeyError::PublicKind);
    }
}
