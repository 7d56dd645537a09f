//! A fleet of recipes: each has a wheel of its own, and takes some of those that all have.

use std::path::Path;

use wheelwright::{
    fs::write_atomic,
    testing::{Base, Wheel},
};

use super::Outcome;

/// Wheels that recipes have in common.
const COMMON: usize = 12;
/// How many of them each takes.
const TAKEN: usize = 6;

/// Writes `recipes` recipes with all they need, over a base in the registry at `host`.
pub(super) fn write(project: &Path, recipes: usize, host: &str) -> Outcome<()> {
    for (path, bytes) in Base::default().file("opt/data", &noise(0, 500_000)).layout() {
        write_atomic(&project.join("base/layout").join(path), &bytes)?;
    }
    for number in 0..COMMON {
        write_wheel(project, &format!("common{number}"), 300_000)?;
    }
    for number in 0..recipes {
        let own = format!("app{number}");
        write_wheel(project, &own, 40_000)?;
        let common = (0..TAKEN).map(|step| format!("common{}", (number + step * (1 + number % 3)) % COMMON));
        let mut wanted: Vec<String> = common.chain([own.clone()]).collect();
        wanted.sort();
        wanted.dedup();
        let wanted: Vec<String> = wanted.iter().map(|name| format!("\"./{name}-1.0-py3-none-any.whl\"")).collect();
        // What all have is worth a layer of its own: then they share it.
        let recipe = format!(
            "name = \"{own}\"\nbase = \"{host}/base/python:3.11\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\n\
             [wheels]\nrequire = [{}]\n\n[layers]\nown = [\"common*\"]\n\n\
             [[scripts]]\nfrom = \"{own}.txt\"\nto = \"/app/{own}.txt\"\n",
            wanted.join(", ")
        );
        write_atomic(&project.join("recipes").join(format!("{own}.toml")), recipe.as_bytes())?;
        write_atomic(&project.join("recipes").join(format!("{own}.txt")), own.as_bytes())?;
    }
    Ok(())
}

fn write_wheel(project: &Path, name: &str, size: usize) -> Outcome<()> {
    let seed = name.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let wheel = Wheel::new(name, "1.0").file(&format!("{name}.py"), &noise(seed, size));
    Ok(write_atomic(&project.join("recipes").join(wheel.file_name()), &wheel.build())?)
}

/// Bytes that do not compress.
fn noise(seed: u64, size: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..size).map(|_| next()).collect()
}
