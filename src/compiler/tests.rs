//! Conversations with interpreters that are none: shell scripts that greet and then misbehave.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::*;
use crate::{
    fs::write_atomic,
    hint::Advise as _,
    lock::{Interpreter, Scheme},
};

/// How a script greets that says it is CPython 3.11.2.
const GREETING: &str = "echo 'wheelwright-compiler-1 cpython 3.11.2 final ordinary 3495 cpython-311'";

/// Writes the answer of an interpreter to one request, whose 8 bytes of lengths come before 12 of path and source.
fn answering(bytes: &str) -> String {
    format!("{GREETING}; while [ \"$(head -c 20 | wc -c)\" -eq 20 ]; do printf '{bytes}'; done")
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        write_atomic(&path, format!("#!/bin/sh\n{text}\n").as_bytes()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }
}

fn identity() -> Compiler {
    Compiler { version: "3.11.2".parse().unwrap(), magic: 3495, cache_tag: "cpython-311".to_owned() }
}

fn image(version: &str) -> Interpreter {
    let scheme = || "/usr/lib/python3/site-packages".to_owned();
    Interpreter {
        path: "/usr/bin/python3".to_owned(),
        version: version.parse().unwrap(),
        free_threaded: false,
        scheme: Scheme { purelib: scheme(), platlib: scheme(), scripts: scheme(), data: scheme(), headers: scheme() },
    }
}

#[test]
fn an_interpreter_that_misbehaves_is_named() {
    let folder = Folder::new();
    let check = |script: &str, expect: &str| {
        let program = folder.script("python3.11", script);
        let patience = Duration::from_millis(700);
        let compilers = Compilers { patience, ..Compilers::new(&program, identity()) };
        let error = compilers.compile("/a.py", b"x = 1\n1").unwrap_err();
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        let text = format!("{error}{cause}").replace(&program.display().to_string(), "python3.11");
        assert_eq!(text, expect, "{script}");
        assert!(error.hint().is_some());
    };
    check("exec sleep 60", "`python3.11` did not answer within 0.7 s about `its greeting`");
    check("echo rubbish", "`python3.11` is not CPython 3.11.2 any more: it says `rubbish`");
    check("echo no such thing >&2; exit 3", "`python3.11` died over `its greeting`: no such thing");
    check(&format!("{GREETING}; exec sleep 60"), "`python3.11` did not answer within 0.7 s about `/a.py`");
    check(&format!("{GREETING}; echo oh >&2"), "`python3.11` died over `/a.py`: oh");
    check(&format!("{GREETING}; exit 1"), "`python3.11` died over `/a.py`: it said nothing");
    check(&format!("{GREETING}; yes | head -c 100000; cat"), "`python3.11` answered nonsense about `/a.py`");
    check(&answering("\\000\\000\\000\\001?"), "`python3.11` answered nonsense about `/a.py`");
    check(&answering("\\000\\000\\000\\011+12345678"), "`python3.11` answered nonsense about `/a.py`");
    check(
        &answering("\\000\\000\\000\\012+12345678N"),
        "`python3.11` compiled `/a.py` to what is no code: byte 0 of the compiled code: it is not the code of a module",
    );
    check(
        &answering("\\000\\000\\000\\015+12345678code"),
        "`python3.11` compiled `/a.py` to what is no code: byte 1 of the compiled code: it ends too early",
    );
    // The first process says that it is no source, the second that it is one.
    let turn = "if mkdir \"$0.first\" 2>/dev/null; then answer=-; else answer=+; fi";
    let code = format!("c{}", "\\000".repeat(20));
    let of_nothing = format!("+12345678{code}NNNNNNNN\\000\\000\\000\\000NN");
    let differs = format!(
        "{turn}; {GREETING}; head -c 20 >/dev/null; \
         if [ $answer = - ]; then printf '\\000\\000\\000\\001-'; else printf '\\000\\000\\000\\054{of_nothing}'; fi; cat"
    );
    check(&differs, "two processes of `python3.11` compiled `/a.py` differently");
}

#[test]
fn the_interpreter_that_fits_is_found() {
    let folder = Folder::new();
    let greets = |version: &str, level: &str, threads: &str| {
        format!("echo 'wheelwright-compiler-1 cpython {version} {level} {threads} 3495 cpython-311'")
    };
    let named = |names: &[(&str, String)]| -> Vec<PathBuf> {
        names.iter().map(|(name, script)| folder.script(name, script)).collect()
    };
    let told = |search: &Search, version: &str, locked: Option<&Compiler>| {
        let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        match find(search, &image(version), locked) {
            Ok((program, found)) => format!("{}: {found}", name(&program)),
            Err(error) => {
                let text = error.to_string().replace(&format!("{}/", folder.0.path().display()), "");
                format!("{text} | {}", error.hint().unwrap())
            }
        }
    };
    let search = Search {
        named: named(&[
            ("dead", "exit 127".to_owned()),
            ("old", greets("3.10.1", "final", "ordinary")),
            ("new", greets("3.11.0", "candidate", "ordinary")),
            ("threads", greets("3.11.9", "final", "free-threaded")),
            ("seven", greets("3.11.7", "final", "ordinary")),
            ("two", greets("3.11.2", "final", "ordinary")),
        ]),
        folders: Vec::new(),
    };
    assert_eq!(told(&search, "3.11.4", None), "seven: CPython 3.11.7");
    assert_eq!(told(&search, "3.11.4", Some(&identity())), "two: CPython 3.11.2");
    assert_eq!(told(&search, "3.10.12", None), "old: CPython 3.10.1");
    let others = Search { named: search.named[..5].to_vec(), ..Search::default() };
    assert_eq!(
        told(&others, "3.11.4", Some(&identity())),
        "there is no CPython 3.11.2 here to compile with: `dead` is no released CPython that runs; `old` is CPython \
         3.10.1; `new` is no released CPython that runs; `threads` is CPython 3.11.9, free-threaded; `seven` is CPython \
         3.11.7 | name CPython 3.11.2 in WHEELWRIGHT_PYTHON, or run `wheelwright lock` here to have it compiled by another"
    );
    assert_eq!(
        told(&Search { folders: vec![folder.0.path().to_owned()], ..Search::default() }, "3.12.1", None),
        "there is no CPython 3.12 here to compile with | install CPython 3.12, name one in WHEELWRIGHT_PYTHON or \
         `wheels.bytecode`, or leave `bytecode` out"
    );
    folder.script("python3.11", &greets("3.11.2", "final", "ordinary"));
    let folders = Search { folders: vec![folder.0.path().to_owned()], ..Search::default() };
    assert_eq!(told(&folders, "3.11.4", None), "python3.11: CPython 3.11.2");
    let missing = Search { named: vec![folder.0.path().join("gone")], ..Search::default() };
    assert!(told(&missing, "3.11.4", None).contains("`gone` cannot be started (No such file"));
}
