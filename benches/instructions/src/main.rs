//! Instructions that the hot paths take, as valgrind counts them: what a busy machine cannot disturb.
//!
//! Each path runs in a process of its own, once and then three times; half the difference is what the path takes,
//! without its inputs, which are made in code. `benches/README.md` says how to run it.

mod hot;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use toml::{Table, Value};
use wheelwright::fs::write_atomic;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// A count may differ by this from the recorded one, in thousandths.
const TOLERANCE: u64 = 50;

fn main() -> ExitCode {
    match run(&env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[String]) -> Outcome<()> {
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["path", name, times] => hot::run(name, times.parse()?),
        ["--record"] => record(&count()?),
        [] => compare(&count()?),
        _ => Err("usage: wheelwright-instructions [--record]".into()),
    }
}

fn recorded() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recorded.toml")
}

/// What counts depend on besides the code: the compiler, what it was told, and which instructions a processor has.
fn circumstances() -> Outcome<String> {
    let compiler = Command::new("rustc").arg("--version").output()?;
    let compiler = String::from_utf8(compiler.stdout)?;
    let optimised = option_env!("CARGO_PROFILE_RELEASE_LTO").map_or("", |_| ", not optimised at link time");
    let build = if cfg!(debug_assertions) { ", for debugging" } else { optimised };
    Ok(format!("{}, {}{build}", processor(), compiler.trim()))
}

fn processor() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        return "x86-64 with AVX2";
    }
    env::consts::ARCH
}

/// Path → instructions.
fn count() -> Outcome<BTreeMap<&'static str, u64>> {
    let mut counts = BTreeMap::new();
    for name in hot::NAMES {
        let (once, thrice) = (instructions(name, 1)?, instructions(name, 3)?);
        counts
            .insert(name, thrice.checked_sub(once).ok_or_else(|| format!("{name}: thrice takes less than once"))? / 2);
    }
    Ok(counts)
}

fn instructions(name: &str, times: u32) -> Outcome<u64> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("out");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--tool=callgrind"]).arg(format!("--callgrind-out-file={}", out.display()));
    let status = valgrind.arg(env::current_exe()?).args(["path", name, &times.to_string()]).status();
    if !status.map_err(|error| format!("cannot run valgrind ({error}): apt-get install valgrind"))?.success() {
        return Err(format!("`{name}` failed under valgrind").into());
    }
    let text = fs::read_to_string(&out)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    Ok(total.ok_or("callgrind wrote no totals")?.trim().parse()?)
}

fn record(counts: &BTreeMap<&'static str, u64>) -> Outcome<()> {
    let counted = counts.iter().map(|(name, count)| Ok(((*name).to_owned(), i64::try_from(*count)?.into())));
    let mut table = Table::new();
    table.insert("circumstances".to_owned(), circumstances()?.into());
    table.insert("instructions".to_owned(), Value::Table(counted.collect::<Outcome<_>>()?));
    let text = format!("# Written by `wheelwright-instructions --record` (benches/README.md).\n{table}");
    write_atomic(&recorded(), text.as_bytes())?;
    Ok(())
}

fn compare(counts: &BTreeMap<&'static str, u64>) -> Outcome<()> {
    let table: Table = fs::read_to_string(recorded())?.parse()?;
    let mut wrong = Vec::new();
    for (name, count) in counts {
        let before = table.get("instructions").and_then(|all| all.get(*name)).and_then(Value::as_integer);
        let before = before.and_then(|before| u64::try_from(before).ok()).unwrap_or(0);
        println!("{name:<16}{count:>14}, recorded {before:>14}");
        if count.abs_diff(before) * 1000 > before * TOLERANCE {
            wrong.push(*name);
        }
    }
    let (here, there) = (circumstances()?, table.get("circumstances").and_then(Value::as_str).unwrap_or_default());
    if here != there {
        println!("recorded with {there}; this is {here}: not held against each other");
    } else if !wrong.is_empty() {
        let advice = "if that is meant, `--record` records it";
        return Err(format!("{} differ by more than {} %; {advice}", wrong.join(", "), TOLERANCE / 10).into());
    }
    Ok(())
}
