//! The radix-64 armour of keys and signatures: [RFC 9580, section 6](https://www.rfc-editor.org/rfc/rfc9580#section-6).

use std::borrow::Cow;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::OpenPgpError;

const KEYS: &str = "PGP PUBLIC KEY BLOCK";
const SIGNATURE: &str = "PGP SIGNATURE";

/// The packets of every block of public keys; `bytes` themselves where they have no armour.
pub(super) fn public_keys(bytes: &[u8]) -> Result<Vec<Cow<'_, [u8]>>, OpenPgpError> {
    // The first octet of a packet has its highest bit set, which no letter has.
    if bytes.first().is_some_and(|first| first & 0x80 != 0) {
        return Ok(vec![Cow::Borrowed(bytes)]);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("it is neither text nor packets"))?;
    let found = blocks(text, KEYS)?;
    if found.is_empty() && text.contains("PGP PRIVATE KEY BLOCK") {
        return Err(OpenPgpError::Secret);
    }
    if found.is_empty() {
        Err(wrong("it holds no public keys"))
    } else {
        Ok(found.into_iter().map(Cow::Owned).collect())
    }
}

/// The packets of the signature that stands in `text`.
pub(super) fn signature(text: &str) -> Result<Vec<u8>, OpenPgpError> {
    blocks(text, SIGNATURE)?.into_iter().next().ok_or(OpenPgpError::NoSignature)
}

/// Every block of this kind. What stands between blocks is for people.
fn blocks(text: &str, kind: &str) -> Result<Vec<Vec<u8>>, OpenPgpError> {
    let (begin, end) = (format!("-----BEGIN {kind}-----"), format!("-----END {kind}-----"));
    let mut lines = text.lines().map(str::trim);
    let mut found = Vec::new();
    while lines.by_ref().any(|line| line == begin) {
        // Headers such as `Version:` stand before an empty line.
        lines.by_ref().find(|line| line.is_empty()).ok_or_else(|| wrong("it has no empty line before the data"))?;
        let mut data = String::new();
        loop {
            match lines.next() {
                Some(line) if line == end => break,
                // A checksum of 24 bits, which RFC 9580 says to leave unread.
                Some(line) if line.starts_with('=') => {}
                Some(line) => data.push_str(line),
                None => return Err(wrong("it has no end")),
            }
        }
        found.push(BASE64_STANDARD.decode(data).map_err(|_| wrong("its data is no base64"))?);
    }
    Ok(found)
}

const fn wrong(reason: &'static str) -> OpenPgpError {
    OpenPgpError::Armor { reason }
}
