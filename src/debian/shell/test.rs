//! The conditions of `test` and `[`, in which the answer may be that nobody knows.

use super::{Found, Programs, run::Status};

/// Brackets may stand in each other this deep.
const DEEPEST: usize = 16;

/// The answer to the expression.
pub(super) fn test(programs: &impl Programs, words: &[Option<String>]) -> Status {
    let mut parser = Expression { programs, words, at: 0, depth: 0 };
    let status = parser.or();
    if parser.at == words.len() { status } else { None }
}

struct Expression<'a, P> {
    programs: &'a P,
    words: &'a [Option<String>],
    at: usize,
    depth: usize,
}

impl<P: Programs> Expression<'_, P> {
    fn is_next(&self, text: &str) -> bool {
        self.words.get(self.at).is_some_and(|word| word.as_deref() == Some(text))
    }

    fn or(&mut self) -> Status {
        let mut status = self.and();
        while self.is_next("-o") {
            self.at += 1;
            status = match (status, self.and()) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            };
        }
        status
    }

    fn and(&mut self) -> Status {
        let mut status = self.not();
        while self.is_next("-a") {
            self.at += 1;
            status = match (status, self.not()) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            };
        }
        status
    }

    fn not(&mut self) -> Status {
        let mut expect = true;
        while self.is_next("!") && self.at + 1 < self.words.len() {
            self.at += 1;
            expect = !expect;
        }
        let status = if self.is_next("(") && self.depth < DEEPEST { self.bracketed() } else { self.primary() };
        status.map(|status| status == expect)
    }

    fn bracketed(&mut self) -> Status {
        self.at += 1;
        self.depth += 1;
        let status = self.or();
        self.depth -= 1;
        self.at += usize::from(self.is_next(")"));
        status
    }

    fn primary(&mut self) -> Status {
        let left = self.words.get(self.at).cloned();
        let operator = self.words.get(self.at + 1).cloned().flatten();
        if let (Some(left), Some(operator)) = (&left, operator)
            && is_binary(&operator)
            && let Some(right) = self.words.get(self.at + 2)
        {
            self.at += 3;
            return compare(left.as_deref()?, &operator, right.as_deref()?);
        }
        let Some(first) = left else { return Some(false) };
        if let Some(operator) = first.as_deref().filter(|word| is_unary(word))
            && let Some(operand) = self.words.get(self.at + 1)
        {
            self.at += 2;
            return self.ask(operator, operand.as_deref()?);
        }
        self.at += 1;
        first.map(|word| !word.is_empty())
    }

    fn ask(&self, operator: &str, operand: &str) -> Status {
        let found = || self.programs.look(operand);
        if !["-n", "-z"].contains(&operator) && !operand.is_empty() && !operand.starts_with('/') {
            // From which folder, nobody knows.
            return None;
        }
        match operator {
            "-n" => Some(!operand.is_empty()),
            "-z" => Some(operand.is_empty()),
            "-e" => Some(found().is_some()),
            "-d" => Some(found() == Some(Found::Directory)),
            "-f" | "-r" | "-w" => Some(found().is_some_and(|found| operator != "-f" || found != Found::Directory)),
            "-x" => Some(matches!(found(), Some(Found::Directory | Found::File { executable: true, .. }))),
            "-s" => Some(matches!(found(), Some(Found::Directory | Found::File { empty: false, .. }))),
            "-L" | "-h" => Some(self.programs.is_link(operand)),
            "-S" | "-p" | "-b" | "-c" | "-t" => Some(false),
            _ => None,
        }
    }
}

fn is_unary(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next() == Some('-')
        && letters.next().is_some_and(|letter| letter.is_ascii_alphabetic())
        && letters.next().is_none()
}

fn is_binary(word: &str) -> bool {
    ["=", "==", "!=", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef"].contains(&word)
}

fn compare(left: &str, operator: &str, right: &str) -> Status {
    let numbers = || Some((left.trim().parse::<i64>().ok()?, right.trim().parse::<i64>().ok()?));
    match operator {
        "=" | "==" => Some(left == right),
        "!=" => Some(left != right),
        "-eq" => numbers().map(|(left, right)| left == right),
        "-ne" => numbers().map(|(left, right)| left != right),
        "-lt" => numbers().map(|(left, right)| left < right),
        "-le" => numbers().map(|(left, right)| left <= right),
        "-gt" => numbers().map(|(left, right)| left > right),
        "-ge" => numbers().map(|(left, right)| left >= right),
        _ => None,
    }
}
