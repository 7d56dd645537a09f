//! `from-lock`: the versions stand in a lock of another tool, and only files are chosen.

use std::{collections::BTreeSet, path::Path};

use toml::Spanned;
use url::Url;

use super::{BuildError, Builder, Project, files::Text, paths::names, wheels::target};
use crate::{
    hint::Hint,
    lock::{LockedPlatform, WheelSource},
    pypi::{DirectWheel, PackageIndex},
    python::{
        CoreMetadata, ExtraName, ForeignLock, ForeignPackage, ForeignWheel, MarkerEnvironment, MarkerTree, Origin,
        PackageName, Part, Place, Requirement, Target, Version, VersionSpecifiers, Wanted, marker_environment,
        without_login,
    },
    recipe::{InputFile, InputKind, Location, Variant},
    resolve::{Given, GivenWheel, Notice, Request, Resolution, check_python, choose_given, written_url},
};

/// A lock of another tool, and what is asked of it.
struct Foreign<'p> {
    project: &'p Project,
    text: Text,
    lock: ForeignLock,
    wanted: InputFile,
}

/// A wheel that the recipe names itself, with the extras that are wanted, and what it says of itself.
struct Own {
    wheel: DirectWheel,
    source: WheelSource,
    extras: Vec<ExtraName>,
    metadata: CoreMetadata,
}

/// What a lock has for a target, and who asks for each.
type Selected<'l> = Vec<(&'l ForeignPackage, Vec<String>)>;

/// The distributions for which the other tool was told what counts, whatever others require.
pub(super) fn overridden(project: &Project, variant: &Variant) -> Result<Vec<PackageName>, BuildError> {
    match &variant.request.from_lock[..] {
        [] => Ok(Vec::new()),
        inputs => Ok(Foreign::open(project, inputs)?.lock.overridden),
    }
}

impl Builder {
    /// Chooses the wheels of a variant that has `from-lock`, for one platform.
    pub(super) async fn choose_from_lock(
        &self,
        project: &Project,
        variant: &Variant,
        locked: &LockedPlatform,
        request: &Request,
    ) -> Result<Resolution, BuildError> {
        refuse_bounds(project, variant)?;
        let foreign = Foreign::open(project, &variant.request.from_lock)?;
        let index = self.package_index(project);
        let request = Request { installed: locked.facts.installed.clone(), ..request.clone() };
        let target = target(locked)?;
        foreign.check_python(&target)?;
        let environment = marker_environment(&target);
        let mut own = own_wheels(&request, &environment, &index).await?;
        for own in &own {
            check_python(&own.wheel, &own.metadata, &target)?;
        }
        want_extras(&mut own, &environment);
        let selected = foreign.select_with_members(&request, &environment, &own)?;
        let mut given = Vec::new();
        for (package, why) in &selected {
            if !own.iter().any(|own| *own.name() == package.name) {
                given.push(foreign.given(package, why, (&index, &target)).await?);
            }
        }
        foreign.check_own(&own, &given, (&request, &environment))?;
        let mut notices = foreign.notices(&own, (&request, &environment));
        given.extend(own.into_iter().map(given_own));
        given.sort_by(|one, other| one.name.cmp(&other.name));
        let mut resolution = choose_given(&given, &request, &target, &index).await?;
        notices.extend(resolution.notices);
        resolution.notices = notices.into_iter().collect();
        Ok(resolution)
    }
}

impl Own {
    fn name(&self) -> &PackageName {
        self.wheel.wheel.name()
    }

    /// Itself, as somebody requires it.
    fn requirement(&self) -> Requirement {
        let wanted = Wanted::Versions(VersionSpecifiers::empty());
        let (name, extras) = (self.name().clone(), self.extras.clone());
        Requirement { name, extras, wanted, marker: MarkerTree::default() }
    }

    /// What it requires on the target, with its extras.
    fn requires<'o>(&'o self, environment: &'o MarkerEnvironment) -> impl Iterator<Item = &'o Requirement> {
        self.metadata.requires.iter().filter(|wanted| wanted.applies(environment, &self.extras))
    }
}

impl<'p> Foreign<'p> {
    fn open(project: &'p Project, inputs: &[Spanned<InputFile>]) -> Result<Self, BuildError> {
        let mut wanted: Option<InputFile> = None;
        for input in inputs {
            match &mut wanted {
                None => wanted = Some(input.get_ref().clone()),
                Some(first) if first.path == input.get_ref().path => {
                    first.extras.extend_from_slice(&input.get_ref().extras);
                    first.groups.extend_from_slice(&input.get_ref().groups);
                }
                Some(first) => {
                    let message =
                        format!("the versions of one image stand in two locks, the other is `{}`", first.path);
                    let hint = Hint::new(
                        "lock both projects together with their own tool, or give them variants of their own",
                    );
                    return Err(project.recipe.problem_at(input.span(), message, Some(hint)).into());
                }
            }
        }
        let wanted = wanted.expect("a variant has a lock to choose from, or is not brought here");
        let text = Text::read(project, Path::new(&wanted.path))?;
        let lock = match wanted.kind {
            InputKind::UvLock => ForeignLock::uv_lock(&text.text),
            _ => ForeignLock::pylock(&text.text),
        };
        let lock = lock.map_err(|error| text.wrong(&error))?;
        Ok(Self { project, text, lock, wanted })
    }

    fn check_python(&self, target: &Target) -> Result<(), BuildError> {
        let python = target.python.release();
        match &self.lock.requires_python {
            Some(wanted) if !wanted.contains(&python) => Err(BuildError::OtherPython {
                path: self.text.path.clone(),
                wanted: wanted.clone(),
                found: target.python,
                platform: target.platform.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// What the lock has for the target, with what its members ask for of which the recipe names the wheels and to
    /// which nothing else leads.
    fn select_with_members(
        &self,
        request: &Request,
        environment: &MarkerEnvironment,
        own: &[Own],
    ) -> Result<Selected<'_>, BuildError> {
        let selected = self.select(request, environment, (own, &[]))?;
        let has = |name: &PackageName| selected.iter().any(|(package, _)| package.name == *name);
        let known = |name: &PackageName| self.lock.named(name).next().is_some();
        let asked = self.asked(own, &has, (request, environment));
        let unmet = asked.filter(|(own, wanted)| !has(&wanted.name) && known(&wanted.name) && known(own.name()));
        let members: Vec<Requirement> = unmet.map(|(own, _)| own.requirement()).collect();
        if members.is_empty() { Ok(selected) } else { self.select(request, environment, (own, &members)) }
    }

    /// What the lock has for the target; what the recipe requires besides must be in it.
    fn select(
        &self,
        request: &Request,
        environment: &MarkerEnvironment,
        (own, members): (&[Own], &[Requirement]),
    ) -> Result<Selected<'_>, BuildError> {
        let also: Vec<Requirement> = also(request, environment, own).cloned().collect();
        for requirement in &also {
            if self.lock.named(&requirement.name).next().is_none() {
                return Err(self.lacks(requirement, "is not in it"));
            }
            if let Some(extra) = self.lacking_extra(requirement) {
                return Err(self.lacks(requirement, &format!("has no extra `{extra}`")));
            }
        }
        let part = Part { extras: &self.wanted.extras, groups: &self.wanted.groups, also: &also, members };
        let selected = self.lock.select(environment, &part).map_err(|error| self.text.wrong(&error))?;
        let bounds = request.constraints.iter().filter(|requirement| is_version(requirement, environment));
        for requirement in also.iter().chain(bounds) {
            let found = selected.iter().find(|(package, _)| package.name == requirement.name);
            match found.map(|(package, _)| &package.version) {
                None if also.contains(requirement) => {
                    return Err(self.lacks(requirement, "is not meant for this platform"));
                }
                Some(Some(version)) if !allows(requirement, version) => {
                    return Err(self.lacks(requirement, &format!("is {version}")));
                }
                _ => {}
            }
        }
        Ok(selected)
    }

    /// The extra that `requirement` asks for of a distribution that the lock has without.
    fn lacking_extra<'r>(&self, requirement: &'r Requirement) -> Option<&'r ExtraName> {
        requirement.extras.iter().find(|extra| self.lock.has_extra(&requirement.name, extra) == Some(false))
    }

    /// What is to be said of extras that are asked for.
    fn notices(&self, own: &[Own], (request, environment): (&Request, &MarkerEnvironment)) -> BTreeSet<Notice> {
        let reason = "the lock does not say which extras it has".to_owned();
        let others = own.iter().flat_map(|own| own.requires(environment));
        let others = others.filter(|wanted| !own.iter().any(|own| *own.name() == wanted.name));
        let asked = also(request, environment, own).chain(others);
        let asked = asked.flat_map(|wanted| wanted.extras.iter().map(|extra| (&wanted.name, extra)));
        let untold = asked.filter(|(name, extra)| self.lock.has_extra(name, extra).is_none());
        let untold = untold.map(|(package, extra)| Notice::UntoldExtra {
            package: package.clone(),
            extra: extra.clone(),
            reason: reason.clone(),
        });
        let unknown = own.iter().flat_map(|own| {
            let unknown = own.extras.iter().filter(|extra| !own.metadata.extras.contains(extra));
            unknown.map(|extra| Notice::UnknownExtra {
                package: own.name().clone(),
                version: own.wheel.wheel.version().clone(),
                extra: extra.clone(),
            })
        });
        untold.chain(unknown).collect()
    }

    fn lacks(&self, requirement: &Requirement, what: &str) -> BuildError {
        let span = self.lock.named(&requirement.name).next().map_or(0..0, |package| package.span.clone());
        let message = format!("the recipe requires {requirement}, and in this lock {} {what}", requirement.name);
        let hint = "require it in the project and lock that again, or name a wheel of it in `wheels.require`";
        self.text.problem(span, message, Some(Hint::new(hint)))
    }

    async fn given(
        &self,
        package: &ForeignPackage,
        why: &[String],
        (index, target): (&PackageIndex, &Target),
    ) -> Result<Given, BuildError> {
        let mut wheels = Vec::new();
        for wheel in &package.wheels {
            let source = self.source(package, wheel, (index, target)).await?;
            let url = match &wheel.place {
                Some(Place::Url(url)) => Some(url.clone()),
                Some(Place::Path(path)) => self.absolute(path),
                None => None,
            };
            let (sha256, size) = (wheel.sha256, wheel.size);
            let (uploaded, own_hash) = (wheel.uploaded, sha256.is_none());
            let (file, url) = (wheel.file.clone(), url.map(Into::into));
            wheels.push(GivenWheel { wheel: file, source, url, sha256, size, uploaded, own_hash });
        }
        if let Origin::Source(place) = &package.origin {
            let message = format!("{} comes from {place}, and would have to be built", package.name);
            let hint = format!("build a wheel of {} and name it in `wheels.require`: `./dist/NAME.whl`", package.name);
            return Err(self.text.problem(package.span.clone(), message, Some(Hint::new(hint))));
        }
        Ok(Given { name: package.name.clone(), wheels, version: package.version.clone(), why: why.to_vec() })
    }

    /// The recipe's name of where a wheel comes from.
    async fn source(
        &self,
        package: &ForeignPackage,
        wheel: &ForeignWheel,
        (index, target): (&PackageIndex, &Target),
    ) -> Result<WheelSource, BuildError> {
        match (&package.origin, &wheel.place) {
            (Origin::Direct | Origin::Source(_), Some(Place::Url(url))) => Ok(WheelSource::Url(written_url(url))),
            (Origin::Direct | Origin::Source(_), Some(Place::Path(path))) => Ok(WheelSource::Path(self.relative(path))),
            (Origin::Index(Some(place)), _) => {
                match index.settings().name_at(place).or_else(|| self.folder_at(place)) {
                    Some(name) => Ok(WheelSource::Index(name)),
                    None => Err(self.unknown_index(package, place)),
                }
            }
            _ => self.only_index(package, wheel, (index, target)).await,
        }
    }

    /// The index of a package where the lock does not tell: the only one there is, or the one that lists
    /// the file.
    async fn only_index(
        &self,
        package: &ForeignPackage,
        wheel: &ForeignWheel,
        (index, target): (&PackageIndex, &Target),
    ) -> Result<WheelSource, BuildError> {
        let names = index.indexes_for(&package.name, &target.platform);
        if let [only] = &names[..] {
            return Ok(WheelSource::Index(only.clone()));
        }
        let fail = |source| BuildError::Wheel { wheel: wheel.file.to_string(), source };
        let project = index.project(&package.name, &target.platform).await.map_err(fail)?;
        let listed = project.filter(|project| project.files.iter().any(|file| file.name == wheel.file.file()));
        match listed {
            Some(project) => Ok(WheelSource::Index(project.index.clone())),
            None => Err(self.unknown_index(package, "an index that the lock does not name")),
        }
    }

    fn unknown_index(&self, package: &ForeignPackage, place: &str) -> BuildError {
        let shown = place.parse().map_or_else(|_| place.to_owned(), |url| without_login(&url).to_string());
        let message = format!("{} comes from {shown}, which is no index of the recipe", package.name);
        let hint =
            format!("add `{{ name = \"NAME\", url = \"{shown}\", for = [\"{}\"] }}` to `wheels.index`", package.name);
        self.text.problem(package.span.clone(), message, Some(Hint::new(hint)))
    }

    /// The recipe's index over a folder that the lock names.
    fn folder_at(&self, place: &str) -> Option<String> {
        let wanted = Path::new(&self.wanted.path).parent().unwrap_or(Path::new("")).join(place);
        let base = &self.project.folder;
        let same = |location: &Location| matches!(location, Location::Folder(known) if names(&base.join(known)) == names(&base.join(&wanted)));
        let index = self.project.recipe.wheels.index.iter().find(|index| same(index.location.get_ref()))?;
        Some(index.name.get_ref().clone())
    }

    /// A path of the lock as seen from the recipe.
    fn relative(&self, path: &str) -> String {
        let beside = Path::new(&self.wanted.path).parent().unwrap_or(Path::new("")).join(path);
        beside.to_string_lossy().into_owned()
    }

    fn absolute(&self, path: &str) -> Option<Url> {
        let path = std::path::absolute(self.project.folder.join(self.relative(path))).ok()?;
        Url::from_file_path(path).ok()
    }

    /// What wheels of the recipe's own require must be in the lock too.
    fn check_own(
        &self,
        own: &[Own],
        given: &[Given],
        (request, environment): (&Request, &MarkerEnvironment),
    ) -> Result<(), BuildError> {
        let has = |name: &PackageName| given.iter().any(|given| given.name == *name);
        for (wheel, wanted) in self.asked(own, &has, (request, environment)) {
            let found = given.iter().find(|given| given.name == wanted.name);
            let mut hint = "lock the project again with its own tool, or build its wheel anew";
            let locked = self.lock.named(&wanted.name).next();
            let what = match (found.map(|given| &given.version), self.lacking_extra(wanted)) {
                (None, _) if locked.is_some() => {
                    hint = "name the extras of the project that are meant: `{ file = \"…\", extras = [\"…\"] }`, \
                                or lock it again with its own tool";
                    "is not among what is meant".to_owned()
                }
                (None, _) => "is not in it".to_owned(),
                (Some(Some(version)), _) if !allows(wanted, version) => format!("is {version}"),
                (Some(_), Some(extra)) => format!("has no extra `{extra}`"),
                (Some(_), None) => continue,
            };
            let span = locked.map_or(0..0, |package| package.span.clone());
            let message = format!("{} requires {wanted}, and in this lock {} {what}", wheel.wheel.wheel, wanted.name);
            return Err(self.text.problem(span, message, Some(Hint::new(hint))));
        }
        Ok(())
    }

    /// What wheels of the recipe's own require of the lock, which `has` some distributions for the target.
    fn asked<'o>(
        &'o self,
        own: &'o [Own],
        has: &'o impl Fn(&PackageName) -> bool,
        (request, environment): (&'o Request, &'o MarkerEnvironment),
    ) -> impl Iterator<Item = (&'o Own, &'o Requirement)> {
        let excluded = |name: &PackageName| request.exclude.iter().any(|pattern| pattern.matches(name));
        let kept = move |name: &PackageName| {
            let may_replace = request.replace.iter().any(|pattern| pattern.matches(name));
            !may_replace || !has(name)
        };
        let brought = move |name: &PackageName| {
            kept(name) && request.installed.iter().any(|installed| installed.name == name.as_str())
        };
        let others: BTreeSet<&PackageName> = own.iter().map(Own::name).chain(&self.lock.overridden).collect();
        let all = own.iter().flat_map(move |own| own.requires(environment).map(move |wanted| (own, wanted)));
        all.filter(move |(_, wanted)| {
            !excluded(&wanted.name) && !brought(&wanted.name) && !others.contains(&wanted.name)
        })
    }
}

/// Bounds belong to where versions are chosen.
fn refuse_bounds(project: &Project, variant: &Variant) -> Result<(), BuildError> {
    let request = &variant.request;
    let keys = [
        ("constraints", request.constraints.first().map(Spanned::span)),
        ("overrides", request.overrides.first().map(Spanned::span)),
        ("choice", request.choices.first().map(|choice| choice.span.clone())),
    ];
    let found = keys.into_iter().find_map(|(key, span)| Some((key, span?)));
    let Some((key, span)) = found else { return Ok(()) };
    let message = format!("`{key}` does not go with `from-lock`: there is nothing left to choose");
    let hint = Hint::new(format!("say it in the project that is locked and lock that again, or remove `{key}`"));
    Err(project.recipe.problem_at(span, message, Some(hint)).into())
}

/// Whether it bounds versions on the target.
fn is_version(requirement: &Requirement, environment: &MarkerEnvironment) -> bool {
    requirement.applies(environment, &[]) && requirement.versions().is_some()
}

/// What the recipe requires of the lock, besides its project.
fn also<'r>(
    request: &'r Request,
    environment: &'r MarkerEnvironment,
    own: &'r [Own],
) -> impl Iterator<Item = &'r Requirement> {
    let here = request.requirements.iter().filter(|requirement| is_version(requirement, environment));
    here.filter(|requirement| !own.iter().any(|own| *own.name() == requirement.name))
}

/// Adds the extras that the wheels want of one another, and those that these want.
fn want_extras(own: &mut [Own], environment: &MarkerEnvironment) {
    loop {
        let wanted = own.iter().flat_map(|own| own.requires(environment));
        let wanted = wanted.flat_map(|wanted| wanted.extras.iter().map(|extra| (wanted.name.clone(), extra.clone())));
        let wanted: BTreeSet<(PackageName, ExtraName)> = wanted.collect();
        let mut more = false;
        for (name, extra) in wanted {
            for wheel in own.iter_mut().filter(|own| *own.name() == name && !own.extras.contains(&extra)) {
                wheel.extras.push(extra.clone());
                more = true;
            }
        }
        if !more {
            return;
        }
    }
}

fn allows(requirement: &Requirement, version: &Version) -> bool {
    requirement.versions().is_none_or(|versions| versions.contains(version))
}

/// The wheels that the recipe names by path or URL.
async fn own_wheels(
    request: &Request,
    environment: &MarkerEnvironment,
    index: &PackageIndex,
) -> Result<Vec<Own>, BuildError> {
    let mut own = Vec::new();
    for local in request.wheels.iter().filter(|local| local.marker.evaluate(environment, &[])) {
        let fail = |source| BuildError::Wheel { wheel: local.path.display().to_string(), source };
        let wheel = index.local(&local.path).await.map_err(fail)?;
        let source = WheelSource::Path(local.path.to_string_lossy().into_owned());
        own.push(described(wheel, (source, &local.extras), index).await?);
    }
    for requirement in request.requirements.iter().filter(|requirement| requirement.applies(environment, &[])) {
        let Wanted::Url(url) = &requirement.wanted else { continue };
        let fail = |source| BuildError::Wheel { wheel: requirement.name.to_string(), source };
        let wheel = index.direct(url).await.map_err(fail)?;
        let source = WheelSource::Url(written_url(url));
        own.push(described(wheel, (source, &requirement.extras), index).await?);
    }
    Ok(own)
}

async fn described(
    wheel: DirectWheel,
    (source, extras): (WheelSource, &[ExtraName]),
    index: &PackageIndex,
) -> Result<Own, BuildError> {
    let fail = |source| BuildError::Wheel { wheel: wheel.wheel.to_string(), source };
    let metadata = index.metadata_of(&wheel).await.map_err(fail)?;
    Ok(Own { wheel, source, extras: extras.to_vec(), metadata })
}

fn given_own(own: Own) -> Given {
    let DirectWheel { wheel, file, hash_told, .. } = own.wheel;
    let (name, version) = (wheel.name().clone(), Some(wheel.version().clone()));
    let wheel = GivenWheel {
        wheel,
        source: own.source,
        url: Some(file.url),
        sha256: file.sha256,
        size: file.size,
        uploaded: None,
        own_hash: !hash_told,
    };
    Given { name, wheels: vec![wheel], version, why: vec!["recipe".to_owned()] }
}

#[cfg(test)]
mod tests;
