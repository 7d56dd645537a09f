//! The ways from a wheel to a layer that are compared, each run as a process of its own.

use std::{
    env, fs,
    io::{self, Read as _},
    path::Path,
    process::{Command, Stdio},
};

use wheelwright::{
    oci::Digest,
    store::{Blob, Store},
};

use super::{
    Outcome,
    usage::{Usage, measure},
};

/// The floor: what no way can do without.
pub(super) const FLOOR: &str = "floor: inflate, 2 digests";

/// What the others are compared with.
pub(super) const PEER: &str = "unzip, tar, gzip -6";

/// One way of making a layer.
pub(super) struct Way {
    pub(super) name: &'static str,
    /// Whether it runs inside this very program.
    pub(super) ours: bool,
    step: Step,
}

enum Step {
    /// A child of this program, with this word.
    Child(&'static str),
    /// The command that compresses standard input, after unzip and tar.
    Compressor(&'static str),
}

/// All of them, in the order of the table.
pub(super) const ALL: [Way; 11] = [
    Way { name: FLOOR, ours: true, step: Step::Child("floor") },
    Way { name: "engine, 1 thread", ours: true, step: Step::Child("one") },
    Way { name: "engine, 2 threads", ours: true, step: Step::Child("two") },
    Way { name: "engine, 1 thread, noted", ours: true, step: Step::Child("one-listed") },
    Way { name: "engine, 2 threads, noted", ours: true, step: Step::Child("two-listed") },
    Way { name: "engine, 1 thread, RECORD", ours: true, step: Step::Child("one-verified") },
    Way { name: "engine, 1 thread, to a file", ours: true, step: Step::Child("one-written") },
    Way { name: "engine, 2 threads, to a file", ours: true, step: Step::Child("two-written") },
    Way { name: PEER, ours: false, step: Step::Compressor("gzip -n -6") },
    Way { name: "unzip, tar, pigz -6", ours: false, step: Step::Compressor("pigz -n -6") },
    Way { name: "unzip, tar, zstd -3", ours: false, step: Step::Compressor("zstd -q -3 -T0") },
];

/// A folder for one wheel, which is in the store already, as after a download.
pub(super) struct Workplace {
    folder: tempfile::TempDir,
    wheel: std::path::PathBuf,
    digest: Digest,
    size: u64,
}

impl Workplace {
    pub(super) fn new(wheel: &Path) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let store = Store::open(folder.path().join("store"))?;
        let mut ingest = store.ingest()?;
        io::copy(&mut fs::File::open(wheel)?, &mut ingest)?;
        let blob = ingest.commit()?;
        Ok(Self { folder, wheel: fs::canonicalize(wheel)?, digest: *blob.digest(), size: blob.size() })
    }

    /// The wheel in the store.
    pub(super) fn blob(&self) -> Outcome<(Store, Blob)> {
        let store = Store::open(self.folder.path().join("store"))?;
        let blob = store.blob(&self.digest).ok_or("the store lacks the wheel")?;
        Ok((store, blob))
    }

    pub(super) fn wheel_name(&self) -> String {
        self.wheel.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    pub(super) const fn wheel_size(&self) -> u64 {
        self.size
    }
}

impl Way {
    /// What it used, and the bytes of the layer that it made.
    pub(super) fn run(&self, place: &Workplace) -> Outcome<(Usage, u64)> {
        let folder = place.folder.path();
        let said = folder.join("said");
        let out = folder.join("layer");
        let mut command = match self.step {
            Step::Child(way) => {
                let mut command = Command::new(env::current_exe()?);
                command.args(["child", way]).arg(folder.join("store")).arg(place.digest.to_string());
                command.arg(place.wheel_name()).arg(&out);
                command
            }
            Step::Compressor(compressor) => peers_way(place, compressor),
        };
        let usage = measure(
            command.stdout(Stdio::from(fs::File::options().write(true).create(true).truncate(true).open(&said)?)),
        )?;
        let mut text = String::new();
        fs::File::open(&said)?.read_to_string(&mut text)?;
        let bytes = text.split_whitespace().last().unwrap_or("0").parse()?;
        Ok((usage, bytes))
    }
}

/// What a careful shell script does: unpack, tar with fixed names and times, compress, and the two
/// digests that an image needs, by the fastest program for them that is commonly there.
fn peers_way(place: &Workplace, compressor: &str) -> Command {
    let script = r#"
        set -e
        cd "$1"; rm -rf files; mkdir files
        unzip -q "$2" -d files
        tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@315532800 -cf layer.tar -C files .
        openssl dgst -sha256 layer.tar
        $3 < layer.tar > layer.out
        openssl dgst -sha256 layer.out
        stat -c %s layer.out
        rm -rf files layer.tar layer.out"#;
    let mut command = Command::new("sh");
    command.args(["-c", script, "peers-way"]).arg(place.folder.path()).arg(&place.wheel).arg(compressor);
    command
}
