//! Debian packages of an image: chosen and downloaded, packed, laid out.

use std::{fs::File, io::Read as _, path::PathBuf};

use futures_util::future::try_join_all;
use rayon::prelude::*;

use super::{BuildError, Builder, Project};
use crate::{
    apt::{self, Query, Signatures, Trust},
    base::{self, Tree},
    debian::openpgp::Keyring,
    layer::{
        Body, Item, Node,
        debian::{Options, Over, Packed, Strip, lay_out, pack},
    },
    lock::LockedPackage,
    oci::Platform,
    recipe::{self, Debian, Security},
    store::Blob,
};

/// Debian's own keys are 60 kilobytes.
const LARGEST_KEYRING: u64 = 4 << 20;
/// Files that say something about an image are not larger than this.
const LARGEST_EVIDENCE: u64 = 128 << 20;

impl Builder {
    /// Chooses the packages of `debian` and all they depend on.
    pub(super) async fn choose_packages(
        &self,
        project: &Project,
        debian: &Debian,
        platform: &Platform,
    ) -> Result<Vec<LockedPackage>, BuildError> {
        let fail = |source| BuildError::Debian { platform: platform.clone(), source };
        self.stage("choosing Debian packages", platform);
        let query = Query {
            suite: debian.suite.get_ref().clone(),
            architecture: platform.debian_architecture().to_owned(),
            security: debian.security != Security::Without,
            signatures: signatures(project, debian)?,
            now: self.settings.now,
        };
        let _turn = self.indexes.acquire().await.map_err(|_| BuildError::Worker)?;
        let (universe, evidence) = self.archive(project).universe(&query).await.map_err(fail)?;
        for missing in evidence.iter().filter(|suite| suite.found.is_none()) {
            self.warn(&format!("the archive has no {} for {platform}: its updates are missing", missing.suite), None);
        }
        let unsigned =
            |found: &apt::Evidence| found.found.as_ref().is_some_and(|found| found.trust == Trust::ChecksumsOnly);
        if evidence.iter().any(unsigned) {
            self.warn(
                &format!("the signature of Debian {} was not verified, only its checksums", query.suite),
                Some(&crate::hint::Hint::new("remove `keyring = false`, or lock on a network you trust")),
            );
        }
        let words = |list: &[toml::Spanned<String>]| list.iter().map(|name| name.get_ref().clone()).collect::<Vec<_>>();
        let (names, exclude) = (words(&debian.packages), words(&debian.exclude));
        let request = apt::Request { names: &names, installed: &[], exclude: &exclude };
        let selected = apt::resolve(&universe, request).map_err(fail)?;
        Ok(selected.into_iter().map(LockedPackage::from).collect())
    }

    /// Downloads packages and turns them into layer items.
    pub(super) async fn lay_out_packages(
        &self,
        project: &Project,
        packages: &[LockedPackage],
        platform: &Platform,
    ) -> Result<Vec<Item>, BuildError> {
        let archive = self.archive(project);
        let fetch = async |package| {
            let _turn = self.downloads.acquire().await.map_err(|_| BuildError::Worker)?;
            let fail = |source| BuildError::Debian { platform: platform.clone(), source };
            archive.download(package).await.map_err(fail)
        };
        let blobs: Vec<Blob> = try_join_all(packages.iter().map(fetch)).await?;
        let (store, strip) = (self.settings.store.clone(), strip(project.recipe.debian.as_ref()));
        let items = self.compute(move || {
            let packed: Result<Vec<Packed>, _> = blobs.par_iter().map(|blob| pack(&store, blob)).collect();
            lay_out(&packed?, &Options { over: Over::Scratch, strip })
        });
        items.await?.map_err(|source| BuildError::Unpack { platform: platform.clone(), source })
    }
}

/// Whose signatures of the archive count.
fn signatures(project: &Project, debian: &Debian) -> Result<Signatures, BuildError> {
    let file = match &debian.keyring {
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
        })
        .collect()
}
