//! Words with their variables put in, as far as the values are known.

use super::{
    Programs,
    run::{Known, Run, is_redirected},
    syntax::{Command, End, Greed, Lack, List, Operation, Piece, Quoting, Variable, Word},
    wildcard::beginnings,
};

/// Where words are divided, unless a script says otherwise.
pub(super) const BLANKS: &str = " \t\n";
/// What a word takes besides its letters, as far as anybody needs to know.
const WORD: usize = 32;

/// A piece of a word once it is expanded.
enum Value {
    Known(String),
    /// `"$@"`.
    Many(Vec<Known>),
    Unknown,
}

impl<P: Programs> Run<'_, P> {
    /// The words that `words` become together.
    pub(super) fn words(&mut self, words: &[Word]) -> Vec<Known> {
        words.iter().flat_map(|word| self.fields(word)).collect()
    }

    /// The words that `word` becomes: none where a bare variable is empty, several where its value has
    /// blanks. None in place of one whose text is not known.
    pub(super) fn fields(&mut self, word: &Word) -> Vec<Known> {
        let mut fields: Vec<Known> = Vec::new();
        let mut is_open = false;
        let append = |fields: &mut Vec<Known>, is_open: &mut bool, text: Option<&str>| {
            if !*is_open {
                fields.push(Some(String::new()));
                *is_open = true;
            }
            if let Some(last) = fields.last_mut() {
                match (last.as_mut(), text) {
                    (Some(field), Some(text)) => field.push_str(text),
                    _ => *last = None,
                }
            }
        };
        for piece in &word.0 {
            match (self.value(piece), quoting(piece)) {
                (Value::Known(text), Quoting::Quoted) => append(&mut fields, &mut is_open, Some(&text)),
                // Words are divided elsewhere than at blanks.
                (Value::Known(text), Quoting::Bare) if !text.is_empty() && !self.divides_at_blanks() => {
                    append(&mut fields, &mut is_open, None);
                }
                (Value::Known(text), Quoting::Bare) => {
                    let mut parts = text.split_whitespace().peekable();
                    is_open &= !text.starts_with(char::is_whitespace);
                    while let Some(part) = parts.next().filter(|_| self.afford(WORD)) {
                        append(&mut fields, &mut is_open, Some(part));
                        is_open = parts.peek().is_none() && !text.ends_with(char::is_whitespace);
                    }
                }
                (Value::Many(all), _) => {
                    // The quotes around `"$@"` make no word of their own.
                    fields.pop_if(|field| is_open && field.as_deref() == Some(""));
                    is_open = false;
                    fields.extend(all);
                }
                (Value::Unknown, _) => append(&mut fields, &mut is_open, None),
            }
        }
        fields
    }

    /// The whole of `word` as one text.
    pub(super) fn joined(&mut self, word: &Word) -> Known {
        let mut text = String::new();
        for piece in &word.0 {
            match self.value(piece) {
                Value::Known(part) => text += &part,
                Value::Many(all) => text += &all.into_iter().collect::<Option<Vec<_>>>()?.join(" "),
                Value::Unknown => return None,
            }
        }
        Some(text)
    }

    fn divides_at_blanks(&self) -> bool {
        self.variables.get("IFS").is_none_or(|letters| letters.as_deref() == Some(BLANKS))
    }

    /// Whether `text` fits the pattern `word`.
    pub(super) fn fits(&mut self, word: &Word, text: &str) -> Option<bool> {
        let (pattern, text) = (self.pattern(word)?, text.chars().collect::<Vec<_>>());
        self.beginnings(&pattern, &text)?.last().copied()
    }

    /// A pattern: letters, and wildcards as none.
    fn pattern(&mut self, word: &Word) -> Option<Vec<Option<char>>> {
        let mut pattern = Vec::new();
        for piece in &word.0 {
            match piece {
                // Sets of letters are not understood.
                Piece::Text(text) if text.contains('[') => return None,
                Piece::Text(text) => pattern.extend(text.chars().map(Some)),
                Piece::Wildcard('*') => pattern.push(None),
                Piece::Variable(Variable { name, operation: None }, _) => {
                    let value = self.variables.get(name)?.as_ref()?;
                    pattern.extend(value.chars().map(Some));
                    if !self.afford(pattern.len()) {
                        return None;
                    }
                }
                _ => return None,
            }
        }
        Some(pattern)
    }

    fn beginnings(&mut self, pattern: &[Option<char>], text: &[char]) -> Option<Vec<bool>> {
        self.afford(pattern.len().saturating_mul(text.len() + 1)).then(|| beginnings(pattern, text))
    }

    fn value(&mut self, piece: &Piece) -> Value {
        let value = match piece {
            Piece::Text(text) if self.afford(text.len()) => return Value::Known(text.clone()),
            Piece::Text(_) | Piece::Wildcard(_) | Piece::Unknown => None,
            Piece::Variable(Variable { name, operation: None }, _) if name == "@" => return self.all_arguments(),
            Piece::Variable(variable, _) => self.variable(variable),
            Piece::Output(list, _) => self.deeper(|run| run.output(list)),
        };
        value.filter(|text| self.afford(text.len() + WORD)).map_or(Value::Unknown, Value::Known)
    }

    fn all_arguments(&mut self) -> Value {
        let size = self.arguments.iter().flatten().map(|word| WORD + word.as_ref().map_or(0, String::len)).sum();
        if !self.afford(size) {
            return Value::Unknown;
        }
        self.arguments.clone().map_or(Value::Unknown, Value::Many)
    }

    /// What a parameter stands for: none where it is not set, none in it for a value that is not known.
    fn parameter(&self, name: &str) -> Option<Known> {
        match (name, &self.arguments) {
            ("?" | "$" | "!" | "-", _) | ("@" | "*" | "#", None) => Some(None),
            ("*", _) if !self.divides_at_blanks() => Some(None),
            ("@" | "*", Some(all)) => Some(all.iter().cloned().collect::<Option<Vec<_>>>().map(|all| all.join(" "))),
            ("#", Some(all)) => Some(Some(all.len().to_string())),
            ("0", _) => Some(Some("script".to_owned())),
            (name, all) => match (name.parse::<usize>(), all) {
                (Err(_), _) => self.variables.get(name).cloned().or(self.is_open.then_some(None)),
                (Ok(_), None) => Some(None),
                (Ok(number), Some(all)) => all.get(number - 1).cloned(),
            },
        }
    }

    fn variable(&mut self, variable: &Variable) -> Known {
        let found = self.parameter(&variable.name);
        let lacks = |lack: Lack| match &found {
            None => Some(true),
            Some(value) => value.as_ref().map(|value| lack == Lack::Empty && value.is_empty()),
        };
        let lacks = match &variable.operation {
            Some((Operation::Default(lack) | Operation::Assign(lack) | Operation::Alternative(lack), _)) => {
                lacks(*lack)?
            }
            _ => false,
        };
        // What nothing has set, is not set.
        let value = found.unwrap_or_else(|| Some(String::new()));
        let Some((operation, word)) = &variable.operation else { return value };
        match operation {
            Operation::Default(_) if lacks => self.within_word(word),
            Operation::Assign(_) if lacks => {
                let value = self.within_word(word);
                self.set(&variable.name, value.clone());
                value
            }
            Operation::Default(_) | Operation::Assign(_) => value,
            Operation::Alternative(_) if lacks => Some(String::new()),
            Operation::Alternative(_) => self.within_word(word),
            Operation::Cut(end, greed) => self.cut(&value?, word, (*end, *greed)),
        }
    }

    /// A word in a word.
    fn within_word(&mut self, word: &Word) -> Known {
        self.deeper(|run| run.joined(word))
    }

    /// `value` without the part at one end that fits the pattern `word`.
    fn cut(&mut self, value: &str, word: &Word, (end, greed): (End, Greed)) -> Known {
        let (mut pattern, mut letters) = (self.pattern(word)?, value.chars().collect::<Vec<_>>());
        if end == End::Back {
            pattern.reverse();
            letters.reverse();
        }
        let fits = self.beginnings(&pattern, &letters)?;
        let length = match greed {
            Greed::Longest => fits.iter().rposition(|fits| *fits),
            Greed::Shortest => fits.iter().position(|fits| *fits),
        };
        letters.drain(..length.unwrap_or(0));
        if end == End::Back {
            letters.reverse();
        }
        Some(letters.into_iter().collect())
    }

    /// What commands say, where that can be told.
    fn output(&mut self, list: &List) -> Known {
        let [Command::Simple(simple)] = &list[..] else { return self.said(list) };
        if is_redirected(simple) {
            return self.said(list);
        }
        let words: Option<Vec<String>> = self.words(&simple.words).into_iter().collect();
        let words: Vec<&str> = words.as_ref()?.iter().map(String::as_str).collect();
        match words[..] {
            // Nothing is called: variables are set, or files are made.
            [] => self.said(list),
            [name, ..] if self.has_function(name) != Some(false) => self.said(list),
            ["command", "-v", name] | ["which", name] => Some(self.programs.find(name).unwrap_or_default()),
            _ => {
                let words: Vec<_> = words.iter().map(|word| Some((*word).to_owned())).collect();
                let called = self.programs.call(&words, false);
                if called.is_undone {
                    self.subshell(|run| run.list(list));
                }
                called.output.map(|text| text.trim_end_matches('\n').to_owned())
            }
        }
    }
}

const fn quoting(piece: &Piece) -> Quoting {
    match piece {
        Piece::Variable(_, quoting) | Piece::Output(_, quoting) => *quoting,
        Piece::Text(_) | Piece::Wildcard(_) | Piece::Unknown => Quoting::Quoted,
    }
}
