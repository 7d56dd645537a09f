//! A script followed without being run: which branch would be taken where that can be told, and which
//! programs would be called with what.

use std::{
    collections::BTreeMap,
    mem::{replace, take},
    rc::Rc,
};

use super::{
    Called, Programs,
    expand::BLANKS,
    syntax::{Command, Join, List, Redirection, RedirectionKind, Simple, Word},
};

/// Commands that a script may take; the longest have some hundred.
const STEPS: usize = 20_000;
/// Commands and words within each other, calls of functions among them.
const DEEPEST: usize = 100;
/// Letters that a script may put together, copy and compare; the longest scripts come to some hundred thousand.
const EFFORT: usize = 16 << 20;

/// Whether a command succeeds; none where nobody knows without running it.
pub(super) type Status = Option<bool>;

/// A text; none in place of one that is not known.
pub(super) type Known = Option<String>;

/// What may follow a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    /// The next turn of a loop: of the innermost, 1, or of one around it.
    Continue(usize),
    /// Out of so many loops.
    Break(usize),
    Return,
    Exit,
}

/// Whether the commands at hand are certain to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Certainty {
    Certain,
    Possible,
}

/// What was perhaps left before the commands at hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Doubt {
    #[default]
    None,
    /// So many loops.
    Loops(usize),
    Function,
    Script,
}

impl Doubt {
    /// What is left of it behind a loop.
    fn behind_loop(self) -> Self {
        match self {
            Self::Loops(loops) if loops > 1 => Self::Loops(loops - 1),
            Self::None | Self::Loops(_) => Self::None,
            other => other,
        }
    }

    /// The same behind a function.
    fn behind_function(self) -> Self {
        if self == Self::Script { self } else { Self::None }
    }
}

/// A script under way.
pub(super) struct Run<'a, P> {
    pub(super) programs: &'a mut P,
    pub(super) variables: BTreeMap<String, Known>,
    /// None where their number is not known.
    pub(super) arguments: Option<Vec<Known>>,
    /// What each may be; none among them where it is perhaps not there.
    functions: BTreeMap<String, Vec<Option<Rc<Command>>>>,
    /// Variables of the function at hand alone, and what they were before it.
    pub(super) locals: Vec<(String, Option<Known>)>,
    pub(super) flow: Flow,
    /// Loops around the command at hand, within the same function.
    pub(super) loops: usize,
    /// Whether the command at hand stands in a subshell, where `exit` ends no script.
    pub(super) is_inner: bool,
    /// Loops that were perhaps broken off, from the innermost.
    broken: usize,
    certainty: Certainty,
    doubt: Doubt,
    steps: usize,
    depth: usize,
    effort: usize,
    /// Whether a file that is not at hand may have set variables.
    pub(super) is_open: bool,
    /// Whether nobody follows any more.
    is_given_up: bool,
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
            variables: variables.iter().chain(&[("IFS", BLANKS)]).map(known).collect(),
            arguments: Some(arguments.iter().map(|argument| Some((*argument).to_owned())).collect()),
            functions: BTreeMap::new(),
            locals: Vec::new(),
            flow: Flow::Next,
            loops: 0,
            is_inner: false,
            broken: 0,
            certainty: Certainty::Certain,
            doubt: Doubt::None,
            steps: 0,
            depth: 0,
            effort: 0,
            is_open: false,
            is_given_up: false,
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
        if self.steps > STEPS || self.is_given_up {
            self.give_up("more commands than anybody could follow");
            return None;
        }
        self.deeper(|run| run.inner_command(command))
    }

    fn inner_command(&mut self, command: &Command) -> Status {
        match command {
            Command::Simple(simple) => self.simple(simple),
            Command::Not(inner) => self.command(inner).map(|success| !success),
            Command::Chain(first, links) => self.chain(first, links),
            Command::Pipeline(all) => {
                for part in all {
                    self.subshell(|run| run.command(part));
                }
                self.say(None);
                None
            }
            Command::If(arms, otherwise) => self.conditional(arms, otherwise, false),
            Command::Case(subject, arms) => self.case(subject, arms),
            Command::For(name, words, body) => self.for_loop(name, words.as_deref(), body),
            Command::Loop(condition, body) => self.in_loop(|run| {
                if run.list(condition) != Some(false) {
                    run.perhaps(|run| run.list(body));
                }
                run.goes_on();
                None
            }),
            Command::Group(list) => self.list(list),
            Command::Subshell(list) => self.subshell(|run| run.list(list)),
            Command::Function(name, body) => {
                self.define(name, Some(body));
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

    fn chain(&mut self, first: &Command, links: &[(Join, Command)]) -> Status {
        let mut status = self.command(first);
        for (join, command) in links {
            if self.flow != Flow::Next {
                break;
            }
            status = match (join, status) {
                (Join::And, Some(false)) | (Join::Or, Some(true)) => status,
                (_, Some(_)) => self.command(command),
                (_, None) => self.perhaps(|run| run.command(command)),
            };
        }
        status
    }

    /// Follows something that stands in what is at hand; none where nobody could follow so far.
    pub(super) fn deeper<T>(&mut self, follow: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth == DEEPEST {
            self.give_up("more commands than anybody could follow");
            return None;
        }
        self.depth += 1;
        let result = follow(self);
        self.depth -= 1;
        result
    }

    /// Whether `letters` may still be put together, copied or compared.
    pub(super) fn afford(&mut self, letters: usize) -> bool {
        self.effort = self.effort.saturating_add(letters);
        let can = self.effort <= EFFORT;
        if !can {
            self.give_up("longer texts than anybody could follow");
        }
        can
    }

    /// Follows nothing any more. What is at hand comes to nothing, and to an unknown text.
    fn give_up(&mut self, why: &str) {
        if !replace(&mut self.is_given_up, true) {
            self.leave(why);
        }
        self.flow = Flow::Exit;
        self.say(None);
    }

    /// Whether what is at hand happens in any case.
    pub(super) fn is_certain(&self) -> bool {
        self.certainty == Certainty::Certain && self.doubt == Doubt::None && !self.is_given_up
    }

    /// Follows what may or may not happen.
    fn perhaps(&mut self, follow: impl FnOnce(&mut Self) -> Status) -> Status {
        let certainty = replace(&mut self.certainty, Certainty::Possible);
        follow(self);
        self.certainty = certainty;
        if let Flow::Break(loops) = self.flow {
            self.broken = self.broken.max(loops);
        }
        // Whether anything comes after it is as open as whether it happens.
        let left = match replace(&mut self.flow, Flow::Next) {
            Flow::Next => Doubt::None,
            Flow::Continue(loops) | Flow::Break(loops) => Doubt::Loops(loops),
            Flow::Return => Doubt::Function,
            Flow::Exit => Doubt::Script,
        };
        self.doubt = self.doubt.max(left);
        None
    }

    /// Follows what can be left by itself; `behind` says what of a doubt there is left when it is over. Nobody knows
    /// whether what was perhaps left succeeds.
    fn within(&mut self, behind: fn(Doubt) -> Doubt, follow: impl FnOnce(&mut Self) -> Status) -> Status {
        let (certainty, doubt) = (self.certainty, take(&mut self.doubt));
        if doubt != Doubt::None {
            self.certainty = Certainty::Possible;
        }
        let status = follow(self).filter(|_| self.doubt == Doubt::None);
        self.certainty = certainty;
        self.doubt = doubt.max(behind(self.doubt));
        status
    }

    fn in_loop(&mut self, follow: impl FnOnce(&mut Self) -> Status) -> Status {
        self.loops += 1;
        let before = take(&mut self.broken);
        let status = self.within(Doubt::behind_loop, follow);
        self.broken = before.max(self.broken.saturating_sub(1));
        self.loops -= 1;
        status
    }

    /// Whether a loop goes on after a turn.
    fn goes_on(&mut self) -> bool {
        let (flow, goes_on) = match self.flow {
            Flow::Next | Flow::Continue(..2) => (Flow::Next, true),
            Flow::Continue(loops) => (Flow::Continue(loops - 1), false),
            Flow::Break(..2) => (Flow::Next, false),
            Flow::Break(loops) => (Flow::Break(loops - 1), false),
            other => (other, false),
        };
        self.flow = flow;
        goes_on
    }

    /// What happens to variables inside does not matter outside.
    pub(super) fn subshell(&mut self, follow: impl FnOnce(&mut Self) -> Status) -> Status {
        let length = |text: &Known| text.as_ref().map_or(0, String::len) + 1;
        let variables = self.variables.iter().map(|(name, text)| name.len() + length(text));
        let copied = variables.chain(self.arguments.iter().flatten().map(length)).sum();
        if !self.afford(copied) {
            return None;
        }
        let (variables, arguments) = (self.variables.clone(), self.arguments.clone());
        let (umask, locals) = (*self.programs.umask(), self.locals.len());
        let is_inner = replace(&mut self.is_inner, true);
        let status = self.within(|_| Doubt::None, follow);
        self.is_inner = is_inner;
        (self.variables, self.arguments) = (variables, arguments);
        self.locals.truncate(locals);
        *self.programs.umask() = umask;
        self.flow = Flow::Next;
        status
    }

    /// What commands say together, without the last end of line.
    pub(super) fn said(&mut self, list: &List) -> Known {
        let before = self.said.replace(Said::Text(String::new()));
        self.subshell(|run| run.list(list));
        self.heard(before).map(|text| text.trim_end_matches('\n').to_owned())
    }

    /// Listens as `before`, and returns what was said since.
    fn heard(&mut self, before: Option<Said>) -> Known {
        match replace(&mut self.said, before) {
            Some(Said::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Something is said; none where nobody knows what.
    pub(super) fn say(&mut self, text: Option<&str>) {
        let text = text.filter(|_| self.is_certain());
        match (&mut self.said, text) {
            (Some(Said::Text(said)), Some(text)) => said.push_str(text),
            (Some(said), None) => *said = Said::Something,
            _ => {}
        }
    }

    /// Whether there is such a function; none where it is perhaps there.
    pub(super) fn has_function(&self, name: &str) -> Status {
        match self.functions.get(name) {
            None => Some(false),
            Some(bodies) => bodies.iter().all(Option::is_some).then_some(true),
        }
    }

    /// From here on `name` is this function, or none.
    pub(super) fn define(&mut self, name: &str, body: Option<&Rc<Command>>) {
        let is_certain = self.is_certain();
        let bodies = self.functions.entry(name.to_owned()).or_insert_with(|| vec![None]);
        if is_certain {
            bodies.clear();
        }
        if !bodies.iter().any(|known| known.as_ref() == body) {
            bodies.push(body.cloned());
        }
        if bodies[..] == [None] {
            self.functions.remove(name);
        }
    }

    /// The arms of an `if`; `is_open` where one before them is perhaps taken.
    fn conditional(&mut self, arms: &[(List, List)], otherwise: &List, is_open: bool) -> Status {
        for (at, (condition, body)) in arms.iter().enumerate() {
            match self.list(condition) {
                Some(true) => return self.list(body),
                Some(false) => {}
                None => {
                    self.perhaps(|run| run.list(body));
                    if !is_open {
                        return self.perhaps(|run| run.conditional(&arms[at + 1..], otherwise, true));
                    }
                }
            }
        }
        self.list(otherwise)
    }

    fn case(&mut self, subject: &Word, arms: &[(Vec<Word>, List)]) -> Status {
        let subject = self.joined(subject);
        let mut is_open = false;
        for (patterns, body) in arms {
            let fits = |pattern| self.fits(pattern, subject.as_deref()?);
            let all: Vec<Status> = patterns.iter().map(fits).collect();
            let fits = all.contains(&Some(true));
            if fits && !is_open {
                return self.list(body);
            }
            if fits || all.contains(&None) {
                is_open = true;
                self.perhaps(|run| run.list(body));
            }
            if fits {
                return None;
            }
        }
        (!is_open).then_some(true)
    }

    fn for_loop(&mut self, name: &str, words: Option<&[Word]>, body: &List) -> Status {
        let values = match words {
            Some(words) => self.words(words),
            None => self.arguments.clone().unwrap_or_else(|| vec![None]),
        };
        let known = values.iter().all(Option::is_some);
        let status = self.in_loop(|run| {
            let mut status = Some(true);
            for value in values {
                run.variables.insert(name.to_owned(), value);
                status = if known { run.list(body) } else { run.perhaps(|run| run.list(body)) };
                if !run.goes_on() {
                    break;
                }
            }
            if run.broken > 0 {
                run.variables.insert(name.to_owned(), None);
            }
            status
        });
        if !self.is_certain() {
            self.variables.insert(name.to_owned(), None);
        }
        status
    }

    fn simple(&mut self, simple: &Simple) -> Status {
        if let Some(name) = simple.words.first().and_then(Word::literal)
            && self.declare(&name, &simple.words[1..])
        {
            return Some(true);
        }
        let mut words = self.words(&simple.words);
        let target = self.file_written(&simple.redirections);
        let empty = words.first().is_none_or(|word| word.as_deref() == Some(":"));
        if let Some(target) = target.as_ref().filter(|_| empty) {
            self.write(target, Some(String::new()), &simple.text);
        }
        if words.is_empty() {
            self.assign(&simple.assignments);
            return Some(true);
        }
        let is_plain = names_a_call(&words);
        if is_plain {
            words.remove(0);
        }
        let Some(program) = words[0].clone() else {
            self.leave(&simple.text);
            return None;
        };
        if let Some(bodies) = self.functions.get(&program).filter(|_| !is_plain).cloned() {
            return self.redirected_call(&bodies, words.split_off(1), (simple, target));
        }
        if let Some(status) = self.builtin(&program, &words[1..]) {
            if ["command", "which", "type", "umask"].contains(&program.as_str()) {
                self.say(None);
            }
            if let Some(target) = target.filter(|_| !empty) {
                self.write(&target, None, &simple.text);
            }
            return status;
        }
        self.call(&words, (simple, target))
    }

    /// A call of a program.
    fn call(&mut self, words: &[Known], (simple, target): (&Simple, Option<Target>)) -> Status {
        let program = words[0].clone().unwrap_or_default();
        let certain = self.is_certain();
        let called = self.programs.call(words, certain);
        if program == "db_get" {
            // debconf(7): the answer is in this variable.
            self.set("RET", called.output.clone());
        }
        if !is_redirected(simple) {
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
    fn input_or_output(&mut self, simple: &Simple, program: &str, output: Known) -> Known {
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

    pub(super) fn set(&mut self, name: &str, value: Known) {
        let same = self.variables.get(name).is_some_and(|there| *there == value);
        let value = if self.is_certain() || same { value } else { None };
        self.variables.insert(name.to_owned(), value);
    }

    /// A call of a function, whose output may go to a file.
    fn redirected_call(
        &mut self,
        bodies: &[Option<Rc<Command>>],
        arguments: Vec<Known>,
        (simple, target): (&Simple, Option<Target>),
    ) -> Status {
        if !is_redirected(simple) {
            return self.call_any(bodies, arguments);
        }
        let before = self.said.replace(Said::Text(String::new()));
        let status = self.call_any(bodies, arguments);
        let said = self.heard(before);
        if let Some(target) = target {
            self.write(&target, said, &simple.text);
        }
        status
    }

    /// A call of a function that may be any of these.
    fn call_any(&mut self, bodies: &[Option<Rc<Command>>], arguments: Vec<Known>) -> Status {
        if let [Some(body)] = bodies {
            return self.call_function(body, arguments);
        }
        for body in bodies.iter().flatten() {
            self.perhaps(|run| run.call_function(body, arguments.clone()));
        }
        None
    }

    fn call_function(&mut self, body: &Command, arguments: Vec<Known>) -> Status {
        let arguments = self.arguments.replace(arguments);
        let locals = take(&mut self.locals);
        let status = self.until_return(|run| run.command(body));
        self.arguments = arguments;
        for (name, value) in replace(&mut self.locals, locals) {
            match value {
                Some(value) => self.variables.insert(name, value),
                None => self.variables.remove(&name),
            };
        }
        status
    }

    /// Follows what `return` ends, with loops of its own.
    pub(super) fn until_return(&mut self, follow: impl FnOnce(&mut Self) -> Status) -> Status {
        let loops = take(&mut self.loops);
        let status = self.within(Doubt::behind_function, follow);
        self.loops = loops;
        if self.flow != Flow::Exit {
            self.flow = Flow::Next;
        }
        status
    }

    /// The file that standard output goes to, unless it is none that stays.
    fn file_written(&mut self, redirections: &[Redirection]) -> Option<Target> {
        let mut found = None;
        for redirection in redirections.iter().filter(|redirection| redirection.stream == 1) {
            let is_file = matches!(redirection.kind, RedirectionKind::Write | RedirectionKind::Append);
            let path = self.joined(&redirection.target);
            let stays = !path.as_deref().is_some_and(|path| path.starts_with("/dev/") || path.starts_with("/var/log/"));
            found = (is_file && stays).then_some((path, redirection.kind));
        }
        found
    }

    fn write(&mut self, target: &Target, text: Known, shown: &str) {
        let (Some(path), RedirectionKind::Write, Some(text)) = (&target.0, target.1, text) else {
            return self.leave(shown);
        };
        if !self.is_certain() || !self.programs.write(path, &text) {
            self.leave(shown);
        }
    }

    fn leave(&mut self, text: &str) {
        if !self.undone.iter().any(|known| known == text) {
            self.undone.push(text.to_owned());
        }
    }
}

/// A path, and how it is written.
type Target = (Known, RedirectionKind);

/// Whether standard output goes elsewhere.
pub(super) fn is_redirected(simple: &Simple) -> bool {
    simple.redirections.iter().any(|redirection| redirection.stream == 1)
}

/// Whether a word is an option; one that is not known is none.
pub(super) fn is_option(word: &Known) -> bool {
    word.as_ref().is_some_and(|word| word.starts_with('-'))
}

/// `command NAME …`: a call like any other, but of no function.
fn names_a_call(words: &[Known]) -> bool {
    words[0].as_deref() == Some("command") && words.get(1).is_some_and(|name| !is_option(name))
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
