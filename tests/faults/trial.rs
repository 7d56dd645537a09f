//! One seed: a project, its servers, the run in trouble, and what is held against it afterwards.

use std::{
    fs,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use wheelwright::{
    archive::ArchiveSource,
    fs::write_atomic,
    image::{Graph, Source},
    layout::LayoutSource,
    oci::Digest,
    testing::Base,
};

use super::{
    disk::Disk,
    index, past,
    scenario::{Limit, Past, Scenario, Signal, Small, To},
    sky::{Sky, Weather},
};
use crate::{
    cli::workshop::{files, put},
    registry::world::{World, client, noise, read},
};

/// The recipe. The registry is reached through a proxy, so its name, and with it the image, is always the same.
const RECIPE: &str = "\
name = \"app\"
base = \"registry.invalid:5000/base/python:3.11\"
platforms = [\"linux/amd64\", \"linux/arm64\"]

[wheels]
require = [\"alpha\"]

[[scripts]]
from = \"tools\"
to = \"/srv/tools\"
";

/// No run takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_mins(2);

/// What an undisturbed run makes.
pub(super) struct Reference {
    digest: Digest,
    lock: String,
    /// With its store.
    bench: TempDir,
}

/// A project with its servers.
struct Site {
    folder: TempDir,
    world: World,
    registry: Arc<Weather>,
    index: Arc<Weather>,
    index_address: String,
    disk: Option<Disk>,
}

/// How a run ended.
struct Ended {
    output: Output,
    hung: bool,
}

impl Reference {
    pub(super) async fn make() -> Self {
        let site = Site::new(0, (Sky::Clear, Sky::Clear)).await;
        put_base(&site.world).await;
        let ended = site.run("--push registry.invalid:5000/app:1");
        let digest = ended.digest().unwrap_or_else(|| panic!("{}", ended.told()));
        let lock = fs::read_to_string(site.project().join("app.lock")).unwrap();
        Self { digest, lock, bench: site.folder }
    }
}

impl Site {
    async fn new(seed: u64, (registry, index): (Sky, Sky)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (registry, index) = (Arc::new(Weather::new(seed, registry)), Arc::new(Weather::new(seed, index)));
        let index_address = index::serve(index::site(), Arc::clone(&index)).await;
        let site = Self { folder, world: World::new().await, registry, index, index_address, disk: None };
        let files = [
            ("app.toml", RECIPE.as_bytes().to_vec()),
            ("tools/hello.sh", b"#!/bin/sh\necho hello\n".to_vec()),
            ("tools/large.bin", noise(9, 90_000)),
        ];
        for (path, bytes) in files {
            write_atomic(&site.project().join(path), &bytes).unwrap();
        }
        for folder in [site.store(), site.out()] {
            fs::create_dir_all(folder).unwrap();
        }
        site
    }

    fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("project/out")
    }

    /// How this process reaches `path`.
    fn outside(&self, path: &Path) -> PathBuf {
        self.disk.as_ref().map_or_else(|| path.to_owned(), |disk| disk.outside(path))
    }

    fn requests(&self) -> u64 {
        self.registry.requests() + self.index.requests()
    }

    /// The program with these arguments, split at blanks.
    fn command(&self, line: &str, limit: Option<Limit>) -> Command {
        let mut words = self.disk.as_ref().map(Disk::entrance).unwrap_or_default();
        words.extend(["sh", "-c", "cd \"$0\" && exec \"$@\""].map(Into::into));
        words.push(self.project().into());
        if let Some(limit) = limit {
            let flag = match limit {
                Limit::FileSize(bytes) => format!("--fsize={bytes}"),
                Limit::Descriptors(number) => format!("--nofile={number}"),
                Limit::Memory(bytes) => format!("--as={bytes}"),
            };
            words.extend(["prlimit".to_owned(), flag].map(Into::into));
        }
        words.push(env!("CARGO_BIN_EXE_wheelwright").into());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(line.split(' ')).env_clear();
        command.args(["--progress", "off", "--plain-http", "registry.invalid:5000", "--store"]).arg(self.store());
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", self.folder.path());
        command.env("http_proxy", self.world.url()).env("no_proxy", "127.0.0.1").env("PIP_CONFIG_FILE", "/dev/null");
        command.env("WHEELWRIGHT_INDEX", format!("http://{}/simple", self.index_address));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// A build without any trouble but that of the weather.
    fn run(&self, to: &str) -> Ended {
        attend(self.command(&format!("build app.toml {to}"), None).spawn().unwrap(), || None)
    }

    /// The digest of what stands at the destination, if all of it is there.
    async fn found(&self, to: To) -> Result<Vec<Option<Digest>>, String> {
        let mut found = Vec::new();
        if matches!(to, To::Registry | To::Everywhere) {
            let source = client().source(&self.world.reference("app:1")).map_err(|error| error.to_string())?;
            found.push(whole(&source).await.map_err(|problem| format!("app:1 at the registry: {problem}"))?);
        }
        if matches!(to, To::Layout | To::Everywhere) {
            let folder = self.outside(&self.out().join("dist"));
            found.push(match LayoutSource::open(&folder, None) {
                Ok(source) => whole(&source).await.map_err(|problem| format!("out/dist: {problem}"))?,
                // What a killed run left there the next one removes.
                Err(_) if !folder.join("oci-layout").exists() || !folder.join("index.json").exists() => None,
                Err(error) => return Err(format!("out/dist: {error}")),
            });
        }
        if matches!(to, To::Archive | To::Everywhere) {
            let file = self.outside(&self.out().join("app.tar"));
            found.push(match fs::read(&file) {
                Ok(bytes) if bytes == OLD => Some(Digest::of(OLD)),
                Ok(_) => {
                    let source = ArchiveSource::open(&file, None).map_err(|error| format!("app.tar: {error}"))?;
                    whole(&source).await.map_err(|problem| format!("app.tar: {problem}"))?
                }
                Err(_) => None,
            });
        }
        Ok(found)
    }

    /// Files under construction.
    fn leftovers(&self) -> Vec<PathBuf> {
        let folders = [self.outside(&self.store()), self.project(), self.outside(&self.out())];
        let all = folders.iter().flat_map(|folder| files(folder));
        all.filter(|path| path.to_string_lossy().contains("/.wheelwright-")).collect()
    }
}

/// What stands where an archive goes.
const OLD: &[u8] = b"an older archive";

async fn put_base(world: &World) {
    put(world, "base/python:3.11", &Base::default().file("opt/data", &noise(1, 40_000))).await;
}

/// Reads everything below a source's root; its digest, or nothing where nothing was ever put.
async fn whole(source: &dyn Source) -> Result<Option<Digest>, String> {
    let root = match source.root().await {
        Ok(root) => root,
        Err(error) if error.to_string().contains(" answered 404 ") => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let digest = root.descriptor().digest;
    let graph = Graph::read(source, root).await.map_err(|error| error.to_string())?;
    for blob in graph.blobs() {
        let bytes = read(&**blob).await.map_err(|error| error.to_string())?;
        if Digest::of(&bytes) != blob.descriptor().digest {
            return Err(format!("{} has other bytes", blob.descriptor().digest));
        }
    }
    Ok(Some(digest))
}

/// Waits for a run, and sends it what `signal` says, once.
fn attend(mut child: Child, mut signal: impl FnMut() -> Option<&'static str>) -> Ended {
    let (start, pid) = (Instant::now(), child.id());
    let read = |pipe: Box<dyn std::io::Read + Send>| {
        thread::spawn(move || {
            let (mut pipe, mut bytes) = (pipe, Vec::new());
            let _ = pipe.read_to_end(&mut bytes);
            bytes
        })
    };
    let (stdout, stderr) = (read(Box::new(child.stdout.take().unwrap())), read(Box::new(child.stderr.take().unwrap())));
    let (mut hung, mut sent) = (false, false);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if let Some(name) = signal().filter(|_| !sent) {
            sent = true;
            let _ = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status();
        }
        if start.elapsed() > PATIENCE && !hung {
            hung = true;
            child.kill().unwrap();
        }
        thread::sleep(Duration::from_millis(3));
    };
    Ended { output: Output { status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() }, hung }
}

impl Ended {
    fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    fn code(&self) -> Option<i32> {
        self.output.status.code()
    }

    /// The digest that it printed, if it went well.
    fn digest(&self) -> Option<Digest> {
        let stdout = String::from_utf8_lossy(&self.output.stdout).into_owned();
        let line = stdout.lines().find_map(|line| line.strip_prefix("digest: "))?;
        line.parse().ok().filter(|_| self.code() == Some(0))
    }

    fn told(&self) -> String {
        let stdout = String::from_utf8_lossy(&self.output.stdout).into_owned();
        format!("{}\n----- stdout\n{stdout}----- stderr\n{}", self.output.status, self.stderr())
    }

    /// Whether it is the right image or a clear error, as one line.
    fn judged(&self, reference: &Reference, scenario: &Scenario) -> Result<String, String> {
        let stderr = self.stderr();
        let wrong = |problem: &str| Err(format!("{problem}: {}", self.told()));
        if self.hung {
            return wrong("it hangs");
        }
        if stderr.contains("panicked") || stderr.contains("defect") {
            return wrong("a defect");
        }
        let killed = scenario.signal.is_some_and(|signal| signal.name == "KILL");
        let starved = matches!(scenario.limit, Some(Limit::Memory(_)));
        match (self.code(), self.output.status.signal()) {
            (Some(0), _) if self.digest() == Some(reference.digest) => Ok("the right image".to_owned()),
            (Some(0), _) => wrong("another image"),
            (Some(130), _) if scenario.signal.is_some() && stderr.ends_with("error: interrupted\n") => {
                Ok("130: interrupted".to_owned())
            }
            (Some(code @ (1 | 4 | 6 | 7)), _) => {
                let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
                match errors[..] {
                    [error] => Ok(format!("{code}: {}", shape(error))),
                    _ => wrong("not one error"),
                }
            }
            (None, Some(9)) if killed => Ok("killed".to_owned()),
            // The other one of the two had asked so much before this one was there to listen.
            (None, Some(2 | 15)) if scenario.pair && scenario.signal.is_some() => {
                Ok("ended before it began".to_owned())
            }
            // There is no memory to say it in another way.
            (None, Some(6)) if starved && stderr.contains("memory allocation of ") => Ok("out of memory".to_owned()),
            // The loader's own words, before the program is there.
            (Some(127), _) if starved && stderr.contains("error while loading shared libraries") => {
                Ok("127: no room for the program".to_owned())
            }
            _ => wrong("an end that is not documented"),
        }
    }
}

/// An error without what differs from run to run.
fn shape(error: &str) -> String {
    let mut words: Vec<&str> = error.trim_start_matches("error: ").split(' ').collect();
    for word in &mut words {
        if word.contains("/tmp") || word.contains("sha256:") || word.contains("127.0.0.1") {
            *word = "…";
        }
    }
    words.join(" ")
}

/// Tries `seed`: the ends of its runs.
pub(super) async fn trial(seed: u64, reference: &Reference) -> Result<Vec<String>, String> {
    let scenario = Scenario::of(seed);
    let tried = tried(seed, &scenario, reference).await;
    tried.map_err(|problem| format!("{scenario:?}\n{problem}"))
}

async fn tried(seed: u64, scenario: &Scenario, reference: &Reference) -> Result<Vec<String>, String> {
    let mut site = Site::new(seed, (scenario.registry, scenario.index)).await;
    put_base(&site.world).await;
    let limit = prepare(&mut site, seed, scenario, reference).await;
    let before = site.found(scenario.to).await?;
    let weather = Arc::clone(&site.registry);
    site.world.rule(move |seen| weather.at_registry(seen));

    let ended = disturbed(&site, scenario, limit);
    site.registry.clear_up();
    site.index.clear_up();
    if let Some(disk) = &site.disk {
        disk.remount("rw,size=64m");
    }
    let mut ends = Vec::new();
    for ended in &ended {
        ends.push(ended.judged(reference, scenario)?);
    }
    let told = || ended.iter().map(Ended::told).collect::<String>();
    let won = ended.iter().any(|ended| ended.code() == Some(0));
    for (before, found) in before.iter().zip(site.found(scenario.to).await?) {
        if found != Some(reference.digest) && (won || found != *before) {
            return Err(format!("{found:?} stands where {before:?} stood: {}", told()));
        }
    }
    lock_is_old_or_new(&site, reference)?;
    sound(&site, scenario)?;

    let again = site.run(&arguments(scenario.to));
    if again.digest() != Some(reference.digest) {
        return Err(format!("an undisturbed run after {}: {}", told(), again.told()));
    }
    if site.found(scenario.to).await?.iter().any(|found| *found != Some(reference.digest)) {
        return Err(format!("another image than an undisturbed run says: {}", again.told()));
    }
    lock_is_old_or_new(&site, reference)?;
    match (sound(&site, scenario)?, site.leftovers()) {
        (true, left) if left.is_empty() => Ok(ends),
        (_, left) => Err(format!("left behind, or damaged after all: {left:?}")),
    }
}

/// Sets the scene; the limit of the run.
async fn prepare(site: &mut Site, seed: u64, scenario: &Scenario, reference: &Reference) -> Option<Limit> {
    let (folder, room) = match scenario.disk {
        Some(Small::Store(room)) => (site.store(), room),
        Some(Small::StoreIsReadOnly) => (site.store(), 65_536),
        Some(Small::Output(room)) => (site.out(), room),
        Some(Small::OutputIsReadOnly) => (site.out(), 65_536),
        None => (PathBuf::new(), 0),
    };
    let mut limit = scenario.limit;
    if scenario.disk.is_some() {
        site.disk = Disk::mount(&folder, room);
        // Where nobody may mount, no file may grow so large: that, too, is an error of writing.
        limit = limit.or_else(|| site.disk.is_none().then_some(Limit::FileSize(room << 7)));
    }
    if scenario.past != Past::Nothing {
        past::fill(&site.outside(&site.store()), &reference.bench.path().join("store"), scenario.past, seed);
        write_atomic(&site.project().join("app.lock"), reference.lock.as_bytes()).unwrap();
    }
    if scenario.older && !matches!(scenario.disk, Some(Small::Output(_))) {
        put(&site.world, "app:1", &Base::default().file("old", b"old")).await;
        Base::default().file("old", b"old").write(&site.outside(&site.out().join("dist"))).unwrap();
        write_atomic(&site.outside(&site.out().join("app.tar")), OLD).unwrap();
    }
    if let (Some(Small::StoreIsReadOnly | Small::OutputIsReadOnly), Some(disk)) = (scenario.disk, &site.disk) {
        disk.remount("ro");
    }
    limit
}

fn arguments(to: To) -> String {
    let all = [
        (To::Registry, "--push registry.invalid:5000/app:1"),
        (To::Layout, "-o oci:out/dist"),
        (To::Archive, "-o oci-archive:out/app.tar"),
    ];
    let wanted = all.iter().filter(|(place, _)| to == *place || to == To::Everywhere);
    wanted.map(|(_, text)| *text).collect::<Vec<_>>().join(" ")
}

/// The run in trouble, or two at once.
fn disturbed(site: &Site, scenario: &Scenario, limit: Option<Limit>) -> Vec<Ended> {
    let start = site.requests();
    let line = format!("build app.toml {}", arguments(scenario.to));
    let due = |Signal { name, after }: Signal| (site.requests() - start >= after).then_some(name);
    let silent = [scenario.registry, scenario.index].into_iter().find_map(Sky::silent_from);
    let signal = || match (scenario.signal, silent) {
        // Nothing more is asked once one server is silent and all that can be had elsewhere is here.
        (Some(signal), Some(_)) => silence_reached(site, scenario).then_some(signal.name).or_else(|| due(signal)),
        (Some(signal), None) => due(signal),
        (None, _) => None,
    };
    let spawn = || site.command(&line, limit).spawn().unwrap();
    thread::scope(|scope| {
        let second = scenario.pair.then(|| scope.spawn(|| attend(spawn(), || None)));
        let mut ended = vec![attend(spawn(), signal)];
        ended.extend(second.map(|second| second.join().unwrap()));
        ended
    })
}

/// Whether the server that falls silent has done so.
fn silence_reached(site: &Site, scenario: &Scenario) -> bool {
    let reached = |sky: Sky, weather: &Weather| sky.silent_from().is_some_and(|from| weather.requests() >= from);
    reached(scenario.registry, &site.registry) || reached(scenario.index, &site.index)
}

fn lock_is_old_or_new(site: &Site, reference: &Reference) -> Result<(), String> {
    match fs::read_to_string(site.project().join("app.lock")) {
        Ok(lock) if lock != reference.lock => Err(format!("another lock: {lock}")),
        _ => Ok(()),
    }
}

/// Has the store verified: true when it is well, false when it held damage that was there before.
fn sound(site: &Site, scenario: &Scenario) -> Result<bool, String> {
    let verified = attend(site.command("cache verify", None).spawn().unwrap(), || None);
    match verified.code() {
        Some(0) => Ok(true),
        Some(7) if matches!(scenario.past, Past::Damaged | Past::Torn) => Ok(false),
        _ => Err(format!("the store is damaged: {}", verified.told())),
    }
}
