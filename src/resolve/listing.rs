//! What can be chosen of one distribution on one target.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::ranges::{Versions, name_prerelease, pins};
use crate::{
    lock::WheelSource,
    oci::Digest,
    python::{
        Compatibility, CoreMetadata, Incompatible, IndexFile, PackageName, TagSet, UploadTime, Version,
        VersionSpecifiers, WheelName, Yanked,
    },
};

/// The versions of a distribution: the usable ones with their best wheel, the others with the reason.
#[derive(Clone, Debug, Default)]
pub(super) struct Listing {
    /// Sorted by version, one wheel each.
    pub(super) candidates: Vec<Candidate>,
    /// The versions of `candidates`.
    pub(super) versions: Vec<Version>,
    /// Versions that have no wheel to use.
    pub(super) refused: BTreeMap<Version, Refused>,
    /// Whether any index has the distribution.
    pub(super) found: bool,
}

/// The best wheel of a version.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) wheel: WheelName,
    pub(super) file: IndexFile,
    pub(super) source: WheelSource,
    /// Already at hand for wheels that the recipe names.
    pub(super) metadata: Option<Arc<CoreMetadata>>,
    /// Whether nothing says which SHA-256 it has but the file itself.
    pub(super) own_hash: bool,
}

/// Why a version has no wheel to use: what its files lack.
#[derive(Clone, Debug, Default)]
pub(super) struct Refused {
    /// Wheels whose tags do not fit.
    wheels: Vec<WheelName>,
    python: Option<VersionSpecifiers>,
    hash: bool,
    young: Option<UploadTime>,
}

/// What candidates must be.
pub(super) struct Criteria<'a> {
    pub(super) tags: &'a TagSet,
    pub(super) accepted: Option<&'a BTreeSet<Digest>>,
    /// Files that come before others of their version.
    pub(super) keep: &'a BTreeSet<String>,
    /// Files that came into their index later do not count.
    pub(super) before: Option<UploadTime>,
}

/// How a version is chosen among those that are possible.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taste<'a> {
    pub(super) prefer: Option<&'a Version>,
    pub(super) prereleases: Prereleases,
}

/// Whether pre-releases are taken where a stable version does not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prereleases {
    Asked,
    Avoided,
}

impl Listing {
    /// Sorts the `files` of index `index`.
    pub(super) fn of(package: &PackageName, index: &str, files: &[IndexFile], criteria: &Criteria<'_>) -> Self {
        let mut best: BTreeMap<Version, (Standing, WheelName, IndexFile)> = BTreeMap::new();
        let mut listing = Self { found: true, ..Self::default() };
        for file in files {
            let Ok(wheel) = file.name.parse::<WheelName>() else {
                if let Some(version) = source_version(&file.name, package) {
                    listing.refused.entry(version).or_default();
                }
                continue;
            };
            if wheel.name() != package {
                continue;
            }
            match standing(&wheel, file, criteria) {
                Ok(standing) => match best.get(wheel.version()) {
                    Some((known, ..)) if *known >= standing => {}
                    _ => drop(best.insert(wheel.version().clone(), (standing, wheel, file.clone()))),
                },
                Err(lack) => lack.note(listing.refused.entry(wheel.version().clone()).or_default(), &wheel),
            }
        }
        listing.refused.retain(|version, _| !best.contains_key(version));
        let source = WheelSource::Index(index.to_owned());
        let candidate = |(_, wheel, file): (_, WheelName, IndexFile)| {
            let own_hash = file.sha256.is_none();
            Candidate { wheel, file, source: source.clone(), metadata: None, own_hash }
        };
        listing.candidates = best.into_values().map(candidate).collect();
        listing.index()
    }

    /// The one wheel that the recipe names.
    pub(super) fn direct(candidate: Candidate) -> Self {
        Self { candidates: vec![candidate], found: true, ..Self::default() }.index()
    }

    /// The file that the recipe names, if it names one.
    pub(super) fn named(&self) -> Option<&Candidate> {
        self.candidates.first().filter(|candidate| candidate.metadata.is_some())
    }

    /// Its version.
    pub(super) fn direct_version(&self) -> Option<&Version> {
        self.named().map(|named| named.wheel.version())
    }

    /// The wheel to try first of those in `versions`: the preferred version, else the newest stable
    /// one, else the newest pre-release where pre-releases are asked for or there is nothing else, or the
    /// one that is named.
    pub(super) fn choose(&self, versions: &Versions, taste: Taste<'_>) -> Option<&Candidate> {
        let possible = || self.candidates.iter().rev().filter(|candidate| candidate.allowed(versions));
        if let Some(prefer) = taste.prefer
            && let Some(candidate) = possible().find(|candidate| candidate.wheel.version() == prefer)
        {
            return Some(candidate);
        }
        let stable = |candidate: &&Candidate| !candidate.wheel.version().any_prerelease();
        possible().find(stable).or_else(|| {
            let only = || !self.candidates.iter().any(|candidate| stable(&candidate));
            let any = taste.prereleases == Prereleases::Asked || name_prerelease(versions) || only();
            possible().find(|candidate| any || pins(versions, candidate.wheel.version()))
        })
    }

    /// What people are told to take: stable versions, where there are some, and none that were withdrawn.
    pub(super) fn advisable(&self) -> impl Iterator<Item = &Version> {
        let offered = || self.candidates.iter().filter(|candidate| candidate.is_offered());
        let offered = move || offered().map(|candidate| candidate.wheel.version());
        let stable = offered().any(|version| !version.any_prerelease());
        offered().filter(move |version| !stable || !version.any_prerelease())
    }

    /// The candidate of exactly `version`.
    pub(super) fn candidate(&self, version: &Version) -> Option<&Candidate> {
        let position = self.versions.binary_search(version).ok()?;
        self.candidates.get(position)
    }

    fn index(mut self) -> Self {
        self.versions = self.candidates.iter().map(|candidate| candidate.wheel.version().clone()).collect();
        self
    }
}

impl Candidate {
    /// Withdrawn files are taken only by those who name their very version.
    fn allowed(&self, versions: &Versions) -> bool {
        let version = self.wheel.version();
        versions.contains(version) && (self.is_offered() || pins(versions, version))
    }

    /// Whether its authors did not withdraw it.
    pub(super) fn is_offered(&self) -> bool {
        self.file.yanked == Yanked::No
    }
}

impl Refused {
    /// Wheels of which none fits.
    pub(super) fn of_wheels(wheels: Vec<WheelName>) -> Self {
        Self { wheels, ..Self::default() }
    }

    /// Whether there is nothing but source.
    pub(super) fn is_source_only(&self) -> bool {
        self.wheels.is_empty() && self.python.is_none() && !self.hash && self.young.is_none()
    }

    /// Why a target with these `tags` cannot use it, and what there is instead.
    pub(super) fn in_words(&self, tags: &TagSet) -> String {
        if self.hash {
            return "none of its wheels has a hash that the recipe accepts".to_owned();
        }
        if let Some(since) = self.young {
            return format!("it came on {since}, which is later than the recipe's policy allows");
        }
        if let Some(python) = &self.python {
            return format!("it requires Python {python}, the base has {}", tags.target().python);
        }
        let reasons = self.wheels.iter().filter_map(|wheel| match tags.check(wheel) {
            Compatibility::Compatible(_) => None,
            Compatibility::Incompatible(reason) => Some((wheel, reason)),
        });
        let reasons: Vec<(&WheelName, Incompatible)> = reasons.collect();
        match &reasons[..] {
            [(wheel, reason)] => format!("its only wheel, {}, {reason}", wheel.tag_spelled()),
            _ => nearest(&reasons),
        }
    }
}

/// Of many wheels the reason why those do not fit that are nearest to it.
fn nearest(reasons: &[(&WheelName, Incompatible)]) -> String {
    let near = |reason: &Incompatible| match reason {
        Incompatible::TooOld { needs, .. } => (0, Some(*needs)),
        Incompatible::OtherLibc { .. } => (1, None),
        Incompatible::Platform { .. } => (2, None),
        Incompatible::Abi { .. } => (3, None),
        _ => (4, None),
    };
    let Some((wheel, reason)) = reasons.iter().min_by_key(|(_, reason)| near(reason)) else {
        return "no wheel fits".to_owned();
    };
    let all = |part: fn(&Incompatible) -> Option<&Vec<String>>| {
        let parts: BTreeSet<&String> = reasons.iter().filter_map(|(_, reason)| part(reason)).flatten().collect();
        listed(parts.into_iter().collect())
    };
    match reason {
        Incompatible::Platform { base, .. } => {
            let there =
                all(|reason| if let Incompatible::Platform { wheel, .. } = reason { Some(wheel) } else { None });
            format!("no wheel fits: they are for {there}, the base is {base}")
        }
        Incompatible::Abi { base, .. } => {
            let there = all(|reason| if let Incompatible::Abi { wheel, .. } = reason { Some(wheel) } else { None });
            format!("no wheel fits: they are for the ABI {there}, the base has {base}")
        }
        Incompatible::Python { base, .. } => {
            let there = all(|reason| if let Incompatible::Python { wheel, .. } = reason { Some(wheel) } else { None });
            format!("no wheel fits: they are for {there}, the base has Python {base}")
        }
        reason => format!("no wheel fits: the nearest, {}, {reason}", wheel.tag_spelled()),
    }
}

/// Tags in their natural order: `cp39` before `cp310`.
fn listed(mut tags: Vec<&String>) -> String {
    const SHOWN: usize = 6;
    tags.sort_by_key(|tag| (tag.trim_end_matches(|letter: char| letter.is_ascii_digit()).to_owned(), tag.len()));
    let more = if tags.len() > SHOWN { format!(" and {} more", tags.len() - SHOWN) } else { String::new() };
    tags.truncate(SHOWN);
    let shown: Vec<&str> = tags.into_iter().map(String::as_str).collect();
    format!("{}{more}", shown.join(", "))
}

/// How good a wheel is; the greatest is taken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Standing {
    offered: Offered,
    kept: bool,
    rank: std::cmp::Reverse<u32>,
    build: Option<(u64, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Offered {
    Withdrawn,
    Plainly,
}

enum Lack {
    Tag,
    Python(VersionSpecifiers),
    Hash,
    Young(UploadTime),
}

impl Lack {
    fn note(self, refused: &mut Refused, wheel: &WheelName) {
        match self {
            Self::Tag => refused.wheels.push(wheel.clone()),
            Self::Python(specifiers) => refused.python = Some(specifiers),
            Self::Hash => refused.hash = true,
            Self::Young(since) => refused.young = refused.young.max(Some(since)),
        }
    }
}

fn standing(wheel: &WheelName, file: &IndexFile, criteria: &Criteria<'_>) -> Result<Standing, Lack> {
    let rank = criteria.tags.best(wheel).ok_or(Lack::Tag)?;
    let python = criteria.tags.target().python;
    let python = python.release();
    if let Some(specifiers) = file.requires_python.as_ref().filter(|specifiers| !specifiers.contains(&python)) {
        return Err(Lack::Python(specifiers.clone()));
    }
    // Files whose hash the index does not give are checked when it is learnt.
    let accepted =
        criteria.accepted.zip(file.sha256.as_ref()).is_none_or(|(accepted, digest)| accepted.contains(digest));
    if !accepted {
        return Err(Lack::Hash);
    }
    if let Some((since, before)) = file.uploaded.zip(criteria.before)
        && since > before
    {
        return Err(Lack::Young(since));
    }
    let offered = if file.yanked == Yanked::No { Offered::Plainly } else { Offered::Withdrawn };
    let kept = criteria.keep.contains(&file.name);
    Ok(Standing { offered, kept, rank: std::cmp::Reverse(rank), build: wheel.build().cloned() })
}

/// The version of a source distribution: `demo-1.0.tar.gz`.
fn source_version(file: &str, package: &PackageName) -> Option<Version> {
    let stem = file.strip_suffix(".tar.gz").or_else(|| file.strip_suffix(".zip"))?;
    let (name, version) = stem.rsplit_once('-')?;
    name.parse::<PackageName>().is_ok_and(|name| name == *package).then(|| version.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::{
        Prereleases::{Asked, Avoided},
        *,
    };
    use crate::{
        python::{MetadataFile, Target},
        resolve::ranges::satisfying,
    };

    fn tags() -> TagSet {
        TagSet::of(&Target {
            platform: "linux/amd64".parse().unwrap(),
            python: "3.11.2".parse().unwrap(),
            libc: "glibc 2.28".parse().unwrap(),
            free_threaded: false,
        })
    }

    fn listing(files: &[&str]) -> Listing {
        let file = |text: &&str| {
            let (name, yanked) = match text.strip_suffix('!') {
                Some(name) => (name, Yanked::Because(String::new())),
                None => (*text, Yanked::No),
            };
            let (name, python) = name.split_once(' ').unwrap_or((name, ""));
            IndexFile {
                name: name.to_owned(),
                url: "https://host/x".parse::<url::Url>().unwrap().into(),
                sha256: None,
                requires_python: (!python.is_empty()).then(|| python.parse().unwrap()),
                yanked,
                size: None,
                core_metadata: MetadataFile::Absent,
                uploaded: None,
            }
        };
        let files: Vec<IndexFile> = files.iter().map(file).collect();
        let criteria = Criteria { tags: &tags(), accepted: None, keep: &BTreeSet::new(), before: None };
        Listing::of(&"demo".parse().unwrap(), "default", &files, &criteria)
    }

    #[test]
    fn the_newest_stable_version_with_the_best_wheel_is_chosen() {
        let listing = listing(&[
            "demo-1.0-py3-none-any.whl",
            "demo-1.1-py3-none-any.whl",
            "demo-1.1-1-py3-none-any.whl",
            "demo-1.1-cp311-cp311-manylinux2014_x86_64.whl",
            "demo-1.2-py3-none-any.whl!",
            "demo-2.0rc1-py3-none-any.whl",
            "demo-2.1.dev3-py3-none-any.whl",
            "demo-3.0-py3-none-any.whl >=3.12",
            "other-4.0-py3-none-any.whl",
        ]);
        let check = |specifiers: &str, prefer: Option<&str>, prereleases: Prereleases, expect: Option<&str>| {
            let prefer = prefer.map(|text| text.parse().unwrap());
            let taste = Taste { prefer: prefer.as_ref(), prereleases };
            let found = listing.choose(&satisfying(&specifiers.parse().unwrap()), taste);
            let found = found.map(|candidate| candidate.wheel.file().trim_start_matches("demo-"));
            assert_eq!(found, expect, "{specifiers}");
        };
        check("", None, Avoided, Some("1.1-cp311-cp311-manylinux2014_x86_64.whl"));
        check("", None, Asked, Some("1.1-cp311-cp311-manylinux2014_x86_64.whl"));
        check("", Some("1.0"), Avoided, Some("1.0-py3-none-any.whl"));
        check("==1.2", None, Avoided, Some("1.2-py3-none-any.whl"));
        check(">1.1", None, Avoided, None);
        check(">1.1,<2.1", None, Asked, Some("2.0rc1-py3-none-any.whl"));
        check(">=2.0rc1,<2.1", None, Avoided, Some("2.0rc1-py3-none-any.whl"));
        check("==2.1.dev3", None, Avoided, Some("2.1.dev3-py3-none-any.whl"));
        check(">1.1,<2.2", None, Avoided, None);
        check("~=2.1", None, Avoided, None);
    }

    #[test]
    fn reasons_name_what_is_on_offer() {
        let listing = listing(&[
            "demo-1.0.tar.gz",
            "demo-2.0-cp311-cp311-manylinux_2_34_x86_64.whl",
            "demo-3.0-cp311-cp311-manylinux_2_34_x86_64.whl",
            "demo-3.0-cp312-cp312-win_amd64.whl",
            "demo-4.0-py3-none-any.whl >=3.12",
            "demo-5.0-cp312-cp312-win_amd64.whl",
            "demo-5.0-cp39-cp39-manylinux_2_17_x86_64.whl",
            "demo-5.0-cp38-cp38-win_amd64.whl",
            "demo-6.0-cp314-cp314-win_amd64.whl",
            "demo-6.0-cp312-cp312-win_amd64.whl",
            "demo-7.0-cp311-cp311-win_amd64.whl",
            "demo-7.0-cp311-cp311-macosx_11_0_arm64.whl",
            "demo-7.0-cp312-cp312-manylinux_2_17_x86_64.whl",
        ]);
        let check = |version: &str, expect: &str| {
            assert_eq!(listing.refused[&version.parse::<Version>().unwrap()].in_words(&tags()), expect);
        };
        assert!(listing.refused[&"1.0".parse::<Version>().unwrap()].is_source_only());
        check("2.0", "its only wheel, cp311-cp311-manylinux_2_34_x86_64, needs glibc 2.34, the base has glibc 2.28");
        check(
            "3.0",
            "no wheel fits: the nearest, cp311-cp311-manylinux_2_34_x86_64, needs glibc 2.34, the base has glibc 2.28",
        );
        check("4.0", "it requires Python >=3.12, the base has 3.11.2");
        check("5.0", "no wheel fits: they are for the ABI cp38, cp39, the base has cp311");
        check("6.0", "no wheel fits: they are for cp312, cp314, the base has Python 3.11.2");
        check("7.0", "no wheel fits: they are for macosx_11_0_arm64, win_amd64, the base is x86_64");
    }
}
