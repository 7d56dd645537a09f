//! `--explain`: what findings mean.

use std::fmt::Write as _;

use crate::{hint::Hint, verify::Code};

/// Which findings are explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    One(Code),
    All,
}

/// Reads a code, or `all`.
///
/// # Errors
/// When there is no such code; the message says which may have been meant.
pub(super) fn parse(text: &str) -> Result<Which, String> {
    if text == "all" {
        return Ok(Which::All);
    }
    text.to_uppercase().parse().map(Which::One).map_err(|error| {
        let known: Vec<String> = Code::all().map(|code| code.to_string()).collect();
        let hint = Hint::did_you_mean(text, known.iter().map(String::as_str));
        hint.map_or_else(|| format!("{error}; leave the code out to list them"), |hint| format!("{error}; {hint}"))
    })
}

/// One finding in full, or every one on a line.
pub(super) fn text(which: Which) -> String {
    let mut text = String::new();
    match which {
        Which::All => {
            for code in Code::all() {
                let _ = writeln!(text, "{code}  {:<7}  {}", code.level().to_string(), code.title());
            }
        }
        Which::One(code) => {
            let _ = write!(text, "{code}, {}: {}\n\n{}\n", code.level(), code.title(), wrapped(code.explanation()));
        }
    }
    text
}

/// Lines of at most 80 letters.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= 80 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_explained_and_near_misses_corrected() {
        assert_eq!(parse("ww308"), Ok(Which::One(Code::SECRET)));
        assert_eq!(parse("WW380").unwrap_err(), "there is no finding `WW380`; did you mean `WW308`?");
        let text = text(Which::One(Code::SECRET));
        assert!(text.starts_with("WW308, error: a file usually holds secrets\n\n"), "{text}");
        assert!(text.lines().all(|line| line.len() <= 80));
    }
}
