//! Words: quotes, variables, outputs of commands.

use super::{
    parse::{Malformed, Parsed, Parser},
    syntax::{End, Greed, Lack, Operation, Piece, Quoting, Variable, Word},
};

pub(super) fn is_name_start(letter: char) -> bool {
    letter.is_ascii_alphabetic() || letter == '_'
}

pub(super) fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

impl Word {
    pub(super) fn text(text: &str) -> Self {
        Self(vec![Piece::Text(text.to_owned())])
    }

    /// The text of a word in which nothing is expanded.
    pub(super) fn literal(&self) -> Option<String> {
        let texts = self.0.iter().map(|piece| if let Piece::Text(text) = piece { Some(text.as_str()) } else { None });
        texts.collect()
    }

    fn push(&mut self, letter: char) {
        match self.0.last_mut() {
            Some(Piece::Text(text)) => text.push(letter),
            _ => self.0.push(Piece::Text(letter.to_string())),
        }
    }
}

impl Parser<'_> {
    pub(super) fn word_not_empty(&mut self) -> Parsed<Word> {
        let word = self.word()?;
        if word.0.is_empty() { Err(Malformed) } else { Ok(word) }
    }

    /// The word that begins here; it has no piece where none does.
    pub(super) fn word(&mut self) -> Parsed<Word> {
        let mut word = Word::default();
        loop {
            match self.peek() {
                None | Some(' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>') => return Ok(word),
                Some('"') => {
                    self.at += 1;
                    // An empty pair of quotes is a word, too.
                    word.0.push(Piece::Text(String::new()));
                    self.quoted(&mut word, Some('"'))?;
                }
                _ => self.piece(&mut word)?,
            }
        }
    }

    /// The whole text, in which only `$`, `` ` `` and `\` mean something.
    pub(super) fn here_text(&mut self) -> Parsed<Word> {
        let mut word = Word::text("");
        self.quoted(&mut word, None)?;
        Ok(word)
    }

    /// One piece outside of double quotes.
    fn piece(&mut self, word: &mut Word) -> Parsed<()> {
        match self.next().ok_or(Malformed)? {
            '\\' => match self.next() {
                Some('\n') => {}
                Some(letter) => word.push(letter),
                None => return Err(Malformed),
            },
            '\'' => {
                let length = self.rest().find('\'').ok_or(Malformed)?;
                word.0.push(Piece::Text(self.rest()[..length].to_owned()));
                self.at += length + 1;
            }
            '$' => word.0.push(self.expansion(Quoting::Bare)?),
            '`' => word.0.push(self.backquoted(Quoting::Bare)?),
            letter @ ('*' | '?') => word.0.push(Piece::Wildcard(letter)),
            letter => word.push(letter),
        }
        Ok(())
    }

    /// Pieces within double quotes, or up to the end.
    fn quoted(&mut self, word: &mut Word, end: Option<char>) -> Parsed<()> {
        loop {
            match self.next() {
                letter if letter == end => return Ok(()),
                None => return Err(Malformed),
                Some('\\') => match self.next() {
                    Some('\n') => {}
                    // In a here-document a quote is a letter like any other, and a backslash before it stays.
                    Some(letter) if "$`\\".contains(letter) || Some(letter) == end => word.push(letter),
                    Some(letter) => {
                        word.push('\\');
                        word.push(letter);
                    }
                    None => return Err(Malformed),
                },
                Some('$') => word.0.push(self.expansion(Quoting::Quoted)?),
                Some('`') => word.0.push(self.backquoted(Quoting::Quoted)?),
                Some(letter) => word.push(letter),
            }
        }
    }

    /// What follows a `$`.
    fn expansion(&mut self, quoting: Quoting) -> Parsed<Piece> {
        if self.take("((") {
            return self.arithmetic();
        }
        if self.take("(") {
            let list = self.deeper(|parser| parser.list(&[]))?;
            self.expect(")")?;
            return Ok(Piece::Output(list, quoting));
        }
        if self.take("{") {
            return self.deeper(|parser| parser.braced(quoting));
        }
        let name = match self.peek() {
            Some(letter) if is_name_start(letter) => self.name()?.to_owned(),
            Some(letter) if letter.is_ascii_digit() || "@*#?$!-".contains(letter) => {
                self.at += 1;
                letter.to_string()
            }
            _ => return Ok(Piece::Text("$".to_owned())),
        };
        Ok(Piece::Variable(Variable { name, operation: None }, quoting))
    }

    /// What follows `$((`, up to the brackets that close it.
    fn arithmetic(&mut self) -> Parsed<Piece> {
        let mut open = 2;
        while open > 0 {
            match self.next().ok_or(Malformed)? {
                '(' => open += 1,
                ')' => open -= 1,
                '\'' => self.at += self.rest().find('\'').ok_or(Malformed)? + 1,
                _ => {}
            }
        }
        Ok(Piece::Unknown)
    }

    /// What follows `${`.
    fn braced(&mut self, quoting: Quoting) -> Parsed<Piece> {
        let special = |letter: char| letter.is_ascii_digit() || "@*?$!-".contains(letter);
        let name = match self.peek() {
            Some(letter) if is_name_start(letter) => self.name()?.to_owned(),
            Some(letter) if special(letter) => {
                self.at += 1;
                letter.to_string()
            }
            _ => return self.skip_braced(),
        };
        let operations = [
            ("##", Operation::Cut(End::Front, Greed::Longest)),
            ("#", Operation::Cut(End::Front, Greed::Shortest)),
            ("%%", Operation::Cut(End::Back, Greed::Longest)),
            ("%", Operation::Cut(End::Back, Greed::Shortest)),
            (":-", Operation::Default(Lack::Empty)),
            ("-", Operation::Default(Lack::Unset)),
            (":=", Operation::Assign(Lack::Empty)),
            ("=", Operation::Assign(Lack::Unset)),
            (":+", Operation::Alternative(Lack::Empty)),
            ("+", Operation::Alternative(Lack::Unset)),
        ];
        let found = operations.into_iter().find(|(sign, _)| self.take(sign));
        let operation = match found {
            Some((_, operation)) => Some((operation, self.until_brace()?)),
            None if self.take("}") => None,
            None => return self.skip_braced(),
        };
        Ok(Piece::Variable(Variable { name, operation }, quoting))
    }

    fn until_brace(&mut self) -> Parsed<Word> {
        let mut word = Word::default();
        loop {
            match self.peek() {
                None => return Err(Malformed),
                Some('}') => {
                    self.at += 1;
                    return Ok(word);
                }
                Some('"') => {
                    self.at += 1;
                    word.0.push(Piece::Text(String::new()));
                    self.quoted(&mut word, Some('"'))?;
                }
                _ => self.piece(&mut word)?,
            }
        }
    }

    /// An expansion of a kind that is not understood.
    fn skip_braced(&mut self) -> Parsed<Piece> {
        self.until_brace()?;
        Ok(Piece::Unknown)
    }

    fn backquoted(&mut self, quoting: Quoting) -> Parsed<Piece> {
        let mut inner = String::new();
        loop {
            match self.next() {
                None => return Err(Malformed),
                Some('`') => break,
                Some('\\') => match self.next() {
                    Some(letter) if "$`\\".contains(letter) => inner.push(letter),
                    Some(letter) => inner.extend(['\\', letter]),
                    None => return Err(Malformed),
                },
                Some(letter) => inner.push(letter),
            }
        }
        let depth = self.depth();
        let list = self.deeper(|_| {
            let mut parser = Parser::new(&inner, depth + 1);
            let list = parser.list(&[])?;
            if parser.peek().is_none() { Ok(list) } else { Err(Malformed) }
        })?;
        Ok(Piece::Output(list, quoting))
    }
}
