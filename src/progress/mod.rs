//! What a build tells while it works: one enum of events, one observer. The bars of a terminal,
//! the plain lines of a CI log and the tests all read the same events.

use std::sync::Arc;

use crate::hint::Hint;

/// Something that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A stage of the build began, such as `resolving` for `linux/arm64`.
    Stage {
        /// A present participle: `resolving`, `reading base`.
        name: &'a str,
        /// What it works on.
        subject: &'a str,
    },
    /// A task with bytes to count began.
    Started {
        /// The task.
        task: Task<'a>,
        /// Bytes it will move, when known.
        total: Option<u64>,
    },
    /// `bytes` more are done.
    Advanced {
        /// The task.
        task: Task<'a>,
        /// Bytes since the last event of this task.
        bytes: u64,
    },
    /// The task is over, well or not.
    Finished {
        /// The task.
        task: Task<'a>,
    },
    /// Something the user should know that stops nothing.
    Warning {
        /// One line.
        message: &'a str,
        /// The way out.
        hint: Option<&'a Hint>,
    },
    /// Where several recipes are built at the same time: the event of one of them.
    Within {
        /// Its name.
        recipe: &'a str,
        /// What happened.
        event: &'a Event<'a>,
    },
}

/// Names one of the things that go on at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Task<'a> {
    /// What is done.
    pub kind: TaskKind,
    /// To what: a file name, a layer's name, a digest. Unique among running tasks of its kind.
    pub name: &'a str,
}

/// The kinds of task that have a bar of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskKind {
    /// A file comes in.
    Download,
    /// A layer is laid down.
    Layer,
    /// A blob goes out.
    Upload,
}

impl TaskKind {
    /// What is done, in a word.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Layer => "layer",
            Self::Upload => "upload",
        }
    }
}

/// Hears every [`Event`]. Called from many threads; must not block.
pub trait Observer: Send + Sync {
    /// `event` happened.
    fn observe(&self, event: &Event<'_>);
}

/// Tells another observer everything as the events of one recipe among several.
pub struct Within {
    recipe: String,
    observer: Arc<dyn Observer>,
}

impl Within {
    /// What happens to `recipe`, for `observer`.
    #[must_use]
    pub fn new(recipe: impl Into<String>, observer: Arc<dyn Observer>) -> Self {
        Self { recipe: recipe.into(), observer }
    }
}

impl Observer for Within {
    fn observe(&self, event: &Event<'_>) {
        self.observer.observe(&Event::Within { recipe: &self.recipe, event });
    }
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn observe(&self, _: &Event<'_>) {}
}
