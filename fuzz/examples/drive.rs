//! Fuzzing with nothing but a compiler: mutates the seeds, the same way on every machine, on one thread.
//! `cargo run --example drive -- TARGET[,TARGET…]|all SECONDS|COUNTx [SEED]`: so many seconds of processor time, or so many
//! inputs, each; another seed gives other inputs. Ends with what was tried, or at the first input that breaks a target, makes it hang or fills the
//! memory; that one is written to `fuzz/broken/TARGET` (`drive -- TARGET FILE` tries it again).

#![expect(clippy::disallowed_methods, reason = "an input that breaks may be written twice")]

use std::{
    fs, panic,
    path::Path,
    process::exit,
    sync::Mutex,
    time::{Duration, Instant},
};

use wheelwright_fuzz::{TARGETS, Target};

/// What is being tried: a panic may come from any thread.
static TRIED: Mutex<Option<Tried>> = Mutex::new(None);

struct Tried {
    target: &'static str,
    input: Vec<u8>,
    number: u64,
}

/// No input of some kilobytes takes more processor time.
const LONGEST: Duration = Duration::from_secs(60);
/// Nor as many MiB.
const LARGEST: u64 = 2048;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (names, what) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    let seed = arguments.next().map_or(0, |seed| seed.parse().expect("a seed is a number"));
    let all = || TARGETS.iter().map(|target| target.name).collect::<Vec<_>>();
    let named = if names == "all" { all() } else { names.split(',').collect() };
    let unknown = |name: &str| panic!("no target `{name}`: {}, or all", all().join(", "));
    let targets: Vec<&Target> = named.iter().map(|name| Target::of(name).unwrap_or_else(|| unknown(name))).collect();
    report_what_breaks();
    for target in targets {
        let count = what.strip_suffix('x').and_then(|count| count.parse().ok());
        match (what.parse(), count) {
            (Ok(seconds), _) => drive(target, (Duration::from_secs(seconds), u64::MAX), seed),
            (_, Some(count)) => drive(target, (Duration::MAX, count), seed),
            _ => attempt(target, fs::read(&what).expect("the file can be read")),
        }
    }
}

fn report_what_breaks() {
    let shown = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        shown(info);
        give_up("breaks");
    }));
    std::thread::spawn(|| {
        let (mut number, mut since) = (0, processor_time());
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let (now, spent) = (TRIED.lock().ok().and_then(|tried| Some(tried.as_ref()?.number)), processor_time());
            if now != Some(number) {
                (number, since) = (now.unwrap_or(0), spent);
            } else if since.zip(spent).is_some_and(|(since, spent)| spent - since > LONGEST) {
                give_up("hangs");
            }
            if memory("VmRSS:").is_some_and(|mib| mib > LARGEST) {
                give_up("fills the memory of");
            }
        }
    });
}

/// Says which input it is, keeps it, and ends.
fn give_up(what: &str) -> ! {
    if let Ok(Some(Tried { target, input, .. })) = TRIED.try_lock().map(|mut tried| tried.take()) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("broken").join(target);
        let kept = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, &input));
        let text: String =
            input.iter().take(4096).flat_map(|byte| std::ascii::escape_default(*byte)).map(char::from).collect();
        eprintln!("{what} {target}: b\"{text}\" ({}: {kept:?})", path.display());
    }
    exit(1);
}

fn attempt(target: &'static Target, input: Vec<u8>) {
    if let Ok(mut tried) = TRIED.lock() {
        let number = tried.as_ref().map_or(1, |tried| tried.number + 1);
        *tried = Some(Tried { target: target.name, input: input.clone(), number });
    }
    (target.check)(&input);
}

fn drive(target: &'static Target, (time, most): (Duration, u64), seed: u64) {
    let seeds = (target.seeds)();
    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ seed.wrapping_mul(0xd134_2543_de82_ef95));
    let (start, begun) = (Instant::now(), processor_time());
    let spent = || match (begun, processor_time()) {
        (Some(begun), Some(now)) => now - begun,
        _ => start.elapsed(),
    };
    let (mut tried, mut slowest) = (0_u64, Duration::ZERO);
    for (_, bytes) in &seeds {
        attempt(target, bytes.clone());
    }
    while spent() < time && tried < most {
        for _ in 0..8 {
            let (one, other) = (&seeds[random.below(seeds.len())].1, &seeds[random.below(seeds.len())].1);
            let input = mutated(one, other, &mut random);
            let since = Instant::now();
            attempt(target, input);
            slowest = slowest.max(since.elapsed());
            tried += 1;
        }
    }
    println!(
        "{}: {tried} inputs in {} s of processor time ({} s), the slowest in {} ms; {} MiB at most so far",
        target.name,
        spent().as_secs(),
        start.elapsed().as_secs(),
        slowest.as_millis(),
        memory("VmHWM:").unwrap_or_default(),
    );
}

/// What this process has used so far, where the system says it: in hundredths of a second.
fn processor_time() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name, in brackets, stand eleven other numbers.
    let mut numbers = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = numbers.next()?.parse().ok()?;
    let system: u64 = numbers.next()?.parse().ok()?;
    Some(Duration::from_millis(10 * (user + system)))
}

/// MiB of this process, where the system says it: now, or at most.
fn memory(kind: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(kind))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? / 1024)
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

/// What has a meaning somewhere.
const WORDS: [&[u8]; 32] = [
    b"\"",
    b"'",
    b"\\",
    b"\n",
    b"\r\n",
    b"\0",
    b"\t",
    b" ",
    b"/",
    b"../",
    b"..",
    b".",
    b"-",
    b"=",
    b":",
    b",",
    b";",
    b"[",
    b"]",
    b"{",
    b"}",
    b"(",
    b")",
    b"<",
    b"#",
    b"$",
    b"&",
    b"0",
    b"-1",
    b"18446744073709551615",
    "é".as_bytes(),
    "\u{1f600}".as_bytes(),
];

/// A few bytes changed, words set to values that overflow, pieces cut out, doubled, or taken from another seed.
fn mutated(seed: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(6) {
        if bytes.is_empty() {
            break;
        }
        let place = random.below(bytes.len());
        match random.below(9) {
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
            5 => {
                let piece = bytes[place..(place + random.below(64)).min(bytes.len())].to_vec();
                let at = random.below(bytes.len());
                bytes.splice(at..at, piece);
            }
            6 => {
                let from = random.below(other.len());
                let piece = &other[from..(from + random.below(64)).min(other.len())];
                bytes.splice(place..place, piece.iter().copied());
            }
            7 => drop(bytes.splice(place..place, WORDS[random.below(WORDS.len())].iter().copied())),
            _ => {
                let word = WORDS[random.below(WORDS.len())];
                let end = (place + word.len()).min(bytes.len());
                bytes.splice(place..end, word.iter().copied());
            }
        }
    }
    bytes
}
