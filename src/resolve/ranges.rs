//! Version specifiers as sets of versions, and back into words.

use std::{cmp::Reverse, ops::Bound};

use pep440_rs::{Operator, Prerelease, VersionSpecifier};
use pubgrub::Ranges;

use crate::python::{Version, VersionSpecifiers};

/// A set of versions.
pub(super) type Versions = Ranges<Version>;

/// The versions that satisfy all `specifiers`. `==V`, `!=V` and `<=V` speak of `V+local` too.
///
/// [Version specifiers](https://packaging.python.org/en/latest/specifications/version-specifiers/#version-specifiers).
pub(super) fn satisfying(specifiers: &VersionSpecifiers) -> Versions {
    specifiers.iter().fold(Versions::full(), |versions, specifier| versions.intersection(&one(specifier)))
}

/// `V` and every `V+local`.
pub(super) fn same_public(version: &Version) -> Versions {
    if version.is_local() {
        return Versions::singleton(version.clone());
    }
    Versions::between(version.clone(), behind_locals(version))
}

/// Whether `versions` is the set of one `==V`, with `version` in it.
pub(super) fn pins(versions: &Versions, version: &Version) -> bool {
    versions.subset_of(&same_public(&version.clone().without_local()))
}

/// Whether a bound of `versions` is a pre-release: whoever writes `>=2.0rc1` takes pre-releases.
pub(super) fn name_prerelease(versions: &Versions) -> bool {
    let named = |bound: Bound<&Version>| match bound {
        Bound::Included(version) | Bound::Excluded(version) => version.is_pre(),
        Bound::Unbounded => false,
    };
    versions.iter().any(|(low, high)| named(low) || named(high))
}

/// `known`, the nearest to what `versions` ask for first: what begins with more of the same numbers, and of that the
/// newest.
pub(super) fn nearest<'v>(versions: &Versions, known: impl Iterator<Item = &'v Version>) -> Vec<Version> {
    let version = |bound: Bound<&Version>| match bound {
        Bound::Included(version) | Bound::Excluded(version) => Some(version.clone()),
        Bound::Unbounded => None,
    };
    let asked = versions.iter().find_map(|(low, high)| version(low).or_else(|| version(high)));
    let alike = |known: &Version| {
        let asked = asked.iter().filter(|asked| asked.epoch() == known.epoch());
        let pairs = asked.flat_map(|asked| asked.release().iter().zip(known.release()));
        pairs.take_while(|(asked, known)| asked == known).count()
    };
    let mut known: Vec<Version> = known.cloned().collect();
    known.sort_by_cached_key(|known| Reverse((alike(known), known.clone())));
    known
}

/// `>=1.0,<2`, with alternatives separated by ` or `.
pub(super) fn in_words(versions: &Versions) -> String {
    if *versions == Versions::full() {
        return String::new();
    }
    let segments: Vec<String> = versions.iter().map(|(low, high)| segment(low, high)).collect();
    match &segments[..] {
        [] => " in no version".to_owned(),
        [first, second, third, rest @ ..] if !rest.is_empty() => {
            format!("{first} or {second} or {third} or {} more ranges", rest.len())
        }
        segments => segments.join(" or "),
    }
}

fn segment(low: Bound<&Version>, high: Bound<&Version>) -> String {
    if let (Bound::Included(low), Bound::Excluded(high)) = (low, high)
        && *high == behind_locals(low)
    {
        return format!("=={low}");
    }
    if let (Bound::Included(low), Bound::Included(high)) = (low, high)
        && low == high
    {
        return format!("=={low}");
    }
    let low = match low {
        Bound::Included(version) => Some(format!(">={}", plain(version))),
        Bound::Excluded(version) => Some(format!(">{}", plain(version))),
        Bound::Unbounded => None,
    };
    let high = match high {
        Bound::Included(version) => Some(format!("<={}", plain(version))),
        Bound::Excluded(version) => Some(below(version)),
        Bound::Unbounded => None,
    };
    [low, high].into_iter().flatten().collect::<Vec<_>>().join(",")
}

/// `<2` is kept as `<2.dev0`, and `<=2` as `<2.post0.dev0`.
fn below(version: &Version) -> String {
    match (version.dev(), version.post()) {
        (Some(0), Some(0)) => format!("<={}", plain(&version.clone().with_post(None))),
        _ => format!("<{}", plain(version)),
    }
}

fn plain(version: &Version) -> Version {
    // Only where there is one: asking to take it away elsewhere is an error to the library.
    let version = if version.max().is_some() { version.clone().with_max(None) } else { version.clone() };
    if version.dev() == Some(0) { version.with_dev(None) } else { version }
}

fn one(specifier: &VersionSpecifier) -> Versions {
    let version = specifier.version();
    match specifier.operator() {
        Operator::Equal => same_public(version),
        // What stands there and nothing else, no `V+local` either.
        Operator::ExactEqual => Versions::singleton(version.clone()),
        Operator::NotEqual => same_public(version).complement(),
        Operator::EqualStar => starting_with(version),
        Operator::NotEqualStar => starting_with(version).complement(),
        Operator::TildeEqual => {
            let upper = match version.release() {
                [start @ .., last, _] => Version::new(start.iter().chain([&(last + 1)])),
                // The parser asks for two numbers.
                _ => return Versions::higher_than(version.clone()),
            };
            Versions::between(version.clone(), upper.with_epoch(version.epoch()).with_dev(Some(0)))
        }
        // `<V` means no pre-release of V, unless V is one.
        Operator::LessThan if version.any_prerelease() => Versions::strictly_lower_than(version.clone()),
        Operator::LessThan => Versions::strictly_lower_than(version.clone().with_dev(Some(0))),
        Operator::LessThanEqual if version.is_local() => Versions::lower_than(version.clone()),
        Operator::LessThanEqual => Versions::strictly_lower_than(behind_locals(version)),
        // `>V` means no post-release or local version of V, unless V is one.
        Operator::GreaterThan => match (version.dev(), version.post()) {
            (Some(_), _) => Versions::higher_than(behind_locals(version)),
            (None, Some(post)) => Versions::higher_than(version.clone().with_post(Some(post + 1))),
            (None, None) => Versions::strictly_higher_than(version.clone().with_max(Some(0))),
        },
        Operator::GreaterThanEqual => Versions::higher_than(version.clone()),
    }
}

/// The first version behind every `version+local`.
fn behind_locals(version: &Version) -> Version {
    let version = version.clone().without_local();
    match (version.dev(), version.post()) {
        (Some(dev), _) => version.with_dev(Some(dev + 1)),
        (None, Some(post)) => version.with_post(Some(post + 1)).with_dev(Some(0)),
        (None, None) => version.with_post(Some(0)).with_dev(Some(0)),
    }
}

/// `V.*`.
fn starting_with(version: &Version) -> Versions {
    let low = version.clone().with_dev(Some(0));
    let high = match (version.post(), version.pre()) {
        (Some(post), _) => low.clone().with_post(Some(post + 1)),
        (None, Some(Prerelease { kind, number })) => {
            low.clone().with_pre(Some(Prerelease { kind, number: number + 1 }))
        }
        (None, None) => {
            let mut release = low.release().to_vec();
            if let Some(last) = release.last_mut() {
                *last += 1;
            }
            low.clone().with_release(release)
        }
    };
    Versions::between(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifiers_hold_what_the_standard_says() {
        let check = |specifiers: &str, inside: &str, outside: &str| {
            let versions = satisfying(&specifiers.parse().unwrap());
            for text in inside.split_whitespace() {
                assert!(versions.contains(&text.parse().unwrap()), "{specifiers} {text}");
            }
            for text in outside.split_whitespace() {
                assert!(!versions.contains(&text.parse().unwrap()), "{specifiers} {text}");
            }
        };
        check("==2.3.1", "2.3.1 2.3.1+cpu 2.3.1.0", "2.3.1.post1 2.3.1rc1 2.3.1.1");
        check("==2.3.1+cpu", "2.3.1+cpu", "2.3.1 2.3.1+cu121");
        check("!=2.3.1", "2.3.0 2.3.2 2.3.1.post1", "2.3.1 2.3.1+cpu");
        check("<=2.0", "2.0 2.0+cpu 1.9 2.0rc1", "2.0.post1 2.0.1");
        check("<2.0", "1.9 1.9.post1", "2.0 2.0rc1 2.0.dev1");
        check("<2.0rc2", "2.0rc1", "2.0rc2 2.0");
        check(">2.0", "2.0.1 2.1", "2.0 2.0.post1 2.0+cpu");
        check(">2.0.post1", "2.0.post2", "2.0.post1 2.0.post1+x");
        check(">=2.0", "2.0 2.0+cpu 2.0.post1", "2.0rc1 1.9");
        check("~=2.2", "2.2 2.9", "3.0 3.0.dev1 2.1");
        check("~=2.2.1", "2.2.1 2.2.9", "2.3 2.2.0");
        check("==2.2.*", "2.2 2.2.9 2.2rc1 2.2.0+x", "2.3 2.3.dev1 2.1");
        check("!=2.2.*", "2.3 2.1", "2.2 2.2.9");
        check("===2.2", "2.2", "2.3 2.2+x");
        check("===2.2+x", "2.2+x", "2.2 2.2+y");
        check(">=1,<2", "1.5", "2 0.9");
    }

    #[test]
    fn sets_are_put_into_words() {
        let check = |specifiers: &str, expect: &str| {
            assert_eq!(in_words(&satisfying(&specifiers.parse().unwrap())), expect, "{specifiers}");
        };
        check("", "");
        check("==2.3.1", "==2.3.1");
        check(">=1.0,<2", ">=1.0,<2");
        check("<=2", "<=2");
        check(">2", ">2");
        check("~=2.2", ">=2.2,<3");
        check("==2.2.*", ">=2.2,<2.3");
        check(">=1,!=1.5", ">=1,<1.5 or >=1.5.post0");
        check("<1,>2", " in no version");
    }

    #[test]
    fn the_nearest_versions_begin_alike() {
        let check = |specifiers: &str, known: &str, expect: &str| {
            let known: Vec<Version> = known.split_whitespace().map(|text| text.parse().unwrap()).collect();
            let found = nearest(&satisfying(&specifiers.parse().unwrap()), known.iter());
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), expect, "{specifiers}");
        };
        check("==2.9.3", "1.0 2.8 2.9.1 2.9.2 2.10 3.0", "2.9.2 2.9.1 2.10 2.8 3.0 1.0");
        check(">=9", "1.0 2.0", "2.0 1.0");
        check("<2", "2.0 2.5 3.1", "2.5 2.0 3.1");
        check("==2.3.1+cpu", "2.3.1 2.4", "2.3.1 2.4");
        check("==1!2.0", "2.0 2.1 1!1.0", "1!1.0 2.1 2.0");
        check("", "1.0 2.0", "2.0 1.0");
    }

    #[test]
    fn only_an_exact_version_pins() {
        let check = |specifiers: &str, version: &str, expect: bool| {
            assert_eq!(
                pins(&satisfying(&specifiers.parse().unwrap()), &version.parse().unwrap()),
                expect,
                "{specifiers}"
            );
        };
        check("==1.0", "1.0", true);
        check("==1.0", "1.0+cpu", true);
        check("==1.0+cpu", "1.0+cpu", true);
        check(">=1.0,<1.1", "1.0", false);
        check("==1.*", "1.0", false);
    }
}
