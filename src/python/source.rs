//! What importing a module does, as far as its source tells: the modules that it imports, and the names
//! that it binds.
//!
//! A scanner of logical lines, not a parser: it knows strings, brackets, continued lines and indentation,
//! and of statements only those that import, bind a name or open a block. So it reads the grammars of all
//! versions of Python, and passes over the bodies of functions.

mod block;
mod lines;

use std::collections::BTreeSet;

use memchr::{memchr, memchr_iter, memchr3, memmem};
use serde::{Deserialize, Serialize};

use block::{Blocks, Opened};
use lines::Lines;

/// What importing a module does, as far as its source tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleSource {
    /// What is imported when the module is, in order. What functions import when they are called is not
    /// among it.
    #[serde(rename = "i", default, skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<Import>,
    /// Names that the module binds, in whatever branch.
    #[serde(rename = "n", default, skip_serializing_if = "BTreeSet::is_empty")]
    pub names: BTreeSet<String>,
    /// Whether it may have other names too: `from x import *`, `__getattr__`, `globals()`, `sys.modules`.
    #[serde(rename = "o", default, skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
    /// Whether it may have modules below it that no file shows: `__path__`, `sys.modules`, finders.
    #[serde(rename = "d", default, skip_serializing_if = "std::ops::Not::not")]
    pub dynamic: bool,
    /// Whether it may make modules under any names, its own package's and others: it sets items of `sys.modules`, or
    /// has to do with `sys.meta_path`.
    #[serde(rename = "f", default, skip_serializing_if = "std::ops::Not::not")]
    pub makes: bool,
}

/// One import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// The dotted module; empty in `from . import x`.
    #[serde(rename = "m", default, skip_serializing_if = "String::is_empty")]
    pub module: String,
    /// Dots before it: 1 is the package of the module itself; 0 for an absolute import.
    #[serde(rename = "l", default, skip_serializing_if = "is_zero")]
    pub level: u8,
    /// What `from … import` takes out of it, modules or attributes; empty in `import a.b`.
    #[serde(rename = "n", default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Whether it happens.
    #[serde(rename = "g", default, skip_serializing_if = "Guard::is_required")]
    pub guard: Guard,
}

/// Whether an import happens, and what follows when it fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Guard {
    /// It happens, and the module's own import fails with it.
    #[default]
    #[serde(rename = "r")]
    Required,
    /// It happens, and its failure is caught.
    #[serde(rename = "o")]
    Optional,
    /// It happens only where some condition holds, or in place of another one.
    #[serde(rename = "c")]
    Conditional,
}

/// Calls that show that a module's names cannot be told from its source, with what stands in their brackets if that
/// matters.
const OPEN: [(&[u8], &[u8]); 5] =
    [(b"globals", b")"), (b"locals", b")"), (b"vars", b")"), (b"exec", b""), (b"setattr", b"")];
/// Words that show that a module makes modules.
const DYNAMIC: [&[u8]; 3] = [b"sys.modules", b"declare_namespace", b"lazy_loader"];
/// The same with `_path` in the middle, which is looked for once.
const DYNAMIC_PATHS: [(&[u8], &[u8]); 3] = [(b"_", b"__"), (b"meta", b""), (b"extend", b"")];

impl ModuleSource {
    /// Reads a module's source. No text is refused: what is not understood is passed over.
    #[must_use]
    pub fn scan(source: &[u8]) -> Self {
        // Most files have none of the words, and of these the bodies of functions need not be read.
        let may_be_dynamic = is_dynamic(source);
        let mut scan = Scan { found: Self::default(), blocks: Blocks::default(), may_be_dynamic };
        let mut lines = Lines::new(source);
        while let Some(indent) = lines.next_within(scan.blocks.skipped().filter(|_| !may_be_dynamic)) {
            scan.line(indent, lines.text().trim());
        }
        scan.blocks.close_all(&mut scan.found.imports);
        // An open bracket or string has swallowed the rest.
        scan.found.open |= lines.is_torn();
        scan.found
    }

    /// About how many bytes this takes.
    #[must_use]
    pub fn weight(&self) -> usize {
        let weight = |name: &String| size_of::<String>() + name.len();
        let imports = self
            .imports
            .iter()
            .map(|import| size_of::<Import>() + import.module.len() + import.names.iter().map(weight).sum::<usize>());
        imports.sum::<usize>() + self.names.iter().map(weight).sum::<usize>()
    }

    /// Whether the module does nothing but say that its package is spread over several folders: what distributions
    /// that share a namespace each bring, in whatever words.
    ///
    /// [Packaging namespace packages, "Legacy namespace packages"](https://packaging.python.org/en/latest/guides/packaging-namespace-packages/#legacy-namespace-packages).
    #[must_use]
    pub fn is_namespace(&self) -> bool {
        const WORDS: [&str; 5] = ["__path__", "extend_path", "pkgutil", "pkg_resources", "__future__"];
        let imports = self.imports.iter().all(|import| import.level == 0 && WORDS.contains(&import.module.as_str()));
        self.dynamic && imports && self.names.iter().all(|name| WORDS.contains(&name.as_str()))
    }

    /// Whether the module may bind `name`.
    #[must_use]
    pub fn may_bind(&self, name: &str) -> bool {
        self.open || self.names.contains(name)
    }
}

impl Guard {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
    fn is_required(&self) -> bool {
        *self == Self::Required
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_zero(number: &u8) -> bool {
    *number == 0
}

struct Scan {
    found: ModuleSource,
    blocks: Blocks,
    /// Whether one of [`DYNAMIC`] stands anywhere.
    may_be_dynamic: bool,
}

impl Scan {
    fn line(&mut self, indent: usize, text: &str) {
        if self.may_be_dynamic && is_dynamic(text.as_bytes()) {
            self.found.dynamic = true;
            self.found.open = true;
            self.found.makes |= makes_modules(text);
        }
        let mut rest = text;
        let mut indent = indent;
        // `try: import a` is a block and its body on one line.
        loop {
            self.blocks.close(indent, rest, &mut self.found.imports);
            match self.blocks.open(indent, rest, self.found.imports.len()) {
                Some(Opened { name, body }) => {
                    self.bind(name);
                    if body.is_empty() {
                        return;
                    }
                    rest = body;
                    indent += 1;
                }
                None => break,
            }
        }
        if self.blocks.is_skipped() {
            return;
        }
        self.found.open |= is_open(text.as_bytes());
        // A line has one statement nearly always.
        while let Some(end) = memchr(b';', rest.as_bytes()) {
            self.statement(rest[..end].trim());
            rest = &rest[end + 1..];
        }
        self.statement(rest.trim());
    }

    fn statement(&mut self, text: &str) {
        if let Some(list) = text.strip_prefix("import ") {
            self.import(list);
        } else if let Some(rest) = text.strip_prefix("from").filter(|rest| rest.starts_with([' ', '.'])) {
            self.import_from(rest.trim_start());
        } else if let Some(rest) = text.strip_prefix("type ").filter(|rest| rest.contains('=')) {
            self.bind_top(leading_name(rest));
        } else if text.starts_with("raise ") || text == "raise" {
            self.blocks.raise();
        } else {
            self.assignment(text);
        }
    }

    fn import(&mut self, list: &str) {
        for item in list.split(',') {
            let (module, alias) = split_alias(item);
            let module = without_blanks(module);
            if is_dotted(&module) {
                let bound = alias.unwrap_or_else(|| module.split('.').next().unwrap_or_default().to_owned());
                self.bind_top(&bound);
                self.add(Import { module, level: 0, names: Vec::new(), guard: Guard::Required });
            }
        }
    }

    fn import_from(&mut self, rest: &str) {
        let Some((module, names)) = split_import(rest) else { return };
        let dots = module.bytes().take_while(|byte| matches!(byte, b'.' | b' ')).filter(|byte| *byte == b'.').count();
        let level = u8::try_from(dots).unwrap_or(u8::MAX);
        let module = without_blanks(module.trim_start_matches(['.', ' ']));
        if !(module.is_empty() && level > 0 || is_dotted(&module)) {
            return;
        }
        let mut taken = Vec::new();
        for item in names.trim().trim_start_matches('(').trim_end_matches(')').split(',') {
            let (name, alias) = split_alias(item);
            if name == "*" {
                self.found.open |= self.blocks.is_top();
            } else if is_name(name) {
                self.bind_top(alias.as_deref().unwrap_or(name));
                taken.push(name.to_owned());
            }
        }
        self.add(Import { module, level, names: taken, guard: Guard::Required });
    }

    fn add(&mut self, import: Import) {
        let guard = self.blocks.guard();
        self.found.imports.push(Import { guard, ..import });
    }

    /// `a = b, (c, *d) = …`, `a: int = 1`, `a += 1`.
    fn assignment(&mut self, text: &str) {
        if !self.blocks.is_top() || memchr(b'=', text.as_bytes()).is_none() {
            return;
        }
        for_each_target(text, |target| {
            let target = target.split_once(':').map_or(target, |(target, _)| target);
            // An item or an attribute of something is no name.
            if memchr3(b'.', b'[', b'"', target.as_bytes()).is_some() {
                return;
            }
            for name in target.split([',', '(', ')']) {
                let name = name.trim().trim_start_matches('*').trim();
                if is_name(name) {
                    self.bind(name);
                }
            }
        });
    }

    fn bind_top(&mut self, name: &str) {
        if self.blocks.is_top() {
            self.bind(name);
        }
    }

    fn bind(&mut self, name: &str) {
        if !name.is_empty() {
            self.found.open |= name == "__getattr__";
            self.found.names.insert(name.to_owned());
        }
    }
}

/// Whether something in `text` makes modules.
fn is_dynamic(text: &[u8]) -> bool {
    DYNAMIC.iter().any(|word| memmem::find(text, word).is_some())
        || memmem::find_iter(text, "_path").any(|at| {
            let (before, after) = (&text[..at], &text[at + "_path".len()..]);
            DYNAMIC_PATHS.iter().any(|(first, last)| before.ends_with(first) && after.starts_with(last))
        })
}

/// Whether the line `text` puts modules where any import finds them. A module that puts something in its own place
/// makes no other.
fn makes_modules(text: &str) -> bool {
    let is_set = |(name, rest): (&str, &str)| {
        let rest = rest.trim_start_matches(']').trim_start();
        name.trim() != "__name__" && rest.starts_with('=') && !rest.starts_with("==")
    };
    let mut items = text.split("sys.modules[").skip(1).filter_map(|rest| rest.split_once(']'));
    text.contains("meta_path") || text.contains("sys.modules.setdefault(") || items.any(is_set)
}

/// Whether something in the line `text` may bind any name.
fn is_open(text: &[u8]) -> bool {
    memchr_iter(b'(', text).any(|at| {
        let (before, after) = (&text[..at], &text[at + 1..]);
        // The last letters of the names.
        matches!(before.last(), Some(b's' | b'c' | b'r'))
            && OPEN.iter().any(|(name, inside)| before.ends_with(name) && after.starts_with(inside))
    })
}

/// Tells `take` each target of an assignment: what stands before its equals signs.
fn for_each_target(text: &str, mut take: impl FnMut(&str)) {
    let bytes = text.as_bytes();
    let (mut start, mut depth) = (0, 0_usize);
    for (position, byte) in bytes.iter().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'=' if depth == 0 => {
                let before = position.checked_sub(1).and_then(|before| bytes.get(before));
                let compares =
                    bytes.get(position + 1) == Some(&b'=') || matches!(before, Some(b'=' | b'!' | b'<' | b'>' | b':'));
                if compares {
                    // What compares is an expression, and no target stands behind it.
                    break;
                }
                let end = position
                    - usize::from(matches!(before, Some(b'+' | b'-' | b'*' | b'/' | b'|' | b'&' | b'^' | b'%' | b'@')));
                take(&text[start..end.max(start)]);
                start = position + 1;
            }
            _ => {}
        }
    }
}

/// `.a.b import (c, d)`, behind `from`, at its `import`.
fn split_import(rest: &str) -> Option<(&str, &str)> {
    // Nearly always a module's name has no blank in it.
    if let Some((module, names)) = rest.split_once(" import ")
        && !module.contains("import")
    {
        return Some((module.trim(), names));
    }
    let position = rest.match_indices("import").find(|(position, word)| {
        let before = rest[..*position].bytes().next_back();
        let after = rest[position + word.len()..].bytes().next();
        matches!(before, Some(b' ' | b'.')) && matches!(after, Some(b' ' | b'(' | b'*'))
    });
    position.map(|(position, word)| (rest[..position].trim(), &rest[position + word.len()..]))
}

/// `name as alias`.
fn split_alias(item: &str) -> (&str, Option<String>) {
    let item = item.trim();
    match item.split_once(" as ") {
        Some((name, alias)) => (name.trim(), Some(alias.trim().to_owned())),
        None => (item, None),
    }
}

fn without_blanks(text: &str) -> String {
    if text.contains(' ') { text.replace(' ', "") } else { text.to_owned() }
}

fn is_dotted(text: &str) -> bool {
    text.split('.').all(is_name)
}

fn is_name(text: &str) -> bool {
    text.bytes().next().is_some_and(|first| !first.is_ascii_digit()) && leading_name(text).len() == text.len()
}

fn leading_name(text: &str) -> &str {
    let text = text.trim_start();
    let plain = text.bytes().position(|byte| !byte.is_ascii_alphanumeric() && byte != b'_').unwrap_or(text.len());
    if text.as_bytes().get(plain).is_none_or(u8::is_ascii) {
        return &text[..plain];
    }
    let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests;
