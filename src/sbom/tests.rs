//! Both forms of one inventory.

use serde_json::{Value, json};

use super::{Fetched, Format, Inventory, Known};
use crate::{
    base::{Entry, Kind, Tree},
    image::Manifest,
    lock::{LockedImage, LockedPackage, LockedPlatform, LockedWheel, WheelSource},
    oci::{Digest, MediaType},
    verify::{Subject, SubjectLayer, base_layers},
};

const METADATA: &str = "Metadata-Version: 2.4\nName: Demo.Pkg\nVersion: 1.0+cpu\nLicense-Expression: MIT OR LicenseRef-Own\n\
                        License-File: LICENSE\nRequires-Dist: other\n\n";

fn tree() -> Tree {
    let mut tree = Tree::new();
    let mut put = |path: &str, text: &str| {
        let content = bytes::Bytes::copy_from_slice(text.as_bytes());
        let entry = Entry { kind: Kind::File, mode: 0o755, uid: 0, gid: 0, size: text.len() as u64 };
        tree.insert(path, entry, Some(&content)).unwrap();
    };
    put("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n");
    put("var/lib/dpkg/status.d/libdemo1", "Package: libdemo1\nVersion: 1:2.0-1\nArchitecture: amd64\n");
    put("var/lib/dpkg/status.d/libdemo1.md5sums", "0123  usr/lib/libdemo.so.1\n");
    put("usr/lib/libdemo.so.1", "x");
    put("usr/share/doc/libdemo1/copyright", "free");
    let python = format!("{}/lib/python3.11", "usr/local");
    put("usr/local/bin/python3", &format!("{}Python 3.11.9\0", "\u{7f}ELF".repeat(400)));
    put("usr/local/include/python3.11/patchlevel.h", "#define PY_VERSION \"3.11.9\"\n");
    put(&format!("{python}/os.py"), "");
    let site = format!("{python}/site-packages");
    put(&format!("{site}/demo_pkg-1.0+cpu.dist-info/METADATA"), METADATA);
    put(&format!("{site}/demo_pkg-1.0+cpu.dist-info/licenses/LICENSE"), "text");
    put(&format!("{site}/demo_pkg-1.0+cpu.dist-info/sboms/inner.cdx.json"), "{}");
    put(&format!("{site}/demo_pkg-1.0+cpu.dist-info/RECORD"), "demo.py,,\n");
    put(&format!("{site}/demo.py"), "pass");
    put(&format!("{site}/other-2.0.dist-info/METADATA"), "Name: other\nVersion: 2.0\nLicense: Ours, see LICENSE\n\n");
    tree.apply_layer(&no_files()[..]).unwrap();
    tree.apply_layer(&own_file()[..]).unwrap();
    tree
}

/// What was put there stands in a layer that ends here.
fn no_files() -> Vec<u8> {
    tar::Builder::new(Vec::new()).into_inner().unwrap()
}

fn own_file() -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_size(1);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header, "app/hello.py", &b"x"[..]).unwrap();
    builder.into_inner().unwrap()
}

fn inventory() -> Inventory {
    let config = json!({
        "created": "2026-01-02T03:04:05Z",
        "config": { "Env": ["PATH=/usr/local/bin:/usr/bin"] },
        "history": [{ "created_by": "base" }, { "created_by": "wheelwright: scripts (linux/amd64)" }],
    });
    let layer = |name: &str| SubjectLayer { name: name.to_owned(), digest: Digest::of(name.as_bytes()), size: 1 };
    let below = base_layers(&config, 2);
    let layers = vec![layer("1 of 2"), layer("scripts")];
    let platform: crate::oci::Platform = "linux/amd64".parse().unwrap();
    let annotations = json!({ crate::image::BASE_NAME: "h/base:1", crate::image::BASE_DIGEST: "sha256:ba5e" });
    let manifest = Manifest::of_value(MediaType::ImageManifest, json!({ "annotations": annotations }));
    let tree = tree();
    let facts = tree.facts(&config, &[]).unwrap();
    let why = |text: &str| vec![text.to_owned()];
    let wheel = |name: &str, version: &str, source: WheelSource, reason: &str| LockedWheel {
        uploaded: None,
        own_hash: false,
        name: name.to_owned(),
        version: version.to_owned(),
        file: format!("{name}.whl"),
        sha256: Digest::of(name.as_bytes()),
        size: 7,
        source,
        why: why(reason),
    };
    let image = LockedImage {
        variant: None,
        platform: platform.clone(),
        choices: Vec::new(),
        replaced: Vec::new(),
        wheels: vec![
            wheel("demo-pkg", "1.0+cpu", WheelSource::Index("cpu".to_owned()), "recipe"),
            wheel("other", "2.0", WheelSource::Index("default".to_owned()), "demo-pkg"),
        ],
    };
    let package = LockedPackage {
        name: "libdemo1".to_owned(),
        version: "1:2.0-1".to_owned(),
        archive: "debian".to_owned(),
        suite: None,
        path: "pool/libdemo1.deb".to_owned(),
        sha256: Digest::of(b"deb"),
        size: 9,
        why: why("recipe"),
    };
    let mut locked: LockedPlatform = serde_json::from_value(json!({ "platform": "linux/amd64", "facts": {} })).unwrap();
    locked.debian.push(package);
    let indexes = [("cpu".to_owned(), "https://index.example/cpu".to_owned())].into();
    let subject = Subject::new(platform, config, layers, tree);
    let known = Known { name: "demo", base_layers: below, locked: Some((&locked, &image)), indexes: Some(&indexes) };
    Inventory::of(&subject, &manifest, &facts, known).unwrap()
}

#[test]
fn components_are_told_by_their_metadata_and_the_lock() {
    let inventory = inventory();
    let names: Vec<String> =
        inventory.components.iter().map(|one| format!("{:?} {} {}", one.kind, one.name, one.version)).collect();
    let own = format!("Files demo-files {}", &Digest::of(b"scripts").hex()[..12]);
    assert_eq!(
        names,
        ["Python demo-pkg 1.0+cpu", "Python other 2.0", "Debian libdemo1 1:2.0-1", "Interpreter python 3.11.9", &own]
    );
    let [demo, other, debian, _, files] = &inventory.components[..] else { panic!() };
    assert_eq!((files.of_base, files.files.as_slice()), (Some(false), &["/app/hello.py".to_owned()][..]));
    assert_eq!(demo.of_base, Some(true));
    assert_eq!(
        demo.purl.as_deref(),
        Some("pkg:pypi/demo-pkg@1.0%2Bcpu?file_name=demo-pkg.whl&repository_url=https:%2F%2Findex.example%2Fcpu")
    );
    let site = "/usr/local/lib/python3.11/site-packages";
    assert_eq!(demo.licence_files, [format!("{site}/demo_pkg-1.0+cpu.dist-info/licenses/LICENSE")]);
    assert_eq!(demo.embedded, [format!("{site}/demo_pkg-1.0+cpu.dist-info/sboms/inner.cdx.json")]);
    assert_eq!(demo.files, [format!("{site}/demo.py")]);
    assert_eq!(other.wanted_by, ["demo-pkg"]);
    assert_eq!(debian.purl.as_deref(), Some("pkg:deb/debian/libdemo1@1:2.0-1?arch=amd64&distro=debian-12"));
    assert_eq!(debian.files, ["/usr/lib/libdemo.so.1"]);
    assert_eq!(debian.licence_files, ["/usr/share/doc/libdemo1/copyright"]);
    let file = "pool/libdemo1.deb".to_owned();
    assert_eq!(debian.fetched, Some(Fetched { file, sha256: Digest::of(b"deb"), size: 9 }));
}

#[test]
fn both_documents_are_deterministic_and_say_the_same() {
    let inventory = inventory();
    let written = |format: Format| {
        let bytes = format.write(&inventory, format == Format::CycloneDx);
        assert_eq!(bytes, format.write(&inventory, format == Format::CycloneDx));
        serde_json::from_slice::<Value>(&bytes).unwrap()
    };
    let (spdx, cyclonedx) = (written(Format::Spdx), written(Format::CycloneDx));
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap();
    insta::assert_snapshot!("spdx", pretty(&spdx));
    insta::assert_snapshot!("cyclonedx", pretty(&cyclonedx));
    let purls = |list: &Value, path: &str| -> std::collections::BTreeSet<String> {
        let list = list.as_array().unwrap().iter();
        list.filter_map(|one| Some(one.pointer(path)?.as_str()?.to_owned()))
            .filter(|purl| !purl.contains(":oci/"))
            .collect()
    };
    assert_eq!(purls(&spdx["packages"], "/externalRefs/0/referenceLocator"), purls(&cyclonedx["components"], "/purl"));
}
