//! What the child processes do: the engine, and the floor. Each prints the bytes of its layer last.

use std::{fs, io, path::Path, sync::Arc};

use flate2::{Decompress, FlushDecompress, Status};
use wheelwright::{
    builder::Listing,
    layer::{
        Format, Item, Laid, Paths, Threads, lay, lay_before, merge,
        wheel::{self, RecordCheck},
    },
    lock::{Facts, Interpreter, LockedWheel, Scheme, WheelSource},
    oci::Hasher,
    store::{Blob, Store},
    zip::{self, Limits, Method, ReadAt as _},
};

use super::{Outcome, huge, ways::Workplace};

/// Runs the child that `words` ask for.
pub(super) fn run(words: &[&str]) -> Outcome<()> {
    match *words {
        ["huge-make", store] => huge::make(Path::new(store)),
        ["huge-read", store, digest, file] => huge::read(&Store::open(store)?, digest, file),
        [way, store, digest, file, out] => {
            let store = Store::open(store)?;
            let blob = found(&store, digest)?;
            let laid = |threads| engine(&store, &installed(&blob, file, RecordCheck::Skip)?, threads);
            match way {
                "floor" => floor(&blob),
                "one" => laid(Threads::One).map(|laid| say(&laid)),
                "two" => laid(Threads::Two).map(|laid| say(&laid)),
                "one-verified" => {
                    let items = installed(&blob, file, RecordCheck::Verify)?;
                    engine(&store, &items, Threads::One).map(|laid| say(&laid))
                }
                "one-listed" => listed(&store, &installed(&blob, file, RecordCheck::Skip)?, Threads::One),
                "two-listed" => listed(&store, &installed(&blob, file, RecordCheck::Skip)?, Threads::Two),
                "one-written" => written(laid(Threads::One)?, Path::new(out)),
                "two-written" => written(laid(Threads::Two)?, Path::new(out)),
                _ => Err(format!("there is no way {way}").into()),
            }
        }
        _ => Err("a child takes a way, a store, a digest, a name and a file".into()),
    }
}

/// Lays the wheel down into the file `out`, for other programs to read.
pub(super) fn write(place: &Workplace, out: &Path) -> Outcome<()> {
    let (store, blob) = place.blob()?;
    let items = installed(&blob, &place.wheel_name(), RecordCheck::Skip)?;
    written(engine(&store, &items, Threads::Two)?, out)
}

/// The wheel in the store.
pub(super) fn found(store: &Store, digest: &str) -> Outcome<Blob> {
    Ok(store.blob(&digest.parse()?).ok_or("the store lacks the wheel")?)
}

/// From what the wheel puts on disk to the layer's digests.
pub(super) fn engine(store: &Store, items: &[Item], threads: Threads) -> Outcome<Laid> {
    Ok(lay(items, Format::Gzip, threads, store, &|_| {})?)
}

/// The same, and what checks want to know of the layer is noted, as every build does.
fn listed(store: &Store, items: &[Item], threads: Threads) -> Outcome<()> {
    let mut listing = Listing::default();
    let laid = lay_before(&mut listing, items, (Format::Gzip, threads), store, &|_| {})?;
    listing.keep(store, laid.diff_id)?;
    say(&laid);
    Ok(())
}

/// From the wheel in the store to what it puts on disk.
pub(super) fn installed(blob: &Blob, file: &str, check: RecordCheck) -> Outcome<Vec<Item>> {
    let interpreter = interpreter()?;
    let paths = Paths::new(&Facts::default());
    let wheel = LockedWheel {
        uploaded: None,
        own_hash: false,
        name: file.split('-').next().unwrap_or_default().replace('_', "-"),
        version: file.split('-').nth(1).unwrap_or_default().to_owned(),
        file: file.to_owned(),
        sha256: *blob.digest(),
        size: blob.size(),
        source: WheelSource::Index("default".to_owned()),
        why: vec!["recipe".to_owned()],
    };
    let destination = wheel::Destination { interpreter: &interpreter, paths: &paths };
    let mut items = merge(vec![wheel::install(&wheel, blob, destination, check)?])?;
    paths.add_parents(&mut items);
    Ok(items)
}

fn interpreter() -> Outcome<Interpreter> {
    let site = "/usr/local/lib/python3.11/site-packages";
    Ok(Interpreter {
        path: "/usr/local/bin/python3.11".to_owned(),
        version: "3.11.9".parse()?,
        free_threaded: false,
        scheme: Scheme {
            purelib: site.to_owned(),
            platlib: site.to_owned(),
            scripts: "/usr/local/bin".to_owned(),
            data: "/usr/local".to_owned(),
            headers: "/usr/local/include/python3.11".to_owned(),
        },
    })
}

fn say(laid: &Laid) {
    println!("{} {} {}", laid.descriptor.digest, laid.diff_id, laid.rope.length());
}

fn written(laid: Laid, out: &Path) -> Outcome<()> {
    say(&laid);
    let mut file = fs::File::options().write(true).create(true).truncate(true).open(out)?;
    io::copy(&mut Arc::new(laid.rope).reader(0), &mut file)?;
    Ok(())
}

/// Reads the wheel once, inflates every entry once, and takes the two digests: of what was read and
/// of what came out. No checks, no tar, no layer.
fn floor(blob: &Blob) -> Outcome<()> {
    let file = blob.open()?;
    let (mut outer, mut inner) = (Hasher::new(), Hasher::new());
    let (mut input, mut output) = (vec![0; 128 * 1024], vec![0; 256 * 1024]);
    let mut engine = Decompress::new(false);
    for entry in zip::read_directory(&file, blob.size(), &Limits::default())? {
        engine.reset(false);
        let mut left = entry.compressed;
        let mut position = entry.data_offset;
        while left > 0 {
            let count = usize::try_from(left)?.min(input.len());
            file.read_exact_at(&mut input[..count], position)?;
            outer.update(&input[..count]);
            match entry.method {
                Method::Stored => inner.update(&input[..count]),
                Method::Deflate => inflate(&mut engine, &input[..count], &mut output, &mut inner)?,
            }
            left -= count as u64;
            position += count as u64;
        }
    }
    println!("{} {} 0", outer.finish(), inner.finish());
    Ok(())
}

fn inflate(engine: &mut Decompress, mut input: &[u8], output: &mut [u8], hasher: &mut Hasher) -> Outcome<()> {
    loop {
        let before = (engine.total_in(), engine.total_out());
        let status = engine.decompress(input, output, FlushDecompress::None)?;
        let (read, made) = (engine.total_in() - before.0, engine.total_out() - before.1);
        let made = usize::try_from(made)?;
        hasher.update(&output[..made]);
        input = &input[usize::try_from(read)?..];
        // A full output may hide more of it; an unfilled one means that the input is used up.
        if status == Status::StreamEnd || (input.is_empty() && made < output.len()) {
            return Ok(());
        }
    }
}
