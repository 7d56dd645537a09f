//! What a path asks for. Names are checked here, so that they can be paths on disk.

use super::{digest::Digest, reply::Trouble};
use crate::oci::{is_component, is_tag};

/// One end point of the distribution specification.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    Version,
    Blob { name: String, digest: Digest },
    Uploads { name: String },
    Upload { name: String, session: String },
    Manifest { name: String, reference: Named },
    Tags { name: String },
    Referrers { name: String, digest: Digest },
}

/// What a manifest is asked for by.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named {
    Tag(String),
    Digest(Digest),
}

impl Route {
    pub(super) fn parse(path: &str) -> Result<Self, Trouble> {
        let unknown = || Trouble::refused(404, "UNSUPPORTED", "no such end point");
        let rest = path.strip_prefix("/v2").ok_or_else(unknown)?;
        if rest.is_empty() || rest == "/" {
            return Ok(Self::Version);
        }
        let parts: Vec<&str> = rest.trim_start_matches('/').split('/').collect();
        match parts.as_slice() {
            [name @ .., "blobs", "uploads"] | [name @ .., "blobs", "uploads", ""] => {
                Ok(Self::Uploads { name: checked(name)? })
            }
            [name @ .., "blobs", "uploads", session] => {
                Ok(Self::Upload { name: checked(name)?, session: (*session).to_owned() })
            }
            [name @ .., "blobs", digest] => Ok(Self::Blob { name: checked(name)?, digest: digest_of(digest)? }),
            [name @ .., "manifests", reference] => {
                Ok(Self::Manifest { name: checked(name)?, reference: Named::parse(reference)? })
            }
            [name @ .., "tags", "list"] => Ok(Self::Tags { name: checked(name)? }),
            [name @ .., "referrers", digest] => {
                Ok(Self::Referrers { name: checked(name)?, digest: digest_of(digest)? })
            }
            _ => Err(unknown()),
        }
    }
}

impl Named {
    fn parse(text: &str) -> Result<Self, Trouble> {
        if text.contains(':') {
            return digest_of(text).map(Self::Digest);
        }
        if is_tag(text) {
            return Ok(Self::Tag(text.to_owned()));
        }
        Err(Trouble::refused(400, "TAG_INVALID", "the tag breaks the grammar of tags"))
    }
}

pub(super) fn digest_of(text: &str) -> Result<Digest, Trouble> {
    text.replace("%3A", ":")
        .replace("%3a", ":")
        .parse()
        .map_err(|_| Trouble::refused(400, "DIGEST_INVALID", "only whole sha256 and sha512 digests are accepted"))
}

/// Whether `name` follows the grammar of repository names.
pub(super) fn is_name(name: &str) -> bool {
    name.len() <= 255 && name.split('/').all(is_component)
}

fn checked(parts: &[&str]) -> Result<String, Trouble> {
    let name = parts.join("/");
    if is_name(&name) {
        return Ok(name);
    }
    Err(Trouble::refused(400, "NAME_INVALID", "the repository's name breaks the grammar of names"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::digest::Algorithm;

    #[test]
    fn paths_become_routes() {
        let digest = Digest::of(Algorithm::Sha256, b"");
        let name = || "a/b".to_owned();
        let check = |path: &str, expect: Route| assert_eq!(Route::parse(path).unwrap(), expect, "{path}");
        check("/v2/", Route::Version);
        check(&format!("/v2/a/b/blobs/{digest}"), Route::Blob { name: name(), digest: digest.clone() });
        check("/v2/a/b/blobs/uploads/", Route::Uploads { name: name() });
        check("/v2/a/b/blobs/uploads/7", Route::Upload { name: name(), session: "7".to_owned() });
        check("/v2/a/b/manifests/v1", Route::Manifest { name: name(), reference: Named::Tag("v1".to_owned()) });
        check("/v2/a/b/tags/list", Route::Tags { name: name() });
        check(&format!("/v2/a/b/referrers/{digest}"), Route::Referrers { name: name(), digest });
    }

    #[test]
    fn no_path_leaves_the_folder() {
        for path in [
            "/v2/../manifests/x",
            "/v2/a/../b/manifests/x",
            "/v2/_blobs/manifests/x",
            "/v2/A/manifests/x",
            "/v2/a..b/manifests/x",
            "/v2/a/manifests/..",
            "/v2/a/manifests/sha256:..",
            "/v2//manifests/x",
            "/v2/a/blobs/sha256:../../x",
            "/v3/",
        ] {
            assert!(Route::parse(path).is_err(), "{path}");
        }
    }
}
