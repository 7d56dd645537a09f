//! Modules that must be there, and whatever they import when they are imported.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    View,
    modules::{Found, Modules, Resolution},
};
use crate::{
    python::{Guard, Import, ModuleSource},
    verify::{Code, Demands, Finding},
};

/// Modules followed from one start; the largest frameworks have some thousands.
const MOST: usize = 50_000;
/// Imports and names in them that are followed from one start.
const MOST_NAMES: usize = 4_000_000;
/// Missing modules that are told of.
const MOST_MISSING: usize = 10_000;
/// Modules named in one note.
const NAMED: usize = 8;

/// What following imports came to.
#[derive(Debug, Default)]
pub(super) struct Followed {
    /// Missing modules, each with the file whose import fails; nothing for one that was asked for.
    pub(super) missing: BTreeMap<String, Option<String>>,
    /// Missing modules whose absence is caught.
    pub(super) optional: BTreeSet<String>,
    /// Missing modules that code may make which runs before they are imported.
    pub(super) made: BTreeSet<String>,
}

/// Checks `[check] import`.
pub(super) fn check(view: &View<'_>, demands: &Demands) -> Vec<Finding> {
    let wanted: Vec<&str> = demands.check.import.iter().map(|module| module.get_ref().as_str()).collect();
    let followed = Walk::new(&view.modules).follow(&wanted);
    findings(view, &followed)
}

/// What `followed` means.
pub(super) fn findings(view: &View<'_>, followed: &Followed) -> Vec<Finding> {
    let missing = followed.missing.iter().map(|(module, importer)| match importer {
        Some(file) => {
            let message = format!("it imports `{module}`, which is not there");
            view.finding_at(Code::MODULE_MISSING, file, message).hinted(advice(module))
        }
        None => view.finding(Code::MODULE_MISSING, format!("`{module}` is not there")).hinted(advice(module)),
    });
    let mut findings: Vec<Finding> = missing.collect();
    if !followed.optional.is_empty() {
        let message = format!("modules that are imported if they are there, are not: {}", some(&followed.optional));
        findings.push(view.finding(Code::MODULE_MISSING_GUARDED, message));
    }
    if !followed.made.is_empty() {
        let message = format!("no file has these modules, and code may make them: {}", some(&followed.made));
        findings.push(view.finding(Code::MODULE_MADE, message));
    }
    findings
}

/// The first few of `modules`, and how many more there are.
fn some(modules: &BTreeSet<String>) -> String {
    let named: Vec<String> = modules.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    let more = modules.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", named.join(", "))
}

fn advice(module: &str) -> String {
    let top = module.split('.').next().unwrap_or_default();
    format!("add the distribution that has `{top}` to `[wheels] require`")
}

/// A walk along imports.
pub(super) struct Walk<'m, 'a> {
    modules: &'m Modules<'a>,
    seen: BTreeSet<String>,
    queue: VecDeque<(String, Found<'a>)>,
    /// Imports that were looked at, and names in them and in their paths.
    names: usize,
    /// Modules that make others, with their files.
    makers: Vec<(String, String)>,
    followed: Followed,
}

impl<'m, 'a> Walk<'m, 'a> {
    pub(super) fn new(modules: &'m Modules<'a>) -> Self {
        let (seen, queue, followed) = (BTreeSet::new(), VecDeque::new(), Followed::default());
        Self { modules, seen, queue, names: 0, makers: Vec::new(), followed }
    }

    /// Follows the imports of modules that must be there.
    pub(super) fn follow(mut self, wanted: &[&str]) -> Followed {
        for module in wanted {
            self.visit(module, Guard::Required, None);
        }
        self.drain()
    }

    /// Follows the imports of a script.
    pub(super) fn follow_script(mut self, path: &str, source: &'a ModuleSource) -> Followed {
        for import in &source.imports {
            self.import(import, path, "__main__", &[]);
        }
        self.drain()
    }

    fn drain(mut self) -> Followed {
        while let Some((name, found)) = self.queue.pop_front() {
            let Some(source) = found.source else { continue };
            let package = package_of(&name, found.is_package());
            for import in &source.get().imports {
                self.import(import, &found.path, &name, &package);
            }
            if source.get().makes {
                self.makers.push((name, found.path));
            }
        }
        let (makers, missing) = (self.makers, std::mem::take(&mut self.followed.missing));
        for (module, importer) in missing {
            if makers.iter().any(|maker| may_make(maker, &module, importer.as_deref())) {
                self.followed.made.insert(module);
            } else {
                self.followed.missing.insert(module, importer);
            }
        }
        self.followed
    }

    /// One import of the module `name` in `file`, whose package is `package`.
    fn import(&mut self, import: &Import, file: &str, name: &str, package: &[&str]) {
        self.names += 1 + import.names.len();
        if import.guard == Guard::Conditional || self.names > MOST_NAMES {
            return;
        }
        let Some(module) = absolute(import, package) else { return };
        self.names += module.matches('.').count();
        if module.is_empty() || module == name {
            self.submodules(import, file, name);
            return;
        }
        self.visit(&module, import.guard, Some(file));
        self.submodules(import, file, &module);
    }

    /// Of `from a import b`, the `b` that is a module.
    fn submodules(&mut self, import: &Import, file: &str, module: &str) {
        if import.names.is_empty() {
            return;
        }
        let Resolution::Found(parent) = self.modules.resolve(module) else { return };
        if !parent.is_package() {
            return;
        }
        for name in &import.names {
            let inner = format!("{module}.{name}");
            if matches!(self.modules.resolve(&inner), Resolution::Found(_)) {
                self.visit(&inner, import.guard, Some(file));
            }
        }
    }

    /// A module that is imported, with the packages that it lies in.
    fn visit(&mut self, module: &str, guard: Guard, importer: Option<&str>) {
        let missing = self.followed.missing.len() + self.followed.optional.len();
        if self.seen.len() > MOST || missing > MOST_MISSING || self.seen.contains(module) {
            return;
        }
        for (end, _) in module.match_indices('.').chain([(module.len(), "")]) {
            let name = &module[..end];
            if self.seen.contains(name) {
                continue;
            }
            match self.modules.resolve(name) {
                Resolution::Missing if guard == Guard::Required => {
                    self.followed.missing.entry(name.to_owned()).or_insert_with(|| importer.map(str::to_owned));
                    self.followed.optional.remove(name);
                    return;
                }
                Resolution::Missing => {
                    if !self.followed.missing.contains_key(name) {
                        self.followed.optional.insert(name.to_owned());
                    }
                    return;
                }
                // What an optional module needs is caught with it.
                Resolution::Found(found) if guard == Guard::Required => {
                    self.seen.insert(name.to_owned());
                    self.queue.push_back((name.to_owned(), found));
                }
                Resolution::Found(_) => return,
                Resolution::Standard | Resolution::Unknown => {
                    self.seen.insert(name.to_owned());
                    return;
                }
            }
        }
    }
}

/// Whether a module that makes others may have made `module` before the file `importer` imports it: one of the package
/// that the module would lie in, or the beginning of a package that the importer lies in.
fn may_make((maker, file): &(String, String), module: &str, importer: Option<&str>) -> bool {
    let top = |module: &str| module.split('.').next().map(str::to_owned);
    let begins = |folder: &str| importer.is_some_and(|importer| importer.starts_with(folder));
    top(maker) == top(module) || file.strip_suffix("__init__.py").is_some_and(begins)
}

/// The components of the package that a module lies in, or is.
fn package_of(module: &str, is_package: bool) -> Vec<&str> {
    let mut parts: Vec<&str> = module.split('.').collect();
    if !is_package {
        parts.pop();
    }
    parts
}

/// The module that an import names, without dots before it; nothing if they lead out.
fn absolute(import: &Import, package: &[&str]) -> Option<String> {
    if import.level == 0 {
        return Some(import.module.clone());
    }
    let up = usize::from(import.level) - 1;
    let kept = package.len().checked_sub(up).filter(|kept| *kept > 0)?;
    let mut parts = package[..kept].to_vec();
    if !import.module.is_empty() {
        parts.push(&import.module);
    }
    Some(parts.join("."))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{
        base::{Entry, Kind, Tree},
        image::Bytes,
        verify::Subject,
    };

    const SITE: &str = "usr/local/lib/python3.11/site-packages";

    /// An image with Python, and these files and links in its folder of wheels.
    fn image(files: &[(&str, &str)], links: &[(&str, &str)]) -> Subject {
        let mut tree = Tree::new();
        let mut add = |path: &str, kind: Kind, text: &str| {
            let entry = Entry { kind, mode: 0o755, uid: 0, gid: 0, size: text.len() as u64 };
            tree.insert(path, entry, Some(&Bytes::copy_from_slice(text.as_bytes()))).unwrap();
        };
        add("usr/local/bin/python3.11", Kind::File, &format!("\x003.11.9\0{}", "x".repeat(2000)));
        add("usr/local/bin/python3", Kind::Symlink("python3.11".to_owned()), "");
        add("usr/local/lib/python3.11/os.py", Kind::File, "");
        for (path, text) in files {
            add(&format!("{SITE}/{path}"), Kind::File, text);
        }
        for (path, target) in links {
            add(&format!("{SITE}/{path}"), Kind::Symlink((*target).to_owned()), "");
        }
        Subject::new("linux/amd64".parse().unwrap(), Value::Null, Vec::new(), tree)
    }

    #[test]
    fn names_without_end_are_not_followed() {
        let files = [("a/__init__.py", "from . import a, b\n"), ("a/b.py", "import gone\n")];
        let subject = image(&files, &[("a/a", ".")]);
        let python = subject.tree.python(subject.settings()).unwrap().unwrap();
        let modules = Modules::new(&subject, &python);
        for long in ["a.".repeat(200_000) + "a", "gone.".repeat(200_000) + "a"] {
            assert!(matches!(modules.resolve(&long), Resolution::Missing));
        }
        let gone = BTreeMap::from([("gone".to_owned(), Some(format!("{SITE}/a/b.py")))]);
        assert_eq!(Walk::new(&modules).follow(&["a"]).missing, gone);
        let tired = Walk { names: MOST_NAMES, ..Walk::new(&modules) };
        assert!(tired.follow(&["a"]).missing.is_empty());
        let gone: Vec<String> = (0..2 * MOST_MISSING).map(|number| format!("gone{number}")).collect();
        let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
        assert_eq!(Walk::new(&modules).follow(&gone).missing.len(), MOST_MISSING + 1);
    }

    #[test]
    fn relative_imports_are_counted_from_the_package() {
        let check = |level: u8, module: &str, package: &[&str], expect: Option<&str>| {
            let import = Import { module: module.to_owned(), level, names: Vec::new(), guard: Guard::Required };
            assert_eq!(absolute(&import, package).as_deref(), expect);
        };
        check(0, "a.b", &["x"], Some("a.b"));
        check(1, "", &["x", "y"], Some("x.y"));
        check(1, "a", &["x", "y"], Some("x.y.a"));
        check(2, "a", &["x", "y"], Some("x.a"));
        check(3, "a", &["x", "y"], None);
        assert_eq!((package_of("a.b", false), package_of("a.b", true)), (vec!["a"], vec!["a", "b"]));
    }
}
