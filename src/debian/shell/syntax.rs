//! What a shell script consists of.

use std::rc::Rc;

/// Commands, one after the other.
pub(super) type List = Vec<Command>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Simple(Simple),
    /// `!`.
    Not(Box<Command>),
    /// `&&` and `||`, one after the other.
    Chain(Box<Command>, Vec<(Join, Command)>),
    /// `|`.
    Pipeline(List),
    /// Each condition with what is done under it, and what is done under none.
    If(Vec<(List, List)>, List),
    Case(Word, Vec<(Vec<Word>, List)>),
    /// A loop over words; over the arguments where none are given.
    For(String, Option<Vec<Word>>, List),
    /// `while` and `until`: condition and body.
    Loop(List, List),
    /// `{ }`.
    Group(List),
    /// `( )`.
    Subshell(List),
    Function(String, Rc<Command>),
    /// A compound command whose output goes elsewhere.
    Redirected(Box<Command>, Vec<Redirection>),
}

/// When the next command of a chain is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Join {
    /// `&&`.
    And,
    /// `||`.
    Or,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Simple {
    pub(super) assignments: Vec<(String, Word)>,
    pub(super) words: Vec<Word>,
    pub(super) redirections: Vec<Redirection>,
    /// As the script spells it, on one line.
    pub(super) text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Redirection {
    /// The number of the stream.
    pub(super) stream: u32,
    pub(super) kind: RedirectionKind,
    /// A path; the text itself, of a here-document.
    pub(super) target: Word,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RedirectionKind {
    /// `>`.
    Write,
    /// `>>`.
    Append,
    /// `<`.
    Read,
    /// `<<`.
    Here,
    /// `>&`, `<&`.
    Duplicate,
}

/// Pieces that stand together without a blank.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word(pub(super) Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    /// `*` or `?`, unquoted.
    Wildcard(char),
    Variable(Variable, Quoting),
    /// `$(…)`.
    Output(List, Quoting),
    /// Arithmetic, and expansions that scripts of packages do not use.
    Unknown,
}

/// Whether an expansion stands in double quotes, where blanks in its value divide nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoting {
    Quoted,
    Bare,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variable {
    /// `1`, `@`, `DPKG_ROOT`.
    pub(super) name: String,
    pub(super) operation: Option<(Operation, Word)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// `-`, `:-`: the word in place of nothing.
    Default(Lack),
    /// `=`, `:=`: the same, and the variable becomes it.
    Assign(Lack),
    /// `+`, `:+`: the word in place of something.
    Alternative(Lack),
    /// `#` and `##`, `%` and `%%`: what fits the pattern is cut off; the longest or the shortest.
    Cut(End, Greed),
}

/// Which end of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Front,
    Back,
}

/// What counts as nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    Unset,
    /// Behind a colon: an empty value, too.
    Empty,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Greed {
    Longest,
    Shortest,
}
