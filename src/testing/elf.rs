//! Shared libraries and programs built in code: `Library::new("libx.so.1").needs("liby.so.2").build()`.
//! They say what real ones say, and hold no code.

/// Where the file lies in memory.
const BASE: u64 = 0x1_0000;
/// How many buckets a `DT_GNU_HASH` has.
const BUCKETS: u32 = 3;

/// A shared library, or a program, under construction: 64 bits, little-endian, for x86-64.
#[derive(Clone, Debug)]
pub struct Library {
    wide: bool,
    big: bool,
    machine: u16,
    interpreter: Option<String>,
    soname: Option<String>,
    needed: Vec<String>,
    rpath: Option<String>,
    runpath: Option<String>,
    flags_1: u64,
    requires: Vec<(String, Vec<(String, u16)>)>,
    provides: Vec<String>,
    symbols: Vec<(String, u8, u16)>,
    padding: usize,
    apart: usize,
    gnu_hash: bool,
}

impl Library {
    /// A library of this name (`DT_SONAME`); nameless if the name is empty.
    #[must_use]
    pub fn new(soname: &str) -> Self {
        Self {
            wide: true,
            big: false,
            machine: 62,
            interpreter: None,
            soname: (!soname.is_empty()).then(|| soname.to_owned()),
            needed: Vec::new(),
            rpath: None,
            runpath: None,
            flags_1: 0,
            requires: Vec::new(),
            provides: Vec::new(),
            symbols: Vec::new(),
            padding: 0,
            apart: 0,
            gnu_hash: false,
        }
    }

    /// With 32 bits.
    #[must_use]
    pub const fn narrow(mut self) -> Self {
        self.wide = false;
        self
    }

    /// Big-endian.
    #[must_use]
    pub const fn big_endian(mut self) -> Self {
        self.big = true;
        self
    }

    /// For another machine (`e_machine`), such as 183 for `AArch64`.
    #[must_use]
    pub const fn machine(mut self, machine: u16) -> Self {
        self.machine = machine;
        self
    }

    /// A program that asks for this loader.
    #[must_use]
    pub fn interpreter(mut self, path: &str) -> Self {
        self.interpreter = Some(path.to_owned());
        self
    }

    /// With a library that it needs.
    #[must_use]
    pub fn needs(mut self, name: &str) -> Self {
        self.needed.push(name.to_owned());
        self
    }

    /// With a `DT_RPATH`.
    #[must_use]
    pub fn rpath(mut self, path: &str) -> Self {
        self.rpath = Some(path.to_owned());
        self
    }

    /// With a `DT_RUNPATH`.
    #[must_use]
    pub fn runpath(mut self, path: &str) -> Self {
        self.runpath = Some(path.to_owned());
        self
    }

    /// With `DT_FLAGS_1`.
    #[must_use]
    pub const fn flags_1(mut self, flags: u64) -> Self {
        self.flags_1 = flags;
        self
    }

    /// With versions that the needed library `file` must define.
    #[must_use]
    pub fn requires(mut self, file: &str, versions: &[&str]) -> Self {
        self.requires.push((file.to_owned(), versions.iter().map(|version| ((*version).to_owned(), 0)).collect()));
        self
    }

    /// With a version that the needed library `file` may define.
    #[must_use]
    pub fn would_like(mut self, file: &str, version: &str) -> Self {
        self.requires.push((file.to_owned(), vec![(version.to_owned(), 2)]));
        self
    }

    /// With a version that it defines.
    #[must_use]
    pub fn provides(mut self, version: &str) -> Self {
        self.provides.push(version.to_owned());
        self
    }

    /// With a symbol that it defines.
    #[must_use]
    pub fn defines(mut self, symbol: &str) -> Self {
        self.symbols.push((symbol.to_owned(), 0x12, 1));
        self
    }

    /// With a symbol that another one must define.
    #[must_use]
    pub fn undefined(mut self, symbol: &str) -> Self {
        self.symbols.push((symbol.to_owned(), 0x12, 0));
        self
    }

    /// With a symbol that another one may define.
    #[must_use]
    pub fn undefined_weak(mut self, symbol: &str) -> Self {
        self.symbols.push((symbol.to_owned(), 0x22, 0));
        self
    }

    /// With so many bytes between the tables and the dynamic section, behind which the names stand.
    #[must_use]
    pub const fn padding(mut self, bytes: usize) -> Self {
        self.padding = bytes;
        self
    }

    /// With so many bytes between the dynamic section and the names.
    #[must_use]
    pub const fn apart(mut self, bytes: usize) -> Self {
        self.apart = bytes;
        self
    }

    /// With `DT_GNU_HASH` in place of `DT_HASH`: what is defined comes behind what is not.
    #[must_use]
    pub fn gnu_hash(mut self) -> Self {
        self.gnu_hash = true;
        self.symbols.sort_by_key(|(name, _, section)| if *section == 0 { 0 } else { 1 + gnu_hash(name) % BUCKETS });
        self
    }

    /// The file.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        let headers = 2 + u64::from(self.interpreter.is_some());
        let mut file = Writer { bytes: Vec::new(), wide: self.wide, big: self.big };
        let mut names = Names(vec![0]);
        let segments = if self.wide { 64 } else { 52 };
        file.bytes.resize(segments + usize::try_from(headers).unwrap_or_default() * file.pick(32, 56), 0);
        let interpreter = file.place();
        if let Some(path) = &self.interpreter {
            file.bytes.extend(path.bytes().chain([0]));
            file.align();
        }
        let mut entries = Vec::new();
        for (tag, text) in [(14, &self.soname), (15, &self.rpath), (29, &self.runpath)] {
            entries.extend(text.as_ref().map(|text| (tag, names.add(text))));
        }
        entries.extend(self.needed.iter().map(|name| (1, names.add(name))));
        self.write_tables(&mut file, &mut names, &mut entries);
        file.bytes.resize(file.bytes.len() + self.padding, 0);
        file.align();
        let dynamic = file.place();
        let size = (entries.len() as u64 + 3) * 2 * file.pick(4, 8) as u64;
        entries.extend([(5, BASE + dynamic + size + self.apart as u64), (10, names.0.len() as u64), (0, 0)]);
        for (tag, value) in entries {
            file.word(tag);
            file.word(value);
        }
        file.bytes.resize(file.bytes.len() + self.apart, 0);
        file.bytes.extend(&names.0);
        let all = file.place();
        let mut head = self.header(segments as u64, headers);
        head.segment(1, 0, all);
        head.segment(2, dynamic, size);
        if let Some(path) = &self.interpreter {
            head.segment(3, interpreter, path.len() as u64 + 1);
        }
        file.bytes[..head.bytes.len()].copy_from_slice(&head.bytes);
        file.bytes
    }

    fn header(&self, segments: u64, count: u64) -> Writer {
        let mut head = Writer { bytes: b"\x7fELF".to_vec(), wide: self.wide, big: self.big };
        head.bytes.extend([1 + u8::from(self.wide), 1 + u8::from(self.big), 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        head.half(3);
        head.half(self.machine);
        head.long(1);
        head.word(0);
        head.word(segments);
        head.word(0);
        head.long(0);
        let sizes = [head.pick(52, 64), head.pick(32, 56), usize::try_from(count).unwrap_or_default(), 0, 0, 0];
        for size in sizes {
            head.half(u16::try_from(size).unwrap_or_default());
        }
        head
    }

    fn write_tables(&self, file: &mut Writer, names: &mut Names, entries: &mut Vec<(u64, u64)>) {
        entries.push((if self.gnu_hash { 0x6fff_fef5 } else { 4 }, BASE + file.place()));
        self.write_hashes(file);
        file.align();
        entries.push((6, BASE + file.place()));
        file.bytes.resize(file.bytes.len() + file.pick(16, 24), 0);
        for (name, info, section) in &self.symbols {
            file.symbol(names.add(name), *info, *section);
        }
        if self.flags_1 != 0 {
            entries.push((0x6fff_fffb, self.flags_1));
        }
        if !self.provides.is_empty() {
            entries.extend([(0x6fff_fffc, BASE + file.place()), (0x6fff_fffd, self.provides.len() as u64)]);
            file.defined_versions(&self.provides, names);
        }
        if !self.requires.is_empty() {
            entries.extend([(0x6fff_fffe, BASE + file.place()), (0x6fff_ffff, self.requires.len() as u64)]);
            file.needed_versions(&self.requires, names);
        }
        file.align();
    }
}

impl Library {
    /// One chain is enough for what is only counted.
    fn write_hashes(&self, file: &mut Writer) {
        let long = |number: usize| u32::try_from(number).unwrap_or_default();
        if !self.gnu_hash {
            for word in [1, self.symbols.len() + 1, 0] {
                file.long(long(word));
            }
            file.bytes.resize(file.bytes.len() + 4 * (self.symbols.len() + 1), 0);
            return;
        }
        let defined: Vec<&str> =
            self.symbols.iter().filter(|(_, _, section)| *section != 0).map(|(name, ..)| name.as_str()).collect();
        let first = long(self.symbols.len() - defined.len() + 1);
        // Buckets, the first symbol, a word of the filter, its shift.
        for word in [BUCKETS, first, 1, 0] {
            file.long(word);
        }
        file.word(u64::MAX);
        let hashes: Vec<u32> = defined.iter().map(|name| gnu_hash(name)).collect();
        for bucket in 0..BUCKETS {
            let start = hashes.iter().position(|hash| hash % BUCKETS == bucket);
            file.long(start.map_or(0, |start| first + long(start)));
        }
        for (position, hash) in (1..).zip(&hashes) {
            let is_last = hashes.get(position).is_none_or(|next| next % BUCKETS != hash % BUCKETS);
            file.long(if is_last { hash | 1 } else { hash & !1 });
        }
    }
}

fn gnu_hash(name: &str) -> u32 {
    name.bytes().fold(5381_u32, |hash, byte| hash.wrapping_mul(33).wrapping_add(u32::from(byte)))
}

struct Names(Vec<u8>);

impl Names {
    fn add(&mut self, name: &str) -> u64 {
        let place = self.0.len() as u64;
        self.0.extend(name.bytes().chain([0]));
        place
    }
}

struct Writer {
    bytes: Vec<u8>,
    wide: bool,
    big: bool,
}

impl Writer {
    const fn pick(&self, narrow: usize, wide: usize) -> usize {
        if self.wide { wide } else { narrow }
    }

    const fn place(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
    }

    fn half(&mut self, value: u16) {
        self.bytes.extend(if self.big { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    fn long(&mut self, value: u32) {
        self.bytes.extend(if self.big { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    fn word(&mut self, value: u64) {
        if self.wide {
            self.bytes.extend(if self.big { value.to_be_bytes() } else { value.to_le_bytes() });
        } else {
            self.long(u32::try_from(value).unwrap_or_default());
        }
    }

    fn name(&mut self, place: u64) {
        self.long(u32::try_from(place).unwrap_or_default());
    }

    fn segment(&mut self, kind: u32, offset: u64, size: u64) {
        self.long(kind);
        if self.wide {
            self.long(4);
        }
        for value in [offset, BASE + offset, BASE + offset, size, size] {
            self.word(value);
        }
        if !self.wide {
            self.long(4);
        }
        self.word(8);
    }

    fn symbol(&mut self, name: u64, info: u8, section: u16) {
        self.name(name);
        if self.wide {
            self.bytes.extend([info, 0]);
            self.half(section);
            self.bytes.extend([0; 16]);
        } else {
            self.bytes.extend([0; 8]);
            self.bytes.extend([info, 0]);
            self.half(section);
        }
    }

    fn defined_versions(&mut self, versions: &[String], names: &mut Names) {
        for (number, version) in (1_u16..).zip(versions) {
            let last = usize::from(number) == versions.len();
            for half in [1, u16::from(number == 1), number, 1] {
                self.half(half);
            }
            for long in [0, 20, if last { 0 } else { 28 }] {
                self.long(long);
            }
            self.name(names.add(version));
            self.long(0);
        }
    }

    fn needed_versions(&mut self, files: &[(String, Vec<(String, u16)>)], names: &mut Names) {
        for (number, (file, versions)) in files.iter().enumerate() {
            let count = u16::try_from(versions.len()).unwrap_or_default();
            self.half(1);
            self.half(count);
            self.name(names.add(file));
            self.long(16);
            self.long(if number + 1 == files.len() { 0 } else { 16 + 16 * u32::from(count) });
            for (position, (version, flags)) in (1..).zip(versions) {
                self.long(0);
                self.half(*flags);
                self.half(2);
                self.name(names.add(version));
                self.long(if position == count { 0 } else { 16 });
            }
        }
    }
}
