//! Hears what a build does, and keeps what a program wants to show: an observer is one function, called from
//! many threads.
//!
//! ```text
//! cargo run --example observer
//! ```

#![expect(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::{
    error::Error,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use wheelwright::{
    builder::{Builder, Destination, Kept, Project, Selection, Settings},
    http::{Client, Options},
    progress::{Event, Observer, TaskKind},
    recipe::Recipe,
    store::Store,
    testing::{Base, Wheel},
};

const RECIPE: &str = r#"
name      = "demo"
base      = "oci:base"
platforms = ["linux/amd64"]
wheels.require = ["./demo-1.0-py3-none-any.whl"]
"#;

/// Bytes of layers, stages and warnings. It must not block: whoever calls it is at work.
#[derive(Default)]
struct Heard {
    bytes: AtomicU64,
    lines: Mutex<Vec<String>>,
}

impl Observer for Heard {
    fn observe(&self, event: &Event<'_>) {
        let line = match event {
            Event::Stage { name, subject } => format!("{name} {subject}"),
            Event::Warning { message, .. } => format!("warning: {message}"),
            Event::Finished { task } => format!("{} {}: done", task.kind.noun(), task.name),
            Event::Advanced { task, bytes } if task.kind == TaskKind::Layer => {
                self.bytes.fetch_add(*bytes, Ordering::Relaxed);
                return;
            }
            _ => return,
        };
        if let Ok(mut lines) = self.lines.lock() {
            lines.push(line);
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path();
    Base::default().write(&path.join("base"))?;
    Wheel::new("demo", "1.0").file("demo.py", &vec![b'#'; 100_000]).write(path)?;

    let heard = Arc::new(Heard::default());
    let settings = Settings {
        observer: Arc::clone(&heard) as Arc<dyn Observer>,
        ..Settings::new(Store::open(path.join("store"))?, Client::new(Options::default())?)
    };
    let builder = Builder::new(settings)?;
    let project = Project { recipe: Recipe::parse("demo.toml", RECIPE)?, folder: path.to_owned() };
    let lock = builder.lock(&project, &Kept::nothing()).await?;
    let built = builder.build(&project, &lock, &Selection::default()).await?;
    builder.deliver(&built, &Destination::Archive { file: path.join("demo.tar"), name: None }).await?;

    let lines = heard.lines.lock().map(|lines| lines.clone()).unwrap_or_default();
    println!("{}\n{} bytes laid down", lines.join("\n"), heard.bytes.load(Ordering::Relaxed));
    assert!(lines.iter().any(|line| line.starts_with("writing oci-archive:")), "{lines:?}");
    assert!(heard.bytes.load(Ordering::Relaxed) > 100_000);
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_runs() {
        super::main().unwrap();
    }
}
