//! What wheels put on disk.

use std::collections::BTreeMap;

use super::*;
use crate::{
    lock::{Facts, Scheme},
    oci::Digest,
    python::Record,
    store::Store,
    testing::Wheel,
};

fn interpreter() -> Interpreter {
    Interpreter {
        path: "/usr/bin/python3".to_owned(),
        version: "3.11.2".parse().unwrap(),
        free_threaded: false,
        scheme: Scheme {
            purelib: "/usr/local/lib/python3.11/dist-packages".to_owned(),
            platlib: "/usr/local/lib64/python3.11/dist-packages".to_owned(),
            scripts: "/usr/local/bin".to_owned(),
            data: "/usr/local".to_owned(),
            headers: "/usr/local/include/python3.11".to_owned(),
        },
    }
}

fn installed(wheel: &Wheel, source: WheelSource) -> Result<BTreeMap<String, (u32, String)>, LayerError> {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let blob = store.put(&wheel.build()).unwrap();
    let locked = LockedWheel {
        uploaded: None,
        own_hash: false,
        name: "demo".to_owned(),
        version: "1.0".to_owned(),
        file: wheel.file_name(),
        sha256: *blob.digest(),
        size: blob.size(),
        source,
        why: vec!["recipe".to_owned()],
    };
    let destination = Destination { interpreter: &interpreter(), paths: &Paths::new(&Facts::default()) };
    let items = install(&locked, &blob, destination, RecordCheck::Skip)?.items;
    let read = |item: Item| {
        let Node::File(body) = item.node else { panic!("{}: not a file", item.path) };
        let text = String::from_utf8_lossy(&body.read(1 << 20).unwrap()).into_owned();
        (item.path, (item.mode, text))
    };
    Ok(items.into_iter().map(read).collect())
}

fn index() -> WheelSource {
    WheelSource::Index("default".to_owned())
}

#[test]
fn files_go_where_their_scheme_says() {
    let wheel = Wheel::new("demo", "1.0")
        .tag("cp311-cp311-manylinux_2_17_x86_64")
        .file("demo/__init__.py", b"")
        .executable("demo/tool", b"\x7fELF")
        .file("demo-1.0.data/purelib/pure.py", b"")
        .file("demo-1.0.data/scripts/run", b"#!python\nprint(1)\n")
        .file("demo-1.0.data/scripts/binary", b"\x7fELF")
        .file("demo-1.0.data/headers/demo.h", b"")
        .file("demo-1.0.data/data/share/demo.txt", b"x")
        .console_script("demo-cli", "demo.cli:main.run");
    let found = installed(&wheel, index()).unwrap();
    let site = "usr/local/lib64/python3.11/dist-packages";
    let mode = |path: &str| found.get(path).map(|(mode, _)| *mode);
    assert_eq!(mode(&format!("{site}/demo/__init__.py")), Some(0o644));
    assert_eq!(mode(&format!("{site}/demo/tool")), Some(0o755));
    assert_eq!(mode("usr/local/lib/python3.11/dist-packages/pure.py"), Some(0o644));
    assert_eq!(mode("usr/local/include/python3.11/demo/demo.h"), Some(0o644));
    assert_eq!(mode("usr/local/share/demo.txt"), Some(0o644));
    assert_eq!(found["usr/local/bin/run"], (0o755, "#!/usr/bin/python3\nprint(1)\n".to_owned()));
    assert_eq!(mode("usr/local/bin/binary"), Some(0o755));
    let launcher = &found["usr/local/bin/demo-cli"].1;
    assert!(launcher.starts_with("#!/usr/bin/python3\n"), "{launcher}");
    assert!(
        launcher.contains("from demo.cli import main\n") && launcher.contains("sys.exit(main.run())"),
        "{launcher}"
    );
    assert!(!found.keys().any(|path| path.contains(".data/")), "{found:?}");
}

#[test]
fn the_record_lists_everything_that_was_installed() {
    // The script has the launcher's place, and stays behind.
    let wheel = Wheel::new("demo", "1.0")
        .file("demo.py", b"x = 1\n")
        .file("demo-1.0.data/scripts/demo", b"#!python\nimport demo\n")
        .file("demo-1.0.data/scripts/demo.sh", b"#!/bin/sh\n")
        .console_script("demo", "demo:main");
    let found = installed(&wheel, index()).unwrap();
    let site = "usr/local/lib/python3.11/dist-packages";
    let record = Record::parse(found[&format!("{site}/demo-1.0.dist-info/RECORD")].1.as_bytes()).unwrap();
    assert_eq!(record.entries.len(), found.len());
    let (launcher, script) = (&found["usr/local/bin/demo"].1, &found["usr/local/bin/demo.sh"].1);
    assert!(launcher.contains("from demo import main") && script == "#!/bin/sh\n", "{launcher}{script}");
    for entry in record.entries {
        let path = match entry.path.strip_prefix("../../../") {
            Some(outside) => format!("usr/local/{outside}"),
            None => format!("{site}/{}", entry.path),
        };
        let text = &found[&path].1;
        match entry.sha256 {
            Some(digest) => {
                assert_eq!((digest, entry.size), (Digest::of(text.as_bytes()), Some(text.len() as u64)), "{path}");
            }
            None => assert!(path.ends_with("RECORD"), "{path}"),
        }
    }
    assert_eq!(found[&format!("{site}/demo-1.0.dist-info/INSTALLER")].1, "wheelwright\n");
    assert!(found.contains_key(&format!("{site}/demo-1.0.dist-info/REQUESTED")));
}

#[test]
fn a_wheel_from_a_url_says_so() {
    let wheel = Wheel::new("demo", "1.0");
    let path = "usr/local/lib/python3.11/dist-packages/demo-1.0.dist-info/direct_url.json";
    let found =
        installed(&wheel, WheelSource::Url("https://example.com/demo-1.0-py3-none-any.whl".to_owned())).unwrap();
    assert!(found[path].1.contains(r#""url":"https://example.com/demo-1.0-py3-none-any.whl""#));
    assert!(!installed(&wheel, WheelSource::Path("demo.whl".to_owned())).unwrap().contains_key(path));
}

#[test]
fn malformed_wheels_are_refused() {
    let check = |wheel: Wheel, expect: &str| {
        let error = installed(&wheel, index()).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    };
    check(Wheel::new("demo", "1.0").file("demo-1.0.data/nowhere/x", b""), "there is no such install scheme");
    check(Wheel::new("demo", "1.0").file("Demo-1.0.dist-info/x", b""), "has 2 folders `.dist-info`");
    check(Wheel::new("demo", "1.0").file("other-1.0.dist-info/x", b""), "has 2 folders `.dist-info`");
    check(Wheel::new("demo", "1.0").console_script("x", "nonsense"), "entry_points.txt");
}
