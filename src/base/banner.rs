//! Versions that binaries carry in their bytes, found while the bytes stream by.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Longer than any banner: what must be seen again when a piece ends within one.
const OVERLAP: usize = 512;
/// A file with more versions than this tells nothing.
const VERSIONS: usize = 64;

/// What the bytes of a binary say about versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Banners {
    /// Every NUL-terminated `3.X.Y`: `(X, Y)`.
    pub(super) python: BTreeSet<(u8, u8)>,
    /// From GNU libc's greeting.
    pub(super) glibc: BTreeSet<(u16, u16)>,
    /// Set by musl's greeting.
    pub(super) musl: bool,
    /// Every `1.X.Y` between NULs, as musl keeps its version: `X`.
    pub(super) musl_minor: BTreeSet<u16>,
    /// The loader that the file names.
    pub(super) loader: Option<Loader>,
}

/// Which C library an executable asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Loader {
    Glibc,
    Musl,
}

/// Finds [`Banners`] in bytes that arrive in pieces.
#[derive(Default)]
pub(super) struct Scanner {
    found: Banners,
    window: Vec<u8>,
}

impl Scanner {
    /// Adds `bytes`.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.window.extend_from_slice(bytes);
        self.found.scan(&self.window);
        let done = self.window.len().saturating_sub(OVERLAP);
        self.window.drain(..done);
    }

    /// Everything found.
    pub(super) fn finish(self) -> Banners {
        self.found
    }
}

impl Banners {
    fn scan(&mut self, bytes: &[u8]) {
        for (position, letter) in bytes.iter().enumerate() {
            match letter {
                b'3' => self.scan_python(bytes, position),
                b'1' => self.scan_musl(bytes, position),
                b'G' => self.scan_glibc(&bytes[position..]),
                b'm' => self.musl |= bytes[position..].starts_with(b"musl libc"),
                b'/' if self.loader.is_none() => self.loader = loader(&bytes[position..]),
                _ => {}
            }
        }
    }

    /// `3.11.2`, possibly with `rc1` or `+`, and a NUL. Linkers merge strings by their ends, so
    /// that something else than a NUL may stand in front, but neither a digit nor a dot.
    fn scan_python(&mut self, bytes: &[u8], position: usize) {
        let in_front = position.checked_sub(1).map(|before| bytes[before]);
        if in_front.is_none_or(|letter| letter == b'.' || letter.is_ascii_digit()) || self.python.len() > VERSIONS {
            return;
        }
        let version = bytes[position..].strip_prefix(b"3.").and_then(|rest| {
            let (minor, rest) = number(rest)?;
            let (patch, rest) = number(rest.strip_prefix(b".")?)?;
            let rest = without_prerelease(rest);
            (rest.strip_prefix(b"+").unwrap_or(rest).first() == Some(&0)).then_some((minor, patch))
        });
        self.python.extend(version.and_then(|(minor, patch)| Some((minor.try_into().ok()?, patch.try_into().ok()?))));
    }

    fn scan_musl(&mut self, bytes: &[u8], position: usize) {
        if position == 0 || bytes[position - 1] != 0 || self.musl_minor.len() > VERSIONS {
            return;
        }
        let minor = bytes[position..].strip_prefix(b"1.").and_then(|rest| {
            let (minor, rest) = number(rest)?;
            let (_, rest) = number(rest.strip_prefix(b".")?)?;
            (rest.first() == Some(&0)).then_some(minor)
        });
        self.musl_minor.extend(minor);
    }

    /// `GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.`
    fn scan_glibc(&mut self, bytes: &[u8]) {
        const VERSION: &[u8] = b" release version ";
        let version = bytes.strip_prefix(b"GNU C Library (").and_then(|rest| {
            let line = &rest[..rest.len().min(OVERLAP / 2)];
            let line = line.split(|letter| *letter == 0 || *letter == b'\n').next()?;
            let start = line.windows(VERSION.len()).position(|words| words == VERSION)?;
            let (major, rest) = number(&line[start + VERSION.len()..])?;
            let (minor, rest) = number(rest.strip_prefix(b".")?)?;
            // A number that ends with the piece may go on in the next.
            (!rest.is_empty()).then_some((major, minor))
        });
        self.glibc.extend(version.filter(|_| self.glibc.len() < VERSIONS));
    }
}

/// `/lib64/ld-linux-x86-64.so.2` and its like.
fn loader(bytes: &[u8]) -> Option<Loader> {
    if bytes.starts_with(b"/ld-musl-") {
        Some(Loader::Musl)
    } else if bytes.starts_with(b"/ld-linux") || bytes.starts_with(b"/ld64.so.") || bytes.starts_with(b"/ld.so.1") {
        Some(Loader::Glibc)
    } else {
        None
    }
}

/// A decimal number and what follows it.
fn number(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let digits = bytes.iter().take(6).take_while(|letter| letter.is_ascii_digit()).count();
    let (digits, rest) = bytes.split_at(digits);
    Some((std::str::from_utf8(digits).ok()?.parse().ok()?, rest))
}

fn without_prerelease(bytes: &[u8]) -> &[u8] {
    let rest = [&b"rc"[..], b"a", b"b"].iter().find_map(|label| bytes.strip_prefix(*label));
    rest.and_then(number).map_or(bytes, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(bytes: &[u8], piece: usize) -> Banners {
        let mut scanner = Scanner::default();
        bytes.chunks(piece).for_each(|piece| scanner.update(piece));
        scanner.finish()
    }

    #[test]
    fn pythons_are_found_wherever_pieces_end() {
        let check = |bytes: &[u8], expect: &[(u8, u8)]| {
            for piece in [1, 3, 1000] {
                assert_eq!(scan(bytes, piece).python, expect.iter().copied().collect(), "{bytes:?}");
            }
        };
        check(b"\x003.11.2\0", &[(11, 2)]);
        check(b"Python v3.13.0rc1+\0 3.12.7+\0", &[(12, 7), (13, 0)]);
        check(&[&b"13.11.2\0"[..], &[1; 2000], b"13.11.4\0 ", &[1; 600]].concat(), &[]);
        check(b"13.11.2\0 .3.11.2\0 3.11.2 3.11\0 3.11.2.1\0 3.300.1\0 3.11.99999999\0 3.11.2rc\0", &[]);
    }

    #[test]
    fn c_libraries_greet() {
        let debian = b"GNU C Library (Debian GLIBC 2.36-9+deb12u14) stable release version 2.36.\nCopyright";
        let check = |bytes: &[u8], glibc: &[(u16, u16)], musl: Option<u16>| {
            for piece in [1, 40, 1000] {
                let found = scan(bytes, piece);
                assert_eq!(found.glibc, glibc.iter().copied().collect(), "{piece}");
                assert_eq!((found.musl, found.musl_minor.first().copied()), (musl.is_some(), musl), "{piece}");
            }
        };
        check(debian, &[(2, 36)], None);
        check(b"GNU C Library (GNU libc) development release version 2.40.9000.\n", &[(2, 40)], None);
        check(b"GNU C Library (\0) release version 2.36.", &[], None);
        check(b"\x001.2.5\0musl libc (x86_64)\nVersion %s\n\0", &[], Some(2));
    }

    #[test]
    fn the_first_loader_counts() {
        let check = |bytes: &[u8], expect| assert_eq!(scan(bytes, 7).loader, expect);
        check(b"\x7fELF /lib64/ld-linux-x86-64.so.2\0 /lib/ld-musl-x86_64.so.1\0", Some(Loader::Glibc));
        check(b"\x7fELF /lib/ld-musl-aarch64.so.1\0", Some(Loader::Musl));
        check(b"\x7fELF static", None);
    }
}
