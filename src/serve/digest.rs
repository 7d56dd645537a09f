//! Digests as clients name them: of SHA-256, and of SHA-512 for those who want that.
//!
//! [Image specification, "Digests"](https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#registered-algorithms).

use std::{fmt, io, str::FromStr};

use sha2::{Digest as _, Sha256, Sha512};

/// A digest that a registry keeps things under. Its hex digits alone are a name on disk: their number
/// tells the algorithm.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Digest {
    algorithm: Algorithm,
    hex: String,
}

/// A registered algorithm.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Algorithm {
    Sha256,
    Sha512,
}

/// No digest.
#[derive(Debug)]
pub(super) struct NoDigest;

const ALGORITHMS: [(Algorithm, &str, usize); 2] =
    [(Algorithm::Sha256, "sha256", 64), (Algorithm::Sha512, "sha512", 128)];

impl Digest {
    /// The digest of `bytes`.
    pub(super) fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let hex = match algorithm {
            Algorithm::Sha256 => hex(&Sha256::digest(bytes)),
            Algorithm::Sha512 => hex(&Sha512::digest(bytes)),
        };
        Self { algorithm, hex }
    }

    /// The digest of all that `reader` gives.
    pub(super) fn of_all(algorithm: Algorithm, mut reader: impl io::Read) -> io::Result<Self> {
        struct Tee<D>(D);
        impl<D: sha2::Digest> io::Write for Tee<D> {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.update(bytes);
                Ok(bytes.len())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let hex = match algorithm {
            Algorithm::Sha256 => {
                let mut hasher = Tee(Sha256::new());
                io::copy(&mut reader, &mut hasher)?;
                hex(&hasher.0.finalize())
            }
            Algorithm::Sha512 => {
                let mut hasher = Tee(Sha512::new());
                io::copy(&mut reader, &mut hasher)?;
                hex(&hasher.0.finalize())
            }
        };
        Ok(Self { algorithm, hex })
    }

    /// The digest with these hex digits.
    pub(super) fn from_hex(text: &str) -> Result<Self, NoDigest> {
        let plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let found = ALGORITHMS.iter().find(|(_, _, digits)| plain && *digits == text.len());
        found.map(|(algorithm, ..)| Self { algorithm: *algorithm, hex: text.to_owned() }).ok_or(NoDigest)
    }

    pub(super) fn hex(&self) -> &str {
        &self.hex
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl From<crate::oci::Digest> for Digest {
    fn from(digest: crate::oci::Digest) -> Self {
        Self { algorithm: Algorithm::Sha256, hex: digest.hex() }
    }
}

impl FromStr for Digest {
    type Err = NoDigest;

    fn from_str(text: &str) -> Result<Self, NoDigest> {
        let (name, hex) = text.split_once(':').ok_or(NoDigest)?;
        let digest = Self::from_hex(hex)?;
        if ALGORITHMS.contains(&(digest.algorithm, name, hex.len())) { Ok(digest) } else { Err(NoDigest) }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name =
            ALGORITHMS.iter().find(|(algorithm, ..)| *algorithm == self.algorithm).map_or("", |(_, name, _)| name);
        write!(formatter, "{name}:{}", self.hex)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_digests_are_read() {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let digest = Digest::of(algorithm, b"x");
            assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
            assert_eq!(Digest::from_hex(digest.hex()).unwrap(), digest);
            assert_eq!(Digest::of_all(algorithm, &b"x"[..]).unwrap(), digest);
            let other = digest.to_string().replace("sha256", "sha384").replace("sha512", "sha256");
            assert!(other.parse::<Digest>().is_err(), "{other}");
        }
        for wrong in ["", "sha256:", "sha256:..", "sha512:12", &"A".repeat(64), &"/".repeat(128)] {
            assert!(wrong.parse::<Digest>().is_err() && Digest::from_hex(wrong).is_err(), "{wrong}");
        }
    }
}
