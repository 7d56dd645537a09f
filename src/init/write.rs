//! A sketch as the text of a recipe.

use std::fmt::Write as _;

use super::sketch::{Image, Index, Input, Noted, Part, Script, Sketch};

/// The recipe, drafted from the file `file`.
pub(super) fn recipe(file: &str, sketch: &Sketch) -> String {
    let mut text = format!("# Drafted from {}, whose lines are named beside what they became.\n", plain(file));
    if !sketch.remarks.is_empty() {
        text.push_str("# What has no counterpart here stands at the end.\n");
    }
    entry(&mut text, "name", &string(&sketch.name), 0);
    if let Some(comment) = &sketch.base_comment {
        let _ = writeln!(text, "# {comment}");
    }
    entry(&mut text, "base", &string(&sketch.base.value), sketch.base.line);
    entry(&mut text, "platforms", &strings(&sketch.platforms), 0);
    wheels(&mut text, sketch);
    debian(&mut text, sketch);
    scripts(&mut text, "scripts", &sketch.common.scripts);
    let (keys, tables) = image("image", &sketch.common.image);
    if !keys.is_empty() {
        header(&mut text, "image");
    }
    text.push_str(&(keys + &tables));
    for (name, part) in &sketch.variants {
        variant(&mut text, name, part);
    }
    remarks(&mut text, sketch);
    text
}

fn string(value: &str) -> String {
    toml::Value::String(value.to_owned()).to_string()
}

fn strings<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> String {
    let values: Vec<String> = values.into_iter().map(|value| string(value.as_ref())).collect();
    format!("[{}]", values.join(", "))
}

/// A key as TOML wants it: bare where it can be.
fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if bare { name.to_owned() } else { string(name) }
}

fn entry(text: &mut String, key: &str, value: &str, line: usize) {
    let _ = writeln!(text, "{key} = {value}{}", comment(line));
}

fn comment(line: usize) -> String {
    if line == 0 { String::new() } else { format!("  # line {line}") }
}

fn header(text: &mut String, name: &str) {
    let _ = writeln!(text, "\n[{name}]");
}

/// A list of which each item may have a line of its own.
fn list(text: &mut String, key: &str, items: &[Noted]) {
    let noted: Vec<Noted> = items.iter().map(|item| Noted::new(string(&item.value), item.line)).collect();
    values(text, key, &noted);
}

/// The same, of values that are TOML already.
fn values(text: &mut String, key: &str, items: &[Noted]) {
    match items {
        [] => {}
        [first, rest @ ..] if rest.iter().all(|item| item.line == first.line) => {
            let all: Vec<&str> = items.iter().map(|item| item.value.as_str()).collect();
            let one = format!("[{}]", all.join(", "));
            if one.len() < 80 {
                return entry(text, key, &one, first.line);
            }
            several(text, key, items);
        }
        _ => several(text, key, items),
    }
}

fn several(text: &mut String, key: &str, items: &[Noted]) {
    let _ = writeln!(text, "{key} = [");
    for item in items {
        let _ = writeln!(text, "  {},{}", item.value, comment(item.line));
    }
    text.push_str("]\n");
}

fn input(input: &Input) -> String {
    if input.extras.is_empty() && input.groups.is_empty() {
        return string(&input.path);
    }
    let mut table = format!("{{ file = {}", string(&input.path));
    for (name, list) in [("extras", &input.extras), ("groups", &input.groups)] {
        if !list.is_empty() {
            let _ = write!(table, ", {name} = {}", strings(list));
        }
    }
    table + " }"
}

/// What is asked of the resolver, under the header that stands already.
fn request(text: &mut String, part: &Part) {
    if let Some(lock) = &part.from_lock {
        entry(text, "from-lock", &input(&lock.value), lock.line);
    }
    list(text, "require", &part.require);
    let files: Vec<Noted> = part.files.iter().map(|file| Noted::new(input(&file.value), file.line)).collect();
    values(text, "files", &files);
    list(text, "constraints", &part.constraints);
}

fn wheels(text: &mut String, sketch: &Sketch) {
    let settings = sketch.python.is_some() || sketch.into.is_some() || sketch.bytecode.is_some();
    if sketch.common.is_empty() && !settings && sketch.indexes.is_empty() {
        return;
    }
    header(text, "wheels");
    request(text, &sketch.common);
    if let Some(python) = &sketch.python {
        entry(text, "python", &string(&python.value), python.line);
    }
    if let Some(into) = &sketch.into {
        entry(text, "into", &string(&into.value), into.line);
    }
    if let Some(line) = sketch.bytecode {
        entry(text, "bytecode", "true", line);
    }
    let indexes: Vec<Noted> = sketch.indexes.iter().enumerate().map(|(number, found)| index(number, found)).collect();
    values(text, "index", &indexes);
}

fn index(number: usize, index: &Index) -> Noted {
    let name = format!("extra-{}", number + 1);
    let mut table = format!("{{ name = {}, url = {}", string(&name), string(&index.url));
    if !index.only_for.is_empty() {
        let _ = write!(table, ", for = {}", strings(&index.only_for));
    }
    if index.flat {
        table.push_str(", format = \"flat\"");
    }
    Noted::new(table + " }", index.line)
}

fn debian(text: &mut String, sketch: &Sketch) {
    let (Some(suite), false) = (&sketch.suite, sketch.packages.is_empty()) else { return };
    header(text, "debian");
    if suite.line == 0 {
        text.push_str("# The release of the base; where it is another one, locking says so.\n");
    }
    entry(text, "suite", &string(&suite.value), suite.line);
    list(text, "packages", &sketch.packages);
}

fn scripts(text: &mut String, name: &str, scripts: &[Script]) {
    for script in scripts {
        let _ = writeln!(text, "\n[[{name}]]{}", comment(script.line));
        entry(text, "from", &string(&script.from), 0);
        entry(text, "to", &string(&script.to), 0);
        for (key, value) in [("mode", &script.mode), ("owner", &script.owner)] {
            if let Some(value) = value {
                entry(text, key, &string(value), 0);
            }
        }
    }
}

/// The keys of `image`, and its tables below `name`.
fn image(name: &str, image: &Image) -> (String, String) {
    let (mut keys, mut tables) = (String::new(), String::new());
    for (key, words) in [("entrypoint", &image.entrypoint), ("cmd", &image.cmd)] {
        if let Some(words) = words {
            entry(&mut keys, key, &strings(&words.value), words.line);
        }
    }
    for (key, value) in [("user", &image.user), ("workdir", &image.workdir), ("stop-signal", &image.stop_signal)] {
        if let Some(value) = value {
            entry(&mut keys, key, &string(&value.value), value.line);
        }
    }
    list(&mut keys, "ports", &image.ports);
    list(&mut keys, "volumes", &image.volumes);
    for (table, pairs) in [("env", &image.env), ("labels", &image.labels)] {
        if !pairs.is_empty() {
            header(&mut tables, &format!("{name}.{table}"));
        }
        for (variable, value) in pairs {
            entry(&mut tables, &key(variable), &string(&value.value), value.line);
        }
    }
    (keys, tables)
}

fn variant(text: &mut String, name: &str, part: &Part) {
    let table = format!("variants.{}", key(name));
    header(text, &table);
    request(text, part);
    let (keys, tables) = image(&table, &part.image);
    text.push_str(&keys);
    text.push_str(&tables);
    scripts(text, &format!("{table}.scripts"), &part.scripts);
}

fn remarks(text: &mut String, sketch: &Sketch) {
    if sketch.remarks.is_empty() {
        return;
    }
    text.push_str("\n# Without counterpart:\n");
    for remark in &sketch.remarks {
        let _ = writeln!(text, "#\n# line {}: {}\n#   {}", remark.line, plain(&remark.text), plain(&remark.advice));
    }
}

/// Nothing that TOML does not take in a comment.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
