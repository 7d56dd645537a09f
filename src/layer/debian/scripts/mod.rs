//! The effects of maintainer scripts: each script is followed without being run (`debian::shell`), and
//! what it would call is done by units of ours on the tree, or needs not be done in an image, or is left
//! undone and named.

mod accounts;
mod alternatives;
mod arguments;
mod capabilities;
mod diversions;
mod files;
mod known;
mod order;
mod shells;
mod unneeded;
mod watched;

use std::collections::{BTreeMap, BTreeSet};

use self::{accounts::Accounts, alternatives::Alternatives};
use super::{
    Over, Packed, UnpackError, contents,
    tree::{Tree, TreeKind},
};
use crate::debian::{
    Version,
    shell::{Called, Found, Programs, follow},
};

/// What dpkg gives scripts.
const UMASK: u32 = 0o022;
/// Scripts are not larger.
const LARGEST_SCRIPT: u64 = 4 << 20;

/// What the scripts of a package would have done and what was not done in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undone {
    /// The package.
    pub package: String,
    /// Commands, as its scripts spell them.
    pub commands: Vec<String>,
}

/// What came of scripts.
pub(super) struct Followed {
    pub(super) undone: Vec<Undone>,
    /// The best of each name: path and priority.
    pub(super) alternatives: BTreeMap<String, (String, i64)>,
}

/// What scripts say of whose files go elsewhere.
pub(super) use diversions::Diversions;

/// Follows the scripts that run before `packages` are unpacked, for what they divert.
pub(super) fn diversions(packages: &[&Packed]) -> Result<Diversions, UnpackError> {
    let mut tree = Tree::new();
    let mut machine = Machine::new(&mut tree, None);
    for package in packages {
        machine.enter(package);
        for (script, argument) in [("preinst", "install"), ("postinst", "configure")] {
            let text = text(package, script)?;
            if text.contains("dpkg-divert") {
                machine.follow(&text, script, argument);
            }
        }
    }
    Ok(machine.diversions)
}

/// Follows the scripts of `packages`, which lie in `tree`, and does what they would have done. Over a base,
/// whose files are not at hand, users and shells stay as they are there.
pub(super) fn apply(tree: &mut Tree, packages: &[&Packed], over: Over<'_>) -> Result<Followed, UnpackError> {
    let from_scratch = matches!(over, Over::Scratch);
    let accounts = if from_scratch { Some(Accounts::read(tree)?) } else { None };
    let mut machine = Machine::new(tree, accounts);
    for package in packages {
        machine.read_answers(&text(package, "templates")?);
        if !known::is_done(&package.index.package) {
            machine.read_interests(&text(package, "triggers")?);
        }
    }
    let mut all = Vec::new();
    for package in order::by_dependencies(packages)? {
        machine.enter(package);
        machine.is_done = known::is_done(&package.index.package);
        let mut commands = Vec::new();
        for (script, argument) in [("preinst", "install"), ("postinst", "configure")] {
            commands.extend(machine.follow(&text(package, script)?, script, argument));
        }
        if !commands.is_empty() && !machine.is_done {
            all.push(Undone { package: package.index.package.clone(), commands });
        }
    }
    let Machine { tree, accounts, alternatives, interests, .. } = machine;
    let alternatives = alternatives.write(tree);
    if !from_scratch {
        all.extend(watched::left(tree, packages, &interests));
    }
    if let Some(accounts) = accounts {
        accounts.write(tree);
        shells::apply(tree)?;
    }
    all.sort_by(|left: &Undone, right| left.package.cmp(&right.package));
    Ok(Followed { undone: all, alternatives })
}

/// The text of a script; nothing where the package has none.
fn text(package: &Packed, script: &str) -> Result<String, UnpackError> {
    let Some(stretch) = package.index.control_files.get(script) else { return Ok(String::new()) };
    let bytes = contents::read(&package.body(stretch), LARGEST_SCRIPT).map_err(|source| UnpackError::Read {
        package: package.index.package.clone(),
        what: script.to_owned(),
        source,
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The system that scripts find: the tree, and what of it is written at the end.
struct Machine<'a> {
    tree: &'a mut Tree,
    /// None where they are a base's.
    accounts: Option<Accounts>,
    alternatives: Alternatives,
    diversions: Diversions,
    package: String,
    /// Whether other units do what the scripts of the package do, but for the alternatives in them.
    is_done: bool,
    architecture: String,
    /// What pulls triggers of packages: names, and folders into which files come; deb-triggers(5).
    interests: BTreeSet<String>,
    /// Questions to the administrator, and what packages answer for him.
    answers: BTreeMap<String, String>,
    /// Rights that new files lack.
    umask: u32,
}

/// Answers of one unit: none where the program is another's.
type Answer = Option<Called>;

impl<'a> Machine<'a> {
    /// The number of a user, who may be given by it.
    fn uid(&self, name: &str) -> Option<u64> {
        name.parse().ok().or_else(|| if name == "root" { Some(0) } else { self.accounts.as_ref()?.uid(name) })
    }

    /// The number of a group, which may be given by it.
    fn gid(&self, name: &str) -> Option<u64> {
        name.parse().ok().or_else(|| if name == "root" { Some(0) } else { self.accounts.as_ref()?.gid(name) })
    }

    fn new(tree: &'a mut Tree, accounts: Option<Accounts>) -> Self {
        let (alternatives, diversions) = (Alternatives::default(), Diversions::default());
        let (package, architecture) = (String::new(), String::new());
        let (interests, answers, umask) = (BTreeSet::new(), BTreeMap::new(), UMASK);
        let is_done = false;
        Self { tree, accounts, alternatives, diversions, package, is_done, architecture, interests, answers, umask }
    }

    fn enter(&mut self, package: &Packed) {
        self.package.clone_from(&package.index.package);
        if package.index.architecture != "all" || self.architecture.is_empty() {
            self.architecture.clone_from(&package.index.architecture);
        }
    }

    /// The defaults of questions: debconf-devel(7), "templates".
    fn read_answers(&mut self, templates: &str) {
        let mut question = None;
        for line in templates.lines() {
            if let Some(name) = line.strip_prefix("Template:") {
                question = Some(name.trim());
            } else if let (Some(name), Some(answer)) = (question, line.strip_prefix("Default:")) {
                self.answers.insert(name.to_owned(), answer.trim().to_owned());
            }
        }
    }

    fn read_interests(&mut self, triggers: &str) {
        for line in triggers.lines() {
            let mut words = line.split_whitespace();
            if words.next().is_some_and(|word| ["interest", "interest-await", "interest-noawait"].contains(&word)) {
                self.interests.extend(words.next().map(str::to_owned));
            }
        }
    }

    fn follow(&mut self, text: &str, script: &str, argument: &str) -> Vec<String> {
        let package = self.package.clone();
        let architecture = self.architecture.clone();
        let variables = [
            ("DPKG_MAINTSCRIPT_PACKAGE", package.as_str()),
            ("DPKG_MAINTSCRIPT_NAME", script),
            ("DPKG_MAINTSCRIPT_ARCH", &architecture),
            ("DPKG_ROOT", ""),
        ];
        self.umask = UMASK;
        follow(self, text, &[argument, ""], &variables)
    }

    /// Questions, and what is said: without effect, so that they may be answered at any time.
    fn ask(&self, words: &[&str]) -> Answer {
        Some(match words {
            ["echo", rest @ ..] => echo(rest),
            ["printf", text] if !text.contains(['%', '\\']) => Called::said((*text).to_owned()),
            ["basename", path] => Called::said(halves(path).1.to_owned()),
            ["dirname", path] => Called::said(halves(path).0.to_owned()),
            ["uname"] | ["uname", "-s"] => Called::said("Linux".to_owned()),
            ["db_get", question] => self.answers.get(*question).cloned().map_or(Called::harmless(), Called::said),
            ["dpkg", "--print-architecture"] => Called::said(self.architecture.clone()),
            ["dpkg", "--compare-versions", rest @ ..] => compare_versions(rest),
            ["dpkg-divert", .., "--truename", path] => Called::said((*path).to_owned()),
            ["dpkg-divert", .., "--listpackage", _] => Called::said(String::new()),
            ["dpkg-statoverride", "--list", ..] => Called::answered(false),
            ["dpkg-trigger", .., name] if !self.interests.contains(*name) => Called::done(),
            ["glib-compile-schemas" | "gio-querymodules", folder] if !self.has_files(folder) => Called::done(),
            ["readlink", path] => self
                .tree
                .place(path)
                .and_then(|path| self.tree.link(&path).map(str::to_owned))
                .map_or(Called::answered(false), Called::said),
            ["readlink", "-f" | "-e", path] => {
                self.tree.resolve(path).map_or(Called::answered(false), |path| Called::said(format!("/{path}")))
            }
            _ => return self.accounts.as_ref()?.ask(words),
        })
    }

    /// Whether anything but folders lies below one.
    fn has_files(&self, folder: &str) -> bool {
        let place = folder.strip_prefix('/').and_then(|folder| self.tree.resolve(folder));
        place.is_none_or(|place| self.tree.below(&place).any(|(_, node)| node.kind != TreeKind::Directory))
    }

    /// The units, each asked in turn.
    fn perform(&mut self, words: &[&str]) -> Answer {
        alternatives::call(self, words)
            .or_else(|| accounts::call(self, words))
            .or_else(|| capabilities::call(self.tree, words))
            .or_else(|| diversions::call(self, words))
            .or_else(|| files::call(self, words))
    }
}

impl Programs for Machine<'_> {
    fn look(&self, path: &str) -> Option<Found> {
        let path = path.trim_start_matches('/');
        if path.is_empty() {
            return Some(Found::Directory);
        }
        let node = self.tree.look(path)?;
        Some(match &node.kind {
            TreeKind::File { body, .. } => Found::File { executable: node.mode & 0o111 != 0, empty: body.size() == 0 },
            TreeKind::Directory | TreeKind::Symlink(_) => Found::Directory,
        })
    }

    fn is_link(&self, path: &str) -> bool {
        self.tree.place(path).is_some_and(|path| self.tree.link(&path).is_some())
    }

    fn read(&self, path: &str) -> Option<String> {
        let bytes = self.tree.read(path.strip_prefix('/')?).ok()??;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn find(&self, name: &str) -> Option<String> {
        const ALWAYS: [&str; 9] = [
            "setcap",
            "systemd-sysusers",
            "adduser",
            "addgroup",
            "update-alternatives",
            "ucf",
            // Packages of fonts need the one that has them: it is here, or in the base.
            "update-fonts-dir",
            "update-fonts-scale",
            "update-fonts-alias",
        ];
        if name.starts_with('/') {
            return matches!(self.look(name), Some(Found::File { executable: true, .. })).then(|| name.to_owned());
        }
        if ALWAYS.contains(&name) {
            return Some(format!("/usr/sbin/{name}"));
        }
        let paths = ["/usr/sbin", "/usr/bin"].map(|folder| format!("{folder}/{name}"));
        paths.into_iter().find(|path| matches!(self.look(path), Some(Found::File { executable: true, .. })))
    }

    fn call(&mut self, words: &[Option<String>], certain: bool) -> Called {
        let name = words.first().and_then(Option::as_deref).unwrap_or_default();
        let name = name.rsplit('/').next().unwrap_or(name).to_owned();
        let given: Vec<&str> = words[1..].iter().flatten().map(String::as_str).collect();
        let known: Option<Vec<String>> = words[1..].iter().cloned().collect();
        let words: Option<Vec<&str>> =
            known.as_ref().map(|known| [name.as_str()].into_iter().chain(known.iter().map(String::as_str)).collect());
        let answer = words.as_ref().and_then(|words| self.ask(words));
        if let Some(called) = answer.or_else(|| unneeded::call(&name, &given)) {
            return called;
        }
        if self.is_done && name != "update-alternatives" {
            return Called::harmless();
        }
        let Some(words) = words.filter(|_| certain) else {
            // A file too many does less harm than one too few: what is removed are leftovers of earlier versions.
            return if ["rm", "rmdir"].contains(&name.as_str()) { Called::harmless() } else { Called::undone() };
        };
        self.perform(&words).unwrap_or_else(Called::undone)
    }

    fn write(&mut self, path: &str, text: &str) -> bool {
        self.is_done || files::write(self, path, text)
    }

    fn umask(&mut self) -> &mut u32 {
        &mut self.umask
    }
}

/// `echo`, as all shells have it: Debian Policy, 10.4 "Scripts", knows one option, and shells differ in what they make
/// of others and of backslashes.
fn echo(words: &[&str]) -> Called {
    let (words, end) = words.strip_prefix(&["-n"]).map_or((words, "\n"), |rest| (rest, ""));
    let is_option = |word: &&str| word.len() > 1 && word.trim_start_matches(['n', 'e', 'E', '-']).is_empty();
    let differs = words.first().is_some_and(is_option) || words.iter().any(|word| word.contains('\\'));
    if differs { Called::harmless() } else { Called::said(words.join(" ") + end) }
}

/// What `dirname` and `basename` make of a path.
fn halves(path: &str) -> (&str, &str) {
    let plain = path.trim_end_matches('/');
    match plain.rsplit_once('/') {
        _ if plain.is_empty() && !path.is_empty() => ("/", "/"),
        Some((parent, name)) => (Some(parent.trim_end_matches('/')).filter(|it| !it.is_empty()).unwrap_or("/"), name),
        None => (".", plain),
    }
}

/// `dpkg --compare-versions`, in which no version at all is earlier than any.
fn compare_versions(words: &[&str]) -> Called {
    use std::cmp::Ordering;
    let [left, relation, right] = words else { return Called::harmless() };
    let order = match (left.is_empty(), right.is_empty()) {
        (true, true) => Ordering::Equal,
        (empty, other) if empty || other => {
            // `lt-nl` and the like: later than any.
            let later = relation.ends_with("-nl");
            if empty == later { Ordering::Greater } else { Ordering::Less }
        }
        _ => match (left.parse::<Version>(), right.parse::<Version>()) {
            (Ok(left), Ok(right)) => left.cmp(&right),
            _ => return Called::harmless(),
        },
    };
    match relation.trim_end_matches("-nl") {
        "lt" | "<<" => Called::answered(order.is_lt()),
        "le" | "<=" | "<" => Called::answered(order.is_le()),
        "eq" | "=" => Called::answered(order.is_eq()),
        "ne" => Called::answered(order.is_ne()),
        "ge" | ">=" | ">" => Called::answered(order.is_ge()),
        "gt" | ">>" => Called::answered(order.is_gt()),
        _ => Called::harmless(),
    }
}

#[cfg(test)]
mod tests;
