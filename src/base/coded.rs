//! What one layer says, as bytes: [`LayerEntries::to_bytes`].

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    Evidence,
    entries::{Entry, Kind, LayerEntries, Recorded},
};

/// Of the byte that tells the kind of an entry: whether evidence follows, and what a program or library says.
const EVIDENCE: u8 = 8;
const ELF: u8 = 16;

impl LayerEntries {
    /// All of it as bytes, which [`LayerEntries::from_bytes`] reads. Versions of this program may write others.
    ///
    /// ```text
    /// layer     whiteouts, opaque directories, entries: of each their count and they
    /// entry     bytes that its path has in common with the one before, the rest of the path, kind, mode, owner, group,
    ///           size, target of a link; evidence and what is long of it; what a program or library says, and the hashes
    ///           of symbols that it defines, four bytes each, the lowest first
    /// number    seven bits in a byte, the lowest first; the highest bit says that more follow
    /// text      its length and its bytes
    /// ```
    ///
    /// Evidence, and what programs say, is JSON. Nothing is compressed: that took longer than reading the symbols.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer(Vec::new());
        for paths in [&self.whiteouts, &self.opaque] {
            out.number(paths.len() as u64);
            for path in paths {
                out.text(path);
            }
        }
        out.number(self.entries.len() as u64);
        let mut before = "";
        for (path, recorded) in &self.entries {
            let same = before.bytes().zip(path.bytes()).take_while(|(one, other)| one == other).count();
            let same = path.floor_char_boundary(same);
            before = path;
            out.number(same as u64);
            out.text(&path[same..]);
            out.recorded(recorded);
        }
        out.0
    }

    /// Reads what [`LayerEntries::to_bytes`] wrote; nothing where it is something else.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader(bytes);
        let mut paths = || {
            let count = from.number()?;
            (0..count).map(|_| Some(from.text()?.to_owned())).collect::<Option<BTreeSet<_>>>()
        };
        let (whiteouts, opaque) = (paths()?, paths()?);
        let mut entries: Vec<(String, Recorded)> = Vec::new();
        for _ in 0..from.number()? {
            let before = entries.last().map_or("", |(path, _)| path);
            let same = before.get(..from.size()?)?;
            let path = [same, from.text()?].concat();
            entries.push((path, from.recorded()?));
        }
        let entries: BTreeMap<_, _> = entries.into_iter().collect();
        from.0.is_empty().then_some(Self { entries, whiteouts, opaque })
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, mut number: u64) {
        loop {
            let low = number.to_le_bytes()[0] & 0x7f;
            number >>= 7;
            if number == 0 {
                return self.0.push(low);
            }
            self.0.push(low | 0x80);
        }
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    fn json(&mut self, value: &impl Serialize) {
        self.text(&serde_json::to_string(value).expect("strings and numbers go into a string"));
    }

    fn recorded(&mut self, recorded: &Recorded) {
        let Recorded { entry: Entry { kind, mode, uid, gid, size }, evidence, elf } = recorded;
        let (number, target) = match kind {
            Kind::File => (0, None),
            Kind::Directory => (1, None),
            Kind::Symlink(target) => (2, Some(target)),
            Kind::Hardlink(target) => (3, Some(target)),
            Kind::Other => (4, None),
        };
        let flag = |is_there, flag| if is_there { flag } else { 0 };
        self.0.push(number | flag(evidence.is_some(), EVIDENCE) | flag(elf.is_some(), ELF));
        for number in [u64::from(*mode), *uid, *gid, *size] {
            self.number(number);
        }
        if let Some(target) = target {
            self.text(target);
        }
        if let Some(evidence) = evidence {
            self.json(&**evidence);
            if let Some(text) = evidence.apart() {
                self.text(&text);
            }
        }
        if let Some(elf) = elf {
            self.json(&**elf);
            if let Some(symbols) = recorded.symbols() {
                self.number(symbols.defined.len() as u64 * 4);
                symbols.defined.iter().for_each(|hash| self.0.extend_from_slice(&hash.to_le_bytes()));
            }
        }
    }
}

struct Reader<'n>(&'n [u8]);

impl<'n> Reader<'n> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn size(&mut self) -> Option<usize> {
        self.number()?.try_into().ok()
    }

    fn bytes(&mut self) -> Option<&'n [u8]> {
        let length = self.size()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<&'n str> {
        str::from_utf8(self.bytes()?).ok()
    }

    fn json<T: DeserializeOwned>(&mut self) -> Option<T> {
        serde_json::from_slice(self.bytes()?).ok()
    }

    fn recorded(&mut self) -> Option<Recorded> {
        let told = self.byte()?;
        let (mode, uid, gid, size) = (self.number()?.try_into().ok()?, self.number()?, self.number()?, self.number()?);
        let kind = match told & !(EVIDENCE | ELF) {
            0 => Kind::File,
            1 => Kind::Directory,
            2 => Kind::Symlink(self.text()?.to_owned()),
            3 => Kind::Hardlink(self.text()?.to_owned()),
            4 => Kind::Other,
            _ => return None,
        };
        let entry = Entry { kind, mode, uid, gid, size };
        let mut recorded = Recorded { entry, evidence: None, elf: None };
        if told & EVIDENCE != 0 {
            let mut evidence: Evidence = self.json()?;
            if let Some(text) = evidence.apart_mut() {
                self.text()?.clone_into(text);
            }
            recorded.evidence = Some(Arc::new(evidence));
        }
        if told & ELF != 0 {
            recorded.elf = Some(Arc::new(self.json()?));
            if let Some(symbols) = recorded.symbols_mut() {
                let (hashes, cut) = self.bytes()?.as_chunks();
                symbols.defined = hashes.iter().map(|hash| u32::from_le_bytes(*hash)).collect();
                cut.is_empty().then_some(())?;
            }
        }
        Some(recorded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer() -> LayerEntries {
        let kinds = [Kind::File, Kind::Directory, Kind::Symlink("é".into()), Kind::Hardlink("a/b".into()), Kind::Other];
        let paths = ["a", "a/b", "a/b/c\"d", "a/bé", "a/bè", "b"];
        let numbers = [0, 0x7f, 0x80, 0o100_644, u64::from(u32::MAX), u64::MAX];
        let mut layer = LayerEntries::default();
        for (number, path) in paths.iter().enumerate() {
            let (kind, size) = (kinds[number % kinds.len()].clone(), numbers[number]);
            let entry = Entry { kind, mode: 0o755, uid: size, gid: size / 3, size };
            layer.entries.insert((*path).to_owned(), Recorded { entry, evidence: None, elf: None });
        }
        let tell = |evidence| Some(Arc::new(evidence));
        layer.entries.get_mut("a").unwrap().evidence = tell(Evidence::Text("x\n\"y\"".to_owned()));
        layer.entries.get_mut("b").unwrap().evidence =
            tell(Evidence::read("m.py", 8, &mut &b"import a"[..]).unwrap().unwrap());
        let library = crate::testing::Library::new("libx.so.1").undefined("f").defines("g").build();
        layer.entries.get_mut("b").unwrap().elf =
            crate::elf::read(&library, crate::elf::Detail::Symbols).transpose().map(Arc::new);
        layer.whiteouts.extend(["c".to_owned(), "d".to_owned()]);
        layer.opaque.insert(String::new());
        layer
    }

    #[test]
    fn what_is_written_comes_back() {
        for layer in [LayerEntries::default(), layer()] {
            let bytes = layer.to_bytes();
            assert_eq!(LayerEntries::from_bytes(&bytes), Some(layer));
        }
    }

    #[test]
    fn what_was_not_written_is_refused() {
        let bytes = layer().to_bytes();
        for cut in 0..bytes.len() {
            assert_eq!(LayerEntries::from_bytes(&bytes[..cut]), None, "{cut}");
        }
        let longer = [&bytes[..], b"\0"].concat();
        assert_eq!(LayerEntries::from_bytes(&longer), None);
        // More in common than there is; half a letter; a number that does not fit; an unknown kind.
        for entries in [
            &b"\x01\x01\x01a"[..],
            b"\x01\x02\x02\xc3\xa9",
            b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x01\0\x01a\x05\0\0\0\0",
        ] {
            assert_eq!(LayerEntries::from_bytes(&[b"\0\0", entries].concat()), None, "{entries:?}");
        }
    }
}
