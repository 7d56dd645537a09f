//! `RUN`: its commands one by one. None of them runs here; what they install is asked for in the recipe.

use std::collections::BTreeSet;

use parse_dockerfile::{Command as Instruction, RunInstruction};

use super::{
    around::Found,
    conda, copying, pip,
    shell::{Command, Join, Variables, commands},
    sketch::{Noted, image_name},
    stage::{Alternatives, Walk},
    systems,
};
use crate::recipe::is_package_name;

/// Programs that leave nothing behind that an image would need.
const HARMLESS: [&str; 20] = [
    "set",
    "true",
    ":",
    "export",
    "source",
    ".",
    "which",
    "ldconfig",
    "sleep",
    "update-ca-certificates",
    "test",
    "[",
    "exit",
    "hash",
    "ls",
    "cat",
    "pwd",
    "sync",
    "fc-cache",
    "command",
];

/// What to do about a program that does something else than to install.
pub(super) const NOTHING_RUNS: &str =
    "nothing runs while an image is built: run it beforehand, and name what it makes under `[[scripts]]`";

/// What stands around a command.
enum Block {
    /// An `if` on the value of an argument: these variants.
    Variants { argument: String, tested: Vec<String>, now: Vec<String> },
    /// A condition or loop of which nothing is known.
    Unknown,
}

/// Follows one instruction.
pub(super) fn run(walk: &mut Walk<'_, '_, '_>, run: &RunInstruction<'_>) {
    let line = walk.line(run.run.span.start);
    mounts(walk, run, line);
    let (workdir, variants) = (walk.state.workdir.clone(), walk.state.variants.clone());
    for (script, line) in scripts(walk, run, line) {
        follow(walk, &script, line);
    }
    (walk.state.workdir, walk.state.variants) = (workdir, variants);
}

/// The texts of an instruction with the lines where they begin.
fn scripts(walk: &Walk<'_, '_, '_>, run: &RunInstruction<'_>, line: usize) -> Vec<(String, usize)> {
    if !run.here_docs.is_empty() {
        let place = |span: usize| walk.line(span);
        return run.here_docs.iter().map(|text| (text.value.to_string(), place(text.span.start))).collect();
    }
    match &run.arguments {
        Instruction::Shell(text) => vec![(text.value.to_owned(), walk.line(text.span.start))],
        Instruction::Exec(words) => {
            let quoted = words.value.iter().map(|word| format!("'{}'", word.value.replace('\'', "'\\''")));
            vec![(quoted.collect::<Vec<_>>().join(" "), line)]
        }
        _ => Vec::new(),
    }
}

fn mounts(walk: &mut Walk<'_, '_, '_>, run: &RunInstruction<'_>, line: usize) {
    for value in
        run.options.iter().filter(|option| option.name.value == "mount").filter_map(|mount| mount.value.as_ref())
    {
        let part = |names: &[&str]| {
            let mut parts = value.value.split(',').filter_map(|part| part.split_once('='));
            parts.find(|(name, _)| names.contains(name)).map(|(_, value)| value.to_owned())
        };
        match part(&["type"]).as_deref() {
            Some("secret" | "ssh") => {
                let advice =
                    "credentials of package indexes are read from netrc, pip's and uv's settings and `UV_INDEX_*`";
                walk.remark(line, &format!("RUN --mount={}", value.value), advice);
            }
            Some("bind") | None if part(&["from"]).is_none() => {
                let from = part(&["source", "src"]).unwrap_or_else(|| ".".to_owned());
                let to = walk.absolute(&part(&["target", "dst", "destination"]).unwrap_or_default());
                let kind = walk.around.look(&from).unwrap_or(Found::File);
                walk.state.copies.push((to, from, kind));
            }
            _ => {}
        }
    }
}

fn follow(walk: &mut Walk<'_, '_, '_>, script: &str, line: usize) {
    let raw = commands(script, line, &Variables::new());
    let known = commands(script, line, &walk.state.variables);
    let outside = walk.state.variants.clone();
    let mut blocks: Vec<Block> = Vec::new();
    for (raw, known) in raw.iter().zip(known) {
        let mut words = known.words.clone();
        walk.state.variants.clone_from(&outside);
        if structure(walk, raw, &mut blocks) {
            continue;
        }
        while words.first().is_some_and(|word| matches!(word.as_str(), "then" | "else" | "do" | "{" | "(" | "!")) {
            words.remove(0);
        }
        for block in &blocks {
            if let Block::Variants { now, .. } = block {
                walk.state.variants.clone_from(now);
            }
        }
        let command = Command { words, ..known };
        if command.words.is_empty() {
            continue;
        }
        if blocks.iter().any(|block| matches!(block, Block::Unknown)) {
            let advice = "this stands under a condition or in a loop: put into the recipe what of it is meant";
            walk.remark(command.line, &command.text(), advice);
        } else {
            perform(walk, &command);
        }
    }
    walk.state.variants = outside;
}

/// Whether `command` is one of the shell's own structure and nothing else.
fn structure(walk: &mut Walk<'_, '_, '_>, command: &Command, blocks: &mut Vec<Block>) -> bool {
    let words: Vec<&str> = command.words.iter().map(String::as_str).collect();
    match words.first().copied().unwrap_or_default() {
        "if" => blocks.push(tested(walk, &words[1..], command.line)),
        "elif" => {
            let block = tested(walk, &words[1..], command.line);
            if let (Some(Block::Variants { tested, now, .. }), Block::Variants { now: next, .. }) =
                (blocks.last_mut(), &block)
            {
                tested.extend(next.clone());
                now.clone_from(next);
            } else if let Some(last) = blocks.last_mut() {
                *last = block;
            }
        }
        "for" | "while" | "until" | "case" => blocks.push(Block::Unknown),
        "fi" | "done" | "esac" => drop(blocks.pop()),
        "[" | "[[" | "test" if command.after == Join::Or => {
            let more = tested(walk, &words, command.line);
            if let (Some(Block::Variants { tested, now, .. }), Block::Variants { now: more, .. }) =
                (blocks.last_mut(), more)
            {
                tested.extend(more.clone());
                now.extend(more);
            }
        }
        "else" => {
            if let Some(Block::Variants { argument, tested, now }) = blocks.last_mut() {
                let default = default_of(walk, argument);
                *now = vec![if tested.contains(&default) { "default".to_owned() } else { default }];
            }
            return words.len() == 1;
        }
        _ => return false,
    }
    true
}

/// The variant of an argument's default value.
fn default_of(walk: &Walk<'_, '_, '_>, argument: &str) -> String {
    let default = walk.state.arguments.get(argument).filter(|value| !value.is_empty());
    default.map_or("default".to_owned(), |value| image_name(value))
}

/// The block of a test: variants, where an argument is held against a word.
fn tested(walk: &mut Walk<'_, '_, '_>, words: &[&str], line: usize) -> Block {
    let words: Vec<&str> =
        words.iter().copied().filter(|word| !matches!(*word, "[" | "[[" | "test" | "]" | "]]")).collect();
    let argument = |word: &str| {
        let name = word.strip_prefix('$')?.trim_start_matches('{').trim_end_matches('}');
        let name = name.split(':').next().unwrap_or(name);
        walk.state.arguments.contains_key(name).then(|| name.to_owned())
    };
    match words[..] {
        [name, "=" | "==", value] if !value.contains('$') => match argument(name) {
            Some(argument) => {
                let value = image_name(value);
                // Stages that are variants are what they are by default.
                if walk.state.variants.is_empty() {
                    let default = default_of(walk, &argument);
                    let new = || Alternatives { default, tested: BTreeSet::new(), line };
                    walk.alternatives.entry(argument.clone()).or_insert_with(new).tested.insert(value.clone());
                }
                Block::Variants { argument, tested: vec![value.clone()], now: vec![value] }
            }
            None => Block::Unknown,
        },
        _ => Block::Unknown,
    }
}

fn perform(walk: &mut Walk<'_, '_, '_>, command: &Command) {
    let mut words: Vec<&str> = command.words.iter().map(String::as_str).collect();
    let assigns = |word: &str| {
        word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
    };
    while words
        .first()
        .is_some_and(|word| matches!(*word, "sudo" | "exec" | "env" | "time" | "command") || assigns(word))
    {
        words.remove(0);
    }
    let Some((program, arguments)) = words.split_first() else { return };
    let name = program.rsplit('/').next().unwrap_or(program);
    match name {
        "apt-get" | "apt" | "aptitude" => apt(walk, arguments, command),
        "uv" | "pip" | "poetry" | "pdm" | "pipenv" | "virtualenv" => pip::call(walk, name, arguments, command),
        "conda" | "mamba" | "micromamba" => conda::call(walk, arguments, command),
        "useradd" | "adduser" | "groupadd" | "addgroup" => account(walk, name, arguments, command),
        "chmod" | "chown" => attributes(walk, name, arguments, command),
        "cd" => {
            if let Some(folder) = arguments.first() {
                walk.state.workdir = walk.absolute(folder);
            }
        }
        _ if is_python(name) => python(walk, arguments, command),
        _ if name.starts_with("pip") && name[3..].bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => {
            pip::call(walk, "pip", arguments, command);
        }
        _ => {
            if let Some(advice) = advice(name, arguments, command) {
                walk.remark(command.line, &command.text(), advice);
            }
        }
    }
}

/// What to do instead of a program that installs nothing; nothing where an image lacks nothing without it.
fn advice(name: &str, arguments: &[&str], command: &Command) -> Option<&'static str> {
    Some(match name {
        "rm" | "find" if arguments.iter().all(|word| word.starts_with('-') || is_cache(word)) => return None,
        "rm" | "find" => "leave it out where it comes from: `[[scripts]]`, `wheels.exclude`, `debian.strip`",
        "mkdir" => "folders come with the files in them; one that must be there empty the program makes, or a mount",
        "curl" | "wget" => "download it beforehand, and name the file under `[[scripts]]`",
        "git" => "clone it beforehand; of a Python project build a wheel, and require that",
        "apk" if !arguments.contains(&"add") => return None,
        "apk" => "Alpine's packages have no counterpart: take a base of Debian, and name its under `debian.packages`",
        "echo" | "printf" if !command.redirected => return None,
        "echo" | "printf" | "tee" => "write the text into a file, and name it under `[[scripts]]`",
        "ln" => "name the program by its own path, or put a copy under `[[scripts]]`",
        _ if HARMLESS.contains(&name) => return None,
        _ => NOTHING_RUNS,
    })
}

fn is_python(name: &str) -> bool {
    name.strip_prefix("python").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

fn python(walk: &mut Walk<'_, '_, '_>, arguments: &[&str], command: &Command) {
    match arguments {
        ["-m", "pip", rest @ ..] => pip::call(walk, "pip", rest, command),
        ["-m", "venv", rest @ ..] => pip::call(walk, "virtualenv", rest, command),
        ["-m", "ensurepip" | "compileall", ..] | ["--version" | "-V"] => {}
        _ => {
            walk.remark(command.line, &command.text(), NOTHING_RUNS);
        }
    }
}

/// Whether a word names what is only there because something was installed, or says what to do about it.
fn is_cache(word: &str) -> bool {
    let word = word.trim_start_matches('~').trim_start_matches("/root");
    ["/var/lib/apt", "/var/cache", "/var/log", "/.cache", "/tmp", "/var/tmp"]
        .iter()
        .any(|folder| word.starts_with(folder))
        || ["__pycache__", "*.pyc", "*.pyo", "{}", "+", "rm", ";", "d", "f", "-rf"].contains(&word)
        || word.contains("site-packages")
        || word == "/usr/local"
        || word == "/opt/conda"
        || word == "/"
}

fn apt(walk: &mut Walk<'_, '_, '_>, arguments: &[&str], command: &Command) {
    let action = arguments.iter().position(|word| !word.starts_with('-') && !word.contains("::"));
    let Some((action, rest)) = action.map(|position| (arguments[position], &arguments[position + 1..])) else { return };
    let mut options_with_value = false;
    let named: Vec<&str> = rest
        .iter()
        .copied()
        .filter(|word| !std::mem::replace(&mut options_with_value, matches!(*word, "-t" | "-o" | "--target-release")))
        .filter(|word| !word.starts_with('-'))
        .collect();
    match action {
        "install" => {}
        "upgrade" | "dist-upgrade" | "full-upgrade" => {
            walk.remark(command.line, &command.text(), "packages of the base stay as they are: take a newer base");
            return;
        }
        _ => return,
    }
    if walk.state.wheels_only {
        return;
    }
    let (building, wanted): (Vec<&str>, Vec<&str>) = named.into_iter().partition(|name| systems::is_for_building(name));
    if !building.is_empty() {
        let advice = "nothing is compiled or installed in the image: wheels bring what they need";
        walk.remark(command.line, &format!("apt-get install {}", building.join(" ")), advice);
    }
    let base = walk.sketch.base.value.clone();
    if let (Some(system), false) = (systems::other_system(&base), wanted.is_empty()) {
        let advice = format!(
            "the base is of {system}, over which no Debian packages go: take a base of Debian, or a wheel that brings the library"
        );
        walk.remark(command.line, &format!("apt-get install {}", wanted.join(" ")), advice);
        return;
    }
    for package in wanted {
        // `git=1:2.39`
        if !is_package_name(package.split('=').next().unwrap_or_default()) {
            walk.remark(command.line, package, "name the packages one by one under `debian.packages`");
        } else if walk.sketch.packages.iter().all(|known| known.value != package) {
            walk.sketch.packages.push(Noted::new(package.to_owned(), command.line));
        }
    }
}

/// Users that are made: `USER` and `--chown` then mean numbers.
fn account(walk: &mut Walk<'_, '_, '_>, program: &str, arguments: &[&str], command: &Command) {
    let value = |names: &[&str]| {
        let mut words = arguments.iter().copied();
        words.by_ref().find_map(|word| match word.split_once('=') {
            Some((name, value)) if names.contains(&name) => Some(value),
            _ if names.contains(&word) => arguments.iter().skip_while(|other| **other != word).nth(1).copied(),
            _ => None,
        })
    };
    let number = |names: &[&str]| value(names).and_then(|text| text.parse::<u32>().ok());
    let takes_value = [
        "-u",
        "-g",
        "-G",
        "-s",
        "-d",
        "-c",
        "--uid",
        "--gid",
        "--shell",
        "--home",
        "--home-dir",
        "--gecos",
        "--ingroup",
        "-h",
    ];
    let mut skip = false;
    let mut names = arguments
        .iter()
        .filter(|word| !std::mem::replace(&mut skip, takes_value.contains(word)) && !word.starts_with('-'));
    let Some(name) = names.next() else { return };
    let next = 1000 + u32::try_from(walk.state.accounts.len()).unwrap_or_default();
    let (entry, advice) = if program.starts_with("group") || program == "addgroup" {
        let gid = number(&["-g", "--gid"]).unwrap_or(next);
        ((gid, gid), format!("the group is the number {gid} wherever it is named; /etc/group stays as it is"))
    } else {
        let uid =
            number(&["-u", "--uid"]).or_else(|| walk.state.accounts.get(*name).map(|(uid, _)| *uid)).unwrap_or(next);
        let group = value(&["-g", "--gid", "--ingroup", "-G"]);
        let gid =
            group.and_then(|group| group.parse().ok().or_else(|| walk.state.accounts.get(group).map(|(_, gid)| *gid)));
        let gid = gid.unwrap_or(uid);
        let advice = "there is no entry in /etc/passwd and no home: set `HOME` in `image.env` where one is wanted";
        ((uid, gid), format!("the user is {uid}:{gid} wherever it is named; {advice}"))
    };
    walk.remark(command.line, &command.text(), advice);
    walk.state.accounts.insert((*name).to_owned(), entry);
}

/// `chmod` and `chown` of files that were copied become their mode and owner.
fn attributes(walk: &mut Walk<'_, '_, '_>, program: &str, arguments: &[&str], command: &Command) {
    let words: Vec<&str> = arguments.iter().copied().filter(|word| !word.starts_with('-')).collect();
    let Some((what, paths)) = words.split_first() else { return };
    let value = match program {
        "chown" => copying::owner(walk, what),
        _ if what.bytes().all(|byte| byte.is_ascii_digit()) => Some(copying::octal(what)),
        _ if what.contains("+x") => Some("0755".to_owned()),
        _ => None,
    };
    let paths: Vec<String> = paths.iter().map(|path| walk.absolute(path)).collect();
    let mut met = 0;
    if let Some(value) = &value {
        walk.put(|part| {
            for script in &mut part.scripts {
                let meant = |path: &String| {
                    script.to == *path || script.to.starts_with(&format!("{}/", path.trim_end_matches('/')))
                };
                if paths.iter().any(meant) {
                    met += 1;
                    *(if program == "chown" { &mut script.owner } else { &mut script.mode }) = Some(value.clone());
                }
            }
        });
    }
    // Within a folder, files are executable where they are so beside the recipe.
    let local = paths.first().and_then(|path| walk.local(path));
    if let (0, Some(local), Some("0755")) = (met, &local, value.as_deref()) {
        walk.remark(command.line, &command.text(), format!("make it executable where it lies: `chmod +x {local}`"));
    } else if met == 0 {
        walk.remark(
            command.line,
            &command.text(),
            "say `mode` and `owner` where the files are named, under `[[scripts]]`",
        );
    }
}
