//! The table of rooms: what each may import. A room that is not listed, or an import that the table
//! does not allow, fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]
#![expect(clippy::disallowed_methods, reason = "the files are sorted here, without help from what is judged")]

#[path = "architecture/api.rs"]
mod api;
#[path = "architecture/dependencies.rs"]
mod dependencies;
#[path = "architecture/security.rs"]
mod security;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Rooms from the ground up, each with the rooms it may import.
const HOUSE: &[(&str, &[&str])] = &[
    ("oci", &[]),
    ("hint", &[]),
    ("progress", &["hint"]),
    ("quantity", &[]),
    ("fs", &[]),
    ("testing", &["oci", "fs"]),
    ("python", &["oci", "hint"]),
    ("zip", &["oci", "hint", "testing"]),
    ("debian", &["oci", "hint"]),
    ("elf", &["testing"]),
    ("recipe", &["oci", "hint", "python"]),
    ("lock", &["oci", "hint", "python"]),
    ("plan", &["oci", "hint", "python", "recipe", "lock"]),
    ("init", &["hint", "python", "recipe"]),
    ("store", &["oci", "hint", "fs"]),
    ("http", &["hint", "store"]),
    ("compiler", &["hint", "fs", "python", "lock", "http"]),
    ("image", &["oci", "hint", "progress"]),
    ("layout", &["oci", "hint", "fs", "image"]),
    ("archive", &["oci", "hint", "fs", "image", "layout"]),
    ("engine", &["oci", "hint", "image", "archive"]),
    ("interchange", &["oci", "image"]),
    ("registry", &["oci", "hint", "http", "image"]),
    ("remote", &["oci", "hint", "image", "registry"]),
    ("cosign", &["oci", "hint", "image"]),
    ("serve", &["oci", "hint", "fs", "image", "layout"]),
    ("pypi", &["oci", "hint", "progress", "fs", "python", "zip", "lock", "store", "http"]),
    ("apt", &["oci", "hint", "progress", "debian", "lock", "store", "http"]),
    ("base", &["oci", "hint", "testing", "python", "debian", "elf", "lock", "store", "image"]),
    ("resolve", &["oci", "hint", "progress", "python", "debian", "lock", "http", "pypi", "apt"]),
    (
        "layer",
        &[
            "oci", "hint", "progress", "fs", "testing", "python", "zip", "debian", "elf", "lock", "plan", "store",
            "compiler", "image",
        ],
    ),
    (
        "verify",
        &["oci", "hint", "quantity", "fs", "testing", "python", "elf", "recipe", "lock", "plan", "image", "base"],
    ),
    ("sbom", &["oci", "python", "debian", "lock", "image", "base", "verify"]),
    ("attest", &["oci", "hint", "python", "lock", "image", "base", "verify", "sbom"]),
    ("report", &["oci", "progress", "quantity"]),
    (
        "builder",
        &[
            "oci", "hint", "progress", "quantity", "fs", "testing", "python", "zip", "debian", "elf", "recipe", "lock",
            "plan", "store", "http", "compiler", "image", "layout", "archive", "engine", "registry", "remote",
            "cosign", "serve", "pypi", "apt", "base", "resolve", "layer", "verify", "sbom", "attest", "report",
        ],
    ),
    (
        "cli",
        &[
            "oci", "hint", "progress", "quantity", "fs", "python", "zip", "debian", "recipe", "lock", "plan", "init",
            "store", "http", "compiler", "image", "layout", "archive", "engine", "registry", "remote", "cosign",
            "serve", "pypi", "apt", "base", "resolve", "layer", "verify", "sbom", "attest", "report", "builder",
        ],
    ),
];

#[test]
fn rooms_import_only_what_the_table_allows() {
    let mut wrong = Vec::new();
    for file in rust_files(Path::new("src")) {
        let Some(room) = room_of(&file) else { continue };
        let Some((_, allowed)) = HOUSE.iter().find(|(name, _)| *name == room) else {
            wrong.push(format!("{}: room `{room}` is not in the table", file.display()));
            continue;
        };
        let text = fs::read_to_string(&file).unwrap();
        for import in imports(&text) {
            if import != room && !allowed.contains(&import.as_str()) {
                wrong.push(format!("{}: `{room}` may not import `{import}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_is_a_one_way_street() {
    for (position, (room, allowed)) in HOUSE.iter().enumerate() {
        for import in *allowed {
            let above = HOUSE[..position].iter().any(|(name, _)| name == import);
            assert!(above, "`{room}` imports `{import}`, which does not stand above it");
        }
    }
}

#[test]
fn only_the_command_line_prints_exits_or_reads_the_environment() {
    const ONLY_CLI: [&str; 7] = ["println!", "eprintln!", "print!(", "process::exit", "env::var", "env::args", "dbg!"];
    for file in rust_files(Path::new("src")) {
        if file.starts_with("src/cli") || file.ends_with("main.rs") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for word in ONLY_CLI {
            assert!(!text.contains(word), "{}: `{word}`", file.display());
        }
    }
}

#[test]
fn the_library_keeps_nothing_between_its_callers() {
    for file in rust_files(Path::new("src")) {
        // What a compressor does is the same in the whole process, and found out once.
        if file.starts_with("src/cli") || file.ends_with("main.rs") || file.ends_with("layer/fingerprint.rs") {
            continue;
        }
        for line in fs::read_to_string(&file).unwrap().lines() {
            let words: Vec<&str> = line.trim_start().trim_start_matches("pub ").split(' ').collect();
            let global = words[0] == "static" || line.contains("thread_local!") || line.contains("set_var(");
            assert!(!global, "{}: `{}`", file.display(), line.trim());
        }
    }
}

#[test]
fn errors_without_a_way_out_are_named() {
    for file in rust_files(Path::new("src")) {
        let text = fs::read_to_string(&file).unwrap();
        for block in text.split("impl Advise for ").skip(1) {
            let block = block.split("\n}\n").next().unwrap();
            assert!(!block.contains("_ => None"), "{}: `{}`", file.display(), block.lines().next().unwrap());
        }
    }
}

#[test]
fn files_stay_legible() {
    for file in rust_files(Path::new("src")) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//!"), "{}: does not open by saying what it is for", file.display());
        let code = text.lines().take_while(|line| *line != "#[cfg(test)]").count();
        assert!(code <= 700, "{}: {code} lines without tests", file.display());
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn room_of(file: &Path) -> Option<String> {
    let room = file.strip_prefix("src").ok()?.components().next()?.as_os_str().to_str()?.to_owned();
    (room != "lib.rs" && room != "main.rs").then_some(room)
}

/// The rooms named in `crate::room` paths, `use crate::{a, b::c}` trees included.
fn imports(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (position, _) in text.match_indices("crate::") {
        let rest = &text[position + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(tree) => found.extend(top_level_names(tree)),
            None => found.extend(leading_name(rest)),
        }
    }
    found
}

fn top_level_names(tree: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut depth, mut start) = (0, true);
    for (position, letter) in tree.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => start = true,
            _ if start && depth == 0 && letter.is_alphabetic() => {
                names.extend(leading_name(&tree[position..]));
                start = false;
            }
            _ => {}
        }
    }
    names
}

fn leading_name(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    (!name.is_empty()).then_some(name)
}
