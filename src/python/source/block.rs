//! The blocks that a line of a module stands in, and what they mean for its imports.

use std::ops::Range;

use super::{Guard, Import, leading_name};

/// Exceptions that a failing import does not raise.
const UNRELATED: [&str; 12] = [
    "AttributeError",
    "KeyError",
    "ValueError",
    "TypeError",
    "NameError",
    "SyntaxError",
    "IndexError",
    "StopIteration",
    "LookupError",
    "ZeroDivisionError",
    "UnicodeDecodeError",
    "NotImplementedError",
];

/// The open blocks, the innermost last.
#[derive(Default)]
pub(super) struct Blocks {
    open: Vec<Block>,
    /// What was closed last at the indentation of the present line, for `else` and `except`.
    closed: Option<Block>,
}

struct Block {
    indent: usize,
    kind: Kind,
}

enum Kind {
    /// `def`: not executed when the module is imported.
    Function,
    /// `if TYPE_CHECKING`: not executed at all.
    Never,
    Class,
    /// A `try`, with the number of the first import in it.
    Try(usize),
    /// An `except`, with the imports of its `try`.
    Except {
        body: Range<usize>,
        related: bool,
        raises: bool,
    },
    /// `if`, `else`, `for`, `while`, `match`.
    Condition,
    /// `with suppress(ImportError)`.
    Suppress,
    /// `with`, `finally`, and the `else` of `if TYPE_CHECKING`.
    Plain,
}

/// A line that opened a block.
pub(super) struct Opened<'a> {
    /// The name of a function or class that the module gets by it, if it does.
    pub(super) name: &'a str,
    /// What stands behind the colon.
    pub(super) body: &'a str,
}

impl Blocks {
    /// Closes what the line `text` at this indentation does not stand in.
    pub(super) fn close(&mut self, indent: usize, text: &str, imports: &mut [Import]) {
        self.closed = None;
        while let Some(block) = self.open.pop_if(|block| block.indent >= indent) {
            if let Kind::Except { body, related: true, raises: false } = &block.kind {
                for import in imports.get_mut(body.clone()).unwrap_or_default() {
                    import.guard = import.guard.max(Guard::Optional);
                }
            }
            if block.indent == indent && continues(text) {
                self.closed = Some(block);
            }
        }
    }

    pub(super) fn close_all(&mut self, imports: &mut [Import]) {
        self.close(0, "", imports);
    }

    /// Opens a block, if the line does; `imports` is how many there were before it.
    pub(super) fn open<'t>(&mut self, indent: usize, text: &'t str, imports: usize) -> Option<Opened<'t>> {
        // Few lines begin as one of the words of `is_header`, or as `async`.
        if !matches!(text.as_bytes().first(), Some(b'a' | b'c'..=b'f' | b'i' | b'm' | b't' | b'w')) {
            return None;
        }
        let word = leading_name(text);
        let decisive = if word == "async" { leading_name(&text[word.len()..]) } else { word };
        if !is_header(decisive) {
            return None;
        }
        let (header, body) = split_header(text)?;
        let kind = self.kind(decisive, header, imports)?;
        let name = match kind {
            Kind::Function | Kind::Class if self.is_top() => {
                leading_name(header.split_once(decisive).map_or("", |(_, rest)| rest))
            }
            _ => "",
        };
        self.open.push(Block { indent, kind });
        Some(Opened { name, body })
    }

    /// Whether the present line is never executed when the module is imported.
    pub(super) fn is_skipped(&self) -> bool {
        self.skipped().is_some()
    }

    /// The indentation of the block within which nothing is executed, if the present line may stand in one.
    pub(super) fn skipped(&self) -> Option<usize> {
        let skipped = self.open.iter().find(|block| matches!(block.kind, Kind::Function | Kind::Never));
        skipped.map(|block| block.indent)
    }

    /// Whether names that are bound here are the module's own.
    pub(super) fn is_top(&self) -> bool {
        !self.open.iter().any(|block| matches!(block.kind, Kind::Function | Kind::Class | Kind::Never))
    }

    /// What an import at the present line is.
    pub(super) fn guard(&self) -> Guard {
        let of = |block: &Block| match block.kind {
            Kind::Condition | Kind::Except { .. } => Guard::Conditional,
            Kind::Suppress => Guard::Optional,
            _ => Guard::Required,
        };
        self.open.iter().map(of).max().unwrap_or_default()
    }

    /// The present line raises: an `except` that does so lets the import fail.
    pub(super) fn raise(&mut self) {
        if let Some(Block { kind: Kind::Except { raises, .. }, .. }) = self.open.last_mut() {
            *raises = true;
        }
    }

    fn kind(&self, word: &str, header: &str, imports: usize) -> Option<Kind> {
        let before = self.closed.as_ref().map(|block| &block.kind);
        Some(match word {
            "def" => Kind::Function,
            "class" => Kind::Class,
            "try" => Kind::Try(imports),
            "except" => {
                let body = match before {
                    Some(Kind::Try(start)) => *start..imports,
                    Some(Kind::Except { body, .. }) => body.clone(),
                    _ => imports..imports,
                };
                Kind::Except { body, related: is_related(header), raises: false }
            }
            "with" if header.contains("suppress(") => Kind::Suppress,
            "with" | "finally" => Kind::Plain,
            "if" => of_condition(header),
            "else" if matches!(before, Some(Kind::Never)) => Kind::Plain,
            "else" | "elif" | "for" | "while" | "match" | "case" => Kind::Condition,
            _ => return None,
        })
    }
}

fn is_header(word: &str) -> bool {
    matches!(
        word,
        "def"
            | "class"
            | "try"
            | "except"
            | "finally"
            | "with"
            | "if"
            | "elif"
            | "else"
            | "for"
            | "while"
            | "match"
            | "case"
    )
}

/// Whether the line goes on with what was closed before it.
fn continues(text: &str) -> bool {
    matches!(leading_name(text), "except" | "finally" | "else" | "elif" | "case")
}

fn of_condition(header: &str) -> Kind {
    let condition = header.trim_start_matches("if").trim().trim_matches(['(', ')', ' ']);
    match condition {
        "False" | "0" => Kind::Never,
        "True" | "1" => Kind::Plain,
        _ if condition.starts_with("not ") && condition.ends_with("TYPE_CHECKING") => Kind::Plain,
        _ if condition == "TYPE_CHECKING" || condition.ends_with(".TYPE_CHECKING") => Kind::Never,
        _ => Kind::Condition,
    }
}

/// Whether an `except` catches what a failing import raises.
fn is_related(header: &str) -> bool {
    let caught = header.trim_start_matches("except").split(" as ").next().unwrap_or_default();
    let mut names = caught.split(['(', ')', ',', ' ', '*']).filter(|name| !name.is_empty()).peekable();
    names.peek().is_none() || names.any(|name| !UNRELATED.contains(&name))
}

/// A header and what stands behind its colon; nothing where there is none.
fn split_header(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    for (position, byte) in bytes.iter().enumerate() {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b':' if depth == 0 && bytes.get(position + 1) != Some(&b'=') => {
                return Some((text[..position].trim(), text[position + 1..].trim()));
            }
            _ => {}
        }
    }
    None
}
