//! Chooses wheels for targets that need not exist, and says which, as JSON.
//!
//! ```text
//! cargo run --release --example resolve -- --python 3.12.12 --platform linux/amd64 'flask[async]' 'numpy<2'
//! ```
//!
//! One line for each `--platform`, which are resolved on their own; with `--align` they are given the
//! same versions where that can be had. `benches/resolver/compare.py` drives it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to whoever runs it")]

use std::{error::Error, process::ExitCode, sync::Arc};

use serde_json::json;
use wheelwright::{
    http::{Client, Options},
    progress::{Event, Observer},
    pypi::{DefaultIndex, Location, PackageIndex, Settings},
    python::{Libc, PythonVersion, Requirement, Target},
    resolve::{Request, Resolution, ResolveError, resolve, resolve_aligned},
    store::Store,
};

/// The command line.
struct Arguments {
    store: String,
    index: Option<String>,
    python: PythonVersion,
    libc: Libc,
    platforms: Vec<String>,
    align: bool,
    request: Request,
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
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  caused by: {error}");
                cause = error.source();
            }
            for fact in error.downcast_ref::<ResolveError>().map(ResolveError::facts).unwrap_or_default() {
                eprintln!("  {fact}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let arguments = parsed(std::env::args().skip(1))?;
    let default = match &arguments.index {
        Some(url) => DefaultIndex::Other(Location::Simple(url.parse()?)),
        None => DefaultIndex::Public,
    };
    let settings = Settings { default, ..Settings::default() };
    let (client, store) = (Client::new(Options::default())?, Store::open(&arguments.store)?);
    let index = PackageIndex::new(client, store, settings, Arc::new(Quiet));
    let mut jobs = Vec::new();
    for platform in &arguments.platforms {
        let (python, libc) = (arguments.python, arguments.libc);
        let target = Target { platform: platform.parse()?, python, libc, free_threaded: false };
        jobs.push((arguments.request.clone(), target));
    }
    if arguments.align {
        resolve_aligned(&[jobs], &index).await.map_err(|(_, error)| error)?.iter().flatten().for_each(show);
        return Ok(());
    }
    for (request, target) in &jobs {
        show(&resolve(request, target, &index).await?);
    }
    Ok(())
}

fn show(resolution: &Resolution) {
    let wheels: Vec<_> = resolution
        .wheels
        .iter()
        .map(|wheel| {
            json!({
                "name": wheel.name.to_string(),
                "version": wheel.version.to_string(),
                "file": wheel.file.to_string(),
                "sha256": wheel.sha256.hex(),
                "size": wheel.size,
            })
        })
        .collect();
    let notices: Vec<String> = resolution.notices.iter().map(ToString::to_string).collect();
    println!("{}", json!({"platform": resolution.platform.to_string(), "wheels": wheels, "notices": notices}));
}

fn parsed(mut words: impl Iterator<Item = String>) -> Result<Arguments, Box<dyn Error>> {
    let mut arguments = Arguments {
        store: "target/resolve-store".to_owned(),
        index: None,
        python: "3.12.0".parse()?,
        libc: "glibc 2.36".parse()?,
        platforms: Vec::new(),
        align: false,
        request: Request::default(),
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--store" => arguments.store = value()?,
            "--index" => arguments.index = Some(value()?),
            "--python" => arguments.python = value()?.parse()?,
            "--libc" => arguments.libc = value()?.parse()?,
            "--platform" => arguments.platforms.push(value()?),
            "--align" => arguments.align = true,
            "--constraint" => arguments.request.constraints.push(value()?.parse()?),
            "--override" => arguments.request.overrides.push(value()?.parse()?),
            _ => arguments.request.requirements.push(word.parse::<Requirement>()?),
        }
    }
    if arguments.platforms.is_empty() {
        arguments.platforms.push("linux/amd64".to_owned());
    }
    Ok(arguments)
}
