//! The inventory as CycloneDX 1.6.
//!
//! [CycloneDX 1.6](https://cyclonedx.org/docs/1.6/json/).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Component, ComponentKind, Inventory, inventory::reference};
use crate::{oci::Digest, python::Licence};

/// What a layer's digest and the like are called in `properties`.
const PROPERTY: &str = "wheelwright";

pub(super) fn document(inventory: &Inventory, files: bool) -> Value {
    let image = inventory.purl();
    let mut components: Vec<Value> = inventory.components.iter().map(|one| component(one, files)).collect();
    if let Some((name, version)) = &inventory.system {
        let mut system = json!({ "type": "operating-system", "bom-ref": format!("os:{name}"), "name": name });
        set(&mut system, "version", version.clone().map(Value::from));
        components.push(system);
    }
    let mut properties = vec![property("platform", &inventory.platform.to_string())];
    if let Some((name, digest)) = &inventory.base {
        properties.push(property("base:digest", digest));
        properties.extend(name.iter().map(|name| property("base:name", name)));
    }
    let about = json!({
        "type": "container",
        "bom-ref": image,
        "name": inventory.name,
        "version": inventory.manifest.to_string(),
        "purl": image,
        "hashes": [{ "alg": "SHA-256", "content": inventory.manifest.hex() }],
        "properties": properties,
    });
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{}", uuid(inventory)),
        "version": 1,
        "metadata": {
            "timestamp": inventory.created,
            "tools": { "components": [{ "type": "application", "name": "wheelwright", "version": env!("CARGO_PKG_VERSION") }] },
            "component": about,
        },
        "components": components,
        "dependencies": dependencies(inventory),
    })
}

fn component(one: &Component, files: bool) -> Value {
    let kind = match one.kind {
        ComponentKind::Python | ComponentKind::Debian => "library",
        ComponentKind::Interpreter => "platform",
        ComponentKind::Files => "application",
    };
    let mut value = json!({ "type": kind, "bom-ref": reference(one), "name": one.name, "version": one.version });
    set(&mut value, "purl", one.purl.clone().map(Value::from));
    set(&mut value, "licenses", one.licence.as_ref().map(|licence| json!([licence_of(licence)])));
    let hashes = one.fetched.as_ref().map(|file| json!([{ "alg": "SHA-256", "content": file.sha256.hex() }]));
    set(&mut value, "hashes", hashes);
    let mut properties = Vec::new();
    properties.extend(one.layer.iter().map(|layer| property("layer", &layer.to_string())));
    properties.extend(one.of_base.map(|of_base| property("origin", if of_base { "base" } else { "recipe" })));
    properties.extend(one.fetched.iter().map(|file| property("file", &file.file)));
    properties.extend(one.licence_files.iter().map(|path| property("license-file", path)));
    properties.extend(one.embedded.iter().map(|path| property("sbom", path)));
    value["properties"] = Value::Array(properties);
    if files && !one.files.is_empty() {
        let occurrences: Vec<Value> = one.files.iter().map(|path| json!({ "location": path })).collect();
        value["evidence"] = json!({ "occurrences": occurrences });
    }
    value
}

/// One licence of SPDX's list has another form than an expression of several.
fn licence_of(licence: &Licence) -> Value {
    match licence {
        Licence::Expression(text) if spdx::license_id(text).is_some_and(|id| id.name == text) => {
            json!({ "license": { "id": text } })
        }
        Licence::Expression(text) => json!({ "expression": text }),
        Licence::Words(text) => json!({ "license": { "name": text } }),
    }
}

/// What each component wants, as far as the lock says who wants what.
fn dependencies(inventory: &Inventory) -> Vec<Value> {
    let mut wants: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut below = Vec::new();
    for one in &inventory.components {
        wants.entry(reference(one)).or_default();
        let owners =
            inventory.components.iter().filter(|owner| owner.kind == one.kind && one.wanted_by.contains(&owner.name));
        let owners: Vec<String> = owners.map(reference).collect();
        if owners.is_empty() {
            below.push(reference(one));
        }
        for owner in owners {
            wants.entry(owner).or_default().push(reference(one));
        }
    }
    let image = json!({ "ref": inventory.purl(), "dependsOn": below });
    let rest = wants.into_iter().map(|(owner, wanted)| json!({ "ref": owner, "dependsOn": wanted }));
    std::iter::once(image).chain(rest).collect()
}

fn property(name: &str, value: &str) -> Value {
    json!({ "name": format!("{PROPERTY}:{name}"), "value": value })
}

fn set(object: &mut Value, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        object[key] = value;
    }
}

/// A number that is the document's own: it follows from the image.
///
/// RFC 9562, section 5.8.
fn uuid(inventory: &Inventory) -> String {
    let mut bytes = *inventory.manifest.as_bytes();
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = Digest::from_bytes(bytes).hex();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32]].join("-")
}
