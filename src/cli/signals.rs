//! Signals by which somebody ends the program: heard whatever it is about, a large file or a lock that another
//! process holds.

use std::{thread, time::Duration};

use tokio::{sync::oneshot, time::timeout};

use super::{error::CliError, starved};

/// Bytes of the stack of a thread, as many as the first one of a program has.
const STACK: usize = 8 << 20;

/// Listens at once; the future returns when a signal comes.
pub(super) fn interruption() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let signals =
        signal(SignalKind::interrupt()).and_then(|interrupt| Ok((interrupt, signal(SignalKind::terminate())?)));
    async {
        let Ok((mut interrupt, mut terminate)) = signals else { return std::future::pending().await };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

/// What `work` gives, on a thread of its own. From when `interrupted` returns it has the time `patience` to come to its
/// end; else nothing is given, and its thread is left to itself.
///
/// # Errors
/// Those of `work`, and when there is no thread for it.
pub(super) async fn beside<T: Send + 'static>(
    (interrupted, patience): (impl Future<Output = ()>, Duration),
    work: impl FnOnce() -> Result<T, CliError> + Send + 'static,
) -> Result<Option<T>, CliError> {
    let (tell, mut told) = oneshot::channel();
    let run = move || drop(tell.send(starved::caught(work)));
    thread::Builder::new().stack_size(STACK).spawn(run).map_err(|source| CliError::Runtime { source })?;
    let outcome = tokio::select! {
        outcome = &mut told => outcome.ok(),
        () = interrupted => timeout(patience, told).await.ok().and_then(Result::ok),
    };
    outcome.transpose()
}

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, ready},
        sync::mpsc,
    };

    use super::*;

    #[tokio::test]
    async fn who_is_interrupted_has_some_time_and_is_then_left() {
        const LONG: Duration = Duration::from_mins(1);
        assert!(matches!(beside((pending(), LONG), || Ok(1)).await, Ok(Some(1))));
        assert!(matches!(beside((ready(()), LONG), || Ok(1)).await, Ok(Some(1))));
        let tidy = || Err::<(), _>(CliError::Interrupted);
        assert!(matches!(beside((ready(()), LONG), tidy).await, Err(CliError::Interrupted)));
        let (_release, held) = mpsc::channel::<()>();
        let deaf = move || {
            let _ = held.recv();
            Ok(())
        };
        assert!(matches!(beside((ready(()), Duration::from_millis(1)), deaf).await, Ok(None)));
    }
}
