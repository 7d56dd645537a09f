//! The inventory as SPDX 2.3.
//!
//! [SPDX specification 2.3](https://spdx.github.io/spdx-spec/v2.3/).

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Value, json};

use super::{Component, ComponentKind, Inventory};
use crate::python::Licence;

const IMAGE: &str = "SPDXRef-Image";
const UNSAID: &str = "NOASSERTION";

pub(super) fn document(inventory: &Inventory) -> Value {
    let mut foreign = BTreeMap::new();
    let mut packages = vec![image(inventory)];
    packages.extend(inventory.components.iter().map(|one| package(one, &mut foreign)));
    let mut relationships = vec![relationship("SPDXRef-DOCUMENT", "DESCRIBES", IMAGE)];
    for one in &inventory.components {
        relationships.push(relationship(IMAGE, "CONTAINS", &identifier(one)));
    }
    for one in &inventory.components {
        let owners =
            inventory.components.iter().filter(|owner| owner.kind == one.kind && one.wanted_by.contains(&owner.name));
        relationships.extend(owners.map(|owner| relationship(&identifier(owner), "DEPENDS_ON", &identifier(one))));
    }
    if let Some(system) = system(inventory) {
        relationships.push(relationship(IMAGE, "CONTAINS", "SPDXRef-OperatingSystem"));
        packages.push(system);
    }
    let mut document = json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": inventory.name,
        "documentNamespace": format!("https://spdx.org/spdxdocs/wheelwright-{}", inventory.manifest.hex()),
        "creationInfo": {
            "created": inventory.created,
            "creators": [format!("Tool: wheelwright-{}", env!("CARGO_PKG_VERSION"))],
        },
        "packages": packages,
        "relationships": relationships,
    });
    if !foreign.is_empty() {
        let texts = foreign.into_iter().map(|(id, name)| {
            json!({ "licenseId": id, "name": id, "extractedText": format!("See the licence files of {name}.") })
        });
        document["hasExtractedLicensingInfos"] = texts.collect();
    }
    document
}

fn image(inventory: &Inventory) -> Value {
    let mut comment = format!("For {}.", inventory.platform);
    if let Some((name, digest)) = &inventory.base {
        let name = name.as_ref().map(|name| format!("{name}@")).unwrap_or_default();
        let _ = write!(comment, " Built on {name}{digest}.");
    }
    let mut image = bare(IMAGE, &inventory.name, Some(&inventory.manifest.to_string()), "CONTAINER");
    image["checksums"] = json!([{ "algorithm": "SHA256", "checksumValue": inventory.manifest.hex() }]);
    image["externalRefs"] = json!([located(&inventory.purl())]);
    image["comment"] = json!(comment);
    image
}

fn system(inventory: &Inventory) -> Option<Value> {
    let (name, version) = inventory.system.as_ref()?;
    Some(bare("SPDXRef-OperatingSystem", name, version.as_deref(), "OPERATING-SYSTEM"))
}

fn package(one: &Component, foreign: &mut BTreeMap<String, String>) -> Value {
    let purpose = match one.kind {
        ComponentKind::Python | ComponentKind::Debian => "LIBRARY",
        ComponentKind::Interpreter | ComponentKind::Files => "APPLICATION",
    };
    let mut package = bare(&identifier(one), &one.name, Some(&one.version), purpose);
    match &one.licence {
        None => {}
        Some(Licence::Expression(text)) => {
            package["licenseDeclared"] = json!(text);
            let words = text.split(|letter: char| letter.is_whitespace() || "()".contains(letter));
            for id in words.filter(|word| word.starts_with("LicenseRef-")) {
                foreign.entry(id.to_owned()).or_insert_with(|| one.name.clone());
            }
        }
        Some(Licence::Words(text)) => package["licenseComments"] = json!(format!("Its metadata say: {text}")),
    }
    if let Some(file) = &one.fetched {
        package["checksums"] = json!([{ "algorithm": "SHA256", "checksumValue": file.sha256.hex() }]);
        package["packageFileName"] = json!(file.file);
    }
    if let Some(purl) = &one.purl {
        package["externalRefs"] = json!([located(purl)]);
    }
    let mut source = Vec::new();
    source
        .extend(one.of_base.map(|of_base| if of_base { "of the base".to_owned() } else { "of the recipe".to_owned() }));
    source.extend(one.layer.iter().map(|layer| format!("layer {layer}")));
    source.extend(one.licence_files.iter().map(|path| format!("licence in {path}")));
    source.extend(one.embedded.iter().map(|path| format!("an SBOM of its own in {path}")));
    if !source.is_empty() {
        package["sourceInfo"] = json!(source.join("; "));
    }
    package
}

/// What every package of a document says.
fn bare(id: &str, name: &str, version: Option<&str>, purpose: &str) -> Value {
    let mut package = json!({
        "SPDXID": id,
        "name": name,
        "downloadLocation": UNSAID,
        "filesAnalyzed": false,
        "licenseConcluded": UNSAID,
        "licenseDeclared": UNSAID,
        "copyrightText": UNSAID,
        "supplier": UNSAID,
        "primaryPackagePurpose": purpose,
    });
    if let Some(version) = version {
        package["versionInfo"] = json!(version);
    }
    package
}

fn located(purl: &str) -> Value {
    json!({ "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl })
}

fn relationship(from: &str, kind: &str, to: &str) -> Value {
    json!({ "spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to })
}

/// Letters, digits, `.` and `-` are all that an identifier may have; what else a name has is spelled out, so
/// that no two are the same.
fn identifier(one: &Component) -> String {
    let kind = match one.kind {
        ComponentKind::Python => "Python",
        ComponentKind::Debian => "Debian",
        ComponentKind::Interpreter => "Interpreter",
        ComponentKind::Files => "Files",
    };
    let mut id = format!("SPDXRef-{kind}-");
    for letter in format!("{}-{}", one.name, one.version).chars() {
        if letter.is_ascii_alphanumeric() || letter == '.' || letter == '-' {
            id.push(letter);
        } else {
            let _ = write!(id, "-x{:x}-", u32::from(letter));
        }
    }
    id
}
