//! Progress as plain lines, as a log keeps them.

use std::{
    io::{self, Write},
    sync::Arc,
};

use super::{
    Reporter, Screen, Warnings,
    running::{Amount, Running},
    within,
};
use crate::{
    cli::{quantity, report::visible},
    progress::{Event, Observer, TaskKind},
};

/// A line for each stage, finished download, layer and upload; or for warnings only.
pub(super) struct Plain {
    screen: Arc<dyn Screen>,
    warnings: Warnings,
    detail: Detail,
    running: Running,
}

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    Everything,
    Warnings,
}

/// Uploads of fewer bytes, those of configs for one, are over before anybody reads of them.
const TOLD: u64 = 1_000_000;

/// A screen as a writer of whole lines.
pub(in crate::cli) struct Lines(pub(in crate::cli) Arc<dyn Screen>);

impl Plain {
    pub(super) fn new(screen: Arc<dyn Screen>, color: bool, detail: Detail) -> Self {
        Self { screen, warnings: Warnings::new(color), detail, running: Running::default() }
    }
}

impl Observer for Plain {
    fn observe(&self, event: &Event<'_>) {
        if let Event::Within { recipe, event } = event {
            return within(recipe, event, |named| self.observe(named));
        }
        if let Event::Warning { message, hint } = event {
            return self.warnings.text(message, *hint).iter().for_each(|text| self.screen.text(text));
        }
        if self.detail == Detail::Warnings {
            return;
        }
        match event {
            Event::Stage { name, subject } => self.screen.text(&stage(name, subject)),
            Event::Started { task, total } => self.running.start(*task, *total),
            Event::Advanced { task, bytes } => {
                self.running.advance(*task, *bytes, u64::MAX);
            }
            Event::Finished { task } => {
                let amount = self.running.finish(*task);
                if task.kind == TaskKind::Upload && amount.done < TOLD {
                    return;
                }
                let done = [done(task.kind), &visible(task.name), &size(amount)].join(" ");
                self.screen.text(done.trim_end());
            }
            Event::Warning { .. } | Event::Within { .. } => {}
        }
    }
}

impl Reporter for Plain {
    fn note(&self, text: &str) {
        if self.detail == Detail::Everything {
            self.screen.text(&visible(text));
        }
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.text(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `resolving linux/amd64`.
pub(super) fn stage(name: &str, subject: &str) -> String {
    visible(&format!("{name} {subject}"))
}

const fn done(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Download => "downloaded",
        TaskKind::Layer => "made layer",
        TaskKind::Upload => "sent",
    }
}

/// Tasks end well or not: one that did not come to its end says how far it came.
fn size(amount: Amount) -> String {
    match amount {
        Amount { done: 0, .. } => String::new(),
        Amount { done, total: Some(total), .. } if done < total => {
            format!("({} of {})", quantity::bytes(done), quantity::bytes(total))
        }
        Amount { done, .. } => format!("({})", quantity::bytes(done)),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            OfRecipe,
            testing::{Kept, play},
        },
        *,
    };

    #[test]
    fn lines_tell_of_what_is_finished() {
        let screen = Kept::new();
        let reporter = Plain::new(Arc::clone(&screen) as Arc<dyn Screen>, false, Detail::Everything);
        play(&reporter);
        reporter.note("wrote app.lock");
        let expect = "resolving linux/amd64\ndownloaded a-1-py3-none-any.whl (3.0 MB)\n\
                      downloaded b-1-py3-none-any.whl (10 B)\nwarning: a differs\nhint: pin it\n\
                      made layer wheels (500 B of 2.0 kB)\nwrote app.lock\n";
        assert_eq!(screen.take(), expect);
    }

    #[test]
    fn lines_name_the_recipe_where_there_are_several() {
        let screen = Kept::new();
        let reporter = Plain::new(Arc::clone(&screen) as Arc<dyn Screen>, false, Detail::Everything);
        let reporter = OfRecipe::new("app.toml".to_owned(), Arc::new(reporter));
        play(&reporter);
        reporter.note("wrote app.lock");
        let expect = "app.toml: resolving linux/amd64\ndownloaded app.toml: a-1-py3-none-any.whl (3.0 MB)\n\
                      downloaded app.toml: b-1-py3-none-any.whl (10 B)\nwarning: app.toml: a differs\nhint: pin it\n\
                      made layer app.toml: wheels (500 B of 2.0 kB)\napp.toml: wrote app.lock\n";
        assert_eq!(screen.take(), expect);
    }

    #[test]
    fn silence_is_broken_by_warnings() {
        let screen = Kept::new();
        let reporter = Plain::new(Arc::clone(&screen) as Arc<dyn Screen>, false, Detail::Warnings);
        play(&reporter);
        reporter.note("wrote app.lock");
        assert_eq!(screen.take(), "warning: a differs\nhint: pin it\n");
        play(&reporter);
        assert_eq!(screen.take(), "", "told once");
    }
}
