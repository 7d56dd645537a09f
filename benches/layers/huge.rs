//! An entry larger than 32-bit sizes, than the length field of gzip and than the size field of ustar:
//! 9 GiB. Memory must stay flat, and an ordinary reader must read the layer.

use std::{
    env, io,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use flate2::{Compress, Compression, FlushCompress, read::GzDecoder};
use wheelwright::{
    layer::{Threads, wheel::RecordCheck},
    oci::{DiffId, Hasher},
    store::Store,
    testing::{Wheel, ZipEntry},
};

use super::{Outcome, children, usage::measure};

const FILE: &str = "demo-1.0-py3-none-any.whl";

/// Zeros that are repeated, deflated together.
const ZEROS: usize = 1 << 20;

/// Noise between them, stored: an entry of nothing but zeros would be refused as a bomb.
const NOISE: u16 = 16 * 1024;

/// Repetitions: over 9 GiB.
const TIMES: u64 = 9 * 1024;

/// Makes the wheel, lays it down on one and on two threads, and reads it back.
pub(super) fn measure_all() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let store = folder.path().join("store");
    let made = Command::new(env::current_exe()?).args(["child", "huge-make"]).arg(&store).output()?;
    let digest = String::from_utf8(made.stdout)?;
    let digest = digest.trim();
    println!("an entry of {} bytes", contents_length());
    for (what, words) in [
        ("laid on one thread", &["one", digest, FILE, "nowhere"][..]),
        ("laid on two threads", &["two", digest, FILE, "nowhere"]),
        ("laid, then read back", &["huge-read", digest, FILE]),
    ] {
        let mut command = Command::new(env::current_exe()?);
        command.args(["child", words[0]]).arg(&store).args(&words[1..]).stdout(Stdio::null());
        let usage = measure(&mut command)?;
        println!("{what:22} wall {:6.2} s, CPU {:6.2} s, peak {:6.1} MiB", usage.wall, usage.cpu, usage.peak_mebibytes);
    }
    Ok(())
}

/// Puts the wheel into a store and prints its digest.
pub(super) fn make(store: &Path) -> Outcome<()> {
    let wheel = Wheel::new("demo", "1.0").raw(entry()?).build();
    println!("{}", Store::open(store)?.put(&wheel)?.digest());
    Ok(())
}

/// Lays the wheel down and reads the layer with an ordinary decoder of a single gzip member.
pub(super) fn read(store: &Store, digest: &str, file: &str) -> Outcome<()> {
    let laid = {
        let items = children::installed(&children::found(store, digest)?, file, RecordCheck::Skip)?;
        children::engine(store, &items, Threads::Two)?
    };
    let mut hasher = Hasher::new();
    io::copy(&mut GzDecoder::new(Arc::new(laid.rope).reader(0)), &mut hasher)?;
    let found = DiffId(hasher.finish());
    if found == laid.diff_id { Ok(()) } else { Err(format!("read back as {found}, not as {}", laid.diff_id).into()) }
}

const fn contents_length() -> u64 {
    TIMES * (ZEROS as u64 + NOISE as u64)
}

fn entry() -> Outcome<ZipEntry> {
    let zeros = vec![0; ZEROS];
    let noise: Vec<u8> = (0..NOISE).map(|number| number.wrapping_mul(40_503).to_be_bytes()[0]).collect();
    let mut once = deflated_without_end(&zeros)?;
    once.push(0);
    once.extend(NOISE.to_le_bytes());
    once.extend((!NOISE).to_le_bytes());
    once.extend(&noise);
    let mut stored = once.repeat(usize::try_from(TIMES)?);
    // An empty last block in the fixed code.
    stored.extend([3, 0]);
    let mut part = crc32fast::Hasher::new();
    part.update(&zeros);
    part.update(&noise);
    let mut crc = crc32fast::Hasher::new();
    (0..TIMES).for_each(|_| crc.combine(&part));
    let (size, compressed) = (contents_length(), stored.len() as u64);
    let whole =
        ZipEntry { crc32: crc.finalize(), size, compressed, stored, ..ZipEntry::deflated("demo/huge.bin", b"") };
    Ok(ZipEntry { zip64: Some((size, compressed)), ..whole })
}

/// Blocks that end at a byte and of which none is the last.
fn deflated_without_end(contents: &[u8]) -> Outcome<Vec<u8>> {
    let mut out = Vec::with_capacity(64 * 1024);
    let mut encoder = Compress::new(Compression::new(6), false);
    encoder.compress_vec(contents, &mut out, FlushCompress::Full)?;
    if encoder.total_in() == contents.len() as u64 { Ok(out) } else { Err("the zeros were not taken at once".into()) }
}
