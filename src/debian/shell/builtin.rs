//! What the shell does itself.

use super::{
    Programs, parse,
    run::{Flow, Known, Run, Status, is_option},
    syntax::{Piece, Word},
    test,
};

/// What makes the functions of debconf(7): they are known by their names.
const CONFMODULE: &str = "/usr/share/debconf/confmodule";

/// Those that take assignments as their arguments.
const DECLARATIONS: [&str; 5] = ["export", "readonly", "local", "declare", "typeset"];

impl<P: Programs> Run<'_, P> {
    /// What comes of a call of `name`; none where it is a program.
    pub(super) fn builtin(&mut self, name: &str, words: &[Known]) -> Option<Status> {
        Some(match name {
            "[" => test::test(self.programs, words.strip_suffix(&[Some("]".to_owned())]).unwrap_or(words)),
            "test" => test::test(self.programs, words),
            "true" | ":" | "trap" | "wait" | "cd" => Some(true),
            "umask" => self.set_umask(words),
            "false" => Some(false),
            "[[" | "]]" | "let" => None,
            "exit" | "return" => self.end(name, words),
            "break" | "continue" => {
                let loops = count(words).unwrap_or(self.loops).min(self.loops);
                let leave = if name == "break" { Flow::Break } else { Flow::Continue };
                // Outside of a loop they do nothing.
                self.flow = if loops == 0 { self.flow } else { leave(loops) };
                Some(true)
            }
            "set" => {
                self.set_arguments(words);
                Some(true)
            }
            "shift" => self.shift(words),
            "unset" => {
                self.unset(words);
                Some(true)
            }
            "read" => {
                for name in words.iter().flatten() {
                    self.variables.insert(name.clone(), None);
                }
                None
            }
            "command" | "which" | "type" => self.lookup(words),
            "." | "source" => self.source(words),
            _ => return None,
        })
    }

    /// Assignments that are arguments of `builtin`. Whether it takes such.
    pub(super) fn declare(&mut self, builtin: &str, words: &[Word]) -> bool {
        if !DECLARATIONS.contains(&builtin) {
            return false;
        }
        for word in words {
            if let Some(Piece::Text(text)) = word.0.first()
                && let Some((name, start)) = text.split_once('=')
            {
                // Nothing is divided here, and the name is known where the value is not.
                let mut value = word.clone();
                value.0[0] = Piece::Text(start.to_owned());
                let value = self.joined(&value);
                self.declare_one(builtin, name, Some(value));
                continue;
            }
            for field in self.fields(word).into_iter().flatten() {
                let (name, value) =
                    field.split_once('=').map_or((&*field, None), |(name, value)| (name, Some(value.to_owned())));
                self.declare_one(builtin, name, value.map(Some));
            }
        }
        true
    }

    fn declare_one(&mut self, builtin: &str, name: &str, value: Option<Known>) {
        let is_local = !["export", "readonly"].contains(&builtin);
        if is_local && !self.locals.iter().any(|(known, _)| known == name) {
            self.locals.push((name.to_owned(), self.variables.get(name).cloned()));
        }
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    fn unset(&mut self, words: &[Known]) {
        let functions = words.first().is_some_and(|word| word.as_deref() == Some("-f"));
        for name in words.iter().flatten().filter(|word| !word.starts_with('-')) {
            match (functions, self.is_certain()) {
                (true, _) => self.define(name, None),
                (false, true) => drop(self.variables.remove(name)),
                (false, false) => drop(self.variables.insert(name.clone(), None)),
            }
        }
    }

    /// `set -- WORDS`, or without the dashes where the first word looks like no option.
    fn set_arguments(&mut self, words: &[Known]) {
        let Some(first) = words.first() else { return };
        let is_option = first.as_ref().is_some_and(|word| word.starts_with(['-', '+']));
        let end = words.iter().position(|word| word.as_deref() == Some("--"));
        let given = match (is_option, end) {
            (false, _) => words,
            (true, Some(end)) => &words[end + 1..],
            (true, None) => return,
        };
        // A word that is not known may be none, or several.
        let known = self.is_certain() && given.iter().all(Option::is_some);
        self.arguments = known.then(|| given.to_vec());
    }

    fn shift(&mut self, words: &[Known]) -> Status {
        let (Some(count), Some(all)) = (count(words), &self.arguments) else {
            self.arguments = None;
            return None;
        };
        let Some(rest) = all.get(count..) else { return Some(false) };
        self.arguments = self.is_certain().then(|| rest.to_vec());
        Some(true)
    }

    /// `. FILE`: the same shell goes on there. Of a file that is not at hand nobody knows what it sets.
    fn source(&mut self, words: &[Known]) -> Status {
        let path = words.first().and_then(Option::as_deref);
        if path == Some(CONFMODULE) {
            return Some(true);
        }
        let text = path.and_then(|path| self.programs.read(path)).filter(|text| self.afford(text.len()));
        if let Some(list) = text.and_then(|text| parse::parse(&text.replace('\0', "")).ok()) {
            return self.until_return(|run| run.list(&list));
        }
        self.is_open = true;
        self.say(None);
        None
    }

    /// In octal; other spellings are of no package.
    fn set_umask(&mut self, words: &[Known]) -> Status {
        let mask = words.first()?.as_deref().and_then(|mask| u32::from_str_radix(mask, 8).ok())?;
        if self.is_certain() {
            *self.programs.umask() = mask & 0o777;
        }
        Some(true)
    }

    /// `command -v NAME` finds what lies in the tree, and functions.
    fn lookup(&mut self, words: &[Known]) -> Status {
        let names: Vec<_> = words.iter().filter(|word| !is_option(word)).collect();
        let [Some(name)] = &names[..] else { return None };
        match self.has_function(name) {
            Some(false) => Some(self.programs.find(name).is_some()),
            defined => defined,
        }
    }

    /// A failure of the script ends the installation, so what comes after it is what happens otherwise.
    fn end(&mut self, name: &str, words: &[Known]) -> Status {
        let success = match words.first() {
            None => Some(true),
            Some(code) => code.as_deref().map(|code| code == "0"),
        };
        let flow = if name == "exit" { Flow::Exit } else { Flow::Return };
        if self.is_certain() || success == Some(true) || flow == Flow::Return || self.is_inner {
            self.flow = flow;
        }
        success
    }
}

/// The number that is the argument; 1 without one, none where nobody knows.
fn count(words: &[Known]) -> Option<usize> {
    words.first().map_or(Some(1), |word| word.as_deref()?.parse().ok())
}
