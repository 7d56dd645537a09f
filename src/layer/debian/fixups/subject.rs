//! The name under which OpenSSL looks for a certificate authority: a hash of the subject of its certificate
//! in canonical form (`X509_NAME_hash`, openssl-rehash(1)).

/// How deep the bytes of a certificate are looked into.
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const UTF8: u8 = 0x0c;
const VERSION: u8 = 0xa0;

/// The eight hex digits for a certificate in DER; none where it is none.
pub(super) fn hash(certificate: &[u8]) -> Option<String> {
    let canonical = canonical(subject(certificate)?)?;
    let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &canonical);
    let first: [u8; 4] = digest.as_ref().get(..4)?.try_into().ok()?;
    Some(format!("{:08x}", u32::from_le_bytes(first)))
}

/// The contents of the field `subject` (RFC 5280, 4.1).
fn subject(certificate: &[u8]) -> Option<&[u8]> {
    let (whole, _) = value(certificate, SEQUENCE)?;
    let (mut fields, _) = value(whole, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        fields = element(fields)?.2;
    }
    // Serial number, signature algorithm, issuer, validity.
    for _ in 0..4 {
        fields = element(fields)?.2;
    }
    value(fields, SEQUENCE).map(|(subject, _)| subject)
}

/// The names one after the other, their texts in UTF-8 and small letters, without needless blanks.
fn canonical(mut names: &[u8]) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    while !names.is_empty() {
        let (mut set, rest) = value(names, SET)?;
        names = rest;
        let mut entries = Vec::new();
        while !set.is_empty() {
            let (entry, rest) = value(set, SEQUENCE)?;
            set = rest;
            let (_, _, after) = element(entry)?;
            let kind = &entry[..entry.len() - after.len()];
            let (tag, text, _) = element(after)?;
            let text = match decode(tag, text) {
                Some(text) => encode(UTF8, &simplify(&text)),
                None => after.to_vec(),
            };
            entries.push(encode(SEQUENCE, &[kind, &text].concat()));
        }
        entries.sort();
        all.extend(encode(SET, &entries.concat()));
    }
    Some(all)
}

/// The text of a value of one of the types of text.
fn decode(tag: u8, bytes: &[u8]) -> Option<Vec<u8>> {
    let letters = |size: usize| {
        let number = |unit: &[u8]| unit.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
        bytes.chunks(size).map(|unit| char::from_u32(number(unit))).collect::<Option<String>>()
    };
    match tag {
        // UTF8String, PrintableString, IA5String, VisibleString.
        0x0c | 0x13 | 0x16 | 0x1a => Some(bytes.to_vec()),
        // T61String, which is read as Latin-1.
        0x14 => letters(1).map(String::into_bytes),
        // BMPString, UniversalString.
        0x1e => letters(2).map(String::into_bytes),
        0x1c => letters(4).map(String::into_bytes),
        _ => None,
    }
}

fn simplify(text: &[u8]) -> Vec<u8> {
    let mut simple = Vec::new();
    for word in text.split(|byte| byte.is_ascii_whitespace() || *byte == 0x0b).filter(|word| !word.is_empty()) {
        if !simple.is_empty() {
            simple.push(b' ');
        }
        simple.extend(word.to_ascii_lowercase());
    }
    simple
}

fn value(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, value, rest) = element(bytes)?;
    (found == tag).then_some((value, rest))
}

/// The first element: its tag, its contents, and what follows (X.690, 8.1).
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        let digits = rest.get(..count).filter(|_| (1..=4).contains(&count))?;
        (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), &rest[count..])
    };
    Some((*tag, rest.get(..length)?, &rest[length..]))
}

fn encode(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let mut bytes = vec![tag];
    if let Ok(short) =
        u8::try_from(length).map_err(drop).and_then(|short| if short < 0x80 { Ok(short) } else { Err(()) })
    {
        bytes.push(short);
    } else {
        let digits: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|digit| *digit == 0).collect();
        bytes.push(0x80 | u8::try_from(digits.len()).unwrap_or(8));
        bytes.extend(digits);
    }
    bytes.extend(contents);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_simplified_as_openssl_does() {
        assert_eq!(simplify(b"  Some \t CA  "), b"some ca");
        assert_eq!(decode(0x1e, &[0, b'A', 0, 0xe9]).unwrap(), "A\u{e9}".as_bytes());
        assert_eq!(decode(0x02, b"1"), None);
        assert_eq!(encode(0x30, &[7; 200])[..3], [0x30, 0x81, 200]);
        assert_eq!(element(&[0x30, 0x82, 1]), None);
        assert_eq!(element(&[0x04, 2, 1, 2, 3]), Some((4, &[1, 2][..], &[3][..])));
    }

    #[test]
    fn what_is_no_certificate_has_no_hash() {
        for bytes in [&b""[..], b"\x30\x03\x30\x01\xa0", &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], &[0x30; 40]] {
            assert_eq!(hash(bytes), None);
        }
    }
}
