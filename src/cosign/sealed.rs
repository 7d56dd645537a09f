//! Private keys as cosign keeps them: PKCS#8 in a secret box, under a key that scrypt makes of a password.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use crypto_secretbox::{KeyInit as _, XSalsa20Poly1305, aead::Aead as _};
use serde::Deserialize;

use super::KeyError;

/// What cosign calls such a key, and what it called it before version 2.
const LABELS: [&str; 2] = ["ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"];

/// Most bytes that the making of a key may take; cosign asks for 64 MiB.
const MOST_MEMORY: u64 = 256 << 20;

#[derive(Deserialize)]
struct Document {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Deserialize)]
struct Kdf {
    name: String,
    params: Params,
    salt: String,
}

#[derive(Deserialize)]
struct Params {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// The text between the first and the last line of such a key, if there is one.
pub(super) fn find(pem: &str) -> Option<&str> {
    LABELS.iter().find_map(|label| {
        let (_, rest) = pem.split_once(&format!("-----BEGIN {label}-----"))?;
        Some(rest.split_once(&format!("-----END {label}-----"))?.0)
    })
}

/// The PKCS#8 in it.
pub(super) fn open(sealed: &str, password: &str) -> Result<Vec<u8>, KeyError> {
    let text: String = sealed.split_ascii_whitespace().collect();
    let json = decoded(&text, "it is not base64")?;
    let document: Document = serde_json::from_slice(&json).map_err(|_| KeyError::Sealed("it is not cosign's JSON"))?;
    if document.kdf.name != "scrypt" || document.cipher.name != "nacl/secretbox" {
        return Err(KeyError::Sealed("it is not made with scrypt and secretbox"));
    }
    let nonce: [u8; 24] = decoded(&document.cipher.nonce, "the nonce")?
        .try_into()
        .map_err(|_| KeyError::Sealed("its nonce has not 24 bytes"))?;
    let salt = decoded(&document.kdf.salt, "the salt is not base64")?;
    let mut key = [0; 32];
    scrypt::scrypt(password.as_bytes(), &salt, &document.kdf.params.bounded()?, &mut key)
        .map_err(|_| KeyError::Sealed("its parameters of scrypt"))?;
    let ciphertext = decoded(&document.ciphertext, "the ciphertext is not base64")?;
    XSalsa20Poly1305::new(&key.into()).decrypt(&nonce.into(), ciphertext.as_slice()).map_err(|_| KeyError::Password)
}

impl Params {
    fn bounded(&self) -> Result<scrypt::Params, KeyError> {
        let memory = self.n.checked_mul(128).and_then(|bytes| bytes.checked_mul(self.r.into()));
        let within = memory.is_some_and(|bytes| bytes <= MOST_MEMORY) && self.p <= 4;
        let params = if self.n.is_power_of_two() && within {
            u8::try_from(self.n.ilog2()).ok().and_then(|log_n| scrypt::Params::new(log_n, self.r, self.p).ok())
        } else {
            None
        };
        params.ok_or(KeyError::Sealed("its parameters of scrypt are out of bounds"))
    }
}

fn decoded(text: &str, what: &'static str) -> Result<Vec<u8>, KeyError> {
    BASE64_STANDARD.decode(text).map_err(|_| KeyError::Sealed(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_that_are_none_of_cosigns_are_refused() {
        let check = |json: &str| {
            let sealed = BASE64_STANDARD.encode(json);
            assert!(matches!(open(&sealed, ""), Err(KeyError::Sealed(_))), "{json}");
        };
        let document = |params: &str, nonce: &str| {
            format!(
                r#"{{"kdf":{{"name":"scrypt","params":{params},"salt":"AAAA"}},"cipher":{{"name":"nacl/secretbox","nonce":"{nonce}"}},"ciphertext":"AAAA"}}"#
            )
        };
        let nonce = BASE64_STANDARD.encode([0; 24]);
        for params in [
            r#"{"N":4194304,"r":8,"p":1}"#,
            r#"{"N":18446744073709551615,"r":8,"p":1}"#,
            r#"{"N":65536,"r":4294967295,"p":1}"#,
            r#"{"N":65536,"r":8,"p":1000}"#,
            r#"{"N":65537,"r":8,"p":1}"#,
            r#"{"N":0,"r":8,"p":1}"#,
            r#"{"N":16,"r":0,"p":1}"#,
            r#"{"N":-1,"r":8,"p":1}"#,
        ] {
            check(&document(params, &nonce));
        }
        check(&document(r#"{"N":16,"r":1,"p":1}"#, "AAAA"));
        check("{}");
        check(&document(r#"{"N":16,"r":1,"p":1}"#, &nonce).replace("scrypt", "pbkdf2"));
        assert!(matches!(open("%", ""), Err(KeyError::Sealed(_))));
        // Sound, and of another password.
        let sealed = BASE64_STANDARD.encode(document(r#"{"N":16,"r":1,"p":1}"#, &nonce));
        assert_eq!(open(&sealed, ""), Err(KeyError::Password));
    }
}
