//! The command lines of the programs that units stand for.

/// Options with their values, and everything else in its order.
#[derive(Debug, Default)]
pub(super) struct Arguments<'a> {
    options: Vec<(&'a str, Option<&'a str>)>,
    pub(super) rest: Vec<&'a str>,
}

impl<'a> Arguments<'a> {
    /// Divides `words`; the options in `valued` take a value, in the same word behind `=` or in the next one.
    /// Short options may stand together.
    pub(super) fn parse(words: &[&'a str], valued: &[&str]) -> Self {
        let mut arguments = Self::default();
        let mut words = words.iter().copied();
        while let Some(word) = words.next() {
            if word == "--" {
                arguments.rest.extend(words);
                break;
            }
            if let Some((name, value)) = word.split_once('=').filter(|_| word.starts_with("--")) {
                arguments.options.push((name, Some(value)));
            } else if valued.contains(&word) {
                arguments.options.push((word, words.next()));
            } else if word.starts_with("--") {
                arguments.options.push((word, None));
            } else if word.len() > 1 && word.starts_with('-') {
                let letters = word.char_indices().skip(1);
                arguments.options.extend(letters.map(|(at, letter)| (&word[at..at + letter.len_utf8()], None)));
            } else {
                arguments.rest.push(word);
            }
        }
        arguments
    }

    /// Whether one of these options is given; short ones without their dash.
    pub(super) fn has(&self, names: &[&str]) -> bool {
        self.options.iter().any(|(name, _)| names.contains(name))
    }

    /// The value of one of these options.
    pub(super) fn value(&self, names: &[&str]) -> Option<&'a str> {
        self.options.iter().find(|(name, _)| names.contains(name)).and_then(|(_, value)| *value)
    }

    /// Whether all options are among `known`.
    pub(super) fn only(&self, known: &[&str]) -> bool {
        self.options.iter().all(|(name, _)| known.contains(name))
    }
}
