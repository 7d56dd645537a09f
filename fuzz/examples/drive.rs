//! Fuzzing with nothing but a compiler: mutates the seeds, the same way on every machine.
//! `cargo run --example drive -- TARGET SECONDS`

use std::{
    panic,
    time::{Duration, Instant},
};

type Target = (fn(&[u8]), Vec<(&'static str, Vec<u8>)>);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (name, seconds) = (arguments.next().unwrap_or_default(), arguments.next());
    let (target, seeds): Target = match name.as_str() {
        "wheel" => (wheelwright_fuzz::wheel, wheelwright_fuzz::wheels()),
        "splice" => (wheelwright_fuzz::splice, wheelwright_fuzz::splices()),
        "elf" => (wheelwright_fuzz::elf, wheelwright_fuzz::libraries()),
        other => panic!("no target `{other}`: wheel, splice or elf"),
    };
    let time = Duration::from_secs(seconds.map_or(60, |seconds| seconds.parse().expect("seconds are a number")));
    let (start, mut random, mut tried) = (Instant::now(), Random(0x9e37_79b9_7f4a_7c15), 0_u64);
    while start.elapsed() < time {
        let input = mutated(&seeds[random.below(seeds.len())].1, &mut random);
        if panic::catch_unwind(|| target(&input)).is_err() {
            eprintln!("breaks {name} after {tried} inputs: {input:02x?}");
            std::process::exit(1);
        }
        tried += 1;
    }
    println!("{name}: {tried} inputs");
}

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// A few bytes changed, words set to values that overflow, pieces cut out or doubled.
fn mutated(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(6) {
        if bytes.is_empty() {
            break;
        }
        let place = random.below(bytes.len());
        match random.below(6) {
            0 => bytes[place] ^= 1 << random.below(8),
            1 => bytes[place] = random.next() as u8,
            2 => {
                let words = [0_u64, 1, 0x7fff_ffff, 0xffff_ffff, u64::MAX, 1 << 63, random.next() % 4096];
                let word = words[random.below(words.len())].to_le_bytes();
                let count = (1 << random.below(4)).min(bytes.len() - place);
                bytes[place..place + count].copy_from_slice(&word[..count]);
            }
            3 => bytes.truncate(place),
            4 => drop(bytes.drain(place..(place + random.below(64)).min(bytes.len()))),
            _ => {
                let piece = bytes[place..(place + random.below(64)).min(bytes.len())].to_vec();
                let at = random.below(bytes.len());
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}
