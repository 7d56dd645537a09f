//! Golden statements, and what is refused of foreign ones.

use serde_json::{Value, json};
use tar::EntryType::{Char, Directory, Regular};

use super::*;
use crate::{
    base::Tree,
    lock::{LockedImage, LockedPackage, LockedPlatform, LockedWheel, WheelSource},
    oci::{Descriptor, Digest, MediaType},
    verify::Subject,
};

fn locked() -> (LockedPlatform, LockedImage) {
    let why = vec!["recipe".to_owned()];
    let wheel = |name: &str, source: WheelSource| LockedWheel {
        name: name.to_owned(),
        version: "1.0".to_owned(),
        file: format!("{}-1.0-py3-none-any.whl", name.replace('-', "_")),
        sha256: Digest::of(name.as_bytes()),
        size: 7,
        source,
        uploaded: None,
        own_hash: false,
        why: why.clone(),
    };
    let package = LockedPackage {
        name: "libdemo1".to_owned(),
        version: "1:2.0-1".to_owned(),
        archive: "debian".to_owned(),
        suite: None,
        path: "pool/main/libd/libdemo1_2.0-1_amd64.deb".to_owned(),
        sha256: Digest::of(b"deb"),
        size: 9,
        why: why.clone(),
    };
    let facts = json!({ "system": { "id": "debian", "version": "12" } });
    let base = Digest::of(b"base").to_string();
    let mut below: LockedPlatform =
        serde_json::from_value(json!({ "platform": "linux/amd64", "base": base, "facts": facts })).unwrap();
    below.debian.push(package);
    let wheels = vec![
        wheel("demo-pkg", WheelSource::Index("cpu".to_owned())),
        wheel("local", WheelSource::Path("dist/local-1.0-py3-none-any.whl".to_owned())),
        wheel("plain", WheelSource::Index("default".to_owned())),
    ];
    (below, LockedImage::new(Some("full".to_owned()), "linux/amd64".parse().unwrap(), wheels))
}

/// Hands `check` what decided about an image.
fn with_build<T>(check: impl FnOnce(&Build<'_>) -> T) -> T {
    let (below, image) = locked();
    let indexes = [("cpu".to_owned(), "https://index.example/cpu".to_owned())].into();
    let recipe =
        [("common.toml", "a"), ("app.toml", "b")].map(|(path, text)| (path.to_owned(), Digest::of(text.as_bytes())));
    let own = |to: Option<&str>, from: &str| OwnFile {
        to: to.map(str::to_owned),
        from: from.to_owned(),
        digest: Digest::of(from.as_bytes()),
        size: 1,
    };
    let base = "h.example/python:3.11".parse().unwrap();
    check(&Build {
        name: "app",
        variant: Some("full"),
        recipe: &recipe,
        lock: Digest::of(b"lock"),
        locked: (&below, &image),
        base: Some(&base),
        indexes: &indexes,
        files: &[own(None, "ca.pem"), own(Some("app/run.py"), "scripts/run.py")],
        format: 1,
        epoch: 315_532_800,
    })
}

fn pretty(statement: &Statement) -> String {
    let bytes = statement.to_bytes();
    assert_eq!(Statement::parse(&bytes).unwrap(), *statement);
    serde_json::to_string_pretty(&serde_json::from_slice::<Value>(&bytes).unwrap()).unwrap()
}

#[test]
fn every_input_is_a_resolved_dependency() {
    let statement = with_build(|build| provenance(Digest::of(b"manifest"), build));
    insta::assert_snapshot!("provenance", pretty(&statement));
    let dependencies = statement.predicate.pointer("/buildDefinition/resolvedDependencies").unwrap();
    assert_eq!(dependencies.as_array().unwrap().len(), 1 + 1 + 3 + 2);
}

#[test]
fn every_path_has_the_input_that_it_came_from() {
    let file = |path: &str, text: &str| {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        (path.to_owned(), header, text.to_owned())
    };
    let mut tar = tar::Builder::new(Vec::new());
    let (site, md5) = ("usr/lib/python3/site-packages", "d41d8cd98f00b204e9800998ecf8427e");
    for (path, mut header, text) in [
        file(&format!("{site}/demo/__init__.py"), ""),
        file(&format!("{site}/Demo_Pkg-1.0.dist-info/RECORD"), "demo/__init__.py,,\nDemo_Pkg-1.0.dist-info/RECORD,,\n"),
        file("usr/lib/libdemo.so.1", ""),
        file("var/lib/dpkg/status.d/libdemo1.md5sums", &format!("{md5}  usr/lib/libdemo.so.1\n")),
    ] {
        tar.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    let mut tree = Tree::new();
    tree.apply_layer(&tar.into_inner().unwrap()[..]).unwrap();
    let image = Subject::new("linux/amd64".parse().unwrap(), Value::Null, Vec::new(), tree);
    let layer = |name: &str, paths: Option<&[&str]>| LayerPaths {
        digest: Digest::of(name.as_bytes()),
        name: name.to_owned(),
        paths: paths.map(|paths| paths.iter().map(|path| (*path).to_owned()).collect()),
    };
    let (module, compiled) =
        (format!("{site}/demo/__init__.py"), format!("{site}/demo/__pycache__/__init__.cpython-311.pyc"));
    let layers = [
        layer("1 of 4", None),
        layer("debian", Some(&["usr/lib/libdemo.so.1", "etc/ld.so.cache"])),
        layer("wheels", Some(&[&module, &format!("{site}/Demo_Pkg-1.0.dist-info/RECORD"), &compiled])),
        layer("scripts", Some(&["app/run.py", "app/__pycache__/run.cpython-311.pyc"])),
    ];
    let statement = with_build(|build| path_map(Digest::of(b"manifest"), build, &layers, &image));
    insta::assert_snapshot!("paths", pretty(&statement));
}

#[test]
fn what_speaks_of_no_image_is_no_statement() {
    let good = with_build(|build| provenance(Digest::of(b"manifest"), build)).to_bytes();
    let change = |path: &str, value: Value| {
        let mut statement: Value = serde_json::from_slice(&good).unwrap();
        *statement.pointer_mut(path).unwrap() = value;
        Statement::parse(&serde_json::to_vec(&statement).unwrap()).unwrap_err().to_string()
    };
    for (path, value, names) in [
        ("/_type", json!("https://in-toto.io/Statement/v0.1"), "/_type"),
        ("/subject", json!([]), "/subject"),
        ("/subject", json!([{}, {}]), "/subject"),
        ("/subject/0/digest/sha256", json!("../.."), "/subject/0/digest/sha256"),
        ("/predicateType", json!(1), "/predicateType"),
    ] {
        let said = change(path, value);
        assert!(said.contains(&format!("`{names}`")), "{said}");
    }
    assert!(matches!(Statement::parse(b"x"), Err(AttestError::Json { .. })));
}

#[test]
fn an_index_lists_statements_for_no_platform() {
    let subject = Descriptor::of(MediaType::ImageManifest, b"manifest");
    let index = crate::image::Manifest::of_index(std::slice::from_ref(&subject), &Value::Null);
    let statement = with_build(|build| provenance(subject.digest, build));
    let origin = Origin::of_app();
    let artifact = listed(&subject, &[statement], Some((&origin, vec![1, 2, 3].into())));
    let whole = with_listed(&index, std::slice::from_ref(&artifact));
    let found = entries(&whole);
    assert_eq!(
        (found.len(), found[0].0, found[0].1.digest),
        (1, subject.digest, artifact.manifest.descriptor().digest)
    );
    assert_eq!(whole.value()["manifests"][1]["platform"], json!({ "architecture": "unknown", "os": "unknown" }));
    assert_eq!(Origin::layers(&artifact.manifest)[0].0, origin);
}

/// A tar with one entry, gzipped.
fn archive(path: &str, kind: tar::EntryType, times: usize) -> Vec<u8> {
    let mut tar = Vec::new();
    for _ in 0..times {
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_size(0);
        header.set_mode(0o644);
        header.set_cksum();
        tar.extend_from_slice(header.as_bytes());
    }
    tar.extend_from_slice(&[0; 1024]);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &tar).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn hostile_archives_are_refused() {
    let origin = Origin::of_app();
    let check = |archive: &[u8], expect: &str| {
        let error = Carried::read(origin.clone(), archive).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    };
    check(&archive("../x", Regular, 1), "`../x`, which leads out of it");
    check(&archive("/etc/x", Regular, 1), "leads out of it");
    check(&archive("x", Char, 1), "is neither file, folder nor link");
    check(&archive("x", Directory, 2), "stands in it twice");
    check(&archive("x", Regular, 1), "does not hold `app.toml`");
    check(b"\x1f\x8b", "cannot be read");
    check(&[0; 600], "cannot be read");
}
