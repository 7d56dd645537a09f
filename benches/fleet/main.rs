//! Many small recipes for two platforms, against a registry of our own: at once, again, on an empty machine, and
//! given out to four machines. `benches/README.md` says how to run it and how to read it.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

#[path = "../layers/usage.rs"]
mod usage;

mod inputs;
mod registry;

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Instant,
};

use registry::Registry;
use usage::Usage;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Recipes, where nobody says how many.
const RECIPES: usize = 200;
/// Machines that the work is given out to.
const SHARDS: usize = 4;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let recipes = arguments.first().map_or(Ok(RECIPES), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    let place = Place { folder: folder.path().to_owned() };
    let (one, other) = (Registry::start(&place.folder.join("one"))?, Registry::start(&place.folder.join("two"))?);
    inputs::write(&place.project(), recipes, &one.address())?;
    println!("{recipes} recipes, 2 platforms each");
    println!("{:>16}{:>8}{:>8}{:>8}{:>10}{:>10}", "", "wall s", "CPU s", "MiB", "images/s", "requests");
    place.measured("copy oci:base/layout BASE", "a", &one)?;
    told("lock", recipes, place.measured("lock recipes --progress off", "a", &one)?);
    let push = "build recipes --locked --progress off --metadata-file made.json --push HOST/fleet/{name}:1";
    for (what, store, empty) in [("build", "a", true), ("again", "a", false), ("empty machine", "b", true)] {
        if empty {
            place.forget(store)?;
        }
        let mut measured = place.measured(push, store, &one)?;
        if !empty {
            let (usage, requests) = place.measured(push, store, &one)?;
            measured = (measured.0.least(usage), requests);
        }
        told(what, recipes, measured);
    }
    let alone = digests(&fs::read_to_string(place.project().join("made.json"))?)?;

    // Another registry, which knows nothing; the base stays where it is.
    told(&format!("{SHARDS} shards"), recipes, (shards(&place, &other)?, other.take()));
    let join = "index create HOST/fleet/{name}:1 --of recipes --progress off";
    told("joining them", recipes, place.measured(join, "join", &other)?);
    let joined = joined(&fs::read_to_string(place.words("join"))?);
    if joined != alone {
        return Err(format!("the shards came to other digests: {} and {}", alone.len(), joined.len()).into());
    }
    println!("{} digests, the same from one machine and from {SHARDS}", alone.len());
    Ok(())
}

/// The work of all shards at the same time: together, and the memory of the one that took most.
fn shards(place: &Place, registry: &Registry) -> Outcome<Usage> {
    let start = Instant::now();
    let one = &|shard: usize| {
        let line = format!("build recipes --progress off --push HOST/fleet/{{name}}:1 --shard {shard}/{SHARDS}");
        let command = place.command(&line, &format!("shard-{shard}"), registry);
        command.and_then(|mut command| usage::measure(&mut command)).map_err(|error| error.to_string())
    };
    let used: Vec<Result<Usage, String>> = thread::scope(|scope| {
        let all: Vec<_> = (1..=SHARDS).map(|shard| scope.spawn(move || one(shard))).collect();
        all.into_iter().map(|one| one.join().unwrap_or_else(|_| Err("a thread panicked".to_owned()))).collect()
    });
    let mut whole = Usage { wall: 0.0, cpu: 0.0, peak_mebibytes: 0.0 };
    for usage in used {
        let usage = usage?;
        whole.cpu += usage.cpu;
        whole.peak_mebibytes = whole.peak_mebibytes.max(usage.peak_mebibytes);
    }
    Ok(Usage { wall: start.elapsed().as_secs_f64(), ..whole })
}

/// Where everything lies.
struct Place {
    folder: PathBuf,
}

impl Place {
    fn project(&self) -> PathBuf {
        self.folder.join("project")
    }

    fn words(&self, store: &str) -> PathBuf {
        self.folder.join(format!("{store}.txt"))
    }

    fn forget(&self, store: &str) -> Outcome<()> {
        let store = self.folder.join(store);
        if store.exists() {
            fs::remove_dir_all(store)?;
        }
        Ok(())
    }

    /// The program with `line`, in which BASE and HOST stand for places in `registry`.
    fn command(&self, line: &str, store: &str, registry: &Registry) -> Outcome<Command> {
        let base = format!("{}/base/python:3.11", registry.address());
        let line = line.replace("BASE", &base).replace("HOST", &registry.address());
        let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
        command.args(line.split(' ')).current_dir(self.project()).env_clear().stdin(Stdio::null());
        command.env("HOME", &self.folder).env("WHEELWRIGHT_STORE", self.folder.join(store));
        command.stdout(File::options().create(true).write(true).truncate(true).open(self.words(store))?);
        Ok(command)
    }

    /// What a run used, and the requests that the registry got meanwhile.
    fn measured(&self, line: &str, store: &str, registry: &Registry) -> Outcome<(Usage, usize)> {
        let usage = usage::measure(&mut self.command(line, store, registry)?)?;
        Ok((usage, registry.take()))
    }
}

/// A line of the table.
fn told(what: &str, recipes: usize, (usage, requests): (Usage, usize)) {
    let images = f64::from(u32::try_from(recipes * 2).unwrap_or(u32::MAX));
    let Usage { wall, cpu, peak_mebibytes } = usage;
    println!("{what:>16}{wall:8.2}{cpu:8.2}{peak_mebibytes:8.1}{:10.0}{requests:10}", images / wall);
}

/// The index of each recipe, as `--metadata-file` has it.
fn digests(metadata: &str) -> Outcome<BTreeMap<String, String>> {
    let made: serde_json::Value = serde_json::from_str(metadata)?;
    let mut digests = BTreeMap::new();
    for (name, image) in made.as_object().into_iter().flatten() {
        let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let digest = image["containerimage.digest"].as_str().unwrap_or_default();
        digests.insert(stem, digest.to_owned());
    }
    Ok(digests)
}

/// The same, as `index create` tells it: `HOST/fleet/NAME:1  sha256:…  2 images, …`.
fn joined(told: &str) -> BTreeMap<String, String> {
    let line = |line: &str| {
        let mut words = line.split("  ");
        let (place, digest) = (words.next()?, words.next()?);
        let name = place.strip_suffix(":1")?.rsplit('/').next()?;
        Some((name.to_owned(), digest.to_owned()))
    };
    told.lines().filter_map(line).collect()
}
