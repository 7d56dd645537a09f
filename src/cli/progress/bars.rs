//! Progress as live bars on a terminal: the stage, a bar for each of the first few tasks, and one line
//! for all others.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Reporter, Screen, Warnings, lines::stage, within};
use crate::{
    cli::{quantity, report::visible},
    progress::{Event, Observer, Task, TaskKind},
};

/// Bars at the same time; further tasks share the line below them.
const MOST_BARS: usize = 8;

/// Pause between two pictures of a spinner.
const TICK: Duration = Duration::from_millis(120);

const SPINNER: &str = "{spinner} {wide_msg}";
const SIZED: &str =
    "  {prefix:<8} {bar:24} {decimal_bytes:>9} of {decimal_total_bytes:<9} {decimal_bytes_per_sec:>12}  {wide_msg}";
const UNSIZED: &str =
    "  {prefix:<8} {spinner:24} {decimal_bytes:>9}    {elapsed:<9} {decimal_bytes_per_sec:>12}  {wide_msg}";
const REST: &str = "  {wide_msg}";

/// Draws on a terminal.
pub(super) struct Bars {
    multi: MultiProgress,
    warnings: Warnings,
    picture: Mutex<Picture>,
}

/// What is drawn.
struct Picture {
    stage: ProgressBar,
    rest: ProgressBar,
    tasks: BTreeMap<(TaskKind, String), Option<ProgressBar>>,
    done: BTreeMap<TaskKind, Done>,
}

/// What of one kind is over.
#[derive(Clone, Copy, Default)]
struct Done {
    tasks: usize,
    bytes: u64,
}

impl Bars {
    pub(super) fn new(target: ProgressDrawTarget, color: bool) -> Self {
        let multi = MultiProgress::with_draw_target(target);
        let stage = multi.add(ProgressBar::new_spinner().with_style(style(SPINNER)));
        let rest = multi.add(ProgressBar::new_spinner().with_style(style(REST)));
        let picture = Picture { stage, rest, tasks: BTreeMap::new(), done: BTreeMap::new() };
        Self { multi, warnings: Warnings::new(color), picture: Mutex::new(picture) }
    }

    fn picture(&self) -> MutexGuard<'_, Picture> {
        self.picture.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, task: Task<'_>, total: Option<u64>) {
        let mut picture = self.picture();
        let shown = picture.tasks.values().flatten().count();
        let bar = (shown < MOST_BARS).then(|| self.multi.insert_before(&picture.rest, bar(task, total)));
        picture.tasks.insert(key(task), bar);
        picture.tell_rest();
    }

    fn finish_task(&self, task: Task<'_>) {
        let mut picture = self.picture();
        if let Some(Some(bar)) = picture.tasks.remove(&key(task)) {
            bar.finish_and_clear();
            self.multi.remove(&bar);
        }
        picture.done.entry(task.kind).or_default().tasks += 1;
        picture.tell_rest();
    }
}

impl Picture {
    fn advance(&mut self, task: Task<'_>, bytes: u64) {
        if let Some(Some(bar)) = self.tasks.get(&key(task)) {
            bar.inc(bytes);
        }
        let done = self.done.entry(task.kind).or_default();
        done.bytes = done.bytes.saturating_add(bytes);
        self.tell_rest();
    }

    fn tell_stage(&self, name: &str, subject: &str) {
        self.stage.enable_steady_tick(TICK);
        self.stage.set_message(stage(name, subject));
    }

    fn tell_rest(&self) {
        let unseen = self.tasks.values().filter(|bar| bar.is_none()).count();
        self.rest.set_message(rest(&self.done, unseen));
    }
}

impl Observer for Bars {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::Stage { name, subject } => self.picture().tell_stage(name, subject),
            Event::Started { task, total } => self.start(*task, *total),
            Event::Advanced { task, bytes } => self.picture().advance(*task, *bytes),
            Event::Finished { task } => self.finish_task(*task),
            Event::Warning { message, hint } => {
                self.warnings.text(message, *hint).iter().for_each(|text| self.text(text));
            }
            Event::Within { recipe, event } => within(recipe, event, |named| self.observe(named)),
        }
    }
}

impl Reporter for Bars {
    fn note(&self, text: &str) {
        self.text(&visible(text));
    }

    fn finish(&self) {
        let mut picture = self.picture();
        for bar in std::mem::take(&mut picture.tasks).into_values().flatten() {
            bar.finish_and_clear();
        }
        picture.stage.finish_and_clear();
        picture.rest.finish_and_clear();
    }
}

impl Screen for Bars {
    fn text(&self, text: &str) {
        self.multi.suspend(|| super::StandardError.text(text));
    }
}

fn bar(task: Task<'_>, total: Option<u64>) -> ProgressBar {
    let bar = match total {
        Some(total) => ProgressBar::new(total).with_style(style(SIZED)),
        None => ProgressBar::no_length().with_style(style(UNSIZED)),
    };
    bar.with_prefix(task.kind.noun()).with_message(visible(task.name))
}

/// `downloads: 12 done, 34.5 MB; 3 more under way`.
fn rest(done: &BTreeMap<TaskKind, Done>, unseen: usize) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (kind, done) in done {
        let kind = match kind {
            TaskKind::Download => "downloads",
            TaskKind::Layer => "layers",
            TaskKind::Upload => "uploads",
        };
        parts.push(format!("{kind}: {} done, {}", done.tasks, quantity::bytes(done.bytes)));
    }
    if unseen > 0 {
        parts.push(format!("{unseen} more under way"));
    }
    parts.join("; ")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("##-")
}

fn key(task: Task<'_>) -> (TaskKind, String) {
    (task.kind, task.name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{super::testing::play, *};

    #[test]
    fn templates_are_understood() {
        for template in [SPINNER, SIZED, UNSIZED, REST] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn many_tasks_share_a_line() {
        let bars = Bars::new(ProgressDrawTarget::hidden(), false);
        let names: Vec<String> = (0..20).map(|number| format!("{number}.whl")).collect();
        for name in &names {
            bars.observe(&Event::Started { task: Task { kind: TaskKind::Download, name }, total: Some(10) });
        }
        assert_eq!(bars.picture().rest.message(), "12 more under way");
        for name in &names[..15] {
            let task = Task { kind: TaskKind::Download, name };
            bars.observe(&Event::Advanced { task, bytes: 100 });
            bars.observe(&Event::Finished { task });
        }
        assert_eq!(bars.picture().rest.message(), "downloads: 15 done, 1.5 kB; 5 more under way");
        bars.finish();
        assert!(bars.picture().tasks.is_empty() && bars.picture().stage.is_finished());
    }

    #[test]
    fn every_event_finds_its_bar() {
        let bars = Bars::new(ProgressDrawTarget::hidden(), false);
        play(&bars);
        let picture = bars.picture();
        assert_eq!(picture.stage.message(), "resolving linux/amd64");
        assert_eq!(picture.rest.message(), "downloads: 2 done, 3.0 MB; layers: 1 done, 500 B");
        assert!(picture.tasks.is_empty());
    }
}
