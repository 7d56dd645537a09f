//! Shell commands as far as a draft needs them: which simple commands there are, and their words. Nothing is
//! expanded but variables whose values are known.

use std::collections::BTreeMap;

/// A simple command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    /// The line of the source on which it begins, counted from one.
    pub(super) line: usize,
    /// Its words, quotes removed.
    pub(super) words: Vec<String>,
    /// How it is joined to the one before.
    pub(super) after: Join,
    /// Whether its output goes into a file or another program.
    pub(super) redirected: bool,
}

/// What stands before a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Join {
    /// `;`, `&&`, a new line, or nothing.
    Then,
    /// `||`.
    Or,
    /// `|`.
    Pipe,
}

/// Values of variables.
pub(super) type Variables = BTreeMap<String, String>;

impl Command {
    /// As one would write it, shortened.
    pub(super) fn text(&self) -> String {
        shortened(&self.words.join(" "))
    }
}

/// At most some seventy letters of `text`, on one line.
pub(super) fn shortened(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= 72 { text } else { text.chars().take(71).chain(['…']).collect() }
}

/// The simple commands of `script`, whose first line is `line` of the source.
pub(super) fn commands(script: &str, line: usize, variables: &Variables) -> Vec<Command> {
    let mut reader = Reader { line, ..Reader::new(variables) };
    reader.read(&without_comments(script));
    reader.done
}

/// The words of one command.
pub(super) fn words(text: &str, variables: &Variables) -> Vec<String> {
    commands(text, 1, variables).into_iter().next().map(|command| command.words).unwrap_or_default()
}

/// Comment lines between continued lines are none of the shell's: they become empty, so that lines stay counted.
fn without_comments(script: &str) -> String {
    let line = |line: &str| if line.trim_start().starts_with('#') { "\\\n".to_owned() } else { line.to_owned() };
    script.split_inclusive('\n').map(line).collect()
}

struct Reader<'v> {
    variables: &'v Variables,
    line: usize,
    done: Vec<Command>,
    words: Vec<String>,
    /// The word that is being read, if one has begun.
    word: Option<String>,
    begun: usize,
    after: Join,
    redirected: bool,
}

impl<'v> Reader<'v> {
    const fn new(variables: &'v Variables) -> Self {
        Self {
            variables,
            line: 1,
            done: Vec::new(),
            words: Vec::new(),
            word: None,
            begun: 1,
            after: Join::Then,
            redirected: false,
        }
    }

    fn read(&mut self, script: &str) {
        let mut letters = script.char_indices().peekable();
        while let Some((position, letter)) = letters.next() {
            let next = letters.peek().map(|(_, next)| *next);
            match letter {
                '\\' => match letters.next() {
                    Some((_, '\n')) => self.line += 1,
                    Some((_, escaped)) => self.push(escaped),
                    None => {}
                },
                '\'' => self.quoted(script, position + 1, &mut letters),
                '"' => self.double_quoted(script, &mut letters),
                '$' => self.dollar(script, position, &mut letters),
                '#' if self.word.is_none() => while letters.next_if(|(_, letter)| *letter != '\n').is_some() {},
                '&' if self.redirected && next != Some('&') => self.push('&'),
                '&' | '|' | ';' => {
                    let doubled = letters.next_if(|(_, next)| *next == letter).is_some();
                    self.end(match (letter, doubled) {
                        ('|', true) => Join::Or,
                        ('|', false) => Join::Pipe,
                        _ => Join::Then,
                    });
                }
                '\n' => {
                    self.end(Join::Then);
                    self.line += 1;
                }
                '<' | '>' if !self.inside_a_comparison() => self.redirect(letter),
                _ if letter.is_whitespace() => self.end_word(),
                _ => self.push(letter),
            }
        }
        self.end(Join::Then);
    }

    /// `pip install numpy>=1.2` without quotes writes a file called `=1.2`; what is meant is a requirement.
    fn inside_a_comparison(&self) -> bool {
        let install = self.words.iter().any(|word| word == "install" || word == "add");
        let named = self.word.as_deref().is_some_and(|word| word.starts_with(|letter: char| letter.is_alphabetic()));
        install && named
    }

    fn redirect(&mut self, letter: char) {
        // The number before it is that of the stream.
        if self.word.as_deref().is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_digit())) {
            self.word = None;
        }
        self.end_word();
        self.redirected = true;
        self.push(letter);
    }

    fn push(&mut self, letter: char) {
        self.start();
        self.word.get_or_insert_default().push(letter);
    }

    fn start(&mut self) {
        if self.word.is_none() && self.words.is_empty() {
            self.begun = self.line;
        }
        self.word.get_or_insert_default();
    }

    fn append(&mut self, text: &str) {
        self.start();
        self.word.get_or_insert_default().push_str(text);
    }

    fn end_word(&mut self) {
        self.words.extend(self.word.take());
    }

    fn end(&mut self, next: Join) {
        self.end_word();
        let words = std::mem::take(&mut self.words);
        if !words.is_empty() {
            self.done.push(Command { line: self.begun, words, after: self.after, redirected: self.redirected });
        }
        (self.after, self.redirected) = (next, false);
    }

    fn quoted(&mut self, script: &str, start: usize, letters: &mut std::iter::Peekable<std::str::CharIndices<'_>>) {
        let end = script[start..].find('\'').map_or(script.len(), |length| start + length);
        self.append(&script[start..end]);
        self.line += script[start..end].matches('\n').count();
        while letters.next_if(|(position, _)| *position <= end).is_some() {}
    }

    fn double_quoted(&mut self, script: &str, letters: &mut std::iter::Peekable<std::str::CharIndices<'_>>) {
        self.start();
        while let Some((position, letter)) = letters.next() {
            match letter {
                '"' => return,
                '\\' => match letters.next() {
                    Some((_, '\n')) => self.line += 1,
                    Some((_, escaped @ ('"' | '\\' | '$' | '`'))) => self.push(escaped),
                    Some((_, other)) => {
                        self.push('\\');
                        self.push(other);
                    }
                    None => {}
                },
                '$' => self.dollar(script, position, letters),
                _ => {
                    self.line += usize::from(letter == '\n');
                    self.push(letter);
                }
            }
        }
    }

    /// A variable: its value where that is known, or else as it stands.
    fn dollar(&mut self, script: &str, start: usize, letters: &mut std::iter::Peekable<std::str::CharIndices<'_>>) {
        let (end, value) = variable(&script[start..], self.variables);
        self.append(value.as_deref().unwrap_or(&script[start..start + end]));
        while letters.next_if(|(position, _)| *position < start + end).is_some() {}
    }
}

/// `text` with variables in it replaced, as far as they are known; others become `${NAME}`.
pub(super) fn expanded(text: &str, variables: &Variables) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(position) = rest.find('$') {
        out.push_str(&rest[..position]);
        let (length, value) = variable(&rest[position..], variables);
        let written = &rest[position..position + length];
        match value {
            Some(value) => out.push_str(&value),
            None if length > 1 && !written.starts_with("${") => out.extend(["${", &written[1..], "}"]),
            None => out.push_str(written),
        }
        rest = &rest[position + length..];
    }
    out + rest
}

/// How many bytes the variable at the start of `text` takes, and its value if it is known.
fn variable(text: &str, variables: &Variables) -> (usize, Option<String>) {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let after = &text[1..];
    if let Some(inner) = after.strip_prefix('{') {
        let Some(length) = inner.find('}') else { return (text.len(), None) };
        let inner = &inner[..length];
        let name_ends = inner.find(|letter| !is_name(letter)).unwrap_or(inner.len());
        let (name, rest) = inner.split_at(name_ends);
        let known = variables.get(name).filter(|value| !value.is_empty());
        let value = match rest.get(..2) {
            _ if rest.is_empty() => variables.get(name).cloned(),
            Some(":-") => Some(known.cloned().unwrap_or_else(|| rest[2..].to_owned()))
                .filter(|_| known.is_some() || name != "PATH"),
            Some(":+") => Some(known.map_or(String::new(), |_| rest[2..].to_owned())),
            _ => None,
        };
        return (length + 3, value);
    }
    if let Some(inner) = after.strip_prefix('(') {
        return (inner.find(')').map_or(text.len(), |length| length + 3), None);
    }
    let length = after.find(|letter| !is_name(letter)).unwrap_or(after.len());
    (length + 1, variables.get(&after[..length]).cloned())
}
