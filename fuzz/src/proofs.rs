//! Statements about images, signatures of them, keys, and records in registries.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::json;
use wheelwright::{
    attest::Statement,
    cosign::{self, Payload, PublicKey, Signature, Signatures},
    image::Manifest,
    oci::{Descriptor, DiffId, Digest, MediaType},
    remote::{self, Check, LayerRecord, Receipt, TrustedKeys},
};

use crate::place::texts;

/// An in-toto statement, and what cosign signs: written and read again the same.
pub(crate) fn statement(bytes: &[u8]) {
    if let Ok(read) = Statement::parse(bytes) {
        assert_eq!(Statement::parse(&read.to_bytes()).expect("it was written by us"), read);
    }
    if let Ok(read) = Payload::parse(bytes) {
        assert_eq!(Payload::parse(&read.to_bytes()).expect("it was written by us"), read);
    }
}

pub(crate) fn statement_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let hex = Digest::of(b"").hex();
    let statement = json!({ "_type": "https://in-toto.io/Statement/v1", "predicateType": "https://slsa.dev/provenance/v1",
        "subject": [{ "name": "a", "digest": { "sha256": hex } }], "predicate": { "x": [1, 2.5, null] } });
    let payload = Payload { digest: Digest::of(b""), identity: "ghcr.io/a/b".to_owned() };
    vec![("statement", statement.to_string().into()), ("payload", payload.to_bytes())]
}

const KEY: &str = include_str!("../../src/cosign/fixtures/key.pem");
const PUBLIC: &str = include_str!("../../src/cosign/fixtures/key.pub");
const SEALED: &str = include_str!("../../src/cosign/fixtures/key-sealed.pem");
const BEGIN: &str = "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----";
const END: &str = "-----END ENCRYPTED SIGSTORE PRIVATE KEY-----";
/// Of Ed25519, as openssl writes it, with the private number 1, 1, 1 ….
const SMALL: [u8; 48] = {
    let mut der = [1; 48];
    let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let mut place = 0;
    while place < head.len() {
        der[place] = head[place];
        place += 1;
    }
    der
};

fn ed25519() -> remote::SigningKey {
    remote::SigningKey::parse(pem("PRIVATE KEY", &SMALL).as_bytes()).expect("it is a key")
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64_STANDARD.encode(der))
}

/// Signatures in a manifest: written and read again the same; a signature of another text is never ours.
pub(crate) fn signature(bytes: &[u8]) {
    let Ok(manifest) = Manifest::parse(bytes.to_vec(), None) else { return };
    let Ok(read) = Signatures::parse(&manifest) else { return };
    assert_eq!(Signatures::parse(&read.to_manifest()).expect("it was written by us"), read);
    assert!(read.iter().count() <= bytes.len());
    let public = PublicKey::parse(PUBLIC).expect("it is a key");
    let text = String::from_utf8_lossy(bytes);
    for part in text.split('"').take(64) {
        assert!(!public.has_signed(b"another message", part));
    }
}

pub(crate) fn signature_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let key = cosign::SigningKey::parse(KEY, "").expect("it is a key");
    let payload = Payload { digest: Digest::of(b""), identity: "ghcr.io/a/b".to_owned() }.to_bytes();
    let (first, _) = Signature::new(&payload, key.sign(&payload));
    let (second, _) = Signature::new(b"x", "AAAA".to_owned());
    let one = Signatures::default().with(first);
    vec![("one", one.to_manifest().bytes().to_vec()), ("two", one.with(second).to_manifest().bytes().to_vec())]
}

/// Keys in PEM, cosign's sealed ones (of which the input may be the JSON within), Ed25519: what a private key signs
/// holds for its public half and no other text.
pub(crate) fn key(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let text = if text.starts_with('{') {
        format!("{BEGIN}\n{}\n{END}\n", BASE64_STANDARD.encode(bytes))
    } else {
        text.into_owned()
    };
    if let Ok(key) = cosign::SigningKey::parse(&text, "secret") {
        let signature = key.sign(b"message");
        assert!(key.public().has_signed(b"message", &signature));
        assert!(!key.public().has_signed(b"massage", &signature));
    }
    let _ = PublicKey::parse(&text);
    if let Ok(key) = remote::SigningKey::parse(text.as_bytes()) {
        assert!(!key.sign(b"message").is_empty());
    }
    if let Ok(keys) = TrustedKeys::parse(text.as_bytes()) {
        assert!(!keys.have_signed(b"message", &text));
    }
}

pub(crate) fn key_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let lines: String = SEALED.lines().filter(|line| !line.starts_with('-')).collect();
    // As cheap to open as scrypt allows.
    let sealed = String::from_utf8(BASE64_STANDARD.decode(lines).unwrap_or_default()).unwrap_or_default();
    let cheap = sealed.replace("\"N\":65536", "\"N\":2").replace("\"N\":32768", "\"N\":2");
    let public = [&[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0][..], &[7; 32]].concat();
    let mut seeds = texts(&[
        ("pkcs8", KEY),
        ("public", PUBLIC),
        ("sec1", include_str!("../../src/cosign/fixtures/key-sec1.pem")),
        ("p384", include_str!("../../src/cosign/fixtures/p384.pem")),
    ]);
    seeds.push(("sealed", cheap.into()));
    seeds.push(("ed25519", pem("PRIVATE KEY", &SMALL).into()));
    seeds.push(("trusted", pem("PUBLIC KEY", &public).repeat(2).into()));
    seeds
}

fn layer_record() -> LayerRecord {
    let layer = Descriptor::of(MediaType::ImageLayerGzip, b"layer");
    LayerRecord { key: Digest::of(b"key"), layer, diff_id: DiffId(Digest::of(b"tar")) }
}

/// Manifests as records of layers, checks and receipts: what is read is written and read again the same; none is
/// taken for signed by a key that signed nothing.
pub(crate) fn records(bytes: &[u8]) {
    let Ok(manifest) = Manifest::parse(bytes.to_vec(), None) else { return };
    let public = [&[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0][..], &[7; 32]].concat();
    let trusted = TrustedKeys::parse(pem("PUBLIC KEY", &public).as_bytes()).expect("it is a key");
    let (key, of) = (Digest::of(b"key"), Digest::of(b"of"));
    assert!(LayerRecord::read(&manifest, &key, Some(&trusted)).is_err());
    assert!(Check::read(&manifest, &of, Some(&trusted)).is_err());
    let signer = ed25519();
    if let Ok(record) = LayerRecord::read(&manifest, &key, None) {
        for signer in [None, Some(&signer)] {
            assert_eq!(LayerRecord::read(&record.to_manifest(signer), &key, None).as_ref(), Ok(&record));
        }
    }
    if let Ok(check) = Check::read(&manifest, &of, None) {
        assert_eq!(Check::read(&check.to_manifest(&layer_record(), Some(&signer)), &of, None), Ok(check));
    }
    if let Ok(receipt) = Receipt::read(&manifest) {
        assert_eq!(Receipt::read(&receipt.to_manifest(&layer_record())), Ok(receipt));
    }
}

pub(crate) fn records_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let record = layer_record();
    let check = Check { of: Digest::of(b"of"), warnings: vec!["a".to_owned(), "b\n\"c".to_owned()] };
    let receipt = Receipt {
        name: "ghcr.io/a/b:c".to_owned(),
        part: "linux/arm64".parse().ok(),
        uses: [LayerRecord::tag(&record.key), Check::tag(&check.of)].into(),
    };
    let seed = |manifest: Manifest| manifest.bytes().to_vec();
    vec![
        ("layer", seed(record.to_manifest(None))),
        ("signed", seed(record.to_manifest(Some(&ed25519())))),
        ("check", seed(check.to_manifest(&record, None))),
        ("receipt", seed(receipt.to_manifest(&record))),
    ]
}
