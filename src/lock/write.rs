//! Writes a lock as people read it in a diff: sorted, and one line for each thing that can change
//! by itself. A TOML library's layout may change with its version; this one does not.

use std::fmt::Write as _;

use super::{
    Compiler, Directory, Facts, Input, Installation, Interpreter, Lock, LockedImage, LockedPackage, LockedPlatform,
    LockedSuite, LockedWheel, PackageDatabase, Replaced, Symlink, System, Venv, WheelSource,
};

const HEADER: &str = "\
# Written by `wheelwright lock`. Keep it beside the recipe, under version control; do not edit it.
";

/// Text under construction: whole lines, and lists of one line an item.
#[derive(Default)]
pub(super) struct Page(pub(super) String);

/// An inline table: `{ name = "a", size = 1 }`.
#[derive(Default)]
pub(super) struct Inline(Vec<String>);

pub(super) fn document(lock: &Lock) -> String {
    let mut page = Page(HEADER.to_owned());
    page.pair("version", &lock.version.to_string());
    if !lock.inputs.is_empty() {
        page.header("[inputs]");
        for (key, input) in &lock.inputs {
            self::input(&mut page, &quoted(key), input);
        }
    }
    for locked in &lock.platforms {
        platform(&mut page, locked);
    }
    for locked in &lock.images {
        image(&mut page, locked);
    }
    page.0
}

/// One line an item where there are several, so that a diff shows the one that changed.
fn input(page: &mut Page, key: &str, input: &Input) {
    match input {
        Input::Digest(digest) => page.pair(key, &quoted(&digest.to_string())),
        Input::Text(text) => page.pair(key, &quoted(text)),
        Input::Items(items) if items.len() < 2 => page.pair(key, &texts(items)),
        Input::Items(items) => page.list(key, items.iter().map(|item| quoted(item))),
    }
}

fn platform(page: &mut Page, locked: &LockedPlatform) {
    page.header("[[platforms]]");
    page.pair("platform", &quoted(&locked.platform.to_string()));
    if let Some(base) = &locked.base {
        page.pair("base", &quoted(&base.to_string()));
    }
    if let Some(index) = &locked.base_index {
        page.pair("base-index", &quoted(&index.to_string()));
    }
    page.list("suites", locked.suites.iter().map(suite));
    let mut packages: Vec<&LockedPackage> = locked.debian.iter().collect();
    packages.sort_by(|one, other| one.name.cmp(&other.name));
    page.list("debian", packages.into_iter().map(|locked| package(locked).finish()));
    if let Some(venv) = &locked.venv {
        page.pair("venv", &self::venv(venv));
    }
    if let Some(compiler) = &locked.compiler {
        page.pair("compiler", &self::compiler(compiler));
    }
    if let Some(below) = &locked.below {
        page.header("[platforms.below]");
        page.list("directories", below.directories.iter().map(directory));
        page.list("symlinks", below.symlinks.iter().map(symlink));
    }
    facts(page, &locked.facts);
}

fn venv(venv: &Venv) -> String {
    let line = Inline::default().text("prefix", &venv.prefix).text("python", &venv.python);
    if venv.system_site_packages { line.value("system-site-packages", "true") } else { line }.finish()
}

fn compiler(compiler: &Compiler) -> String {
    let line = Inline::default().text("version", &compiler.version.to_string());
    line.value("magic", &compiler.magic.to_string()).text("cache-tag", &compiler.cache_tag).finish()
}

fn suite(suite: &LockedSuite) -> String {
    let line = Inline::default().text("archive", &suite.archive).text("suite", &suite.suite).text("date", &suite.date);
    let line = line.text("release", &suite.release.to_string());
    suite.signed_by.iter().fold(line, |line, key| line.text("signed-by", key)).finish()
}

fn directory(directory: &Directory) -> String {
    let mode = format!("0o{:03o}", directory.mode);
    let entry = Inline::default().text("path", &directory.path).value("mode", &mode);
    entry.value("uid", &directory.uid.to_string()).value("gid", &directory.gid.to_string()).finish()
}

fn symlink(link: &Symlink) -> String {
    Inline::default().text("path", &link.path).text("target", &link.target).finish()
}

fn facts(page: &mut Page, facts: &Facts) {
    page.header("[platforms.facts]");
    if facts.stated {
        page.pair("stated", "true");
    }
    if let Some(libc) = &facts.libc {
        page.pair("libc", &quoted(&libc.to_string()));
    }
    if let Some(system) = &facts.system {
        page.pair("system", &self::system(system).finish());
    }
    page.list("interpreters", facts.interpreters.iter().map(|found| installation(found).finish()));
    page.list("libraries", facts.libraries.iter().map(|library| quoted(&library.to_string())));
    page.list(
        "installed",
        facts.installed.iter().map(|installed| {
            Inline::default().text("name", &installed.name).text("version", &installed.version).finish()
        }),
    );
    page.list("directories", facts.directories.iter().map(directory));
    page.list("symlinks", facts.symlinks.iter().map(symlink));
    if let Some(python) = &facts.python {
        interpreter(page, python);
    }
}

fn system(system: &System) -> Inline {
    let line = Inline::default().text("id", &system.id);
    let line = line.text_if("version", system.version.as_ref()).text_if("codename", system.codename.as_ref());
    let packages = system.packages.map(|packages| match packages {
        PackageDatabase::Dpkg => "dpkg".to_owned(),
        PackageDatabase::Apk => "apk".to_owned(),
        PackageDatabase::Rpm => "rpm".to_owned(),
    });
    line.text_if("packages", packages.as_ref())
}

fn installation(found: &Installation) -> Inline {
    let line = Inline::default().text("path", &found.path).text("version", &found.version.to_string());
    let line = line.text("kind", found.kind.as_str()).text_if("abi", found.abi.as_ref()).text("prefix", &found.prefix);
    let mut line = line.text("purelib", &found.purelib).text_if("platlib", found.platlib.as_ref());
    for (key, set) in
        [("externally-managed", found.externally_managed), ("system-site-packages", found.system_site_packages)]
    {
        if set {
            line = line.value(key, "true");
        }
    }
    line
}

fn interpreter(page: &mut Page, python: &Interpreter) {
    page.header("[platforms.facts.python]");
    page.pair("path", &quoted(&python.path));
    page.pair("version", &quoted(&python.version.to_string()));
    if python.free_threaded {
        page.pair("free-threaded", "true");
    }
    let scheme = &python.scheme;
    page.header("[platforms.facts.python.scheme]");
    page.pair("purelib", &quoted(&scheme.purelib));
    page.pair("platlib", &quoted(&scheme.platlib));
    page.pair("scripts", &quoted(&scheme.scripts));
    page.pair("data", &quoted(&scheme.data));
    page.pair("headers", &quoted(&scheme.headers));
}

fn image(page: &mut Page, locked: &LockedImage) {
    page.header("[[images]]");
    if let Some(variant) = &locked.variant {
        page.pair("variant", &quoted(variant));
    }
    page.pair("platform", &quoted(&locked.platform.to_string()));
    if !locked.choices.is_empty() {
        let taken: Vec<String> = locked.choices.iter().map(|choice| texts(choice)).collect();
        page.pair("choices", &format!("[{}]", taken.join(", ")));
    }
    let mut replaced: Vec<&Replaced> = locked.replaced.iter().collect();
    replaced.sort_by(|one, other| one.name.cmp(&other.name));
    page.list(
        "replaced",
        replaced.into_iter().map(|one| {
            let line = Inline::default().text("name", &one.name).text("version", &one.version);
            line.value("hides", &sorted_texts(&one.hides)).finish()
        }),
    );
    let mut wheels: Vec<&LockedWheel> = locked.wheels.iter().collect();
    wheels.sort_by(|one, other| one.name.cmp(&other.name));
    page.list("wheels", wheels.into_iter().map(|locked| wheel(locked).finish()));
}

fn package(package: &LockedPackage) -> Inline {
    let line = Inline::default().text("name", &package.name).text("version", &package.version);
    let line = line.text("archive", &package.archive);
    let line = package.suite.iter().fold(line, |line, suite| line.text("suite", suite)).text("path", &package.path);
    let line = line.text("sha256", &package.sha256.to_string()).value("size", &package.size.to_string());
    line.value("why", &sorted_texts(&package.why))
}

fn wheel(wheel: &LockedWheel) -> Inline {
    let line = Inline::default().text("name", &wheel.name).text("version", &wheel.version).text("file", &wheel.file);
    let line = line.text("sha256", &wheel.sha256.to_string()).value("size", &wheel.size.to_string());
    let source = match &wheel.source {
        WheelSource::Index(name) => Inline::default().text("index", name),
        WheelSource::Url(url) => Inline::default().text("url", url),
        WheelSource::Path(path) => Inline::default().text("path", path),
    };
    let mut line = line.value("source", &source.finish());
    if let Some(uploaded) = &wheel.uploaded {
        line = line.text("uploaded", &uploaded.to_string());
    }
    if wheel.own_hash {
        line = line.value("own-hash", "true");
    }
    line.value("why", &sorted_texts(&wheel.why))
}

impl Page {
    pub(super) fn header(&mut self, header: &str) {
        self.line(&format!("\n{header}"));
    }

    pub(super) fn pair(&mut self, key: &str, value: &str) {
        self.line(&format!("{key} = {value}"));
    }

    /// One line an item; nothing at all for no items.
    pub(super) fn list(&mut self, key: &str, items: impl Iterator<Item = String>) {
        let mut items = items.peekable();
        if items.peek().is_none() {
            return;
        }
        self.line(&format!("{key} = ["));
        for item in items {
            self.line(&format!("  {item},"));
        }
        self.line("]");
    }

    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }
}

impl Inline {
    pub(super) fn text(self, key: &str, text: &str) -> Self {
        self.value(key, &quoted(text))
    }

    fn text_if(self, key: &str, text: Option<&String>) -> Self {
        match text {
            Some(text) => self.text(key, text),
            None => self,
        }
    }

    pub(super) fn value(mut self, key: &str, value: &str) -> Self {
        self.0.push(format!("{key} = {value}"));
        self
    }

    pub(super) fn finish(self) -> String {
        format!("{{ {} }}", self.0.join(", "))
    }
}

fn sorted_texts(unsorted: &[String]) -> String {
    let mut sorted = unsorted.to_vec();
    sorted.sort();
    texts(&sorted)
}

fn texts(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", quoted.join(", "))
}

/// A basic string of TOML, with escapes for what must not stand in one.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            letter if letter.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}
