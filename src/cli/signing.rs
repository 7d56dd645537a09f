//! `wheelwright sign`, and what `build`, `copy` and `verify` say of keys.

use std::{fmt::Write as _, path::Path};

use clap::Args;

use super::{destination, error::CliError, session::Session};
use crate::{
    builder::{Builder, Destination, Signable},
    cosign::{KeyError, PublicKey, SigningKey},
    oci::Reference,
};

pub(super) const EXAMPLES: &str = "\
Examples:
  wheelwright sign ghcr.io/me/app:1 --key cosign.key
  wheelwright sign ghcr.io/me/app:1 --key env://COSIGN_PRIVATE_KEY
  wheelwright build --push ghcr.io/me/app:1 --sign-key cosign.key
  wheelwright verify ghcr.io/me/app:1 --signature cosign.pub
  wheelwright sign ghcr.io/me/app:1                    the digest, and the command that signs it without a key

What is signed is the digest that the name has at this moment, and that of each platform's image. The
signatures have cosign's form, ECDSA P-256 over the SHA-256 of a claim, and lie beside the image under
tags sha256-….sig. Whoever has the public key checks them with

  cosign verify --key cosign.pub --insecure-ignore-tlog=true ghcr.io/me/app:1

or with Podman, Skopeo and CRI-O by a policy `sigstoreSigned`. The flag is needed because nothing is
written into a public log. Signing twice makes no second signature.

A key is a PEM file: one of cosign's, opened by the password in COSIGN_PASSWORD, or one of openssl's
without a password. Signing without a key, by an identity, is left to cosign: without --key its command
line is printed.";

/// `sign`.
#[derive(Debug, Args)]
pub(super) struct Sign {
    /// The image in its registry: HOST/REPOSITORY:TAG; may be several
    #[arg(value_name = "IMAGE", required = true, value_parser = reference)]
    images: Vec<Reference>,
    /// The private key: a PEM file, or `env://NAME` for one in a variable
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

/// The flag by which what is pushed is signed.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Signing {
    /// Sign the image with this private key before its name moves: a PEM file, or `env://NAME` for one in
    /// a variable; `COSIGN_PASSWORD` opens cosign's. See `wheelwright sign --help`
    #[arg(long, value_name = "KEY")]
    sign_key: Option<String>,
}

fn reference(text: &str) -> Result<Reference, String> {
    match destination::parse_image(text)? {
        crate::recipe::Base::Registry(reference) => Ok(reference),
        _ => Err("signatures lie in registries: push the image first, and name it as HOST/REPOSITORY:TAG".to_owned()),
    }
}

/// Signs; returns a line for each signature, and the digest.
///
/// # Errors
/// When the key cannot be used, or an image cannot be read or its registry not be written.
pub(super) async fn run(session: &Session, arguments: &Sign) -> Result<String, CliError> {
    let key = arguments.key.as_deref().map(|place| private(session, place)).transpose()?;
    let builder = session.builder()?;
    let mut text = String::new();
    for image in &arguments.images {
        let signable = builder.signable(image).await?;
        match &key {
            Some(key) => {
                for signed in builder.sign(image, &signable, key).await? {
                    let _ = writeln!(text, "signed: {}@{}", signed.identity, signed.digest);
                }
            }
            None => drop(writeln!(text, "cosign sign --recursive {}", image.at(signable.root))),
        }
        let _ = writeln!(text, "digest: {}", signable.root);
    }
    Ok(text)
}

impl Signing {
    /// Whether anything shall be signed.
    pub(super) const fn is_wanted(&self) -> bool {
        self.sign_key.is_some()
    }

    /// The key, if one is named. `destinations` is where the image goes.
    ///
    /// # Errors
    /// When it cannot be used, or the image goes to no registry.
    pub(super) fn key<'d>(
        &self,
        session: &Session,
        mut destinations: impl Iterator<Item = &'d Destination>,
    ) -> Result<Option<SigningKey>, CliError> {
        let Some(place) = &self.sign_key else { return Ok(None) };
        if !destinations.any(|destination| matches!(destination, Destination::Registry(_))) {
            return Err(CliError::NothingToSign);
        }
        private(session, place).map(Some)
    }
}

/// Signs what goes to `destination`, if that is a registry. The name is still to come: whoever sees it finds it
/// signed.
///
/// # Errors
/// When the registry cannot be written.
pub(super) async fn sign(
    (session, builder): (&Session, &Builder),
    destination: &Destination,
    signable: &Signable,
    key: Option<&SigningKey>,
) -> Result<(), CliError> {
    let (Some(key), Destination::Registry(reference)) = (key, destination) else { return Ok(()) };
    builder.sign(reference, signable, key).await?;
    session.note(&format!("signed {}", reference.at(signable.root)));
    Ok(())
}

/// The public key at `place`.
///
/// # Errors
/// When it cannot be read.
pub(super) fn public(session: &Session, place: &str) -> Result<PublicKey, CliError> {
    PublicKey::parse(&text(session, place)?).map_err(|source| unusable(place, source))
}

fn private(session: &Session, place: &str) -> Result<SigningKey, CliError> {
    let password = session.variable("COSIGN_PASSWORD").unwrap_or_default();
    SigningKey::parse(&text(session, place)?, password).map_err(|source| unusable(place, source))
}

fn text(session: &Session, place: &str) -> Result<String, CliError> {
    if let Some(name) = place.strip_prefix("env://") {
        let unset = || CliError::NoVariable { name: name.to_owned() };
        return session.variable(name).map(str::to_owned).ok_or_else(unset);
    }
    let path = Path::new(place).to_owned();
    std::fs::read_to_string(&path).map_err(|source| CliError::Read { path, source })
}

fn unusable(place: &str, source: KeyError) -> CliError {
    CliError::SignKey { place: place.to_owned(), source }
}
