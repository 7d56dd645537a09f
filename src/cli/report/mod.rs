//! Errors as people read them: a drawing of the recipe where the recipe is wrong, else the error, its
//! causes, the facts behind it, and the way out.

mod chain;
mod snippet;

use std::{error::Error, fmt::Write as _};

use clap::builder::styling::{AnsiColor, Style};

pub(super) use chain::unfold;

use super::error::CliError;
use crate::{
    hint::{Hint, masked},
    recipe::RecipeError,
    resolve::ResolveError,
};

/// The words that introduce a line, in colour or not.
#[derive(Clone, Copy)]
pub(super) struct Words {
    color: bool,
}

/// The whole message, its last newline included. What it repeats of files may hold passwords, and goes into logs.
pub(super) fn render(error: &CliError, color: bool) -> String {
    let findings = match error {
        CliError::Findings { text, .. } | CliError::Policy { text, .. } => text.as_str(),
        _ => "",
    };
    let chain = unfold(error);
    let recipe = chain.iter().find_map(|error| match error.downcast_ref()? {
        RecipeError::Invalid { file, text, problems } => Some(snippet::draw(file, text, problems, color)),
        _ => None,
    });
    masked(&(findings.to_owned() + &recipe.unwrap_or_else(|| listed(&chain, Words { color }))))
}

impl Words {
    /// Words in colour, or plain ones.
    pub(super) const fn new(color: bool) -> Self {
        Self { color }
    }

    /// `warning: …`, and its hint.
    pub(super) fn warning(self, message: &str, hint: Option<&Hint>) -> String {
        let mut text = format!("{} {}", self.paint("warning:", AnsiColor::Yellow), masked(&visible(message)));
        if let Some(hint) = hint {
            let _ = write!(text, "\n{}", self.hint(hint));
        }
        text
    }

    fn error(self, message: &str) -> String {
        format!("{} {}", self.paint("error:", AnsiColor::Red), visible(message))
    }

    fn hint(self, hint: &Hint) -> String {
        format!("{} {}", self.paint("hint:", AnsiColor::Cyan), visible(&hint.to_string()))
    }

    fn paint(self, word: &str, color: AnsiColor) -> String {
        let style = if self.color { color.on_default().bold() } else { Style::new() };
        format!("{style}{word}{style:#}")
    }
}

/// `text` without anything that a terminal would obey: names in it may come from anywhere.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' => shown.push(' '),
            letter if letter.is_control() => shown.extend(letter.escape_default()),
            letter => shown.push(letter),
        }
    }
    shown
}

fn listed(chain: &[&(dyn Error + 'static)], words: Words) -> String {
    let mut told: Vec<String> = Vec::new();
    let mut lines = Vec::new();
    for error in chain {
        let text = error.to_string();
        if !told.contains(&text) {
            let cause = || format!("  caused by: {}", visible(&text));
            lines.push(if told.is_empty() { words.error(&text) } else { cause() });
            told.push(text);
        }
    }
    let resolve = chain.iter().find_map(|error| error.downcast_ref::<ResolveError>());
    let facts = resolve.map_or(&[][..], ResolveError::facts);
    lines.extend(facts.iter().map(|fact| format!("  - {}", visible(&fact.to_string()))));
    lines.extend(chain::hint(chain).map(|hint| words.hint(&hint)));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        builder::BuildError, http::HttpError, image::TransferError, pypi::IndexError, registry::RegistryError,
    };

    fn check(error: impl Into<CliError>, expect: &str) {
        assert_eq!(render(&error.into(), false), expect);
    }

    #[test]
    fn causes_are_told_once_and_the_innermost_hint_counts() {
        let offline = HttpError::Offline { url: "https://index.example/numpy/".to_owned() };
        let ask = IndexError::Ask { index: "default".into(), package: "numpy".parse().unwrap(), source: offline };
        check(
            BuildError::Resolve(ask.into()),
            "error: cannot ask index `default` for numpy\n  \
             caused by: https://index.example/numpy/ is needed, but this run is offline\n\
             hint: run once without `--offline` to fill the store\n",
        );
        let offline = TransferError::from(RegistryError::Offline { repository: "r.example/a".into() });
        check(
            BuildError::Deliver { destination: "r.example/a:b".into(), source: offline },
            "error: cannot write the image to r.example/a:b\n  \
             caused by: r.example/a is needed, but this run is offline\n\
             hint: run once without `--offline` to fill the store\n",
        );
    }

    #[test]
    fn names_cannot_play_with_the_terminal() {
        let path = std::path::PathBuf::from("a\u{1b}[2Jb\nc");
        let text = render(&CliError::LockMissing { path }, false);
        assert!(text.starts_with("error: there is no lock `a\\u{1b}[2Jb c`\n"), "{text}");
    }

    #[test]
    fn colours_surround_words_only() {
        let text = render(&CliError::NoDestination, true);
        assert!(text.starts_with("\u{1b}[1m\u{1b}[31merror:\u{1b}[0m nothing"), "{text:?}");
    }
}
