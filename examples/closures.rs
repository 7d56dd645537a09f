//! Says which Debian packages are needed together, one line of JSON for each request on standard input.
//!
//! ```text
//! cargo build --release --example closures
//! printf 'libgl1 libglib2.0-0\npython3 ca-certificates\n' |
//!     target/release/examples/closures --suite bookworm --architecture arm64
//! ```
//!
//! Indexes are read once. `--names` prints all names instead, and `--sonames` takes libraries in place of
//! packages: `libGL.so.1`, and says which packages have them. `tests/peers/closures.py` drives it, and holds
//! the answers against apt's. Each answer has the packages as `name: version`, or an `error`; what dpkg would
//! find wrong with them stands in `faults`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to whoever runs it")]

use std::{
    error::Error,
    io::{BufRead as _, stdin},
    process::ExitCode,
    sync::Arc,
};

use serde_json::{Map, Value, json};
use wheelwright::{
    apt::{Archive, Mirrors, Query, Recommends, Request, Set, Signatures, Universe, resolve},
    debian::{DebianError, openpgp::Keyring},
    http::{Client, Options},
    progress::{Event, Observer},
    store::Store,
};

/// The command line.
struct Arguments {
    store: String,
    mirror: Option<String>,
    security_mirror: Option<String>,
    suite: String,
    architecture: String,
    components: Vec<String>,
    recommends: bool,
    task: Task,
}

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Task {
    /// What is needed together.
    Closures,
    /// All names.
    Names,
    /// Who has a library.
    Sonames,
}

struct Quiet;

impl Observer for Quiet {
    fn observe(&self, _: &Event<'_>) {}
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let arguments = parsed(std::env::args().skip(1))?;
    let url = |mirror: &Option<String>| mirror.iter().map(|mirror| mirror.parse()).collect::<Result<Vec<_>, _>>();
    let mirrors = Mirrors::new(url(&arguments.mirror)?, url(&arguments.security_mirror)?);
    let client = Client::new(Options::default())?;
    let archive = Archive::new(client, Store::open(&arguments.store)?, mirrors, Arc::new(Quiet));
    let query = Query {
        suite: arguments.suite.clone(),
        components: arguments.components.clone(),
        architecture: arguments.architecture.clone(),
        security: true,
        backports: false,
        signatures: Signatures::By(Keyring::debian()?),
        now: None,
        locked: Vec::new(),
        others: Vec::new(),
    };
    if arguments.task == Task::Sonames {
        let sonames = archive.sonames(&query).await?;
        for line in stdin().lock().lines() {
            let soname = line?;
            println!("{}", json!({ "soname": soname, "packages": sonames.packages(&soname) }));
        }
        return Ok(());
    }
    let (universe, _) = archive.universe(&query).await?;
    if arguments.task == Task::Names {
        universe.names().for_each(|name| println!("{name}"));
        return Ok(());
    }
    for line in stdin().lock().lines() {
        let names: Vec<String> = line?.split_whitespace().map(str::to_owned).collect();
        println!("{}", answer(&universe, &names, &arguments)?);
    }
    Ok(())
}

/// What is needed for `names`.
fn answer(universe: &Universe, names: &[String], arguments: &Arguments) -> Result<Value, DebianError> {
    let recommends = if arguments.recommends { Recommends::All } else { Recommends::None };
    let request = Request { names, recommends, ..Request::default() };
    let selected = match resolve(universe, request) {
        Ok(selected) => selected,
        Err(error) => return Ok(json!({ "request": names, "error": error.to_string() })),
    };
    let mut packages = Map::new();
    let mut set = Set::default();
    for one in &selected {
        packages.insert(one.name.clone(), one.version.to_string().into());
        let same = |candidate: &&wheelwright::apt::Candidate| candidate.package.version == one.version;
        let found = universe.versions(&one.name).iter().find(same).expect("it was chosen from there");
        set.add(&found.package)?;
    }
    let faults: Vec<String> = set.faults()?.iter().map(ToString::to_string).collect();
    Ok(json!({ "request": names, "packages": packages, "faults": faults }))
}

fn parsed(mut words: impl Iterator<Item = String>) -> Result<Arguments, Box<dyn Error>> {
    let mut arguments = Arguments {
        store: "target/closures-store".to_owned(),
        mirror: None,
        security_mirror: None,
        suite: "bookworm".to_owned(),
        architecture: "amd64".to_owned(),
        components: vec!["main".to_owned()],
        recommends: false,
        task: Task::Closures,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--store" => arguments.store = value()?,
            "--mirror" => arguments.mirror = Some(value()?),
            "--security-mirror" => arguments.security_mirror = Some(value()?),
            "--suite" => arguments.suite = value()?,
            "--architecture" => arguments.architecture = value()?,
            "--components" => arguments.components = value()?.split(',').map(str::to_owned).collect(),
            "--recommends" => arguments.recommends = true,
            "--names" => arguments.task = Task::Names,
            "--sonames" => arguments.task = Task::Sonames,
            _ => return Err(format!("unknown: {word}").into()),
        }
    }
    Ok(arguments)
}

fn chain(error: &dyn Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {}", chain(source)))
}
