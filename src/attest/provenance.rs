//! What an image was made of: every file that went into it, by its digest.
//!
//! [SLSA provenance v1](https://slsa.dev/spec/v1.0/provenance).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{BUILD_TYPE, BUILDER, PROVENANCE, Statement};
use crate::{
    lock::{LockedImage, LockedPlatform, WheelSource},
    oci::{Digest, Reference},
    sbom::purl,
};

/// What decided about an image.
#[derive(Clone, Copy, Debug)]
pub struct Build<'b> {
    /// What the recipe calls the image.
    pub name: &'b str,
    /// Which of the recipe's variants it is.
    pub variant: Option<&'b str>,
    /// The recipe, the last, and what it extends: paths from the recipe's folder, and digests.
    pub recipe: &'b [(String, Digest)],
    /// The lock.
    pub lock: Digest,
    /// What the lock says of the image.
    pub locked: (&'b LockedPlatform, &'b LockedImage),
    /// How the base is called, where it has a name that means something elsewhere.
    pub base: Option<&'b Reference>,
    /// The URLs of package indexes that are not the default one, by their names in the lock, without credentials.
    pub indexes: &'b BTreeMap<String, String>,
    /// Files of the user's that went in. Sorted by where they went.
    pub files: &'b [OwnFile],
    /// The version of the layers' format.
    pub format: u32,
    /// The time that the config gives, in seconds since 1970.
    pub epoch: u64,
}

/// A file of the user's that went into an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnFile {
    /// Where it stands in the image, without a leading slash; nothing where it does not stand there as it is.
    pub to: Option<String>,
    /// Its path from the recipe's folder.
    pub from: String,
    /// Of its contents.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
}

/// The statement that the image with this manifest was made so.
#[must_use]
pub fn provenance(manifest: Digest, build: &Build<'_>) -> Statement {
    let (below, image) = build.locked;
    let files = build.recipe.iter().map(|(path, digest)| json!({ "name": path, "digest": hex(*digest) }));
    let mut external = json!({
        "recipe": files.collect::<Value>(),
        "lock": { "digest": hex(build.lock) },
        "platform": below.platform.to_string(),
        "sourceDateEpoch": build.epoch,
    });
    if let Some(variant) = build.variant {
        external["variant"] = variant.into();
    }
    let mut internal = json!({ "layerFormat": build.format });
    if let Some(compiler) = &below.compiler {
        internal["compiler"] = compiler.to_string().into();
    }
    let dependencies = [base(below, build.base), packages(below), wheels(image, build.indexes), own(build.files)];
    Statement {
        name: build.name.to_owned(),
        subject: manifest,
        predicate_type: PROVENANCE.to_owned(),
        predicate: json!({
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": external,
                "internalParameters": internal,
                "resolvedDependencies": dependencies.concat(),
            },
            "runDetails": { "builder": { "id": BUILDER } },
        }),
    }
}

fn base(below: &LockedPlatform, name: Option<&Reference>) -> Vec<Value> {
    let Some(digest) = below.base else { return Vec::new() };
    let uri = name.map(|name| purl::of_image(name, &digest, &below.platform));
    let shown = name.map_or_else(|| "base".to_owned(), ToString::to_string);
    vec![dependency(&shown, uri, digest, [("kind", Some("base image"))])]
}

fn packages(below: &LockedPlatform) -> Vec<Value> {
    let one = |package: &crate::lock::LockedPackage| {
        let (name, digest, _) = package.as_file();
        let uri = purl::of_locked_package(package, &below.facts);
        let said =
            [("archive", Some(package.archive.as_str())), ("kind", Some("package")), ("path", Some(&package.path))];
        dependency(&name, Some(uri), digest, said)
    };
    below.debian.iter().map(one).collect()
}

fn wheels(image: &LockedImage, indexes: &BTreeMap<String, String>) -> Vec<Value> {
    let one = |wheel: &crate::lock::LockedWheel| {
        let uri = purl::of_distribution(&wheel.name, &wheel.version, Some(wheel), Some(indexes));
        let (index, path) = match &wheel.source {
            WheelSource::Index(index) => (Some(index.as_str()), None),
            WheelSource::Url(_) => (None, None),
            WheelSource::Path(path) => (None, Some(path.as_str())),
        };
        dependency(&wheel.file, Some(uri), wheel.sha256, [("index", index), ("kind", Some("wheel")), ("path", path)])
    };
    image.wheels.iter().map(one).collect()
}

fn own(files: &[OwnFile]) -> Vec<Value> {
    let one = |file: &OwnFile| {
        let to = file.to.as_ref().map(|to| format!("/{to}"));
        dependency(&file.from, None, file.digest, [("kind", Some("file")), ("to", to.as_deref())])
    };
    files.iter().map(one).collect()
}

fn dependency<const N: usize>(
    name: &str,
    uri: Option<String>,
    digest: Digest,
    annotations: [(&str, Option<&str>); N],
) -> Value {
    let stated = annotations.into_iter().filter_map(|(key, value)| Some((key.to_owned(), Value::from(value?))));
    let mut value = json!({ "name": name, "digest": hex(digest), "annotations": stated.collect::<Map<_, _>>() });
    if let Some(uri) = uri {
        value["uri"] = uri.into();
    }
    value
}

/// A digest as in-toto writes it.
pub(super) fn hex(digest: Digest) -> Value {
    json!({ "sha256": digest.hex() })
}
