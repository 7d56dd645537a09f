//! How many requests go to one registry at the same time.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One pair of gates for each registry.
pub(super) struct Gates {
    requests: usize,
    uploads: usize,
    hosts: Mutex<BTreeMap<String, Pair>>,
}

#[derive(Clone)]
struct Pair {
    requests: Gate,
    uploads: Gate,
}

#[derive(Clone)]
struct Gate {
    semaphore: Arc<Semaphore>,
    width: Arc<Mutex<usize>>,
}

/// Which gate a request goes through.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lane {
    Request,
    Upload,
}

impl Gates {
    pub(super) fn new(requests: usize, uploads: usize) -> Self {
        Self { requests: requests.max(1), uploads: uploads.max(1), hosts: Mutex::default() }
    }

    /// Waits for a place; it is free again when the permit is dropped.
    pub(super) async fn enter(&self, registry: &str, lane: Lane) -> Option<OwnedSemaphorePermit> {
        let gate = self.gate(registry, lane);
        gate.semaphore.acquire_owned().await.ok()
    }

    /// Halves what goes to `registry` at the same time, after it complained.
    pub(super) fn narrow(&self, registry: &str) {
        for lane in [Lane::Request, Lane::Upload] {
            self.gate(registry, lane).halve();
        }
    }

    fn gate(&self, registry: &str, lane: Lane) -> Gate {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let pair = hosts
            .entry(registry.to_owned())
            .or_insert_with(|| Pair { requests: Gate::new(self.requests), uploads: Gate::new(self.uploads) });
        match lane {
            Lane::Request => pair.requests.clone(),
            Lane::Upload => pair.uploads.clone(),
        }
    }
}

impl Gate {
    fn new(width: usize) -> Self {
        Self { semaphore: Arc::new(Semaphore::new(width)), width: Arc::new(Mutex::new(width)) }
    }

    fn halve(&self) {
        let mut width = self.width.lock().unwrap_or_else(PoisonError::into_inner);
        *width -= self.semaphore.forget_permits(*width / 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_complaint_halves_the_gate() {
        let gates = Gates::new(4, 2);
        gates.narrow("r");
        assert_eq!(gates.gate("r", Lane::Request).semaphore.available_permits(), 2);
        for _ in 0..9 {
            gates.narrow("r");
        }
        assert_eq!(gates.gate("r", Lane::Upload).semaphore.available_permits(), 1);
        assert_eq!(gates.gate("other", Lane::Upload).semaphore.available_permits(), 2);
    }
}
