//! The logical lines of a Python source: comments gone, strings empty, continued lines joined.

/// Letters of one logical line that are kept; what is longer is data.
const LONGEST: usize = 256 << 10;

/// One logical line.
pub(super) struct Line {
    /// Columns before it; a tab goes to the next multiple of eight.
    pub(super) indent: usize,
    /// Its text without what is in strings.
    pub(super) text: String,
}

pub(super) struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    torn: bool,
}

impl<'a> Lines<'a> {
    pub(super) fn new(source: &'a [u8]) -> Self {
        Self { bytes: source.strip_prefix(b"\xef\xbb\xbf").unwrap_or(source), at: 0, torn: false }
    }

    /// Whether a bracket or a string was open at the end.
    pub(super) const fn is_torn(&self) -> bool {
        self.torn
    }

    /// The next line with something on it.
    pub(super) fn next(&mut self) -> Option<Line> {
        loop {
            let indent = self.indent();
            match self.peek()? {
                b'\n' | b'\r' => self.at += 1,
                b'#' => self.skip_comment(),
                _ => {
                    let mut text = Vec::new();
                    self.rest(&mut text);
                    let text = String::from_utf8(text);
                    let text = text.unwrap_or_else(|wrong| String::from_utf8_lossy(wrong.as_bytes()).into_owned());
                    let text = text.trim();
                    if !text.is_empty() {
                        return Some(Line { indent, text: text.to_owned() });
                    }
                }
            }
        }
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
    fn rest(&mut self, line: &mut Vec<u8>) {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
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
                    push(line, b"\"\"");
                    continue;
                }
                b'\\' => {
                    self.at += 1 + usize::from(self.bytes.get(self.at + 1) == Some(&b'\r'));
                    push(line, b" ");
                }
                b' ' | b'\t' | b'\n' | b'\r' | 0x0c => {
                    if line.last() != Some(&b' ') {
                        push(line, b" ");
                    }
                }
                b'(' | b'[' | b'{' => {
                    depth += 1;
                    push(line, &[byte]);
                }
                b')' | b']' | b'}' => {
                    depth = depth.saturating_sub(1);
                    push(line, &[byte]);
                }
                other => push(line, &[other]),
            }
            self.at += 1;
        }
        self.torn |= depth > 0;
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
        while let Some(byte) = self.peek() {
            match byte {
                b'\\' => self.at += 1,
                b'\n' if !triple => return,
                _ if byte == quote && !triple => {
                    self.at += 1;
                    return;
                }
                _ if byte == quote && self.bytes[self.at..].starts_with(&[quote; 3]) => {
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

fn push(line: &mut Vec<u8>, bytes: &[u8]) {
    if line.len() < LONGEST {
        line.extend_from_slice(bytes);
    }
}
