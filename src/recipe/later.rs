//! Keys that belong to the grammar and that this version does not act upon. To ignore them would
//! build another image than the recipe says, so they are errors. Acting upon one means deleting its
//! line here.

use std::ops::Range;

use toml::de::DeValue;

use super::problem::{Problem, ProblemKind};
use crate::hint::Hint;

/// One line of the table.
#[derive(Clone, Copy)]
pub(super) struct Later {
    /// The key, from the root.
    key: &'static str,
}

const LATER: &[Later] = &[Later { key: "wheels.bytecode" }];

/// The line for a key that is not acted upon.
pub(super) fn find(key: &str) -> Option<&'static Later> {
    LATER.iter().find(|later| later.key == key)
}

/// The keys of one table that are not acted upon yet: they may be what was meant.
pub(super) fn keys_of(table: &str) -> impl Iterator<Item = &'static str> {
    LATER.iter().filter_map(move |later| match later.key.rsplit_once('.') {
        Some((parent, key)) => (parent == table).then_some(key),
        None => table.is_empty().then_some(later.key),
    })
}

/// Whether `value` is what happens anyhow: every key of the table is a switch, off where it is not given.
pub(super) const fn is_harmless(value: &DeValue<'_>) -> bool {
    matches!(value, DeValue::Boolean(false))
}

impl Later {
    pub(super) fn problem(&self, span: Range<usize>) -> Problem {
        let message = format!("`{}` is not supported yet", self.key);
        let hint = format!("remove `{}`", self.key);
        Problem::new(ProblemKind::NotYet, span, message).labelled("not supported yet").hinted(Hint::new(hint))
    }
}
