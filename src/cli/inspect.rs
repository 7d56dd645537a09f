//! `wheelwright inspect`: what is in an image, from its manifests and configs alone.

use std::{collections::BTreeSet, fmt::Write as _, path::Path};

use serde_json::{Value, json};

use super::{
    args,
    error::CliError,
    quantity,
    report::visible,
    session::Session,
    table::{Align, Table},
};
use crate::{
    attest::entries,
    builder::{PackageKind, Portrait},
    image::{Attachment, Manifest, Source, read_whole},
    oci::{Descriptor, Digest, canonical_json},
};

/// Most bytes of a config.
const LARGEST_CONFIG: u64 = 8 << 20;

/// What was found under a name.
struct Inspected {
    root: Descriptor,
    images: Vec<Inside>,
    /// Entries of the index that are no images for a known platform: attestations and the like.
    others: Vec<Descriptor>,
    /// What their files are, if that was asked for.
    portraits: Vec<Portrait>,
    attached: Vec<Attached>,
}

/// Something that is attached.
struct Attached {
    /// To which manifest.
    subject: Digest,
    /// Of which type, and with which predicate if it is a statement.
    kind: Option<String>,
    predicate: Option<String>,
    /// Of its manifest, or of the statement where the index lists it.
    digest: Digest,
    size: u64,
}

impl Attached {
    fn of(subject: Digest, attachment: &Attachment) -> Self {
        let predicate = attachment.predicate().map(str::to_owned);
        let Descriptor { digest, size, .. } = attachment.manifest;
        Self { subject, kind: attachment.kind.clone(), predicate, digest, size }
    }

    fn of_layer(subject: Digest, layer: &Descriptor) -> Self {
        let attachment = Attachment { manifest: layer.clone(), kind: Some(layer.media_type.to_string()) };
        Self::of(subject, &attachment)
    }
}

impl Inspected {
    /// What is known of the files of `inside`.
    fn portrait(&self, inside: &Inside) -> Option<&Portrait> {
        self.portraits.iter().find(|portrait| portrait.platform.to_string() == inside.platform)
    }
}

/// One image.
struct Inside {
    platform: String,
    manifest: Descriptor,
    config: Value,
    layers: Vec<(Descriptor, Option<String>)>,
}

/// Reads manifests and configs; returns the description.
///
/// # Errors
/// When the image cannot be reached or is malformed.
pub(super) async fn run(session: &Session, arguments: &args::Inspect) -> Result<String, CliError> {
    let source = session.builder()?.source(&arguments.image, Path::new(""))?;
    let image = arguments.image.to_string();
    let mut inspected = inspect(&*source, &image).await?;
    let images = inspected.images.iter().map(|inside| inside.manifest.digest);
    let subjects: BTreeSet<Digest> = images.chain([inspected.root.digest]).collect();
    for subject in subjects {
        let attached = source.attached(&subject).await;
        let attached = attached.map_err(|source| CliError::Image { image: image.clone(), source })?;
        inspected.attached.extend(attached.iter().map(|attached| Attached::of(subject, attached)));
    }
    if arguments.packages {
        inspected.portraits = session.builder()?.portray(&arguments.image, Path::new("")).await?;
    }
    Ok(if arguments.json { as_json(&inspected) } else { as_text(&image, &inspected) })
}

async fn inspect(source: &dyn Source, image: &str) -> Result<Inspected, CliError> {
    let root = source.root().await.map_err(|source| CliError::Image { image: image.to_owned(), source })?;
    let mut inspected = Inspected {
        root: root.descriptor().clone(),
        images: Vec::new(),
        others: Vec::new(),
        portraits: Vec::new(),
        attached: Vec::new(),
    };
    if !root.is_index() {
        inspected.images.push(inside(source, image, &root, None).await?);
        return Ok(inspected);
    }
    for (subject, listed) in entries(&root) {
        let manifest = source.manifest(&listed).await;
        let manifest = manifest.map_err(|source| CliError::Image { image: image.to_owned(), source })?;
        let layers = manifest.layers().unwrap_or_default();
        inspected.attached.extend(layers.iter().map(|layer| Attached::of_layer(subject, layer)));
    }
    for descriptor in root.manifests().map_err(|source| CliError::Manifest { image: image.to_owned(), source })? {
        let Some(platform) = &descriptor.platform else {
            inspected.others.push(descriptor);
            continue;
        };
        let manifest = source.manifest(&descriptor).await;
        let manifest = manifest.map_err(|source| CliError::Image { image: image.to_owned(), source })?;
        inspected.images.push(inside(source, image, &manifest, Some(platform.to_string())).await?);
    }
    Ok(inspected)
}

async fn inside(
    source: &dyn Source,
    image: &str,
    manifest: &Manifest,
    platform: Option<String>,
) -> Result<Inside, CliError> {
    let malformed = |source| CliError::Manifest { image: image.to_owned(), source };
    let descriptor = manifest.config().map_err(malformed)?;
    let bytes = read_whole(&*source.blob(&descriptor), LARGEST_CONFIG).await;
    let bytes = bytes.map_err(|source| CliError::Image { image: image.to_owned(), source })?;
    let config: Value =
        serde_json::from_slice(&bytes).map_err(|source| CliError::Config { image: image.to_owned(), source })?;
    let layers = manifest.layers().map_err(malformed)?;
    let mut history = created_by(&config).into_iter();
    let layers = layers.into_iter().map(|layer| (layer, history.next().flatten())).collect();
    let platform = platform.unwrap_or_else(|| platform_of(&config));
    Ok(Inside { platform, manifest: manifest.descriptor().clone(), config, layers })
}

/// What made each layer, as far as the history says.
///
/// [Image specification, config, `history`](https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties).
fn created_by(config: &Value) -> Vec<Option<String>> {
    let history = config.get("history").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let full = history.iter().filter(|entry| entry.get("empty_layer").and_then(Value::as_bool) != Some(true));
    full.map(|entry| entry.get("created_by").and_then(Value::as_str).map(str::to_owned)).collect()
}

fn platform_of(config: &Value) -> String {
    let fields = ["os", "architecture", "variant"].map(|key| config.get(key).and_then(Value::as_str));
    let known: Vec<&str> = fields.into_iter().flatten().filter(|field| !field.is_empty()).collect();
    known.join("/")
}

fn as_text(image: &str, inspected: &Inspected) -> String {
    let Descriptor { digest, media_type, .. } = &inspected.root;
    let mut text = format!("{}\n  digest  {digest}\n  type    {media_type}\n", visible(image));
    if !inspected.images.iter().any(|inside| inside.manifest.digest == *digest) {
        text.push_str(&attached(inspected, digest));
    }
    for inside in &inspected.images {
        let size = quantity::bytes(inside.layers.iter().map(|(layer, _)| layer.size).sum());
        let layers = quantity::count(inside.layers.len(), "layer");
        let _ = writeln!(text, "\n{}  ({layers}, {size})", visible(&inside.platform));
        let _ = writeln!(text, "  digest      {}", inside.manifest.digest);
        text.push_str(&settings(&inside.config));
        text.push_str(&layers_table(inside));
        text.push_str(&attached(inspected, &inside.manifest.digest));
        inspected.portrait(inside).into_iter().for_each(|portrait| text.push_str(&installed(portrait)));
    }
    if !inspected.others.is_empty() {
        let _ = writeln!(text, "\n{} for no known platform", quantity::count(inspected.others.len(), "more manifest"));
    }
    text
}

/// What is attached to the manifest with this digest.
fn attached(inspected: &Inspected, subject: &Digest) -> String {
    let mut found = inspected.attached.iter().filter(|attached| attached.subject == *subject).peekable();
    if found.peek().is_none() {
        return String::new();
    }
    let mut table = Table::new([("  attached", Align::Left), ("bytes", Align::Right), ("digest", Align::Left)]);
    for Attached { kind, predicate, digest, size, .. } in found {
        let what = predicate.as_deref().or(kind.as_deref()).unwrap_or("?");
        table.row([format!("  {}", visible(what)), quantity::bytes(*size), digest.to_string()]);
    }
    table.render(None)
}

/// The keys of a config that say how a container starts.
fn settings(config: &Value) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<10}  {}", visible(value));
    };
    if let Some(created) = config.get("created").and_then(Value::as_str) {
        line("created", created);
    }
    let inner = config.get("config").unwrap_or(&Value::Null);
    for (name, key) in [("entrypoint", "Entrypoint"), ("command", "Cmd"), ("user", "User"), ("workdir", "WorkingDir")] {
        match inner.get(key) {
            Some(Value::String(value)) if !value.is_empty() => line(name, value),
            Some(value @ Value::Array(items)) if !items.is_empty() => line(name, &value.to_string()),
            _ => {}
        }
    }
    for variable in inner.get("Env").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        line("env", variable);
    }
    for (label, value) in inner.get("Labels").and_then(Value::as_object).into_iter().flatten() {
        line("label", &format!("{label}={}", value.as_str().unwrap_or_default()));
    }
    text
}

/// What an image has of a system, and what is installed.
fn installed(portrait: &Portrait) -> String {
    let mut text = String::new();
    let facts = &portrait.facts;
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<14}  {}", visible(&value));
    };
    if let Some(system) = &facts.system {
        line(
            "system",
            [Some(&system.id), system.version.as_ref()].into_iter().flatten().cloned().collect::<Vec<_>>().join(" "),
        );
    }
    facts.libc.iter().for_each(|libc| line("libc", libc.to_string()));
    if let Some(python) = &facts.python {
        line("python", format!("{} at {}", python.version, python.path));
    }
    for ((kind, name), version) in &portrait.packages {
        line(label(*kind), format!("{name} {version}"));
    }
    text
}

const fn label(kind: PackageKind) -> &'static str {
    match kind {
        PackageKind::Debian => "debian package",
        PackageKind::Python => "python package",
    }
}

fn layers_table(inside: &Inside) -> String {
    let mut table = Table::new([("  layer", Align::Left), ("bytes", Align::Right), ("made by", Align::Left)]);
    for (layer, created_by) in &inside.layers {
        let short: String = layer.digest.hex().chars().take(12).collect();
        let made_by: String = created_by.as_deref().unwrap_or("?").chars().take(100).collect();
        table.row([format!("  {short}"), quantity::bytes(layer.size), made_by]);
    }
    table.render(None)
}

fn as_json(inspected: &Inspected) -> String {
    let descriptor = |descriptor: &Descriptor| {
        json!({
            "digest": descriptor.digest.to_string(),
            "mediaType": descriptor.media_type.to_string(),
            "size": descriptor.size,
        })
    };
    let image = |inside: &Inside| {
        let layer = |(layer, created_by): &(Descriptor, Option<String>)| {
            let mut object = descriptor(layer);
            object["createdBy"] = json!(created_by);
            object
        };
        let mut object = descriptor(&inside.manifest);
        object["platform"] = json!(inside.platform);
        object["config"] = inside.config.clone();
        object["layers"] = inside.layers.iter().map(layer).collect();
        if let Some(portrait) = inspected.portrait(inside) {
            let package = |((kind, name), version): (&(PackageKind, String), &String)| json!({ "kind": label(*kind), "name": name, "version": version });
            object["packages"] = portrait.packages.iter().map(package).collect();
            object["facts"] = serde_json::to_value(&portrait.facts).unwrap_or_default();
        }
        object
    };
    let mut object = descriptor(&inspected.root);
    object["images"] = inspected.images.iter().map(image).collect();
    let attached = |attached: &Attached| {
        json!({
            "subject": attached.subject.to_string(), "artifactType": attached.kind, "predicateType": attached.predicate,
            "digest": attached.digest.to_string(), "size": attached.size,
        })
    };
    object["attached"] = inspected.attached.iter().map(attached).collect();
    object["others"] = inspected.others.iter().map(descriptor).collect();
    String::from_utf8_lossy(&canonical_json(&object)).into_owned() + "\n"
}
