//! `--run`: modules imported and the entry point started, in a sandbox, where the machine can do that.
//! The only check that executes anything of an image, and only when it is asked for.

mod sandbox;
mod unpack;

use std::{path::Path, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Check, Code, Demands, Finding, Report, Skipped, Subject, subject::command};
use crate::oci::Platform;

pub use sandbox::Limits;
use sandbox::{Ended, Sandbox};
pub use unpack::{Gaps, finish, layer, prepare};

/// Imports a module and tells its version, as far as it is known.
const IMPORT: &str = "\
import importlib, sys
name = sys.argv[1]
module = importlib.import_module(name)
version = getattr(module, '__version__', None)
if version is None:
    try:
        from importlib import metadata
        version = metadata.version(name.partition('.')[0])
    except Exception:
        version = ''
print('wheelwright: imported', version)
";

/// How the text of an error begins that a program gives which cannot even start.
const BROKEN: [&str; 8] = [
    "error while loading shared libraries",
    "ImportError",
    "ModuleNotFoundError",
    "cannot execute",
    "No such file or directory",
    "Exec format error",
    "Error relocating",
    "symbol lookup error",
];

/// Bytes of what a program says that are kept.
const SAID: usize = 400;

/// Something that was started, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// In which platform's image.
    pub platform: Platform,
    /// `import numpy`, or `entry point`.
    pub what: String,
    /// `imported`, `runs`, `exit code 1` …
    pub result: String,
    /// The version that a module says it has.
    pub version: Option<String>,
    /// How long it took.
    pub time: Duration,
}

/// Starts what `demands` and the image's configuration name, in the files below `root`. Nothing of it runs any more when
/// this returns, which it does soon after `is_wanted` says no.
#[must_use]
pub fn check(
    subject: &Subject,
    root: &Path,
    demands: &Demands,
    limits: Limits,
    is_wanted: &dyn Fn() -> bool,
) -> Report {
    let checked = vec![(subject.platform.clone(), Check::Run)];
    let mut report = Report { checked, ..Report::default() };
    let sandbox = match Sandbox::find(&subject.platform, root, subject.settings(), is_wanted) {
        Ok(sandbox) => sandbox,
        Err(reason) => return skipped(subject, reason),
    };
    let python = subject.tree.python(subject.settings()).ok().flatten();
    match (&python, demands.check.import.is_empty()) {
        (None, false) => report.extend(skipped(subject, "there is no `python3` to import modules with".to_owned())),
        (Some(python), _) => {
            for module in &demands.check.import {
                import(subject, &sandbox, (&python.interpreter.path, module.get_ref()), limits, &mut report);
            }
        }
        (None, true) => {}
    }
    entry_point(subject, &sandbox, limits, &mut report);
    report
}

/// Says that nothing was started.
#[must_use]
pub fn skipped(subject: &Subject, reason: String) -> Report {
    let skipped = vec![Skipped { platform: subject.platform.clone(), check: Check::Run, reason }];
    Report { skipped, ..Report::default() }
}

fn import(
    subject: &Subject,
    sandbox: &Sandbox<'_>,
    (python, module): (&str, &str),
    limits: Limits,
    report: &mut Report,
) {
    let ended = sandbox.run(&[python, "-c", IMPORT, module], limits);
    let what = format!("import {module}");
    let of_image = |code, message: String| Finding::new(code, &subject.platform, message);
    let (result, version) = match &ended {
        Ended { code: Some(0), said, .. } => {
            let version = said.lines().find_map(|line| line.strip_prefix("wheelwright: imported"));
            ("imported".to_owned(), version.map(|version| version.trim().to_owned()))
        }
        Ended { late: true, .. } => {
            let message = format!("`{module}` was not imported within {} s", limits.time.as_secs());
            let hint = "give it more time with `--timeout`";
            report.findings.push(of_image(Code::RUN_LIMIT, message).hinted(hint));
            ("too slow".to_owned(), None)
        }
        Ended { said, .. } => {
            let message = format!("`{module}` cannot be imported: {}", last_line(said));
            let hint = "look at the findings of the other checks: they name what is missing";
            report.findings.push(of_image(Code::RUN_IMPORT, message).hinted(hint));
            ("fails".to_owned(), None)
        }
    };
    let version = version.filter(|version| !version.is_empty());
    report.started.push(Started { platform: subject.platform.clone(), what, result, version, time: ended.time });
}

/// Whatever still runs when its time is over, or ends well, has started.
fn entry_point(subject: &Subject, sandbox: &Sandbox<'_>, limits: Limits, report: &mut Report) {
    let command = command(subject.settings());
    if command.is_empty() {
        return;
    }
    let ended = sandbox.run(&command, Limits { time: limits.start, ..limits });
    let broken = ended.said.lines().any(|line| BROKEN.iter().any(|start| line.contains(start)));
    let result = match ended {
        Ended { late: true, .. } => "runs".to_owned(),
        Ended { code: Some(0), .. } => "ends well".to_owned(),
        Ended { code, .. } => {
            let code = code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
            if broken || matches!(ended.code, Some(126 | 127) | None) {
                let message = format!("`{}` ends with {code}: {}", command.join(" "), last_line(&ended.said));
                report.findings.push(Finding::new(Code::RUN_ENTRYPOINT, &subject.platform, message));
            }
            code
        }
    };
    let (platform, what) = (subject.platform.clone(), "entry point".to_owned());
    report.started.push(Started { platform, what, result, version: None, time: ended.time });
}

fn last_line(said: &str) -> String {
    let line = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    line.trim().chars().take(SAID).collect()
}
