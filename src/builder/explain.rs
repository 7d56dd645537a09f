//! Why a lock holds what it holds: who asked for a distribution or package, and why it is not a newer one. Nothing
//! is resolved for that: the lock says who requires what, and indexes say what else there is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use futures_util::future::join_all;

use super::{BuildError, Builder, Project, inputs, wheels::target};
use crate::{
    hint::Hint,
    lock::{Lock, LockedImage, LockedPackage, LockedPlatform, LockedWheel, Place, WheelSource},
    pypi::PackageIndex,
    python::{ExtraName, PackageName, Requirement, Target, Version, marker_environment},
    resolve::{Listed, Request, Verdict, survey},
};

/// Newer versions that are looked at; older ones of them are told by their number.
const LOOKED_AT: usize = 200;

/// What can be said about one distribution or package, with the images of which it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Where this holds, a Debian package on all images of a platform. Sorted.
    pub places: Vec<Place>,
    /// What there is to say.
    pub answer: Answer,
}

/// Why an image has a distribution or package as it has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// It is in the image.
    Locked {
        /// As the lock has it: a wheel for each file.
        wheels: Vec<LockedWheel>,
        /// From the recipe to the distribution, a chain for each that requires it.
        chains: Vec<Vec<Link>>,
        /// Newer versions, the newest first, with what speaks against them.
        newer: Newer,
    },
    /// It is a Debian package.
    Package {
        /// As the lock has it: a package for each file. All are asked for by the same.
        packages: Vec<LockedPackage>,
    },
    /// The base brings it.
    InBase {
        /// The version there.
        version: String,
    },
    /// The recipe leaves it out.
    Excluded {
        /// Which entry of `wheels.exclude` says so.
        pattern: String,
    },
}

/// One step of a chain: somebody requires something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// `the recipe`, or a distribution with its version.
    pub asking: String,
    /// Such as `numpy<2`; the plain name where the requirement cannot be read.
    pub requirement: String,
}

/// Versions above the locked one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Newer {
    /// Each with the reason why it was not taken.
    Rejected(Vec<(Version, String)>),
    /// The version is given by this lock of another tool.
    Given(String),
    /// The index could not be asked.
    Unknown(String),
    /// The recipe names the very file.
    Named,
}

/// An image of the lock with all that is known of it.
struct Site<'l> {
    below: &'l LockedPlatform,
    image: &'l LockedImage,
    target: Target,
    request: Request,
    from_lock: Option<String>,
}

impl Builder {
    /// Says of each image of `lock` why it has the distribution or Debian package `name` as it has it; images of which
    /// the same is to be said stand together.
    ///
    /// # Errors
    /// When nothing is called so, and when the recipe's files cannot be read. What an index does not tell is left out.
    pub async fn explain(&self, project: &Project, lock: &Lock, name: &str) -> Result<Vec<Explanation>, BuildError> {
        let mut found = packages(lock, name);
        if let Ok(package) = name.parse() {
            found.extend(self.explain_wheels(project, lock, &package).await?);
        }
        if found.is_empty() {
            let known = names(lock);
            let meant = Hint::did_you_mean(name, known.iter().copied())
                .unwrap_or_else(|| Hint::new("name a distribution or Debian package of the lock"));
            return Err(BuildError::NotInLock { name: name.to_owned(), meant: Some(meant) });
        }
        Ok(found)
    }

    async fn explain_wheels(
        &self,
        project: &Project,
        lock: &Lock,
        package: &PackageName,
    ) -> Result<Vec<Explanation>, BuildError> {
        let index = self.package_index(project);
        let sites = sites(project, lock, &index)?;
        let mut bounds = BTreeMap::new();
        for (position, site) in sites.iter().enumerate() {
            bounds.insert(position, asked_of(site, package, &index).await);
        }
        let mut found: Vec<Explanation> = Vec::new();
        for (position, site) in sites.iter().enumerate() {
            let answer = self.answer(site, package, (&sites, &bounds, position), &index).await;
            let Some(answer) = answer else { continue };
            let place = Place { variant: site.image.variant.clone(), platform: site.image.platform.clone() };
            add(&mut found, place, answer);
        }
        Ok(found)
    }

    /// Nothing where the image has nothing to do with it.
    async fn answer(
        &self,
        site: &Site<'_>,
        package: &PackageName,
        (sites, bounds, position): (&[Site<'_>], &BTreeMap<usize, Vec<Link>>, usize),
        index: &PackageIndex,
    ) -> Option<Answer> {
        let Some(wheel) = site.image.wheels.iter().find(|wheel| wheel.name == package.as_str()) else {
            return site.absent(package);
        };
        let own = bounds.get(&position).map(Vec::as_slice).unwrap_or_default();
        let mut chains = Vec::new();
        for link in own {
            chains.push(chain(site, link, index).await);
        }
        chains.sort_by_key(|chain| (chain.len(), chain.clone()));
        let others = bounds.iter().filter(|(other, _)| **other != position);
        let others = others.flat_map(|(other, links)| links.iter().map(|link| (&sites[*other], link))).collect();
        let newer = newer(site, (wheel, package), (own, others), index).await;
        Some(Answer::Locked { wheels: vec![wheel.clone()], chains, newer })
    }
}

/// The Debian packages called `name`.
fn packages(lock: &Lock, name: &str) -> Vec<Explanation> {
    let mut found = Vec::new();
    for locked in &lock.platforms {
        if let Some(package) = locked.debian.iter().find(|package| package.name == name) {
            let place = Place { variant: None, platform: locked.platform.clone() };
            add(&mut found, place, Answer::Package { packages: vec![package.clone()] });
        }
    }
    found
}

/// Everything in `lock` that has a name.
fn names(lock: &Lock) -> BTreeSet<&str> {
    let wheels = lock.images.iter().flat_map(|image| &image.wheels).map(|wheel| wheel.name.as_str());
    wheels.chain(lock.platforms.iter().flat_map(|locked| &locked.debian).map(|package| package.name.as_str())).collect()
}

/// Adds what holds of one more image.
fn add(found: &mut Vec<Explanation>, place: Place, answer: Answer) {
    match found.iter_mut().find(|known| known.answer.same(&answer)) {
        Some(known) => {
            known.places.push(place);
            known.places.sort();
            known.answer.add_files(answer);
        }
        None => found.push(Explanation { places: vec![place], answer }),
    }
}

impl Answer {
    /// Whether the same is to be said, the file aside.
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Locked { wheels, chains, newer },
                Self::Locked { wheels: other_wheels, chains: other_chains, newer: other_newer },
            ) => {
                let version = |wheels: &[LockedWheel]| wheels.first().map(|wheel| wheel.version.clone());
                version(wheels) == version(other_wheels) && chains == other_chains && newer == other_newer
            }
            (Self::Package { packages }, Self::Package { packages: others }) => {
                let told = |packages: &[LockedPackage]| {
                    packages.first().map(|package| (package.version.clone(), package.why.clone()))
                };
                told(packages) == told(others)
            }
            _ => self == other,
        }
    }

    fn add_files(&mut self, other: Self) {
        match (self, other) {
            (Self::Locked { wheels, .. }, Self::Locked { wheels: others, .. }) => {
                wheels.extend(others);
                wheels.sort_by(|one, other| one.file.cmp(&other.file));
                wheels.dedup_by(|one, other| one.file == other.file);
            }
            (Self::Package { packages }, Self::Package { packages: others }) => {
                packages.extend(others);
                packages.sort_by(|one, other| one.path.cmp(&other.path));
                packages.dedup_by(|one, other| one.path == other.path);
            }
            _ => {}
        }
    }
}

impl Site<'_> {
    fn absent(&self, package: &PackageName) -> Option<Answer> {
        if let Some(installed) = self.below.facts.installed.iter().find(|one| one.name == package.as_str()) {
            return Some(Answer::InBase { version: installed.version.clone() });
        }
        let pattern = self.request.exclude.iter().find(|pattern| pattern.matches(package))?;
        Some(Answer::Excluded { pattern: pattern.to_string() })
    }

    fn version_of(&self, name: &str) -> Option<Version> {
        let wheel = self.image.wheels.iter().find(|wheel| wheel.name == name)?;
        wheel.version.replace('_', "-").parse().ok()
    }

    /// `numpy 1.26.4`.
    fn spelled(&self, name: &str) -> String {
        let wheel = self.image.wheels.iter().find(|wheel| wheel.name == name);
        wheel.map_or_else(|| name.to_owned(), |wheel| format!("{name} {}", wheel.version))
    }

    fn label(&self) -> String {
        let variant = self.image.variant.as_ref().map(|variant| format!("{variant} on ")).unwrap_or_default();
        format!("{variant}{}", self.image.platform)
    }
}

fn sites<'l>(project: &Project, lock: &'l Lock, index: &PackageIndex) -> Result<Vec<Site<'l>>, BuildError> {
    let mut sites = Vec::new();
    for variant in project.recipe.images() {
        if variant.request.is_empty() {
            continue;
        }
        let request = inputs::request(project, &variant, index.settings())?;
        for below in &lock.platforms {
            let Some(image) = lock.image(variant.name.as_deref(), &below.platform) else { continue };
            let from_lock = variant.request.from_lock.first().map(|input| input.get_ref().path.clone());
            sites.push(Site { below, image, target: target(below)?, request: request.clone(), from_lock });
        }
    }
    Ok(sites)
}

/// Who requires `package`, with the words for it.
async fn asked_of(site: &Site<'_>, package: &PackageName, index: &PackageIndex) -> Vec<Link> {
    let Some(wheel) = site.image.wheels.iter().find(|wheel| wheel.name == package.as_str()) else {
        return Vec::new();
    };
    let asking = wheel.why.iter().map(|why| requirements(site, why, package, index));
    join_all(asking).await.into_iter().flatten().collect()
}

/// What `asking` says it requires of `package`.
async fn requirements(site: &Site<'_>, asking: &str, package: &PackageName, index: &PackageIndex) -> Vec<Link> {
    let environment = marker_environment(&site.target);
    let link = |asking: String, text: String| Link { asking, requirement: text };
    if asking == "recipe" {
        let taken: Vec<Requirement> =
            site.image.choices.iter().flatten().filter_map(|text| text.parse().ok()).collect();
        let own = site.request.requirements.iter().chain(&taken).filter(|wanted| wanted.name == *package);
        let mut links: Vec<Link> = own.map(|wanted| link("the recipe".to_owned(), without_marker(wanted))).collect();
        if links.is_empty() {
            let whole = site.from_lock.clone().unwrap_or_else(|| "the recipe".to_owned());
            links.push(link(whole, package.to_string()));
        }
        return links;
    }
    let spelled = site.spelled(asking);
    let wheel = site.image.wheels.iter().find(|wheel| wheel.name == asking);
    let metadata = match wheel {
        Some(wheel) => metadata(wheel, site, index).await,
        None => None,
    };
    let all = metadata.map(|(requires, extras)| {
        requires.into_iter().filter(|wanted| wanted.name == *package && wanted.applies(&environment, &extras)).collect()
    });
    let all: Vec<Requirement> = all.unwrap_or_default();
    let texts: BTreeSet<String> = all.iter().map(without_marker).collect();
    if texts.is_empty() {
        return vec![link(spelled, package.to_string())];
    }
    texts.into_iter().map(|text| link(spelled.clone(), text)).collect()
}

fn without_marker(requirement: &Requirement) -> String {
    Requirement { marker: crate::python::MarkerTree::TRUE, ..requirement.clone() }.to_string()
}

/// What a locked wheel requires, and its extras; nothing where that cannot be had.
async fn metadata(
    wheel: &LockedWheel,
    site: &Site<'_>,
    index: &PackageIndex,
) -> Option<(Vec<Requirement>, Vec<ExtraName>)> {
    let parts =
        |metadata: &crate::python::CoreMetadata| (metadata.requires.clone(), metadata.extras.iter().cloned().collect());
    match &wheel.source {
        WheelSource::Index(name) => {
            let project = index.project(&wheel.name.parse().ok()?, &site.target.platform).await.ok()??;
            let file = project.files.iter().find(|file| file.name == wheel.file)?;
            index.metadata(name, file).await.ok().map(|metadata| parts(&metadata))
        }
        WheelSource::Path(path) => {
            let direct = index.local(std::path::Path::new(path)).await.ok()?;
            index.metadata_of(&direct).await.ok().map(|metadata| parts(&metadata))
        }
        // A whole download only to say what is in it.
        WheelSource::Url(_) => None,
    }
}

/// The shortest way from the recipe to `last`, which is its last link.
async fn chain(site: &Site<'_>, last: &Link, index: &PackageIndex) -> Vec<Link> {
    let why = |name: &str| {
        let wheel = site.image.wheels.iter().find(|wheel| wheel.name == name);
        wheel.map(|wheel| wheel.why.clone()).unwrap_or_default()
    };
    let start = last.asking.split(' ').next().unwrap_or_default().to_owned();
    // From the last one back to the recipe; the first way that gets there is a shortest one.
    let mut after: BTreeMap<String, Option<String>> = BTreeMap::from([(start.clone(), None)]);
    let mut open = VecDeque::from([start]);
    let mut begin = None;
    while let Some(name) = open.pop_front() {
        let asking = why(&name);
        if asking.iter().any(|why| why == "recipe") {
            begin = Some(name);
            break;
        }
        for next in asking {
            if !after.contains_key(&next) {
                after.insert(next.clone(), Some(name.clone()));
                open.push_back(next);
            }
        }
    }
    let mut links = Vec::new();
    let (mut asking, mut current) = ("recipe".to_owned(), begin);
    while let Some(name) = current {
        if let Ok(package) = name.parse() {
            links.extend(requirements(site, &asking, &package, index).await.into_iter().next());
        }
        current = after.get(&name).cloned().flatten();
        asking = name;
    }
    links.push(last.clone());
    links
}

/// The versions above the locked one, and what speaks against each.
async fn newer(
    site: &Site<'_>,
    (wheel, package): (&LockedWheel, &PackageName),
    (own, others): (&[Link], Vec<(&Site<'_>, &Link)>),
    index: &PackageIndex,
) -> Newer {
    if let Some(lock) = &site.from_lock {
        return Newer::Given(lock.clone());
    }
    if !matches!(wheel.source, WheelSource::Index(_)) {
        return Newer::Named;
    }
    let Some(locked) = site.version_of(&wheel.name) else { return Newer::Named };
    let before = site.request.before.filter(|_| !site.request.any_age.contains(package));
    let bounds = (site.request.accepted.get(package), before);
    let listed = match survey(package, bounds, &site.target, index).await {
        Ok(listed) => listed,
        Err(error) => return Newer::Unknown(error.to_string()),
    };
    let above = listed.into_iter().filter(|listed| listed.version > locked).take(LOOKED_AT);
    let mut rejected = Vec::new();
    for listed in above {
        let reason = match plain_reason(&listed, (site, package, &locked), (own, &others)) {
            Some(reason) => reason,
            None => deeper_reason(&listed, (site, wheel), index).await,
        };
        rejected.push((listed.version, reason));
    }
    Newer::Rejected(rejected)
}

/// What the index and those who require the distribution say against a version.
fn plain_reason(
    listed: &Listed,
    (site, package, locked): (&Site<'_>, &PackageName, &Version),
    (own, others): (&[Link], &[(&Site<'_>, &Link)]),
) -> Option<String> {
    match &listed.verdict {
        Verdict::NoWheel(reason) => return Some(reason.clone()),
        Verdict::SourceOnly => return Some("it is published as source only, without wheels".to_owned()),
        Verdict::Withdrawn(reason) if reason.is_empty() => return Some("it was withdrawn by its authors".to_owned()),
        Verdict::Withdrawn(reason) => return Some(format!("it was withdrawn by its authors: {reason}")),
        Verdict::Usable(_) => {}
    }
    let forbids = |text: &str| {
        let requirement = text.parse::<Requirement>().ok();
        requirement.is_some_and(|wanted| wanted.versions().is_some_and(|bound| !bound.contains(&listed.version)))
    };
    if let Some(link) = own.iter().find(|link| forbids(&link.requirement)) {
        return Some(format!("{} requires {}", link.asking, link.requirement));
    }
    let environment = marker_environment(&site.target);
    let bounds = site.request.constraints.iter().chain(&site.request.overrides);
    let mut bounds = bounds.filter(|bound| bound.name == *package && bound.applies(&environment, &[]));
    if let Some(bound) = bounds.find(|bound| forbids(&without_marker(bound))) {
        return Some(format!("the recipe constrains {}", without_marker(bound)));
    }
    if listed.version.any_prerelease() && !locked.any_prerelease() {
        return Some("it is a pre-release, and nothing asks for one".to_owned());
    }
    let other = others.iter().find(|(_, link)| forbids(&link.requirement));
    other.map(|(other, link)| {
        format!("{} requires {} in {}, and images share versions", link.asking, link.requirement, other.label())
    })
}

/// What the version's own metadata has against what is locked.
async fn deeper_reason(listed: &Listed, (site, wheel): (&Site<'_>, &LockedWheel), index: &PackageIndex) -> String {
    let (Verdict::Usable(file), WheelSource::Index(name)) = (&listed.verdict, &wheel.source) else {
        return "it does not fit".to_owned();
    };
    let environment = marker_environment(&site.target);
    let requires = index.metadata(name, file).await.map(|metadata| metadata.requires.clone()).unwrap_or_default();
    for wanted in requires.iter().filter(|wanted| wanted.applies(&environment, &[])) {
        if let Some(there) = site.version_of(wanted.name.as_str())
            && wanted.versions().is_some_and(|bound| !bound.contains(&there))
        {
            return format!("it requires {}, and {} {there} is locked", without_marker(wanted), wanted.name);
        }
    }
    format!("nothing here speaks against it: try `wheelwright lock --upgrade {}`", wheel.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{builder::testing::Bench, hint::Advise as _, lock::Facts, oci::Digest, pypi::testing::Wheel};

    fn told(found: &[Explanation]) -> String {
        let links = |chain: &Vec<Link>| {
            let link = |link: &Link| format!("{} requires {}", link.asking, link.requirement);
            chain.iter().map(link).collect::<Vec<_>>().join(" → ")
        };
        let newer = |newer: &Newer| match newer {
            Newer::Rejected(list) => {
                let versions = list.iter().map(|(version, why)| format!("  {version}: {why}\n"));
                versions.collect::<Vec<_>>().concat()
            }
            other => format!("  {other:?}\n"),
        };
        let one = |explanation: &Explanation| {
            let places: Vec<String> = explanation.places.iter().map(|place| place.platform.to_string()).collect();
            let answer = match &explanation.answer {
                Answer::Locked { wheels, chains, newer: list } => {
                    let files: Vec<&str> = wheels.iter().map(|wheel| wheel.file.as_str()).collect();
                    let chains: Vec<String> = chains.iter().map(links).collect();
                    format!("{}\n  {}\n{}", files.join(" "), chains.join("\n  "), newer(list))
                }
                other => format!("{other:?}\n"),
            };
            format!("{}: {answer}", places.join(" "))
        };
        found.iter().map(one).collect()
    }

    #[tokio::test]
    async fn the_chain_and_the_reasons_are_told() {
        let native = ["x86_64", "aarch64"]
            .map(|machine| Wheel::new("lib", "2.0").tag(&format!("cp311-cp311-manylinux_2_17_{machine}")));
        let wheels = [
            vec![
                Wheel::new("app", "1.0").requires(&["middle[fast]>=1"]),
                Wheel::new("middle", "1.5").extra("fast").requires(&["lib>=1 ; extra == 'fast'", "left"]),
                Wheel::new("other", "1.0").requires(&["lib<5"]),
                Wheel::new("left", "1.0"),
                Wheel::new("peer", "1.0"),
                Wheel::new("lib", "1.0"),
                Wheel::new("lib", "2.1").requires(&["peer>=2"]),
                Wheel::new("lib", "2.2").python(">=3.12"),
                Wheel::new("lib", "2.3").tag("cp311-cp311-win_amd64"),
                Wheel::new("lib", "2.4").yanked(),
                Wheel::new("lib", "2.5").source(),
                Wheel::new("lib", "2.6rc1"),
                Wheel::new("lib", "5.0"),
            ],
            native.to_vec(),
        ]
        .concat();
        let bench = Bench::new(&[]);
        let recipe = "[wheels]\nrequire = [\"app\", \"other\", \"peer\"]\nexclude = [\"left\"]\n\
                      constraints = [\"lib<3\"]\n";
        let lock = bench.lock(&wheels, recipe, None, &[]).await.unwrap();
        let newest = [wheels, vec![Wheel::new("lib", "2.0.5")]].concat();
        let (builder, project) = (bench.builder(&newest).await.0, bench.project(recipe));
        let explain = async |name: &str| {
            let found = builder.explain(&project, &lock, name).await.unwrap();
            told(&found)
        };
        insta::assert_snapshot!(explain("lib").await, @"
        linux/amd64: lib-2.0-cp311-cp311-manylinux_2_17_x86_64.whl
          the recipe requires other → other 1.0 requires lib<5
          the recipe requires app → app 1.0 requires middle[fast]>=1 → middle 1.5 requires lib>=1
          5.0: other 1.0 requires lib<5
          2.6rc1: it is a pre-release, and nothing asks for one
          2.5: it is published as source only, without wheels
          2.4: it was withdrawn by its authors
          2.3: its only wheel, cp311-cp311-win_amd64, is for win_amd64, the base is x86_64
          2.2: it requires Python >=3.12, the base has 3.11.2
          2.1: it requires peer>=2, and peer 1.0 is locked
          2.0.5: nothing here speaks against it: try `wheelwright lock --upgrade lib`
        linux/arm64: lib-2.0-cp311-cp311-manylinux_2_17_aarch64.whl
          the recipe requires other → other 1.0 requires lib<5
          the recipe requires app → app 1.0 requires middle[fast]>=1 → middle 1.5 requires lib>=1
          5.0: other 1.0 requires lib<5
          2.6rc1: it is a pre-release, and nothing asks for one
          2.5: it is published as source only, without wheels
          2.4: it was withdrawn by its authors
          2.3: its only wheel, cp311-cp311-win_amd64, is for win_amd64, the base is aarch64
          2.2: it requires Python >=3.12, the base has 3.11.2
          2.1: it requires peer>=2, and peer 1.0 is locked
          2.0.5: nothing here speaks against it: try `wheelwright lock --upgrade lib`
        ");
        assert_eq!(explain("left").await, "linux/amd64 linux/arm64: Excluded { pattern: \"left\" }\n");
        let error = builder.explain(&project, &lock, "ohter").await.unwrap_err();
        assert_eq!(error.to_string(), "the lock has nothing called `ohter`");
        assert_eq!(error.hint().unwrap().to_string(), "did you mean `other`?");
    }

    #[test]
    fn debian_packages_are_told_of_by_platform() {
        let package = |machine: &str, why: &str| LockedPackage {
            name: "libglib2.0-0".to_owned(),
            version: "2.74.6-2".to_owned(),
            archive: "debian".to_owned(),
            suite: None,
            path: format!("pool/main/g/glib2.0/libglib2.0-0_2.74.6-2_{machine}.deb"),
            sha256: Digest::of(machine.as_bytes()),
            size: 1,
            why: vec![why.to_owned()],
        };
        let told = |why: [&str; 3]| {
            let platforms = ["linux/386", "linux/amd64", "linux/arm64"].iter().zip(why).map(|(platform, why)| {
                let locked = LockedPlatform::new(platform.parse().unwrap(), None, Facts::default());
                LockedPlatform { debian: vec![package(platform, why)], ..locked }
            });
            let lock = Lock {
                version: Lock::VERSION,
                inputs: BTreeMap::new(),
                platforms: platforms.collect(),
                images: Vec::new(),
            };
            let found = packages(&lock, "libglib2.0-0");
            assert!(packages(&lock, "libglib2-0-0").is_empty());
            assert_eq!(names(&lock), BTreeSet::from(["libglib2.0-0"]));
            found.iter().map(|explanation| explanation.places.len()).collect::<Vec<_>>()
        };
        assert_eq!(told(["recipe"; 3]), [3]);
        assert_eq!(told(["recipe", "libGL.so.1", "recipe"]), [2, 1]);
    }
}
