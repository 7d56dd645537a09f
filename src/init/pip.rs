//! Calls of pip and uv: what they install, and from where.

use super::{
    Around, requirements,
    shell::Command,
    sketch::{Index, Input, Noted},
    stage::Walk,
};
use crate::{hint::stripped, python::Requirement};

/// What installs others and is not part of an image.
const INSTALLERS: [&str; 11] =
    ["pip", "setuptools", "wheel", "uv", "poetry", "poetry-core", "pipenv", "pdm", "build", "hatch", "pip-tools"];

/// What to do about what is no wheel yet.
pub(super) const A_WHEEL: &str = "build a wheel of it (`pip wheel --no-deps …`), and require that: `./NAME.whl`";

/// Options of pip and uv that take a value which changes nothing here.
const WITH_VALUE: [&str; 15] = [
    "--timeout",
    "--retries",
    "--python",
    "-p",
    "--cache-dir",
    "--trusted-host",
    "--proxy",
    "--cert",
    "--no-binary",
    "--only-binary",
    "--progress-bar",
    "--upgrade-strategy",
    "--src",
    "--link-mode",
    "--python-version",
];

/// What a call of `pip install` names.
#[derive(Default)]
struct Install<'a> {
    packages: Vec<&'a str>,
    files: Vec<&'a str>,
    constraints: Vec<&'a str>,
    index: Option<&'a str>,
    extra: Vec<&'a str>,
    links: Vec<&'a str>,
    places: Vec<&'a str>,
    projects: Vec<&'a str>,
    no_index: bool,
    flags: Vec<&'a str>,
}

/// Follows a call of `program`.
pub(super) fn call(walk: &mut Walk<'_, '_, '_>, program: &str, arguments: &[&str], command: &Command) {
    let is_option = |word: &&&str| word.starts_with('-');
    let skipped = arguments.iter().take_while(is_option).count();
    let arguments = &arguments[skipped..];
    match (program, arguments) {
        ("pip", ["install" | "wheel" | "download", rest @ ..]) | ("uv", ["pip", "install" | "sync", rest @ ..]) => {
            let files = program == "uv" && arguments[1] == "sync";
            let mut install = read(rest);
            if files {
                install.files.append(&mut install.packages);
            }
            installed(walk, &install, command);
        }
        ("uv", ["add", rest @ ..] | ["tool", "install", rest @ ..]) => installed(walk, &read(rest), command),
        ("uv", ["sync", rest @ ..]) => sync(walk, rest, command),
        ("uv", ["venv", rest @ ..]) | ("virtualenv", rest) => {
            let path =
                rest.iter().find(|word| word.starts_with('/') || word.starts_with('.') || !word.starts_with('-'));
            venv(walk, path.copied().unwrap_or(".venv"), command.line);
        }
        ("poetry", ["install", ..]) => {
            walk.put(|part| part.file(Input::plain("requirements.txt"), command.line));
            let advice = "run `poetry export -o requirements.txt` beforehand: the recipe names that file";
            walk.sketch.remark(command.line, &command.text(), advice);
        }
        ("pdm", ["install" | "sync", ..]) => {
            walk.put(|part| part.from_lock = Some(Noted::new(Input::plain("pylock.toml"), command.line)));
            let advice = "run `pdm export -f pylock -o pylock.toml` beforehand: the recipe names that file";
            walk.sketch.remark(command.line, &command.text(), advice);
        }
        ("pipenv", ["install" | "sync", ..]) => {
            walk.put(|part| part.file(Input::plain("requirements.txt"), command.line));
            let advice = "run `pipenv requirements --hash > requirements.txt` beforehand: the recipe names that file";
            walk.sketch.remark(command.line, &command.text(), advice);
        }
        ("pip", ["uninstall", rest @ ..]) => {
            let names: Vec<&str> = rest.iter().copied().filter(|word| !word.starts_with('-')).collect();
            walk.remark(command.line, &command.text(), format!("leave {} out: `wheels.exclude`", names.join(", ")));
        }
        ("uv", ["run", ..]) => {
            walk.remark(command.line, &command.text(), super::running::NOTHING_RUNS);
        }
        // Caches, versions, settings of the installer.
        _ => {}
    }
}

fn read<'a>(arguments: &[&'a str]) -> Install<'a> {
    let mut install = Install::default();
    let mut words = arguments.iter().copied();
    while let Some(word) = words.next() {
        let (name, inline) = match word.split_once('=') {
            Some((name, value)) if word.starts_with("--") => (name, Some(value)),
            _ if word.starts_with('-')
                && !word.starts_with("--")
                && word.len() > 2
                && b"rcifet".contains(&word.as_bytes()[1]) =>
            {
                (&word[..2], Some(&word[2..]))
            }
            _ => (word, None),
        };
        let mut value = || inline.or_else(|| words.next()).unwrap_or_default();
        match name {
            "-r" | "--requirement" | "--requirements" => install.files.push(value()),
            "-c" | "--constraint" | "--constraints" => install.constraints.push(value()),
            "-i" | "--index-url" | "--default-index" => install.index = Some(value()),
            "--extra-index-url" | "--index" => install.extra.push(value()),
            "-f" | "--find-links" => install.links.push(value()),
            "-e" | "--editable" => install.projects.push(value()),
            "-t" | "--target" | "--prefix" | "--root" | "-w" | "--wheel-dir" | "-d" | "--dest" => {
                install.places.push(value());
            }
            "--no-index" => install.no_index = true,
            "--torch-backend" => install.flags.push(word),
            _ if WITH_VALUE.contains(&name) => drop(value()),
            _ if name.starts_with('-') => install.flags.push(name),
            _ => install.packages.push(word),
        }
    }
    install
}

fn installed(walk: &mut Walk<'_, '_, '_>, install: &Install<'_>, command: &Command) {
    let line = command.line;
    for place in &install.places {
        let place = walk.absolute(place);
        walk.state.gathered.push(place);
    }
    let mut names = Vec::new();
    for package in &install.packages {
        if let Some(name) = package_word(walk, package, command) {
            names.push(name);
        }
    }
    for project in &install.projects {
        own_project(walk, project, command);
    }
    for file in &install.files {
        let path = beside(walk, file, command);
        match walk.around.read(&path) {
            Some(text) => {
                let wanted = requirements::wanted(walk.around, &path, &text, Some(line));
                walk.put(|part| part.join(&wanted.part));
                walk.sketch.take(wanted);
            }
            None => walk.put(|part| part.file(Input::plain(&path), line)),
        }
    }
    for file in &install.constraints {
        let path = beside(walk, file, command);
        walk.put(|part| part.constraint(&path, line));
    }
    compiled(walk, &install.flags, line);
    for flag in &install.flags {
        let advice = match *flag {
            "--pre" => "name the pre-release in the requirement: `torch>=2.9rc1`",
            "--no-deps" => "what wheels require comes along: leave some of it out with `wheels.exclude`",
            flag if flag.starts_with("--torch-backend") => {
                "name the index under `wheels.index`, with `for = [\"torch\"]`"
            }
            _ => continue,
        };
        walk.sketch.remark(line, &command.text(), advice);
    }
    indexes(walk, install, &names, line);
}

/// The indexes of a call. Where it names the one index of a few distributions, they alone come from it.
fn indexes(walk: &mut Walk<'_, '_, '_>, install: &Install<'_>, names: &[String], line: usize) {
    let mut add = |url: &str, only_for: Vec<String>, flat: bool| {
        if !url.contains("://") || url.contains("${") {
            return;
        }
        walk.sketch.index(Index { url: stripped(url), only_for: only_for.into_iter().collect(), flat, line });
    };
    let own = || if install.files.is_empty() { names.to_vec() } else { Vec::new() };
    if let Some(url) = install.index {
        add(url, own(), false);
    }
    for url in &install.extra {
        let torch = ["torch", "torchvision", "torchaudio"];
        let is_torch = url.contains("pytorch") && names.iter().any(|name| torch.contains(&name.as_str()));
        let for_torch = || names.iter().filter(|name| torch.contains(&name.as_str())).cloned().collect();
        add(url, if is_torch { for_torch() } else { Vec::new() }, false);
    }
    for url in &install.links {
        add(url, Vec::new(), true);
    }
}

/// What a word of a call asks for; its name where it is an ordinary requirement.
fn package_word(walk: &mut Walk<'_, '_, '_>, word: &str, command: &Command) -> Option<String> {
    let line = command.line;
    let path = word.split('[').next().unwrap_or(word);
    if path.contains("git+") || is_archive(path) {
        walk.sketch.remark(line, word, A_WHEEL);
        return None;
    }
    if word.contains('$') {
        walk.sketch.remark(line, word, "nothing says what this is: name the requirement under `wheels.require`");
        return None;
    }
    let is_path = path.starts_with(['.', '/']) || is_wheel(path) && !path.contains('@');
    if is_path {
        let absolute = walk.absolute(path);
        if walk.state.gathered.iter().any(|place| absolute.starts_with(place.as_str())) {
            return None;
        }
        match walk.local(path).or_else(|| walk.around.look(path).map(|_| path.to_owned())) {
            Some(local) if is_wheel(&local) && !local.contains('*') => {
                let wheel = format!("./{}", local.trim_start_matches("./"));
                walk.put(|part| part.require(&wheel, line));
            }
            _ if is_wheel(path) => {
                walk.sketch.remark(
                    line,
                    word,
                    "name each wheel, beside the recipe, under `wheels.require`: `./NAME.whl`",
                );
            }
            _ => own_project(walk, word, command),
        }
        return None;
    }
    match word.parse::<Requirement>() {
        Ok(requirement) if INSTALLERS.contains(&requirement.name.as_str()) => None,
        Ok(requirement) => {
            walk.put(|part| part.require(word, line));
            Some(requirement.name.to_string())
        }
        Err(error) => {
            walk.sketch.remark(line, word, format!("{error}: write it as PEP 508 has it, under `wheels.require`"));
            None
        }
    }
}

fn is_wheel(path: &str) -> bool {
    path.strip_suffix(".whl").is_some()
}

/// Whether it is a source distribution.
fn is_archive(path: &str) -> bool {
    path.strip_suffix(".zip").or_else(|| path.strip_suffix(".tar.gz")).is_some()
}

/// The project itself: what it depends on comes from its `pyproject.toml`, and it needs a wheel.
fn own_project(walk: &mut Walk<'_, '_, '_>, word: &str, command: &Command) {
    let (path, extras) = word.split_once('[').unwrap_or((word, ""));
    let extras: Vec<String> =
        extras.trim_end_matches(']').split(',').filter(|extra| !extra.is_empty()).map(str::to_owned).collect();
    let local = walk.local(path).unwrap_or_default();
    let folder = local.trim_start_matches("./").trim_end_matches(['/', '.']);
    let pyproject = if folder.is_empty() { "pyproject.toml".to_owned() } else { format!("{folder}/pyproject.toml") };
    if walk.around.look(&pyproject).is_some() {
        let input = Input { path: pyproject, extras, groups: Vec::new() };
        walk.put(|part| part.file(input.clone(), command.line));
    }
    let advice = "build a wheel of the project (`pip wheel --no-deps .`), and require that: `./NAME.whl`";
    walk.sketch.remark(command.line, &command.text(), advice);
}

fn sync(walk: &mut Walk<'_, '_, '_>, arguments: &[&str], command: &Command) {
    let line = command.line;
    let values = |names: &[&str]| -> Vec<String> {
        let pairs = arguments.iter().zip(arguments.iter().skip(1).chain([&""]));
        let found = pairs.filter_map(|(word, next)| match word.split_once('=') {
            Some((name, value)) if names.contains(&name) => Some(value.to_owned()),
            _ if names.contains(word) => Some((*next).to_owned()),
            _ => None,
        });
        found.collect()
    };
    let (extras, groups) = (values(&["--extra"]), values(&["--group", "--only-group"]));
    let has_lock = walk.around.look("uv.lock").is_some() || walk.local("uv.lock").is_some();
    let path = if has_lock { "uv.lock" } else { "pyproject.toml" };
    let input = Input { path: path.to_owned(), extras, groups };
    walk.put(|part| {
        if has_lock {
            part.from_lock = Some(Noted::new(input.clone(), line));
        } else {
            part.file(input.clone(), line);
        }
    });
    let environment = walk.state.variables.get("UV_PROJECT_ENVIRONMENT").cloned();
    venv(walk, &environment.unwrap_or_else(|| ".venv".to_owned()), line);
    compiled(walk, arguments, line);
    if walk.local(path).is_none() {
        is_there(walk, path, command);
    }
    let without_project =
        arguments.iter().any(|word| *word == "--no-install-project" || *word == "--no-install-workspace");
    if !without_project && is_package(walk.around) {
        let advice = "build a wheel of the project itself (`uv build --wheel`), and require that: `./dist/NAME.whl`";
        walk.sketch.remark(line, &command.text(), advice);
    }
}

/// uv compiles modules where it is told to.
fn compiled(walk: &mut Walk<'_, '_, '_>, flags: &[&str], line: usize) {
    if flags.iter().any(|flag| matches!(*flag, "--compile-bytecode" | "--compile")) {
        walk.sketch.bytecode.get_or_insert(line);
    }
}

/// Whether the project beside the Dockerfile is one that is built.
fn is_package(around: &dyn Around) -> bool {
    around.read("pyproject.toml").is_some_and(|text| text.contains("[build-system]"))
}

fn venv(walk: &mut Walk<'_, '_, '_>, path: &str, line: usize) {
    let path = walk.absolute(path);
    if matches!(path.as_str(), "/" | "/usr" | "/usr/local") {
        return;
    }
    if !walk.state.wheels_only {
        walk.sketch.into = Some(Noted::new(path.clone(), line));
    }
    walk.state.venvs.push(path);
}

/// The path, beside the recipe, of a file that is named in the image.
fn beside(walk: &mut Walk<'_, '_, '_>, file: &str, command: &Command) -> String {
    let path = walk.local(file).unwrap_or_else(|| file.rsplit('/').next().unwrap_or(file).to_owned());
    is_there(walk, &path, command);
    path
}

/// Remarks on a file that is not beside the recipe.
fn is_there(walk: &mut Walk<'_, '_, '_>, path: &str, command: &Command) {
    if walk.around.look(path).is_none() {
        let advice = format!("`{path}` is not beside the recipe: put it there, or correct the path");
        walk.sketch.remark(command.line, &command.text(), advice);
    }
}
