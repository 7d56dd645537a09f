//! Compiled Python modules (`.pyc`) whose bytes depend on the source and the interpreter's version alone.
//!
//! `marshal.dumps` marks each object to which something else in the process refers as one that may be referred
//! to later, so that its output tells of the process and not of the code alone: two interpreters, or one at two
//! times, write one module differently. What it writes is read here, and written again with marks on the objects
//! that the module itself refers to more than once, and constant sets in the order of their items' bytes.
//!
//! [marshal](https://docs.python.org/3/library/marshal.html),
//! [PEP 552](https://peps.python.org/pep-0552/) (hash-based pycs).

use std::ops::Range;

/// Bytes before the code in a compiled module.
const HEADER: usize = 16;

/// The flags of a hash-based pyc whose source is never looked at.
const UNCHECKED: u32 = 0b01;

/// The bit of a type that says: this may be referred to.
const MARK: u8 = 0x80;

/// Deepest nesting: its parser takes 200 levels of brackets in 100 of indentation.
const DEEPEST: usize = 500;

/// Most bytes of the items of one constant set, everything in them written out.
const LARGEST_SET: usize = 1 << 20;

/// Marshalled code that is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset} of the compiled code: {problem}")]
pub struct BytecodeError {
    /// Where.
    pub offset: usize,
    /// What is wrong there.
    pub problem: &'static str,
}

/// What stands before the code in a compiled module that is taken without a look at its source: `magic` says
/// which interpreters read it, `source` is the hash of the source as these make it.
///
/// [PEP 552, "Specification"](https://peps.python.org/pep-0552/#specification).
#[must_use]
pub fn unchecked_header(magic: u16, source: [u8; 8]) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..2].copy_from_slice(&magic.to_le_bytes());
    header[2..4].copy_from_slice(b"\r\n");
    header[4..8].copy_from_slice(&UNCHECKED.to_le_bytes());
    header[8..].copy_from_slice(&source);
    header
}

/// The marshalled code of a module, as CPython 3.`minor` wrote it, in the one form that all processes agree on.
///
/// # Errors
/// When it is not the code of a module, whole and nothing else.
pub fn canonical_code(code: &[u8], minor: u8) -> Result<Vec<u8>, BytecodeError> {
    let mut reader = Reader { bytes: code, position: 0, minor, nodes: Vec::new(), marked: Vec::new() };
    let root = reader.node(0)?;
    if reader.position != code.len() {
        return Err(reader.wrong("something stands after it"));
    }
    let Reader { nodes, .. } = reader;
    if nodes[root].kind != b'c' {
        return Err(BytecodeError { offset: 0, problem: "it is not the code of a module" });
    }
    let mut writer = Writer { nodes: &nodes, code, numbers: vec![None; nodes.len()], marks: 0, bytes: Vec::new() };
    writer.bytes.reserve(code.len());
    writer.write(root)?;
    Ok(writer.bytes)
}

/// An object: its type, and what is written after that.
struct Node {
    kind: u8,
    parts: Vec<Part>,
    /// How often it is referred to.
    uses: usize,
    /// Whether all of it has been read.
    complete: bool,
}

enum Part {
    Bytes(Range<usize>),
    Object(usize),
}

struct Reader<'b> {
    bytes: &'b [u8],
    position: usize,
    minor: u8,
    nodes: Vec<Node>,
    /// The objects that may be referred to, in their order.
    marked: Vec<usize>,
}

impl Reader<'_> {
    /// Reads one object, or a reference to one that was read before.
    fn node(&mut self, depth: usize) -> Result<usize, BytecodeError> {
        if depth > DEEPEST {
            return Err(self.wrong("objects are nested too deeply"));
        }
        let start = self.position;
        let [first] = self.fixed()?;
        let kind = first & !MARK;
        if kind == b'r' {
            let number = self.number()?;
            let referred = self.marked.get(number).copied().filter(|node| self.nodes[*node].complete);
            let node = referred.ok_or(BytecodeError { offset: start, problem: "it refers to nothing" })?;
            self.nodes[node].uses += 1;
            return Ok(node);
        }
        let node = self.nodes.len();
        self.nodes.push(Node { kind, parts: Vec::new(), uses: 1, complete: false });
        if first & MARK != 0 {
            self.marked.push(node);
        }
        let parts = self.parts(kind, start, depth)?;
        self.nodes[node].parts = parts;
        self.nodes[node].complete = true;
        Ok(node)
    }

    fn parts(&mut self, kind: u8, start: usize, depth: usize) -> Result<Vec<Part>, BytecodeError> {
        let plain = |reader: &mut Self, length: usize| Ok(vec![Part::Bytes(reader.take(length)?)]);
        match kind {
            // None, False, True, StopIteration, Ellipsis.
            b'N' | b'F' | b'T' | b'S' | b'.' => Ok(Vec::new()),
            b'i' => plain(self, 4),
            b'g' => plain(self, 8),
            b'y' => plain(self, 16),
            b'l' => {
                let digits = self.peek()?.cast_signed().unsigned_abs() as usize;
                plain(self, 4 + 2 * digits)
            }
            // Bytes and strings, of one byte a character and not.
            b's' | b't' | b'u' | b'a' | b'A' => {
                let length = self.peek()? as usize;
                plain(self, length.saturating_add(4))
            }
            b'z' | b'Z' => {
                let length = self.bytes.get(self.position).copied().unwrap_or_default();
                plain(self, 1 + usize::from(length))
            }
            b')' => {
                let count = self.take(1)?;
                let length = usize::from(self.bytes[count.start]);
                self.objects(vec![Part::Bytes(count)], length, depth)
            }
            b'(' | b'>' => {
                let length = self.peek()? as usize;
                let count = Part::Bytes(self.take(4)?);
                self.objects(vec![count], length, depth)
            }
            b':' => self.objects(Vec::new(), 3, depth),
            b'c' => self.code(depth),
            _ => Err(BytecodeError { offset: start, problem: "no constant of a module has this type" }),
        }
    }

    fn objects(&mut self, mut parts: Vec<Part>, count: usize, depth: usize) -> Result<Vec<Part>, BytecodeError> {
        if count > self.bytes.len() - self.position {
            return Err(self.wrong("it ends too early"));
        }
        for _ in 0..count {
            parts.push(Part::Object(self.node(depth + 1)?));
        }
        Ok(parts)
    }

    /// Counts, then code, constants and names, then the first line, then the tables of lines and exceptions.
    fn code(&mut self, depth: usize) -> Result<Vec<Part>, BytecodeError> {
        let (counts, before, after) = if self.minor >= 11 { (5, 8, 2) } else { (6, 8, 1) };
        let counts = Part::Bytes(self.take(4 * counts)?);
        let mut parts = self.objects(vec![counts], before, depth)?;
        parts.push(Part::Bytes(self.take(4)?));
        self.objects(parts, after, depth)
    }

    fn number(&mut self) -> Result<usize, BytecodeError> {
        Ok(u32::from_le_bytes(self.fixed()?) as usize)
    }

    /// The number that comes next, which is read again.
    fn peek(&mut self) -> Result<u32, BytecodeError> {
        let number = u32::from_le_bytes(self.fixed()?);
        self.position -= 4;
        Ok(number)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], BytecodeError> {
        let range = self.take(N)?;
        self.bytes[range].try_into().map_err(|_| self.wrong("it ends too early"))
    }

    fn take(&mut self, length: usize) -> Result<Range<usize>, BytecodeError> {
        let end = self.position.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| self.wrong("it ends too early"))?;
        let range = self.position..end;
        self.position = end;
        Ok(range)
    }

    const fn wrong(&self, problem: &'static str) -> BytecodeError {
        BytecodeError { offset: self.position, problem }
    }
}

struct Writer<'n> {
    nodes: &'n [Node],
    code: &'n [u8],
    /// By which number those that were written, and are referred to again, are called.
    numbers: Vec<Option<u32>>,
    marks: u32,
    bytes: Vec<u8>,
}

impl Writer<'_> {
    fn write(&mut self, node: usize) -> Result<(), BytecodeError> {
        let Node { kind, parts, uses, .. } = &self.nodes[node];
        if let Some(number) = self.numbers[node] {
            self.bytes.push(b'r');
            self.bytes.extend(number.to_le_bytes());
            return Ok(());
        }
        if *uses > 1 {
            self.numbers[node] = Some(self.marks);
            self.marks += 1;
            self.bytes.push(kind | MARK);
        } else {
            self.bytes.push(*kind);
        }
        if *kind != b'>' {
            return parts.iter().try_for_each(|part| self.part(part));
        }
        let mut items = Vec::new();
        let mut room = LARGEST_SET;
        for part in parts {
            match part {
                Part::Bytes(range) => self.bytes.extend(&self.code[range.clone()]),
                Part::Object(item) => {
                    let mut whole = Vec::new();
                    self.write_out(*item, &mut whole, &mut room)?;
                    items.push((whole, *item));
                }
            }
        }
        items.sort();
        items.into_iter().try_for_each(|(_, item)| self.write(item))
    }

    fn part(&mut self, part: &Part) -> Result<(), BytecodeError> {
        match part {
            Part::Bytes(range) => self.bytes.extend(&self.code[range.clone()]),
            Part::Object(node) => self.write(*node)?,
        }
        Ok(())
    }

    /// Writes an object with everything in it, referring to nothing: by this items of sets are ordered.
    fn write_out(&self, node: usize, to: &mut Vec<u8>, room: &mut usize) -> Result<(), BytecodeError> {
        let Node { kind, parts, .. } = &self.nodes[node];
        to.push(*kind);
        for part in parts {
            let length = if let Part::Bytes(range) = part { range.len() } else { 1 };
            *room = room.checked_sub(length).ok_or(BytecodeError { offset: 0, problem: "a set is too large" })?;
            match part {
                Part::Bytes(range) => to.extend(&self.code[range.clone()]),
                Part::Object(inner) => self.write_out(*inner, to, room)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Objects of a constant tuple, `consts`, in the code of a module of CPython 3.11, where `mark` marks the
    /// code itself.
    fn module(consts: &[u8], mark: u8) -> Vec<u8> {
        let empty = b"s\0\0\0\0".as_slice();
        let counts = [0; 20];
        let names = b")\0".as_slice();
        let text = b"z\x01x".as_slice();
        let line = [1, 0, 0, 0];
        let code: &[&[u8]] =
            &[&[b'c' | mark], &counts, empty, consts, names, names, empty, text, text, text, &line, empty, empty];
        code.concat()
    }

    fn canonical(consts: &[u8]) -> Result<Vec<u8>, String> {
        canonical_code(&module(consts, 0), 11).map_err(|error| error.problem.to_owned())
    }

    /// A string of one letter, marked or not.
    fn letter(letter: u8, mark: u8) -> Vec<u8> {
        vec![b'z' | mark, 1, letter]
    }

    #[test]
    fn marks_stand_where_something_refers_to() {
        let refer = |number: u8| vec![b'r', number, 0, 0, 0];
        let of_three = |items: [Vec<u8>; 3]| [b")\x03".to_vec(), items.concat()].concat();
        let noisy = of_three([letter(b'a', MARK), letter(b'b', MARK), refer(1)]);
        let quiet = of_three([letter(b'a', 0), letter(b'b', MARK), refer(0)]);
        assert_eq!(canonical(&noisy), canonical(&quiet));
        assert_eq!(canonical(&quiet).unwrap(), module(&quiet, 0), "what is canonical stays");
        // The number counts the code, too, where that is marked.
        let shifted = of_three([letter(b'a', 0), letter(b'b', MARK), refer(1)]);
        assert_eq!(canonical_code(&module(&shifted, MARK), 11).unwrap(), module(&quiet, 0));
    }

    #[test]
    fn sets_have_one_order() {
        let set = |letters: [u8; 3]| {
            let items: Vec<u8> = letters.iter().flat_map(|one| letter(*one, 0)).collect();
            [b")\x01>\x03\0\0\0".to_vec(), items].concat()
        };
        let sorted = canonical(&set(*b"abc")).unwrap();
        assert_eq!(sorted, module(&set(*b"abc"), 0));
        assert_eq!(canonical(&set(*b"cab")).unwrap(), sorted);
        // What comes first in its new place carries the mark.
        let shared = [b")\x02>\x02\0\0\0".as_slice(), b"\xdb\x01\0\0\0k", b"i\0\0\0\0", b"r\0\0\0\0"].concat();
        assert_eq!(canonical(&shared).unwrap_err(), "no constant of a module has this type");
        let shared = [b")\x02>\x02\0\0\0".as_slice(), b"\xfa\x01k", b"i\0\0\0\0", b"r\0\0\0\0"].concat();
        let expect = [b")\x02>\x02\0\0\0".as_slice(), b"i\0\0\0\0", b"\xfa\x01k", b"r\0\0\0\0"].concat();
        assert_eq!(canonical(&shared).unwrap(), module(&expect, 0));
    }

    #[test]
    fn what_is_no_module_is_refused() {
        let check = |code: &[u8], problem: &str| {
            assert_eq!(canonical_code(code, 11).unwrap_err().problem, problem, "{code:?}");
        };
        let good = module(b")\0", 0);
        check(&[], "it ends too early");
        check(&good[..good.len() - 1], "it ends too early");
        check(&[&good[..], b"N"].concat(), "something stands after it");
        check(b"N", "it is not the code of a module");
        check(b"hello", "no constant of a module has this type");
        check(&module(b"r\0\0\0\0", 0), "it refers to nothing");
        check(&module(b"r\0\0\0\0", MARK), "it refers to nothing");
        check(&module(b"s\xff\xff\xff\xff", 0), "it ends too early");
        check(&module(b"l\0\0\0\x80", 0), "it ends too early");
        check(&module(b"(\xff\xff\xff\x7f", 0), "it ends too early");
        check(&module(&b")\x01".repeat(600), 0), "objects are nested too deeply");
        // Each tuple holds the one before twice: written out, they would fill the memory.
        let mut bomb = letter(b'x', MARK);
        for number in 0..40_u8 {
            bomb = [b"\xa9\x02", &bomb[..], b"r", &[40 - number], b"\0\0\0"].concat();
        }
        check(&module(&[b">\x01\0\0\0", &bomb[..]].concat(), 0), "a set is too large");
    }

    #[test]
    fn the_header_says_that_the_source_is_not_looked_at() {
        let expect = b"\xa7\x0d\r\n\x01\0\0\0abcdefgh";
        assert_eq!(unchecked_header(3495, *b"abcdefgh"), *expect);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(code in proptest::collection::vec(any::<u8>(), 0..200), minor in 8_u8..15) {
            let _ = canonical_code(&code, minor);
            let _ = canonical_code(&module(&code, MARK), minor);
        }
    }
}
