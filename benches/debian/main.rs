//! Packages laid down beside what nobody can avoid: to decompress each .deb once, and to compress what is in
//! it once, at the level of the layer format. `benches/README.md` says how to read it.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "the order of a folder is made by sorting")]

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
        ["child", way, workers, folder, store] => {
            rayon::ThreadPoolBuilder::new().num_threads(workers.parse()?).build_global()?;
            child(way, Path::new(folder), Path::new(store))
        }
        [folder] => compare(Path::new(folder)),
        _ => {
            println!("usage: cargo bench --bench debian -- FOLDER-OF-DEBS");
            Ok(())
        }
    }
}

fn compare(folder: &Path) -> Outcome<()> {
    let debs = debs(folder)?;
    let bytes: u64 = debs.iter().map(|deb| fs::metadata(deb).map_or(0, |found| found.len())).sum();
    println!("{} packages, {:.1} MB", debs.len(), real(bytes) / 1e6);
    println!("{:40}{:>8}{:>8}{:>8}{:>11}", "", "wall s", "CPU s", "MiB", "CPU/floor");
    let store = tempfile::tempdir()?;
    let mut floor = None;
    for (name, way, workers) in WAYS {
        let run = || -> Outcome<Usage> {
            if way == "whole" {
                // What was packed before must not help.
                fs::remove_dir_all(store.path())?;
            }
            let mut command = Command::new(env::current_exe()?);
            measure(command.args(["child", way, workers]).arg(folder).arg(store.path()))
        };
        let first = run()?;
        let Usage { wall, cpu, peak_mebibytes } =
            (1..ROUNDS).try_fold(first, |least, _| Outcome::Ok(least.least(run()?)))?;
        let floor = *floor.get_or_insert(cpu);
        println!("{name:40}{wall:8.2}{cpu:8.2}{peak_mebibytes:8.1}{:11.3}", cpu / floor);
    }
    Ok(())
}

fn debs(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let all: io::Result<Vec<_>> = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut debs: Vec<_> = all?.into_iter().filter(|path| path.extension().is_some_and(|end| end == "deb")).collect();
    debs.sort();
    Ok(debs)
}

fn child(way: &str, folder: &Path, store: &Path) -> Outcome<()> {
    let debs = debs(folder)?;
    if way == "floor" {
        return debs.par_iter().try_for_each(|deb| decompress_and_deflate(deb));
    }
    let store = Store::open(store)?;
    let packed: Outcome<Vec<Packed>> =
        debs.par_iter().map(|deb| Ok(pack(&store, &store.put(&fs::read(deb)?)?)?)).collect();
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
