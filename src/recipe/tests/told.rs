//! Every error of a recipe as it is told, in one snapshot: the marked bytes, the message, what stands below them,
//! and the way out. What the tables of wrong recipes beside this lack stands here.

use std::{collections::BTreeSet, fmt::Write as _, io};

use super::*;

/// What stands after [`HEAD`].
const TABLES: &[&str] = &[
    "[wheels]\nfiles = [\"\"]",
    "[wheels]\nfiles = 1",
    "[wheels]\nfrom-lock = \"pdm.lock\"",
    "[wheels]\nfrom-lock = \"Pipfile.lock\"",
    "[wheels]\nfrom-lock = \"other.lock\"",
    "[wheels]\nfiles = [{ file = \"pyproject.toml\", extras = [\"-\"] }]",
    "[wheels]\nrequire = [\"a\"]\n[[wheels.index]]\nname = \"b\"\nurl = \"https://[\"",
    "[wheels]\nrequire = [\"a\"]\n[[wheels.choice]]\nany-of = 1",
    "[debian]\nsuite = \"Bookworm\"\npackages = [\"a0\"]",
    "[debian]\nsuite = \"bookworm\"\npackages = [\"a0\"]\nsnapshot = \"past/{timestamp}\"",
    "[[scripts]]\nfrom = \"a\"\nto = \"/a\"\n[[scripts]]\nfrom = \"a\"\nto = \"/a\"",
    "[wheels]\nrequire = [\"a\"]\n[image]\nports = 1\nenv = 1",
    "[wheels]\nrequire = [\"a\"]\n[variants.one]\ninclude = [\"two\"]",
];

/// Whole recipes.
const DOCUMENTS: &[&str] = &[
    "name = \"a\"\nbase = \"oci:\"\nplatforms = [\"linux/foo\"]\nwheels.require = [\"a\"]",
    "name = \"a\"\nplatforms = [\"linux/amd64\"]\nwheels.require = [\"a\"]\n[base]\nimage = \"h.example/a\"\n[base.facts]\n",
    "name = \"a\"\nplatforms = [\"linux/amd64\"]\nwheels.require = [\"a\"]\n[base]\nimage = \"h.example/a\"\n\
     [base.facts]\npython = \"3\"\npath = \"python3\"\nscheme = \"pip\"\nlibc = \"libc\"\n",
    "extends = \"/common.toml\"",
    "extends = [1]",
    "extends = \"circle.toml\"",
    "extends = \"gone.toml\"",
    "extends = \"deep-0.toml\"",
    "a = ",
];

fn open(path: &str) -> io::Result<String> {
    let deeper = |number: &str| number.parse::<usize>().map(|number| format!("extends = \"deep-{}.toml\"", number + 1));
    match path.strip_prefix("deep-").and_then(|rest| rest.strip_suffix(".toml")).map(deeper) {
        Some(Ok(text)) => Ok(text),
        _ if path == "circle.toml" => Ok("extends = \"circle.toml\"".to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

#[test]
fn every_error_names_the_thing_the_place_and_the_way_out() {
    let mut many = String::new();
    for number in 0..=200 {
        let _ = write!(many, "[variants.v{number}]\nrequire = [\"a\"]\n");
    }
    let tables = tables::WRONG.iter().chain(super::debian::WRONG).map(|(rest, _)| *rest).chain(TABLES.iter().copied());
    let tables = tables.chain([many.as_str()]).map(|rest| format!("{HEAD}{rest}"));
    let documents = documents::WRONG.iter().map(|(text, _)| *text).chain(DOCUMENTS.iter().copied()).map(str::to_owned);
    let mut told = BTreeSet::new();
    for text in tables.chain(documents) {
        let Err(RecipeError::Invalid { text, problems, .. }) = Recipe::read("app.toml", &text, &open) else {
            panic!("{text}");
        };
        for problem in problems {
            let marked = text[problem.span.clone()].lines().next().unwrap_or_default();
            let marked: String = marked.chars().take(60).collect();
            let mut block = format!("{}\n  at    {marked}\n", problem.message);
            let _ = writeln!(block, "  mark  {}", problem.label);
            // What a value must be, and what it is, is said by the message.
            let says = problem.kind == ProblemKind::WrongType || problem.kind == ProblemKind::Syntax;
            assert!(says || problem.hint.is_some(), "no way out: {block}");
            assert!(!problem.label.is_empty(), "nothing under the mark: {block}");
            if let Some(hint) = &problem.hint {
                let _ = writeln!(block, "  hint  {hint}");
            }
            told.insert(block);
        }
    }
    insta::assert_snapshot!(told.into_iter().collect::<Vec<_>>().join("\n"));
}

#[test]
fn messages_have_one_line_whatever_they_quote() {
    let Err(RecipeError::Invalid { problems, .. }) = Recipe::parse("app.toml", "platforms = [\"li\\nux\\u001b[1m\"]\n")
    else {
        panic!("this is no recipe");
    };
    assert!(problems.iter().any(|problem| problem.message == "`li\\nux\\u{1b}[1m` is not a platform"), "{problems:?}");
}
