//! Files of the user's that images are made of: told by their digests, and packed with recipe and lock where they
//! are small, so that the image alone is enough to make it again.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    sync::Arc,
};

use super::{BuildError, Project, scripts, seen::Seen, undone::certificates};
use crate::{
    attest::{Content, Origin, OwnFile},
    image::Bytes,
    layer::{
        Body, Format, Item, LayerError, Node, Paths, Threads, lay,
        scripts::{Collected, Files, Reading, collect},
    },
    lock::{Lock, LockedImage, LockedPlatform, WheelSource},
    oci::{Digest, Platform},
    recipe::{Location, Script, Variant},
    store::Store,
};

/// Most bytes of files of the user's that travel with recipe and lock. All do, or none.
const MOST_CARRIED: u64 = 32 << 20;

/// Stands for a folder above the recipe's in an archive, where the recipe reads something there.
const ABOVE: &str = "above";

/// The files of the user's in the images of a recipe.
#[derive(Debug, Default)]
pub(super) struct Own {
    of_platforms: Vec<(Platform, Vec<OwnFile>)>,
    /// Folders and links among them, and local wheels, by their paths from the recipe's folder.
    others: BTreeMap<String, Other>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Other {
    Folder,
    Link(String),
    /// With this digest, of so many bytes.
    Wheel(Digest, u64),
}

impl Own {
    /// Of the image for `platform`.
    pub(super) fn of(&self, platform: &Platform) -> &[OwnFile] {
        self.of_platforms.iter().find(|(known, _)| known == platform).map_or(&[], |(_, files)| files)
    }

    /// Adds those of one platform's image.
    pub(super) fn add(
        &mut self,
        (project, variant): (&Project, &Variant),
        (below, image): (&LockedPlatform, &LockedImage),
        (store, now): (&Store, Option<u64>),
    ) -> Result<(), BuildError> {
        let paths = Paths::new(&below.facts);
        let mut seen = Seen::at(store, &project.folder, "scripts", now);
        let mut files = Vec::new();
        for script in &variant.scripts {
            let found = self.look(project, script, (&paths, &mut seen));
            let fail = |source| scripts::wrong((project, &variant.scripts), &below.platform, source);
            files.extend(found.map_err(fail)?);
        }
        seen.keep(store)?;
        let names = project.recipe.debian.iter().flat_map(|debian| &debian.certificates);
        for (from, (_, bytes)) in names.zip(certificates(project)?) {
            let (digest, size) = (Digest::of(&bytes), bytes.len() as u64);
            files.push(OwnFile { to: None, from: from.get_ref().clone(), digest, size });
        }
        files.sort();
        self.of_platforms.push((below.platform.clone(), files));
        for wheel in &image.wheels {
            let path = match &wheel.source {
                WheelSource::Path(path) => Some(path.clone()),
                WheelSource::Index(name) => folder_of(project, name).map(|folder| format!("{folder}/{}", wheel.file)),
                WheelSource::Url(_) => None,
            };
            self.others.extend(path.map(|path| (path, Other::Wheel(wheel.sha256, wheel.size))));
        }
        Ok(())
    }

    fn look(
        &mut self,
        project: &Project,
        script: &Script,
        (paths, seen): (&Paths, &mut Seen),
    ) -> Result<Vec<OwnFile>, LayerError> {
        let (from, to) = (script.from.get_ref(), script.to.get_ref());
        let path = project.folder.join(from);
        let mut sizes = BTreeMap::new();
        let mut known = |name: &str, file: fs::File| {
            let (digest, metadata) = seen.digest_of(name, file)?;
            sizes.insert(name.to_owned(), metadata.len());
            Ok((digest, metadata))
        };
        let files = Files { from: &path, shown: from, to, paths, mode: None, owner: (0, 0) };
        let found = collect(files, &mut Reading::Digests(&mut known))?;
        let mut own = Vec::new();
        for Collected { item, digest, from: place } in found {
            match item.node {
                Node::Directory => drop(self.others.insert(place, Other::Folder)),
                Node::Symlink(target) => drop(self.others.insert(place, Other::Link(target))),
                _ => {
                    let size = sizes.get(&place).copied().unwrap_or_default();
                    own.push(OwnFile { to: Some(item.path), from: place, digest, size });
                }
            }
        }
        Ok(own)
    }

    /// Bytes of all files, each once.
    fn size(&self) -> u64 {
        let files = self.of_platforms.iter().flat_map(|(_, files)| files);
        let files: BTreeMap<&str, u64> = files.map(|file| (file.from.as_str(), file.size)).collect();
        let wheels = self.others.values().map(|other| if let Other::Wheel(_, size) = other { *size } else { 0 });
        files.into_values().chain(wheels).sum()
    }
}

/// The folder that the recipe's index `name` is, if it is one.
fn folder_of(project: &Project, name: &str) -> Option<String> {
    let index = project.recipe.wheels.index.iter().find(|index| index.name.get_ref() == name)?;
    match index.location.get_ref() {
        Location::Folder(folder) => Some(folder.trim_end_matches('/').to_owned()),
        Location::Url(_) => None,
    }
}

/// What goes with recipe and lock, and where in it they stand; `decisive` is the digest of what decides.
pub(super) fn gather(
    (project, lock, variant): (&Project, &Lock, Option<String>),
    own: &Own,
    (store, decisive): (&Store, Digest),
) -> Result<(Origin, BTreeMap<String, Content>), BuildError> {
    let written: Vec<(&str, &str)> = project.recipe.written().collect();
    let own_files = own.of_platforms.iter().flat_map(|(_, files)| files);
    let files = own_files.clone().map(|file| file.from.as_str());
    let others = own.others.keys().map(String::as_str);
    let all: Vec<&str> = written.iter().map(|(path, _)| *path).chain(files).chain(others).collect();
    let depth = all.iter().map(|path| climbs(path)).max().unwrap_or_default();
    let place = |path: &str| placed(depth, path);
    let mut contents = BTreeMap::new();
    let text = |text: &str| Content::File { bytes: Bytes::from(text.as_bytes().to_vec()), executable: false };
    for (path, said) in &written {
        contents.extend(place(path).map(|place| (place, text(said))));
    }
    let recipe = written.last().and_then(|(path, _)| place(path)).unwrap_or_else(|| "wheelwright.toml".to_owned());
    let locked = format!("{}.lock", recipe.strip_suffix(".toml").unwrap_or(&recipe));
    contents.insert(locked.clone(), text(&lock.to_toml()));
    let has = |(path, other): (&String, &Other)| match other {
        Other::Wheel(digest, _) => project.folder.join(path).is_file() || store.blob(digest).is_some(),
        _ => true,
    };
    let small = own.size() <= MOST_CARRIED && all.iter().all(|path| place(path).is_some());
    let whole = small && own.others.iter().all(has);
    if whole {
        for own in own_files {
            let (bytes, executable) = file(project, &own.from)?;
            // Whatever stands there now: nothing goes along but what is in the image.
            if Digest::of(&bytes) != own.digest {
                let source = io::Error::new(io::ErrorKind::InvalidData, "it was changed while the image was built");
                return Err(BuildError::File { path: own.from.clone().into(), source });
            }
            contents.extend(place(&own.from).map(|place| (place, Content::File { bytes, executable })));
        }
        for (path, other) in &own.others {
            let content = match other {
                Other::Folder => Content::Folder,
                Other::Link(target) => Content::Link(target.clone()),
                Other::Wheel(digest, _) => match store.blob(digest) {
                    Some(blob) => {
                        let bytes = blob.read().map_err(|source| BuildError::File { path: path.into(), source })?;
                        Content::File { bytes: bytes.into(), executable: false }
                    }
                    None => Content::File { bytes: file(project, path)?.0, executable: false },
                },
            };
            contents.extend(place(path).map(|place| (place, content)));
        }
    }
    Ok((Origin { recipe, lock: locked, variant, whole, decisive }, contents))
}

/// What is in a file, and whether it is a program.
fn file(project: &Project, path: &str) -> Result<(Bytes, bool), BuildError> {
    let read = || -> io::Result<_> {
        let mut file = fs::File::open(project.folder.join(path))?;
        let executable = file.metadata()?.permissions().mode() & 0o111 != 0;
        let mut bytes = Vec::new();
        file.by_ref().take(MOST_CARRIED + 1).read_to_end(&mut bytes)?;
        Ok((bytes.into(), executable))
    };
    read().map_err(|source| BuildError::File { path: path.into(), source })
}

/// How many folders above the recipe's `path` begins.
fn climbs(path: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if depth == 0 => deepest += 1,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    deepest
}

/// Where `path`, from the recipe's folder, stands in an archive in which that is so deep; nothing for what is named
/// by its place on this machine.
pub(super) fn placed(depth: usize, path: &str) -> Option<String> {
    let mut parts = vec![ABOVE; depth];
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    (!path.starts_with('/') && !parts.is_empty()).then(|| parts.join("/"))
}

/// The archive of these contents: a gzipped tar, the same wherever it is made.
pub(super) fn pack(contents: &BTreeMap<String, Content>, store: &Store) -> Result<Bytes, LayerError> {
    let item = |(path, content): (&String, &Content)| {
        let (node, mode) = match content {
            Content::Folder => (Node::Directory, 0o755),
            Content::Link(target) => (Node::Symlink(target.clone()), 0o777),
            Content::File { bytes, executable } => {
                (Node::File(Body::Literal(bytes.clone())), if *executable { 0o755 } else { 0o644 })
            }
        };
        Item::new(path.clone(), node, mode)
    };
    let items: Vec<Item> = contents.iter().map(item).collect();
    let laid = lay(&items, Format::Gzip, Threads::One, store, &|_| {})?;
    let mut archive = Vec::new();
    let read = Arc::new(laid.rope).reader(0).read_to_end(&mut archive);
    read.map_err(|source| LayerError::Local { path: "the archive of the recipe".to_owned(), source })?;
    Ok(archive.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_placed_below_as_many_folders_as_they_climb() {
        let check = |path: &str, climbed: usize, expect: Option<&str>| {
            assert_eq!((climbs(path), placed(2, path).as_deref()), (climbed, expect), "{path}");
        };
        check("app.toml", 0, Some("above/above/app.toml"));
        check("./a/../b", 0, Some("above/above/b"));
        check("../shared/x", 1, Some("above/shared/x"));
        check("a/../../../x", 2, Some("x"));
        check("../../../x", 3, None);
        check("/srv/x", 0, None);
    }

    #[test]
    fn an_archive_is_read_as_it_was_packed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let file = |text: &str, executable| Content::File { bytes: Bytes::from(text.as_bytes().to_vec()), executable };
        let contents: BTreeMap<String, Content> = [
            ("app.toml", file("name", false)),
            ("app.lock", file("version = 1", false)),
            ("bin", Content::Folder),
            ("bin/run", file("#!", true)),
            ("bin/same", Content::Link("run".to_owned())),
        ]
        .map(|(path, content)| (path.to_owned(), content))
        .into();
        let origin = Origin::of_app();
        let archive = pack(&contents, &store).unwrap();
        assert_eq!(archive, pack(&contents, &store).unwrap());
        let read = crate::attest::Carried::read(origin.clone(), &archive).unwrap();
        assert_eq!(read.contents, contents);
        let other = Origin { lock: "other.lock".into(), ..origin };
        assert!(crate::attest::Carried::read(other, &archive).is_err());
    }
}
