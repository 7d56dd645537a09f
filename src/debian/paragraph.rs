//! Control files: paragraphs of `Field: value` lines.

use std::io::{BufRead, Read};

use super::DebianError;

/// Most bytes of one line; the longest known are dependency lists of some kilobytes.
const LINE_LIMIT: u64 = 1 << 20;
/// Most bytes kept of one paragraph; the checksum list of a Release file takes some hundred kilobytes.
const PARAGRAPH_LIMIT: usize = 16 << 20;

/// One paragraph of a control file.
///
/// Policy, "Syntax of control files".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paragraph {
    fields: Vec<(String, String)>,
}

/// Reads paragraphs one by one, and of each only the fields that are asked for.
pub struct Paragraphs<R> {
    reader: R,
    what: String,
    only: &'static [&'static str],
    line: u64,
    buffer: Vec<u8>,
}

impl Paragraph {
    /// The first paragraph of `bytes`, with all its fields.
    ///
    /// # Errors
    /// When there is none, or it is malformed.
    pub fn parse(what: &str, bytes: &[u8]) -> Result<Self, DebianError> {
        Paragraphs::new(what, bytes, &[]).next().unwrap_or_else(|| Ok(Self::default()))
    }

    /// The value of `field`; lines of a folded value are parted by `\n`, and not indented.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(field)).map(|(_, value)| value.as_str())
    }

    /// The value of `field`, which must be there.
    ///
    /// # Errors
    /// When it is not.
    pub fn require(&self, what: &str, field: &'static str) -> Result<&str, DebianError> {
        self.get(field).ok_or_else(|| DebianError::Missing { what: what.to_owned(), field })
    }
}

impl<R: BufRead> Paragraphs<R> {
    /// Paragraphs of `reader`, which errors call `what`; only the fields named in `only` are kept, all
    /// where it is empty.
    pub fn new(what: &str, reader: R, only: &'static [&'static str]) -> Self {
        Self { reader, what: what.to_owned(), only, line: 0, buffer: Vec::new() }
    }

    fn read(&mut self) -> Result<Option<Paragraph>, DebianError> {
        let mut paragraph = Paragraph::default();
        let (mut begun, mut kept, mut size) = (false, false, 0);
        while self.read_line()? {
            let line = self.buffer.trim_ascii_end();
            match line.first() {
                None if begun => break,
                None | Some(b'#') => continue,
                Some(b' ' | b'\t') if begun => {
                    if kept && let Some((_, value)) = paragraph.fields.last_mut() {
                        value.push('\n');
                        value.push_str(&String::from_utf8_lossy(line.trim_ascii()));
                        size += line.len();
                    }
                }
                Some(_) => {
                    let (name, value) =
                        field(line).ok_or_else(|| DebianError::Line { what: self.what.clone(), line: self.line })?;
                    begun = true;
                    kept = self.only.is_empty() || self.only.iter().any(|wanted| wanted.eq_ignore_ascii_case(name));
                    if kept {
                        size += line.len();
                        paragraph.fields.push((name.to_owned(), String::from_utf8_lossy(value).into_owned()));
                    }
                }
            }
            if size > PARAGRAPH_LIMIT {
                let limit = PARAGRAPH_LIMIT as u64;
                return Err(DebianError::TooLarge { what: format!("a paragraph of {}", self.what), limit });
            }
        }
        Ok(begun.then_some(paragraph))
    }

    fn read_line(&mut self) -> Result<bool, DebianError> {
        self.buffer.clear();
        self.line += 1;
        let count = self
            .reader
            .by_ref()
            .take(LINE_LIMIT)
            .read_until(b'\n', &mut self.buffer)
            .map_err(DebianError::read(&self.what))?;
        if count as u64 == LINE_LIMIT {
            return Err(DebianError::TooLarge { what: format!("a line of {}", self.what), limit: LINE_LIMIT });
        }
        Ok(count > 0)
    }
}

impl<R: BufRead> Iterator for Paragraphs<R> {
    type Item = Result<Paragraph, DebianError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

fn field(line: &[u8]) -> Option<(&str, &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = std::str::from_utf8(&line[..colon]).ok()?;
    let graphic = !name.is_empty() && !name.starts_with('-') && name.bytes().all(|byte| byte.is_ascii_graphic());
    graphic.then(|| (name, line[colon + 1..].trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] =
        b"\n\nPackage: one\nDescription: short\n long\n .\n\tmore\nX: y\n\n\n# comment\nPackage: two\r\nEmpty:\n";

    #[test]
    fn paragraphs_are_parted_by_empty_lines() {
        let all: Vec<_> = Paragraphs::new("test", TEXT, &[]).map(Result::unwrap).collect();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].get("description"), Some("short\nlong\n.\nmore"));
        assert_eq!((all[0].get("X"), all[1].get("X")), (Some("y"), None));
        assert_eq!((all[1].get("Package"), all[1].get("Empty")), (Some("two"), Some("")));
    }

    #[test]
    fn fields_that_nobody_asks_for_are_not_kept() {
        let all: Vec<_> = Paragraphs::new("test", TEXT, &["X"]).map(Result::unwrap).collect();
        assert_eq!(all, [Paragraph { fields: vec![("X".into(), "y".into())] }, Paragraph::default()]);
    }

    #[test]
    fn malformed_lines_are_named_by_number() {
        let check = |text: &[u8], expect: &str| {
            let error = Paragraphs::new("test", text, &[]).find_map(Result::err).unwrap();
            assert_eq!(error.to_string(), expect);
        };
        check(b"A: b\n\nno colon\n", "line 3 of test is no field");
        check(b" continuation first\n", "line 1 of test is no field");
        check(b"-----BEGIN: x\n", "line 1 of test is no field");
        check(&vec![b'a'; 2 << 20], "a line of test has more than 1048576 bytes");
    }
}
