//! The same set by mmdebstrap: from an archive that holds these packages and nothing else, into a `.tar.gz`.

use std::{
    fs::{self, File},
    io::{BufReader, Write as _},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use wheelwright::{debian::Deb, oci::Digest};

use super::{
    Outcome,
    usage::{Usage, measure},
};

/// What is measured: a name, and the word for it. The first leaves scripts alone, as we do; the second runs them.
pub(super) const WAYS: [(&str, &str); 2] = [("mmdebstrap, unpacked only", "extract"), ("mmdebstrap, installed", "apt")];

/// An archive on the disk.
pub(super) struct Archive {
    folder: tempfile::TempDir,
    names: Vec<String>,
}

impl Archive {
    pub(super) fn of(debs: &[PathBuf]) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let mut index = File::create(folder.path().join("Packages"))?;
        let mut names = Vec::new();
        for deb in debs {
            let file = deb.file_name().and_then(|name| name.to_str()).ok_or("a file name that is no text")?;
            symlink(deb.canonicalize()?, folder.path().join(file))?;
            let read = Deb::read(BufReader::new(File::open(deb)?))?;
            let control = String::from_utf8(read.control_files()["control"].clone())?;
            let name =
                control.lines().find_map(|line| line.strip_prefix("Package: ")).ok_or("a package without name")?;
            names.push(name.to_owned());
            let bytes = fs::read(deb)?;
            let (size, digest) = (bytes.len(), Digest::of(&bytes).hex());
            writeln!(index, "{}\nFilename: ./{file}\nSize: {size}\nSHA256: {digest}\n", control.trim_end())?;
        }
        Ok(Self { folder, names })
    }

    /// Brings every package into a tar beside `out`.
    pub(super) fn bootstrap(&self, variant: &str, out: &Path) -> Outcome<Usage> {
        let source = format!("deb [trusted=yes] copy:{} ./", self.folder.path().display());
        let mut command = Command::new("mmdebstrap");
        command.args(["--quiet", "--mode=root", &format!("--variant={variant}")]);
        command.arg(format!("--include={}", self.names.join(","))).arg("bookworm").arg(out).arg(source);
        measure(command.stdin(Stdio::null()).stdout(Stdio::null()))
    }
}
