//! What is checked: the image for one platform.

use serde_json::Value;

use super::{Owner, Owners};
use crate::{
    base::{Node, Tree},
    oci::{Digest, Platform},
};

/// The image for one platform, its layers merged.
#[derive(Clone, Debug)]
pub struct Subject {
    /// What it runs on.
    pub platform: Platform,
    /// The whole config document.
    pub config: Value,
    /// The layers, the lowest first.
    pub layers: Vec<SubjectLayer>,
    /// How many of them are the base's; none where that is not known.
    pub base_layers: usize,
    /// The files.
    pub tree: Tree,
    /// Who brought which of them.
    pub owners: Owners,
}

/// A layer, as far as findings name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectLayer {
    /// What a person calls it.
    pub name: String,
    /// Of the compressed blob.
    pub digest: Digest,
    /// Bytes of the compressed blob.
    pub size: u64,
}

impl Subject {
    /// The image with this config and these files.
    #[must_use]
    pub fn new(platform: Platform, config: Value, layers: Vec<SubjectLayer>, tree: Tree) -> Self {
        let owners = Owners::of(&tree);
        Self { platform, config, layers, base_layers: 0, tree, owners }
    }

    /// The same image, of which so many layers are known to be the base's.
    #[must_use]
    pub fn over(self, base_layers: usize) -> Self {
        Self { base_layers, ..self }
    }

    /// The `config` object within the config: environment, entry point, user.
    #[must_use]
    pub fn settings(&self) -> &Value {
        self.config.get("config").unwrap_or(&Value::Null)
    }

    /// The name of the layer with this number.
    #[must_use]
    pub fn layer_name(&self, number: usize) -> &str {
        self.layers.get(number).map_or("?", |layer| &layer.name)
    }

    /// What brought `node`: its distribution or package, or at least its layer.
    #[must_use]
    pub fn owner(&self, node: &Node) -> Owner {
        let known = self.owners.find(node).cloned();
        known.unwrap_or_else(|| Owner::Layer(self.layer_name(node.layer).to_owned()))
    }
}

/// What people call the layers of an image: by our own word in the history, else by their number.
///
/// [Image specification, config, `history`](https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties).
#[must_use]
pub fn layer_names(config: &Value, count: usize) -> Vec<String> {
    let history = config.get("history").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let made: Vec<&str> = history
        .iter()
        .filter(|entry| entry.get("empty_layer").and_then(Value::as_bool) != Some(true))
        .map(|entry| entry.get("created_by").and_then(Value::as_str).unwrap_or_default())
        .collect();
    let paired = made.len() == count;
    let name = |number: usize| {
        let made_by = if paired { made.get(number).copied() } else { None };
        let ours = made_by.and_then(|text| text.strip_prefix("wheelwright: ")).and_then(|text| text.rsplit_once(" ("));
        ours.map_or_else(|| format!("{} of {count}", number + 1), |(name, _)| name.to_owned())
    };
    (0..count).map(name).collect()
}

/// `Entrypoint` and `Cmd` of the `config` object of a configuration together, as a runtime starts them.
pub(super) fn command(settings: &Value) -> Vec<&str> {
    let lists = ["Entrypoint", "Cmd"].into_iter().filter_map(|key| settings.get(key)?.as_array());
    lists.flatten().filter_map(Value::as_str).collect()
}

/// How many of the `count` layers are not of our making, by the history of `config`; nothing where it tells of none
/// that is.
#[must_use]
pub fn base_layers(config: &Value, count: usize) -> Option<usize> {
    let foreign = |(number, name): &(usize, String)| *name == format!("{} of {count}", number + 1);
    let below = layer_names(config, count).into_iter().enumerate().take_while(foreign).count();
    (below < count).then_some(below)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn layers_are_named_by_history_or_number() {
        let history = json!({ "history": [
            { "created_by": "/bin/sh -c #(nop) ADD file" },
            { "created_by": "ENV a=b", "empty_layer": true },
            { "created_by": "wheelwright: numpy, scipy (linux/arm64)" },
        ] });
        assert_eq!(layer_names(&history, 2), ["1 of 2", "numpy, scipy"]);
        assert_eq!(layer_names(&history, 3), ["1 of 3", "2 of 3", "3 of 3"]);
        assert_eq!([2, 3].map(|count| base_layers(&history, count)), [Some(1), None]);
    }
}
