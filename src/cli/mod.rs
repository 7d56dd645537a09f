//! The command line: the only room that prints, exits and reads the environment.
//!
//! Standard output carries results and nothing else; everything else goes to standard error.

mod exit;
mod args;
mod attest;
mod reach;
mod environment;
mod network;
mod package_indexes;
mod debian_mirrors;
mod error;
mod report;
mod reporting;
mod sbom;
mod starved;
mod prove;
mod progress;
mod table;
mod template;
mod project;
mod recipes;
mod places;
mod platform;
mod destination;
mod loading;
mod deliveries;
mod metadata;
mod remote_cache;
mod session;
mod signals;
mod why;
mod summary;
mod build;
mod lock;
mod plan;
mod init;
mod manual;
mod shards;
mod signing;
mod inspect;
mod diff;
mod verify;
mod copy;
mod rebase;
mod index;
mod cache;
#[cfg(feature = "serve")]
mod serve;
#[cfg(test)]
mod documents;

use std::{
    io::{self, IsTerminal as _, Write as _},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use args::{Arguments, Command};
use environment::Environment;
use error::CliError;
use exit::Code;
use progress::Screen;
use session::Session;

use crate::quantity;

/// How long an interrupted run waits for what it has under way to be put away.
const GRACE: Duration = Duration::from_secs(5);

/// How long it waits before that for a command that hears nothing, because it reads or waits for a lock.
const PATIENCE: Duration = Duration::from_secs(1);

/// Threads for the network; layers have their own.
const NETWORK_THREADS: usize = 2;

/// What a command that did what it was asked prints, and how the program ends.
struct Outcome {
    text: String,
    code: Code,
    /// What failed of several recipes, or after the images were delivered.
    failures: recipes::Failures,
}

impl Outcome {
    /// What came of several recipes, of which some may have failed.
    fn partly(text: String, failures: recipes::Failures) -> Self {
        let code = if failures.is_empty() { Code::Success } else { Code::Partly };
        Self { text, code, failures }
    }

    /// The same where a file that `what` should be told in was `written`, or was not.
    fn and(mut self, what: &str, written: Result<(), CliError>) -> Self {
        if let Err(error) = written {
            self.code = exit::code(&error);
            self.failures.push((what.to_owned(), error));
        }
        self
    }

    fn ended(text: String, code: Code) -> Self {
        Self { text, code, failures: Vec::new() }
    }
}

impl From<String> for Outcome {
    fn from(text: String) -> Self {
        Self::ended(text, Code::Success)
    }
}

/// Runs the program with the arguments and the environment of this process.
pub fn run() -> ExitCode {
    let environment = Environment::of_process();
    let arguments = match Arguments::read(&environment) {
        Ok(arguments) => arguments,
        Err(refusal) => {
            // Help that nobody reads any more is no failure.
            let _ = refusal.print();
            return if refusal.use_stderr() { Code::Usage } else { Code::Success }.into();
        }
    };
    let color = environment.color(arguments.global.color, io::stderr().is_terminal());
    let (reporter, screen) = progress::reporter(arguments.global.progress, color);
    listen(&arguments, &environment, &screen);
    let Arguments { command, global } = arguments;
    let session = Arc::new(Session::new(global, environment, Arc::clone(&reporter)));
    starved::tell_panics();
    let outcome = starved::caught(|| execute(&session, command));
    let outcome = outcome.and_then(|outcome| print(&outcome.text).map(|()| outcome));
    reporter.finish();
    match outcome {
        Ok(outcome) => {
            for (recipe, error) in &outcome.failures {
                screen.text(&format!("{}: {}", report::visible(recipe), report::render(error, color)));
            }
            outcome.code.into()
        }
        // It was told when it happened.
        Err(CliError::Panicked) => Code::Failure.into(),
        Err(error) => {
            screen.text(&report::render(&error, color));
            exit::code(&error).into()
        }
    }
}

/// What the command prints, and how it ends.
fn execute(session: &Arc<Session>, command: Command) -> Result<Outcome, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(NETWORK_THREADS)
        .enable_all()
        .build()
        .map_err(|source| CliError::Runtime { source })?;
    let (shared, threads) = (Arc::clone(session), runtime.handle().clone());
    let whole = async {
        // Before anything is done that a signal could interrupt.
        let (interrupted, heard) = (interruption(&command), interruption(&command));
        starved::survive_large_files();
        let work = move || {
            threads.block_on(async {
                tokio::select! {
                    biased;
                    () = heard => Err(CliError::Interrupted),
                    outcome = perform(&shared, &command) => outcome,
                }
            })
        };
        signals::beside((interrupted, PATIENCE), work).await
    };
    let outcome = starved::caught(|| runtime.block_on(whole));
    session.finish();
    // What was begun in registries and not ended; a registry that does not answer is left alone.
    let _ = runtime.block_on(async { tokio::time::timeout(GRACE, session.tidy()).await });
    if let Ok(None) = outcome {
        // Its thread still has it, and goes with the process; what it was writing is put away by the next run.
        std::mem::forget(runtime);
    } else {
        runtime.shutdown_timeout(GRACE);
    }
    outcome?.ok_or(CliError::Interrupted)
}

/// Returns when a signal interrupts `command`.
fn interruption(command: &Command) -> impl Future<Output = ()> + use<> {
    let is_its_end = command.ends_with_a_signal();
    let signal = signals::interruption();
    async move { if is_its_end { std::future::pending().await } else { signal.await } }
}

async fn perform(session: &Session, command: &Command) -> Result<Outcome, CliError> {
    let text = match command {
        Command::Verify(arguments) => return verify::run(session, arguments).await,
        Command::Build(arguments) => return build::run(session, arguments).await,
        Command::Prove(arguments) => return prove::run(session, arguments).await,
        Command::Lock(arguments) => return lock::run(session, arguments).await,
        Command::Completions(arguments) => Ok(manual::completions(arguments)),
        Command::Man(arguments) => manual::man(session, arguments),
        Command::Init(arguments) => init::run(session, arguments),
        Command::Inspect(arguments) => inspect::run(session, arguments).await,
        Command::Diff(arguments) => diff::run(session, arguments).await,
        Command::Sbom(arguments) => sbom::run(session, arguments).await,
        Command::Copy(arguments) => copy::run(session, arguments).await,
        Command::Rebase(arguments) => rebase::run(session, arguments).await,
        Command::Sign(arguments) => signing::run(session, arguments).await,
        Command::Index(arguments) => return index::run(session, arguments).await,
        Command::Plan(arguments) => plan::run(session, arguments).await,
        Command::Report(arguments) => reporting::run(arguments),
        Command::Cache(arguments) => cache::run(session, arguments).await,
        #[cfg(feature = "serve")]
        Command::Serve(arguments) => serve::run(session, arguments, signals::interruption(), print).await,
    };
    text.map(Outcome::from)
}

/// Lets what the rooms trace appear on the screen, if it was asked for.
fn listen(arguments: &Arguments, environment: &Environment, screen: &Arc<dyn Screen>) {
    let directives = match (environment.text("WHEELWRIGHT_LOG"), arguments.global.verbose) {
        (Some(directives), _) => directives,
        (None, 0) => return,
        (None, 1) => "wheelwright=debug",
        (None, _) => "wheelwright=trace,reqwest=debug",
    };
    let screen = Arc::clone(screen);
    // Only the first listener of a process is heard, which is as good.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(directives))
        .without_time()
        .with_ansi(false)
        .with_writer(move || progress::Lines(Arc::clone(&screen)))
        .try_init();
}

/// Writes a result; a reader that has gone away is no failure.
fn print(text: &str) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Print { source }),
        _ => Ok(()),
    }
}
