//! Keys and signatures made in code: Ed25519, whose key pairs come from any 32 octets.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ring::{
    digest::{SHA512, digest},
    signature::{Ed25519KeyPair, KeyPair as _},
};

use super::{
    key::PublicKey,
    signature::{CANONICAL_TEXT, POSITIVE_CERTIFICATION, PRIMARY_KEY_BINDING, SUBKEY_BINDING},
};

/// When every key and signature here is made, in seconds since 1970.
pub(crate) const CREATED: u32 = 1_700_000_000;

/// A key pair.
pub(crate) struct Secret {
    pair: Ed25519KeyPair,
    key: PublicKey,
    body: Vec<u8>,
}

impl Secret {
    /// The key pair that grows from `seed`.
    pub(crate) fn new(seed: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let curve = [9, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01];
        let point = [&[0x01, 0x07, 0x40], pair.public_key().as_ref()].concat();
        let body = [&[4][..], &CREATED.to_be_bytes(), &[22], &curve, &point].concat();
        let key = PublicKey::parse(&body).unwrap().unwrap();
        Self { pair, key, body }
    }

    /// Its name.
    pub(crate) fn fingerprint(&self) -> String {
        self.key.fingerprint()
    }

    /// The public key, with a name that it signed itself; `more` are hashed subpackets.
    pub(crate) fn public(&self, more: &[u8]) -> Vec<u8> {
        let name = b"Demo <demo@example.org>";
        let length = u32::try_from(name.len()).unwrap();
        let data = [&self.key.hashed()[..], &[0xb4], &length.to_be_bytes(), name].concat();
        let own = self.signature(POSITIVE_CERTIFICATION, &data, more);
        [packet(6, &self.body), packet(13, name), packet(2, &own)].concat()
    }

    /// `subkey` as a part of this key; `more` are hashed subpackets.
    pub(crate) fn subkey(&self, subkey: &Self, more: &[u8]) -> Vec<u8> {
        let data = [self.key.hashed(), subkey.key.hashed()].concat();
        let agreement = subkey.signature(PRIMARY_KEY_BINDING, &data, &[]);
        let more = [more, &subpacket(32, &agreement)].concat();
        let binding = self.signature(SUBKEY_BINDING, &data, &more);
        [packet(14, &subkey.body), packet(2, &binding)].concat()
    }

    /// A signature packet's body.
    pub(crate) fn signature(&self, kind: u8, data: &[u8], more: &[u8]) -> Vec<u8> {
        let fingerprint: Vec<u8> = (0..20)
            .map(|octet| u8::from_str_radix(&self.key.fingerprint()[octet * 2..octet * 2 + 2], 16).unwrap())
            .collect();
        let issuer = [&[4][..], &fingerprint].concat();
        let own = [&subpacket(2, &CREATED.to_be_bytes()), &subpacket(33, &issuer), more].concat();
        let hashed = [&[4, kind, 22, 10][..], &short(own.len()), &own].concat();
        let trailer = [&[4, 0xff][..], &u32::try_from(hashed.len()).unwrap().to_be_bytes()].concat();
        let digest = digest(&SHA512, &[data, &hashed, &trailer].concat());
        let signed = self.pair.sign(digest.as_ref());
        let (first, second) = signed.as_ref().split_at(32);
        [&hashed[..], &[0, 0], &digest.as_ref()[..2], &number(first), &number(second)].concat()
    }

    /// `text`, which ends with a line feed, signed in clear text.
    pub(crate) fn clear_sign(&self, text: &str) -> String {
        self.clear_sign_with(text, CANONICAL_TEXT, &[])
    }

    /// The same with a signature of type `kind` and more hashed subpackets.
    pub(crate) fn clear_sign_with(&self, text: &str, kind: u8, more: &[u8]) -> String {
        let signature = packet(2, &self.signature(kind, &super::canonical(text), more));
        wrap(text, &signature)
    }
}

/// `text` in clear-text armour with these signature packets.
pub(crate) fn wrap(text: &str, signatures: &[u8]) -> String {
    let text: String = text
        .lines()
        .map(|line| if line.starts_with('-') { format!("- {line}\n") } else { format!("{line}\n") })
        .collect();
    let signatures = BASE64_STANDARD.encode(signatures);
    format!(
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{text}-----BEGIN PGP SIGNATURE-----\n\n{signatures}\n-----END PGP SIGNATURE-----\n"
    )
}

/// A packet with a header of the new form.
pub(crate) fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[0xc0 | tag, 255][..], &u32::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
}

/// A subpacket.
pub(crate) fn subpacket(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 1).unwrap();
    [&[255][..], &length.to_be_bytes(), &[kind], content].concat()
}

fn short(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap().to_be_bytes()
}

/// A number without the zeros in front.
fn number(octets: &[u8]) -> Vec<u8> {
    let start = octets.iter().position(|octet| *octet != 0).unwrap_or(octets.len());
    let rest = &octets[start..];
    let bits = rest.first().map_or(0, |first| rest.len() * 8 - first.leading_zeros() as usize);
    [&short(bits)[..], rest].concat()
}
