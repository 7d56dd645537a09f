//! The proof in words: what is missing, whose it is, and what to do.

use std::collections::BTreeMap;

use super::{
    folders::Machine,
    proof::{Elsewhere, Gap, Need, OldLibrary, Proof, UndefinedSymbols},
};
use crate::{
    elf::Malformed,
    hint::Hint,
    recipe,
    verify::{Code, Finding, Owner, Subject},
};

/// Symbols that a message names.
const SHOWN: usize = 3;
/// The way out for a library that only Python does not find.
const UNLISTED: &str = "Python asks `/sbin/ldconfig -p`: take libc-bin along, and a base whose /etc/ld.so.cache has the \
                        library, or packages over `scratch`, where the cache is made";

/// The findings of `proof`, of the image `subject`. What `demands` allows to be missing is left out.
#[must_use]
pub fn findings(proof: &Proof, subject: &Subject, demands: &recipe::Check) -> Vec<Finding> {
    let report = Words { subject };
    let allowed = |gap: &&Gap| demands.allow_missing.iter().any(|allowed| *allowed.get_ref() == gap.name);
    let mut grouped: BTreeMap<(Code, Option<Owner>, &str), Vec<&Gap>> = BTreeMap::new();
    for gap in proof.gaps.iter().filter(|gap| !allowed(gap)) {
        let Some(code) = code(gap) else { continue };
        grouped.entry((code, report.owner(&gap.by), gap.name.as_str())).or_default().push(gap);
    }
    let gaps = grouped.into_iter().map(|((code, _, _), gaps)| report.gaps(code, &gaps));
    let versions = proof.versions.iter().map(|old| report.old(old));
    let undefined = proof.undefined.iter().map(|undefined| report.undefined(undefined));
    let unread = proof.unread.iter().map(|path| report.unread(path));
    let broken = proof.broken.iter().map(|(path, why)| report.broken(path, *why));
    gaps.chain(versions).chain(undefined).chain(report.foreign(&proof.foreign)).chain(broken).chain(unread).collect()
}

/// What kind of finding it is; nothing for plug-ins of wheels whose own code loads what they need first, and for
/// programs that are told where it is by who calls them.
fn code(gap: &Gap) -> Option<Code> {
    match (&gap.elsewhere, gap.need) {
        (Elsewhere::Driver, _) => Some(Code::DRIVER_LIBRARY),
        (Elsewhere::Required(_) | Elsewhere::Unrelated(_), Need::Plugin | Need::Called) => None,
        (Elsewhere::Required(_), _) => Some(Code::PRELOADED_LIBRARY),
        (_, Need::Plugin | Need::Called) => Some(Code::MISSING_PLUGIN_LIBRARY),
        _ => Some(Code::MISSING_LIBRARY),
    }
}

struct Words<'a> {
    subject: &'a Subject,
}

/// Says that the Debian package `package` has the library that `finding` is about.
pub fn mend(finding: &mut Finding, package: &str) {
    let Some(library) = &finding.library else { return };
    finding.hint = Some(Hint::new(format!("add Debian's {package}, which has {library}")));
    finding.recipe = Some(format!("packages = [\"{package}\"]  # in [debian], for {library}"));
}

impl Words<'_> {
    fn owner(&self, path: &str) -> Option<Owner> {
        self.subject.tree.node(path).map(|node| self.subject.owner(node))
    }

    fn about(&self, code: Code, path: &str, message: String) -> Finding {
        let finding = Finding::new(code, &self.subject.platform, message).at(path);
        match self.owner(path) {
            Some(owner) => finding.of(owner),
            None => finding,
        }
    }

    /// One finding for all files of one owner that lack one library.
    fn gaps(&self, code: Code, gaps: &[&Gap]) -> Finding {
        let is_called = |gap: &&&Gap| code == Code::MISSING_PLUGIN_LIBRARY && gap.need == Need::Called;
        let called = gaps.iter().find(is_called);
        let gap = *called.unwrap_or(&gaps[0]);
        let mut message = match &gap.elsewhere {
            Elsewhere::Nowhere => format!("`{}` is not in the image", gap.name),
            Elsewhere::Driver => format!("`{}` comes from the driver of the machine", gap.name),
            Elsewhere::Required(path) => format!("`{}` is loaded by Python code before, from /{path}", gap.name),
            Elsewhere::Unrelated(path) => format!("`{}` is only in /{path}, where the loader does not look", gap.name),
            Elsewhere::Foreign(path) => format!("`{}` is only there for another machine: /{path}", gap.name),
            Elsewhere::Broken(path) => format!("/{path} is no library that can be loaded"),
            Elsewhere::Unlisted(path) => {
                format!("`{}` is in /{path}, where `ctypes.util.find_library` does not find it", gap.name)
            }
        };
        let root = if gap.root == gap.by { String::new() } else { format!(", which /{} needs to be loaded", gap.root) };
        message.push_str(&root);
        if called.is_some() {
            message.push_str(": the program cannot start");
        }
        let mut others: Vec<&str> = gaps.iter().map(|gap| gap.by.as_str()).filter(|by| *by != gap.by).collect();
        others.sort_unstable();
        others.dedup();
        let others = if others.is_empty() { String::new() } else { format!("; {} more files need it", others.len()) };
        message.push_str(&others);
        let finding = self.about(code, &gap.by, message);
        if matches!(gap.elsewhere, Elsewhere::Driver | Elsewhere::Required(_)) {
            return finding;
        }
        if matches!(gap.elsewhere, Elsewhere::Unlisted(_)) {
            return finding.hinted(UNLISTED);
        }
        let hint = format!(
            "add what has `{0}`, or `allow-missing = [\"{0}\"]` in [check] if something outside of the image brings it",
            gap.name
        );
        Finding { library: Some(gap.name.clone()), ..finding.hinted(hint) }
    }

    fn old(&self, old: &OldLibrary) -> Finding {
        let versions = old.missing.iter().map(|version| format!("`{version}`")).collect::<Vec<_>>().join(", ");
        let message = format!("it needs {versions} of `{}`, and /{} does not have it", old.name, old.library);
        let finding = self.about(Code::SYMBOL_VERSION, &old.by, message);
        match finding.owner {
            Some(Owner::Wheel(_)) => {
                finding.hinted("take another version of the wheel, whose tag keeps its promise, or a newer base")
            }
            _ => finding.hinted("take files that were built for this image's system, or a newer base"),
        }
    }

    fn undefined(&self, undefined: &UndefinedSymbols) -> Finding {
        let shown = undefined.symbols.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>();
        let more = undefined.symbols.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let message = format!("nothing that is loaded with it defines {}{more}", shown.join(", "));
        let finding = self.about(Code::UNDEFINED_SYMBOL, &undefined.by, message);
        finding.hinted("take versions of the packages that go together")
    }

    fn unread(&self, path: &str) -> Finding {
        let message = "its tables lie too far apart to be read in one pass: what it needs was not looked at";
        self.about(Code::UNREAD_LIBRARY, path, message.to_owned())
    }

    fn broken(&self, path: &str, why: Option<Malformed>) -> Finding {
        let message = why.map_or_else(|| "it is no shared library".to_owned(), |why| why.to_string());
        let finding = self.about(Code::MALFORMED_MODULE, path, message);
        finding.hinted("take the wheel from where it was built, or another version of it")
    }

    /// One finding for each owner's files.
    fn foreign(&self, files: &[(String, u16)]) -> Vec<Finding> {
        let mut grouped: BTreeMap<Option<Owner>, Vec<&(String, u16)>> = BTreeMap::new();
        for file in files {
            grouped.entry(self.owner(&file.0)).or_default().push(file);
        }
        let finding = |files: Vec<&(String, u16)>| {
            let (path, machine) = files[0];
            let more = if files.len() > 1 { format!(", and {} more files", files.len() - 1) } else { String::new() };
            let message = format!("it is for {}{more}", Machine::name(*machine));
            self.about(Code::FOREIGN_MACHINE, path, message).hinted("take the file for this platform")
        };
        grouped.into_values().map(finding).collect()
    }
}
