//! The hot paths, each on one thread and on inputs made in code.

use std::{
    fmt::Write as _,
    hint::black_box,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::json;
use wheelwright::{
    base::{LayerEntries, Tree},
    elf,
    http::Client,
    layer::{
        Format, Paths, Threads, lay, merge,
        wheel::{Destination, RecordCheck, install},
    },
    lock::{Facts, Interpreter, LockedWheel, Scheme, WheelSource},
    oci::canonical_json,
    progress::Silent,
    pypi::{DefaultIndex, Location, PackageIndex, Settings},
    python::{Libc, ModuleSource, ProjectPage, Record, Target},
    resolve::{Request, resolve},
    store::Store,
    testing::{Library, Wheel},
    zip::{Limits, read_directory},
};

use crate::Outcome;

/// Their names, sorted.
pub const NAMES: [&str; 10] =
    ["canonical-json", "elf", "index-json", "layer", "record", "resolve", "source", "tar", "tree", "zip"];

/// Runs the path `name` so many times, one after the other.
pub fn run(name: &str, times: u32) -> Outcome<()> {
    match name {
        "canonical-json" => canonical(times),
        "elf" => elf(times),
        "index-json" => index(times),
        "layer" => layer(times),
        "record" => record(times),
        "resolve" => resolving(times),
        "source" => source(times),
        "tar" => tar(times),
        "tree" => tree(times),
        "zip" => zip(times),
        _ => Err(format!("no path `{name}`").into()),
    }
}

fn repeat(times: u32, mut work: impl FnMut() -> Outcome<()>) -> Outcome<()> {
    (0..times).try_for_each(|_| work())
}

/// Text that packs as code does.
fn text(number: usize) -> Vec<u8> {
    let mut text = String::new();
    let mut state = number as u64 + 1;
    for line in 0..40 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let _ =
            writeln!(text, "def function_{}(self, value={line}): return self.name_{}(value)", state >> 40, state >> 48);
    }
    text.into_bytes()
}

fn wheel() -> Wheel {
    (0..400).fold(Wheel::new("demo", "1.0"), |wheel, number| wheel.file(&format!("demo/{number:03}.py"), &text(number)))
}

fn zip(times: u32) -> Outcome<()> {
    let wheel = wheel().build();
    repeat(times, || {
        black_box(read_directory(&wheel[..], wheel.len() as u64, &Limits::default())?);
        Ok(())
    })
}

/// A wheel, installed with its RECORD checked, and laid down: inflating, two digests, headers.
fn layer(times: u32) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let store = Store::open(folder.path())?;
    let blob = store.put(&wheel().build())?;
    let wheel = LockedWheel {
        name: "demo".to_owned(),
        version: "1.0".to_owned(),
        file: "demo-1.0-py3-none-any.whl".to_owned(),
        sha256: *blob.digest(),
        size: blob.size(),
        source: WheelSource::Index("default".to_owned()),
        uploaded: None,
        own_hash: false,
        why: Vec::new(),
    };
    let interpreter = Interpreter {
        path: "/usr/bin/python3".to_owned(),
        version: "3.11.2".parse()?,
        free_threaded: false,
        scheme: Scheme {
            purelib: "/usr/lib/site".to_owned(),
            platlib: "/usr/lib/site".to_owned(),
            scripts: "/usr/bin".to_owned(),
            data: "/usr".to_owned(),
            headers: "/usr/include".to_owned(),
        },
    };
    let paths = Paths::new(&Facts::default());
    repeat(times, || {
        let destination = Destination { interpreter: &interpreter, paths: &paths };
        let mut items = merge(vec![install(&wheel, &blob, destination, RecordCheck::Verify)?])?;
        paths.add_parents(&mut items);
        black_box(lay(&items, Format::Gzip, Threads::One, &store, &|_| {})?);
        Ok(())
    })
}

/// A layer as bases have them: folders, files of some kinds, links.
fn layer_of(first: usize) -> Outcome<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for number in first..first + 1500 {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        let folder = format!("usr/lib/python3/folder{}/of{}", number % 7, number % 61);
        if number % 10 == 0 {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            tar.append_link(&mut header, format!("{folder}/link{number}"), "../target")?;
        } else {
            let contents = text(number % 20);
            header.set_size(contents.len() as u64);
            tar.append_data(&mut header, format!("{folder}/file{number}.txt"), &contents[..])?;
        }
    }
    Ok(tar.into_inner()?)
}

fn tar(times: u32) -> Outcome<()> {
    let tar = layer_of(0)?;
    repeat(times, || {
        black_box(LayerEntries::read(&tar[..])?);
        Ok(())
    })
}

fn tree(times: u32) -> Outcome<()> {
    let layers: Vec<LayerEntries> = [0, 1000, 2000]
        .into_iter()
        .map(|first| Ok(LayerEntries::read(&layer_of(first)?[..])?))
        .collect::<Outcome<_>>()?;
    repeat(times, || {
        let mut tree = Tree::new();
        layers.iter().for_each(|layer| tree.merge(layer.clone()));
        let found = tree.iter().filter(|(path, _)| tree.find(path).is_some()).count();
        black_box(found);
        Ok(())
    })
}

fn elf(times: u32) -> Outcome<()> {
    let names: Vec<String> = (0..2000).map(|number| format!("symbol_of_some_length_{number}")).collect();
    let library = Library::new("libdemo.so.1").needs("libc.so.6").requires("libc.so.6", &["GLIBC_2.34"]).gnu_hash();
    let library = names.iter().enumerate().fold(library, |library, (number, name)| {
        if number % 2 == 0 { library.defines(name) } else { library.undefined(name) }
    });
    let bytes = library.build();
    repeat(times, || {
        black_box(elf::read(&bytes, elf::Detail::Symbols)?);
        Ok(())
    })
}

fn record(times: u32) -> Outcome<()> {
    let mut text = String::new();
    for number in 0..4000 {
        writeln!(text, "demo/{number}.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,{number}")?;
    }
    repeat(times, || {
        black_box(Record::parse(text.as_bytes())?);
        Ok(())
    })
}

fn source(times: u32) -> Outcome<()> {
    let module: Vec<u8> = (0..40).flat_map(|number| [b"import a.b as c\n".to_vec(), text(number)].concat()).collect();
    repeat(times, || {
        black_box(ModuleSource::scan(&module));
        Ok(())
    })
}

fn canonical(times: u32) -> Outcome<()> {
    let entry = |number: u32| {
        json!({ "size": number, "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": format!("sha256:{number:064x}"),
                "annotations": { "b": "é\n", "a": [1, 2.5, null, true] } })
    };
    let value = json!({ "manifests": (0..1000).map(entry).collect::<Vec<_>>() });
    repeat(times, || {
        black_box(canonical_json(&value));
        Ok(())
    })
}

fn index(times: u32) -> Outcome<()> {
    let file = |number: u32| {
        json!({ "filename": format!("demo-1.{number}-py3-none-any.whl"), "url": format!("https://host/f/demo-1.{number}-py3-none-any.whl"),
                "hashes": { "sha256": format!("{number:064x}") }, "requires-python": ">=3.8", "size": number,
                "upload-time": "2026-01-02T03:04:05.678901Z", "core-metadata": true, "yanked": false })
    };
    let page =
        json!({ "meta": { "api-version": "1.1" }, "files": (0..1500).map(file).collect::<Vec<_>>() }).to_string();
    let url = "https://host/simple/demo/".parse()?;
    repeat(times, || {
        black_box(ProjectPage::parse(page.as_bytes(), "application/vnd.pypi.simple.v1+json", &url)?);
        Ok(())
    })
}

/// Twenty distributions of four versions in a folder, of which the newest never go together.
fn wheels(folder: &Path) -> Outcome<PathBuf> {
    let wheels = folder.join("wheels");
    std::fs::create_dir(&wheels)?;
    for number in 0..20_u32 {
        for version in 1..=4_u32 {
            let wheel = Wheel::new(&format!("part{number}"), &format!("{version}.0"));
            let next = format!("part{}<{}.0", (number + 1) % 20, version + u32::from(number % 3 > 0));
            wheel.requires(&next).write(&wheels)?;
        }
    }
    Ok(wheels)
}

fn resolving(times: u32) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let location = Location::Folder(wheels(folder.path())?);
    let target = Target {
        platform: "linux/amd64".parse()?,
        python: "3.11.2".parse()?,
        libc: Libc::Glibc(2, 36),
        free_threaded: false,
    };
    let request = Request { requirements: vec!["part0".parse()?, "part7".parse()?], ..Request::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let store = Store::open(folder.path().join("store"))?;
    let settings = Settings { default: DefaultIndex::Other(location), ..Settings::default() };
    let index =
        PackageIndex::new(Client::new(wheelwright::http::Options::default())?, store, settings, Arc::new(Silent));
    repeat(times, || {
        // No choice is an answer too.
        let _ = black_box(runtime.block_on(resolve(&request, &target, &index)));
        Ok(())
    })
}
