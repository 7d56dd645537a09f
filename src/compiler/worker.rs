//! One process that compiles, and the conversation with it.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::Duration,
};

use super::error::CompilerError;
use crate::lock::Compiler;

/// What the interpreter runs.
pub(super) const PROGRAM: &str = include_str!("compile.py");

/// No settings of the user's, no `site`, no pyc written, no warning printed, and the program.
pub(super) const ARGUMENTS: [&str; 7] = ["-I", "-S", "-B", "-W", "ignore", "-c", PROGRAM];

/// How an interpreter that runs the program begins.
const GREETING: &str = "wheelwright-compiler-1 ";

/// No greeting is longer, in bytes.
const LONGEST_GREETING: u64 = 256;

/// No compiled module is larger, in bytes.
const LARGEST_ANSWER: u32 = 256 << 20;

/// Most bytes of what a process that died said last.
const MOST_SAID: u64 = 4 << 10;

/// What a process makes of a source.
pub(super) enum Answer {
    /// It does not compile.
    NoSource,
    /// It compiles.
    Code {
        /// Its hash, as interpreters of this version make it.
        source: [u8; 8],
        /// Marshalled.
        code: Vec<u8>,
    },
}

/// A process that compiles. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Worker {
    program: PathBuf,
    child: Child,
    said: File,
    requests: Sender<Vec<u8>>,
    answers: Receiver<io::Result<Vec<u8>>>,
}

impl Worker {
    /// A process of `program`, which must greet as `identity`.
    pub(super) fn start(program: &Path, identity: &Compiler, patience: Duration) -> Result<Self, CompilerError> {
        let fail = |source| CompilerError::Start { program: program.to_owned(), source };
        let said = tempfile::tempfile().map_err(fail)?;
        let mut command = Command::new(program);
        command.args(ARGUMENTS).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(said.try_clone().map_err(fail)?);
        let mut child = command.spawn().map_err(fail)?;
        let ((requests, asked), (answer, answers)) = (mpsc::channel(), mpsc::channel());
        if let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) {
            thread::spawn(move || converse(stdin, stdout, &asked, &answer));
        }
        let mut worker = Self { program: program.to_owned(), child, said, requests, answers };
        let greeting = worker.hear("its greeting", patience)?;
        match greeted(&greeting) {
            Some((found, _)) if found == *identity => Ok(worker),
            _ => Err(CompilerError::Stranger {
                program: program.to_owned(),
                expected: identity.clone(),
                found: String::from_utf8_lossy(&greeting).trim().chars().take(80).collect(),
            }),
        }
    }

    /// What becomes of `source`, which is imported as `path`.
    pub(super) fn compile(&mut self, path: &str, source: &[u8], patience: Duration) -> Result<Answer, CompilerError> {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
        let request = [&length(path.as_bytes())[..], &length(source), path.as_bytes(), source].concat();
        // Who hears no more has died, which is what is heard next.
        let _ = self.requests.send(request);
        let answer = self.hear(path, patience)?;
        match answer.split_first() {
            Some((b'-', [])) => Ok(Answer::NoSource),
            Some((b'+', rest)) if rest.len() > 8 => {
                let (source, code) = rest.split_at(8);
                Ok(Answer::Code { source: source.try_into().unwrap_or_default(), code: code.to_vec() })
            }
            _ => Err(CompilerError::Nonsense { program: self.program.clone(), path: path.to_owned() }),
        }
    }

    fn hear(&mut self, subject: &str, patience: Duration) -> Result<Vec<u8>, CompilerError> {
        let (program, path) = (self.program.clone(), subject.to_owned());
        match self.answers.recv_timeout(patience) {
            Ok(Ok(answer)) => Ok(answer),
            Err(RecvTimeoutError::Timeout) => Err(CompilerError::Late { program, path, limit: patience }),
            Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                Err(CompilerError::Nonsense { program, path })
            }
            Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => {
                Err(CompilerError::Died { program, path, said: self.last_words() })
            }
        }
    }

    /// The last line of what it wrote to standard error.
    fn last_words(&mut self) -> String {
        let mut read = || -> io::Result<Vec<u8>> {
            let end = self.said.seek(SeekFrom::End(0))?;
            self.said.seek(SeekFrom::Start(end.saturating_sub(MOST_SAID)))?;
            let mut said = Vec::new();
            (&self.said).take(MOST_SAID).read_to_end(&mut said)?;
            Ok(said)
        };
        let said = read().unwrap_or_default();
        let said = String::from_utf8_lossy(&said).into_owned();
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        last.map_or_else(|| "it said nothing".to_owned(), |line| line.trim().chars().take(200).collect())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // One that has ended already cannot be ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Hears the greeting, then asks and hears until nobody asks any more or something goes wrong. On a thread of its
/// own, because pipes know no time limit: it ends when the process does.
fn converse(
    mut stdin: ChildStdin,
    stdout: ChildStdout,
    requests: &Receiver<Vec<u8>>,
    answers: &Sender<io::Result<Vec<u8>>>,
) {
    let mut stdout = BufReader::new(stdout);
    let mut greeting = Vec::new();
    let greeted = (&mut stdout).take(LONGEST_GREETING).read_until(b'\n', &mut greeting);
    let greeted =
        greeted.and_then(|read| if read == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(greeting) });
    let mut goes_on = greeted.is_ok();
    if answers.send(greeted).is_err() {
        return;
    }
    while goes_on && let Ok(request) = requests.recv() {
        let answer = stdin.write_all(&request).and_then(|()| stdin.flush()).and_then(|()| answer(&mut stdout));
        goes_on = answer.is_ok();
        if answers.send(answer).is_err() {
            return;
        }
    }
}

fn answer(stdout: &mut BufReader<ChildStdout>) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stdout.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length == 0 || length > LARGEST_ANSWER {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut answer = Vec::new();
    stdout.take(u64::from(length)).read_to_end(&mut answer)?;
    if answer.len() as u64 == u64::from(length) { Ok(answer) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Who greets so, and whether it is free-threaded; nothing for what is no released CPython.
pub(super) fn greeted(greeting: &[u8]) -> Option<(Compiler, bool)> {
    let text = std::str::from_utf8(greeting).ok()?.strip_prefix(GREETING)?.strip_suffix('\n')?;
    let words: Vec<&str> = text.split(' ').collect();
    let ["cpython", version, "final", threads, magic, cache_tag] = words[..] else { return None };
    let compiler =
        Compiler { version: version.parse().ok()?, magic: magic.parse().ok()?, cache_tag: cache_tag.to_owned() };
    let is_plain = |tag: &str| !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_plain(cache_tag).then_some((compiler, threads == "free-threaded"))
}
