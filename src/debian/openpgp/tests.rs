//! Keys and texts made in code, one set made by another implementation, and every way to be refused.

use super::{
    testing::{CREATED, Secret, packet, subpacket, wrap},
    *,
};

const TEXT: &str = "Suite: demo\n-dash\n\nDate: now\n";

/// What `GnuPG` 2.2 made: a key of RSA that certifies, with a subkey that signs.
const RSA_KEY: &[u8] = include_bytes!("samples/rsa-key.asc");
const RSA_MESSAGE: &str = include_str!("samples/rsa-message.asc");

const NOW: Option<u64> = Some(CREATED as u64 + 1000);

fn verify(keyring: &[u8], message: &str, now: Option<u64>) -> Result<Signer, OpenPgpError> {
    let signed = ClearSigned::parse(message.as_bytes()).unwrap().unwrap();
    Keyring::parse(keyring)?.verify(&signed, now)
}

/// The flag of a key that signs, and one that it shall not.
fn flags(flags: u8) -> Vec<u8> {
    subpacket(27, &[flags])
}

fn lifetime(kind: u8, seconds: u32) -> Vec<u8> {
    subpacket(kind, &seconds.to_be_bytes())
}

#[test]
fn debians_own_keys_are_usable() {
    let keyring = Keyring::debian().unwrap();
    // Six keys of RSA with a subkey each, one without, two of Ed25519.
    assert_eq!(keyring.keys.len(), 15);
    assert!(keyring.keys.iter().filter(|key| key.expires.is_some()).count() >= 13);
    let names: Vec<String> = keyring.keys.iter().map(|key| key.key.fingerprint()).collect();
    assert!(names.contains(&"B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8".to_owned()), "{names:?}");
}

#[test]
fn a_real_signature_of_rsa_is_good() {
    let signer = verify(RSA_KEY, RSA_MESSAGE, NOW.map(|now| now + 100_000_000)).unwrap();
    assert_eq!(
        signer,
        Signer { fingerprint: "DEC0C016D955FDBB1DA60019EB926043E4BE05E4".to_owned(), signed: 1_767_225_600 }
    );
    for (from, to) in [("Origin: demo", "Origin: demp"), (" 00 1 x", " 00 1  x"), ("- - dash", "- dash")] {
        let changed = RSA_MESSAGE.replacen(from, to, 1);
        if let Ok(Some(signed)) = ClearSigned::parse(changed.as_bytes()) {
            let error = Keyring::parse(RSA_KEY).unwrap().verify(&signed, NOW).unwrap_err();
            assert!(matches!(error, OpenPgpError::Bad { .. }), "{to}: {error}");
        }
    }
    // Blanks at the end of a line are not signed (RFC 9580, section 7.2).
    assert!(verify(RSA_KEY, &RSA_MESSAGE.replace("blanks  \n", "blanks\r\n"), NOW).is_ok());
}

#[test]
fn one_good_signature_is_enough() {
    let (one, other) = (Secret::new(1), Secret::new(2));
    let text = canonical(TEXT);
    let sign = |secret: &Secret| packet(2, &secret.signature(CANONICAL_TEXT, &text, &[]));
    let both = wrap(TEXT, &[sign(&other), sign(&one)].concat());
    let signer = Signer { fingerprint: one.fingerprint(), signed: u64::from(CREATED) };
    assert_eq!(verify(&one.public(&[]), &both, NOW), Ok(signer));
    let error = verify(&Secret::new(3).public(&[]), &both, NOW).unwrap_err();
    assert_eq!(error, OpenPgpError::UnknownKey { key: other.fingerprint() });
    assert_eq!(verify(&one.public(&[]), &wrap(TEXT, &[]), NOW).unwrap_err(), OpenPgpError::NoSignature);
}

#[test]
fn what_was_changed_is_refused() {
    let secret = Secret::new(1);
    let good = secret.clear_sign(TEXT);
    let bad = OpenPgpError::Bad { key: secret.fingerprint() };
    assert!(verify(&secret.public(&[]), &good, NOW).is_ok());
    for (from, to) in [("demo", "Demo"), ("\n\nDate", "\nDate"), ("Date: now", "Date: now\nMore: x")] {
        assert_eq!(verify(&secret.public(&[]), &good.replacen(from, to, 1), NOW).unwrap_err(), bad, "{to}");
    }
    let unwrapped = secret.signature(CANONICAL_TEXT, &canonical(TEXT), &[]);
    // The numbers' lengths are in bits, of which the last ones say nothing.
    let first = 6 + usize::from(unwrapped[5]) + 2;
    let second = first + 4 + 32;
    let left_out = [first + 3, second + 1];
    for octet in 0..unwrapped.len() {
        let mut changed = unwrapped.clone();
        changed[octet] ^= 1;
        let outcome = verify(&secret.public(&[]), &wrap(TEXT, &packet(2, &changed)), NOW);
        assert!(outcome.is_err() || left_out.contains(&octet), "{octet} of {}: {outcome:?}", unwrapped.len());
    }
    for length in 0..unwrapped.len() {
        assert!(verify(&secret.public(&[]), &wrap(TEXT, &packet(2, &unwrapped[..length])), NOW).is_err(), "{length}");
    }
}

#[test]
fn keys_and_signatures_end() {
    let secret = Secret::new(1);
    let (key, now) = (secret.fingerprint(), NOW);
    let check = |public: &[u8], more: &[u8], expect: Option<OpenPgpError>| {
        let message = secret.clear_sign_with(TEXT, CANONICAL_TEXT, more);
        assert_eq!(verify(public, &message, now).err(), expect);
        assert!(verify(public, &message, None).is_ok(), "without a clock nothing ends");
    };
    check(&secret.public(&lifetime(9, 999)), &[], Some(OpenPgpError::ExpiredKey { key: key.clone() }));
    check(&secret.public(&lifetime(9, 1001)), &[], None);
    check(&secret.public(&[]), &lifetime(3, 999), Some(OpenPgpError::ExpiredSignature { key }));
    check(&secret.public(&[]), &lifetime(3, 0), None);
}

#[test]
fn subkeys_sign_where_both_agree() {
    let (primary, subkey) = (Secret::new(1), Secret::new(2));
    let message = subkey.clear_sign(TEXT);
    let check = |keyring: Vec<u8>, expect: bool| assert_eq!(verify(&keyring, &message, NOW).is_ok(), expect);
    let with = |subkey: Vec<u8>| [primary.public(&flags(1)), subkey].concat();
    check(with(primary.subkey(&subkey, &flags(2))), true);
    check(with(primary.subkey(&subkey, &flags(12))), false);
    check(with(primary.subkey(&subkey, &[])), false);
    check(with([primary.subkey(&subkey, &flags(2)), lifeless(&primary, 0x28)].concat()), false);
    check([primary.public(&lifetime(9, 1)), primary.subkey(&subkey, &flags(2))].concat(), false);
    // Another's binding, and a binding to which the subkey did not agree.
    check(with(Secret::new(3).subkey(&subkey, &flags(2))), false);
    let stolen = [packet(14, &subkey_body(&primary, &subkey)), packet(2, &primary.signature(0x18, b"", &flags(2)))];
    check(with(stolen.concat()), false);
    // A key that only certifies signs no data.
    assert_eq!(verify(&with(Vec::new()), &primary.clear_sign(TEXT), NOW).unwrap_err(), OpenPgpError::NoKey);
}

/// The packet body of `subkey`, as it stands in a keyring.
fn subkey_body(primary: &Secret, subkey: &Secret) -> Vec<u8> {
    let packets = primary.subkey(subkey, &[]);
    super::packets(&packets).unwrap()[0].body.to_vec()
}

/// A signature of type `kind` by `secret` that proves nothing; a revocation counts all the same.
fn lifeless(secret: &Secret, kind: u8) -> Vec<u8> {
    packet(2, &secret.signature(kind, b"", &[]))
}

#[test]
fn keys_that_cannot_be_trusted_are_left_out() {
    let secret = Secret::new(1);
    let public = secret.public(&[]);
    let body = super::packets(&public).unwrap()[0].body.to_vec();
    let check = |keyring: &[u8], expect: OpenPgpError| assert_eq!(Keyring::parse(keyring).unwrap_err(), expect);
    check(&packet(6, &body), OpenPgpError::NoKey);
    check(
        &[packet(6, &body), lifeless(&secret, 0x20), public[packet(6, &body).len()..].to_vec()].concat(),
        OpenPgpError::NoKey,
    );
    check(
        &[packet(6, &body), packet(13, b"Other"), packet(2, super::packets(&public).unwrap()[2].body)].concat(),
        OpenPgpError::NoKey,
    );
    check(&packet(5, &body), OpenPgpError::Secret);
    check(b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n", OpenPgpError::Secret);
    check(b"", OpenPgpError::Armor { reason: "it holds no public keys" });
    check(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA", OpenPgpError::Armor { reason: "it has no end" });
    check(&public[..public.len() - 1], OpenPgpError::Packet { reason: "it ends too early" });
    check(&packet(13, b"Demo"), OpenPgpError::Packet { reason: "it does not begin with a public key" });
}

#[test]
fn what_is_not_understood_is_refused() {
    let secret = Secret::new(1);
    let check = |message: &str, expect: &str| {
        assert_eq!(verify(&secret.public(&[]), message, NOW).unwrap_err().to_string(), expect);
    };
    let critical = subpacket(0x80 | 0x14, b"note");
    check(&secret.clear_sign_with(TEXT, CANONICAL_TEXT, &critical), "a critical subpacket of type 20 is not accepted");
    check(&secret.clear_sign_with(TEXT, 0x00, &[]), "a signature of type 0x00 is not accepted");
    let mut weak = secret.signature(CANONICAL_TEXT, &canonical(TEXT), &[]);
    weak[3] = 2;
    check(&wrap(TEXT, &packet(2, &weak)), "a signature with SHA-1 is not accepted");
    weak[0] = 3;
    check(&wrap(TEXT, &packet(2, &weak)), "a signature of version 3 is not accepted");
}
