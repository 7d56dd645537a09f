//! A manifest and its config, held against each other and against what engines take.

use serde_json::Value;

use crate::{
    image::Manifest,
    oci::Platform,
    plan::MOST_LAYERS,
    verify::{Code, Finding},
};

/// Whether `manifest` and `config` fit together; `platform` is what the index says.
#[must_use]
pub fn documents(platform: &Platform, manifest: &Manifest, config: &Value) -> Vec<Finding> {
    let Ok(layers) = manifest.layers() else {
        return vec![Finding::new(Code::MEDIA_TYPE, platform, "the manifest's `layers` are malformed")];
    };
    let mut findings = media_types(platform, manifest);
    let diff_ids = config.pointer("/rootfs/diff_ids").and_then(Value::as_array).map_or(0, Vec::len);
    if diff_ids != layers.len() {
        let message = format!("the config has {diff_ids} diff ids for {} layers", layers.len());
        findings.push(Finding::new(Code::DIFF_ID, platform, message).hinted("build the image anew"));
    }
    findings.extend(history(platform, config, layers.len()));
    findings.extend(budget(platform, layers.len()));
    findings
}

/// Whether Docker can stack so many layers.
#[must_use]
pub fn budget(platform: &Platform, layers: usize) -> Option<Finding> {
    let message = format!("it has {layers} layers, and Docker stacks {MOST_LAYERS}");
    (layers > MOST_LAYERS).then(|| {
        Finding::new(Code::LAYER_BUDGET, platform, message).hinted("put layers together, or take a flatter base")
    })
}

fn media_types(platform: &Platform, manifest: &Manifest) -> Vec<Finding> {
    let text = |value: &Value| value.get("mediaType").and_then(Value::as_str).unwrap_or_default().to_owned();
    let document = manifest.value();
    let own = manifest.descriptor().media_type.to_string();
    let parts = document
        .get("config")
        .into_iter()
        .chain(document.get("layers").and_then(Value::as_array).into_iter().flatten());
    let types: Vec<String> = parts.map(text).collect();
    let mut findings = Vec::new();
    let docker = |media_type: &str| media_type.contains(".docker.");
    if let Some(other) = types.iter().find(|media_type| docker(media_type) != docker(&own)) {
        let message = format!("the manifest is of the type `{own}` and lists a `{other}`");
        findings.push(
            Finding::new(Code::MEDIA_TYPE, platform, message)
                .hinted("build or convert the image anew, with one kind of types"),
        );
    }
    for media_type in types.iter().skip(1).filter(|media_type| !is_file_system(media_type)) {
        let message = format!("a layer has the type `{media_type}`, which is no file system that engines unpack");
        findings.push(Finding::new(Code::MEDIA_TYPE, platform, message));
    }
    findings
}

fn is_file_system(media_type: &str) -> bool {
    let known = [
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
    ];
    let plain = media_type.trim_end_matches("+gzip").trim_end_matches("+zstd").trim_end_matches(".gzip");
    // Docker's name for Zstandard is refused by Podman and others.
    known.contains(&plain)
}

fn history(platform: &Platform, config: &Value, layers: usize) -> Option<Finding> {
    let history = config.get("history").and_then(Value::as_array).filter(|history| !history.is_empty())?;
    let empty = |entry: &&Value| entry.get("empty_layer").and_then(Value::as_bool) == Some(true);
    let full = history.len() - history.iter().filter(empty).count();
    let message = format!("its history tells of {full} layers, and there are {layers}");
    (full != layers).then(|| {
        Finding::new(Code::HISTORY, platform, message)
            .hinted("tell the tool that made the image: `docker history` shows the wrong layers")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oci::{Descriptor, MediaType};

    const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

    fn check(layers: &[&str], diff_ids: usize, history: usize, expect: &[&str]) {
        let config = Descriptor::of(MediaType::ImageConfig, b"{}");
        let layers: Vec<Descriptor> =
            layers.iter().map(|media_type| Descriptor::of(MediaType::from(*media_type), b"")).collect();
        let manifest = Manifest::of_image(&config, &layers, &Value::Null);
        let id = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
        let config = json!({
            "rootfs": { "type": "layers", "diff_ids": vec![id; diff_ids] },
            "history": vec![json!({ "created_by": "x" }); history],
        });
        let found = documents(&"linux/amd64".parse().unwrap(), &manifest, &config);
        let told: Vec<String> = found.iter().map(|finding| format!("{} {}", finding.code, finding.message)).collect();
        assert_eq!(told, expect);
    }

    #[test]
    fn documents_fit_together_or_are_named() {
        check(&[GZIP, GZIP], 2, 2, &[]);
        check(&[GZIP], 1, 0, &[]);
        check(
            &[GZIP],
            2,
            2,
            &["WW302 the config has 2 diff ids for 1 layers", "WW304 its history tells of 2 layers, and there are 1"],
        );
        check(
            &["application/vnd.docker.image.rootfs.diff.tar.gzip"],
            1,
            1,
            &[
                "WW303 the manifest is of the type `application/vnd.oci.image.manifest.v1+json` and lists a `application/vnd.docker.image.rootfs.diff.tar.gzip`",
            ],
        );
        check(
            &["application/wasm"],
            1,
            1,
            &["WW303 a layer has the type `application/wasm`, which is no file system that engines unpack"],
        );
        check(&[GZIP; 126], 126, 126, &["WW305 it has 126 layers, and Docker stacks 125"]);
    }
}
