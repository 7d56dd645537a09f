//! Keys with what is said of them: which may sign, and until when.
//! [RFC 9580, section 10.1](https://www.rfc-editor.org/rfc/rfc9580#section-10.1).

use super::{
    OpenPgpError,
    key::PublicKey,
    packet::{
        PUBLIC_KEY, PUBLIC_SUBKEY, Packet, SECRET_KEY, SECRET_SUBKEY, SIGNATURE, USER_ATTRIBUTE, USER_ID, malformed,
    },
    signature::{
        DIRECT_KEY, GENERIC_CERTIFICATION, KEY_REVOCATION, POSITIVE_CERTIFICATION, PRIMARY_KEY_BINDING, SUBKEY_BINDING,
        SUBKEY_REVOCATION, Signature,
    },
};

/// A key that may sign data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SigningKey {
    pub(super) key: PublicKey,
    /// In seconds since 1970.
    pub(super) expires: Option<u64>,
}

/// A key, a name or a subkey, with the signatures that follow it.
struct Component<'a> {
    tag: u8,
    body: &'a [u8],
    signatures: Vec<&'a [u8]>,
}

/// The keys among `packets` that may sign data.
pub(super) fn signing_keys(packets: &[Packet<'_>]) -> Result<Vec<SigningKey>, OpenPgpError> {
    let mut components: Vec<Component<'_>> = Vec::new();
    for Packet { tag, body } in packets {
        match (*tag, components.last_mut()) {
            (SECRET_KEY | SECRET_SUBKEY, _) => return Err(OpenPgpError::Secret),
            (SIGNATURE, Some(component)) => component.signatures.push(body),
            (PUBLIC_KEY, _) | (PUBLIC_SUBKEY | USER_ID | USER_ATTRIBUTE, Some(_)) => {
                components.push(Component { tag: *tag, body, signatures: Vec::new() });
            }
            (SIGNATURE | PUBLIC_SUBKEY | USER_ID | USER_ATTRIBUTE, None) => {
                return Err(malformed("it does not begin with a public key"));
            }
            // Markers, trust of one person's own, padding.
            _ => {}
        }
    }
    let mut keys = Vec::new();
    for certificate in components.chunk_by(|_, next| next.tag != PUBLIC_KEY) {
        keys.extend(certificate_keys(certificate)?);
    }
    Ok(keys)
}

fn certificate_keys(components: &[Component<'_>]) -> Result<Vec<SigningKey>, OpenPgpError> {
    let [first, others @ ..] = components else { return Ok(Vec::new()) };
    let Some(primary) = PublicKey::parse(first.body)? else { return Ok(Vec::new()) };
    if !primary.is_usable() || first.has(KEY_REVOCATION, &primary) {
        return Ok(Vec::new());
    }
    let direct = first.newest(&primary, &primary.hashed(), |kind| kind == DIRECT_KEY).filter(Signature::has_flags);
    let named = others.iter().filter(|component| component.tag == USER_ID).filter_map(|name| {
        let length = u32::try_from(name.body.len()).unwrap_or(u32::MAX);
        let data = [&primary.hashed()[..], &[0xb4], &length.to_be_bytes(), name.body].concat();
        name.newest(&primary, &data, |kind| (GENERIC_CERTIFICATION..=POSITIVE_CERTIFICATION).contains(&kind))
    });
    let newest = direct.into_iter().chain(named).max_by_key(|signature| signature.created().unwrap_or_default());
    let Some(own) = newest else { return Ok(Vec::new()) };
    let expires = own.key_expires(&primary);
    let mut keys = Vec::new();
    for component in others.iter().filter(|component| component.tag == PUBLIC_SUBKEY) {
        keys.extend(subkey(&primary, expires, component)?);
    }
    if own.may_sign(true) {
        keys.push(SigningKey { key: primary, expires });
    }
    Ok(keys)
}

/// A subkey, if it may sign: its key must say so, and it must agree to belong to that key.
fn subkey(
    primary: &PublicKey,
    expires: Option<u64>,
    component: &Component<'_>,
) -> Result<Option<SigningKey>, OpenPgpError> {
    let Some(key) = PublicKey::parse(component.body)?.filter(PublicKey::is_usable) else { return Ok(None) };
    let data = [primary.hashed(), key.hashed()].concat();
    let binding = component.newest(primary, &data, |kind| kind == SUBKEY_BINDING);
    let Some(binding) = binding.filter(|binding| binding.may_sign(false)) else { return Ok(None) };
    let agrees = binding
        .agreement
        .and_then(|body| Signature::parse(body).ok())
        .is_some_and(|agreement| agreement.kind == PRIMARY_KEY_BINDING && agreement.verify(&key, &data).is_ok());
    if !agrees || component.has(SUBKEY_REVOCATION, primary) {
        return Ok(None);
    }
    // It cannot outlive its key.
    let ends = [binding.key_expires(&key), expires];
    Ok(Some(SigningKey { key, expires: ends.into_iter().flatten().min() }))
}

impl<'a> Component<'a> {
    /// The newest signature of one of these kinds that `key` made over `data`.
    fn newest(&self, key: &PublicKey, data: &[u8], wanted: impl Fn(u8) -> bool) -> Option<Signature<'a>> {
        let own = self.signatures.iter().filter_map(|body| Signature::parse(body).ok());
        own.filter(|signature| wanted(signature.kind) && signature.names(key) && signature.verify(key, data).is_ok())
            .max_by_key(|signature| signature.created().unwrap_or_default())
    }

    /// Whether there is such a signature that names `key`. A revocation counts unverified, and in forms
    /// that would not count elsewhere: whoever can write into a keyring can also empty it.
    fn has(&self, kind: u8, key: &PublicKey) -> bool {
        self.signatures.iter().any(|body| match Signature::parse(body) {
            Ok(signature) => signature.kind == kind && signature.names(key),
            Err(_) => body.get(1) == Some(&kind),
        })
    }
}
