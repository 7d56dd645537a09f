//! Reads one table of a recipe key by key. A key that nobody asked for is unknown; every problem is
//! noted with its place, and reading goes on, so that one run finds all of them.

use std::{cell::RefCell, collections::BTreeMap, ops::Range};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::problem::{Fault, Log, Problem, ProblemKind, quoted_list};
use crate::hint::Hint;

/// One table, its place, and the keys that were asked of it.
pub(super) struct Reader<'d> {
    /// The key of the table from the root, such as `wheels`; empty for the root.
    path: String,
    table: &'d DeTable<'d>,
    span: Range<usize>,
    log: &'d Log,
    asked: RefCell<Vec<&'static str>>,
}

type Value<'d> = &'d Spanned<DeValue<'d>>;

impl<'d> Reader<'d> {
    pub(super) fn new(path: &str, table: &'d DeTable<'d>, span: Range<usize>, log: &'d Log) -> Self {
        Self { path: path.to_owned(), table, span, log, asked: RefCell::default() }
    }

    /// Where the table's header, or the inline table, stands.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// `key` from the root: `wheels.require`.
    pub(super) fn full_name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn add(&self, problem: Problem) {
        self.log.add(problem);
    }

    /// Notes that a key must be there.
    pub(super) fn missing(&self, key: &str, example: &str) {
        let problem = Problem::new(ProblemKind::Missing, self.span(), format!("`{}` is missing", self.full_name(key)));
        self.add(problem.labelled("missing here").hinted(Hint::new(format!("add `{key} = {example}`"))));
    }

    /// Whether the key is in the table. Does not count as asking for it.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    pub(super) fn value(&self, key: &'static str) -> Option<Value<'d>> {
        self.asked.borrow_mut().push(key);
        self.table.get(key)
    }

    /// A string that `parse` understands.
    pub(super) fn parsed<T>(&self, key: &'static str, parse: impl Fn(&str) -> Result<T, Fault>) -> Option<Spanned<T>> {
        let value = self.value(key)?;
        self.parsed_value(&self.subject(key), value, parse)
    }

    /// A list of strings, each of which `parse` understands; those that it does not are left out.
    pub(super) fn parsed_list<T>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, Fault>,
    ) -> Vec<Spanned<T>> {
        let subject = self.item_subject(key);
        let items = self.list(key, "a list of strings");
        items.iter().filter_map(|item| self.parsed_value(&subject, item, &parse)).collect()
    }

    /// The items of a list, of any type; nothing when there is no such list.
    pub(super) fn list(&self, key: &'static str, expected: &str) -> &'d [Spanned<DeValue<'d>>] {
        let Some(value) = self.value(key) else { return &[] };
        if let DeValue::Array(items) = value.get_ref() {
            items
        } else {
            self.wrong_type(&self.subject(key), expected, value);
            &[]
        }
    }

    /// `true` or `false`, the default.
    pub(super) fn flag(&self, key: &'static str) -> bool {
        let Some(value) = self.value(key) else { return false };
        if let DeValue::Boolean(flag) = value.get_ref() {
            return *flag;
        }
        self.wrong_type(&self.subject(key), "`true` or `false`", value);
        false
    }

    /// One value as a string that `parse` understands; `subject` says what it is in messages.
    pub(super) fn parsed_value<T>(
        &self,
        subject: &str,
        value: Value<'d>,
        parse: impl Fn(&str) -> Result<T, Fault>,
    ) -> Option<Spanned<T>> {
        let DeValue::String(text) = value.get_ref() else {
            self.wrong_type(subject, "a string", value);
            return None;
        };
        let parsed = if text.contains('\0') {
            Err(Fault::new(format!("{subject} contains a NUL character"))
                .labelled("NUL")
                .advised("remove the `\\u0000`"))
        } else {
            parse(text)
        };
        parsed
            .map(|parsed| Spanned::new(value.span(), parsed))
            .map_err(|fault| self.log.add_fault(fault, value.span()))
            .ok()
    }

    /// A table of strings; `check` looks at each key.
    pub(super) fn strings_by_name(
        &self,
        key: &'static str,
        check: impl Fn(&str) -> Result<(), Fault>,
    ) -> BTreeMap<String, Spanned<String>> {
        let mut strings = BTreeMap::new();
        let Some(value) = self.value(key) else { return strings };
        let DeValue::Table(table) = value.get_ref() else {
            self.wrong_type(&self.subject(key), "a table of strings", value);
            return strings;
        };
        for (name, value) in table {
            let name_text: &str = name.get_ref();
            if let Err(fault) = check(name_text) {
                self.log.add_fault(fault, name.span());
            }
            let subject = format!("`{}.{name_text}`", self.full_name(key));
            if let Some(text) = self.parsed_value(&subject, value, |text| Ok(text.to_owned())) {
                strings.insert(name_text.to_owned(), text);
            }
        }
        strings
    }

    /// A table below this one.
    pub(super) fn table(&self, key: &'static str) -> Option<Reader<'d>> {
        let value = self.value(key)?;
        self.as_table(&self.full_name(key), &self.subject(key), value)
    }

    /// The table that stands as `value` under `key`, or in the list there.
    pub(super) fn table_at(&self, key: &str, value: Value<'d>) -> Option<Reader<'d>> {
        self.as_table(&self.full_name(key), &self.subject(key), value)
    }

    /// Notes a fault of the value that stands at `span`.
    pub(super) fn fault(&self, fault: Fault, span: Range<usize>) {
        self.log.add_fault(fault, span);
    }

    /// A list of tables, `[[key]]`.
    pub(super) fn tables(&self, key: &'static str) -> Vec<Reader<'d>> {
        let (name, subject) = (self.full_name(key), self.item_subject(key));
        let items = self.list(key, "a list of tables");
        items.iter().filter_map(|item| self.as_table(&name, &subject, item)).collect()
    }

    /// Tables below this one under names of the user's choice, with the places of the names.
    pub(super) fn named_tables(&self, key: &'static str) -> Vec<(Spanned<String>, Reader<'d>)> {
        let Some(parent) = self.table(key) else { return Vec::new() };
        let tables = parent.table.iter().filter_map(|(name, value)| {
            let full_name = parent.full_name(name.get_ref());
            let reader = parent.as_table(&full_name, &format!("`{full_name}`"), value)?;
            Some((Spanned::new(name.span(), name.get_ref().clone().into_owned()), reader))
        });
        tables.collect()
    }

    /// Notes what was not asked for.
    pub(super) fn finish(self) {
        for (key, _) in self.table {
            let name: &str = key.get_ref();
            if !self.asked.borrow().contains(&name) {
                self.unknown_key(name, key.span());
            }
        }
    }

    /// Notes a value of another type than `expected`.
    pub(super) fn wrong_type(&self, subject: &str, expected: &str, value: Value<'d>) {
        let found = with_article(value.get_ref());
        let message = format!("{subject} must be {expected}, found {found}");
        let problem = Problem::new(ProblemKind::WrongType, value.span(), message);
        self.add(problem.labelled(format!("expected {expected}")).hinted(type_hint(expected, value.get_ref())));
    }

    /// How messages call the value of `key`.
    pub(super) fn subject(&self, key: &str) -> String {
        format!("`{}`", self.full_name(key))
    }

    /// How messages call an item of the list `key`.
    pub(super) fn item_subject(&self, key: &str) -> String {
        format!("every item of `{}`", self.full_name(key))
    }

    fn as_table(&self, name: &str, subject: &str, value: Value<'d>) -> Option<Reader<'d>> {
        if let DeValue::Table(table) = value.get_ref() {
            return Some(Reader::new(name, table, value.span(), self.log));
        }
        self.wrong_type(subject, "a table", value);
        None
    }

    fn unknown_key(&self, name: &str, span: Range<usize>) {
        let mut known = self.asked.borrow().clone();
        known.sort_unstable();
        known.dedup();
        let hint = Hint::did_you_mean(name, known.iter().copied())
            .unwrap_or_else(|| Hint::new(format!("use one of {}", quoted_list(&known))));
        let message = format!("unknown key `{}`", self.full_name(name));
        self.add(Problem::new(ProblemKind::UnknownKey, span, message).labelled("unknown key").hinted(hint));
    }
}

fn with_article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The words of a string as a list, where it is plain where they end: those of a command, for one.
fn listed(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || " -_./:=".contains(letter);
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    if words.len() < 2 || !text.chars().all(is_plain) {
        return "[\"…\"]".to_owned();
    }
    format!("[\"{}\"]", words.join("\", \""))
}

fn type_hint(expected: &str, found: &DeValue<'_>) -> Option<Hint> {
    match (expected, found) {
        ("a string", DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_)) => {
            Some(Hint::new("put it in quotes"))
        }
        ("a list of tables", DeValue::Table(_)) => Some(Hint::new("put its header in double brackets: `[[…]]`")),
        ("a list of strings", DeValue::String(text)) => {
            Some(Hint::new(format!("put it in brackets: `{}`", listed(text))))
        }
        _ => None,
    }
}
