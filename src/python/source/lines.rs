//! The logical lines of a Python source: comments gone, strings empty, continued lines joined.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memchr2, memchr3};

/// Letters of one logical line that are kept; what is longer is data.
const LONGEST: usize = 256 << 10;

/// So many bytes are counted at once that the sum of what each has [`opened`] fits.
const PIECE: usize = 127;

/// Bytes that mean something.
const MEANING: [bool; 256] = marked(b"\n#\"'\\\t\r\x0c([{)]}");

const fn marked(bytes: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
}

pub(super) struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    torn: bool,
    /// The present line, if it stands in the source as it is to be read.
    plain: Option<&'a [u8]>,
    /// Else it, without what is in strings.
    text: Vec<u8>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(source: &'a [u8]) -> Self {
        Self {
            bytes: source.strip_prefix(b"\xef\xbb\xbf").unwrap_or(source),
            at: 0,
            torn: false,
            plain: None,
            text: Vec::new(),
        }
    }

    /// Whether a bracket or a string was open at the end.
    pub(super) const fn is_torn(&self) -> bool {
        self.torn
    }

    /// Goes to the next line with something on it, and over those that are indented by more than `block`; gives
    /// the columns before it, a tab going to the next multiple of eight.
    pub(super) fn next_within(&mut self, block: Option<usize>) -> Option<usize> {
        if let Some(block) = block {
            self.pass(block);
        }
        loop {
            let indent = self.indent();
            match self.peek()? {
                b'\n' | b'\r' => self.at += 1,
                b'#' => self.skip_comment(),
                _ => {
                    self.plain = self.plain();
                    if self.plain.is_some() {
                        return Some(indent);
                    }
                    self.text.clear();
                    self.rest();
                    if !self.text.trim_ascii().is_empty() {
                        return Some(indent);
                    }
                }
            }
        }
    }

    /// The text of the present line, without what is in strings.
    pub(super) fn text(&self) -> Cow<'_, str> {
        let text = self.plain.unwrap_or(&self.text);
        str::from_utf8(text).map_or_else(|_| String::from_utf8_lossy(text), Cow::Borrowed)
    }

    /// Goes over the line, if nothing on it has to be left out or joined.
    fn plain(&mut self) -> Option<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        if line.len() > LONGEST || !is_plain(line) {
            return None;
        }
        self.at = (self.at + end + 1).min(self.bytes.len());
        Some(line)
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn indent(&mut self) -> usize {
        let mut columns = 0;
        while let Some(byte) = self.peek() {
            match byte {
                b' ' => columns += 1,
                b'\t' => columns = (columns / 8 + 1) * 8,
                0x0c => columns = 0,
                _ => break,
            }
            self.at += 1;
        }
        columns
    }

    /// Goes over lines that are indented by more than `block`, from the beginning of one to that of the first that is
    /// not. Most of a source stands in the bodies of functions: so this looks for strings, comments and newlines
    /// alone, and counts brackets only where a line may be the first behind the body.
    fn pass(&mut self, block: usize) {
        let bytes = self.bytes;
        // How many brackets are open at `counted`.
        let (mut depth, mut counted) = (0, self.at);
        // The end of the newest comment, of which a backslash is part.
        let mut comment = None;
        if self.leaves(self.at, block) {
            return;
        }
        while let Some(rest) = bytes.get(self.at..) {
            let mark = memchr3(b'"', b'\'', b'#', rest).map_or(bytes.len(), |plain| self.at + plain);
            for newline in memchr_iter(b'\n', &bytes[self.at..mark]) {
                let newline = self.at + newline;
                if self.leaves(newline + 1, block) {
                    depth = depth_behind(depth, &bytes[counted..newline]);
                    counted = newline;
                    let line = bytes[..newline].strip_suffix(b"\r").unwrap_or(&bytes[..newline]);
                    if depth == 0 && (comment == Some(newline) || !line.ends_with(b"\\")) {
                        self.at = newline + 1;
                        return;
                    }
                }
            }
            depth = depth_behind(depth, &bytes[counted..mark]);
            self.at = mark;
            match self.peek() {
                None => break,
                Some(b'#') => {
                    self.skip_comment();
                    comment = Some(self.at);
                }
                Some(quote) => self.string(quote),
            }
            counted = self.at.min(bytes.len());
        }
        self.torn |= depth > 0;
    }

    /// Whether the line that begins at `at` has something on it, and is not indented by more than `block`.
    fn leaves(&self, at: usize, block: usize) -> bool {
        let line = self.bytes.get(at..).unwrap_or_default();
        // Nearly always so.
        if line.get(..=block).is_some_and(|start| start.iter().all(|byte| *byte == b' ')) {
            return false;
        }
        let mut columns = 0;
        for byte in line {
            columns = match byte {
                b' ' => columns + 1,
                b'\t' => (columns / 8 + 1) * 8,
                0x0c => 0,
                b'\n' | b'\r' | b'#' => return false,
                _ => return columns <= block,
            };
            if columns > block {
                return false;
            }
        }
        false
    }

    /// The rest of a logical line, up to and over its newline.
    fn rest(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.after_plain() {
            match byte {
                b'\n' if depth == 0 => {
                    self.at += 1;
                    return;
                }
                b'#' => {
                    self.skip_comment();
                    continue;
                }
                b'"' | b'\'' => {
                    self.string(byte);
                    self.push(b"\"\"");
                    continue;
                }
                b'\\' => {
                    self.at += 1 + usize::from(self.bytes.get(self.at + 1) == Some(&b'\r'));
                    self.blank();
                }
                b'\t' | b'\n' | b'\r' | 0x0c => self.blank(),
                b'(' | b'[' | b'{' => {
                    depth += 1;
                    self.push(&[byte]);
                }
                b')' | b']' | b'}' => {
                    depth = depth.saturating_sub(1);
                    self.push(&[byte]);
                }
                other => self.push(&[other]),
            }
            self.at += 1;
        }
        self.torn |= depth > 0;
    }

    /// Takes a blank for the present byte and those that follow.
    fn blank(&mut self) {
        if self.text.last() != Some(&b' ') {
            self.push(b" ");
        }
        while self.bytes.get(self.at + 1) == Some(&b' ') {
            self.at += 1;
        }
    }

    /// Takes what is before the next byte that means something, and gives that one.
    fn after_plain(&mut self) -> Option<u8> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let plain = rest.iter().position(|byte| MEANING[usize::from(*byte)]).unwrap_or(rest.len());
        self.push(&rest[..plain]);
        self.at += plain;
        self.peek()
    }

    fn push(&mut self, bytes: &[u8]) {
        let room = LONGEST.saturating_sub(self.text.len());
        if room > 0 {
            self.text.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }

    /// Goes up to the newline.
    fn skip_comment(&mut self) {
        let rest = &self.bytes[self.at..];
        self.at += memchr(b'\n', rest).unwrap_or(rest.len());
    }

    /// Goes over a string; a backslash keeps its end away in raw strings too.
    fn string(&mut self, quote: u8) {
        let triple = self.bytes[self.at..].starts_with(&[quote; 3]);
        self.at += if triple { 3 } else { 1 };
        while let Some(rest) = self.bytes.get(self.at..) {
            let mark = if triple { memchr2(b'\\', quote, rest) } else { memchr3(b'\\', quote, b'\n', rest) };
            let Some(plain) = mark else { break };
            self.at += plain;
            match rest[plain] {
                b'\\' => self.at += 1,
                b'\n' if !triple => return,
                byte if byte == quote && !triple => {
                    self.at += 1;
                    return;
                }
                byte if byte == quote && self.bytes[self.at..].starts_with(&[quote; 3]) => {
                    self.at += 3;
                    return;
                }
                _ => {}
            }
            self.at += 1;
        }
        self.at = self.bytes.len();
        self.torn = true;
    }
}

/// How many brackets a byte opens: so simple that the compiler counts many bytes at once.
fn opened(byte: u8) -> i8 {
    i8::from(matches!(byte, b'(' | b'[' | b'{')) - i8::from(matches!(byte, b')' | b']' | b'}'))
}

/// How many brackets are open behind `bytes`, where `depth` are before them. The three kinds are not told apart.
fn depth_behind(depth: usize, bytes: &[u8]) -> usize {
    let of_piece = |piece: &[u8]| isize::from(piece.iter().copied().map(opened).sum::<i8>());
    depth.saturating_add_signed(bytes.chunks(PIECE).map(of_piece).sum())
}

/// Whether a line is to be read as it stands: it has no string, no comment, no tab, and all its brackets are closed.
fn is_plain(line: &[u8]) -> bool {
    let of_piece = |piece: &[u8]| {
        let of = |(odd, depth): (bool, i8), byte: &u8| {
            let is_odd = matches!(byte, b'"' | b'\'' | b'#' | b'\\' | b'\t' | b'\r' | b'\x0c');
            (odd | is_odd, depth + opened(*byte))
        };
        piece.iter().fold((false, 0_i8), of)
    };
    let mut depth = 0;
    line.chunks(PIECE).all(|piece| {
        let (odd, of_piece) = of_piece(piece);
        depth += isize::from(of_piece);
        !odd
    }) && depth == 0
}
