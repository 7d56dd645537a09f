//! Work that this process does once, though several recipes want it: whoever comes second waits without a
//! thread, and without the place that it would need for the work itself.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use crate::oci::Digest;

/// Who is at work on what.
#[derive(Default)]
pub(super) struct Turns(Mutex<BTreeMap<Digest, Weak<Turn<()>>>>);

impl Turns {
    /// Waits until nobody in this process is at work on `subject`, and keeps others waiting.
    pub(super) async fn take(&self, subject: Digest) -> OwnedMutexGuard<()> {
        self.turn(subject).lock_owned().await
    }

    fn turn(&self, subject: Digest) -> Arc<Turn<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(&subject).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::<Turn<()>>::default();
        turns.insert(subject, Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_at_a_time_and_nothing_is_left() {
        let turns = Turns::default();
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let first = turns.take(one).await;
        let _other = turns.take(two).await;
        assert!(turns.turn(one).try_lock().is_err(), "somebody is at work on it");
        drop(first);
        let _second = turns.take(one).await;
        drop(turns.take(Digest::of(b"3")).await);
        drop(turns.take(Digest::of(b"4")).await);
        assert_eq!(turns.0.lock().unwrap().len(), 3, "what nobody waits for is forgotten");
    }
}
