//! Progress as one JSON object a line, for programs.
//!
//! Every object has `event`: `stage` (`name`, `subject`), `started` (`task`, `name`, `total` in bytes or
//! null), `advanced` (`task`, `name`, `done` in bytes; at most one for each MiB), `finished` (the same),
//! `warning` (`message`, `hint` or null), `note` (`message`). Where several recipes are built, those about one
//! of them have `recipe`, its name.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Reporter, Screen, running::Running, within};
use crate::{
    oci::canonical_json,
    progress::{Event, Observer, Task},
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

    /// The object for `event`; nothing where the last one was just written.
    fn object(&self, event: &Event<'_>) -> Option<Value> {
        Some(match event {
            Event::Stage { name, subject } => json!({ "event": "stage", "name": name, "subject": subject }),
            Event::Started { task, total } => {
                self.running.start(*task, *total);
                on_task("started", *task, "total", json!(total))
            }
            Event::Advanced { task, bytes } => {
                let amount = self.running.advance(*task, *bytes, STEP)?;
                on_task("advanced", *task, "done", json!(amount.done))
            }
            Event::Finished { task } => {
                let amount = self.running.finish(*task);
                on_task("finished", *task, "done", json!(amount.done))
            }
            Event::Warning { message, hint } => {
                let hint = hint.map(ToString::to_string);
                json!({ "event": "warning", "message": message, "hint": hint })
            }
            Event::Within { recipe, event } => {
                let mut object = within(recipe, event, |named| self.object(named))?;
                plain(event, &mut object);
                object["recipe"] = (*recipe).into();
                object
            }
        })
    }
}

impl Observer for Json {
    fn observe(&self, event: &Event<'_>) {
        if let Some(object) = self.object(event) {
            self.write(&object);
        }
    }
}

/// Says of an event of one recipe what it says itself: its name stands beside it.
fn plain(event: &Event<'_>, object: &mut Value) {
    let (key, value) = match event {
        Event::Stage { name, .. } => ("name", *name),
        Event::Started { task, .. } | Event::Advanced { task, .. } | Event::Finished { task } => ("name", task.name),
        Event::Warning { message, .. } => ("message", *message),
        Event::Within { .. } => return,
    };
    object[key] = value.into();
}

impl Reporter for Json {
    fn note(&self, text: &str) {
        self.write(&json!({ "event": "note", "message": text }));
    }
}

fn on_task(event: &str, task: Task<'_>, key: &str, value: Value) -> Value {
    let mut object = json!({ "event": event, "task": task.kind.noun(), "name": task.name });
    object[key] = value;
    object
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{Kept, play},
        *,
    };
    use crate::progress::Within;

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
        assert_eq!(text.lines().count(), 9);
        let screen = Kept::new();
        let json: Arc<dyn Observer> = Arc::new(Json::new(Arc::clone(&screen) as Arc<dyn Screen>));
        play(&Within::new("app.toml", Arc::clone(&json)));
        let named = screen.take();
        assert_eq!(named.replace(r#","recipe":"app.toml""#, ""), text);
        assert_eq!(named.matches("app.toml").count(), 9, "{named}");
        assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    }
}
