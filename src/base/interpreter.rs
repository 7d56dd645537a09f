//! Which Python an image runs, and where that installs wheels: read from its files as its
//! own start-up code would look for them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    banner::{Banners, Loader},
    entries::{Kind, join},
    error::BaseError,
    evidence::Evidence,
    tree::{Node, Tree},
};
use crate::{
    lock::{Installation, Interpreter, Scheme},
    python::{InterpreterKind, PythonVersion},
};

/// What runtimes search when a config has no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// An interpreter and what else was learnt of it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) interpreter: Interpreter,
    pub(super) installation: Installation,
    /// The directories it imports from, those for wheels first.
    pub(super) sites: Vec<String>,
    /// The directory of its standard library.
    pub(super) library: String,
    pub(super) loader: Option<Loader>,
}

/// Where an interpreter lives. Paths have no leading slash.
struct Home {
    /// The interpreter itself, no link.
    executable: String,
    /// `usr`, or empty.
    prefix: String,
    /// `lib` or `lib64`: where the standard library stands.
    library: &'static str,
    /// The standard library's own directory, `python3.11` or `python3.13t`.
    name: String,
    minor: u8,
}

/// A virtual environment. Paths have no leading slash.
struct Venv {
    prefix: String,
    sees_system: bool,
    /// The folder of the interpreter below it.
    home: Option<String>,
}

/// What the config says of the search path, or what holds without it.
pub(super) fn search_path(config: &Value) -> &str {
    environment(config, "PATH").unwrap_or(DEFAULT_PATH)
}

/// The interpreter that `python3` is; nothing if there is none.
pub(super) fn find(tree: &Tree, config: &Value) -> Result<Option<Found>, BaseError> {
    let candidates = search_path(config).split(':').filter(|folder| folder.starts_with('/'));
    for folder in candidates {
        let path = format!("{}/python3", folder.trim_end_matches('/'));
        match tree.find(&path) {
            Some((executable, node)) if is_program(node) => {
                return describe(tree, config, path, executable).map(Some);
            }
            _ => {}
        }
    }
    Ok(None)
}

/// Every interpreter of the image, whatever `PATH` says, by path. What has no standard library, or
/// none that is certainly its own, is none.
pub(super) fn find_all(tree: &Tree, config: &Value) -> Vec<Installation> {
    let is_own = |path: &str| Venv::find(tree, &format!("/{path}")).is_none();
    let programs = tree.iter().filter(|(path, node)| is_interpreter(path) && is_program(node) && is_own(path));
    let environments = tree.iter().filter_map(|(path, _)| path.strip_suffix("pyvenv.cfg"));
    let environments = environments.filter_map(|prefix| {
        let path = format!("{prefix}bin/python3");
        tree.find(&path).filter(|(_, node)| is_program(node)).map(|_| path)
    });
    let mut found: BTreeMap<String, Installation> = BTreeMap::new();
    for path in programs.map(|(path, _)| path.to_owned()).chain(environments) {
        let Some((executable, _)) = tree.find(&path) else { continue };
        if let Ok(Found { installation, .. }) = describe(tree, config, format!("/{path}"), executable) {
            found.insert(installation.path.clone(), installation);
        }
    }
    found.into_values().collect()
}

fn is_program(node: &Node) -> bool {
    node.kind == Kind::File && node.mode & 0o111 != 0
}

/// `bin/python3`, `bin/python3.11`, `bin/python3.13t`.
fn is_interpreter(path: &str) -> bool {
    let Some((folder, name)) = path.rsplit_once('/') else { return false };
    let series = name.strip_prefix("python").unwrap_or_default();
    (folder == "bin" || folder.ends_with("/bin")) && (series == "3" || minor_of(series).is_some())
}

fn describe(tree: &Tree, config: &Value, path: String, executable: String) -> Result<Found, BaseError> {
    let venv = Venv::find(tree, &path);
    let executable = venv.as_ref().and_then(|venv| venv.original(tree, &executable)).unwrap_or(executable);
    let home = Home::find(tree, executable)?;
    let version = home.version(tree, config)?;
    let (scheme, sites) = match &venv {
        Some(venv) => venv.scheme(tree, &home),
        None => home.scheme(tree),
    };
    let loader = tree.node(&home.executable).and_then(banners).and_then(|banners| banners.loader);
    let free_threaded = home.name.ends_with('t') || home.is_built_without_lock(tree);
    let library = format!("/{}", home.below(&format!("{}/{}", home.library, home.name)));
    let installation = Installation {
        path: if venv.is_some() { path.clone() } else { format!("/{}", home.executable) },
        version,
        kind: if venv.is_some() { InterpreterKind::Venv } else { home.kind(tree) },
        abi: home.abi(tree),
        prefix: format!("/{}", venv.as_ref().map_or(&home.prefix, |venv| &venv.prefix)),
        purelib: scheme.purelib.clone(),
        platlib: (scheme.platlib != scheme.purelib).then(|| scheme.platlib.clone()),
        externally_managed: venv.is_none() && tree.find(&join(&home.folder(), "EXTERNALLY-MANAGED")).is_some(),
        system_site_packages: venv.is_some_and(|venv| venv.sees_system),
    };
    let interpreter = Interpreter { path, version, free_threaded, scheme };
    Ok(Found { interpreter, installation, sites, library, loader })
}

impl Home {
    /// Goes up from the executable to the first directory that holds a standard library.
    fn find(tree: &Tree, executable: String) -> Result<Self, BaseError> {
        let named = executable.rsplit('/').next().and_then(|name| name.strip_prefix("python")).and_then(minor_of);
        let versions: BTreeSet<u8> = match (named, tree.node(&executable).and_then(banners)) {
            (Some(minor), _) => BTreeSet::from([minor]),
            (None, Some(banners)) => banners.python.iter().map(|(minor, _)| *minor).collect(),
            (None, None) => BTreeSet::new(),
        };
        let mut prefix = executable.as_str();
        while let Some((parent, _)) = prefix.rsplit_once('/').or((!prefix.is_empty()).then_some(("", ""))) {
            prefix = parent;
            let mut homes = standard_libraries(tree, prefix);
            // A name or a banner decides between several, and is not needed for one.
            if homes.len() > 1 || named.is_some() {
                homes.retain(|(_, name)| {
                    name.strip_prefix("python").and_then(minor_of).is_some_and(|minor| versions.contains(&minor))
                });
            }
            if homes.len() > 1 {
                let threaded = executable.ends_with('t');
                homes.retain(|(_, name)| name.ends_with('t') == threaded);
            }
            match homes.as_slice() {
                [] => {}
                [(library, name)] => {
                    let minor = name.strip_prefix("python").and_then(minor_of).unwrap_or_default();
                    let prefix = prefix.to_owned();
                    return Ok(Self { prefix, library, name: name.clone(), minor, executable });
                }
                several => {
                    let candidates = several
                        .iter()
                        .map(|(library, name)| format!("/{}", join(prefix, &format!("{library}/{name}"))))
                        .collect();
                    return Err(BaseError::SeveralPythons { interpreter: format!("/{executable}"), candidates });
                }
            }
        }
        Err(BaseError::NoLibrary { interpreter: format!("/{executable}") })
    }

    fn below(&self, path: &str) -> String {
        join(&self.prefix, path)
    }

    /// The patch release, by the first evidence that gives exactly one.
    fn version(&self, tree: &Tree, config: &Value) -> Result<PythonVersion, BaseError> {
        let patch = self
            .patch_of(tree.node(&self.executable))
            .or_else(|| self.patch_of_library(tree))
            .or_else(|| self.patch_of_header(tree))
            .or_else(|| self.patch_of_conda(tree))
            .or_else(|| environment(config, "PYTHON_VERSION").and_then(|text| self.patch_in(text)))
            .ok_or_else(|| BaseError::NoVersion { interpreter: format!("/{}", self.executable) })?;
        Ok(PythonVersion { major: 3, minor: self.minor, patch })
    }

    fn patch_of(&self, node: Option<&Node>) -> Option<u8> {
        let mut patches =
            node.and_then(banners)?.python.iter().filter(|(minor, _)| *minor == self.minor).map(|(_, patch)| *patch);
        patches.next().filter(|_| patches.next().is_none())
    }

    /// `libpython3.11.so.1.0`, beside the standard library or in a folder named after the machine.
    fn patch_of_library(&self, tree: &Tree) -> Option<u8> {
        let start = format!("lib{}.so", self.name);
        let folders = ["lib", "lib64"].map(|folder| self.below(folder));
        let machines = folders.iter().flat_map(|folder| {
            let machines = tree.children(folder).into_iter().filter(|(name, _)| name.contains("-linux-"));
            machines.map(move |(name, _)| join(folder, name)).collect::<Vec<_>>()
        });
        let patches: BTreeSet<u8> = folders
            .iter()
            .cloned()
            .chain(machines)
            .flat_map(|folder| {
                let libraries = tree.children(&folder).into_iter().filter(|(name, _)| name.starts_with(&start));
                libraries.filter_map(|(_, node)| self.patch_of(Some(node))).collect::<Vec<_>>()
            })
            .collect();
        patches.first().copied().filter(|_| patches.len() == 1)
    }

    fn patch_of_header(&self, tree: &Tree) -> Option<u8> {
        let text = text(tree, &self.below(&format!("include/{}/patchlevel.h", self.name)))?;
        let line = text.lines().find_map(|line| line.trim().strip_prefix("#define PY_VERSION "))?;
        self.patch_in(line.trim().trim_matches('"'))
    }

    /// `conda-meta/python-3.11.9-h955ad1f_0.json`.
    fn patch_of_conda(&self, tree: &Tree) -> Option<u8> {
        let records = tree.children(&self.below("conda-meta"));
        records.iter().find_map(|(name, _)| self.patch_in(name.strip_prefix("python-")?))
    }

    /// The patch level in a text that begins with `3.X.Y`.
    fn patch_in(&self, text: &str) -> Option<u8> {
        let rest = text.strip_prefix(&format!("3.{}.", self.minor))?;
        rest[..rest.bytes().take_while(u8::is_ascii_digit).count()].parse().ok()
    }

    /// The folder of the standard library.
    fn folder(&self) -> String {
        self.below(&format!("{}/{}", self.library, self.name))
    }

    /// What the interpreter was built with, as `sysconfig` reads it.
    fn settings<'t>(&self, tree: &'t Tree) -> impl Iterator<Item = &'t str> {
        let folder = self.folder();
        let files = tree.children(&folder).into_iter().filter(|(name, _)| name.starts_with("_sysconfigdata_"));
        let paths: Vec<String> = files.map(|(name, _)| join(&folder, name)).collect();
        paths.into_iter().filter_map(move |path| text(tree, &path))
    }

    fn is_built_without_lock(&self, tree: &Tree) -> bool {
        self.settings(tree).any(|text| text.contains("'Py_GIL_DISABLED': 1"))
    }

    /// `SOABI`: as the extension modules of the standard library are called or, where all are built in,
    /// as the settings say. Nothing where these do not agree.
    fn abi(&self, tree: &Tree) -> Option<String> {
        let modules = tree.children(&join(&self.folder(), "lib-dynload"));
        let tag = |name: &'_ str| name.strip_suffix(".so")?.split_once('.').map(|(_, tag)| tag.to_owned());
        let tags = modules.into_iter().filter_map(|(name, _)| tag(name));
        let mut tags: BTreeSet<String> = tags.filter(|tag| tag.starts_with("cpython-")).collect();
        if tags.is_empty() {
            tags.extend(self.settings(tree).filter_map(|text| quoted_after(text, "'SOABI':")).map(str::to_owned));
        }
        let plain = |tag: &String| tag.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"-_.".contains(&letter));
        tags.pop_first().filter(|tag| tags.is_empty() && plain(tag))
    }

    fn kind(&self, tree: &Tree) -> InterpreterKind {
        if self.prefix == "usr" && tree.has_directory("usr/lib/python3/dist-packages") {
            InterpreterKind::Debian
        } else if self.prefix == "usr" && self.library == "lib64" {
            InterpreterKind::RedHat
        } else if tree.has_directory(&self.below("conda-meta")) {
            InterpreterKind::Conda
        } else {
            InterpreterKind::Standard
        }
    }

    /// The scheme of `pip install` outside of any environment, and where imports look.
    fn scheme(&self, tree: &Tree) -> (Scheme, Vec<String>) {
        let (name, kind, prefix) = (&self.name, self.kind(tree), format!("/{}", self.prefix));
        let scheme = scheme_of(kind, prefix.trim_end_matches('/'), self.library, name);
        let own = match kind {
            InterpreterKind::Debian => {
                vec!["/usr/lib/python3/dist-packages".to_owned(), format!("/usr/lib/{name}/dist-packages")]
            }
            InterpreterKind::RedHat => {
                vec![format!("/usr/lib64/{name}/site-packages"), format!("/usr/lib/{name}/site-packages")]
            }
            _ => Vec::new(),
        };
        // Red Hat's looks into `lib64` first.
        let mut sites = match kind {
            InterpreterKind::RedHat => vec![scheme.platlib.clone(), scheme.purelib.clone()],
            _ => vec![scheme.purelib.clone(), scheme.platlib.clone()],
        };
        sites.dedup();
        sites.extend(own);
        (scheme, sites)
    }
}

impl Venv {
    /// Python looks for `pyvenv.cfg` beside the path it was called by and one directory up, before
    /// it follows any link.
    fn find(tree: &Tree, path: &str) -> Option<Self> {
        let folder = path.trim_start_matches('/').rsplit_once('/')?.0;
        let above = folder.rsplit_once('/').map_or("", |(above, _)| above);
        let settings = text(tree, &join(folder, "pyvenv.cfg")).or_else(|| text(tree, &join(above, "pyvenv.cfg")))?;
        let setting = |name: &str| {
            let mut pairs = settings.lines().filter_map(|line| line.split_once('='));
            pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
        };
        let sees_system =
            setting("include-system-site-packages").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let home = setting("home").map(|home| home.trim_matches('/').to_owned());
        Some(Self { prefix: above.to_owned(), sees_system, home })
    }

    /// The interpreter below the environment, if `executable` is a copy of it and no link.
    fn original(&self, tree: &Tree, executable: &str) -> Option<String> {
        let name = executable.strip_prefix(&self.prefix)?.rsplit('/').next()?;
        let home = self.home.as_ref()?;
        let mut candidates = [name, "python3"].into_iter().filter_map(|name| tree.find(&join(home, name)));
        candidates.find(|(_, node)| is_program(node)).map(|(path, _)| path)
    }

    fn scheme(&self, tree: &Tree, home: &Home) -> (Scheme, Vec<String>) {
        let prefix = format!("/{}", self.prefix);
        let scheme = scheme_of(InterpreterKind::Venv, prefix.trim_end_matches('/'), home.library, &home.name);
        let mut sites = vec![scheme.purelib.clone(), scheme.platlib.clone()];
        if self.sees_system {
            sites.extend(home.scheme(tree).1);
        }
        (scheme, sites)
    }
}

/// The text in the quotes that follow `key`.
fn quoted_after<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    text.split_once(key)?.1.trim_start().strip_prefix('\'')?.split_once('\'').map(|(value, _)| value)
}

/// Where an interpreter installs to: `prefix` has no trailing slash, `library` is `lib` or `lib64`, `name`
/// that of the standard library's folder.
pub(super) fn scheme_of(kind: InterpreterKind, prefix: &str, library: &str, name: &str) -> Scheme {
    let (below, packages) = match kind {
        InterpreterKind::Debian => ("/usr/local", "dist-packages"),
        InterpreterKind::RedHat => ("/usr/local", "site-packages"),
        _ => (prefix, "site-packages"),
    };
    let library = if kind == InterpreterKind::Debian { "lib" } else { library };
    let headers = match kind {
        // Debian's sysconfig redirects everything to /usr/local but headers.
        InterpreterKind::Debian => format!("/usr/include/{name}"),
        InterpreterKind::Venv => format!("{prefix}/include/site/{}", name.trim_end_matches('t')),
        _ => format!("{below}/include/{name}"),
    };
    Scheme {
        purelib: format!("{below}/lib/{name}/{packages}"),
        platlib: format!("{below}/{library}/{name}/{packages}"),
        scripts: format!("{below}/bin"),
        data: if below.is_empty() { "/".to_owned() } else { below.to_owned() },
        headers,
    }
}

/// The directories `lib/python3.X` of `prefix` that hold a standard library.
fn standard_libraries(tree: &Tree, prefix: &str) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for library in ["lib", "lib64"] {
        let folder = join(prefix, library);
        // `lib64` may be another name of `lib`.
        if library == "lib64" && tree.walk(&folder).end == tree.walk(&join(prefix, "lib")).end {
            continue;
        }
        for (name, _) in tree.children(&folder) {
            let is_python = name.strip_prefix("python").and_then(minor_of).is_some();
            let landmark = |file: &str| tree.find(&format!("{folder}/{name}/{file}")).is_some();
            if is_python && (landmark("os.py") || landmark("os.pyc")) {
                found.push((library, name.to_owned()));
            }
        }
    }
    found
}

/// The `11` of `3.11` and `3.11t`.
fn minor_of(version: &str) -> Option<u8> {
    let digits = version.strip_prefix("3.")?;
    digits.strip_suffix('t').unwrap_or(digits).parse().ok()
}

fn environment<'a>(config: &'a Value, name: &str) -> Option<&'a str> {
    let list = config.get("Env")?.as_array()?;
    list.iter().rev().find_map(|entry| entry.as_str()?.strip_prefix(name)?.strip_prefix('='))
}

fn banners(node: &Node) -> Option<&Banners> {
    match node.evidence.as_deref() {
        Some(Evidence::Binary(banners)) => Some(banners),
        _ => None,
    }
}

/// The text of the file that `path` leads to, if it was kept.
pub(super) fn text<'t>(tree: &'t Tree, path: &str) -> Option<&'t str> {
    match tree.find(path)?.1.evidence.as_deref() {
        Some(Evidence::Text(text)) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::base::tree::tests::tree;

    /// A binary's line in a layer: `text` among bytes that make it large enough.
    fn binary(path: &str, text: &str) -> String {
        format!("file {path} \\0{text}\\0{}", "x".repeat(2000))
    }

    fn check(files: &[&str], env: &[&str], expect: &str) -> Found {
        let found = find(&tree(&[files]), &json!({ "Env": env })).unwrap().unwrap();
        let Interpreter { path, version, scheme, .. } = &found.interpreter;
        assert_eq!(format!("{path} {version} {}", scheme.purelib), expect);
        found
    }

    #[test]
    fn debian_installs_to_local_dist_packages() {
        let python = binary("usr/bin/python3.11", "3.11.2\\0/lib64/ld-linux-x86-64.so.2");
        let files: &[&str] = &[
            &python,
            "link usr/bin/python3 python3.11",
            "file usr/lib/python3.11/os.py",
            "file usr/lib/python3.12/os.py",
            "dir usr/lib/python3/dist-packages",
        ];
        let found = check(files, &[], "/usr/bin/python3 3.11.2 /usr/local/lib/python3.11/dist-packages");
        assert_eq!(found.loader, Some(Loader::Glibc));
        let Scheme { scripts, data, headers, .. } = found.interpreter.scheme;
        assert_eq!([scripts, data, headers], ["/usr/local/bin", "/usr/local", "/usr/include/python3.11"]);
        assert_eq!(found.sites[1], "/usr/lib/python3/dist-packages");
    }

    #[test]
    fn python_org_images_keep_the_version_in_the_library() {
        let library = binary("usr/local/lib/libpython3.12.so.1.0", "3.12.7");
        let python = binary("usr/local/bin/python3.12", "nothing");
        let files: &[&str] =
            &[&library, &python, "link usr/local/bin/python3 python3.12", "file usr/local/lib/python3.12/os.py"];
        check(
            files,
            &["PATH=/usr/local/bin:/bin"],
            "/usr/local/bin/python3 3.12.7 /usr/local/lib/python3.12/site-packages",
        );
    }

    #[test]
    fn environments_install_into_themselves() {
        let python = binary("usr/bin/python3.11", "3.11.2");
        let files: &[&str] = &[
            &python,
            "link usr/bin/python3 python3.11",
            "file usr/lib/python3.11/os.py",
            "dir usr/lib/python3/dist-packages",
            "link opt/venv/bin/python3 /usr/bin/python3",
            "file opt/venv/pyvenv.cfg home = /usr/bin\\ninclude-system-site-packages = true\\n",
        ];
        let found = check(
            files,
            &["PATH=/opt/venv/bin:/usr/bin"],
            "/opt/venv/bin/python3 3.11.2 /opt/venv/lib/python3.11/site-packages",
        );
        assert_eq!(found.interpreter.scheme.headers, "/opt/venv/include/site/python3.11");
        assert!(found.sites.contains(&"/usr/lib/python3/dist-packages".to_owned()));
    }

    #[test]
    fn red_hat_keeps_compiled_modules_apart() {
        let python = binary("usr/bin/python3.9", "3.9.18");
        let files: &[&str] = &[
            &python,
            "link usr/bin/python3 python3.9",
            "file usr/lib64/python3.9/os.py",
            "dir usr/lib/python3.9/site-packages",
        ];
        let found = check(files, &[], "/usr/bin/python3 3.9.18 /usr/local/lib/python3.9/site-packages");
        assert_eq!(found.interpreter.scheme.platlib, "/usr/local/lib64/python3.9/site-packages");
    }

    #[test]
    fn conda_and_alpine_install_beside_their_library() {
        let conda = binary("opt/conda/bin/python3.10", "");
        let files: &[&str] = &[
            &conda,
            "link opt/conda/bin/python3 python3.10",
            "file opt/conda/lib/python3.10/os.py",
            "file opt/conda/conda-meta/python-3.10.14-h955ad1f_1.json",
        ];
        check(
            files,
            &["PATH=/opt/conda/bin"],
            "/opt/conda/bin/python3 3.10.14 /opt/conda/lib/python3.10/site-packages",
        );
        let alpine = binary("usr/bin/python3.12", "3.12.3\\0/lib/ld-musl-x86_64.so.1");
        let files: &[&str] = &[&alpine, "link usr/bin/python3 python3.12", "file usr/lib/python3.12/os.pyc"];
        let found = check(files, &[], "/usr/bin/python3 3.12.3 /usr/lib/python3.12/site-packages");
        assert_eq!(found.loader, Some(Loader::Musl));
    }

    #[test]
    fn free_threaded_builds_are_told_apart() {
        let python = binary("usr/local/bin/python3.13t", "3.13.1");
        let files: &[&str] = &[
            &python,
            "link usr/local/bin/python3 python3.13t",
            "file usr/local/lib/python3.13t/os.py",
            "file usr/local/lib/python3.13/os.py",
        ];
        assert!(
            check(files, &[], "/usr/local/bin/python3 3.13.1 /usr/local/lib/python3.13t/site-packages")
                .interpreter
                .free_threaded
        );
    }

    #[test]
    fn every_interpreter_is_found() {
        let (debian, pyenv, copy) = (
            binary("usr/bin/python3.11", "3.11.2"),
            binary("opt/pyenv/versions/3.13.1/bin/python3.13t", "3.13.1"),
            binary("srv/app/bin/python3", "3.13.1"),
        );
        let files: &[&str] = &[
            &debian,
            "link usr/bin/python3 python3.11",
            "file usr/lib/python3.11/os.py",
            "file usr/lib/python3.11/EXTERNALLY-MANAGED x",
            "file usr/lib/python3.11/_sysconfigdata__x86_64-linux-gnu.py  'SOABI': 'cpython-311-x86_64-linux-gnu',\\n",
            "dir usr/lib/python3/dist-packages",
            &pyenv,
            "link opt/pyenv/versions/3.13.1/bin/python3 python3.13t",
            "file opt/pyenv/versions/3.13.1/lib/python3.13t/os.py",
            "file opt/pyenv/versions/3.13.1/lib/python3.13t/lib-dynload/_csv.cpython-313t-x86_64-linux-gnu.so",
            "file srv/app/pyvenv.cfg home = /opt/pyenv/versions/3.13.1/bin\\n",
            &copy,
            "link opt/venv/bin/python3 /usr/bin/python3",
            "file opt/venv/pyvenv.cfg home = /usr/bin\\ninclude-system-site-packages = true\\n",
            "file usr/share/bin/python3 too small",
        ];
        let found = find_all(&tree(&[files]), &Value::Null);
        let shown: Vec<_> = found
            .iter()
            .map(|found| {
                let flags = (found.externally_managed, found.system_site_packages);
                format!("{} {} {:?} {:?} {} {flags:?}", found.path, found.version, found.kind, found.abi, found.prefix)
            })
            .collect();
        assert_eq!(
            shown,
            [
                "/opt/pyenv/versions/3.13.1/bin/python3.13t 3.13.1 Standard Some(\"cpython-313t-x86_64-linux-gnu\") /opt/pyenv/versions/3.13.1 (false, false)",
                "/opt/venv/bin/python3 3.11.2 Venv Some(\"cpython-311-x86_64-linux-gnu\") /opt/venv (false, true)",
                "/srv/app/bin/python3 3.13.1 Venv Some(\"cpython-313t-x86_64-linux-gnu\") /srv/app (false, false)",
                "/usr/bin/python3.11 3.11.2 Debian Some(\"cpython-311-x86_64-linux-gnu\") /usr (true, false)",
            ]
        );
        assert_eq!(found[2].purelib, "/srv/app/lib/python3.13t/site-packages");
    }

    #[test]
    fn what_stays_unknown_is_named() {
        let fail = |files: &[&str]| find(&tree(&[files]), &Value::Null).unwrap_err().to_string();
        let silent = binary("bin/python3", "");
        assert!(find(&tree(&[&["dir bin"]]), &Value::Null).unwrap().is_none());
        assert_eq!(fail(&[&silent]), "`/bin/python3` is no interpreter whose standard library can be found");
        assert_eq!(
            fail(&[&silent, "file lib/python3.9/os.py"]),
            "nothing in the image tells the exact version of `/bin/python3`"
        );
        let two = binary("bin/python3", "3.9.1\\03.10.1");
        assert_eq!(
            fail(&[&two, "file lib/python3.9/os.py", "file lib/python3.10/os.py"]),
            "`/bin/python3` may be any of /lib/python3.10, /lib/python3.9"
        );
    }
}
