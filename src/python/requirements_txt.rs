//! The requirements file of pip, as far as a build can obey it.

use std::ops::Range;

use super::{PythonError, Requirement};
use crate::oci::Digest;

/// A requirements file: what it asks for, line by line. Files that it includes are named, not read.
///
/// [Requirements file format](https://pip.pypa.io/en/stable/reference/requirements-file-format/).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequirementsTxt {
    /// In the file's order.
    pub lines: Vec<Line>,
}

/// One logical line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The bytes of the file that it takes.
    pub span: Range<usize>,
    /// What it says.
    pub entry: Entry,
}

/// What a line of a requirements file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A requirement, with the digests its file may have (`--hash`); any when there are none.
    Requirement {
        /// What is required.
        requirement: Requirement,
        /// SHA-256 of the files that are accepted.
        hashes: Vec<Digest>,
    },
    /// A wheel at a path relative to the requirements file.
    Wheel {
        /// As written, without `file:`.
        path: String,
        /// What stands behind it: `[extra] ; marker`.
        rest: String,
        /// SHA-256 of the files that are accepted.
        hashes: Vec<Digest>,
    },
    /// `-r FILE`: another requirements file, relative to this one.
    Include(String),
    /// `-c FILE`: a file of constraints, relative to this one.
    Constraints(String),
    /// `--index-url URL`: the default index.
    DefaultIndex(String),
    /// `--extra-index-url URL`: one more index.
    ExtraIndex(String),
    /// `--find-links PLACE`: a folder of wheels, or a page with links to some.
    FindLinks(String),
    /// `--no-index`: no index is asked.
    NoIndex,
}

impl RequirementsTxt {
    /// Reads a requirements file. Comments, continued lines, hashes, and the options that [`Entry`]
    /// knows are understood; `--only-binary` and `--prefer-binary` say what happens anyway.
    ///
    /// # Errors
    /// [`PythonError::Place`]: for what is no requirement, and for every option that would change
    /// what is chosen and that cannot be obeyed.
    pub fn parse(text: &str) -> Result<Self, PythonError> {
        let mut lines = Vec::new();
        for (span, line) in logical_lines(text) {
            let entry = read(line.trim()).map_err(|(reason, advice)| PythonError::Place {
                span: span.clone(),
                reason,
                advice,
            })?;
            lines.extend(entry.map(|entry| Line { span, entry }));
        }
        Ok(Self { lines })
    }
}

/// What is wrong with a line, and the way out.
type Fault = (String, Option<&'static str>);

/// Lines with their places, `\` at their end obeyed and comments taken out.
fn logical_lines(text: &str) -> Vec<(Range<usize>, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    let mut position = 0;
    for whole in text.split_inclusive('\n') {
        let line = whole.trim_end_matches(['\n', '\r']);
        let (start, mut joined) = open.take().unwrap_or((position, String::new()));
        let end = position + line.len();
        position += whole.len();
        let line = line.trim_start_matches('\u{feff}');
        let comment = line.trim_start().starts_with('#');
        match line.strip_suffix('\\') {
            Some(begin) if !comment => {
                joined.push_str(begin);
                open = Some((start, joined));
            }
            _ => {
                joined.push_str(without_comment(line));
                lines.push((start..end, joined));
            }
        }
    }
    lines.extend(open.map(|(start, joined)| (start..text.len(), joined)));
    lines.retain(|(_, line)| !line.trim().is_empty());
    lines
}

/// A `#` begins a comment at the start of a line or behind white space: URLs hold it too.
fn without_comment(line: &str) -> &str {
    let begins = |(position, _): &(usize, &str)| line[..*position].chars().last().is_none_or(char::is_whitespace);
    match line.match_indices('#').find(begins) {
        Some((position, _)) => &line[..position],
        None => line,
    }
}

fn read(line: &str) -> Result<Option<Entry>, Fault> {
    if line.starts_with('-') {
        return option(line);
    }
    if line.contains("${") {
        let advice = "write the value itself; credentials of indexes belong into pip's or uv's own settings";
        return Err(("variables are not replaced here".to_owned(), Some(advice)));
    }
    let (what, hashes) = split_hashes(line)?;
    if let Some((path, rest)) = wheel_path(what) {
        return Ok(Some(Entry::Wheel { path, rest, hashes }));
    }
    if what.starts_with(['.', '/']) || what.starts_with("file:") {
        let advice = "build a wheel of it (`pip wheel --no-deps .`) and name that";
        return Err((format!("`{what}` is not a wheel: only wheels can be installed"), Some(advice)));
    }
    let advice = Some("write it as PEP 508 has it, such as `numpy>=1.26,<2`");
    let requirement = what.parse::<Requirement>().map_err(|error| (error.to_string(), advice))?;
    Ok(Some(Entry::Requirement { requirement, hashes }))
}

fn option(line: &str) -> Result<Option<Entry>, Fault> {
    let end = line.find([' ', '=', '\t']).unwrap_or(line.len());
    let (name, value) = match (line.starts_with("--"), line.get(..2)) {
        (true, _) | (_, None) => line.split_at(end),
        (false, Some(short)) => (short, &line[short.len()..]),
    };
    let value = value.trim_start_matches(['=', ' ', '\t']).trim();
    let named = |entry: fn(String) -> Entry| match value {
        "" => Err((format!("the option {name} names nothing"), None)),
        value if value.contains("://") && matches!(name, "-r" | "--requirement" | "-c" | "--constraint") => {
            Err((format!("`{value}` is not a file"), Some("download it, and name the file")))
        }
        value => Ok(Some(entry(value.to_owned()))),
    };
    match name {
        "-r" | "--requirement" => named(Entry::Include),
        "-c" | "--constraint" => named(Entry::Constraints),
        "-i" | "--index-url" => named(Entry::DefaultIndex),
        "--extra-index-url" => named(Entry::ExtraIndex),
        "-f" | "--find-links" => named(Entry::FindLinks),
        "--no-index" => Ok(Some(Entry::NoIndex)),
        "--only-binary" | "--prefer-binary" | "--require-hashes" => Ok(None),
        _ => Err((format!("the option {name} cannot be obeyed here"), Some(advice(name)))),
    }
}

fn advice(option: &str) -> &'static str {
    match option {
        "-e" | "--editable" => "build a wheel of it (`pip wheel --no-deps .`) and name that in `wheels.require`",
        "--pre" => "name the pre-release in the requirement: `torch>=2.9rc1`",
        "--no-binary" => "remove it: nothing is built from source",
        "--trusted-host" => "remove it: index an `http:` server under `wheels.index`, or give it a certificate",
        _ => "remove it, or keep it in a file of its own that only pip reads",
    }
}

/// The requirement before the first ` --option`, and the digests behind it.
fn split_hashes(line: &str) -> Result<(&str, Vec<Digest>), Fault> {
    let position = line.find(" --").or_else(|| line.find("\t--")).unwrap_or(line.len());
    let (what, options) = line.split_at(position);
    let mut hashes = Vec::new();
    let mut other = None;
    let mut words = options.split_whitespace();
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--hash") {
            Some("") => words.next().unwrap_or_default(),
            Some(value) => value.trim_start_matches('='),
            None => {
                let option = word.split('=').next().unwrap_or(word);
                return Err((
                    format!("the option {option} cannot be obeyed here"),
                    Some("remove it: nothing is built"),
                ));
            }
        };
        match value.split_once(':') {
            Some(("sha256", hex)) => hashes.push(Digest::from_hex(hex).map_err(|error| (error.to_string(), None))?),
            _ => other = Some(value.to_owned()),
        }
    }
    match other {
        Some(other) if hashes.is_empty() => {
            Err((format!("`{other}` is not a SHA-256 hash"), Some("give the SHA-256 too: `--hash=sha256:…`")))
        }
        _ => Ok((what.trim(), hashes)),
    }
}

/// A path that ends in `.whl`, and the extras and marker behind it.
fn wheel_path(text: &str) -> Option<(String, String)> {
    let (head, marker) = match text.split_once(';') {
        Some((head, marker)) => (head.trim(), format!(" ;{marker}")),
        None => (text, String::new()),
    };
    let extras = head.strip_suffix(']').and_then(|head| head.rfind('[')).unwrap_or(head.len());
    let (path, extras) = head.split_at(extras);
    let path = path.strip_prefix("file://").or_else(|| path.strip_prefix("file:")).unwrap_or(path).trim();
    let plain = path.strip_suffix(".whl").is_some() && !path.contains(" @ ") && !path.contains("://");
    plain.then(|| (path.to_owned(), format!("{extras}{marker}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<Vec<String>, String> {
        let line_of = |offset: usize| text[..offset].matches('\n').count() + 1;
        let file = RequirementsTxt::parse(text).map_err(|error| match error {
            PythonError::Place { span, reason, advice } => {
                format!("{}: {reason} | {}", line_of(span.start), advice.unwrap_or_default())
            }
            other => other.to_string(),
        })?;
        let entry = |entry: &Entry| match entry {
            Entry::Requirement { requirement, hashes } => format!("{requirement} {}", hashes.len()),
            Entry::Wheel { path, rest, hashes } => format!("wheel {path} ({rest}) {}", hashes.len()),
            Entry::Include(path) => format!("-r {path}"),
            Entry::Constraints(path) => format!("-c {path}"),
            Entry::DefaultIndex(url) => format!("-i {url}"),
            Entry::ExtraIndex(url) => format!("--extra-index-url {url}"),
            Entry::FindLinks(place) => format!("-f {place}"),
            Entry::NoIndex => "--no-index".to_owned(),
        };
        Ok(file.lines.iter().map(|line| format!("{} {}", line_of(line.span.start), entry(&line.entry))).collect())
    }

    #[test]
    fn requirements_files_are_read() {
        let digest = "a".repeat(64);
        let text = format!(
            "\u{feff}# made by hand\n\nnumpy<2  # old\r\n-r base.txt\n--constraint=pins.txt\n-cmore.txt\n\
             torch==2.3.1 \\\n    --hash=sha256:{digest} \\\n    --hash sha256:{digest}\n\
             ./wheels/demo-1.0-py3-none-any.whl\n--only-binary :all:\n\
             a @ https://host/a-1-py3-none-any.whl#sha256={digest}\nb[x] ; python_version < '3'\n\
             -i https://host/simple\n--extra-index-url=https://other/simple\n--find-links wheels\n--no-index\n\
             d-1-py3-none-any.whl[x] ; python_version > '3'"
        );
        let expect = [
            "3 numpy<2 0".to_owned(),
            "4 -r base.txt".to_owned(),
            "5 -c pins.txt".to_owned(),
            "6 -c more.txt".to_owned(),
            "7 torch==2.3.1 2".to_owned(),
            "10 wheel ./wheels/demo-1.0-py3-none-any.whl () 0".to_owned(),
            format!("12 a @ https://host/a-1-py3-none-any.whl#sha256={digest} 0"),
            "13 b[x] ; python_full_version < '3' 0".to_owned(),
            "14 -i https://host/simple".to_owned(),
            "15 --extra-index-url https://other/simple".to_owned(),
            "16 -f wheels".to_owned(),
            "17 --no-index".to_owned(),
            "18 wheel d-1-py3-none-any.whl ([x] ; python_version > '3') 0".to_owned(),
        ];
        assert_eq!(shown(&text).unwrap(), expect);
    }

    #[test]
    fn what_cannot_be_obeyed_is_named_with_its_line() {
        let check = |text: &str, expect: &str| {
            let found = shown(text).unwrap_err();
            assert_eq!(found.split(" | ").next().unwrap(), expect, "{text}");
        };
        check("a\n-e .\n", "2: the option -e cannot be obeyed here");
        check("--pre\n", "1: the option --pre cannot be obeyed here");
        check("a --config-settings=x\n", "1: the option --config-settings cannot be obeyed here");
        check("-r\n", "1: the option -r names nothing");
        check("-r https://host/a.txt\n", "1: `https://host/a.txt` is not a file");
        check("./folder\n", "1: `./folder` is not a wheel: only wheels can be installed");
        check("a --hash=md5:x\n", "1: `md5:x` is not a SHA-256 hash");
        check("a @ https://${TOKEN}@host/a.whl\n", "1: variables are not replaced here");
        check(
            "# ok \\\n\na \\\n<\n",
            "3: `a <` is not a requirement: unexpected end of version specifier, expected version",
        );
    }
}
