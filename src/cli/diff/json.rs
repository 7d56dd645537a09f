//! A difference for programs.

use serde_json::{Value, json};

use super::{
    Pair,
    compare::{Change, Layers},
};
use crate::oci::canonical_json;

/// The version of the object: a key that changes its meaning raises it.
const VERSION: u32 = 1;

/// One object on one line.
pub(super) fn render(before: &str, after: &str, pairs: &[Pair]) -> String {
    let object = json!({
        "version": VERSION,
        "before": before,
        "after": after,
        "images": pairs.iter().map(pair).collect::<Value>(),
    });
    String::from_utf8_lossy(&canonical_json(&object)).into_owned() + "\n"
}

fn pair(pair: &Pair) -> Value {
    let list = |changes: &[Change]| changes.iter().map(change).collect::<Value>();
    json!({
        "platform": pair.platform.to_string(),
        "variant": pair.variant,
        "size": { "before": pair.before, "after": pair.after },
        "packages": list(&pair.difference.packages),
        "licences": list(&pair.difference.licences),
        "config": list(&pair.difference.config),
        "files": list(&pair.difference.files),
        "layers": pair.difference.layers.map(layers),
    })
}

fn layers(layers: Layers) -> Value {
    json!({ "as-before": layers.kept, "of": layers.all, "differ": layers.differ })
}

fn change(change: &Change) -> Value {
    json!({ "kind": change.kind, "name": change.name, "before": change.before, "after": change.after })
}
