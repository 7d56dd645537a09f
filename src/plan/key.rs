//! Layer keys: a digest of everything that can change a byte of a layer, and of nothing else.

use std::{collections::BTreeMap, fmt};

use serde_json::{Value, json};

use super::{Encoding, Frame, Sources};
use crate::{
    lock::{Compiler, Facts, LockedPlatform, LockedWheel, Symlink, Venv, WheelSource},
    oci::{Digest, canonical_json},
};

/// Names a layer before it is made. Equal keys mean equal bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LayerKey(Digest);

impl LayerKey {
    /// The 64 hex digits.
    #[must_use]
    pub fn hex(&self) -> String {
        self.0.hex()
    }

    /// The key as the digest that it is.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.0
    }

    fn of(value: &Value) -> Self {
        Self(Digest::of(&canonical_json(value)))
    }
}

impl fmt::Display for LayerKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.hex())
    }
}

/// Raised whenever something else is done in place of maintainer scripts, or files of packages come to lie
/// elsewhere: the layer is another one then.
const EFFECTS: u32 = 7;

pub(super) fn of_debian(platform: &LockedPlatform, frame: Frame<'_>) -> LayerKey {
    let packages: Vec<_> = platform.debian.iter().map(|package| package.sha256.to_string()).collect();
    LayerKey::of(&json!({
        "format": frame.encoding.format,
        "compression": frame.encoding.compression.to_string(),
        "kind": "debian",
        "packages": packages,
        "effects": EFFECTS,
        "strip": frame.strip,
        "time-zone": frame.time_zone,
        "certificates": frame.certificates.iter().map(|(name, digest)| json!([name, digest.to_string()])).collect::<Vec<_>>(),
        // Over a base, its links and directories decide where files come to lie: two bases that agree in
        // these share the layer.
        "over": platform.base.map(|_| {
            let below = platform.below.clone().unwrap_or_default();
            let directories: Vec<_> = below.directories.iter().map(|directory| &directory.path).collect();
            let links: Vec<_> = below.symlinks.iter().map(|link| (&link.path, &link.target)).collect();
            json!({ "directories": directories, "links": links })
        }),
    }))
}

pub(super) fn of_whiteouts(hidden: &[String], encoding: Encoding) -> LayerKey {
    LayerKey::of(&json!({
        "format": encoding.format,
        "compression": encoding.compression.to_string(),
        "kind": "whiteouts",
        "hidden": hidden,
    }))
}

pub(super) fn of_venv(venv: &Venv, platform: &LockedPlatform, encoding: Encoding) -> LayerKey {
    let python = platform.facts.python.as_ref();
    LayerKey::of(&json!({
        "format": encoding.format,
        "compression": encoding.compression.to_string(),
        "kind": "venv",
        "venv": venv,
        "version": python.map(|python| python.version.to_string()),
        "purelib": python.map(|python| &python.scheme.purelib),
        "wide": platform.platform.is_64_bit(),
        "below": below(&platform.facts),
    }))
}

/// `share` says which part of a wheel this is, and of how many.
pub(super) fn of_wheels(
    wheels: &[LockedWheel],
    share: Option<(usize, usize)>,
    facts: &Facts,
    encoding: Encoding,
) -> LayerKey {
    let wheels: Vec<_> = wheels.iter().map(wheel_json).collect();
    let python = facts.python.as_ref();
    LayerKey::of(&json!({
        "format": encoding.format,
        "compression": encoding.compression.to_string(),
        "kind": "wheels",
        "wheels": wheels,
        "share": share,
        "interpreter": python.map(|python| &python.path),
        "scheme": python.map(|python| &python.scheme),
        "below": below(facts),
    }))
}

pub(super) fn of_scripts(
    files: &[(String, u32, Digest)],
    compiler: Option<&Compiler>,
    facts: &Facts,
    encoding: Encoding,
) -> LayerKey {
    let files: Vec<_> = files.iter().map(|(path, mode, digest)| json!([path, mode, digest.to_string()])).collect();
    let mut value = json!({
        "format": encoding.format,
        "compression": encoding.compression.to_string(),
        "kind": "scripts",
        "files": files,
        "below": below(facts),
    });
    if let Some(compiler) = compiler {
        value["compiled"] = compiled(compiler);
    }
    LayerKey::of(&value)
}

/// `platform` decides where the sources lie.
pub(super) fn of_bytecode(
    (compiler, of): (&Compiler, &Sources),
    platform: &LockedPlatform,
    frame: Frame<'_>,
) -> LayerKey {
    let (facts, encoding) = (&platform.facts, frame.encoding);
    let of = match of {
        Sources::Packages(_) => json!({
            "packages": of_debian(platform, frame).hex(),
            "compiled": compiled(compiler),
            "below": below(facts),
        }),
        Sources::Wheels(wheels) => {
            let wheels: Vec<_> = wheels.iter().map(|wheel| of_modules(wheel, compiler, facts).to_string()).collect();
            json!({ "wheels": wheels, "directories": Ways::of(facts).directories(facts) })
        }
    };
    LayerKey::of(&json!({
        "format": encoding.format,
        "compression": encoding.compression.to_string(),
        "kind": "bytecode",
        "of": of,
    }))
}

/// Names what becomes of the modules of a wheel, wherever that goes. Neither who asked for it nor its URL matters,
/// nor what a base has elsewhere: so it is the same on all platforms.
pub(super) fn of_modules(wheel: &LockedWheel, compiler: &Compiler, facts: &Facts) -> Digest {
    let roots = facts.python.as_ref().map(|python| json!([&python.scheme.purelib, &python.scheme.platlib]));
    Digest::of(&canonical_json(&json!({
        "wheel": wheel.sha256.to_string(),
        "roots": roots,
        "links": Ways::of(facts).links,
        "compiled": compiled(compiler),
    })))
}

/// The ways to the folders of modules.
struct Ways<'f> {
    /// Absolute paths: the folders, and whereto links on the ways lead.
    to: Vec<String>,
    /// Links on the ways, with their targets.
    links: BTreeMap<&'f str, &'f str>,
}

impl<'f> Ways<'f> {
    fn of(facts: &'f Facts) -> Self {
        let schemes = facts.python.iter().map(|python| &python.scheme);
        let to = schemes.flat_map(|scheme| [scheme.purelib.clone(), scheme.platlib.clone()]).collect();
        let mut ways = Self { to, links: BTreeMap::new() };
        let new = |ways: &Self| {
            let new = |link: &&Symlink| !ways.links.contains_key(link.path.as_str()) && ways.touch(&link.path);
            facts.symlinks.iter().find(new)
        };
        while let Some(link) = new(&ways) {
            ways.links.insert(&link.path, &link.target);
            let rest = ways.to.iter().filter_map(|way| way.strip_prefix(&link.path)).collect::<Vec<_>>();
            let led: Vec<String> =
                rest.into_iter().map(|rest| led(&link.path, &format!("{}{rest}", link.target))).collect();
            ways.to.extend(led);
        }
        ways
    }

    /// Whether `path` is on one of the ways, or at the end of one.
    fn touch(&self, path: &str) -> bool {
        let below = |one: &str, other: &str| {
            one.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.to.iter().any(|way| below(way, path) || below(path, way))
    }

    fn directories(&self, facts: &'f Facts) -> Vec<&'f str> {
        facts.directories.iter().map(|directory| directory.path.as_str()).filter(|path| self.touch(path)).collect()
    }
}

/// Whereto the link at `path` leads when its text is `target`.
fn led(path: &str, target: &str) -> String {
    let folder = if target.starts_with('/') { "" } else { path.rsplit_once('/').map_or("", |(folder, _)| folder) };
    let mut parts = Vec::new();
    for part in folder.split('/').chain(target.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Raised whenever sources are compiled otherwise.
const COMPILING: u32 = 1;

fn compiled(compiler: &Compiler) -> Value {
    json!({ "by": compiler, "way": COMPILING })
}

/// What of a wheel ends up in a layer: its bytes, whether it was asked for, and its URL.
pub(super) fn wheel_json(wheel: &LockedWheel) -> Value {
    let url = if let WheelSource::Url(url) = &wheel.source { Some(url) } else { None };
    let requested = wheel.why.iter().any(|why| why == "recipe");
    json!({ "sha256": wheel.sha256.to_string(), "name": wheel.name, "requested": requested, "url": url })
}

/// Directories decide which parents a layer brings, links where it really writes. Their attributes
/// do not matter.
fn below(facts: &Facts) -> Value {
    let directories: Vec<_> = facts.directories.iter().map(|directory| &directory.path).collect();
    let links: Vec<_> = facts.symlinks.iter().map(|link| (&link.path, &link.target)).collect();
    json!({ "directories": directories, "links": links })
}
