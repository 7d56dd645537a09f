//! What the recipe asks, with the files it names read: requests for the resolver, and what a lock
//! remembers of all that, by which a stale one is noticed.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use url::Url;

use super::{
    BuildError, Project,
    files::{Reading, Role, Text},
};
use crate::{
    apt::Mirrors,
    lock::Input,
    oci::Digest,
    pypi,
    python::{Entry, NamePattern, PackageName, Pyproject, RequirementsTxt, UploadTime},
    recipe::{self, Base, Demand, IndexFormat, InputFile, InputKind, Listed, Location, Recipe, Security, Variant},
    resolve::{Alternative, Choice, LocalWheel, Request},
    verify::Code,
};

/// Paths that grow longer than this by inclusion go in a circle.
const DEEPEST: usize = 64;

/// Every value and file that the lock depends on.
pub(super) fn inputs(project: &Project) -> Result<BTreeMap<String, Input>, BuildError> {
    let recipe = &project.recipe;
    let mut inputs: BTreeMap<String, Input> =
        recipe.inputs().iter().map(|(key, value)| (key.clone(), Input::from(value))).collect();
    let targets = targets(recipe);
    if !targets.is_empty() && (*recipe.base.get_ref() != Base::Scratch || recipe.debian.is_some()) {
        // The lock keeps what lies on the way to them.
        inputs.insert("scripts.to".to_owned(), Input::Items(targets));
    }
    for (key, file) in project.recipe.files() {
        inputs.insert(key, remembered(project, file.get_ref())?);
    }
    Ok(inputs)
}

/// What the variant wants, on whatever platform. `indexes` are those that options of requirements
/// files may name.
pub(super) fn request(project: &Project, variant: &Variant, indexes: &pypi::Settings) -> Result<Request, BuildError> {
    let wheels = &project.recipe.wheels;
    let mut request = Request {
        exclude: wheels.exclude.iter().map(|pattern| pattern.get_ref().clone()).collect(),
        deny: wheels.deny.iter().map(|pattern| pattern.get_ref().clone()).collect(),
        replace: replaceable(wheels),
        before: before(&project.recipe, indexes.now),
        any_age: any_age(&project.recipe),
        ..Request::default()
    };
    for demand in &variant.request.require {
        add_demand(&mut request, demand.get_ref(), Role::Require);
    }
    for file in variant.request.files.iter().map(toml::Spanned::get_ref) {
        let mut reading = Reading::new(project, indexes, &mut request);
        match file.kind {
            InputKind::Pyproject => reading.pyproject(file)?,
            _ => reading.requirements(Path::new(&file.path), Role::Require)?,
        }
    }
    for (list, role) in [(&variant.request.constraints, Role::Constrain), (&variant.request.overrides, Role::Override)]
    {
        add_listed(&mut request, list, (project, role, indexes))?;
    }
    request.choices = variant.request.choices.iter().map(choice).collect();
    Ok(request)
}

/// The distributions for which the variant's `overrides` say what counts, whatever others require.
pub(super) fn overridden(
    project: &Project,
    variant: &Variant,
    indexes: &pypi::Settings,
) -> Result<Vec<PackageName>, BuildError> {
    let mut request = Request::default();
    add_listed(&mut request, &variant.request.overrides, (project, Role::Override, indexes))?;
    Ok(request.overrides.into_iter().map(|wanted| wanted.name).collect())
}

fn add_listed(
    request: &mut Request,
    list: &[toml::Spanned<Listed>],
    (project, role, indexes): (&Project, Role, &pypi::Settings),
) -> Result<(), BuildError> {
    for item in list {
        match item.get_ref() {
            Listed::Demand(demand) => add_demand(request, demand, role),
            Listed::File(path) => Reading::new(project, indexes, request).requirements(Path::new(path), role)?,
        }
    }
    Ok(())
}

/// Until when a release must have been in its index; nothing where that makes no difference, or the time is not known.
fn before(recipe: &Recipe, now: Option<u64>) -> Option<UploadTime> {
    let age = recipe.policy.min_age.as_ref()?;
    Some(UploadTime::of_seconds(now?).less(age.get_ref().seconds()))
}

/// Distributions that the recipe accepts at any age.
fn any_age(recipe: &Recipe) -> BTreeSet<PackageName> {
    let young = Code::TOO_YOUNG.to_string();
    let entries = recipe.check.accept.iter().filter(|entry| *entry.code.get_ref() == young);
    entries.filter_map(|entry| entry.package.as_ref()?.get_ref().parse().ok()).collect()
}

/// What of the base wheels may take the place of. In an environment that sees the base they stand before
/// it anyhow.
fn replaceable(wheels: &recipe::Wheels) -> Vec<NamePattern> {
    let everything = wheels.into.iter().filter(|into| into.system_site_packages).filter_map(|_| "*".parse().ok());
    wheels.allow_replace.iter().map(|pattern| pattern.get_ref().clone()).chain(everything).collect()
}

/// The recipe's indexes, whose folders count from its own.
pub(super) fn indexes(project: &Project) -> impl Iterator<Item = pypi::Index> + '_ {
    project.recipe.wheels.index.iter().map(|index| pypi::Index {
        name: index.name.get_ref().clone(),
        location: match index.location.get_ref() {
            Location::Url(url) if index.format == IndexFormat::Flat => pypi::Location::Links(url.clone()),
            Location::Url(url) => pypi::Location::Simple(url.clone()),
            Location::Folder(folder) => pypi::Location::Folder(folder.into()),
        },
        packages: index.only_for.iter().map(|pattern| pattern.get_ref().clone()).collect(),
        platforms: index.platforms.iter().map(|platform| platform.get_ref().clone()).collect(),
    })
}

/// The recipe's mirrors in place of the user's.
pub(super) fn mirrors(project: &Project, users: &Mirrors) -> Mirrors {
    let Some(debian) = &project.recipe.debian else { return users.clone() };
    let url = |location: &Location| if let Location::Url(url) = location { Some(url.clone()) } else { None };
    let main: Vec<Url> = debian.mirrors.iter().filter_map(|location| url(location.get_ref())).collect();
    let security = match &debian.security {
        Security::Mirror(location) => url(location.get_ref()).into_iter().collect(),
        _ => Vec::new(),
    };
    let snapshot = debian.snapshot.as_ref().map(|template| template.get_ref().clone());
    let own = users.clone().preferring(main, security).remembering(snapshot);
    debian.archives.iter().fold(own, |mirrors, archive| {
        let urls = archive.mirrors.iter().filter_map(|location| url(location.get_ref())).collect();
        mirrors.with(archive.name.get_ref(), urls)
    })
}

/// The paths in the image that layers of this recipe write to.
pub(super) fn targets(recipe: &Recipe) -> Vec<String> {
    let all = recipe.images();
    let mut targets: Vec<String> =
        all.iter().flat_map(|image| &image.scripts).map(|script| script.to.get_ref().clone()).collect();
    targets.sort();
    targets.dedup();
    targets
}

fn choice(choice: &recipe::Choice) -> Choice {
    let one = |demands: &Vec<toml::Spanned<Demand>>| {
        let mut alternative = Alternative::default();
        for demand in demands.iter().map(toml::Spanned::get_ref) {
            match local_wheel(demand) {
                None => alternative.requirements.push(demand.requirement.clone()),
                Some(wheel) => alternative.wheels.push(wheel),
            }
        }
        alternative
    };
    Choice { any_of: choice.any_of.iter().map(one).collect() }
}

fn add_demand(request: &mut Request, demand: &Demand, role: Role) {
    match local_wheel(demand) {
        None => role.add(request, demand.requirement.clone()),
        Some(wheel) => role.add_wheel(request, demand.requirement.name.clone(), wheel),
    }
}

fn local_wheel(demand: &Demand) -> Option<LocalWheel> {
    let (path, requirement) = (PathBuf::from(demand.wheel.as_ref()?), &demand.requirement);
    Some(LocalWheel { path, extras: requirement.extras.clone(), marker: requirement.marker.clone() })
}

/// What a lock remembers of a file: what it asks, where that is short, else a digest of its text and of
/// all that it includes.
fn remembered(project: &Project, file: &InputFile) -> Result<Input, BuildError> {
    let path = Path::new(&file.path);
    let text = Text::read(project, path)?;
    match file.kind {
        InputKind::UvLock | InputKind::Pylock => Ok(Input::Digest(Digest::of(text.text.as_bytes()))),
        InputKind::Pyproject => {
            let found = Pyproject::parse(&text.text).and_then(|parsed| parsed.requirements(&file.extras, &file.groups));
            let found = found.map_err(|error| text.wrong(&error))?;
            Ok(Input::Items(found.iter().map(ToString::to_string).collect()))
        }
        InputKind::Requirements => {
            let mut whole = String::new();
            each_text(project, path, &mut Vec::new(), &mut whole)?;
            Ok(Input::Digest(Digest::of(whole.as_bytes())))
        }
    }
}

/// The text of a requirements file, and behind it those of all that it includes, each once.
fn each_text(project: &Project, path: &Path, seen: &mut Vec<PathBuf>, whole: &mut String) -> Result<(), BuildError> {
    if seen.iter().any(|known| known == path) {
        return Ok(());
    }
    seen.push(path.to_owned());
    let file = Text::read(project, path)?;
    whole.push_str(&file.text);
    let folder = path.parent().unwrap_or(Path::new(""));
    for line in RequirementsTxt::parse(&file.text).map_err(|error| file.wrong(&error))?.lines {
        if let Entry::Include(name) | Entry::Constraints(name) = line.entry {
            let next = folder.join(name);
            if next.components().count() > DEEPEST {
                return Err(BuildError::Circle { path: next });
            }
            each_text(project, &next, seen, whole)?;
        }
    }
    Ok(())
}
