//! Debian packages of an image: chosen and downloaded, packed, laid out.

use std::{collections::BTreeSet, fs::File, io::Read as _, path::PathBuf};

use futures_util::future::try_join_all;
use rayon::prelude::*;

use super::{
    BuildError, Builder, Project,
    needed::{self, Needed},
    over,
    undone::certificates,
};
use crate::{
    apt::{self, Evidence, Query, Signatures, Trust},
    base::{self, Tree},
    debian::{Package, openpgp::Keyring},
    hint::Hint,
    layer::{
        Body, Item, Node,
        debian::{LaidOut, Options, Over, Packed, Strip, lay_out, pack},
    },
    lock::{Below, LockedPackage, LockedPlatform, LockedSuite},
    oci::Platform,
    recipe::{self, Debian, Essential, Security},
    store::Blob,
};

/// Debian's own keys are 60 kilobytes.
const LARGEST_KEYRING: u64 = 4 << 20;
/// Files that say something about an image are not larger than this.
const LARGEST_EVIDENCE: u64 = 128 << 20;

/// What packages are chosen beside.
pub(super) struct Beside<'a> {
    /// The files of the base; nothing from scratch.
    pub(super) base: Option<&'a Tree>,
    /// The suites of an earlier lock.
    pub(super) earlier: &'a [LockedSuite],
    /// Packages that nobody names, whose libraries are needed.
    pub(super) needed: &'a Needed,
}

impl Builder {
    /// Chooses the packages of `debian` and all they depend on, and says so in `locked`.
    pub(super) async fn choose_packages(
        &self,
        project: &Project,
        debian: &Debian,
        beside: Beside<'_>,
        locked: &mut LockedPlatform,
    ) -> Result<(), BuildError> {
        if !cfg!(feature = "debian") {
            return Err(BuildError::NoDebian);
        }
        let platform = locked.platform.clone();
        let fail = |source| BuildError::Debian { platform: platform.clone(), source };
        self.stage("choosing Debian packages", &platform);
        let query = Query { locked: beside.earlier.to_vec(), ..self.query(project, debian, &platform)? };
        let installed = match beside.base {
            Some(tree) => over::installed(tree, query.suite.as_str(), &query.architecture, &platform)?,
            None => Vec::new(),
        };
        let _turn = self.indexes.acquire().await.map_err(|_| BuildError::Worker)?;
        let (universe, evidence) = self.archive(project).universe(&query).await.map_err(fail)?;
        self.warn_of(&evidence, &query, &platform);
        over::check_libc(&universe, &installed, &query.suite, &platform)?;
        let (mut exclude, upgrade) = (words(&debian.exclude), words(&debian.allow_upgrade));
        let mut names = words(&debian.packages);
        names.extend(debian.shell.packages().iter().map(|name| (*name).to_owned()));
        let added: Vec<&String> = beside.needed.keys().filter(|name| !exclude.contains(name)).collect();
        names.extend(added.into_iter().cloned());
        if debian.select == recipe::Select::Elf {
            let sonames = self.sonames(project, &query, &platform).await?;
            exclude.extend(needed::libraries_unasked(&sonames, &names));
        }
        let recommending = if let recipe::Recommends::Of(list) = &debian.recommends { words(list) } else { Vec::new() };
        let request = apt::Request {
            names: &names,
            essential: debian.essential == Essential::All,
            select: match debian.select {
                recipe::Select::Depends | recipe::Select::Elf => apt::Select::Depends,
                recipe::Select::Listed => apt::Select::Listed,
            },
            recommends: match debian.recommends {
                recipe::Recommends::None => apt::Recommends::None,
                recipe::Recommends::Of(_) => apt::Recommends::Of(&recommending),
                recipe::Recommends::All => apt::Recommends::All,
            },
            installed: &installed,
            upgrade: &upgrade,
            exclude: &exclude,
        };
        let selected = apt::resolve(&universe, request).map_err(fail)?;
        self.warn_of_replaced(&selected, &installed, &platform);
        locked.suites = evidence.iter().filter_map(Evidence::locked).collect();
        locked.debian = selected.into_iter().map(|one| one.locked(&locked.suites)).collect();
        needed::say_why(&mut locked.debian, beside.needed, &words(&debian.packages));
        Ok(())
    }

    /// What is asked of the archives.
    pub(super) fn query(&self, project: &Project, debian: &Debian, platform: &Platform) -> Result<Query, BuildError> {
        Ok(Query {
            suite: debian.suite.get_ref().clone(),
            components: debian.components().into_iter().map(str::to_owned).collect(),
            architecture: platform.debian_architecture().to_owned(),
            security: debian.security != Security::Without,
            backports: debian.wants_backports(),
            signatures: signatures(project, &debian.keyring)?,
            now: self.settings.now,
            locked: Vec::new(),
            others: debian.archives.iter().map(|archive| other(project, archive)).collect::<Result<_, _>>()?,
        })
    }

    fn warn_of(&self, evidence: &[Evidence], query: &Query, platform: &Platform) {
        for missing in evidence.iter().filter(|suite| suite.found.is_none()) {
            self.warn(&format!("the archive has no {} for {platform}: its updates are missing", missing.suite), None);
        }
        let unsigned =
            |suite: &&Evidence| suite.found.as_ref().is_some_and(|found| found.trust == Trust::ChecksumsOnly);
        let name = |suite: &Evidence| {
            let other = query.others.iter().find(|other| other.name == suite.archive);
            other.map_or_else(|| format!("Debian {}", query.suite), |other| format!("the archive {}", other.name))
        };
        for name in evidence.iter().filter(unsigned).map(name).collect::<BTreeSet<_>>() {
            self.warn(
                &format!("the signature of {name} was not verified, only its checksums"),
                Some(&Hint::new("remove `keyring = false`, or lock on a network you trust")),
            );
        }
    }

    /// The base's own list of packages lies in the base: it cannot be mended from above without it.
    fn warn_of_replaced(&self, selected: &[apt::Selected], installed: &[Package], platform: &Platform) {
        for new in selected {
            if let Some(old) = installed.iter().find(|old| old.name == new.name) {
                let replaced =
                    format!("{} {} of the base for {platform} is replaced by {}", old.name, old.version, new.version);
                self.warn(
                    &format!(
                        "{replaced}; its old files stay in the base's layers, and scanners may name both versions"
                    ),
                    Some(&Hint::new("take a newer image as `base` in the long run")),
                );
            }
        }
    }

    /// Lays the packages of `locked` over the files of its base, and notes there what of the base decides
    /// how they come to lie.
    pub(super) async fn settle_packages(
        &self,
        project: &Project,
        base: Option<&Tree>,
        locked: &mut LockedPlatform,
    ) -> Result<Vec<Item>, BuildError> {
        if !cfg!(feature = "debian") {
            return Err(BuildError::NoDebian);
        }
        over::check_settings(&project.recipe, locked)?;
        let packed = self.packed(project, locked).await?;
        let Some(tree) = base else { return Ok(self.lay_out(project, packed, locked).await?.items) };
        let directories: BTreeSet<&str> = packed.iter().flat_map(|package| over::directories(&package.index)).collect();
        let symlinks = tree.links_on_the_way(directories);
        locked.below = Some(Below { directories: Vec::new(), symlinks });
        let mut laid = self.lay_out(project, packed.clone(), locked).await?;
        let kept = over::kept_alternatives(tree, &laid);
        if let Some(below) = locked.below.as_mut().filter(|_| !kept.is_empty()) {
            below.symlinks.extend(kept);
            below.symlinks.sort();
            below.symlinks.dedup();
            laid = self.lay_out(project, packed, locked).await?;
        }
        let items = laid.items;
        let directories = over::settled(tree, &items, &locked.platform)?;
        let own: BTreeSet<&str> = directories.iter().map(|own| own.path.trim_start_matches('/')).collect();
        let items = items.into_iter().filter(|item| !own.contains(item.path.as_str())).collect();
        locked.below = locked.below.take().map(|below| Below { directories, ..below });
        locked.below = locked.below.take().filter(|below| *below != Below::default());
        Ok(items)
    }

    /// The layer items of the packages of `locked`.
    pub(super) async fn lay_out_packages(
        &self,
        project: &Project,
        locked: &LockedPlatform,
    ) -> Result<LaidOut, BuildError> {
        if !cfg!(feature = "debian") {
            return Err(BuildError::NoDebian);
        }
        let packed = self.packed(project, locked).await?;
        self.lay_out(project, packed, locked).await
    }

    /// Downloads the packages of `locked`, and packs them.
    async fn packed(&self, project: &Project, locked: &LockedPlatform) -> Result<Vec<Packed>, BuildError> {
        let (archive, platform) = (self.archive(project), &locked.platform);
        let fetch = async |package: &LockedPackage| {
            let _turn = self.turns.take(package.sha256).await;
            let _place = self.downloads.acquire().await.map_err(|_| BuildError::Worker)?;
            let fail = |source| BuildError::Debian { platform: platform.clone(), source };
            archive.download(package, &locked.suites).await.map_err(fail)
        };
        let blobs: Vec<Blob> = try_join_all(locked.debian.iter().map(fetch)).await?;
        let store = self.settings.store.clone();
        let pack_all = move || blobs.par_iter().map(|blob| pack(&store, blob)).collect::<Result<Vec<Packed>, _>>();
        let packed = self.compute(pack_all);
        packed.await?.map_err(|source| BuildError::Unpack { platform: platform.clone(), source })
    }

    async fn lay_out(
        &self,
        project: &Project,
        packed: Vec<Packed>,
        locked: &LockedPlatform,
    ) -> Result<LaidOut, BuildError> {
        let debian = project.recipe.debian.as_ref();
        let strip = strip(debian);
        let time_zone = debian.and_then(|debian| debian.time_zone.as_ref()).map(|zone| zone.get_ref().clone());
        let certificates = certificates(project)?;
        let below = locked.base.map(|_| over::facts(locked.below.clone().unwrap_or_default()));
        let laid = self.compute(move || {
            let over = below.as_ref().map_or(Over::Scratch, Over::Base);
            lay_out(&packed, &Options { over, strip, time_zone, certificates })
        });
        let laid = laid.await?.map_err(|source| BuildError::Unpack { platform: locked.platform.clone(), source })?;
        self.judge_undone(project, &laid.undone)?;
        Ok(laid)
    }
}

fn words(list: &[toml::Spanned<String>]) -> Vec<String> {
    list.iter().map(|word| word.get_ref().clone()).collect()
}

/// An archive besides Debian's, as the recipe has it.
fn other(project: &Project, archive: &recipe::OtherArchive) -> Result<apt::Other, BuildError> {
    Ok(apt::Other {
        name: archive.name.get_ref().clone(),
        suite: archive.suite.get_ref().clone(),
        components: archive.components().into_iter().map(str::to_owned).collect(),
        signatures: signatures(project, &archive.keyring)?,
        only_for: words(&archive.only_for),
    })
}

/// Whose signatures of an archive count.
fn signatures(project: &Project, keyring: &recipe::Keyring) -> Result<Signatures, BuildError> {
    let file = match keyring {
        recipe::Keyring::Without => return Ok(Signatures::Unchecked),
        recipe::Keyring::Debian => None,
        recipe::Keyring::File(file) => Some(PathBuf::from(file.get_ref())),
    };
    let keyring = match &file {
        None => Keyring::debian(),
        Some(path) => {
            let mut bytes = Vec::new();
            let read = File::open(project.folder.join(path))
                .and_then(|file| file.take(LARGEST_KEYRING).read_to_end(&mut bytes));
            read.map_err(|source| BuildError::File { path: path.clone(), source })?;
            Keyring::parse(&bytes)
        }
    };
    keyring.map(Signatures::By).map_err(|source| BuildError::Keyring { path: file.unwrap_or_default(), source })
}

/// Lays items over what is known of a base, so that facts can be read from both.
pub(super) fn add_to_tree(tree: &mut Tree, items: &[Item]) -> Result<(), base::LayerError> {
    for item in items {
        let (kind, size, content) = match &item.node {
            Node::Directory => (base::Kind::Directory, 0, None),
            Node::Whiteout => continue,
            Node::Symlink(target) => (base::Kind::Symlink(target.clone()), 0, None),
            Node::Hardlink(target) => (base::Kind::Hardlink(target.clone()), 0, None),
            Node::File(body) => (base::Kind::File, body.size(), evidence(&item.path, body)),
        };
        let entry = base::Entry { kind, mode: item.mode, uid: item.uid, gid: item.gid, size };
        tree.insert(&item.path, entry, content.as_ref())?;
    }
    Ok(())
}

fn evidence(path: &str, body: &Body) -> Option<bytes::Bytes> {
    if base::wants(path, body.size()) { body.read(LARGEST_EVIDENCE).ok() } else { None }
}

fn strip(debian: Option<&Debian>) -> Vec<Strip> {
    let wanted = debian.map(|debian| debian.strip.iter().map(toml::Spanned::get_ref)).into_iter().flatten();
    wanted
        .map(|strip| match strip {
            recipe::Strip::Doc => Strip::Documentation,
            recipe::Strip::Man => Strip::Manuals,
            recipe::Strip::Locale => Strip::Locales,
            recipe::Strip::Path(path) => Strip::Below(path.trim_start_matches('/').to_owned()),
        })
        .collect()
}
