//! One stage after the other: what each instruction means for the recipe.

use std::collections::{BTreeMap, BTreeSet};

use parse_dockerfile::Instruction;

use super::{
    Around, Found, copying,
    dockerfile::{Accounts, Plan, line_of},
    running, settings,
    shell::{Variables, expanded},
    sketch::{Noted, Part, Sketch},
};

/// What instructions have come to so far; stages built on this one go on with it.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// The variants that what comes is for; none where it is for all.
    pub(super) variants: Vec<String>,
    pub(super) workdir: String,
    pub(super) variables: Variables,
    /// What `ARG` names, with its default.
    pub(super) arguments: Variables,
    pub(super) accounts: Accounts,
    /// What came from beside the Dockerfile: path in the image, path there, and what it is.
    pub(super) copies: Vec<(String, String, Found)>,
    /// Where virtual environments were made.
    pub(super) venvs: Vec<String>,
    /// What of an earlier stage holds wheels: environments, prefixes, folders of them.
    pub(super) gathered: Vec<String>,
    /// Whether this is a stage of which only what it installs counts.
    pub(super) wheels_only: bool,
}

/// What is known of an argument on which variants depend.
#[derive(Debug)]
pub(super) struct Alternatives {
    /// The variant of its default value.
    pub(super) default: String,
    /// The variants of the values that something is done for.
    pub(super) tested: BTreeSet<String>,
    /// Where it is first held against one.
    pub(super) line: usize,
}

/// On its way through the stages.
pub(super) struct Walk<'w, 'd, 't> {
    pub(super) plan: &'w Plan<'d, 't>,
    pub(super) around: &'w dyn Around,
    pub(super) sketch: &'w mut Sketch,
    pub(super) state: State,
    /// The stage that is being followed.
    pub(super) at: usize,
    /// The arguments on whose values variants depend.
    pub(super) alternatives: BTreeMap<String, Alternatives>,
    /// Of each stage from which something was copied: its environments, and what else of it holds wheels.
    seen: BTreeMap<usize, (Vec<String>, Vec<String>)>,
}

impl<'w, 'd, 't> Walk<'w, 'd, 't> {
    pub(super) fn new(plan: &'w Plan<'d, 't>, around: &'w dyn Around, sketch: &'w mut Sketch) -> Self {
        Self { plan, around, sketch, state: State::new(), at: 0, alternatives: BTreeMap::new(), seen: BTreeMap::new() }
    }

    /// Follows the instructions of a stage.
    pub(super) fn stage(&mut self, stage: usize) {
        let plan = self.plan;
        let before = std::mem::replace(&mut self.at, stage);
        for instruction in plan.stages[stage].instructions {
            self.instruction(instruction);
        }
        self.at = before;
    }

    /// What the stage `stage` and those below it install; the state stays what it is but for what is said of
    /// where that lies.
    pub(super) fn gather(&mut self, stage: usize) -> State {
        let mut known = self.state.clone();
        // What a stage installs is said once, however often something is copied from it.
        if !self.seen.contains_key(&stage) {
            let own = std::mem::replace(&mut self.state, State::new());
            self.state.variants.clone_from(&own.variants);
            self.state.wheels_only = true;
            for stage in self.plan.chain(stage) {
                self.stage(stage);
            }
            let State { venvs, gathered, .. } = std::mem::replace(&mut self.state, own);
            self.seen.insert(stage, (venvs, gathered));
        }
        if let Some((venvs, gathered)) = self.seen.get(&stage) {
            known.venvs.clone_from(venvs);
            known.gathered.clone_from(gathered);
        }
        known
    }

    /// Does something to the parts that what comes is for.
    pub(super) fn put(&mut self, mut put: impl FnMut(&mut Part)) {
        if self.state.variants.is_empty() {
            return put(&mut self.sketch.common);
        }
        for name in &self.state.variants {
            put(self.sketch.variants.entry(name.clone()).or_default());
        }
    }

    /// Notes what has no counterpart, unless it stays behind in a stage of its own.
    pub(super) fn remark(&mut self, line: usize, text: &str, advice: impl Into<String>) {
        if !self.state.wheels_only {
            self.sketch.remark(line, text, advice);
        }
    }

    /// `path` as an absolute one without `.` and `..`.
    pub(super) fn absolute(&self, path: &str) -> String {
        let joined = if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.state.workdir) };
        let mut parts: Vec<&str> = Vec::new();
        for part in joined.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                _ => parts.push(part),
            }
        }
        format!("/{}", parts.join("/"))
    }

    /// The path beside the Dockerfile of what lies at `path` in the image.
    pub(super) fn local(&self, path: &str) -> Option<String> {
        let path = self.absolute(path);
        let found = self.state.copies.iter().rev().find_map(|(to, from, kind)| {
            let rest = path.strip_prefix(to.as_str())?;
            match (rest.strip_prefix('/'), kind) {
                (None, _) if rest.is_empty() => Some(from.clone()),
                (Some(rest), Found::Folder) if from == "." => Some(rest.to_owned()),
                (Some(rest), Found::Folder) => Some(format!("{from}/{rest}")),
                _ => None,
            }
        });
        found.filter(|found| !found.is_empty())
    }

    fn instruction(&mut self, instruction: &Instruction<'_>) {
        match instruction {
            Instruction::Run(run) => running::run(self, run),
            Instruction::Copy(copy) => {
                let line = self.line(copy.copy.span.start);
                copying::copy(self, &copy.options, &copy.src, &copy.dest.value, (line, "COPY"));
            }
            Instruction::Add(add) => {
                let line = self.line(add.add.span.start);
                copying::copy(self, &add.options, &add.src, &add.dest.value, (line, "ADD"));
            }
            Instruction::Arg(arg) => {
                self.argument(&arg.arguments.value);
            }
            Instruction::Env(env) => {
                let line = self.line(env.env.span.start);
                for (name, value) in settings::pairs(&env.arguments.value) {
                    self.variable(&name, &value, line);
                }
            }
            Instruction::Workdir(workdir) => {
                let path = expanded(&workdir.arguments.value, &self.state.variables);
                self.state.workdir = self.absolute(path.trim_matches('"'));
                let noted = Noted::new(self.state.workdir.clone(), self.line(workdir.workdir.span.start));
                if !self.state.wheels_only {
                    self.put(|part| part.image.workdir = Some(noted.clone()));
                }
            }
            _ if self.state.wheels_only => {}
            other => self.setting(other),
        }
    }

    fn argument(&mut self, text: &str) {
        let names: Vec<&str> = text.split_whitespace().map(|word| word.split('=').next().unwrap_or(word)).collect();
        let mut declared = Variables::new();
        for name in names {
            // What stands before the first stage is known where a stage says its name.
            let value = self.plan.arguments.get(name).cloned().unwrap_or_default();
            declared.insert(name.to_owned(), value);
        }
        settings::declare(text, &mut declared);
        self.state.arguments.extend(declared.clone());
        declared.retain(|_, value| !value.is_empty());
        self.state.variables.extend(declared);
    }

    fn variable(&mut self, name: &str, value: &str, line: usize) {
        let value = expanded(value, &self.state.variables);
        self.state.variables.insert(name.to_owned(), value.clone());
        if name == "UV_COMPILE_BYTECODE" && matches!(value.as_str(), "1" | "true") {
            self.sketch.bytecode.get_or_insert(line);
        }
        if self.state.wheels_only || settings::is_for_building(name) {
            return;
        }
        // A variable without a value anywhere is empty in a Dockerfile.
        let value = if value == format!("${{{name}}}") { String::new() } else { value };
        self.put(|part| settings::set(&mut part.image.env, name, Noted::new(value.clone(), line)));
    }

    fn setting(&mut self, instruction: &Instruction<'_>) {
        let line = self.line(instruction_start(instruction));
        match instruction {
            Instruction::Label(label) => {
                for (name, value) in settings::pairs(&label.arguments.value) {
                    let noted = Noted::new(expanded(&value, &self.state.variables), line);
                    self.put(|part| settings::set(&mut part.image.labels, &name, noted.clone()));
                }
            }
            Instruction::Maintainer(maintainer) => {
                let noted = Noted::new(maintainer.name.value.to_string(), line);
                let name = "org.opencontainers.image.authors";
                self.put(|part| settings::set(&mut part.image.labels, name, noted.clone()));
            }
            Instruction::User(user) => self.user(&user.arguments.value, line),
            Instruction::Expose(expose) => {
                for port in &expose.arguments {
                    let port = expanded(&port.value, &self.state.variables);
                    let mut fault = false;
                    self.put(|part| fault = settings::expose(&mut part.image, &port, line).is_err());
                    if fault {
                        self.remark(line, &format!("EXPOSE {port}"), "name each port by its number in `image.ports`");
                    }
                }
            }
            Instruction::Volume(volume) => {
                for path in settings::volumes(&volume.arguments) {
                    let path = self.absolute(&expanded(&path, &self.state.variables));
                    self.put(|part| part.image.volumes.push(Noted::new(path.clone(), line)));
                }
            }
            Instruction::Stopsignal(signal) => {
                let signal = Noted::new(expanded(&signal.arguments.value, &self.state.variables), line);
                self.put(|part| part.image.stop_signal = Some(signal.clone()));
            }
            Instruction::Entrypoint(entrypoint) => {
                let words = self.command(&entrypoint.arguments, line);
                self.put(|part| {
                    // `uv run` by itself: what `CMD` says is started.
                    part.image.entrypoint = Some(words.clone()).filter(|words| !words.value.is_empty());
                    part.image.cmd = None;
                });
            }
            Instruction::Cmd(cmd) => {
                let words = self.command(&cmd.arguments, line);
                self.put(|part| part.image.cmd = Some(words.clone()));
            }
            Instruction::Healthcheck(_) => {
                let advice = "images of the OCI have none: say it where the container is run (`--health-cmd`, a probe)";
                self.remark(line, "HEALTHCHECK", advice);
            }
            Instruction::Onbuild(_) => {
                self.remark(line, "ONBUILD", "put what it says into the recipe that builds on this image");
            }
            // A shell for instructions that do not run here.
            _ => {}
        }
    }

    fn command(&mut self, command: &parse_dockerfile::Command<'_>, line: usize) -> Noted<Vec<String>> {
        let (words, shell) = settings::command(command, &self.state.variables);
        let (words, by_uv) = settings::without_uv(words);
        if by_uv {
            let advice = "nothing brings `uv` into the image: name the program that it starts";
            self.remark(line, &words[if shell { 2 } else { 0 }..].join(" "), advice);
        }
        if shell {
            let advice = "this needs a shell in the image; without one, name the program and its arguments one by one";
            self.remark(line, &words[2].clone(), advice);
        }
        Noted::new(words, line)
    }

    fn user(&mut self, text: &str, line: usize) {
        let text = expanded(text, &self.state.variables);
        let numeric = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':') && !text.is_empty();
        let (user, group) = text.split_once(':').unwrap_or((&text, ""));
        let value = match self.state.accounts.get(user) {
            _ if numeric(&text) => text.clone(),
            _ if user == "root" => "0:0".to_owned(),
            Some((uid, _)) if numeric(group) => format!("{uid}:{group}"),
            Some((uid, gid)) => {
                let gid = self.state.accounts.get(group).map_or(*gid, |(_, gid)| *gid);
                format!("{uid}:{gid}")
            }
            None => {
                let advice =
                    format!("the base must have the user `{user}`; numbers need nobody: `user = \"10001:10001\"`");
                self.remark(line, &format!("USER {text}"), advice);
                text.clone()
            }
        };
        self.put(|part| part.image.user = Some(Noted::new(value.clone(), line)));
    }

    pub(super) fn line(&self, offset: usize) -> usize {
        line_of(self.plan.text, offset)
    }

    /// The last words: what was copied only to be installed, and what an environment says by itself.
    pub(super) fn finish(mut self) {
        self.default_variant();
        let Self { sketch, .. } = self;
        let into = sketch.into.as_ref().map(|into| into.value.clone());
        let installed: BTreeSet<String> = parts(sketch).flat_map(inputs).collect();
        for part in parts_mut(sketch) {
            part.scripts.retain(|script| !installed.contains(&script.from));
            let Some(into) = &into else { continue };
            part.image.env.retain(|(name, _)| name != "VIRTUAL_ENV");
            for (name, value) in &mut part.image.env {
                if name == "PATH" {
                    value.value = value.value.replace(&format!("{into}/bin:"), "");
                }
            }
            part.image.env.retain(|(name, value)| name != "PATH" || value.value != "${PATH}");
        }
    }
}

impl Walk<'_, '_, '_> {
    /// What is built where no argument has another value than its default is an image too.
    fn default_variant(&mut self) {
        let variants = &mut self.sketch.variants;
        let is_made = |known: &&Alternatives| known.tested.iter().any(|name| variants.contains_key(name));
        let made: Vec<&Alternatives> = self.alternatives.values().filter(is_made).collect();
        let Some(first) = made.iter().min_by_key(|known| known.line) else { return };
        if made.iter().all(|known| !variants.contains_key(&known.default)) {
            variants.insert(first.default.clone(), Part::default());
        }
        let several = made.len() > 1;
        if several {
            let advice =
                "variants are for one argument each: put together with `include` those that are meant together";
            let names: Vec<&str> = self.alternatives.keys().map(String::as_str).collect();
            self.sketch.remark(first.line, &format!("ARG {}", names.join(" ")), advice);
        }
    }
}

impl State {
    fn new() -> Self {
        Self {
            variants: Vec::new(),
            workdir: "/".to_owned(),
            variables: Variables::new(),
            arguments: Variables::new(),
            accounts: Accounts::new(),
            copies: Vec::new(),
            venvs: Vec::new(),
            gathered: Vec::new(),
            wheels_only: false,
        }
    }
}

fn parts(sketch: &Sketch) -> impl Iterator<Item = &Part> {
    std::iter::once(&sketch.common).chain(sketch.variants.values())
}

fn parts_mut(sketch: &mut Sketch) -> impl Iterator<Item = &mut Part> {
    std::iter::once(&mut sketch.common).chain(sketch.variants.values_mut())
}

/// The files that say what to install, with those that lie beside them for no other purpose.
fn inputs(part: &Part) -> Vec<String> {
    let mut paths: Vec<String> = part.files.iter().map(|file| file.value.path.clone()).collect();
    paths.extend(part.from_lock.iter().map(|lock| lock.value.path.clone()));
    paths.extend(part.require.iter().filter_map(|wanted| wanted.value.strip_prefix("./").map(str::to_owned)));
    paths.extend(part.read.iter().cloned());
    paths.extend(part.constraints.iter().map(|constraint| constraint.value.clone()));
    if paths.iter().any(|path| path.ends_with("uv.lock") || path.ends_with("pyproject.toml")) {
        paths.extend(["pyproject.toml", "uv.lock"].map(str::to_owned));
    }
    paths
}

const fn instruction_start(instruction: &Instruction<'_>) -> usize {
    match instruction {
        Instruction::Label(label) => label.label.span.start,
        Instruction::Maintainer(maintainer) => maintainer.maintainer.span.start,
        Instruction::User(user) => user.user.span.start,
        Instruction::Expose(expose) => expose.expose.span.start,
        Instruction::Volume(volume) => volume.volume.span.start,
        Instruction::Stopsignal(signal) => signal.stopsignal.span.start,
        Instruction::Entrypoint(entrypoint) => entrypoint.entrypoint.span.start,
        Instruction::Cmd(cmd) => cmd.cmd.span.start,
        Instruction::Healthcheck(check) => check.healthcheck.span.start,
        Instruction::Onbuild(onbuild) => onbuild.onbuild.span.start,
        Instruction::Shell(shell) => shell.shell.span.start,
        _ => 0,
    }
}
