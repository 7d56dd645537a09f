//! The requirements file of pip, as far as a build can obey it.

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
    /// Where it begins, counted from 1.
    pub number: usize,
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
        /// SHA-256 of the files that are accepted.
        hashes: Vec<Digest>,
    },
    /// `-r FILE`: another requirements file, relative to this one.
    Include(String),
    /// `-c FILE`: a file of constraints, relative to this one.
    Constraints(String),
}

impl RequirementsTxt {
    /// Reads a requirements file. Comments, continued lines, `-r`, `-c` and `--hash` are understood;
    /// `--only-binary` and `--prefer-binary` say what happens anyway.
    ///
    /// # Errors
    /// With the line's number: for what is no requirement, and for every option that would change
    /// what is chosen and that cannot be obeyed.
    pub fn parse(text: &str) -> Result<Self, PythonError> {
        let mut lines = Vec::new();
        for (number, line) in logical_lines(text) {
            let entry = read(line.trim()).map_err(|reason| PythonError::RequirementsTxt { line: number, reason })?;
            lines.extend(entry.map(|entry| Line { number, entry }));
        }
        Ok(Self { lines })
    }
}

/// Lines with their numbers, `\` at their end obeyed and comments taken out.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (position, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let (number, mut joined) = open.take().unwrap_or((position + 1, String::new()));
        let comment = line.trim_start().starts_with('#');
        match line.strip_suffix('\\') {
            Some(start) if !comment => {
                joined.push_str(start);
                open = Some((number, joined));
            }
            _ => {
                joined.push_str(without_comment(line));
                lines.push((number, joined));
            }
        }
    }
    lines.extend(open);
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

fn read(line: &str) -> Result<Option<Entry>, String> {
    if line.starts_with('-') {
        return option(line);
    }
    if line.contains("${") {
        return Err("variables are not replaced here".to_owned());
    }
    let (what, hashes) = split_hashes(line)?;
    if let Some(path) = wheel_path(what) {
        return Ok(Some(Entry::Wheel { path, hashes }));
    }
    if what.starts_with(['.', '/']) || what.starts_with("file:") {
        return Err(format!("`{what}` is not a wheel: only wheels can be installed"));
    }
    let requirement = what.parse::<Requirement>().map_err(|error| error.to_string())?;
    Ok(Some(Entry::Requirement { requirement, hashes }))
}

fn option(line: &str) -> Result<Option<Entry>, String> {
    let end = line.find([' ', '=', '\t']).unwrap_or(line.len());
    let (name, value) = match (line.starts_with("--"), line.get(..2)) {
        (true, _) | (_, None) => line.split_at(end),
        (false, Some(short)) => (short, &line[short.len()..]),
    };
    let value = value.trim_start_matches(['=', ' ', '\t']).trim();
    let named = |entry: fn(String) -> Entry| match value {
        "" => Err(format!("the option {name} names no file")),
        value => Ok(Some(entry(value.to_owned()))),
    };
    match name {
        "-r" | "--requirement" => named(Entry::Include),
        "-c" | "--constraint" => named(Entry::Constraints),
        "--only-binary" | "--prefer-binary" | "--require-hashes" => Ok(None),
        _ => Err(format!("the option {name} cannot be obeyed here")),
    }
}

/// The requirement before the first ` --option`, and the digests behind it.
fn split_hashes(line: &str) -> Result<(&str, Vec<Digest>), String> {
    let position = line.find(" --").or_else(|| line.find("\t--")).unwrap_or(line.len());
    let (what, options) = line.split_at(position);
    let mut hashes = Vec::new();
    let mut other = None;
    let mut words = options.split_whitespace();
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--hash") {
            Some("") => words.next().unwrap_or_default(),
            Some(value) => value.trim_start_matches('='),
            None => return Err(format!("the option {} cannot be obeyed here", word.split('=').next().unwrap_or(word))),
        };
        match value.split_once(':') {
            Some(("sha256", hex)) => hashes.push(Digest::from_hex(hex).map_err(|error| error.to_string())?),
            _ => other = Some(value.to_owned()),
        }
    }
    match other {
        Some(other) if hashes.is_empty() => Err(format!("`{other}` is not a SHA-256 hash")),
        _ => Ok((what.trim(), hashes)),
    }
}

fn wheel_path(text: &str) -> Option<String> {
    let path = text.strip_prefix("file://").or_else(|| text.strip_prefix("file:")).unwrap_or(text);
    let plain =
        path.strip_suffix(".whl").is_some() && !path.contains(" @ ") && !path.contains("://") && !path.contains(';');
    plain.then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<Vec<String>, String> {
        let file = RequirementsTxt::parse(text).map_err(|error| error.to_string())?;
        Ok(file
            .lines
            .iter()
            .map(|line| match &line.entry {
                Entry::Requirement { requirement, hashes } => format!("{} {requirement} {}", line.number, hashes.len()),
                Entry::Wheel { path, hashes } => format!("{} wheel {path} {}", line.number, hashes.len()),
                Entry::Include(path) => format!("{} -r {path}", line.number),
                Entry::Constraints(path) => format!("{} -c {path}", line.number),
            })
            .collect())
    }

    #[test]
    fn requirements_files_are_read() {
        let digest = "a".repeat(64);
        let text = format!(
            "# made by hand\n\nnumpy<2  # old\n-r base.txt\n--constraint=pins.txt\n-cmore.txt\n\
             torch==2.3.1 \\\n    --hash=sha256:{digest} \\\n    --hash sha256:{digest}\n\
             ./wheels/demo-1.0-py3-none-any.whl\n--only-binary :all:\n\
             a @ https://host/a-1-py3-none-any.whl#sha256={digest}\nb[x] ; python_version < '3'\n"
        );
        let expect = [
            "3 numpy<2 0".to_owned(),
            "4 -r base.txt".to_owned(),
            "5 -c pins.txt".to_owned(),
            "6 -c more.txt".to_owned(),
            "7 torch==2.3.1 2".to_owned(),
            "10 wheel ./wheels/demo-1.0-py3-none-any.whl 0".to_owned(),
            format!("12 a @ https://host/a-1-py3-none-any.whl#sha256={digest} 0"),
            "13 b[x] ; python_full_version < '3' 0".to_owned(),
        ];
        assert_eq!(shown(&text).unwrap(), expect);
    }

    #[test]
    fn what_cannot_be_obeyed_is_named_with_its_line() {
        let check = |text: &str, expect: &str| assert_eq!(shown(text).unwrap_err(), expect, "{text}");
        check("a\n-e .\n", "line 2: the option -e cannot be obeyed here");
        check("--index-url https://host/simple\n", "line 1: the option --index-url cannot be obeyed here");
        check("--pre\n", "line 1: the option --pre cannot be obeyed here");
        check("a --config-settings=x\n", "line 1: the option --config-settings cannot be obeyed here");
        check("-r\n", "line 1: the option -r names no file");
        check("./folder\n", "line 1: `./folder` is not a wheel: only wheels can be installed");
        check("a --hash=md5:x\n", "line 1: `md5:x` is not a SHA-256 hash");
        check("a @ https://${TOKEN}@host/a.whl\n", "line 1: variables are not replaced here");
    }
}
