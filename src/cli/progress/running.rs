//! What goes on at the moment, for reporters that tell of it when it is over.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::progress::{Task, TaskKind};

/// The running tasks, with how far each has come.
#[derive(Default)]
pub(super) struct Running(Mutex<BTreeMap<(TaskKind, String), Amount>>);

/// How far a task has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    /// Bytes done.
    pub(super) done: u64,
    /// Bytes done that nobody was told of.
    pub(super) untold: u64,
    /// Bytes in all, when known.
    pub(super) total: Option<u64>,
}

impl Running {
    pub(super) fn start(&self, task: Task<'_>, total: Option<u64>) {
        self.with(|running| running.insert(key(task), Amount { total, ..Amount::default() }));
    }

    /// Counts `bytes`; returns how far the task is, once `step` bytes have not been told of.
    pub(super) fn advance(&self, task: Task<'_>, bytes: u64, step: u64) -> Option<Amount> {
        self.with(|running| {
            let amount = running.entry(key(task)).or_default();
            amount.done = amount.done.saturating_add(bytes);
            amount.untold = amount.untold.saturating_add(bytes);
            let told = *amount;
            (told.untold >= step).then(|| {
                amount.untold = 0;
                told
            })
        })
    }

    /// Forgets the task; returns how far it came.
    pub(super) fn finish(&self, task: Task<'_>) -> Amount {
        self.with(|running| running.remove(&key(task)).unwrap_or_default())
    }

    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<(TaskKind, String), Amount>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn key(task: Task<'_>) -> (TaskKind, String) {
    (task.kind, task.name.to_owned())
}
