//! `COPY` and `ADD`: files from beside the Dockerfile, and what earlier stages have installed.

use parse_dockerfile::{Flag, Source};

use super::{
    around::{Found, matches},
    shell::expanded,
    sketch::{Noted, Script},
    stage::Walk,
};

/// What of a project's folder is never meant by `COPY . .`.
const LEFT_OUT: [&str; 16] = [
    ".*",
    "*ockerfile*",
    "*ontainerfile*",
    "docker-compose*",
    "compose.y*",
    "__pycache__",
    "venv",
    "env",
    "node_modules",
    "*.egg-info",
    "*.lock",
    "wheelwright.toml",
    "build",
    "dist",
    "*.md",
    "LICENSE*",
];

/// What the options of an instruction say.
#[derive(Default)]
struct Options {
    from: Option<String>,
    mode: Option<String>,
    owner: Option<String>,
}

/// Follows one instruction; `at` is its line and name.
pub(super) fn copy(
    walk: &mut Walk<'_, '_, '_>,
    flags: &[Flag<'_>],
    sources: &[Source<'_>],
    to: &str,
    at: (usize, &str),
) {
    let (line, instruction) = at;
    let mut paths = Vec::new();
    for source in sources {
        match source {
            Source::Path(path) => paths.push(expanded(&path.value, &walk.state.variables)),
            _ => walk.remark(
                line,
                &format!("{instruction} <<…"),
                "write the text into a file, and name it under `[[scripts]]`",
            ),
        }
    }
    let to = expanded(to, &walk.state.variables);
    let text = format!("{instruction} {} {to}", paths.join(" "));
    let options = options(walk, flags, (line, &text));
    if let Some(from) = &options.from {
        return from_elsewhere(walk, from, &paths, &to, (line, &text));
    }
    let into_folder = to.ends_with('/') || to == "." || paths.len() > 1;
    for path in paths {
        if path.contains("://") {
            let advice = "download it beforehand, and name the file under `[[scripts]]`";
            walk.remark(line, &text, advice);
            continue;
        }
        if instruction == "ADD" && is_archive(&path) {
            walk.remark(line, &text, "unpack it beforehand, and name the folder under `[[scripts]]`");
            continue;
        }
        local(walk, &path, (&to, into_folder), &options, (line, &text));
    }
}

fn options(walk: &mut Walk<'_, '_, '_>, flags: &[Flag<'_>], at: (usize, &str)) -> Options {
    let mut options = Options::default();
    for flag in flags {
        let value = flag.value.as_ref().map(|value| expanded(&value.value, &walk.state.variables)).unwrap_or_default();
        match &*flag.name.value {
            "from" => options.from = Some(value),
            "chmod" if value.bytes().all(|byte| byte.is_ascii_digit()) => options.mode = Some(octal(&value)),
            "chmod" => walk.remark(at.0, at.1, "write the mode as a number: `mode = \"0755\"`"),
            "chown" => {
                options.owner = owner(walk, &value);
                if options.owner.is_none() {
                    walk.remark(at.0, at.1, "name the owner by numbers: `owner = \"10001:10001\"`");
                }
            }
            _ => {}
        }
    }
    options
}

/// A mode as recipes write it.
pub(super) fn octal(digits: &str) -> String {
    if digits.len() == 3 { format!("0{digits}") } else { digits.to_owned() }
}

/// `user:group` by numbers, where they can be told.
pub(super) fn owner(walk: &Walk<'_, '_, '_>, text: &str) -> Option<String> {
    let accounts = &walk.state.accounts;
    let (user, group) = text.split_once(':').unwrap_or((text, ""));
    let known = accounts.get(user).copied().or_else(|| (user == "root").then_some((0, 0)));
    let uid = user.parse().ok().or_else(|| known.map(|(uid, _)| uid))?;
    let gid = match group {
        "" => known.map_or(uid, |(_, gid)| gid),
        _ => group.parse().ok().or_else(|| accounts.get(group).map(|(_, gid)| *gid))?,
    };
    Some(format!("{uid}:{gid}"))
}

fn is_archive(path: &str) -> bool {
    [".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar.zst"].iter().any(|ending| path.ends_with(ending))
}

fn local(walk: &mut Walk<'_, '_, '_>, path: &str, to: (&str, bool), options: &Options, at: (usize, &str)) {
    let path = path.trim_start_matches('/').trim_start_matches("./").trim_end_matches('/');
    let path = if path.is_empty() { "." } else { path };
    let (to, into_folder) = (walk.absolute(to.0), to.1);
    if path == "." {
        return everything(walk, &to, options, at);
    }
    if path.contains(['*', '?', '[']) {
        let found: Vec<String> = walk.around.list().into_iter().filter(|name| matches(path, name)).collect();
        if found.is_empty() {
            walk.remark(at.0, at.1, "name each file under `[[scripts]]`");
        }
        for name in found {
            one(walk, &name, (&to, true), options, at);
        }
        return;
    }
    one(walk, path, (&to, into_folder), options, at);
}

/// One file or folder: a file goes into a folder under its own name, what is in a folder goes into it.
fn one(walk: &mut Walk<'_, '_, '_>, path: &str, (to, into_folder): (&str, bool), options: &Options, at: (usize, &str)) {
    let base_name = path.rsplit('/').next().unwrap_or(path);
    let found = walk.around.look(path).unwrap_or_else(|| {
        walk.remark(at.0, at.1, format!("`{path}` is not beside the recipe: put it there, or correct `from`"));
        if base_name.contains('.') { Found::File } else { Found::Folder }
    });
    let to = match found {
        Found::File if into_folder => format!("{}/{base_name}", to.trim_end_matches('/')),
        _ => to.to_owned(),
    };
    add(walk, path, (&to, found), options, at.0);
}

fn everything(walk: &mut Walk<'_, '_, '_>, to: &str, options: &Options, at: (usize, &str)) {
    walk.state.copies.push((to.to_owned(), ".".to_owned(), Found::Folder));
    let ignored = walk.around.read(".dockerignore").unwrap_or_default();
    let ignored: Vec<&str> =
        ignored.lines().map(|line| line.trim().trim_matches('/')).filter(|line| !line.starts_with('#')).collect();
    let is_left_out = |name: &str| LEFT_OUT.iter().chain(&ignored).any(|pattern| matches(pattern, name));
    let names: Vec<String> = walk.around.list().into_iter().filter(|name| !is_left_out(name)).collect();
    for name in &names {
        let found = walk.around.look(name).unwrap_or(Found::File);
        let to = format!("{}/{name}", to.trim_end_matches('/'));
        add(walk, name, (&to, found), options, at.0);
    }
    walk.remark(
        at.0,
        at.1,
        match names.as_slice() {
            [] => "nothing lies beside the recipe: let `--output` name one in the folder that `docker build` is given",
            _ => "each file and folder is named by itself: remove those that the program does not need",
        },
    );
}

/// `to` is where it goes, and what it is.
fn add(walk: &mut Walk<'_, '_, '_>, from: &str, (to, found): (&str, Found), options: &Options, line: usize) {
    walk.state.copies.push((to.to_owned(), from.to_owned(), found));
    if walk.state.wheels_only {
        return;
    }
    let script = Script {
        from: from.to_owned(),
        to: to.to_owned(),
        mode: options.mode.clone(),
        owner: options.owner.clone(),
        line,
    };
    walk.put(|part| {
        // A later file takes the place of an earlier one, as it does in an image.
        part.scripts.retain(|known| known.to != script.to || known.from != script.from);
        part.scripts.push(script.clone());
    });
}

/// `COPY --from`: of an earlier stage what it has installed comes as wheels.
fn from_elsewhere(walk: &mut Walk<'_, '_, '_>, from: &str, paths: &[String], to: &str, at: (usize, &str)) {
    // A later stage, and this one, are none: Docker takes their names for images.
    let Some(stage) = walk.plan.find(from).filter(|stage| *stage < walk.at) else {
        // Installers are for building.
        if !["astral-sh/uv", "/uv:", "poetry"].iter().any(|tool| from.contains(tool)) {
            let advice = "copy it out of that image beforehand, and name it under `[[scripts]]`";
            walk.remark(at.0, at.1, advice);
        }
        return;
    };
    let known = walk.gather(stage);
    for path in paths {
        let is_venv = known.venvs.iter().any(|venv| venv == path.trim_end_matches('/'));
        if is_venv && !walk.state.wheels_only {
            walk.sketch.into = Some(Noted::new(walk.absolute(to), at.0));
        }
        let inside = |folder: &String| path.starts_with(folder.as_str());
        let holds_wheels = is_venv
            || known.venvs.iter().any(inside)
            || known.gathered.iter().any(inside)
            || ["site-packages", "dist-packages", "/bin", ".local", "/conda"].iter().any(|part| path.contains(part));
        if holds_wheels {
            // What is installed from there is installed already.
            let to = walk.absolute(to);
            walk.state.gathered.push(to);
        } else {
            let advice = format!("what `{from}` makes is made beforehand: name `{path}` under `[[scripts]]`");
            walk.remark(at.0, at.1, advice);
        }
    }
}
