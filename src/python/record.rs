//! RECORD: the list of a distribution's files, with their hashes.

use base64::{
    DecodeSliceError, Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::PythonError;
use crate::oci::Digest;

/// The list of a distribution's files.
///
/// [Recording installed projects, "The RECORD file"](https://packaging.python.org/en/latest/specifications/recording-installed-packages/#the-record-file).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// In the file's order.
    pub entries: Vec<RecordEntry>,
}

/// One file of a RECORD.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordEntry {
    /// As written, with `/`: relative to the folder that holds `.dist-info`, or absolute.
    pub path: String,
    /// SHA-256 of the file; none for RECORD itself, its signatures, and where the RECORD gives
    /// another hash as good instead.
    pub sha256: Option<Digest>,
    /// Bytes of the file.
    pub size: Option<u64>,
}

const URL_SAFE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Record {
    /// Reads a RECORD: comma-separated values in UTF-8.
    ///
    /// # Errors
    /// When it is not UTF-8, a line does not have its three fields, or a hash or size is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, PythonError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|_| PythonError::Record { line: 1, reason: "it is not UTF-8".to_owned() })?;
        let mut entries = Vec::new();
        if text.contains('"') {
            for (line, row) in rows(text)? {
                entries.extend(read_row(line, row.iter().map(String::as_str))?);
            }
            return Ok(Self { entries });
        }
        // Nothing is quoted: nearly always so, and images have ten thousands of lines.
        for (number, line) in text.lines().enumerate() {
            entries.extend(read_row(number + 1, line.split(','))?);
        }
        Ok(Self { entries })
    }

    /// The file's text, entries in their order, lines ended by `\n`.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for entry in &self.entries {
            let hash = entry.sha256.as_ref().map(|digest| format!("sha256={}", URL_SAFE.encode(digest.as_bytes())));
            let size = entry.size.map(|size| size.to_string());
            text.push_str(&quoted(&entry.path));
            for field in [hash, size] {
                text.push(',');
                text.push_str(&field.unwrap_or_default());
            }
            text.push('\n');
        }
        text
    }
}

/// One line; nothing for an empty one.
fn read_row<'r>(line: usize, mut row: impl Iterator<Item = &'r str>) -> Result<Option<RecordEntry>, PythonError> {
    let fail = |reason: &str| PythonError::Record { line, reason: reason.to_owned() };
    match [(); 4].map(|()| row.next()) {
        [None | Some(""), None, ..] => Ok(None),
        [Some(path), Some(hash), Some(size), None] => Ok(Some(RecordEntry {
            path: path.to_owned(),
            sha256: read_hash(hash).map_err(fail)?,
            size: read_size(size).map_err(fail)?,
        })),
        _ => Err(fail("it does not have three fields")),
    }
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

fn read_hash(text: &str) -> Result<Option<Digest>, &'static str> {
    if text.is_empty() {
        return Ok(None);
    }
    let (algorithm, value) = text.split_once('=').ok_or("its hash names no algorithm")?;
    match algorithm {
        "sha384" | "sha512" | "sha3_256" | "sha3_384" | "sha3_512" | "blake2b" | "blake2s" => Ok(None),
        "sha256" => {
            let (mut bytes, other) = ([0; 33], "its hash does not have 32 bytes");
            let length = URL_SAFE.decode_slice(value, &mut bytes).map_err(|error| match error {
                DecodeSliceError::OutputSliceTooSmall => other,
                DecodeSliceError::DecodeError(_) => "its hash is not urlsafe base64",
            })?;
            let digest = bytes.first_chunk().filter(|_| length == 32).ok_or(other)?;
            Ok(Some(Digest::from_bytes(*digest)))
        }
        "md5" | "sha1" | "sha224" => Err("its hash is weaker than SHA-256"),
        _ => Err("its hash is of an algorithm that is not known"),
    }
}

fn read_size(text: &str) -> Result<Option<u64>, &'static str> {
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|_| "its size is not a number") }
}

type Row = (usize, Vec<String>);

/// The rows of comma-separated values, each with the number of its first line.
fn rows(text: &str) -> Result<Vec<Row>, PythonError> {
    let mut rows = Vec::new();
    let (mut row, mut field, mut line, mut first_line) = (Vec::new(), String::new(), 1, 1);
    let mut inside = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        line += usize::from(letter == '\n');
        match letter {
            '"' if inside && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' if inside => inside = false,
            '"' if field.is_empty() => inside = true,
            ',' if !inside => row.push(std::mem::take(&mut field)),
            '\r' if !inside && letters.peek() == Some(&'\n') => {}
            '\n' if !inside => {
                row.push(std::mem::take(&mut field));
                rows.push((first_line, std::mem::take(&mut row)));
                first_line = line;
            }
            letter => field.push(letter),
        }
    }
    if inside {
        return Err(PythonError::Record { line: first_line, reason: "a quotation mark is never closed".to_owned() });
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push((first_line, row));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_quoted_is_read_the_same_faster() {
        let check = |text: &str| {
            let slow: Result<Vec<_>, _> = rows(text)
                .unwrap()
                .into_iter()
                .map(|(line, row)| read_row(line, row.iter().map(String::as_str)))
                .collect();
            let slow = slow.map(|entries| Record { entries: entries.into_iter().flatten().collect() });
            assert_eq!(Record::parse(text.as_bytes()), slow, "{text:?}");
        };
        for text in [
            "",
            "\n",
            "a,,\n",
            "a,,",
            "a,,\r\nb,,7\r\n",
            "a,,\n\n\r\nb,,1",
            "a\rb,,2\n",
            "a,b\n",
            "a,,\nb\n",
            "a,,x",
            "a,md5=1,2",
        ] {
            check(text);
        }
    }

    const EMPTY: &str = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";

    #[test]
    fn what_is_written_is_read() {
        let entries = vec![
            RecordEntry { path: "demo/__init__.py".to_owned(), sha256: Some(Digest::of(b"")), size: Some(0) },
            RecordEntry { path: "a, \"b\"\nc".to_owned(), sha256: Some(Digest::of(b"x")), size: None },
            RecordEntry { path: "demo-1.0.dist-info/RECORD".to_owned(), sha256: None, size: None },
        ];
        let record = Record { entries };
        let text = record.to_text();
        assert!(text.starts_with(&format!("demo/__init__.py,{EMPTY},0\n")), "{text}");
        assert!(text.ends_with("\ndemo-1.0.dist-info/RECORD,,\n"), "{text}");
        assert_eq!(Record::parse(text.as_bytes()).unwrap(), record);
    }

    #[test]
    fn other_writers_are_understood_and_wrong_lines_named() {
        let check = |text: &str, expect: Result<usize, usize>| {
            let found =
                Record::parse(text.as_bytes()).map(|record| record.entries.len()).map_err(|error| match error {
                    PythonError::Record { line, .. } => line,
                    _ => 0,
                });
            assert_eq!(found, expect, "{text:?}");
        };
        check("", Ok(0));
        check(&format!("a,{EMPTY}=,0\r\nb,,\r\n\r\n"), Ok(2));
        check(&format!("a,{EMPTY},0"), Ok(1));
        check("a,sha512=xyz,1\n", Ok(1));
        check("a,sha3_256=xyz,1\nb,blake2b=xyz,2\n", Ok(2));
        check("a,,\nb,md5=x,1\n", Err(2));
        check("a,,\nb,crc32=x,1\n", Err(2));
        check("a,,\nb,sha256=x,1\n", Err(2));
        check("a,,\nb,,-1\n", Err(2));
        check("a,,\nb\n", Err(2));
        check("a,,\n\"b,,\n", Err(2));
        check("\"a\nb\",,\nc\n", Err(3));
    }
}
