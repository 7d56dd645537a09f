//! Programs that keep secrets for others: run for a bounded time, heard out to a bounded length.

use std::{
    io::{self, Read, Write as _},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// A program that says nothing for so long waits for somebody who is not there.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// No answer is longer.
const LONGEST_ANSWER: u64 = 64 << 10;

/// What a program said before it ended.
pub(crate) struct Said {
    /// Whether it ended well.
    pub(crate) success: bool,
    /// Its standard output.
    pub(crate) text: Vec<u8>,
}

/// Runs `command` with `input` on its standard input. Nothing when it had to be ended after `limit`.
/// Blocks.
///
/// # Errors
/// When it cannot be run.
pub(crate) fn ask(command: &mut Command, input: &[u8], limit: Duration) -> io::Result<Option<Said>> {
    let start = Instant::now();
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that fails early closes its end; what it says counts, not that.
        let _ = stdin.write_all(input);
    }
    let (output, (send, receive)) = (child.stdout.take(), mpsc::channel());
    thread::spawn(move || {
        let mut text = Vec::new();
        let read = output.map_or(Ok(0), |output| output.take(LONGEST_ANSWER).read_to_end(&mut text));
        // Nobody listens any more after the limit.
        let _ = send.send(read.map(|_| text));
    });
    let Some(success) = wait(&mut child, start, limit)? else { return Ok(None) };
    // A child of its own may hold the pipe open after it.
    match receive.recv_timeout(limit.saturating_sub(start.elapsed()).max(Duration::from_millis(100))) {
        Ok(text) => Ok(Some(Said { success, text: text? })),
        Err(_) => Ok(None),
    }
}

/// Whether the child succeeded; nothing when it had to be ended.
fn wait(child: &mut Child, start: Instant, limit: Duration) -> io::Result<Option<bool>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.success()));
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_heard_or_ended() {
        let say = |script: &str, limit: u64| {
            let mut command = Command::new("sh");
            let said = ask(command.args(["-c", script]), b"hello", Duration::from_millis(limit)).unwrap();
            said.map(|said| (said.success, String::from_utf8(said.text).unwrap()))
        };
        assert_eq!(say("cat", 20_000), Some((true, "hello".to_owned())));
        assert_eq!(say("echo no; exit 3", 20_000), Some((false, "no\n".to_owned())));
        assert_eq!(say("exec sleep 60", 100), None);
        assert_eq!(say("sleep 60 & exit 0", 200), None);
        assert!(ask(&mut Command::new("no-such-program-at-all"), b"", PATIENCE).is_err());
    }
}
