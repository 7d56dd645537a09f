//! Progress as one JSON object a line, for programs.
//!
//! Every object has `event`: `stage` (`name`, `subject`), `started` (`task`, `name`, `total` in bytes or
//! null), `advanced` (`task`, `name`, `done` in bytes; at most one for each MiB), `finished` (the same),
//! `warning` (`message`, `hint` or null), `note` (`message`).

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Reporter, Screen, running::Running};
use crate::{
    oci::canonical_json,
    progress::{Event, Observer, Task, TaskKind},
};

/// Bytes between two objects on the advance of one task.
const STEP: u64 = 1 << 20;

/// Writes an object for each event.
pub(super) struct Json {
    screen: Arc<dyn Screen>,
    running: Running,
}

impl Json {
    pub(super) fn new(screen: Arc<dyn Screen>) -> Self {
        Self { screen, running: Running::default() }
    }

    fn write(&self, object: &Value) {
        self.screen.text(&String::from_utf8_lossy(&canonical_json(object)));
    }
}

impl Observer for Json {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::Stage { name, subject } => {
                self.write(&json!({ "event": "stage", "name": name, "subject": subject }));
            }
            Event::Started { task, total } => {
                self.running.start(*task, *total);
                self.write(&on_task("started", *task, "total", json!(total)));
            }
            Event::Advanced { task, bytes } => {
                if let Some(amount) = self.running.advance(*task, *bytes, STEP) {
                    self.write(&on_task("advanced", *task, "done", json!(amount.done)));
                }
            }
            Event::Finished { task } => {
                let amount = self.running.finish(*task);
                self.write(&on_task("finished", *task, "done", json!(amount.done)));
            }
            Event::Warning { message, hint } => {
                let hint = hint.map(ToString::to_string);
                self.write(&json!({ "event": "warning", "message": message, "hint": hint }));
            }
        }
    }
}

impl Reporter for Json {
    fn note(&self, text: &str) {
        self.write(&json!({ "event": "note", "message": text }));
    }
}

fn on_task(event: &str, task: Task<'_>, key: &str, value: Value) -> Value {
    let kind = match task.kind {
        TaskKind::Download => "download",
        TaskKind::Layer => "layer",
        TaskKind::Upload => "upload",
    };
    let mut object = json!({ "event": event, "task": kind, "name": task.name });
    object[key] = value;
    object
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{Kept, play},
        *,
    };

    #[test]
    fn every_event_is_an_object() {
        let screen = Kept::new();
        play(&Json::new(Arc::clone(&screen) as Arc<dyn Screen>));
        let text = screen.take();
        insta::assert_snapshot!(text, @r#"
        {"event":"stage","name":"resolving","subject":"linux/amd64"}
        {"event":"started","name":"a-1-py3-none-any.whl","task":"download","total":3000000}
        {"event":"started","name":"b-1-py3-none-any.whl","task":"download","total":null}
        {"done":3000000,"event":"advanced","name":"a-1-py3-none-any.whl","task":"download"}
        {"done":3000000,"event":"finished","name":"a-1-py3-none-any.whl","task":"download"}
        {"done":10,"event":"finished","name":"b-1-py3-none-any.whl","task":"download"}
        {"event":"warning","hint":"pin it","message":"a differs"}
        {"event":"started","name":"wheels","task":"layer","total":2000}
        {"done":500,"event":"finished","name":"wheels","task":"layer"}
        "#);
        assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    }
}
