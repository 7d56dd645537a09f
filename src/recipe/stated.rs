//! `[base.facts]`: what the user knows of a base that cannot be reached from here.

use toml::Spanned;

use super::{
    problem::{Fault, Problem, ProblemKind},
    reader::Reader,
    wheels::not_one_of,
};
use crate::{
    hint::Hint,
    python::{InterpreterKind, Libc, PythonVersion},
};

/// What the recipe says of its base. It is held against the base wherever that can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatedFacts {
    /// The exact version of its Python.
    pub python: Option<Spanned<PythonVersion>>,
    /// What `python3` is on its `PATH`.
    pub path: Option<Spanned<String>>,
    /// How that Python's folders are laid out.
    pub scheme: Option<Spanned<InterpreterKind>>,
    /// The C library.
    pub libc: Option<Spanned<Libc>>,
}

impl StatedFacts {
    pub(super) fn read(table: Reader<'_>) -> Self {
        let facts = Self {
            python: table.parsed("python", version),
            path: table.parsed("path", path),
            scheme: table.parsed("scheme", scheme),
            libc: table.parsed("libc", libc),
        };
        if !["python", "path", "scheme", "libc"].iter().any(|key| table.has(key)) {
            let problem = Problem::new(ProblemKind::Missing, table.span(), "`base.facts` states nothing");
            table.add(problem.labelled("empty").hinted(Hint::new("add `python`, `path`, `scheme` and `libc`")));
        }
        table.finish();
        facts
    }
}

fn version(text: &str) -> Result<PythonVersion, Fault> {
    let fault = |error: crate::python::TargetError| Fault::new(error.to_string()).labelled("not an exact version");
    text.parse().map_err(|error| fault(error).advised("write what `python3 --version` says there, `\"3.11.9\"`"))
}

fn libc(text: &str) -> Result<Libc, Fault> {
    let fault = |error: crate::python::TargetError| Fault::new(error.to_string()).labelled("not a C library");
    text.parse().map_err(|error| fault(error).advised("write what `ldd --version` says there, `\"glibc 2.36\"`"))
}

/// `PREFIX/bin/NAME`: the scheme follows from it.
fn path(text: &str) -> Result<String, Fault> {
    let parts: Vec<&str> = text.split('/').collect();
    let plain = parts.iter().skip(1).all(|part| !matches!(*part, "" | "." | ".."));
    if parts.len() >= 3 && parts[0].is_empty() && plain && parts[parts.len() - 2] == "bin" {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(format!("`{text}` is not the path of an interpreter")).labelled("not `…/bin/python3`");
    Err(fault.advised("write what `which python3` says there, `\"/usr/local/bin/python3\"`"))
}

fn scheme(text: &str) -> Result<InterpreterKind, Fault> {
    let known = InterpreterKind::ALL.map(InterpreterKind::as_str);
    let found = InterpreterKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    found.ok_or_else(|| not_one_of("base.facts.scheme", text, &known))
}
