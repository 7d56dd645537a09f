//! The layer engine beside what people use in its place, and beside the floor: the inflating and
//! hashing that nobody can avoid. `benches/README.md` says how to run it and how to read it.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

mod children;
mod huge;
mod usage;
mod ways;

use std::{
    env,
    path::{Path, PathBuf},
};

use usage::Usage;
use ways::{Way, Workplace};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// What the command line asks for.
struct Plan {
    wheels: Vec<PathBuf>,
    /// How often each way of ours is run, of which the best counts; peers run once.
    runs: u32,
    /// Only ways whose name begins so.
    only: String,
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["child", ref rest @ ..] => children::run(rest),
        ["huge"] => huge::measure_all(),
        ["write", wheel, out] => children::write(&Workplace::new(Path::new(wheel))?, Path::new(out)),
        [] => {
            usage_text();
            Ok(())
        }
        _ => compare(&plan(&arguments)?),
    }
}

fn usage_text() {
    println!("usage: cargo bench --bench layers -- [--runs N] [--only WAY] WHEEL…");
    println!("       cargo bench --bench layers -- huge");
    println!("       cargo bench --bench layers -- write WHEEL LAYER");
}

fn plan(arguments: &[String]) -> Outcome<Plan> {
    let mut plan = Plan { wheels: Vec::new(), runs: 3, only: String::new() };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--runs" => plan.runs = words.next().ok_or("--runs wants a number")?.parse()?,
            "--only" => plan.only.clone_from(words.next().ok_or("--only wants the beginning of a way's name")?),
            option if option.starts_with('-') => return Err(format!("there is no option {option}").into()),
            wheel => plan.wheels.push(wheel.into()),
        }
    }
    Ok(plan)
}

fn compare(plan: &Plan) -> Outcome<()> {
    let ways: Vec<&Way> = ways::ALL.iter().filter(|way| way.name.starts_with(&plan.only)).collect();
    let mut together: Vec<(&Way, (Usage, u64))> = Vec::new();
    for wheel in &plan.wheels {
        let place = Workplace::new(wheel)?;
        println!("\n{}: {} bytes", place.wheel_name(), place.wheel_size());
        let rows = measured(&ways, plan.runs, &place)?;
        print_rows(&rows);
        if together.is_empty() {
            together = rows;
        } else {
            for ((_, (sum, bytes)), (_, (usage, more))) in together.iter_mut().zip(rows) {
                (*sum, *bytes) = (one_after_other(*sum, usage), *bytes + more);
            }
        }
    }
    if plan.wheels.len() > 1 {
        println!("\nall {} of them", plan.wheels.len());
        print_rows(&together);
    }
    Ok(())
}

/// What both used together.
fn one_after_other(one: Usage, other: Usage) -> Usage {
    Usage {
        wall: one.wall + other.wall,
        cpu: one.cpu + other.cpu,
        peak_mebibytes: one.peak_mebibytes.max(other.peak_mebibytes),
    }
}

/// The smallest value of each kind over `runs` runs, the ways in turns: what else the machine did only adds.
fn measured<'w>(ways: &[&'w Way], runs: u32, place: &Workplace) -> Outcome<Vec<(&'w Way, (Usage, u64))>> {
    let mut rows = Vec::new();
    for way in ways {
        rows.push((*way, way.run(place)?));
    }
    for _ in 1..runs {
        for (way, (least, _)) in rows.iter_mut().filter(|(way, _)| way.ours) {
            *least = least.least(way.run(place)?.0);
        }
    }
    Ok(rows)
}

fn print_rows(rows: &[(&Way, (Usage, u64))]) {
    let find = |name: &str| rows.iter().find(|(way, _)| way.name == name).map(|(_, measured)| *measured);
    let (floor, peer) = (find(ways::FLOOR), find(ways::PEER));
    println!(
        "{:28}{:>8}{:>8}{:>8}{:>12}{:>11}{:>10}{:>11}",
        "", "wall s", "CPU s", "MiB", "bytes", "CPU/floor", "gzip/CPU", "bytes/gzip"
    );
    for (way, (usage, bytes)) in rows {
        let over_floor = floor.map(|(floor, _)| usage.cpu / floor.cpu);
        let under_peer = peer.map(|(peer, _)| peer.cpu / usage.cpu);
        let size = peer.filter(|_| *bytes > 0).map(|(_, theirs)| as_real(*bytes) / as_real(theirs));
        println!(
            "{:28}{:8.2}{:8.2}{:8.1}{:>12}{:>11}{:>10}{:>11}",
            way.name,
            usage.wall,
            usage.cpu,
            usage.peak_mebibytes,
            bytes,
            shown(over_floor),
            shown(under_peer),
            shown(size)
        );
    }
}

fn shown(ratio: Option<f64>) -> String {
    ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.3}"))
}

#[expect(clippy::cast_precision_loss, reason = "a ratio of sizes is shown with three digits")]
fn as_real(bytes: u64) -> f64 {
    bytes as f64
}
