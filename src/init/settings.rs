//! Instructions that become settings of the image: `ENV`, `LABEL`, `USER`, `WORKDIR`, `CMD` and their like.

use parse_dockerfile::{Command, JsonOrStringArray};

use super::{
    shell::{Variables, expanded, words},
    sketch::{Image, Noted},
};

/// Variables that matter while something is installed, and never again.
const FOR_BUILDING: [&str; 7] = ["PIP_", "UV_", "POETRY_", "DEBIAN_FRONTEND", "CONDA_", "MAMBA_", "PDM_"];

/// Options of `uv run` that only say how what is installed comes about.
const OF_INSTALLING: [&str; 10] = [
    "--frozen",
    "--locked",
    "--no-sync",
    "--no-dev",
    "--no-project",
    "--no-editable",
    "--no-cache",
    "--offline",
    "--quiet",
    "-q",
];

/// What `ARG` declares: names, with values where they have some.
pub(super) fn declare(text: &str, variables: &mut Variables) {
    for word in split(text) {
        if let Some((name, value)) = word.split_once('=') {
            let value = expanded(value, variables);
            variables.insert(name.to_owned(), value);
        }
    }
}

/// `A=b C="d e"`, or the old form `A b c`.
pub(super) fn pairs(text: &str) -> Vec<(String, String)> {
    let parts = split(text);
    match parts.split_first() {
        Some((first, rest)) if !first.contains('=') => vec![(first.clone(), rest.join(" "))],
        _ => parts
            .iter()
            .filter_map(|part| part.split_once('='))
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
    }
}

/// Words with their quotes removed and their variables as they stand.
fn split(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', None | Some('"')) => {
                word.get_or_insert_default().extend(letters.next().filter(|next| *next != '\n'));
            }
            ('"' | '\'', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (_, Some(open)) if letter == open => quote = None,
            (_, None) if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// Whether a variable only matters while something is installed.
pub(super) fn is_for_building(name: &str) -> bool {
    FOR_BUILDING.iter().any(|prefix| name.starts_with(prefix))
}

/// Sets `name` in a list of pairs, in place of an earlier value.
pub(super) fn set(pairs: &mut Vec<(String, Noted)>, name: &str, value: Noted) {
    match pairs.iter_mut().find(|(known, _)| known == name) {
        Some((_, known)) => *known = value,
        None => pairs.push((name.to_owned(), value)),
    }
}

/// `EXPOSE 80 90/udp`; what is no port comes back.
pub(super) fn expose(image: &mut Image, text: &str, line: usize) -> Result<(), ()> {
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = protocol.to_lowercase();
    if number.parse::<u16>().is_err() || !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(());
    }
    let port = format!("{number}/{protocol}");
    if image.ports.iter().all(|known| known.value != port) {
        image.ports.push(Noted::new(port, line));
    }
    Ok(())
}

/// What an entry point or command is, and whether it asks for a shell.
pub(super) fn command(command: &Command<'_>, variables: &Variables) -> (Vec<String>, bool) {
    match command {
        Command::Exec(words) => (words.value.iter().map(|word| word.value.to_string()).collect(), false),
        Command::Shell(text) if is_plain(text.value) => (words(text.value, variables), false),
        Command::Shell(text) => {
            let joined = text.value.replace("\\\n", " ").split_whitespace().collect::<Vec<_>>().join(" ");
            (["/bin/sh".to_owned(), "-c".to_owned(), joined].into(), true)
        }
        _ => (Vec::new(), false),
    }
}

/// The words that `uv run` starts, and whether uv is needed for them still.
pub(super) fn without_uv(words: Vec<String>) -> (Vec<String>, bool) {
    let text: Vec<&str> = words.iter().map(String::as_str).collect();
    let rest = match text.as_slice() {
        ["uv" | "/bin/uv" | "/usr/local/bin/uv", "run", rest @ ..] => rest,
        ["uv" | "/bin/uv" | "/usr/local/bin/uv", ..] => return (words, true),
        ["/bin/sh", "-c", script] => {
            let uv = script.split(' ').any(|word| word == "uv");
            return (words, uv);
        }
        _ => return (words, false),
    };
    let options = rest.iter().take_while(|word| OF_INSTALLING.contains(word)).count();
    let started: Vec<&str> = match &rest[options..] {
        ["--", rest @ ..] => rest.to_vec(),
        ["-m" | "--module", rest @ ..] => ["python", "-m"].iter().chain(rest).copied().collect(),
        [option, ..] if option.starts_with('-') => return (words, true),
        [script, rest @ ..] if script.strip_suffix(".py").is_some() => {
            ["python", script].iter().chain(rest).copied().collect()
        }
        rest => rest.to_vec(),
    };
    (started.into_iter().map(str::to_owned).collect(), false)
}

/// Whether words can be told without a shell.
fn is_plain(text: &str) -> bool {
    !text.contains(['$', '`', '|', '&', ';', '<', '>', '*', '?', '(', '~']) && !text.trim_start().starts_with("exec ")
}

/// The paths of `VOLUME`.
pub(super) fn volumes(arguments: &JsonOrStringArray<'_, 1>) -> Vec<String> {
    match arguments {
        JsonOrStringArray::Json(list) => list.value.iter().map(|path| path.value.to_string()).collect(),
        JsonOrStringArray::String(list) => list.iter().map(|path| path.value.to_string()).collect(),
    }
}
