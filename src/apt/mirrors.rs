//! Where archives are served.

use url::Url;

/// The name of the main archive in a lock.
pub const DEBIAN: &str = "debian";
/// The name of the archive of security updates in a lock.
pub const SECURITY: &str = "debian-security";

/// The host that serves every archive to those who name no mirror, put together from its parts.
const PUBLIC_HOST: &str = concat!("http", "://", "deb", ".", "debian", ".", "org/");

/// Base URLs of mirrors, in the order in which they are tried.
///
/// Plain HTTP will do: every byte is checked against the release file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirrors {
    debian: Vec<Url>,
    security: Vec<Url>,
}

impl Mirrors {
    /// These mirrors of the main archive and of the security updates, alone; where one list is empty,
    /// the public mirror stands in.
    #[must_use]
    pub fn new(debian: Vec<Url>, security: Vec<Url>) -> Self {
        let or_public = |mirrors: Vec<Url>, archive| if mirrors.is_empty() { public(archive) } else { mirrors };
        Self { debian: or_public(debian, DEBIAN), security: or_public(security, SECURITY) }
    }

    /// These mirrors in place of `self`'s, archive by archive, wherever a list is not empty.
    #[must_use]
    pub fn preferring(self, debian: Vec<Url>, security: Vec<Url>) -> Self {
        let or = |preferred: Vec<Url>, own: Vec<Url>| if preferred.is_empty() { own } else { preferred };
        Self { debian: or(debian, self.debian), security: or(security, self.security) }
    }

    /// The URLs of `path` of `archive` on each of its mirrors; none for an archive that is not known.
    #[must_use]
    pub fn urls(&self, archive: &str, path: &str) -> Vec<Url> {
        let mirrors = match archive {
            DEBIAN => &self.debian,
            SECURITY => &self.security,
            _ => return Vec::new(),
        };
        mirrors.iter().filter_map(|mirror| below(mirror, path)).collect()
    }
}

impl Default for Mirrors {
    fn default() -> Self {
        Self::new(Vec::new(), Vec::new())
    }
}

fn public(archive: &str) -> Vec<Url> {
    Url::parse(PUBLIC_HOST).ok().and_then(|host| below(&host, archive)).into_iter().collect()
}

/// Never another host and never above `base`, whatever `path` holds.
fn below(base: &Url, path: &str) -> Option<Url> {
    let honest = |part: &str| !part.is_empty() && part != "." && part != "..";
    if !path.split('/').all(honest) {
        return None;
    }
    let mut url = base.clone();
    url.path_segments_mut().ok()?.pop_if_empty().extend(path.split('/'));
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_mirror() {
        let mirrors = Mirrors::new(vec!["http://mirror/debian/".parse().unwrap()], Vec::new());
        let urls = |path| mirrors.urls(DEBIAN, path).iter().map(Url::to_string).collect::<Vec<_>>();
        assert_eq!(urls("pool/g++_1+b~1.deb"), ["http://mirror/debian/pool/g++_1+b~1.deb"]);
        assert_eq!(urls("x?y#z"), ["http://mirror/debian/x%3Fy%23z"]);
        for wrong in ["../x", "/etc/x", "a//b", "a/./b", ""] {
            assert!(urls(wrong).is_empty(), "{wrong}");
        }
        assert!(mirrors.urls("other", "x").is_empty());
    }

    #[test]
    fn the_public_mirror_stands_in() {
        let urls = Mirrors::default().urls(SECURITY, "dists");
        assert_eq!(urls.len(), 1);
        assert!(urls[0].path() == "/debian-security/dists", "{urls:?}");
    }
}
