//! Where archives are served.

use std::collections::BTreeMap;

use url::Url;

use crate::debian::Timestamp;

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
    snapshot: Option<String>,
    /// Of archives besides Debian's, by their names.
    others: BTreeMap<String, Vec<Url>>,
}

impl Mirrors {
    /// These mirrors of the main archive and of the security updates, alone; where one list is empty,
    /// the public mirror stands in.
    #[must_use]
    pub fn new(debian: Vec<Url>, security: Vec<Url>) -> Self {
        let or_public = |mirrors: Vec<Url>, archive| if mirrors.is_empty() { public(archive) } else { mirrors };
        Self {
            debian: or_public(debian, DEBIAN),
            security: or_public(security, SECURITY),
            snapshot: None,
            others: BTreeMap::new(),
        }
    }

    /// These mirrors in place of `self`'s, archive by archive, wherever a list is not empty.
    #[must_use]
    pub fn preferring(self, debian: Vec<Url>, security: Vec<Url>) -> Self {
        let or = |preferred: Vec<Url>, own: Vec<Url>| if preferred.is_empty() { own } else { preferred };
        Self { debian: or(debian, self.debian), security: or(security, self.security), ..self }
    }

    /// The same with an archive of past states of the archives: a URL with `{archive}` and `{timestamp}` in
    /// it, which stand for the name of the archive and the moment.
    #[must_use]
    pub fn remembering(self, snapshot: Option<String>) -> Self {
        Self { snapshot: snapshot.or(self.snapshot), ..self }
    }

    /// The same with mirrors of another archive than Debian's.
    #[must_use]
    pub fn with(mut self, archive: &str, mirrors: Vec<Url>) -> Self {
        self.others.insert(archive.to_owned(), mirrors);
        self
    }

    /// The URLs of `path` of `archive` as it was at `moment`.
    ///
    /// What a release file of that moment lists may have come into the archive with it, and an archive of
    /// past states has it only from its next visit on: it is asked for the state of a day later too, before
    /// which no archive removes what it has listed.
    #[must_use]
    pub fn past_urls(&self, archive: &str, moment: Timestamp, path: &str) -> Vec<Url> {
        let base = |moment: Timestamp| {
            let template = self.snapshot.as_ref()?;
            let text = template.replace("{archive}", archive).replace("{timestamp}", &moment.to_string());
            below(&Url::parse(&text).ok()?, path)
        };
        // Nobody keeps past states of archives besides Debian's.
        let moments = if is_debians(archive) { &[moment, moment.next_day()][..] } else { &[] };
        moments.iter().copied().filter_map(base).collect()
    }

    /// The URLs of `path` of `archive` on each of its mirrors; none for an archive that is not known.
    #[must_use]
    pub fn urls(&self, archive: &str, path: &str) -> Vec<Url> {
        let mirrors = match archive {
            DEBIAN => &self.debian,
            SECURITY => &self.security,
            _ => match self.others.get(archive) {
                Some(mirrors) => mirrors,
                None => return Vec::new(),
            },
        };
        mirrors.iter().filter_map(|mirror| below(mirror, path)).collect()
    }
}

impl Default for Mirrors {
    fn default() -> Self {
        Self::new(Vec::new(), Vec::new())
    }
}

/// Whether an archive is one of Debian's own.
pub(super) fn is_debians(archive: &str) -> bool {
    [DEBIAN, SECURITY].contains(&archive)
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
        let mirrors = mirrors.with("other", vec!["https://company/apt".parse().unwrap()]);
        assert_eq!(mirrors.urls("other", "pool/x.deb")[0].as_str(), "https://company/apt/pool/x.deb");
    }

    #[test]
    fn past_states_are_found_by_their_moment() {
        let moment = "20261121T005302Z".parse().unwrap();
        let urls = |template: Option<&str>| {
            let mirrors = Mirrors::default().remembering(template.map(str::to_owned));
            mirrors.past_urls(DEBIAN, moment, "pool/a.deb").iter().map(Url::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            urls(Some("https://past/{archive}/{timestamp}/")),
            ["https://past/debian/20261121T005302Z/pool/a.deb", "https://past/debian/20261122T005302Z/pool/a.deb"]
        );
        assert!(urls(None).is_empty());
    }

    #[test]
    fn the_public_mirror_stands_in() {
        let urls = Mirrors::default().urls(SECURITY, "dists");
        assert_eq!(urls.len(), 1);
        assert!(urls[0].path() == "/debian-security/dists", "{urls:?}");
    }
}
