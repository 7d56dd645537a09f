//! What the image's configuration starts: whether the program is there, and, where it is a script for
//! Python, what that imports.

use serde_json::Value;

use super::{
    View,
    imports::{Walk, findings},
    modules::environment,
};
use crate::{
    base::{Evidence, Kind},
    verify::{Code, Finding, Subject, subject::command},
};

/// What runtimes search when a config has no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a command line gives the interpreter.
#[derive(Debug, PartialEq, Eq)]
enum Given<'c> {
    Script(&'c str),
    Module(&'c str),
    /// A command, standard input, or nothing that can be told.
    Other,
}

/// The program that is started must be there and be executable.
pub(super) fn program(subject: &Subject) -> Option<Finding> {
    let command = command(subject.settings());
    let program = *command.first().filter(|program| is_plain(program))?;
    if is_in_volume(subject, program) {
        return None;
    }
    let candidates: Vec<String> = if program.contains('/') {
        vec![absolute(subject, program)]
    } else {
        let folders = environment(subject, "PATH").unwrap_or(DEFAULT_PATH).split(':');
        folders.map(|folder| format!("{folder}/{program}")).collect()
    };
    let found: Vec<_> = candidates.iter().filter_map(|path| subject.tree.find(path)).collect();
    let at = |message: String| Finding::new(Code::ENTRYPOINT_MISSING, &subject.platform, message);
    if found.iter().any(|(_, node)| node.kind == Kind::File && node.mode & 0o111 != 0) {
        return None;
    }
    Some(match found.into_iter().find(|(_, node)| node.kind == Kind::File) {
        Some((path, node)) => at(format!("the image starts it, and its mode {:04o} does not allow that", node.mode))
            .at(&path)
            .of(subject.owner(node))
            .hinted("give it the mode 0755"),
        None => at(format!("the image starts `{program}`, which is not there"))
            .hinted("add the file or package that has it, or change `[image] entrypoint`"),
    })
}

/// Whether the image starts the command called `name`.
pub(super) fn starts(subject: &Subject, name: &str) -> bool {
    command(subject.settings()).first().is_some_and(|program| program.rsplit('/').next() == Some(name))
}

/// The script that the interpreter is given must be there, with what it imports; so must a module.
pub(super) fn script(view: &View<'_>) -> Vec<Finding> {
    let subject = view.subject;
    let command = command(subject.settings());
    let is_python = command.first().is_some_and(|program| is_interpreter(program));
    let given = if is_python {
        given(&command[1..])
    } else {
        command.first().map_or(Given::Other, |program| Given::Script(program))
    };
    match given {
        Given::Module(module) => {
            let folder = working_folder(subject);
            let modules = view.modules.starting_in(&folder);
            findings(view, &Walk::new(&modules).follow(&[module]))
        }
        Given::Script(script) if is_plain(script) && !is_in_volume(subject, script) => {
            let path = absolute(subject, script);
            match subject.tree.find(&path) {
                None if is_python => {
                    let message = format!("the image starts Python with `{script}`, which is not there");
                    vec![
                        view.finding(Code::ENTRYPOINT_MISSING, message)
                            .hinted("add it with `[[scripts]]`, or change `[image] entrypoint`"),
                    ]
                }
                Some((path, node)) => match node.evidence.as_deref() {
                    Some(Evidence::Module(source)) => {
                        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                        let modules = view.modules.starting_in(folder);
                        findings(view, &Walk::new(&modules).follow_script(&path, source.get()))
                    }
                    _ => Vec::new(),
                },
                None => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

fn working_folder(subject: &Subject) -> String {
    let folder = subject.settings().get("WorkingDir").and_then(Value::as_str).unwrap_or_default();
    if folder.is_empty() { "/".to_owned() } else { folder.to_owned() }
}

fn absolute(subject: &Subject, path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", working_folder(subject)) }
}

/// A path that no shell would change.
fn is_plain(path: &str) -> bool {
    !path.is_empty() && !path.contains(['$', '`', '*', '\n'])
}

/// What a volume hides is not the image's.
fn is_in_volume(subject: &Subject, path: &str) -> bool {
    let volumes = subject.settings().get("Volumes").and_then(Value::as_object);
    let path = absolute(subject, path);
    volumes.into_iter().flatten().any(|(volume, _)| path.starts_with(&format!("{}/", volume.trim_end_matches('/'))))
}

fn is_interpreter(program: &str) -> bool {
    let name = program.rsplit('/').next().unwrap_or_default();
    name.strip_prefix("python")
        .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b't'))
}

/// Letters of options without a value, after which others may follow in the same word.
const FLAGS: &str = "bBdEiIOPqRsStuvx";

/// [Command line and environment](https://docs.python.org/3/using/cmdline.html).
fn given<'c>(arguments: &[&'c str]) -> Given<'c> {
    let mut arguments = arguments.iter().copied();
    while let Some(argument) = arguments.next() {
        let Some(options) = argument.strip_prefix('-') else { return Given::Script(argument) };
        let mut options = options.trim_start_matches(|letter: char| FLAGS.contains(letter)).chars();
        // What stands behind a letter that takes a value is that, in one word with it or not.
        match (options.next(), options.as_str()) {
            (None, _) if argument != "-" => {}
            (Some('W' | 'X'), "") | (Some('-'), "check-hash-based-pycs") => drop(arguments.next()),
            (Some('W' | 'X'), _) => {}
            (Some('m'), "") => return arguments.next().map_or(Given::Other, Given::Module),
            (Some('m'), module) => return Given::Module(module),
            (Some('-'), "") if argument == "--" => return arguments.next().map_or(Given::Other, Given::Script),
            _ => return Given::Other,
        }
    }
    Given::Other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_of_the_interpreter() {
        let check = |line: &str, expect: Given<'_>| {
            assert_eq!(given(&line.split(' ').collect::<Vec<_>>()), expect, "{line}");
        };
        check("/app/main.py --flag", Given::Script("/app/main.py"));
        check("-u -X dev main.py", Given::Script("main.py"));
        check("-m http.server 80", Given::Module("http.server"));
        check("-um app", Given::Module("app"));
        check("-mhttp.server 8000", Given::Module("http.server"));
        check("-ummain x.py", Given::Module("main"));
        check("-Wignore -Xdev -bb -OO main.py", Given::Script("main.py"));
        check("-uW ignore main.py", Given::Script("main.py"));
        check("--check-hash-based-pycs always main.py", Given::Script("main.py"));
        check("-- -m", Given::Script("-m"));
        check("-c print(1)", Given::Other);
        check("-Ic print(1)", Given::Other);
        for other in
            ["-cprint(1) x.py", "-", "-u", "-m", "-um", "-W", "--", "-V x.py", "--help x.py", "-u-m x.py", "-é x.py"]
        {
            check(other, Given::Other);
        }
        assert!(is_interpreter("/usr/bin/python3.11") && is_interpreter("python3") && !is_interpreter("pythonic"));
    }
}
