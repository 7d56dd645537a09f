//! `--metadata-file`: what was built and delivered, for the steps of a pipeline that follow.
//!
//! Keys that buildx writes have buildx's names; what it has no word for stands below `wheelwright`.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::error::CliError;
use crate::{
    builder::{Built, Destination},
    fs::write_atomic,
    image::{BlobSource as _, Delivery, Image, Moved},
    oci::Descriptor,
};

/// One image, and what came of bringing it to each of its destinations.
pub(super) type Delivered<'a> = (&'a Built, Vec<(&'a Destination, Delivery)>);

/// One object for `images`, or an object of them by variant.
pub(super) fn document(images: &[Delivered<'_>]) -> Value {
    let mut variants = Map::new();
    let mut document = Value::Object(Map::new());
    for (built, deliveries) in images {
        match &built.variant {
            Some(variant) => drop(variants.insert(variant.clone(), described(built, deliveries))),
            None => document = described(built, deliveries),
        }
    }
    if !variants.is_empty() {
        document = Value::Object(variants);
    }
    document
}

/// Writes a document to `path`: that of a recipe's images, or an object of those of several recipes by their
/// names.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write(path: &Path, document: &Value) -> Result<(), CliError> {
    write_atomic(path, format!("{document:#}\n").as_bytes())
        .map_err(|source| CliError::Write { path: path.to_owned(), source })
}

fn described(built: &Built, deliveries: &[(&Destination, Delivery)]) -> Value {
    let root = built.index.manifest.descriptor();
    let names = deliveries.iter().filter_map(|(destination, _)| name(destination)).collect::<Vec<_>>();
    let mut object = json!({
        "containerimage.descriptor": root.to_json(),
        "containerimage.digest": root.digest.to_string(),
        "wheelwright": {
            "destinations": deliveries.iter().map(|(destination, delivery)| arrived(destination, delivery)).collect::<Value>(),
            "images": built.index.images.iter().map(|image| of_platform(built, image)).collect::<Value>(),
        },
    });
    if let [only] = built.index.images.as_slice() {
        object["containerimage.config.digest"] = only.config.descriptor().digest.to_string().into();
    }
    if !names.is_empty() {
        object["image.name"] = names.join(",").into();
    }
    object
}

/// What an engine or a registry knows the image by.
fn name(destination: &Destination) -> Option<String> {
    match destination {
        Destination::Registry(reference)
        | Destination::Engine { reference, .. }
        | Destination::DockerArchive { reference: Some(reference), .. } => Some(reference.to_string()),
        _ => None,
    }
}

fn arrived(destination: &Destination, delivery: &Delivery) -> Value {
    let blobs = delivery.blobs.iter().map(|(digest, moved)| {
        let bytes = if let Moved::Sent(bytes) = moved { *bytes } else { 0 };
        json!({ "digest": digest.to_string(), "moved": moved.verb(), "bytes": bytes })
    });
    json!({
        "name": destination.to_string(), "digest": delivery.root.to_string(),
        "bytes": delivery.bytes_sent(), "blobs": blobs.collect::<Value>(),
        "attached": delivery.attached.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn of_platform(built: &Built, image: &Image) -> Value {
    let described =
        |descriptor: &Descriptor| json!({ "digest": descriptor.digest.to_string(), "size": descriptor.size });
    let rows = built.layers.iter().filter(|row| row.platform == image.platform);
    let layers = rows.zip(&image.layers).map(|(row, layer)| {
        json!({
            "name": row.name, "digest": row.digest.to_string(), "size": row.size, "made": row.made.to_string(),
            "diffId": layer.diff_id.to_string(), "mediaType": layer.blob.descriptor().media_type.to_string(),
        })
    });
    json!({
        "platform": image.platform.to_string(),
        "manifest": described(image.manifest.descriptor()),
        "config": described(image.config.descriptor()),
        "layers": layers.collect::<Value>(),
    })
}
