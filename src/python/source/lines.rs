//! The logical lines of a Python source: comments gone, strings empty, continued lines joined.

use std::borrow::Cow;

/// Letters of one logical line that are kept; what is longer is data.
const LONGEST: usize = 256 << 10;

/// Bytes that mean something, those between words included.
const MEANING: [bool; 256] = marked(b"\n#\"'\\ \t\r\x0c([{)]}");
/// Bytes by which a logical line may end elsewhere than its first physical line.
const LAYOUT: [bool; 256] = marked(b"\n#\"'\\([{)]}");

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
    /// The present line, without what is in strings.
    text: Vec<u8>,
    /// Whether the present line is passed over.
    passing: bool,
}

impl<'a> Lines<'a> {
    pub(super) fn new(source: &'a [u8]) -> Self {
        Self {
            bytes: source.strip_prefix(b"\xef\xbb\xbf").unwrap_or(source),
            at: 0,
            torn: false,
            text: Vec::new(),
            passing: false,
        }
    }

    /// Whether a bracket or a string was open at the end.
    pub(super) const fn is_torn(&self) -> bool {
        self.torn
    }

    /// Goes to the next line with something on it, and over those that are indented by more than `block`; gives
    /// the columns before it, a tab going to the next multiple of eight.
    pub(super) fn next_within(&mut self, block: Option<usize>) -> Option<usize> {
        loop {
            let indent = self.indent();
            match self.peek()? {
                b'\n' | b'\r' => self.at += 1,
                b'#' => self.skip_comment(),
                _ => {
                    self.passing = block.is_some_and(|block| indent > block);
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
        String::from_utf8_lossy(&self.text)
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

    /// The rest of a logical line, up to and over its newline.
    fn rest(&mut self) {
        let marks = if self.passing { &LAYOUT } else { &MEANING };
        let mut depth = 0_usize;
        while let Some(byte) = self.after_plain(marks) {
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
                    self.push(b" ");
                }
                b' ' | b'\t' | b'\n' | b'\r' | 0x0c => {
                    if self.text.last() != Some(&b' ') {
                        self.push(b" ");
                    }
                }
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

    /// Takes what is before the next byte among `marks`, and gives that one.
    fn after_plain(&mut self, marks: &[bool; 256]) -> Option<u8> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let plain = rest.iter().position(|byte| marks[usize::from(*byte)]).unwrap_or(rest.len());
        self.push(&rest[..plain]);
        self.at += plain;
        self.peek()
    }

    fn push(&mut self, bytes: &[u8]) {
        let room = LONGEST.saturating_sub(self.text.len());
        if !self.passing && room > 0 {
            self.text.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
    }

    /// Goes up to the newline.
    fn skip_comment(&mut self) {
        let rest = &self.bytes[self.at..];
        self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    }

    /// Goes over a string; a backslash keeps its end away in raw strings too.
    fn string(&mut self, quote: u8) {
        let triple = self.bytes[self.at..].starts_with(&[quote; 3]);
        self.at += if triple { 3 } else { 1 };
        while let Some(rest) = self.bytes.get(self.at..) {
            let marks = |byte: &u8| matches!(byte, b'\\' | b'\n') || *byte == quote;
            let Some(plain) = rest.iter().position(marks) else { break };
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
