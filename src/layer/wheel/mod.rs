//! Wheels installed without an installer: what `pip install` would put on disk, as items of a layer.
//!
//! [Binary distribution format, "Installing a wheel"](https://packaging.python.org/en/latest/specifications/binary-distribution-format/#installing-a-wheel-distribution-1-0-py32-none-any-whl)
//! and [Recording installed projects](https://packaging.python.org/en/latest/specifications/recording-installed-packages/).

mod record;
mod script;

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{Body, Contribution, Item, LayerError, Node, Paths, Span};
use crate::{
    lock::{Facts, Interpreter, LockedWheel, WheelSource},
    oci::canonical_json,
    python::{EntryPoint, EntryPoints, ModuleSource, WheelMetadata, WheelName, is_stray},
    store::Blob,
    zip::{self, Entry, Limits, Refusal, ZipError},
};

/// A RECORD must not be larger than this: five times that of the largest wheel there is.
const LARGEST_RECORD: u64 = 16 << 20;

/// Other files of a wheel that are read rather than passed on must not be larger than this.
const LARGEST_NOTE: u64 = 1 << 20;

/// Modules with more bytes do more than say that their package is a namespace.
const LARGEST_NAMESPACE: u64 = 2000;

/// Scripts whose first line is written anew are kept in memory: together they must not be larger.
const LARGEST_SCRIPTS: u64 = 64 << 20;

/// Where wheels go, and who owns them there.
#[derive(Clone, Copy, Debug)]
pub struct Destination<'a> {
    /// Its scheme gives the folders, its path the first line of scripts.
    pub interpreter: &'a Interpreter,
    /// What is below.
    pub paths: &'a Paths,
}

/// Whether the files of a wheel are held against its RECORD. The wheel as a whole is what the lock
/// names either way; installers do not look (pip, uv) or do (pypa/installer).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecordCheck {
    /// RECORD is believed.
    #[default]
    Skip,
    /// RECORD must list every file with its SHA-256, which is checked when the layer is laid down: about
    /// half a second of processor time per gigabyte.
    Verify,
}

/// What one wheel puts on disk.
///
/// # Errors
/// When the strict reader refuses the wheel, when a file that must be understood cannot be, and when
/// RECORD is to be verified and does not list a file as it is.
pub fn install(
    wheel: &LockedWheel,
    blob: &Blob,
    destination: Destination<'_>,
    check: RecordCheck,
) -> Result<Contribution, LayerError> {
    let installation = Installation::open(wheel, blob, destination)?;
    let record = record::read(&installation)?;
    let missing = record::missing(&installation, &record);
    Ok(Contribution { from: wheel.file.clone(), items: installation.items(check, &record)?, missing })
}

/// Of which files that two wheels bring with different contents either will do: those that nobody imports, and modules
/// that do nothing but say that their package is a namespace. Installers keep the one that comes last.
pub fn either_will_do(facts: &Facts, paths: &Paths) -> impl Fn(&Item, &Item) -> bool + use<> {
    let schemes = facts.python.iter().map(|python| &python.scheme);
    let sites = schemes.flat_map(|scheme| [&scheme.purelib, &scheme.platlib]);
    let sites: Vec<String> = sites.map(|site| paths.canonical_directory(site)).collect();
    move |one, other| {
        let inside = |site: &String| one.path.strip_prefix(site.as_str()).and_then(|rest| rest.strip_prefix('/'));
        let inside = sites.iter().find_map(inside);
        inside.is_some_and(|path| is_stray(path) || (is_namespace(one) && is_namespace(other)))
    }
}

fn is_namespace(item: &Item) -> bool {
    let Node::File(body) = &item.node else { return false };
    item.path.ends_with("/__init__.py")
        && body.read(LARGEST_NAMESPACE).is_ok_and(|source| ModuleSource::scan(&source).is_namespace())
}

/// A file on its way from the wheel to the image.
struct Placed {
    /// Absolute path, not yet canonical.
    path: String,
    body: Body,
    mode: u32,
    /// Its name in the wheel, where it is there; generated and rewritten files have none.
    entry: Option<String>,
}

struct Installation<'a> {
    wheel: &'a LockedWheel,
    name: WheelName,
    blob: &'a Blob,
    file: std::fs::File,
    entries: Vec<Entry>,
    destination: Destination<'a>,
    /// The wheel's own `.dist-info` folder.
    info: String,
    /// Where the wheel's root goes.
    root: &'a str,
    points: EntryPoints,
}

impl<'a> Installation<'a> {
    fn open(wheel: &'a LockedWheel, blob: &'a Blob, destination: Destination<'a>) -> Result<Self, LayerError> {
        let refused = |source| LayerError::Wheel { wheel: wheel.file.clone(), source };
        let file = blob.open().map_err(|source| LayerError::Read { digest: *blob.digest(), source })?;
        let entries = zip::read_directory(&file, blob.size(), &Limits::default()).map_err(refused)?;
        let name: WheelName = wheel.file.parse().map_err(|error| malformed(wheel, "file name", &error))?;
        let scheme = &destination.interpreter.scheme;
        let (info, root, points) = (String::new(), scheme.purelib.as_str(), EntryPoints::default());
        let mut installation = Self { wheel, name, blob, file, entries, destination, info, root, points };
        installation.info = installation.find_info()?;
        let kind = installation.metadata("WHEEL", LARGEST_NOTE)?;
        let kind = WheelMetadata::parse(&kind).map_err(|error| malformed(wheel, "WHEEL", &error))?;
        if !kind.root_is_purelib {
            installation.root = &scheme.platlib;
        }
        installation.points = installation.entry_points()?;
        Ok(installation)
    }

    fn items(&self, check: RecordCheck, record: &record::Known) -> Result<Vec<Item>, LayerError> {
        let mut placed = Vec::new();
        let mut rewritten = 0;
        for entry in self.entries.iter().filter(|entry| !entry.is_directory()) {
            let Some(mut file) = self.place(entry)? else { continue };
            if check == RecordCheck::Verify {
                record::verify(self, entry, &mut file, record)?;
            }
            if matches!(file.body, Body::Literal(_)) {
                rewritten += entry.size;
                self.limit(entry, rewritten, LARGEST_SCRIPTS)?;
            }
            placed.push(file);
        }
        placed.extend(self.launchers());
        placed.extend(self.notes());
        let record = record::rewritten(self, &placed, record);
        placed.push(self.note("RECORD", record.into_bytes()));
        placed.into_iter().map(|file| self.item(file)).collect()
    }

    /// The `.dist-info` folder, under whatever spelling of name and version the wheel uses. Another one would be a
    /// distribution that nobody asked for.
    fn find_info(&self) -> Result<String, LayerError> {
        let folders = self.entries.iter().filter_map(|entry| entry.name.split_once('/').map(|(folder, _)| folder));
        let own = |folder: &str| self.name.is_folder(folder, "dist-info");
        let found: BTreeSet<&str> = folders.filter(|folder| own(folder) || folder.ends_with(".dist-info")).collect();
        match found.first() {
            Some(info) if found.len() == 1 && own(info) => Ok((*info).to_owned()),
            _ => Err(LayerError::Metadata {
                wheel: self.wheel.file.clone(),
                file: self.name.dist_info(),
                reason: format!("the wheel has {} folders `.dist-info`, not this one alone", found.len()),
            }),
        }
    }

    fn metadata(&self, file: &str, limit: u64) -> Result<Vec<u8>, LayerError> {
        let name = format!("{}/{file}", self.info);
        match self.entries.iter().find(|entry| entry.name == name) {
            Some(entry) => self.read(entry, limit),
            None => {
                Err(LayerError::Metadata { wheel: self.wheel.file.clone(), file: name, reason: "it is missing".into() })
            }
        }
    }

    fn read(&self, entry: &Entry, limit: u64) -> Result<Vec<u8>, LayerError> {
        zip::read_entry(&self.file, entry, limit).map_err(|error| self.refused(error))
    }

    fn limit(&self, entry: &Entry, size: u64, limit: u64) -> Result<(), LayerError> {
        let refusal = || self.refused(Refusal::TooLarge.of(&entry.name, entry.data_offset));
        if size > limit { Err(refusal()) } else { Ok(()) }
    }

    fn refused(&self, source: ZipError) -> LayerError {
        LayerError::Wheel { wheel: self.wheel.file.clone(), source }
    }

    /// Where an entry goes: under the root, or where its `.data` scheme says. RECORD and its
    /// signatures, and what installers write themselves, stay behind: scripts in the places of launchers too.
    fn place(&self, entry: &Entry) -> Result<Option<Placed>, LayerError> {
        if let Some(file) = entry.name.strip_prefix(&self.info).and_then(|rest| rest.strip_prefix('/'))
            && ["RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED", "direct_url.json"].contains(&file)
        {
            return Ok(None);
        }
        let (folder, rest) = entry.name.split_once('/').unwrap_or(("", &entry.name));
        if !self.name.is_folder(folder, "data") {
            return Ok(Some(self.plain(entry, format!("{}/{}", self.root, entry.name))));
        }
        let scheme = &self.destination.interpreter.scheme;
        let Some((kind, rest)) = rest.split_once('/') else {
            return Err(malformed(self.wheel, &entry.name, &"only folders stand beside the install schemes"));
        };
        let folder = match kind {
            "purelib" => scheme.purelib.clone(),
            "platlib" => scheme.platlib.clone(),
            "data" => scheme.data.clone(),
            "headers" => format!("{}/{}", scheme.headers, self.wheel.name),
            "scripts" if self.points.has(rest) => return Ok(None),
            "scripts" => return self.script(entry, format!("{}/{rest}", scheme.scripts)).map(Some),
            _ => return Err(malformed(self.wheel, &entry.name, &"there is no such install scheme")),
        };
        Ok(Some(self.plain(entry, format!("{folder}/{rest}"))))
    }

    fn plain(&self, entry: &Entry, path: String) -> Placed {
        let mode = if entry.executable { 0o755 } else { 0o644 };
        Placed { path, body: Body::Span(Span::of_entry(self.blob, entry)), mode, entry: Some(entry.name.clone()) }
    }

    /// A script of `.data/scripts`: executable, and with the image's interpreter where it asks for one.
    fn script(&self, entry: &Entry, path: String) -> Result<Placed, LayerError> {
        let asks = zip::starts_with(&self.file, entry, b"#!python").map_err(|error| self.refused(error))?;
        if !asks {
            return Ok(Placed { mode: 0o755, ..self.plain(entry, path) });
        }
        let text = script::with_interpreter(&self.read(entry, LARGEST_SCRIPTS)?, &self.destination.interpreter.path);
        Ok(Placed { path, body: Body::Literal(Bytes::from(text)), mode: 0o755, entry: None })
    }

    fn entry_points(&self) -> Result<EntryPoints, LayerError> {
        let name = format!("{}/entry_points.txt", self.info);
        let Some(entry) = self.entries.iter().find(|entry| entry.name == name) else {
            return Ok(EntryPoints::default());
        };
        let points = EntryPoints::parse(&self.read(entry, LARGEST_NOTE)?);
        points.map_err(|error| malformed(self.wheel, &name, &error))
    }

    fn commands(&self) -> impl Iterator<Item = &EntryPoint> {
        self.points.console.iter().chain(&self.points.gui)
    }

    fn launchers(&self) -> impl Iterator<Item = Placed> {
        let interpreter = self.destination.interpreter;
        self.commands().map(|point| Placed {
            path: format!("{}/{}", interpreter.scheme.scripts, point.name),
            body: Body::Literal(Bytes::from(script::launcher(point, &interpreter.path))),
            mode: 0o755,
            entry: None,
        })
    }

    /// INSTALLER, REQUESTED and `direct_url.json`. A local wheel gets no `direct_url.json`: its URL would
    /// be a path of the machine that built the image.
    fn notes(&self) -> Vec<Placed> {
        let mut notes = vec![self.note("INSTALLER", b"wheelwright\n".to_vec())];
        if self.wheel.why.iter().any(|why| why == "recipe") {
            notes.push(self.note("REQUESTED", Vec::new()));
        }
        if let WheelSource::Url(url) = &self.wheel.source {
            let hashes = serde_json::json!({ "sha256": self.wheel.sha256.hex() });
            let direct = serde_json::json!({ "archive_info": { "hashes": hashes }, "url": url });
            notes.push(self.note("direct_url.json", canonical_json(&direct)));
        }
        notes
    }

    fn note(&self, file: &str, contents: Vec<u8>) -> Placed {
        let path = format!("{}/{}/{file}", self.root, self.info);
        Placed { path, body: Body::Literal(Bytes::from(contents)), mode: 0o644, entry: None }
    }

    fn item(&self, file: Placed) -> Result<Item, LayerError> {
        let path = self.destination.paths.canonical(&file.path);
        if self.destination.paths.is_directory(&path) {
            return Err(LayerError::Path { path, reason: "the base has a directory there" });
        }
        Ok(Item::new(path, Node::File(file.body), file.mode))
    }
}

fn malformed(wheel: &LockedWheel, file: &str, reason: &impl std::fmt::Display) -> LayerError {
    LayerError::Metadata { wheel: wheel.file.clone(), file: file.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests;
