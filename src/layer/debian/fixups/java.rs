//! Java's own store of certificates, as `ca-certificates-java` has Java write it: a file in the format JKS, with
//! the password that everybody knows. Its format is that of `sun.security.provider.JavaKeyStore`.

use std::collections::BTreeMap;

use super::subject;
use crate::layer::MTIME;

pub(super) const PATH: &str = "etc/ssl/certs/java/cacerts";
const MAGIC: u32 = 0xfeed_feed;
const VERSION: u32 = 2;
/// An entry that is a certificate to be trusted, and what kind of one.
const TRUSTED: u32 = 2;
const KIND: &str = "X.509";
const PASSWORD: &str = "changeit";
/// What the digest of a store begins with, behind the password.
const WHITENER: &[u8] = b"Mighty Aphrodite";

/// The store of `certificates`, each by its file's name; what is none is left out.
pub(super) fn keystore(certificates: &BTreeMap<String, Option<Vec<u8>>>) -> Vec<u8> {
    let good = |der: &&[u8]| subject::hash(der).is_some();
    // Java has no capital letters in names, and of two with one name the later.
    let entries: BTreeMap<String, &[u8]> = certificates
        .iter()
        .filter_map(|(name, der)| Some((format!("debian:{name}").to_lowercase(), der.as_deref().filter(good)?)))
        .collect();
    let mut store = [MAGIC, VERSION].map(u32::to_be_bytes).concat();
    store.extend(length(entries.len()));
    for (alias, der) in entries {
        store.extend(TRUSTED.to_be_bytes());
        store.extend(text(&alias));
        store.extend((MTIME * 1000).to_be_bytes());
        store.extend(text(KIND));
        store.extend(length(der.len()));
        store.extend(der);
    }
    let password = PASSWORD.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
    let whole = [&password, WHITENER, &store].concat();
    store.extend(ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &whole).as_ref());
    store
}

fn length(count: usize) -> [u8; 4] {
    u32::try_from(count).expect("certificates are a few megabytes together").to_be_bytes()
}

/// As `DataOutput.writeUTF` has it: its length, and each unit of UTF-16 as if it were a letter of UTF-8.
fn text(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for unit in text.encode_utf16() {
        let [high, low] = unit.to_be_bytes();
        let end = 0x80 | low & 0x3f;
        match unit {
            1..0x80 => bytes.push(low),
            0..0x800 => bytes.extend([0xc0 | high << 2 | low >> 6, end]),
            _ => bytes.extend([0xe0 | high >> 4, 0x80 | high << 2 & 0x3f | low >> 6, end]),
        }
    }
    let length = u16::try_from(bytes.len()).expect("names of files are short");
    [&length.to_be_bytes()[..], &bytes].concat()
}
