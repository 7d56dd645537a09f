//! Progress on standard error, from the builder's events: live bars, plain lines, JSON lines, or none.
//! Warnings are shown in every case.

mod bars;
mod json;
mod lines;
mod running;

use std::{
    collections::BTreeSet,
    io::{self, IsTerminal as _, Write as _},
    sync::{Arc, Mutex, PoisonError},
};

use super::{args::Progress, report::Words};
use crate::{
    hint::Hint,
    progress::{Event, Observer, Task},
};

pub(super) use lines::Lines;

use bars::Bars;
use json::Json;
use lines::{Detail, Plain};

/// Tells what happens.
pub(super) trait Reporter: Observer {
    /// A line on what the program itself decided or did.
    fn note(&self, text: &str);

    /// Nothing more will happen: clears what is not to stay.
    fn finish(&self) {}
}

/// Where lines for people appear.
pub(super) trait Screen: Send + Sync {
    /// Shows `text`, which may have several lines; the last one is ended.
    fn text(&self, text: &str);
}

/// Warnings in the words of a terminal, each told once: variants of an image have the same ones.
struct Warnings {
    words: Words,
    told: Mutex<BTreeSet<String>>,
}

impl Warnings {
    fn new(color: bool) -> Self {
        Self { words: Words::new(color), told: Mutex::default() }
    }

    /// What there is to tell; nothing the second time.
    fn text(&self, message: &str, hint: Option<&Hint>) -> Option<String> {
        let text = self.words.warning(message, hint);
        let is_new = self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(text.clone());
        is_new.then_some(text)
    }
}

/// What one recipe among several has its reporter say.
pub(super) struct OfRecipe {
    recipe: String,
    reporter: Arc<dyn Reporter>,
}

impl OfRecipe {
    pub(super) const fn new(recipe: String, reporter: Arc<dyn Reporter>) -> Self {
        Self { recipe, reporter }
    }
}

impl Observer for OfRecipe {
    fn observe(&self, event: &Event<'_>) {
        self.reporter.observe(&Event::Within { recipe: &self.recipe, event });
    }
}

impl Reporter for OfRecipe {
    fn note(&self, text: &str) {
        self.reporter.note(&format!("{}: {text}", self.recipe));
    }
}

/// Hands on `event` with the recipe's name before what it names.
fn within<T>(recipe: &str, event: &Event<'_>, hear: impl FnOnce(&Event<'_>) -> T) -> T {
    let named = |text: &str| format!("{recipe}: {text}");
    let of = |task: &Task<'_>| named(task.name);
    match event {
        Event::Stage { name, subject } => hear(&Event::Stage { name: &named(name), subject }),
        Event::Started { task, total } => {
            hear(&Event::Started { task: Task { kind: task.kind, name: &of(task) }, total: *total })
        }
        Event::Advanced { task, bytes } => {
            hear(&Event::Advanced { task: Task { kind: task.kind, name: &of(task) }, bytes: *bytes })
        }
        Event::Finished { task } => hear(&Event::Finished { task: Task { kind: task.kind, name: &of(task) } }),
        Event::Warning { message, hint } => hear(&Event::Warning { message: &named(message), hint: *hint }),
        Event::Within { event, .. } => hear(event),
    }
}

/// The standard error stream as it is.
struct StandardError;

impl Screen for StandardError {
    fn text(&self, text: &str) {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        // Nobody is left to be told that this failed.
        let _ = write!(io::stderr().lock(), "{text}{end}");
    }
}

/// The reporter that was asked for, and the screen that everybody else writes on meanwhile.
pub(super) fn reporter(wanted: Progress, color: bool) -> (Arc<dyn Reporter>, Arc<dyn Screen>) {
    let screen: Arc<dyn Screen> = Arc::new(StandardError);
    let shared = Arc::clone(&screen);
    match wanted {
        Progress::Auto if io::stderr().is_terminal() => {
            let bars = Arc::new(Bars::new(indicatif::ProgressDrawTarget::stderr(), color));
            (Arc::clone(&bars) as Arc<dyn Reporter>, bars)
        }
        Progress::Auto | Progress::Plain => (Arc::new(Plain::new(shared, color, Detail::Everything)), screen),
        Progress::Off => (Arc::new(Plain::new(shared, color, Detail::Warnings)), screen),
        Progress::Json => (Arc::new(Json::new(shared)), screen),
    }
}

#[cfg(test)]
pub(super) mod testing {
    use std::sync::{Arc, Mutex};

    use super::Screen;
    use crate::{
        hint::Hint,
        progress::{Event, Observer, Task, TaskKind},
    };

    /// Keeps what is shown.
    #[derive(Default)]
    pub(in crate::cli) struct Kept(Mutex<String>);

    impl Kept {
        pub(in crate::cli) fn new() -> Arc<Self> {
            Arc::new(Self::default())
        }

        pub(in crate::cli) fn take(&self) -> String {
            std::mem::take(&mut self.0.lock().unwrap())
        }
    }

    impl Screen for Kept {
        fn text(&self, text: &str) {
            let mut kept = self.0.lock().unwrap();
            kept.push_str(text);
            if !text.ends_with('\n') {
                kept.push('\n');
            }
        }
    }

    /// One of each event, and two downloads at once.
    pub(in crate::cli) fn play(observer: &dyn Observer) {
        let wheel = Task { kind: TaskKind::Download, name: "a-1-py3-none-any.whl" };
        let other = Task { kind: TaskKind::Download, name: "b-1-py3-none-any.whl" };
        let layer = Task { kind: TaskKind::Layer, name: "wheels" };
        let hint = Hint::new("pin it");
        for event in [
            Event::Stage { name: "resolving", subject: "linux/amd64" },
            Event::Started { task: wheel, total: Some(3_000_000) },
            Event::Started { task: other, total: None },
            Event::Advanced { task: wheel, bytes: 1_000_000 },
            Event::Advanced { task: other, bytes: 10 },
            Event::Advanced { task: wheel, bytes: 2_000_000 },
            Event::Finished { task: wheel },
            Event::Finished { task: other },
            Event::Warning { message: "a differs", hint: Some(&hint) },
            Event::Started { task: layer, total: Some(2_000) },
            Event::Advanced { task: layer, bytes: 500 },
            Event::Finished { task: layer },
        ] {
            observer.observe(&event);
        }
    }
}
