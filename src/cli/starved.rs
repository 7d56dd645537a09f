//! What the system does not give: told as such, wherever it was asked for. Libraries panic where they
//! cannot have a thread, a pipe or memory; that, and defects of this program, are told as errors too.

use std::{
    any::Any,
    error::Error,
    io::{self, Write as _},
    panic::{self, AssertUnwindSafe, PanicHookInfo},
};

use super::error::CliError;
use crate::hint::Hint;

/// A file would grow beyond the limit for files: Linux and macOS give the signal this number.
const FILE_SIZE_SIGNAL: i32 = 25;

/// Numbers that the system gives to what it refuses, the same on Linux and macOS.
const NO_MORE_FILES: [i32; 2] = [23, 24];
const FILE_TOO_LARGE: i32 = 27;

/// Words in which libraries say that the system gave them nothing.
const WORDS: [&str; 5] = ["spawn", "os error", "Os {", "MemError", "allocat"];

/// Whether the system, and neither the input nor the other side, is why something failed.
pub(super) fn is_refusal(error: &(dyn Error + 'static)) -> bool {
    way_out(error).is_some()
}

/// What to do where the system refuses something.
pub(super) fn way_out(error: &(dyn Error + 'static)) -> Option<Hint> {
    let number = number(error.downcast_ref::<io::Error>()?)?;
    match number {
        FILE_TOO_LARGE => Some(Hint::new("allow larger files: `ulimit -f`")),
        _ if NO_MORE_FILES.contains(&number) => {
            Some(Hint::new("allow more open files, `ulimit -n`, or ask for less with `--jobs 1 --connections 2`"))
        }
        _ => None,
    }
}

/// The system's number of an error; where a library has put a path around it, as its text ends.
fn number(error: &io::Error) -> Option<i32> {
    let told = || {
        let text = error.to_string();
        text.split_once("(os error ")?.1.split_once(')')?.0.parse().ok()
    };
    error.raw_os_error().or_else(told)
}

/// Turns the signal that ends programs which write beyond the limit for files into an error of that write.
pub(super) fn survive_large_files() {
    use tokio::signal::unix::{SignalKind, signal};
    // Where it cannot be had, the signal ends the program, which leaves nothing half done either.
    let _ = signal(SignalKind::from_raw(FILE_SIZE_SIGNAL));
}

/// From now on, panics are told as errors, at once.
pub(super) fn tell_panics() {
    panic::set_hook(Box::new(|info| {
        // Nothing can be done about an error stream that nobody reads.
        let _ = io::stderr().lock().write_all(told(info).as_bytes());
    }));
}

/// What `work` gives, or [`CliError::Panicked`] where it panics.
pub(super) fn caught<T>(work: impl FnOnce() -> Result<T, CliError>) -> Result<T, CliError> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(CliError::Panicked))
}

fn told(info: &PanicHookInfo<'_>) -> String {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    text(&message(info.payload()), &place)
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
    super::report::visible(&text)
}

fn text(message: &str, place: &str) -> String {
    if WORDS.iter().any(|word| message.contains(word)) {
        return format!(
            "error: the system refuses memory, threads or files: {message}\n\
             hint: allow more, `ulimit -v`, `ulimit -u`, `ulimit -n`, or ask for less with `--jobs 1`\n"
        );
    }
    format!(
        "error: wheelwright has a defect: {message} ({place})\n\
         hint: please report it, with the command and what was printed\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_refuses_is_told_apart_from_other_errors() {
        let hint = |number| way_out(&io::Error::from_raw_os_error(number)).map(|hint| hint.to_string());
        assert_eq!(hint(27).unwrap(), "allow larger files: `ulimit -f`");
        assert!(hint(24).unwrap().starts_with("allow more open files"));
        assert_eq!(hint(2), None);
        let wrapped = io::Error::other(format!("{} at path \"a\"", io::Error::from_raw_os_error(24)));
        assert!(is_refusal(&wrapped));
        assert!(!is_refusal(&io::Error::from(io::ErrorKind::FileTooLarge)), "said by this program, of an input");
    }

    #[test]
    fn a_panic_is_told_in_two_lines_and_becomes_an_error() {
        let starved = text("OS can't spawn worker thread: Resource temporarily unavailable (os error 11)", "a.rs:1:2");
        assert!(starved.starts_with("error: the system refuses memory, threads or files: OS can't"), "{starved}");
        let defect = text("index out of bounds", "src/a.rs:1:2");
        assert!(
            defect.starts_with("error: wheelwright has a defect: index out of bounds (src/a.rs:1:2)\n"),
            "{defect}"
        );
        let error = caught::<()>(|| panic::resume_unwind(Box::new("told by somebody else"))).unwrap_err();
        assert!(matches!(error, CliError::Panicked));
    }
}
