//! Words with their variables put in, as far as the values are known.

use super::{
    Programs,
    run::Run,
    syntax::{Command, Greed, List, Operation, Piece, Quoting, Variable, Word},
    wildcard::matches,
};

/// A piece of a word once it is expanded.
enum Value {
    Known(String),
    /// `"$@"`.
    Many(Vec<Option<String>>),
    Unknown,
}

impl<P: Programs> Run<'_, P> {
    /// The words that `word` becomes: none where a bare variable is empty, several where its value has
    /// blanks. None in place of one whose text is not known.
    pub(super) fn fields(&mut self, word: &Word) -> Vec<Option<String>> {
        let mut fields: Vec<Option<String>> = Vec::new();
        let mut is_open = false;
        let append = |fields: &mut Vec<Option<String>>, is_open: &mut bool, text: Option<&str>| {
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
                (Value::Known(text), Quoting::Bare) => {
                    let mut parts = text.split_whitespace().peekable();
                    is_open &= !text.starts_with(char::is_whitespace);
                    while let Some(part) = parts.next() {
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
    pub(super) fn joined(&mut self, word: &Word) -> Option<String> {
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

    /// A pattern: letters, and wildcards as none.
    pub(super) fn pattern(&self, word: &Word) -> Option<Vec<Option<char>>> {
        let mut pattern = Vec::new();
        for piece in &word.0 {
            match piece {
                // Sets of letters are not understood.
                Piece::Text(text) if text.contains('[') => return None,
                Piece::Text(text) => pattern.extend(text.chars().map(Some)),
                Piece::Wildcard('*') => pattern.push(None),
                Piece::Variable(Variable { name, operation: None }, _) => {
                    pattern.extend(self.variables.get(name)?.as_ref()?.chars().map(Some));
                }
                _ => return None,
            }
        }
        Some(pattern)
    }

    fn value(&mut self, piece: &Piece) -> Value {
        let known = |value: Option<String>| value.map_or(Value::Unknown, Value::Known);
        match piece {
            Piece::Text(text) => Value::Known(text.clone()),
            Piece::Wildcard(_) | Piece::Unknown => Value::Unknown,
            Piece::Variable(Variable { name, operation: None }, _) if name == "@" => {
                Value::Many(self.arguments.clone())
            }
            Piece::Variable(variable, _) => known(self.variable(variable)),
            Piece::Output(list, _) => known(self.output(list)),
        }
    }

    fn variable(&mut self, variable: &Variable) -> Option<String> {
        let value = match variable.name.as_str() {
            "@" | "*" => Some(self.arguments.iter().cloned().collect::<Option<Vec<_>>>()?.join(" ")),
            "#" => Some(self.arguments.len().to_string()),
            "?" | "$" | "!" | "-" => None,
            "0" => Some("script".to_owned()),
            name => match name.parse::<usize>() {
                Ok(number) => self.arguments.get(number - 1).cloned().unwrap_or_else(|| Some(String::new())),
                // What nothing in the script has set, is not set.
                Err(_) => self.variables.get(name).cloned().unwrap_or_else(|| Some(String::new())),
            },
        };
        let Some((operation, word)) = &variable.operation else { return value };
        let value = value?;
        match operation {
            Operation::Default if value.is_empty() => self.joined(word),
            Operation::Default => Some(value),
            Operation::Alternative if value.is_empty() => Some(value),
            Operation::Alternative => self.joined(word),
            Operation::CutFront(greed) | Operation::CutBack(greed) => {
                let pattern = self.pattern(word)?;
                Some(cut(&value, &pattern, matches!(operation, Operation::CutFront(_)), *greed))
            }
        }
    }

    /// What commands say, where that can be told.
    fn output(&mut self, list: &List) -> Option<String> {
        let [Command::Simple(simple)] = &list[..] else { return self.said(list) };
        let words: Option<Vec<String>> = simple.words.iter().flat_map(|word| self.fields(word)).collect();
        let words: Vec<&str> = words.as_ref()?.iter().map(String::as_str).collect();
        match words[..] {
            // Nothing is called: variables are set, or files are made.
            [] => self.said(list),
            [name, ..] if self.has_function(name) => self.said(list),
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

/// `value` without the part at its front or back that fits `pattern`.
fn cut(value: &str, pattern: &[Option<char>], front: bool, greed: Greed) -> String {
    let mut places: Vec<usize> = value.char_indices().map(|(place, _)| place).chain([value.len()]).collect();
    if front == (greed == Greed::Longest) {
        places.reverse();
    }
    let halves = places.into_iter().map(|place| value.split_at(place));
    let mut fitting = halves.filter(|(left, right)| matches(pattern, if front { left } else { right }));
    let kept = fitting.next().map(|(left, right)| if front { right } else { left });
    kept.unwrap_or(value).to_owned()
}
