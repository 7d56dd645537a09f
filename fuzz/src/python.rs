//! What stands in wheels beside modules, and modules.

use wheelwright::{
    debian::Version as DebianVersion,
    oci::{Digest, Platform, Reference},
    python::{
        CoreMetadata, EntryPoints, LicenceFields, ModuleSource, NamePattern, PackageName, Record, Requirement,
        UploadTime, Wanted, WheelMetadata, WheelName, canonical_code,
    },
};

use crate::place::texts;

/// METADATA, WHEEL and `entry_points.txt`: what was read is written as it is understood, and reads the same;
/// the description below METADATA means nothing.
pub(crate) fn metadata(bytes: &[u8]) {
    if let Ok(read) = CoreMetadata::parse(bytes) {
        let longer = [bytes, b"\n\nName: other\nRequires-Dist: other\n"].concat();
        assert_eq!(CoreMetadata::parse(&longer).as_ref(), Ok(&read));
        for requirement in &read.requires {
            same_requirement(requirement);
        }
    }
    if let Ok(read) = WheelMetadata::parse(bytes) {
        let (major, minor) = read.version;
        let tags: String = read.tags.iter().map(|tag| format!("Tag: {tag}\n")).collect();
        let text = format!("Wheel-Version: {major}.{minor}\nRoot-Is-Purelib: {}\n{tags}", read.root_is_purelib);
        assert_eq!(WheelMetadata::parse(text.as_bytes()), Ok(read));
    }
    if let Ok(read) = EntryPoints::parse(bytes) {
        let lines = |points: &[wheelwright::python::EntryPoint]| -> String {
            points.iter().map(|point| format!("{} = {}:{}\n", point.name, point.module, point.attribute)).collect()
        };
        let text = format!("[console_scripts]\n{}[gui_scripts]\n{}", lines(&read.console), lines(&read.gui));
        for point in read.console.iter().chain(&read.gui) {
            assert!(!point.name.contains(['/', '\0', '\n']) && point.name != "..", "{point:?}");
        }
        assert_eq!(EntryPoints::parse(text.as_bytes()), Ok(read));
    }
    let fields = LicenceFields::of_metadata(&String::from_utf8_lossy(bytes));
    assert!(fields.weight() <= 4096 + 8 * bytes.len());
    let _ = fields.licence();
}

pub(crate) fn metadata_seeds() -> Vec<(&'static str, Vec<u8>)> {
    texts(&[
        (
            "metadata",
            "Metadata-Version: 2.4\nName: demo\nVersion: 1.0.post1+local\nRequires-Python: >=3.8, !=3.9.*\n\
             Provides-Extra: x\nRequires-Dist: a[b]>=1,<2; extra == \"x\" and python_version < \"3.12\"\n\
             Requires-Dist: c @ https://host/c.whl\nRequires-Dist: d (~=1.2)\nLicense-Expression: MIT OR Apache-2.0\n\
             License: MIT\n        and more\nClassifier: License :: OSI Approved :: MIT License\n\nText: x\n",
        ),
        ("wheel", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py2-none-any\nTag: py3-none-any\n"),
        ("entries", "[console_scripts]\nx = a.b:c.d [e]\n# no\n; no\n[other]\ny\n[gui_scripts]\nz-1=a:b\n"),
    ])
}

/// Written and read again it is the same, but for a user and a password, which are not written.
pub(crate) fn same_requirement(requirement: &Requirement) {
    let text = requirement.to_string();
    // A quote within a text of a marker is written as nobody can read it.
    if text.matches('\'').count() % 2 == 1 {
        return;
    }
    let mut plain = requirement.clone();
    if let Wanted::Url(url) = &mut plain.wanted {
        let _ = url.set_username("");
        let _ = url.set_password(None);
    }
    let again: Result<Requirement, _> = text.parse();
    assert_eq!(again.ok(), Some(plain), "{text}");
}

/// RECORD: written and read again it is the same.
pub(crate) fn record(bytes: &[u8]) {
    if let Ok(read) = Record::parse(bytes) {
        assert!(read.entries.len() <= bytes.len());
        let text = read.to_text();
        assert_eq!(Record::parse(text.as_bytes()), Ok(read), "{text:?}");
    }
}

pub(crate) fn record_seeds() -> Vec<(&'static str, Vec<u8>)> {
    texts(&[
        ("plain", "a/b.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\na-1.dist-info/RECORD,,\n"),
        ("quoted", "\"a,\"\"b\"\".py\",sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=,12\r\n\"x\ny\",,\n"),
        ("others", "a,sha384=AAAA,3\nb,sha512=AAAA,\n\n../../bin/x,,7\n"),
    ])
}

/// A module's source: the imports lie within it, and as much is kept as there is.
pub(crate) fn source(bytes: &[u8]) {
    let read = ModuleSource::scan(bytes);
    assert!(read.weight() <= 4096 + 64 * bytes.len());
    let json = serde_json::to_vec(&read).expect("it can be written");
    assert_eq!(serde_json::from_slice::<ModuleSource>(&json).expect("it was written"), read);
    for name in &read.names {
        assert!(read.may_bind(name), "{name}");
    }
}

pub(crate) fn source_seeds() -> Vec<(&'static str, Vec<u8>)> {
    texts(&[
        (
            "imports",
            "import a, b.c as d\nfrom . import e\nfrom ..f import (g as h,  # x\n  i,\n)\ntry:\n    import j\n\
             except ImportError:\n    j = None\nif TYPE_CHECKING:\n    import k\nelse:\n\timport l; import m\n\
             def __getattr__(name):\n    import n\n\n__all__ = ['o']\np: int = 1\nq, (r, s) = 1, (2, 3)\n",
        ),
        (
            "texts",
            "'''import no''' ; x = f\"{a!r:>{b}} import {c}\"\ny = r'\\' + \"\\\"\" \\\n  ; import z\nclass A(b): import c\n\
             with open(a) as b, c as (d, e): pass\nfor f in g: h = 1\nmatch x:\n  case {'a': b}: pass\nfrom c import *\n",
        ),
        (
            "lines",
            "\u{feff}# coding: latin-1\r\nimport é\r\nif x:\r\n  import importlib\r\n  importlib.import_module(x)\r\n",
        ),
    ])
}

/// Compiled code: its one form is its own one form.
pub(crate) fn bytecode(bytes: &[u8]) {
    let Some((minor, code)) = bytes.split_first() else { return };
    let minor = 8 + minor % 8;
    if let Ok(form) = canonical_code(code, minor) {
        // Marks that are not needed go, and a text that stood twice is referred to.
        assert!(form.len() <= 2 * code.len() + (1 << 20), "{} bytes of {}", form.len(), code.len());
        assert_eq!(canonical_code(&form, minor).as_ref(), Ok(&form));
    }
}

pub(crate) fn bytecode_seeds() -> Vec<(&'static str, Vec<u8>)> {
    let short = |text: &str| [&[b'z' | 0x80, u8::try_from(text.len()).unwrap_or(0)][..], text.as_bytes()].concat();
    // The code of a module of 3.11: five numbers, code, constants, names, locals, kinds, texts, line, tables.
    let code = |constants: &[u8]| {
        let numbers = [0_u32, 0, 0, 2, 0].map(u32::to_le_bytes).concat();
        let bytes = |bytes: &[u8]| [&[b's', u8::try_from(bytes.len()).unwrap_or(0), 0, 0, 0], bytes].concat();
        let names = [&[b')', 1][..], &short("a")].concat();
        [
            &[b'c' | 0x80][..],
            &numbers,
            &bytes(&[151, 0, 100, 0]),
            constants,
            &names,
            &[b')', 0],
            &bytes(&[]),
            &short("a.py"),
            &short("<module>"),
            &short("<module>"),
            &1_u32.to_le_bytes(),
            &bytes(&[0xf0, 3]),
            &bytes(&[]),
        ]
        .concat()
    };
    let seed = |constants: &[u8]| [&[3][..], &code(constants)].concat();
    let set = [&[b')', 3, b'>', 2, 0, 0, 0][..], &short("x"), &[b'i', 1, 0, 0, 0, b'N'], b"r\x01\0\0\0"].concat();
    let numbers = [&[b')', 5, b'T', b'F', b'.', b'g'][..], &[0; 8], b"l\x02\0\0\0\x01\0\x01\0"].concat();
    vec![
        ("plain", seed(&[b')', 1, b'N'])),
        ("set", seed(&set)),
        ("numbers", seed(&numbers)),
        ("nested", seed(&[&[b')', 1][..], &code(&[b')', 0])].concat())),
    ]
}

/// Names, versions, references and times, one a line: what is written as it is understood reads the same.
pub(crate) fn words(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut versions: Vec<DebianVersion> = Vec::new();
    for line in text.lines().take(16) {
        macro_rules! same {
            ($($kind:ty),*) => {$(
                if let Ok(read) = line.parse::<$kind>() {
                    let written = read.to_string();
                    assert_eq!(written.parse::<$kind>().ok().as_ref(), Some(&read), "{line:?} became {written:?}");
                }
            )*};
        }
        same!(PackageName, WheelName, NamePattern, UploadTime, Digest, Platform, Reference, DebianVersion);
        if let Ok(requirement) = Requirement::lenient(line) {
            same_requirement(&requirement);
        }
        versions.extend(line.parse::<DebianVersion>());
    }
    // An order: no two are each before the other, and a sorted list stays so from end to end.
    versions.sort();
    for (place, first) in versions.iter().enumerate() {
        assert!(versions[place..].iter().all(|second| first <= second));
    }
}

pub(crate) fn word_seeds() -> Vec<(&'static str, Vec<u8>)> {
    texts(&[
        ("python", "demo.Name_x\ndemo-1.0+cpu.1-2b-cp311.cp312-abi3-manylinux_2_17_x86_64.whl\nnvidia-*\n"),
        (
            "requirements",
            "a[b,c]>=1.0,!=2.*;python_version<'3.12' or os_name=='nt'\nb @ file:///x#sha256=1\nb @ https://me:s3cret@h/x.whl\nc==1.0.dev1\nd >= 1.x\n",
        ),
        (
            "images",
            "linux/arm64/v8\nghcr.io:443/a/b:tag@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\nubuntu\n",
        ),
        ("versions", "1:1.0~rc1-2+b1\n1.0\n1.0~\n1.0-0\n01.0\n1.0a\n1.0+\n"),
        ("times", "2026-01-02T03:04:05.678901Z\n2026-01-02T03:04:05+02:00\n2026-01-02\n"),
    ])
}
