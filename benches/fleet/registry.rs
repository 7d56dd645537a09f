//! A registry that counts what it is asked.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::runtime::Runtime;
use wheelwright::serve::{
    Running, Server,
    faults::{Fault, Intercept, Seen},
};

use super::Outcome;

/// Stops when dropped.
pub(super) struct Registry {
    running: Option<Running>,
    address: String,
    asked: Arc<Counter>,
    _runtime: Runtime,
}

#[derive(Default)]
struct Counter(AtomicUsize);

impl Intercept for Counter {
    fn intercept(&self, _: &Seen) -> Fault {
        self.0.fetch_add(1, Ordering::Relaxed);
        Fault::None
    }
}

impl Registry {
    pub(super) fn start(folder: &Path) -> Outcome<Self> {
        let runtime = Runtime::new()?;
        let asked = Arc::new(Counter::default());
        std::fs::create_dir_all(folder)?;
        let server = runtime.block_on(Server::bind(([127, 0, 0, 1], 0).into(), folder))?;
        let running = {
            let _here = runtime.enter();
            server.with_intercept(Arc::clone(&asked) as Arc<dyn Intercept>).spawn()
        };
        let address = running.address().to_string();
        Ok(Self { running: Some(running), address, asked, _runtime: runtime })
    }

    pub(super) fn address(&self) -> String {
        self.address.clone()
    }

    /// Requests since the last call.
    pub(super) fn take(&self) -> usize {
        self.asked.0.swap(0, Ordering::Relaxed)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.running.take());
    }
}
