//! A plan for programs.

use serde_json::{Value, json};

use super::{
    Whole,
    text::{distinct, made},
};
use crate::{
    builder::{Foreboding, Foreseen, ForeseenLayer, Made, fetched},
    oci::canonical_json,
};

/// The version of the object: a key that changes its meaning raises it.
const VERSION: u32 = 1;

/// One object on one line.
pub(super) fn render(name: &str, whole: &Whole) -> String {
    let files = fetched(&whole.images);
    let distinct = distinct(whole);
    let object = json!({
        "version": VERSION,
        "name": name,
        "images": whole.images.iter().map(image).collect::<Value>(),
        "fetch": {
            "files": files.len(),
            "bytes": files.iter().map(|(_, _, bytes)| bytes).sum::<u64>(),
        },
        "make": {
            "layers": distinct.iter().filter(|layer| layer.made == Made::Built).count(),
            "of": distinct.len(),
        },
        "send": { "bytes": distinct.iter().map(|layer| layer.estimate()).sum::<u64>() },
        "warnings": whole.warnings.iter().map(warning).collect::<Value>(),
    });
    String::from_utf8_lossy(&canonical_json(&object)).into_owned() + "\n"
}

fn image(image: &Foreseen) -> Value {
    json!({
        "variant": image.variant,
        "platform": image.platform.to_string(),
        "layers": image.layers.iter().map(layer).collect::<Value>(),
    })
}

fn layer(layer: &ForeseenLayer) -> Value {
    json!({
        "name": layer.name,
        "key": layer.key.map(|key| key.hex()),
        "made": made(layer),
        "digest": layer.digest.map(|digest| digest.to_string()),
        "size": layer.size,
        "inputs": layer.inputs,
        "fetch": layer.fetched.iter().map(|(name, digest, bytes)| json!({
            "file": name, "digest": digest.to_string(), "size": bytes,
        })).collect::<Value>(),
        "holds": layer.holds.iter().map(|held| json!({
            "name": held.name, "version": held.version, "size": held.size,
        })).collect::<Value>(),
    })
}

fn warning(found: &Foreboding) -> Value {
    json!({
        "kind": found.kind,
        "variant": found.variant,
        "platform": found.platform.to_string(),
        "message": found.message,
        "hint": found.hint.to_string(),
    })
}
