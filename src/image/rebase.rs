//! An image's documents over another base: what the image itself says stays, the rest is the new base's.
//!
//! What the image says itself is what it says otherwise than the base that it was built on: a merge of three
//! documents, field by field.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Manifest, variables};
use crate::oci::{Descriptor, Digest, MediaType};

/// The annotation with the name of the base.
///
/// [Image specification, annotations](https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md#pre-defined-annotation-keys).
pub const BASE_NAME: &str = "org.opencontainers.image.base.name";
/// The annotation with the digest of the base.
pub const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";

/// Under which name and digest a base is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseName {
    /// As in a registry; none for a base that has a name on one machine only.
    pub name: Option<String>,
    /// Of its manifest, or of its index.
    pub digest: Digest,
}

impl BaseName {
    /// The value of each annotation that tells of a base.
    fn fields(&self) -> [(&'static str, Option<String>); 2] {
        [(BASE_NAME, self.name.clone()), (BASE_DIGEST, Some(self.digest.to_string()))]
    }
}

/// A config over another base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RebasedConfig {
    /// The whole document.
    pub config: Value,
    /// Lists of folders, such as `PATH`, that the image sets without the old base's value in them, while the
    /// new base has another one: the image's stay as they are.
    pub kept: Vec<String>,
}

/// The config of `image`, which was built over the base with the config `old`, over the one with `new`.
/// `base` is what labels shall say of that.
#[must_use]
pub fn rebase_config(image: &Value, old: &Value, new: &Value, base: &BaseName) -> RebasedConfig {
    let mut config = Map::new();
    for key in keys([image, old, new]) {
        if !["config", "created", "rootfs", "history"].contains(&key) {
            set(&mut config, key, three_ways(image.get(key), old.get(key), new.get(key)));
        }
    }
    set(&mut config, "created", image.get("created").or_else(|| new.get("created")).cloned());
    let empty = Value::Null;
    let inner = |document: &'_ Value| document.get("config").unwrap_or(&empty).clone();
    let mut settings = settings(&inner(image), &inner(old), &inner(new), base);
    let (environment, kept) = environment(image, old, new);
    set(&mut settings, "Env", (!environment.is_empty()).then(|| json!(environment)));
    config.insert("config".to_owned(), Value::Object(settings));
    let (below, above) = (diff_ids(new), diff_ids(image));
    let above = above.get(diff_ids(old).len()..).unwrap_or_default();
    set(&mut config, "history", history(image, old, new, above.len()).map(Value::Array));
    let all = [&below, above].concat();
    config.insert("rootfs".to_owned(), json!({ "type": "layers", "diff_ids": all }));
    RebasedConfig { config: Value::Object(config), kept }
}

/// The manifest `image` with this config and with the layers `below` in place of its lowest `old`. Its own
/// layers are described as they were.
#[must_use]
pub fn rebase_manifest(
    image: &Manifest,
    config: &Descriptor,
    (below, old): (&[Descriptor], usize),
    base: &BaseName,
) -> Manifest {
    let mut value = image.value().clone();
    let above = value.get("layers").and_then(Value::as_array).and_then(|layers| layers.get(old..)).unwrap_or_default();
    let above = above.iter().cloned().map(in_oci_words);
    let layers: Vec<Value> = below.iter().map(Descriptor::to_json).chain(above).collect();
    value["mediaType"] = MediaType::ImageManifest.to_string().into();
    value["config"] = config.to_json();
    value["layers"] = Value::Array(layers);
    annotate(&mut value, Some(base));
    Manifest::of_value(MediaType::ImageManifest, value)
}

/// The index with each manifest of `images` in place of the one that has the digest before it. What else it
/// lists speaks of images that are not in it any more, and is left out. `base` is the new base's index.
#[must_use]
pub fn rebase_index(index: &Manifest, images: &[(Digest, Manifest)], base: Option<&BaseName>) -> Manifest {
    let mut value = index.value().clone();
    let entries = value.get("manifests").and_then(Value::as_array).cloned().unwrap_or_default();
    let entries = entries.into_iter().filter_map(|mut entry| {
        let digest: Digest = entry.get("digest")?.as_str()?.parse().ok()?;
        let (_, image) = images.iter().find(|(old, _)| *old == digest)?;
        let new = image.descriptor();
        entry["mediaType"] = new.media_type.to_string().into();
        entry["digest"] = new.digest.to_string().into();
        entry["size"] = new.size.into();
        Some(entry)
    });
    value["manifests"] = entries.collect();
    value["mediaType"] = MediaType::ImageIndex.to_string().into();
    annotate(&mut value, base);
    Manifest::of_value(MediaType::ImageIndex, value)
}

/// What `image` says where it says something else than `old`, else what `new` says.
fn three_ways(image: Option<&Value>, old: Option<&Value>, new: Option<&Value>) -> Option<Value> {
    let told = |value: Option<&Value>| value.filter(|value| !value.is_null()).cloned();
    let (image, old, new) = (told(image), told(old), told(new));
    if image == old { new } else { image }
}

/// The same for each key of an object, such as labels.
fn by_key(image: Option<&Value>, old: Option<&Value>, new: Option<&Value>) -> Option<Value> {
    let all = [image, old, new].map(|value| value.unwrap_or(&Value::Null));
    let mut merged = Map::new();
    for key in keys(all) {
        let [image, old, new] = all.map(|object| object.get(key));
        // An empty object is a value here: ports and volumes have no other.
        set(&mut merged, key, if image == old { new.cloned() } else { image.cloned() });
    }
    (!merged.is_empty()).then_some(Value::Object(merged))
}

/// The `config` object within the config, without its variables.
fn settings(image: &Value, old: &Value, new: &Value, base: &BaseName) -> Map<String, Value> {
    let mut settings = Map::new();
    for key in keys([image, old, new]) {
        let of = [image, old, new].map(|document| document.get(key));
        let merged = match key {
            "Env" => None,
            "Labels" | "ExposedPorts" | "Volumes" => by_key(of[0], of[1], of[2]),
            // An entry point of the image's own takes no arguments from any base.
            "Cmd" if differs(image, old, "Entrypoint") => of[0].filter(|value| !value.is_null()).cloned(),
            _ => three_ways(of[0], of[1], of[2]),
        };
        set(&mut settings, key, merged);
    }
    let label = |document: &Value, key: &str| document.get("Labels").and_then(|labels| labels.get(key)).cloned();
    for (key, value) in base.fields() {
        let own = label(image, key).filter(|own| label(old, key).as_ref() != Some(own));
        if let (Some(_), Some(Value::Object(labels))) = (own, settings.get_mut("Labels")) {
            set(labels, key, value.map(Value::from));
        }
    }
    settings
}

fn differs(left: &Value, right: &Value, key: &str) -> bool {
    let told = |document: &Value| document.get(key).filter(|value| !value.is_null()).cloned();
    told(left) != told(right)
}

/// The new base's variables with what the image sets or takes away, and which lists of folders could not be
/// carried over.
fn environment(image: &Value, old: &Value, new: &Value) -> (Vec<String>, Vec<String>) {
    let (before, after) = (variables(Some(old)), variables(Some(new)));
    let listed = |document: &Value| -> Vec<String> {
        let list = document.pointer("/config/Env").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let (ours, inherited, mut list) = (listed(image), listed(old), listed(new));
    let name = |entry: &str| entry.split_once('=').map_or(entry, |(name, _)| name).to_owned();
    let mut kept = Vec::new();
    for entry in ours.iter().filter(|entry| !inherited.contains(entry)) {
        let key = name(entry);
        let value = entry.get(key.len() + 1..).unwrap_or_default();
        let moved = match (before.get(&key), after.get(&key)) {
            (Some(before), Some(after)) if key.ends_with("PATH") && before != after => {
                let moved = moved(value, before, after);
                kept.extend(moved.is_none().then(|| key.clone()));
                moved
            }
            _ => None,
        };
        let entry = moved.map_or_else(|| entry.clone(), |value| format!("{key}={value}"));
        match list.iter_mut().find(|there| name(there) == key) {
            Some(place) => *place = entry,
            None => list.push(entry),
        }
    }
    let names: BTreeSet<String> = ours.iter().map(|entry| name(entry)).collect();
    let removed: BTreeSet<String> =
        inherited.iter().map(|entry| name(entry)).filter(|key| !names.contains(key)).collect();
    list.retain(|entry| !removed.contains(&name(entry)));
    (list, kept)
}

/// `value` with the folders `after` in place of `before`, if they stand in it together.
fn moved(value: &str, before: &str, after: &str) -> Option<String> {
    let (value, before): (Vec<&str>, Vec<&str>) = (value.split(':').collect(), before.split(':').collect());
    let start = value.windows(before.len()).position(|window| window == before)?;
    let (front, back) = (&value[..start], &value[start + before.len()..]);
    Some([front, &[after], back].concat().join(":"))
}

/// The new base's history with the image's own behind it; nothing where either is not known whole.
fn history(image: &Value, old: &Value, new: &Value, ours: usize) -> Option<Vec<Value>> {
    let listed = |document: &Value| document.get("history").and_then(Value::as_array).cloned();
    let is_layer = |entry: &&Value| entry.get("empty_layer").and_then(Value::as_bool) != Some(true);
    let layers = |entries: &[Value]| entries.iter().filter(is_layer).count();
    let below = listed(new).unwrap_or_default();
    let all = listed(image)?;
    let inherited = listed(old).unwrap_or_default();
    let own = match all.strip_prefix(&inherited[..]) {
        Some(own) if layers(own) == ours => own,
        // Somebody wrote the base's part anew: what belongs to the layers above is counted from the end.
        _ => (0..=all.len()).rev().map(|start| &all[start..]).find(|own| layers(own) == ours)?,
    };
    let whole = layers(&below) == diff_ids(new).len() && layers(own) == ours;
    whole.then(|| [&below, own].concat())
}

fn diff_ids(config: &Value) -> Vec<Value> {
    config.pointer("/rootfs/diff_ids").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn annotate(document: &mut Value, base: Option<&BaseName>) {
    let mut annotations = document.get("annotations").and_then(Value::as_object).cloned().unwrap_or_default();
    let fields = base.map_or([(BASE_NAME, None), (BASE_DIGEST, None)], BaseName::fields);
    for (key, value) in fields {
        set(&mut annotations, key, value.map(Value::from));
    }
    document["annotations"] = Value::Object(annotations);
}

/// A layer's descriptor with OCI's name for its type, all else as it is.
fn in_oci_words(mut descriptor: Value) -> Value {
    let name = match descriptor.get("mediaType").and_then(Value::as_str) {
        Some("application/vnd.docker.image.rootfs.diff.tar.gzip") => MediaType::ImageLayerGzip,
        Some("application/vnd.docker.image.rootfs.diff.tar.zstd") => MediaType::ImageLayerZstd,
        Some("application/vnd.docker.image.rootfs.diff.tar") => MediaType::ImageLayer,
        _ => return descriptor,
    };
    descriptor["mediaType"] = name.to_string().into();
    descriptor
}

fn keys(documents: [&Value; 3]) -> BTreeSet<&str> {
    documents.into_iter().filter_map(Value::as_object).flat_map(|object| object.keys().map(String::as_str)).collect()
}

fn set(object: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    match value {
        Some(value) => drop(object.insert(key.to_owned(), value)),
        None => drop(object.remove(key)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        image::{ConfigChanges, ConfigLayer, derive_config},
        oci::DiffId,
    };

    fn base(name: &str) -> BaseName {
        BaseName { name: Some(format!("h.example/{name}")), digest: Digest::of(name.as_bytes()) }
    }

    fn config(name: &str, settings: &Value, layers: usize) -> Value {
        let ids: Vec<String> =
            (0..layers).map(|number| Digest::of(format!("{name}{number}").as_bytes()).to_string()).collect();
        let history: Vec<Value> =
            (0..layers).map(|number| json!({ "created_by": format!("{name} {number}") })).collect();
        let history = [history, vec![json!({ "created_by": "CMD", "empty_layer": true })]].concat();
        json!({
            "architecture": "arm64", "os": "linux", "variant": "v8", "author": name,
            "config": settings,
            "rootfs": { "type": "layers", "diff_ids": ids },
            "history": history,
        })
    }

    fn old() -> Value {
        let settings = json!({
            "Env": ["PATH=/usr/local/bin:/bin", "PYTHON_VERSION=3.11.8", "GONE=1", "LANG=C"],
            "Cmd": ["python3"], "Labels": { "vendor": "v1", "old": "x" }, "Healthcheck": { "Test": ["NONE"] },
            "ExposedPorts": { "1/tcp": {} }, "User": "1",
        });
        config("old", &settings, 2)
    }

    fn new() -> Value {
        let settings = json!({
            "Env": ["NEW=1", "PATH=/opt/bin:/bin", "PYTHON_VERSION=3.11.9", "LANG=C.UTF-8"],
            "Cmd": ["python3", "-q"], "Labels": { "vendor": "v2" }, "Shell": ["/bin/ash"], "User": "2",
        });
        config("new", &settings, 1)
    }

    fn changes() -> ConfigChanges {
        ConfigChanges {
            env: BTreeMap::from(
                [("PATH", "/v/bin:/usr/local/bin:/bin"), ("A", "1"), ("LANG", "de")]
                    .map(|(key, value)| (key.to_owned(), value.to_owned())),
            ),
            labels: BTreeMap::from([("own".to_owned(), "y".to_owned())]),
            ports: vec!["80/tcp".to_owned()],
            ..ConfigChanges::default()
        }
    }

    fn derived(base: &Value, changes: &ConfigChanges) -> Value {
        let layer = ConfigLayer { diff_id: DiffId(Digest::of(b"ours")), created_by: "wheelwright: wheels".to_owned() };
        derive_config(Some(base), &"linux/arm64".parse().unwrap(), changes, &[layer], 315_532_800)
    }

    #[test]
    fn what_is_rebased_is_what_would_have_been_built() {
        let check = |changes: ConfigChanges, over_new: ConfigChanges| {
            let rebased = rebase_config(&derived(&old(), &changes), &old(), &new(), &base("new"));
            assert_eq!(rebased.config, derived(&new(), &over_new));
            assert_eq!(rebased.kept, Vec::<String>::new());
        };
        check(ConfigChanges::default(), ConfigChanges::default());
        let mut over_new = changes();
        over_new.env.insert("PATH".to_owned(), "/v/bin:/opt/bin:/bin".to_owned());
        check(changes(), over_new);
        let entrypoint = ConfigChanges { entrypoint: Some(vec!["app".to_owned()]), ..ConfigChanges::default() };
        check(entrypoint.clone(), entrypoint);
        let cmd =
            ConfigChanges { cmd: Some(vec!["-m".to_owned()]), user: Some("9".to_owned()), ..ConfigChanges::default() };
        check(cmd.clone(), cmd);
    }

    #[test]
    fn on_its_own_base_an_image_stays_as_it_is() {
        let image = derived(&old(), &changes());
        assert_eq!(rebase_config(&image, &old(), &old(), &base("old")).config, image);
    }

    #[test]
    fn what_the_image_takes_away_is_gone_and_lists_without_the_base_are_named() {
        let mut image = derived(&old(), &ConfigChanges::default());
        image["config"]["Env"] = json!(["PATH=/only", "PYTHON_VERSION=3.11.8"]);
        image["config"]["User"] = Value::Null;
        image["config"]["Labels"][BASE_NAME] = "h.example/old".into();
        image["config"]["Labels"].as_object_mut().unwrap().remove("vendor");
        let rebased = rebase_config(&image, &old(), &new(), &base("new"));
        assert_eq!(rebased.config["config"]["Env"], json!(["NEW=1", "PATH=/only", "PYTHON_VERSION=3.11.9"]));
        assert_eq!(rebased.kept, ["PATH"]);
        assert_eq!(rebased.config["config"].get("User"), None);
        assert_eq!(rebased.config["config"]["Labels"], json!({ BASE_NAME: "h.example/new" }));
        assert_eq!(rebased.config["author"], "new");
    }

    #[test]
    fn history_is_whole_or_not_at_all() {
        let image = derived(&old(), &ConfigChanges::default());
        let check = |image: &Value, old: &Value, new: &Value, expect: Option<usize>| {
            let rebased = rebase_config(image, old, new, &base("new")).config;
            assert_eq!(rebased.get("history").and_then(Value::as_array).map(Vec::len), expect);
        };
        check(&image, &old(), &new(), Some(3));
        let mut other = old();
        other["history"][0]["created_by"] = "otherwise".into();
        check(&image, &other, &new(), Some(3));
        let mut without = new();
        without.as_object_mut().unwrap().remove("history");
        check(&image, &old(), &without, None);
        let mut without = image;
        without.as_object_mut().unwrap().remove("history");
        check(&without, &old(), &new(), None);
    }

    #[test]
    fn own_layers_are_described_as_they_were_and_statements_on_the_old_image_are_left_out() {
        let layer = |name: &str| Descriptor::of(MediaType::ImageLayerGzip, name.as_bytes());
        let mut own = layer("own").to_json();
        own["mediaType"] = "application/vnd.docker.image.rootfs.diff.tar.gzip".into();
        own["x"] = json!({ "y": 1 });
        let document = json!({ "schemaVersion": 2, "config": layer("c").to_json(), "layers": [layer("a").to_json(), own], "annotations": { "k": "v" } });
        let image = Manifest::of_value(MediaType::ImageManifest, document);
        let rebased = rebase_manifest(&image, &layer("config"), (&[layer("b"), layer("c")], 1), &base("new"));
        let mut expect = layer("own").to_json();
        expect["x"] = json!({ "y": 1 });
        assert_eq!(rebased.value()["layers"], json!([layer("b").to_json(), layer("c").to_json(), expect]));
        assert_eq!(rebased.value()["annotations"]["k"], "v");
        assert_eq!(rebased.value()["annotations"][BASE_NAME], "h.example/new");
        let mut entry = image.descriptor().to_json();
        entry["platform"] = json!({ "os": "linux", "architecture": "arm64", "os.version": "1" });
        let index = Manifest::of_entries(vec![entry, layer("attestation").to_json()]);
        let rebased = rebase_index(&index, &[(image.descriptor().digest, rebased)], None);
        assert_eq!(rebased.value()["manifests"].as_array().unwrap().len(), 1);
        assert_eq!(rebased.value()["manifests"][0]["platform"]["os.version"], "1");
        assert_eq!(rebased.value().get("annotations"), None);
    }
}
