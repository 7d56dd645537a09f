//! Writes down what goes on during a build, and passes it on.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use super::Span;
use crate::progress::{Event, Observer, Task, TaskKind};

/// Spans that are kept; what is more than that makes no picture.
const MOST: usize = 5_000;
/// Warnings that are kept.
const MOST_WARNINGS: usize = 500;

/// An observer that remembers when every task began and ended, and tells another one of it.
pub struct Recorder {
    next: Arc<dyn Observer>,
    start: Instant,
    heard: Mutex<Heard>,
}

#[derive(Default)]
struct Heard {
    running: BTreeMap<(TaskKind, String), Span>,
    over: Vec<Span>,
    warnings: Vec<String>,
}

impl Recorder {
    /// One whose clock starts now, and whose events go on to `next`.
    #[must_use]
    pub fn new(next: Arc<dyn Observer>) -> Self {
        Self { next, start: Instant::now(), heard: Mutex::default() }
    }

    /// Milliseconds since it was made.
    #[must_use]
    pub fn elapsed(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// What is over, in the order in which it began.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        let mut spans = self.heard.lock().unwrap_or_else(PoisonError::into_inner).over.clone();
        spans.sort_by(|left, right| (left.from, &left.kind, &left.name).cmp(&(right.from, &right.kind, &right.name)));
        in_lanes(&mut spans);
        spans
    }

    /// What was warned of.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).warnings.clone()
    }
}

impl Observer for Recorder {
    fn observe(&self, event: &Event<'_>) {
        let now = self.elapsed();
        {
            let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            match event {
                Event::Started { task, .. } => drop(heard.running.insert(key(*task), began(*task, now))),
                Event::Advanced { task, bytes } => {
                    if let Some(span) = heard.running.get_mut(&key(*task)) {
                        span.bytes = span.bytes.saturating_add(*bytes);
                    }
                }
                Event::Finished { task } => {
                    if let Some(span) = heard.running.remove(&key(*task))
                        && heard.over.len() < MOST
                    {
                        heard.over.push(Span { to: now, ..span });
                    }
                }
                Event::Warning { message, .. } if heard.warnings.len() < MOST_WARNINGS => {
                    heard.warnings.push((*message).to_owned());
                }
                _ => {}
            }
        }
        self.next.observe(event);
    }
}

fn key(task: Task<'_>) -> (TaskKind, String) {
    (task.kind, task.name.to_owned())
}

fn began(task: Task<'_>, now: u64) -> Span {
    let worker = || std::thread::current().name().map(str::to_owned);
    let thread = if task.kind == TaskKind::Layer { worker() } else { None };
    Span {
        kind: task.kind.noun().to_owned(),
        name: task.name.to_owned(),
        lane: 0,
        thread,
        from: now,
        to: now,
        bytes: 0,
    }
}

/// Puts each span into the first lane of its kind that is free.
fn in_lanes(spans: &mut [Span]) {
    let mut lanes: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for span in spans {
        let ends = lanes.entry(span.kind.clone()).or_default();
        span.lane = ends.iter().position(|end| *end <= span.from).unwrap_or(ends.len());
        if span.lane == ends.len() {
            ends.push(span.to);
        } else if let Some(end) = ends.get_mut(span.lane) {
            *end = span.to;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Silent;

    #[test]
    fn tasks_become_spans_and_warnings_stay() {
        let recorder = Recorder::new(Arc::new(Silent));
        let task = |name| Task { kind: TaskKind::Download, name };
        for event in [
            Event::Started { task: task("a"), total: None },
            Event::Advanced { task: task("a"), bytes: 5 },
            Event::Advanced { task: task("a"), bytes: 6 },
            Event::Started { task: task("b"), total: None },
            Event::Finished { task: task("a") },
            Event::Advanced { task: task("a"), bytes: 7 },
            Event::Warning { message: "w", hint: None },
        ] {
            recorder.observe(&event);
        }
        let spans = recorder.spans();
        let told: Vec<_> = spans.iter().map(|span| (span.name.as_str(), span.bytes, span.kind.as_str())).collect();
        assert_eq!(told, [("a", 11, "download")]);
        assert_eq!(recorder.warnings(), ["w"]);
    }

    #[test]
    fn what_overlaps_stands_in_lanes_of_its_own() {
        let span = |kind: &str, from, to| Span {
            kind: kind.to_owned(),
            name: String::new(),
            lane: 9,
            thread: None,
            from,
            to,
            bytes: 0,
        };
        let mut spans = [span("a", 0, 5), span("a", 1, 3), span("b", 2, 4), span("a", 3, 9), span("a", 5, 6)];
        in_lanes(&mut spans);
        assert_eq!(spans.map(|span| span.lane), [0, 1, 0, 1, 0]);
    }
}
