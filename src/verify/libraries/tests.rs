//! Images of a few libraries made in code, each with what the loader would say.

use serde_json::json;

use super::*;
use crate::{
    base::Tree,
    recipe,
    testing::Library,
    verify::{Code, Finding, Subject},
};

const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";
const SITE: &str = "usr/lib/python3.11/site-packages";

/// An image with these files.
fn tree(files: &[(&str, Vec<u8>)], links: &[(&str, &str)]) -> Tree {
    let mut builder = tar::Builder::new(Vec::new());
    let header = |kind: tar::EntryType, size: usize| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(size as u64);
        header
    };
    for (path, target) in links {
        builder.append_link(&mut header(tar::EntryType::Symlink, 0), path, target).unwrap();
    }
    for (path, bytes) in files {
        builder.append_data(&mut header(tar::EntryType::Regular, bytes.len()), path, &bytes[..]).unwrap();
    }
    let mut tree = Tree::new();
    tree.apply_layer(&builder.into_inner().unwrap()[..]).unwrap();
    tree
}

/// A system with Python and a C library, and these files.
fn system(files: &[(&str, Vec<u8>)]) -> Tree {
    let libc = Library::new("libc.so.6").provides("libc.so.6").provides("GLIBC_2.2.5").provides("GLIBC_2.36");
    let python = Library::new("").interpreter(LOADER).needs("libc.so.6").defines("PyModule_Create2");
    let mut all = vec![
        ("usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", Library::new("ld-linux-x86-64.so.2").build()),
        ("usr/lib/x86_64-linux-gnu/libc.so.6", libc.defines("printf").build()),
        ("usr/bin/python3.11", python.build()),
    ];
    all.extend(files.iter().cloned());
    let links = [
        ("lib64", "usr/lib64"),
        ("lib", "usr/lib"),
        ("usr/lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
    ];
    tree(&all, &links)
}

fn module(name: &str) -> Library {
    Library::new("").defines(&format!("PyInit_{name}")).undefined("PyModule_Create2")
}

fn proof_of(tree: &Tree, environment: &[&str]) -> Proof {
    let owners = crate::verify::Owners::of(tree);
    prove(tree, &"linux/amd64".parse().unwrap(), &json!({ "Env": environment }), &owners).unwrap()
}

/// What is missing, a line each.
fn gaps(files: &[(&str, Vec<u8>)], environment: &[&str]) -> Vec<String> {
    let show = |gap: &Gap| format!("{:?} {} by {} {:?}", gap.need, gap.name, gap.by, gap.elsewhere);
    proof_of(&system(files), environment).gaps.iter().map(show).collect()
}

#[test]
fn a_sound_system_has_no_gaps() {
    let proof = proof_of(
        &system(&[(&format!("{SITE}/m.so"), module("m").needs("libc.so.6").undefined("printf").build())]),
        &[],
    );
    assert_eq!(proof, Proof::default());
}

#[test]
fn every_way_of_finding_a_library_counts() {
    let a = Library::new("liba.so.1").build();
    let m = format!("{SITE}/p/m.so");
    let check = |module: Library, library: &str, environment: &[&str], found: bool| {
        let missing = gaps(&[(&m, module.build()), (library, a.clone())], environment);
        assert_eq!(missing.is_empty(), found, "{library} {missing:?}");
    };
    let needs = || module("m").needs("liba.so.1");
    let beside = format!("{SITE}/p.libs/liba.so.1");
    check(needs(), "usr/lib/x86_64-linux-gnu/liba.so.1", &[], true);
    check(needs(), "usr/lib/liba.so.1", &[], true);
    check(needs(), "usr/lib64/liba.so.1", &[], false);
    check(needs(), "opt/liba.so.1", &[], false);
    check(needs(), "opt/liba.so.1", &["LD_LIBRARY_PATH=/x:/opt"], true);
    check(needs().runpath("$ORIGIN/../p.libs"), &beside, &[], true);
    check(needs().rpath("${ORIGIN}/../p.libs"), &beside, &[], true);
    check(needs().rpath("$ORIGIN/../p.libs").runpath("/nowhere"), &beside, &[], false);
    check(needs().flags_1(0x800), "usr/lib/liba.so.1", &[], false);
    check(needs().rpath("/usr/$LIB/x"), "usr/lib/x86_64-linux-gnu/x/liba.so.1", &[], true);
}

#[test]
fn rpath_is_inherited_and_runpath_is_not() {
    let m = format!("{SITE}/p/m.so");
    let check = |module: Library, found: bool| {
        let files = [
            (m.as_str(), module.needs("libb.so").build()),
            ("opt/libb.so", Library::new("libb.so").needs("liba.so.1").build()),
            ("opt/liba.so.1", Library::new("liba.so.1").build()),
        ];
        // What stands in a folder of a wheel would be taken for loaded by its code.
        assert_eq!(gaps(&files, &[]).iter().all(|gap| gap.starts_with("Plugin")), found);
    };
    check(module("m").rpath("/opt"), true);
    check(module("m").runpath("/opt"), false);
}

#[test]
fn what_is_loaded_counts_by_either_name() {
    // The second library is nowhere to be found, but was loaded by the first one's path.
    let first = Library::new("libreal.so.3").build();
    let files = [
        (&*format!("{SITE}/p/m.so"), module("m").needs("libx.so").needs("libreal.so.3").rpath("/opt").build()),
        ("opt/libx.so", first),
    ];
    assert_eq!(gaps(&files, &[]), Vec::<String>::new());
}

#[test]
fn the_loaders_cache_is_believed() {
    let path = format!("{SITE}/m.so");
    let check = |name: &str, count: usize| {
        let files = [
            (path.as_str(), module("m").needs("liba.so.1").build()),
            ("opt/lib/liba.so.1", Library::new("liba.so.1").build()),
            ("etc/ld.so.cache", loader_cache("liba.so.1", name)),
        ];
        assert_eq!(gaps(&files, &[]).len(), count, "{name}");
    };
    check("/opt/lib/liba.so.1", 0);
    check("/opt/old/liba.so.1", 1);
}

#[test]
fn gaps_say_what_there_is_instead() {
    let m = format!("{SITE}/p/m.so");
    let check = |name: &str, files: &[(&str, Vec<u8>)], expect: &str| {
        let mut all = vec![(m.as_str(), module("m").needs(name).build())];
        all.extend(files.iter().cloned());
        let found = gaps(&all, &[]);
        assert_eq!(found[0], format!("Import {name} by {m} {expect}"));
    };
    let arm = Library::new("liba.so.1").machine(183).build();
    check("libGL.so.1", &[], "Nowhere");
    check("libcuda.so.1", &[], "Driver");
    check("liba.so.1", &[("usr/lib/liba.so.1", arm)], "Foreign(\"usr/lib/liba.so.1\")");
    check("liba.so.1", &[("usr/lib/liba.so.1", b"GROUP ( x )".to_vec())], "Broken(\"usr/lib/liba.so.1\")");
    let other = format!("{SITE}/torch/lib/libc10.so");
    check("libc10.so", &[(&other, Library::new("libc10.so").build())], &format!("Required({other:?})"));
}

#[test]
fn programs_and_plugins_need_less_than_modules() {
    let program = || Library::new("").interpreter(LOADER).needs("libx.so").build();
    let files = [
        ("usr/bin/tool", program()),
        ("opt/tool", program()),
        ("usr/lib/plugins/p.so", Library::new("p.so").needs("libx.so").build()),
        ("usr/bin/musl", Library::new("").interpreter("/lib/ld-musl-x86_64.so.1").build()),
    ];
    let mut found: Vec<_> = proof_of(&system(&files), &[]).gaps;
    found.sort_by(|one, other| one.by.cmp(&other.by));
    let shown: Vec<_> = found.iter().map(|gap| format!("{:?} {} {}", gap.need, gap.by, gap.name)).collect();
    let expect = [
        "Called opt/tool libx.so",
        "Start usr/bin/musl /lib/ld-musl-x86_64.so.1",
        "Start usr/bin/tool libx.so",
        "Plugin usr/lib/plugins/p.so libx.so",
    ];
    assert_eq!(shown, expect);
    // What the image starts is a program that people start, wherever it lies.
    let check = |settings: serde_json::Value, expect: &str| {
        let tree = system(&[("opt/tool", program())]);
        let subject = Subject::new("linux/amd64".parse().unwrap(), json!({ "config": settings }), Vec::new(), tree);
        let proof = prove(&subject.tree, &subject.platform, subject.settings(), &subject.owners).unwrap();
        let findings = findings(&proof, &subject, &recipe::Check::default());
        let told: Vec<_> = findings.iter().map(|finding| format!("{} {}", finding.code, finding.message)).collect();
        assert_eq!(told, [expect]);
    };
    check(json!({}), "WW102 `libx.so` is not in the image: the program cannot start");
    check(json!({ "Entrypoint": ["/opt/tool"], "Cmd": ["a"] }), "WW101 `libx.so` is not in the image");
    check(json!({ "Cmd": ["/opt/tool"] }), "WW101 `libx.so` is not in the image");
}

#[test]
fn the_machine_of_java_is_loaded_before_its_libraries() {
    let needs = |name: &str| Library::new(name).needs("libjvm.so").build();
    let lib = "usr/lib/jvm/java-17/lib";
    let files = [
        (&*format!("{lib}/server/libjvm.so"), Library::new("libjvm.so").build()),
        (&*format!("{lib}/libjava.so"), needs("libjava.so")),
        ("opt/libother.so", needs("libother.so")),
    ];
    let tree = system(&files);
    let subject = Subject::new("linux/amd64".parse().unwrap(), json!({}), Vec::new(), tree);
    let proof = prove(&subject.tree, &subject.platform, subject.settings(), &subject.owners).unwrap();
    let findings = findings(&proof, &subject, &recipe::Check::default());
    let told: Vec<_> = findings.iter().map(|finding| (finding.code, finding.path.as_deref())).collect();
    assert_eq!(told, [(Code::MISSING_PLUGIN_LIBRARY, Some("/opt/libother.so"))]);
}

#[test]
fn versions_must_be_defined() {
    let check = |library: Library, missing: &[&str]| {
        let proof = proof_of(&system(&[(&format!("{SITE}/m.so"), library.needs("libc.so.6").build())]), &[]);
        let found: Vec<_> = proof.versions.iter().flat_map(|old| old.missing.iter().map(String::as_str)).collect();
        assert_eq!(found, missing);
    };
    check(module("m").requires("libc.so.6", &["GLIBC_2.2.5", "GLIBC_2.38"]), &["GLIBC_2.38"]);
    check(module("m").would_like("libc.so.6", "GLIBC_2.38"), &[]);
    check(module("m").requires("libother.so", &["GLIBC_2.38"]), &[]);
}

#[test]
fn symbols_must_be_defined() {
    let check = |files: &[(&str, Vec<u8>)], expect: &[&str]| {
        let proof = proof_of(&system(files), &[]);
        let found: Vec<_> =
            proof.undefined.iter().flat_map(|undefined| undefined.symbols.iter().map(String::as_str)).collect();
        assert_eq!(found, expect);
    };
    let m = format!("{SITE}/m.so");
    check(&[(&m, module("m").undefined("gone").undefined_weak("also").needs("libc.so.6").build())], &["gone"]);
    // Where a library is missing that a driver brings, its symbols are missing too.
    check(&[(&m, module("m").undefined("cuInit").needs("libcuda.so.1").build())], &[]);
    let musl = Library::new("").interpreter("/lib/ld-musl-x86_64.so.1").needs("libc.musl-x86_64.so.1").build();
    let libc = Library::new("").defines("printf").build();
    let files = [("usr/bin/tool", musl), ("lib/ld-musl-x86_64.so.1", libc)];
    assert_eq!(proof_of(&tree(&files, &[]), &[]).gaps, []);
}

#[test]
fn files_for_other_machines_are_found() {
    let arm = module("m").machine(183).build();
    let one = format!("{SITE}/wrong/m.so");
    let proof = proof_of(&system(&[(&one, arm.clone())]), &[]);
    assert_eq!(proof.foreign, [(one, 183)]);
    // Files for emulators and cards stand beside such for this processor.
    let own = format!("{SITE}/right/m.so");
    let blob = format!("{SITE}/right/firmware.so");
    let firmware = Library::new("firmware.so").machine(190).build();
    assert_eq!(proof_of(&system(&[(&own, module("m").build()), (&blob, firmware)]), &[]).foreign, []);
}

fn found(tree: Tree, allowed: &[&str]) -> Vec<Finding> {
    let subject = Subject::new("linux/amd64".parse().unwrap(), json!({}), Vec::new(), tree);
    let proof = prove(&subject.tree, &subject.platform, subject.settings(), &subject.owners).unwrap();
    let allow_missing = allowed.iter().map(|name| toml::Spanned::new(0..0, (*name).to_owned())).collect();
    let demands = recipe::Check { allow_missing, ..recipe::Check::default() };
    findings(&proof, &subject, &demands)
}

#[test]
fn findings_name_the_package_and_the_line() {
    let library = format!("{SITE}/cv2.libs/libQt5Gui.so.5");
    let files = [
        (
            &*format!("{SITE}/cv2/cv2.abi3.so"),
            module("cv2").needs("libQt5Gui.so.5").rpath("$ORIGIN/../cv2.libs").build(),
        ),
        (&*library, Library::new("libQt5Gui.so.5").needs("libGL.so.1").build()),
    ];
    let image = || system(&files);
    let mut findings = found(image(), &[]);
    mend(&mut findings[0], "libgl1");
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!(finding.code.to_string(), "WW101");
    let root = format!("{SITE}/cv2/cv2.abi3.so");
    assert_eq!(finding.message, format!("`libGL.so.1` is not in the image, which /{root} needs to be loaded"));
    assert_eq!(finding.path.as_deref(), Some(&*format!("/{library}")));
    assert_eq!(finding.recipe.as_deref(), Some("packages = [\"libgl1\"]  # in [debian], for libGL.so.1"));
    assert_eq!(found(image(), &["libGL.so.1"]), []);
}

/// A file that is long, and whose names stand where one pass does not keep them.
fn scattered(library: &Library) -> Vec<u8> {
    let mut file = library.clone().apart(50 << 20).build();
    let word = |at: usize| usize::try_from(u64::from_le_bytes(file[at..at + 8].try_into().unwrap())).unwrap();
    let (place, size) = (word(64 + 56 + 8), word(64 + 56 + 32));
    let end = file.len() + (20 << 20);
    file.resize(end, 0);
    file.extend_from_within(place..place + size);
    file[64 + 56 + 8..64 + 56 + 16].copy_from_slice(&(end as u64).to_le_bytes());
    file
}

#[test]
fn a_library_that_was_not_read_counts_as_there_and_is_noted() {
    let library = "usr/lib/libhuge.so.1";
    let huge = Library::new("libhuge.so.1").needs("libnowhere.so").defines("f");
    let module = module("m").needs("libhuge.so.1").undefined("f").build();
    let tree = system(&[(&format!("{SITE}/m.so"), module), (library, scattered(&huge))]);
    let findings = found(tree, &[]);
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!((finding.code.to_string().as_str(), finding.level()), ("WW108", crate::verify::Level::Note));
    assert_eq!(finding.path.as_deref(), Some("/usr/lib/libhuge.so.1"));
}

#[test]
fn modules_that_no_loader_loads_are_named() {
    let cut = module("cut").build()[..200].to_vec();
    let pointer = b"version https://git-lfs.github.com/spec/v1\n".to_vec();
    let files = [
        (&*format!("{SITE}/p/cut.cpython-311-x86_64-linux-gnu.so"), cut.clone()),
        (&*format!("{SITE}/p/pointer.abi3.so"), pointer.clone()),
        // What others read as data.
        (&*format!("{SITE}/p/tests/cut.so"), cut),
        ("usr/share/pointer.abi3.so", pointer),
    ];
    let findings = found(system(&files), &[]);
    let told: Vec<_> = findings.iter().map(|finding| format!("{} {}", finding.code, finding.message)).collect();
    assert_eq!(told, ["WW109 the file is cut: it ends before what its headers name", "WW109 it is no shared library",]);
}

#[test]
fn the_one_library_that_python_code_loads_is_imported() {
    let told = |files: &[(&str, Vec<u8>)], source: &str| {
        let record = files.iter().map(|(path, _)| format!("{path},,\n")).collect::<Vec<_>>().concat();
        let mut all: Vec<(String, Vec<u8>)> =
            files.iter().map(|(path, bytes)| (format!("{SITE}/{path}"), bytes.clone())).collect();
        all.push((format!("{SITE}/p/ffi.py"), source.as_bytes().to_vec()));
        all.push((format!("{SITE}/p-1.0.dist-info/RECORD"), format!("p/ffi.py,,\n{record}").into_bytes()));
        let all: Vec<_> = all.iter().map(|(path, bytes)| (path.as_str(), bytes.clone())).collect();
        found(system(&all), &[]).iter().map(|finding| finding.code.to_string()).collect::<Vec<_>>()
    };
    let library = |name: &str| Library::new(name).needs("libstdc++.so.6").build();
    let one = ("p/libp.so", library("libp.so"));
    assert_eq!(told(std::slice::from_ref(&one), "import os\nimport ctypes\n"), ["WW101"]);
    assert_eq!(told(std::slice::from_ref(&one), "from cffi import FFI\n"), ["WW101"]);
    assert_eq!(told(std::slice::from_ref(&one), "import os\n"), ["WW102"]);
    // One of several may be for another day, but not if the one needs the other.
    let other = ("p/libq.so", library("libq.so"));
    assert_eq!(told(&[one.clone(), other.clone()], "import ctypes\n"), ["WW102"]);
    let both = ("p/libp.so", Library::new("libp.so").needs("libq.so").runpath("$ORIGIN").build());
    assert_eq!(told(&[both, other], "import ctypes\n"), ["WW101"]);
    // Where there is an extension module, that says what is needed.
    assert_eq!(told(&[one, ("p/m.so", module("m").build())], "import ctypes\n"), ["WW102"]);
}

#[test]
fn symbols_of_required_distributions_may_be_loaded_before() {
    let told = |requires: &str| {
        let of = |name: &str, requires: &str| {
            let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}\n");
            let module = format!("{name}/m.so");
            [
                (format!("{SITE}/{name}-1.0.dist-info/METADATA"), metadata.into_bytes()),
                (format!("{SITE}/{name}-1.0.dist-info/RECORD"), format!("{module},,\n").into_bytes()),
            ]
        };
        let mut all = [of("user", requires), of("giver", "")].concat();
        all.push((format!("{SITE}/user/m.so"), module("m").undefined("given").build()));
        all.push((format!("{SITE}/giver/m.so"), module("m").defines("given").build()));
        let all: Vec<_> = all.iter().map(|(path, bytes)| (path.as_str(), bytes.clone())).collect();
        found(system(&all), &[]).iter().map(|finding| finding.code.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(told("Requires-Dist: giver\n"), [""; 0]);
    assert_eq!(told(""), ["WW105"]);
}

#[test]
fn libraries_that_modules_load_by_name_are_looked_for_as_python_does() {
    let told = |distribution: &str, module: &str, more: &[(&str, Vec<u8>)]| {
        let module_path = format!("{SITE}/{module}");
        let record_path = format!("{SITE}/{distribution}-1.0.dist-info/RECORD");
        let mut all = vec![(&*module_path, Vec::new()), (&*record_path, format!("{module},,\n").into_bytes())];
        all.extend(more.iter().cloned());
        let findings = found(system(&all), &[]);
        findings.iter().map(|finding| format!("{} {}", finding.code, finding.message)).collect::<Vec<_>>()
    };
    let library = |needs: &[&str]| {
        needs.iter().fold(Library::new("libportaudio.so.2"), |library, name| library.needs(name)).build()
    };
    let at = "usr/lib/x86_64-linux-gnu/libportaudio.so.2";
    let sounds = |more: &[(&str, Vec<u8>)]| told("sounddevice", "sounddevice.py", more);
    assert_eq!(sounds(&[]), ["WW101 `libportaudio.so.2` is not in the image"]);
    // It is there, but nobody tells Python.
    let unlisted = format!("WW101 `libportaudio.so.2` is in /{at}, where `ctypes.util.find_library` does not find it");
    assert_eq!(sounds(&[(at, library(&[]))]), std::slice::from_ref(&unlisted));
    let cache = ("etc/ld.so.cache", loader_cache("libportaudio.so.2", &format!("/{at}")));
    assert_eq!(sounds(&[(at, library(&[])), cache.clone()]), std::slice::from_ref(&unlisted));
    let ldconfig = ("sbin/ldconfig", b"program".to_vec());
    assert_eq!(sounds(&[(at, library(&[])), ldconfig.clone()]), std::slice::from_ref(&unlisted));
    assert_eq!(sounds(&[(at, library(&[])), cache.clone(), ldconfig.clone()]), [""; 0]);
    // What it needs is needed too.
    let needs = sounds(&[(at, library(&["libjack.so.0"])), cache, ldconfig]);
    assert_eq!(needs, ["WW101 `libjack.so.0` is not in the image"]);
    // A linker finds what developers have.
    let linker = ("usr/bin/ld", b"program".to_vec());
    assert_eq!(sounds(&[(at, library(&[])), linker.clone()]), [unlisted]);
    let developers = "usr/lib/x86_64-linux-gnu/libportaudio.so";
    assert_eq!(sounds(&[(developers, library(&[])), linker]), [""; 0]);
    // Others ask the loader, which needs no cache.
    assert_eq!(told("python_magic", "magic/__init__.py", &[]), ["WW101 `libmagic.so.1` is not in the image"]);
    let magic = ("usr/lib/libmagic.so.1", Library::new("libmagic.so.1").build());
    assert_eq!(told("python_magic", "magic/__init__.py", &[magic]), [""; 0]);
    // Who brings the library along looks there first; and other distributions have modules of that name.
    let brought = (&*format!("{SITE}/openslide_bin/__init__.py"), Vec::new());
    assert_eq!(told("openslide_python", "openslide/lowlevel.py", &[brought]), [""; 0]);
    assert_eq!(told("openslide_python", "openslide/lowlevel.py", &[]).len(), 1);
    assert_eq!(told("file_magic", "magic/__init__.py", &[]), [""; 0]);
}

/// A loader's cache with one library.
fn loader_cache(name: &str, path: &str) -> Vec<u8> {
    let (header, entry) = (48_u32, 24_u32);
    let word = |number: u32| number.to_le_bytes();
    let strings = format!("{name}\0{path}\0");
    let length = u32::try_from(strings.len()).unwrap();
    let behind = u32::try_from(name.len() + 1).unwrap();
    let mut cache = b"glibc-ld.so.cache1.1".to_vec();
    cache.extend([1, length, 0, 0, 0, 0, 0].map(word).concat());
    cache.extend([0x303, header + entry, header + entry + behind, 0, 0, 0].map(word).concat());
    cache.extend(strings.bytes());
    cache
}
