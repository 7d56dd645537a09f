//! Turns: what was asked for at the same time is done one after the other, in the order of asking.

use std::collections::BTreeSet;

use tokio::sync::watch;

/// Hands out turns.
pub(super) struct Turns(watch::Sender<State>);

/// A place in the queue; given up when dropped.
pub(super) struct Turn {
    number: u64,
    state: watch::Sender<State>,
}

#[derive(Default)]
struct State {
    handed_out: u64,
    /// All turns below this one are over.
    now: u64,
    /// Turns after `now` that were given up.
    over: BTreeSet<u64>,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(State::default()))
    }

    /// The next place in the queue.
    pub(super) fn take(&self) -> Turn {
        let mut number = 0;
        self.0.send_modify(|state| {
            number = state.handed_out;
            state.handed_out += 1;
        });
        Turn { number, state: self.0.clone() }
    }
}

impl Turn {
    /// Waits until every turn before this one is over.
    pub(super) async fn come(&self) {
        // Cannot fail: this turn holds a sender itself.
        let _ = self.state.subscribe().wait_for(|state| state.now == self.number).await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.state.send_modify(|state| {
            state.over.insert(self.number);
            while state.over.remove(&state.now) {
                state.now += 1;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn turns_come_in_order_whoever_waits_first() {
        let turns = Turns::new();
        let (first, given_up, third) = (turns.take(), turns.take(), turns.take());
        drop(given_up);
        let order = Mutex::new(Vec::new());
        let run = async |turn: Turn, number: u8| {
            turn.come().await;
            tokio::task::yield_now().await;
            order.lock().unwrap().push(number);
        };
        tokio::join!(run(third, 3), run(first, 1));
        turns.take().come().await;
        assert_eq!(*order.lock().unwrap(), [1, 3]);
    }
}
