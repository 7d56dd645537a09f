//! Packages laid down beside what nobody can avoid: to decompress each .deb once, and to compress what is in
//! it once, at the level of the layer format. `benches/README.md` says how to read it.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "the order of a folder is made by sorting")]

mod mmdebstrap;
#[path = "../layers/usage.rs"]
mod usage;

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use flate2::{Compression, write::DeflateEncoder};
use rayon::prelude::*;
use usage::{Usage, measure};
use wheelwright::{
    debian::Deb,
    layer::{
        Format, Threads,
        debian::{Options, Packed, lay_out, pack},
        lay,
    },
    oci::Digest,
    store::Store,
};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Runs of each way, of which the least of each figure counts.
const ROUNDS: u32 = 2;

/// What is measured: a name, whether a way has two workers, and whether it finds the .debs packed.
const WAYS: [(&str, &str, &str); 4] = [
    ("floor: decompress, deflate once", "floor", "1"),
    ("packed, laid out, laid down, 1 worker", "whole", "1"),
    ("the same, 2 workers", "whole", "2"),
    ("packed before: laid out, laid down", "again", "1"),
];

fn main() -> Outcome<()> {
    let words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["child", way, workers, folder, work] => {
            rayon::ThreadPoolBuilder::new().num_threads(workers.parse()?).build_global()?;
            child(way, Path::new(folder), Path::new(work))
        }
        [folder] => compare(Path::new(folder), &[]),
        [folder, "mmdebstrap"] => compare(Path::new(folder), &mmdebstrap::WAYS),
        _ => {
            println!("usage: cargo bench --bench debian -- FOLDER-OF-DEBS [mmdebstrap]");
            Ok(())
        }
    }
}

fn compare(folder: &Path, peers: &[(&str, &str)]) -> Outcome<()> {
    let debs = debs(folder)?;
    let bytes: u64 = debs.iter().map(|deb| fs::metadata(deb).map_or(0, |found| found.len())).sum();
    println!("{} packages, {:.1} MB", debs.len(), real(bytes) / 1e6);
    println!("{:40}{:>8}{:>8}{:>8}{:>11}", "", "wall s", "CPU s", "MiB", "CPU/floor");
    let work = tempfile::tempdir()?;
    let mut floor = None;
    for (name, way, workers) in WAYS {
        let run = || -> Outcome<Usage> {
            if way == "whole" {
                // What was packed before must not help; the .debs lie there, as a download leaves them.
                fs::remove_dir_all(work.path())?;
                download(&debs, work.path())?;
            }
            let mut command = Command::new(env::current_exe()?);
            measure(command.args(["child", way, workers]).arg(folder).arg(work.path()))
        };
        let first = run()?;
        let usage = (1..ROUNDS).try_fold(first, |least, _| Outcome::Ok(least.least(run()?)))?;
        show(name, usage, *floor.get_or_insert(usage.cpu));
    }
    if let Some(floor) = floor.filter(|_| !peers.is_empty()) {
        let archive = mmdebstrap::Archive::of(&debs)?;
        for (name, variant) in peers {
            show(name, archive.bootstrap(variant, &work.path().join(format!("{variant}.tar.gz")))?, floor);
        }
    }
    Ok(())
}

fn show(name: &str, Usage { wall, cpu, peak_mebibytes }: Usage, floor: f64) {
    println!("{name:40}{wall:8.2}{cpu:8.2}{peak_mebibytes:8.1}{:11.3}", cpu / floor);
}

fn debs(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let all: io::Result<Vec<_>> = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut debs: Vec<_> = all?.into_iter().filter(|path| path.extension().is_some_and(|end| end == "deb")).collect();
    debs.sort();
    Ok(debs)
}

/// A store with `debs` in it, and a list of their digests.
fn download(debs: &[PathBuf], work: &Path) -> Outcome<()> {
    let store = Store::open(work.join("store"))?;
    let digests: Outcome<Vec<String>> =
        debs.iter().map(|deb| Ok(store.put(&fs::read(deb)?)?.digest().to_string())).collect();
    Ok(fs::write(work.join("digests"), digests?.join("\n"))?)
}

fn child(way: &str, folder: &Path, work: &Path) -> Outcome<()> {
    if way == "floor" {
        return debs(folder)?.par_iter().try_for_each(|deb| decompress_and_deflate(deb));
    }
    let store = Store::open(work.join("store"))?;
    let digests: Result<Vec<Digest>, _> = fs::read_to_string(work.join("digests"))?.lines().map(str::parse).collect();
    let digests = digests?;
    let packed: Outcome<Vec<Packed>> = digests
        .par_iter()
        .map(|digest| Ok(pack(&store, &store.blob(digest).ok_or("a package is not in the store")?)?))
        .collect();
    let laid_out = lay_out(&packed?, &Options::default())?;
    let laid = lay(&laid_out.items, Format::Gzip, Threads::One, &store, &|_| {})?;
    if laid.descriptor.size == 0 { Err("an empty layer".into()) } else { Ok(()) }
}

fn decompress_and_deflate(deb: &Path) -> Outcome<()> {
    let mut deb = Deb::read(io::BufReader::new(fs::File::open(deb)?))?;
    let mut encoder = DeflateEncoder::new(io::sink(), Compression::new(6));
    io::copy(&mut deb.data()?, &mut encoder)?;
    encoder.finish()?;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "megabytes are shown with one digit")]
fn real(bytes: u64) -> f64 {
    bytes as f64
}
