//! Holds README and `docs/` against the program: pages that are written from it, command lines and recipes in
//! them. `WHEELWRIGHT_WRITE_DOCS=1 cargo test --lib documents` writes the pages anew.

use std::{fmt::Write as _, fs, path::PathBuf};

use clap::Parser as _;

use super::{args::Arguments, exit};
use crate::{
    fs::{sorted_entries, write_atomic},
    recipe::{Recipe, reference},
    verify::Code,
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Name and text of each page.
fn pages() -> Vec<(String, String)> {
    let docs = sorted_entries(&root().join("docs")).unwrap().into_iter().map(|entry| entry.path());
    let paths = docs.filter(|path| path.extension().is_some_and(|end| end == "md")).chain([root().join("README.md")]);
    paths.map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap())).collect()
}

/// The blocks of a page in this language.
fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let opening = format!("```{language}\n");
    let behind = |(start, _): (usize, &str)| {
        let rest = &page[start + opening.len()..];
        &rest[..rest.find("```").unwrap_or(rest.len())]
    };
    page.match_indices(&opening).map(behind).collect()
}

fn findings() -> String {
    let mut text = String::from(
        "# Findings\n\nWhat `wheelwright verify` and `build` report. A code never changes its meaning. \
         `wheelwright verify --explain WW308` says\nthe same; what does no harm is accepted with `[[check.accept]]` \
         in the [recipe](recipe.md).\n\n<!-- Written from src/verify/code.rs by src/cli/documents.rs. -->\n\n\
         | code | level | |\n|---|---|---|\n",
    );
    for code in Code::all() {
        let _ =
            writeln!(text, "| [{code}](#{}) | {} | {} |", code.to_string().to_lowercase(), code.level(), code.title());
    }
    for code in Code::all() {
        let _ = write!(text, "\n## {code}\n\n*{}*: {}. {}\n", code.level(), code.title(), code.explanation());
    }
    text
}

/// What could be expected otherwise.
const PARTICULARS: &str = "
A recipe that is missing, is a folder without one, or is no text counts as a wrong command line (2); what it says, and
a file or folder that it names and that is not there, as a wrong recipe (3). A `--platform` that is not there is named by
what was asked for it: a recipe (`build`: 2), an image (`copy`, `prove`: 4) or a lock (`lock --export`: 5).
";

fn exit_codes() -> String {
    let mut text = String::from(
        "# Exit codes\n\nOf every command; that of the innermost cause which has one.\n\n\
         <!-- Written from src/cli/exit.rs by src/cli/documents.rs. -->\n\n| code | |\n|---|---|\n",
    );
    for (code, meaning) in exit::table() {
        let _ = writeln!(text, "| {code} | {meaning} |");
    }
    text.push_str(PARTICULARS);
    text
}

#[test]
#[expect(clippy::disallowed_methods, reason = "whoever runs the test says whether it writes")]
fn pages_that_are_written_are_up_to_date() {
    for (name, expect) in [("recipe.md", reference()), ("findings.md", findings()), ("exit-codes.md", exit_codes())] {
        let path = root().join("docs").join(name);
        if std::env::var_os("WHEELWRIGHT_WRITE_DOCS").is_some() {
            write_atomic(&path, expect.as_bytes()).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == expect, "docs/{name}: run `WHEELWRIGHT_WRITE_DOCS=1 cargo test --lib documents`");
    }
}

#[test]
fn command_lines_are_understood() {
    let mut seen = 0;
    for (name, page) in pages() {
        let lines = blocks(&page, "sh").into_iter().flat_map(str::lines);
        // What stands in the text, as `wheelwright lock --upgrade numpy`.
        let inline = prose(&page);
        let inline = inline.split('`').skip(1).step_by(2);
        // `REF` is any image.
        let commands = lines.chain(inline).filter(|line| line.starts_with("wheelwright ") && !line.contains('\n'));
        for command in commands.filter(|command| !command.contains('…')) {
            seen += 1;
            let words = words(&command.replace("REF", "ghcr.io/me/app:1"));
            if let Err(error) = Arguments::try_parse_from(words) {
                assert!(!error.use_stderr(), "{name}: {command}\n{error}");
            }
        }
    }
    assert!(seen > 50, "{seen} command lines");
}

/// A page without its blocks.
fn prose(page: &str) -> String {
    page.split("```").step_by(2).collect()
}

/// The words of a shell's line, without its comment.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for letter in line.chars().chain([' ']) {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, ' ') if !word.is_empty() => words.push(std::mem::take(&mut word)),
            (None, ' ') => {}
            (None, '#') if word.is_empty() => break,
            _ => word.push(letter),
        }
    }
    words
}

#[test]
fn recipes_are_recipes() {
    let mut seen = 0;
    for (name, page) in pages() {
        for block in blocks(&page, "toml") {
            seen += 1;
            let (file, head) = if block.contains("[tool.wheelwright]") {
                ("pyproject.toml", String::new())
            } else {
                ("app.toml", head(block))
            };
            let text = format!("{head}{block}");
            if let Err(error) = Recipe::parse(file, &text) {
                panic!("{name}: {error}\n{text}");
            }
        }
    }
    assert!(seen > 20, "{seen} recipes");
}

/// What a part of a recipe, which begins with a table, needs above it.
fn head(part: &str) -> String {
    if !part.starts_with('[') {
        return String::new();
    }
    let mut head = "name = \"app\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n".to_owned();
    if !part.contains("[base]") {
        head.push_str("base = \"registry.example/python:3.11\"\n");
    }
    if !part.contains("[wheels") {
        head.push_str("wheels.require = [\"flask\"]\n");
    }
    head
}

#[test]
fn links_lead_somewhere() {
    for (name, page) in pages() {
        let folder = PathBuf::from(&name).parent().unwrap().to_owned();
        for target in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let elsewhere = file.is_empty() || file.contains("://");
            assert!(elsewhere || folder.join(file).exists(), "{name}: {target}");
        }
    }
}
