//! Release files: fetched, held against a keyring, and never older than the one that was seen last.

use super::{
    AptError, Archive, Query, Trust,
    archive::{Part, unfetched},
};
use crate::{
    debian::{ClearSigned, Release, openpgp::Keyring},
    http::{HttpError, Request},
    lock::LockedSuite,
    oci::Digest,
    store::Bucket,
};

/// Most bytes of a release file; Debian's have some hundred kilobytes.
const LIMIT: u64 = 16 << 20;

/// Who must have signed a suite.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signatures {
    /// One of these keys.
    By(Keyring),
    /// Nobody: only checksums are compared.
    Unchecked,
}

/// A release file that may be gone by.
pub(super) struct Checked {
    pub(super) release: Release,
    /// Of the file.
    pub(super) digest: Digest,
    pub(super) trust: Trust,
}

impl Archive {
    /// The release file of the suite of `part` in `folder`, from the first mirror whose file will do; offline, the one
    /// that was seen last.
    pub(super) async fn release(&self, part: &Part<'_>, folder: &str, query: &Query) -> Result<Checked, AptError> {
        let (archive, suite) = (part.archive, part.suite.as_str());
        let path = format!("{folder}/InRelease");
        let urls = self.mirrors.urls(archive, &path);
        let places: String = urls.iter().map(url::Url::as_str).collect();
        let key = format!("release-2-{}", Digest::of(format!("{suite}\n{places}").as_bytes()).hex());
        let seen = self.store.note(Bucket::Pages, &key);
        let newest = match (&seen, part.signatures) {
            // What nobody signed proves nothing about what comes after it.
            (Some(bytes), Signatures::By(_)) => accept(part, &path, bytes, query.now).ok(),
            _ => None,
        };
        let (mut unreached, mut refused) = (None, None);
        for url in urls {
            match self.http.fetch(&Request::get(url).limit(LIMIT)).await {
                Err(error) => unreached = Some(error),
                Ok(fetched) => match accept(part, &path, &fetched.body, query.now)
                    .and_then(|found| not_older(suite, found, newest.as_ref()))
                    .and_then(|found| not_before(part, found, &query.locked))
                {
                    Err(error) => refused = refused.or(Some(error)),
                    Ok(found) => {
                        let keep = |source| AptError::Keep { file: path.clone(), source };
                        self.store.keep(Bucket::Pages, &key, &fetched.body).map_err(keep)?;
                        return Ok(found);
                    }
                },
            }
        }
        match (refused, unreached, seen) {
            (Some(error), _, _) => Err(error),
            (None, Some(HttpError::Offline { .. }), Some(bytes)) => accept(part, &path, &bytes, query.now),
            (None, unreached, _) => Err(unfetched(archive, &path, unreached)),
        }
    }
}

/// Reads a release file and makes sure that it is signed, of this suite, and still valid.
fn accept(part: &Part<'_>, path: &str, bytes: &[u8], now: Option<u64>) -> Result<Checked, AptError> {
    let suite = part.suite.as_str();
    let malformed = |source| AptError::Malformed { file: path.to_owned(), source };
    let trust = match part.signatures {
        Signatures::Unchecked => Trust::ChecksumsOnly,
        Signatures::By(keyring) => {
            let signed = ClearSigned::parse(bytes).map_err(malformed)?;
            let signed = signed.ok_or_else(|| AptError::Unsigned { suite: suite.to_owned() })?;
            let bad = |source| AptError::Signature { suite: suite.to_owned(), source };
            Trust::Signed(keyring.verify(&signed, now).map_err(bad)?.fingerprint)
        }
    };
    let release = Release::parse(path, bytes).map_err(malformed)?;
    check(&release, suite, now)?;
    Ok(Checked { release, digest: Digest::of(bytes), trust })
}

fn check(release: &Release, suite: &str, now: Option<u64>) -> Result<(), AptError> {
    if !release.is(suite) {
        let found = release.codename.as_ref().or(release.suite.as_ref());
        return Err(AptError::OtherSuite {
            asked: suite.to_owned(),
            found: found.cloned().unwrap_or_else(|| "a nameless suite".to_owned()),
        });
    }
    match (release.valid_until_seconds, now) {
        (Some(end), Some(now)) if end < now => {
            let until = release.valid_until.clone().unwrap_or_default();
            Err(AptError::Expired { suite: suite.to_owned(), until })
        }
        _ => Ok(()),
    }
}

/// An old file with a good signature hides the updates since then.
fn not_older(suite: &str, found: Checked, seen: Option<&Checked>) -> Result<Checked, AptError> {
    match seen {
        Some(seen) if found.release.date_seconds < seen.release.date_seconds => {
            Err(AptError::Older { suite: suite.to_owned(), date: found.release.date, seen: seen.release.date.clone() })
        }
        _ => Ok(found),
    }
}

/// The same for the file that an earlier lock was made from, perhaps on another machine.
fn not_before(part: &Part<'_>, found: Checked, locked: &[LockedSuite]) -> Result<Checked, AptError> {
    let suite = part.suite.as_str();
    let mut locked = locked.iter().filter(|locked| locked.archive == part.archive && locked.suite == suite);
    let Some(locked) = locked.next().filter(|_| *part.signatures != Signatures::Unchecked) else { return Ok(found) };
    let malformed = |source| AptError::Malformed { file: "lock".to_owned(), source };
    if found.release.timestamp() < locked.date.parse().map_err(malformed)? {
        return Err(AptError::Older { suite: suite.to_owned(), date: found.release.date, seen: locked.date.clone() });
    }
    Ok(found)
}
