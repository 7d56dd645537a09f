//! Pushes beside `skopeo copy`, and the memory that a large one takes. `benches/README.md` says how to
//! run it and how to read it.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

#[path = "../layers/usage.rs"]
mod usage;

mod layout;
mod servers;

use std::{env, ffi::OsStr, path::Path, process::Command};

use layout::Filling;
use usage::Usage;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Runs of each client, of which the least of each figure counts.
const ROUNDS: u32 = 3;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["skopeo"] => beside_skopeo(),
        ["memory"] => memory(),
        _ => {
            println!("usage: cargo bench --bench push -- skopeo");
            println!("       cargo bench --bench push -- memory");
            Ok(())
        }
    }
}

/// An image of 1 GiB in four layers, from a layout into an empty docker-registry, in turns; and again,
/// when everything is there.
fn beside_skopeo() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let image = folder.path().join("image");
    layout::write(&image, 4, 256 << 20, Filling::Noise)?;
    let mut least: [Option<[Usage; 2]>; 2] = [None, None];
    for _ in 0..ROUNDS {
        for (client, least) in [ours as Client, skopeo as Client].into_iter().zip(&mut least) {
            let data = tempfile::tempdir_in(folder.path())?;
            let registry = servers::DockerRegistry::start(data.path())?;
            let reference = format!("{}/image:latest", registry.address());
            let measured =
                [usage::measure(&mut client(&image, &reference))?, usage::measure(&mut client(&image, &reference))?];
            *least = Some(match *least {
                None => measured,
                Some([first, again]) => [first.least(measured[0]), again.least(measured[1])],
            });
        }
    }
    println!("{:22}{:>9}{:>9}{:>9}", "", "wall s", "CPU s", "MiB");
    let [Some(ours), Some(skopeo)] = least else { return Ok(()) };
    for (number, what) in ["1 GiB", "1 GiB, all there"].into_iter().enumerate() {
        let (ours, skopeo) = (ours[number], skopeo[number]);
        for (name, usage) in [("wheelwright", ours), ("skopeo", skopeo)] {
            println!("{name:22}{:9.2}{:9.2}{:9.1}  {what}", usage.wall, usage.cpu, usage.peak_mebibytes);
        }
        let ratio = (ours.wall / skopeo.wall, ours.cpu / skopeo.cpu, ours.peak_mebibytes / skopeo.peak_mebibytes);
        println!("{:22}{:9.2}{:9.2}{:9.2}  {what}", "wheelwright/skopeo", ratio.0, ratio.1, ratio.2);
    }
    Ok(())
}

/// Eight layers of 1 GiB that take no room on either side: sparse files here, and a registry that reads
/// everything and keeps nothing.
fn memory() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let image = folder.path().join("image");
    layout::write(&image, 8, 1 << 30, Filling::Nothing)?;
    let sink = servers::Sink::start(folder.path())?;
    let usage = usage::measure(&mut ours(&image, &format!("{}/image:latest", sink.address())))?;
    println!("{} bytes in {} uploads", sink.received(), sink.uploads());
    println!("wall {:.1} s, CPU {:.1} s, peak {:.1} MiB", usage.wall, usage.cpu, usage.peak_mebibytes);
    Ok(())
}

type Client = fn(&Path, &str) -> Command;

fn ours(image: &Path, reference: &str) -> Command {
    let from = format!("oci:{}", image.display());
    let mut command = quiet(env!("CARGO_BIN_EXE_wheelwright"), ["copy", &from, reference, "--progress", "off"]);
    command.env("HOME", image);
    command
}

fn skopeo(image: &Path, reference: &str) -> Command {
    let (from, to) = (format!("oci:{}", image.display()), format!("docker://{reference}"));
    quiet("skopeo", ["--insecure-policy", "copy", "--all", "--quiet", "--dest-tls-verify=false", &from, &to])
}

fn quiet<S: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
    command
}
