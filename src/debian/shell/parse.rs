//! From text to syntax: the grammar of POSIX's shell, as far as maintainer scripts use it.
//!
//! [POSIX.1-2017, "Shell Command Language"](https://pubs.opengroup.org/onlinepubs/9699919799/utilities/V3_chap02.html).

use std::rc::Rc;

use super::{
    syntax::{Command, Join, List, Redirection, RedirectionKind, Simple, Word},
    words::{is_name, is_name_start},
};

/// Commands may stand in each other this deep.
const DEEPEST: usize = 64;

/// A place that no shell would understand, or that is not understood here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

pub(super) type Parsed<T> = Result<T, Malformed>;

/// The commands of `text`.
pub(super) fn parse(text: &str) -> Parsed<List> {
    let mut parser = Parser::new(text, 0);
    let list = parser.list(&[])?;
    if parser.peek().is_none() { Ok(list) } else { Err(Malformed) }
}

pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    /// Where the line after this one goes on, because here-documents stand between.
    resume: Option<usize>,
    depth: usize,
}

impl<'a> Parser<'a> {
    pub(super) const fn new(text: &'a str, depth: usize) -> Self {
        Self { text, at: 0, resume: None, depth }
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += letter.len_utf8();
        if letter == '\n'
            && let Some(resume) = self.resume.take()
        {
            self.at = resume;
        }
        Some(letter)
    }

    pub(super) fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    pub(super) fn expect(&mut self, text: &str) -> Parsed<()> {
        if self.take(text) { Ok(()) } else { Err(Malformed) }
    }

    /// Runs `parse` one level deeper.
    pub(super) fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        let result = if self.depth > DEEPEST { Err(Malformed) } else { parse(self) };
        self.depth -= 1;
        result
    }

    pub(super) const fn depth(&self) -> usize {
        self.depth
    }

    /// Commands up to one of the reserved words `ends`, a closing bracket, `;;`, or the end.
    pub(super) fn list(&mut self, ends: &[&str]) -> Parsed<List> {
        let mut list = List::new();
        loop {
            self.separators();
            let rest = self.rest();
            if rest.is_empty() || rest.starts_with([')', '}']) || rest.starts_with(";;") {
                return Ok(list);
            }
            if self.reserved().is_some_and(|word| ends.contains(&word)) {
                return Ok(list);
            }
            list.push(self.deeper(Self::and_or)?);
            self.blanks();
            match self.peek() {
                None | Some('\n' | ';' | ')' | '#') => {}
                Some('&') => self.at += 1,
                Some('}') => return Ok(list),
                Some(_) => return Err(Malformed),
            }
        }
    }

    fn and_or(&mut self) -> Parsed<Command> {
        let first = self.pipeline()?;
        // A list and no tree: as many links as a script has would be as many calls within each other.
        let mut links = Vec::new();
        loop {
            self.blanks();
            let join = if self.take("&&") {
                Join::And
            } else if self.take("||") {
                Join::Or
            } else {
                break;
            };
            self.separators();
            links.push((join, self.pipeline()?));
        }
        Ok(if links.is_empty() { first } else { Command::Chain(Box::new(first), links) })
    }

    fn pipeline(&mut self) -> Parsed<Command> {
        self.blanks();
        if self.reserved() == Some("!") {
            self.at += 1;
            return Ok(Command::Not(Box::new(self.deeper(Self::pipeline)?)));
        }
        let first = self.command()?;
        let mut all = vec![first];
        loop {
            self.blanks();
            if !self.rest().starts_with('|') || self.rest().starts_with("||") {
                break;
            }
            self.at += 1;
            self.separators();
            all.push(self.command()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Command::Pipeline(all) })
    }

    fn command(&mut self) -> Parsed<Command> {
        self.blanks();
        let compound = match self.reserved() {
            Some("if") => self.deeper(Self::conditional)?,
            Some("case") => self.deeper(Self::case)?,
            Some("for") => self.deeper(Self::for_loop)?,
            Some("while" | "until") => self.deeper(Self::while_loop)?,
            Some("{") => self.deeper(|parser| parser.bracketed("{", "}").map(Command::Group))?,
            _ if self.peek() == Some('(') => self.deeper(|parser| parser.bracketed("(", ")").map(Command::Subshell))?,
            _ => return self.simple(),
        };
        let redirections = self.redirections()?;
        Ok(if redirections.is_empty() { compound } else { Command::Redirected(Box::new(compound), redirections) })
    }

    fn bracketed(&mut self, open: &str, close: &str) -> Parsed<List> {
        self.expect(open)?;
        let list = self.list(&[])?;
        self.expect(close)?;
        Ok(list)
    }

    fn conditional(&mut self) -> Parsed<Command> {
        self.expect("if")?;
        let mut arms = Vec::new();
        let mut otherwise = List::new();
        loop {
            let condition = self.list(&["then"])?;
            self.expect("then")?;
            arms.push((condition, self.list(&["elif", "else", "fi"])?));
            if self.take("elif") {
                continue;
            }
            if self.take("else") {
                otherwise = self.list(&["fi"])?;
            }
            self.expect("fi")?;
            return Ok(Command::If(arms, otherwise));
        }
    }

    fn case(&mut self) -> Parsed<Command> {
        self.expect("case")?;
        self.blanks();
        let subject = self.word()?;
        self.separators();
        self.expect("in")?;
        let mut arms = Vec::new();
        loop {
            self.separators();
            if self.reserved() == Some("esac") {
                self.at += "esac".len();
                return Ok(Command::Case(subject, arms));
            }
            arms.push(self.arm()?);
        }
    }

    fn arm(&mut self) -> Parsed<(Vec<Word>, List)> {
        self.take("(");
        let mut patterns = Vec::new();
        loop {
            self.blanks();
            patterns.push(self.word()?);
            self.blanks();
            if self.take("|") {
                continue;
            }
            self.expect(")")?;
            break;
        }
        let list = self.list(&["esac"])?;
        if !self.take(";;") && self.reserved() != Some("esac") {
            return Err(Malformed);
        }
        Ok((patterns, list))
    }

    fn for_loop(&mut self) -> Parsed<Command> {
        self.expect("for")?;
        self.blanks();
        let name = self.name()?.to_owned();
        self.separators();
        let mut words = None;
        if self.reserved() == Some("in") {
            self.at += 2;
            let mut all = Vec::new();
            loop {
                self.blanks();
                if matches!(self.peek(), None | Some('\n' | ';')) {
                    break;
                }
                all.push(self.word_not_empty()?);
            }
            words = Some(all);
        }
        self.separators();
        Ok(Command::For(name, words, self.body()?))
    }

    fn while_loop(&mut self) -> Parsed<Command> {
        let until = !self.take("while");
        if until {
            self.expect("until")?;
        }
        let mut condition = self.list(&["do"])?;
        if until {
            condition = vec![Command::Not(Box::new(Command::Group(condition)))];
        }
        Ok(Command::Loop(condition, self.body()?))
    }

    fn body(&mut self) -> Parsed<List> {
        self.expect("do")?;
        let list = self.list(&["done"])?;
        self.expect("done")?;
        Ok(list)
    }

    fn simple(&mut self) -> Parsed<Command> {
        let start = self.at;
        let mut simple = Simple::default();
        loop {
            self.blanks();
            match self.peek() {
                None | Some('\n' | ';' | '&' | '|' | ')' | '#') => break,
                _ if self.at_redirection() => simple.redirections.push(self.redirection()?),
                Some('(') => return self.function(&simple),
                _ if simple.words.is_empty() && self.at_assignment() => {
                    let name = self.name()?.to_owned();
                    self.expect("=")?;
                    simple.assignments.push((name, self.word()?));
                }
                _ => simple.words.push(self.word_not_empty()?),
            }
        }
        if self.at == start {
            return Err(Malformed);
        }
        let lines = self.text[start..self.at].replace("\\\n", " ");
        simple.text = lines.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(Command::Simple(simple))
    }

    fn function(&mut self, named: &Simple) -> Parsed<Command> {
        let [name] = &named.words[..] else { return Err(Malformed) };
        let name = name.literal().ok_or(Malformed)?;
        self.expect("(")?;
        self.blanks();
        self.expect(")")?;
        self.separators();
        Ok(Command::Function(name, Rc::new(self.deeper(Self::command)?)))
    }

    fn redirections(&mut self) -> Parsed<Vec<Redirection>> {
        let mut all = Vec::new();
        loop {
            self.blanks();
            if !self.at_redirection() {
                return Ok(all);
            }
            all.push(self.redirection()?);
        }
    }

    fn at_redirection(&self) -> bool {
        let digits = self.rest().trim_start_matches(|letter: char| letter.is_ascii_digit());
        digits.starts_with(['<', '>']) || self.rest().starts_with("&>")
    }

    fn redirection(&mut self) -> Parsed<Redirection> {
        let digits = self.rest().len() - self.rest().trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
        let number = self.rest()[..digits].parse().ok();
        self.at += digits;
        if self.take("<<") {
            let indented = self.take("-");
            return Ok(Redirection { stream: 0, kind: RedirectionKind::Here, target: self.here_document(indented)? });
        }
        let (stream, kind) = if self.take(">>") {
            (1, RedirectionKind::Append)
        } else if self.take(">&") {
            (1, RedirectionKind::Duplicate)
        } else if self.take("<&") {
            (0, RedirectionKind::Duplicate)
        } else if self.take("&>") || self.take(">|") || self.take(">") {
            (1, RedirectionKind::Write)
        } else {
            self.expect("<")?;
            (0, RedirectionKind::Read)
        };
        self.blanks();
        Ok(Redirection { stream: number.unwrap_or(stream), kind, target: self.word_not_empty()? })
    }

    /// The text from the next line on, up to the line that the word after `<<` names.
    fn here_document(&mut self, indented: bool) -> Parsed<Word> {
        self.blanks();
        let from = self.at;
        let end = self.word_not_empty()?.literal().ok_or(Malformed)?;
        let quoted = self.text[from..self.at].contains(['\'', '"', '\\']);
        let line_end = |at: usize| self.text[at..].find('\n').map_or(self.text.len(), |length| at + length + 1);
        let mut at = self.resume.unwrap_or_else(|| line_end(self.at));
        let mut body = String::new();
        loop {
            let next = line_end(at);
            let mut line = &self.text[at..next];
            if indented {
                line = line.trim_start_matches('\t');
            }
            if next == at {
                return Err(Malformed);
            }
            at = next;
            if line.trim_end_matches('\n') == end {
                break;
            }
            body += line;
        }
        self.resume = Some(at);
        if quoted { Ok(Word::text(&body)) } else { Parser::new(&body, self.depth).here_text() }
    }

    fn at_assignment(&self) -> bool {
        let rest = self.rest();
        let length = rest.find(|letter| !is_name(letter)).unwrap_or(rest.len());
        rest.starts_with(is_name_start) && rest[length..].starts_with('=')
    }

    pub(super) fn name(&mut self) -> Parsed<&'a str> {
        let rest = self.rest();
        let length = rest.find(|letter| !is_name(letter)).unwrap_or(rest.len());
        self.at += length;
        if rest.starts_with(is_name_start) { Ok(&rest[..length]) } else { Err(Malformed) }
    }

    /// The reserved word that stands here, if one does.
    fn reserved(&self) -> Option<&'a str> {
        let rest = self.rest();
        let ends = |letter: char| letter.is_whitespace() || ";&|()<>#".contains(letter);
        let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
        let known =
            ["if", "then", "elif", "else", "fi", "case", "in", "esac", "for", "while", "until", "do", "done", "{", "!"];
        known.contains(&word).then_some(word)
    }

    /// Blanks, and ends of lines that do not count.
    pub(super) fn blanks(&mut self) {
        loop {
            if self.take("\\\n") {
                continue;
            }
            match self.peek() {
                Some(' ' | '\t' | '\r') => self.at += 1,
                _ => return,
            }
        }
    }

    /// Blanks, ends of commands and of lines, comments.
    fn separators(&mut self) {
        loop {
            self.blanks();
            match self.peek() {
                Some('#') => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
                Some(';') if !self.rest().starts_with(";;") => self.at += 1,
                Some('\n') => drop(self.next()),
                _ => return,
            }
        }
    }
}
