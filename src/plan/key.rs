//! Layer keys: a digest of everything that can change a byte of a layer, and of nothing else.

use std::fmt;

use serde_json::{Value, json};

use super::{Encoding, Frame};
use crate::{
    lock::{Facts, LockedPlatform, LockedWheel, Venv, WheelSource},
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
const EFFECTS: u32 = 4;

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

pub(super) fn of_scripts(files: &[(String, u32, Digest)], facts: &Facts, encoding: Encoding) -> LayerKey {
    let files: Vec<_> = files.iter().map(|(path, mode, digest)| json!([path, mode, digest.to_string()])).collect();
    LayerKey::of(&json!({
        "format": encoding.format,
        "compression": encoding.compression.to_string(),
        "kind": "scripts",
        "files": files,
        "below": below(facts),
    }))
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
