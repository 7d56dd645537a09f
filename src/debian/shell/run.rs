//! A script followed without being run: which branch would be taken where that can be told, and which
//! programs would be called with what.

use std::collections::BTreeMap;

use super::{
    Called, Programs,
    syntax::{Command, List, Redirection, RedirectionKind, Simple, Word},
    test,
    wildcard::matches,
};

/// Commands that a script may take; the longest have some hundred.
const STEPS: usize = 20_000;
/// Calls of functions within each other.
const DEEPEST: usize = 32;

/// Whether a command succeeds; none where nobody knows without running it.
pub(super) type Status = Option<bool>;

/// What may follow a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Next,
    /// Out of a loop.
    Break,
    Return,
    Exit,
}

/// Whether the commands at hand are certain to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Certainty {
    Certain,
    Possible,
}

/// A script under way.
pub(super) struct Run<'a, P> {
    pub(super) programs: &'a mut P,
    /// None for a value that is not known.
    pub(super) variables: BTreeMap<String, Option<String>>,
    pub(super) arguments: Vec<Option<String>>,
    functions: BTreeMap<String, Command>,
    certainty: Certainty,
    flow: Flow,
    steps: usize,
    depth: usize,
    /// Commands that were not followed, as the script spells them.
    pub(super) undone: Vec<String>,
    /// What was said so far; none where nobody listens.
    said: Option<Said>,
}

/// What commands said together.
enum Said {
    Text(String),
    /// Nobody knows what.
    Something,
}

impl<'a, P: Programs> Run<'a, P> {
    pub(super) fn new(programs: &'a mut P, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let known = |(name, value): &(&str, &str)| ((*name).to_owned(), Some((*value).to_owned()));
        Self {
            programs,
            variables: variables.iter().map(known).collect(),
            arguments: arguments.iter().map(|argument| Some((*argument).to_owned())).collect(),
            functions: BTreeMap::new(),
            certainty: Certainty::Certain,
            flow: Flow::Next,
            steps: 0,
            depth: 0,
            undone: Vec::new(),
            said: None,
        }
    }

    pub(super) fn list(&mut self, list: &List) -> Status {
        let mut status = Some(true);
        for command in list {
            if self.flow != Flow::Next {
                break;
            }
            status = self.command(command);
        }
        status
    }

    fn command(&mut self, command: &Command) -> Status {
        self.steps += 1;
        if self.steps > STEPS || self.depth > DEEPEST {
            self.leave("more commands than anybody could follow");
            return None;
        }
        match command {
            Command::Simple(simple) => self.simple(simple),
            Command::Not(inner) => self.command(inner).map(|success| !success),
            Command::And(left, right) => match self.command(left) {
                Some(false) => Some(false),
                Some(true) => self.next_command(right),
                None => self.perhaps(|run| run.next_command(right)),
            },
            Command::Or(left, right) => match self.command(left) {
                Some(true) => Some(true),
                Some(false) => self.next_command(right),
                None => self.perhaps(|run| run.next_command(right)),
            },
            Command::Pipeline(all) => {
                for part in all {
                    self.subshell(|run| run.command(part));
                }
                self.say(None);
                None
            }
            Command::If(arms, otherwise) => self.conditional(arms, otherwise),
            Command::Case(subject, arms) => self.case(subject, arms),
            Command::For(name, words, body) => self.for_loop(name, words.as_deref(), body),
            Command::Loop(condition, body) => {
                if self.list(condition) != Some(false) {
                    self.perhaps(|run| run.list(body));
                }
                None
            }
            Command::Group(list) => self.list(list),
            Command::Subshell(list) => self.subshell(|run| run.list(list)),
            Command::Function(name, body) => {
                self.functions.insert(name.clone(), (**body).clone());
                Some(true)
            }
            Command::Redirected(inner, redirections) => {
                let status = self.command(inner);
                self.say(None);
                if let Some(redirection) = self.file_written(redirections) {
                    self.write(&redirection, None, "the output of several commands");
                }
                status
            }
        }
    }

    fn next_command(&mut self, command: &Command) -> Status {
        if self.flow == Flow::Next { self.command(command) } else { None }
    }

    /// Follows what may or may not happen.
    fn perhaps(&mut self, follow: impl FnOnce(&mut Self) -> Status) -> Status {
        let certainty = std::mem::replace(&mut self.certainty, Certainty::Possible);
        follow(self);
        self.certainty = certainty;
        if self.flow != Flow::Next {
            // Whether anything comes after it is as open as whether it happens.
            self.flow = Flow::Next;
            self.certainty = Certainty::Possible;
        }
        None
    }

    /// What happens to variables inside does not matter outside.
    pub(super) fn subshell(&mut self, follow: impl FnOnce(&mut Self) -> Status) -> Status {
        let (variables, arguments) = (self.variables.clone(), self.arguments.clone());
        let umask = *self.programs.umask();
        let status = follow(self);
        (self.variables, self.arguments) = (variables, arguments);
        *self.programs.umask() = umask;
        self.flow = Flow::Next;
        status
    }

    /// What commands say together, without the last end of line.
    pub(super) fn said(&mut self, list: &List) -> Option<String> {
        let before = self.said.replace(Said::Text(String::new()));
        self.subshell(|run| run.list(list));
        match std::mem::replace(&mut self.said, before) {
            Some(Said::Text(text)) => Some(text.trim_end_matches('\n').to_owned()),
            _ => None,
        }
    }

    /// Something is said; none where nobody knows what.
    fn say(&mut self, text: Option<&str>) {
        let text = text.filter(|_| self.certainty == Certainty::Certain);
        match (&mut self.said, text) {
            (Some(Said::Text(said)), Some(text)) => said.push_str(text),
            (Some(said), None) => *said = Said::Something,
            _ => {}
        }
    }

    pub(super) fn has_function(&self, name: &str) -> bool {
        self.functions.contains_key(name)
    }

    fn conditional(&mut self, arms: &[(List, List)], otherwise: &List) -> Status {
        let Some(((condition, body), rest)) = arms.split_first() else { return self.list(otherwise) };
        match self.list(condition) {
            Some(true) => self.list(body),
            Some(false) => self.conditional(rest, otherwise),
            None => {
                self.perhaps(|run| run.list(body));
                self.perhaps(|run| run.conditional(rest, otherwise))
            }
        }
    }

    fn case(&mut self, subject: &Word, arms: &[(Vec<Word>, List)]) -> Status {
        let subject = self.joined(subject);
        for (patterns, body) in arms {
            let fits = |pattern: &Word| Some(matches(&self.pattern(pattern)?, subject.as_deref()?));
            let all: Vec<Status> = patterns.iter().map(fits).collect();
            if all.contains(&Some(true)) {
                return self.list(body);
            }
            if all.contains(&None) {
                self.perhaps(|run| run.list(body));
            }
        }
        subject.map(|_| true)
    }

    fn for_loop(&mut self, name: &str, words: Option<&[Word]>, body: &List) -> Status {
        let values = match words {
            Some(words) => words.iter().flat_map(|word| self.fields(word)).collect(),
            None => self.arguments.clone(),
        };
        let known = values.iter().all(Option::is_some);
        let mut status = Some(true);
        for value in values {
            self.variables.insert(name.to_owned(), value);
            status = if known { self.list(body) } else { self.perhaps(|run| run.list(body)) };
            if self.flow != Flow::Next {
                break;
            }
        }
        if self.flow == Flow::Break {
            self.flow = Flow::Next;
        }
        status
    }

    fn simple(&mut self, simple: &Simple) -> Status {
        let words: Vec<Option<String>> = simple.words.iter().flat_map(|word| self.fields(word)).collect();
        let target = self.file_written(&simple.redirections);
        let empty = words.first().is_none_or(|word| word.as_deref() == Some(":"));
        if let Some(target) = target.as_ref().filter(|_| empty) {
            self.write(target, Some(String::new()), &simple.text);
        }
        let Some(program) = words.first() else {
            self.assign(&simple.assignments);
            return Some(true);
        };
        let Some(program) = program.clone() else {
            self.leave(&simple.text);
            return None;
        };
        if let Some(body) = self.functions.get(&program).cloned() {
            return self.call_function(&body, words[1..].to_vec());
        }
        if let Some(status) = self.builtin(&program, &words[1..]) {
            if ["command", "which", "type", "umask"].contains(&program.as_str()) {
                self.say(None);
            }
            return status;
        }
        let called = self.programs.call(&words, self.certainty == Certainty::Certain);
        if program == "db_get" {
            // debconf(7): the answer is in this variable.
            self.variables.insert("RET".to_owned(), called.output.clone());
        }
        if simple.redirections.iter().all(|redirection| redirection.stream != 1) {
            // What went well and is known to say nothing, says nothing.
            self.say(called.output.as_deref().or(called.status.map(|_| "")));
        }
        match target {
            Some(target) => {
                let text = self.input_or_output(simple, &program, called.output);
                self.write(&target, text, &simple.text);
            }
            None if called.is_undone => self.leave(&simple.text),
            None => {}
        }
        called.status
    }

    /// What `cat` passes on, or what a program is known to say.
    fn input_or_output(&mut self, simple: &Simple, program: &str, output: Option<String>) -> Option<String> {
        let here = simple.redirections.iter().find(|redirection| redirection.kind == RedirectionKind::Here);
        match here {
            Some(here) if program == "cat" && simple.words.len() == 1 => self.joined(&here.target),
            _ => output,
        }
    }

    fn assign(&mut self, assignments: &[(String, Word)]) {
        for (name, word) in assignments {
            let value = self.joined(word);
            self.set(name, value);
        }
    }

    pub(super) fn set(&mut self, name: &str, value: Option<String>) {
        let same = self.variables.get(name).is_some_and(|there| *there == value);
        let value = if self.certainty == Certainty::Certain || same { value } else { None };
        self.variables.insert(name.to_owned(), value);
    }

    fn call_function(&mut self, body: &Command, arguments: Vec<Option<String>>) -> Status {
        let before = std::mem::replace(&mut self.arguments, arguments);
        self.depth += 1;
        let status = self.command(body);
        self.depth -= 1;
        self.arguments = before;
        if self.flow == Flow::Return {
            self.flow = Flow::Next;
        }
        status
    }

    /// What the shell does itself; none where `name` is a program.
    fn builtin(&mut self, name: &str, words: &[Option<String>]) -> Option<Status> {
        Some(match name {
            "[" => test::test(self.programs, words.strip_suffix(&[Some("]".to_owned())]).unwrap_or(words)),
            "test" => test::test(self.programs, words),
            "true" | ":" | "trap" | "wait" | "cd" | "continue" => Some(true),
            "umask" => self.set_umask(words),
            "false" => Some(false),
            "[[" | "]]" | "let" => None,
            "exit" | "return" => self.end(name, words),
            "break" => {
                self.flow = Flow::Break;
                Some(true)
            }
            "set" => {
                if words.first().is_some_and(|word| word.as_deref() == Some("--")) {
                    self.arguments = words[1..].to_vec();
                }
                Some(true)
            }
            "shift" => {
                self.arguments = self.arguments.get(1..).unwrap_or_default().to_vec();
                Some(true)
            }
            "export" | "local" | "readonly" | "declare" | "unset" => {
                for word in words.iter().flatten() {
                    let (name, value) =
                        word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
                    if value.is_some() || name == "unset" || !self.variables.contains_key(name) {
                        self.set(name, Some(value.unwrap_or_default().to_owned()));
                    }
                }
                Some(true)
            }
            "read" => {
                for name in words.iter().flatten() {
                    self.variables.insert(name.clone(), None);
                }
                None
            }
            "command" | "which" | "type" => self.lookup(words),
            _ => return None,
        })
    }

    /// In octal; other spellings are of no package.
    fn set_umask(&mut self, words: &[Option<String>]) -> Status {
        let mask = words.first()?.as_deref().and_then(|mask| u32::from_str_radix(mask, 8).ok())?;
        if self.certainty == Certainty::Certain {
            *self.programs.umask() = mask & 0o777;
        }
        Some(true)
    }

    /// `command -v NAME` finds what lies in the tree, and functions; `command NAME` is a call like any other.
    fn lookup(&mut self, words: &[Option<String>]) -> Status {
        let is_option = |word: &Option<String>| word.as_ref().is_some_and(|word| word.starts_with('-'));
        let names: Vec<_> = words.iter().filter(|word| !is_option(word)).collect();
        let [Some(name)] = &names[..] else { return None };
        Some(self.functions.contains_key(name) || self.programs.find(name).is_some())
    }

    /// A failure ends the installation, so what comes after it is what happens otherwise.
    fn end(&mut self, name: &str, words: &[Option<String>]) -> Status {
        let success = match words.first() {
            None => Some(true),
            Some(code) => code.as_deref().map(|code| code == "0"),
        };
        let flow = if name == "exit" { Flow::Exit } else { Flow::Return };
        if self.certainty == Certainty::Certain || success == Some(true) || flow == Flow::Return {
            self.flow = flow;
        }
        success
    }

    /// The file that standard output goes to, unless it is none that stays.
    fn file_written(&mut self, redirections: &[Redirection]) -> Option<(Option<String>, RedirectionKind)> {
        let mut found = None;
        for redirection in redirections.iter().filter(|redirection| redirection.stream == 1) {
            let is_file = matches!(redirection.kind, RedirectionKind::Write | RedirectionKind::Append);
            let path = self.joined(&redirection.target);
            let stays = !path.as_deref().is_some_and(|path| path.starts_with("/dev/") || path.starts_with("/var/log/"));
            found = (is_file && stays).then_some((path, redirection.kind));
        }
        found
    }

    fn write(&mut self, target: &(Option<String>, RedirectionKind), text: Option<String>, shown: &str) {
        let (Some(path), RedirectionKind::Write, Some(text)) = (&target.0, target.1, text) else {
            return self.leave(shown);
        };
        if self.certainty == Certainty::Possible || !self.programs.write(path, &text) {
            self.leave(shown);
        }
    }

    fn leave(&mut self, text: &str) {
        if !self.undone.iter().any(|known| known == text) {
            self.undone.push(text.to_owned());
        }
    }
}

impl Called {
    /// Done, and it went well.
    #[must_use]
    pub const fn done() -> Self {
        Self { status: Some(true), output: None, is_undone: false }
    }

    /// Of no effect on files; nobody knows whether it succeeds.
    #[must_use]
    pub const fn harmless() -> Self {
        Self { status: None, output: None, is_undone: false }
    }

    /// Nothing that is known here.
    #[must_use]
    pub const fn undone() -> Self {
        Self { status: None, output: None, is_undone: true }
    }

    /// A question with this answer.
    #[must_use]
    pub const fn answered(success: bool) -> Self {
        Self { status: Some(success), output: None, is_undone: false }
    }

    /// Says this.
    #[must_use]
    pub const fn said(output: String) -> Self {
        Self { status: Some(true), output: Some(output), is_undone: false }
    }
}
