//! The public items of the library, listed: `api.txt` beside this file. Who changes them changes the list, and
//! sees in its diff what users of the library will meet. What the last release had and is gone is held against
//! the version and the change log.
//!
//! Read from the sources, with names of types as they stand there; what macros make is not seen, nor the traits
//! that the compiler finds by itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
};

use quote::ToTokens;
use syn::{Attribute, Fields, Generics, ImplItem, Item, TraitItem, Type, UseTree, Visibility};

const LIST: &str = "tests/architecture/api.txt";
/// The list as it was at the last release; its first line is the release's version, 0.0.0 before the first.
const RELEASED: &str = "tests/architecture/api-released.txt";

/// Modules by their paths from the root, and what stands in them.
struct Crate(BTreeMap<Vec<String>, Vec<Item>>);

/// Where something is defined: its module and its name.
type Place = (Vec<String>, String);

#[test]
fn public_items_are_those_of_the_list() {
    let found = Crate::read().public().join("\n") + "\n";
    if env::var_os("WHEELWRIGHT_WRITE_DOCS").is_some() {
        fs::write(LIST, &found).unwrap();
    }
    let listed = fs::read_to_string(LIST).unwrap();
    let (listed, found): (BTreeSet<&str>, BTreeSet<&str>) = (listed.lines().collect(), found.lines().collect());
    let gone: Vec<_> = listed.difference(&found).map(|line| format!("- {line}")).collect();
    let new: Vec<_> = found.difference(&listed).map(|line| format!("+ {line}")).collect();
    assert!(
        gone.is_empty() && new.is_empty(),
        "the library's public items have changed; tell users in CHANGELOG.md, and write the list anew with\n\
         WHEELWRIGHT_WRITE_DOCS=1 cargo test --test architecture public_items\n{}\n{}",
        gone.join("\n"),
        new.join("\n")
    );
}

#[test]
fn what_a_release_had_goes_only_with_a_version_that_says_so() {
    let (released, now) = (fs::read_to_string(RELEASED).unwrap(), fs::read_to_string(LIST).unwrap());
    let log = fs::read_to_string("CHANGELOG.md").unwrap();
    let wrong = broken_promises(&released, &now, env!("CARGO_PKG_VERSION"), &log);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn promises_are_broken_by_what_goes_and_not_by_what_comes() {
    let released = "0.3.1\nfn crate::a::one (x : u8)\nfn crate::a::two ()\n";
    let check = |now: &str, version: &str, log: &str| broken_promises(released, now, version, log).len();
    assert_eq!(check("fn crate::a::one (x : u8)\nfn crate::a::two ()\nfn crate::a::three ()\n", "0.3.2", ""), 0);
    assert_eq!(check("fn crate::a::one (x : u16)\nfn crate::a::two ()\n", "0.3.2", "## Unreleased\n`a::one`\n"), 1);
    assert_eq!(check("fn crate::a::one (x : u16)\nfn crate::a::two ()\n", "0.4.0", "## Unreleased\n`a::one`\n"), 0);
    assert_eq!(check("", "1.0.0", "## Unreleased\n`a::one`\n## 0.3.1\n`a::two`\n"), 1);
    assert_eq!(check("", "0.3.1", ""), 4);
}

/// What is gone or another, and not told: by a version that is not compatible, and by name in the change log.
fn broken_promises(released: &str, now: &str, version: &str, log: &str) -> Vec<String> {
    let mut lines = released.lines();
    let before = lines.next().unwrap();
    let now: BTreeSet<&str> = now.lines().collect();
    let compatible = |version: &str| -> Vec<u64> {
        let numbers: Vec<u64> = version.split('.').map_while(|part| part.parse().ok()).collect();
        let end = numbers.iter().position(|number| *number > 0).map_or(numbers.len(), |first| first + 1);
        numbers[..end].to_vec()
    };
    let news = log.split("\n## ").find(|part| part.trim_start_matches("## ").starts_with("Unreleased")).unwrap_or("");
    let mut wrong = Vec::new();
    for line in lines.filter(|line| !now.contains(line)) {
        let name = line.split_whitespace().find_map(|word| word.strip_prefix("crate::")).unwrap_or(line);
        if compatible(before) == compatible(version) {
            wrong.push(format!("{version} promises what {before} had: {line}"));
        }
        if !news.contains(name) {
            wrong.push(format!("CHANGELOG.md does not name `{name}`, which is gone or another"));
        }
    }
    wrong
}

impl Crate {
    fn read() -> Self {
        let mut modules = BTreeMap::new();
        let file = syn::parse_file(&fs::read_to_string("src/lib.rs").unwrap()).unwrap();
        collect(Vec::new(), file.items, Path::new("src"), &mut modules);
        Self(modules)
    }

    /// A line for each public item, sorted.
    fn public(&self) -> Vec<String> {
        let mut known: BTreeMap<Place, Vec<String>> = BTreeMap::new();
        let mut lines = BTreeSet::new();
        self.visit(&[], &["crate".to_owned()], &mut known, &mut lines);
        for (place, paths) in &mut known {
            paths.sort_by_key(|path| (path.matches("::").count(), path.clone()));
            let (first, others) = paths.split_first().unwrap();
            lines.extend(others.iter().map(|other| format!("use {other} = {first}")));
            self.describe(place, first, &mut lines);
        }
        for (module, items) in &self.0 {
            for item in items {
                if let Item::Impl(block) = item
                    && let Type::Path(of) = &*block.self_ty
                    && let Some(place) = self.resolve(module, &segments(&of.path), 0)
                    && let Some(path) = known.get(&place).and_then(|paths| paths.first())
                {
                    describe_impl(block, path, &mut lines);
                }
            }
        }
        lines.into_iter().collect()
    }

    /// Everything that can be named below `path`, which leads to `module`.
    fn visit(
        &self,
        module: &[String],
        path: &[String],
        known: &mut BTreeMap<Place, Vec<String>>,
        lines: &mut BTreeSet<String>,
    ) {
        for item in self.0.get(module).into_iter().flatten() {
            match item {
                Item::Mod(inner) if is_public(&inner.vis) => {
                    let name = inner.ident.to_string();
                    self.visit(&joined(module, &name), &joined(path, &name), known, lines);
                }
                Item::Use(import) if is_public(&import.vis) => {
                    for (from, name) in leaves(&import.tree) {
                        let named = joined(path, &name).join("::");
                        match self.resolve(module, &from, 0) {
                            Some(place) => known.entry(place).or_default().push(named),
                            None => drop(lines.insert(format!("use {named} = {}", from.join("::")))),
                        }
                    }
                }
                _ => {
                    if let Some((name, visibility)) = name_of(item)
                        && is_public(visibility)
                    {
                        let named = joined(path, &name).join("::");
                        known.entry((module.to_vec(), name)).or_default().push(named);
                    }
                }
            }
        }
    }

    /// Where what `path` says in `module` is defined; nothing outside of the crate.
    fn resolve(&self, module: &[String], path: &[String], depth: u8) -> Option<Place> {
        if depth > 20 {
            return None;
        }
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => return self.resolve(&[], rest, depth + 1),
            "self" => return self.resolve(module, rest, depth + 1),
            "super" => return self.resolve(module.split_last()?.1, rest, depth + 1),
            _ => {}
        }
        let inner = joined(module, first);
        if rest.is_empty() {
            let items = self.0.get(module)?;
            if items.iter().filter_map(name_of).any(|(name, _)| name == *first) {
                return Some((module.to_vec(), first.clone()));
            }
        } else if self.0.contains_key(&inner) {
            return self.resolve(&inner, rest, depth + 1);
        }
        for item in self.0.get(module)? {
            let Item::Use(import) = item else { continue };
            for (from, name) in leaves(&import.tree) {
                let target = match name.as_str() {
                    "*" => [&from[..from.len() - 1], path].concat(),
                    name if name == first => [&from[..], rest].concat(),
                    _ => continue,
                };
                if let Some(found) = self.resolve(module, &target, depth + 1) {
                    return Some(found);
                }
            }
        }
        None
    }

    fn describe(&self, (module, name): &Place, path: &str, lines: &mut BTreeSet<String>) {
        let items = self.0.get(module).into_iter().flatten();
        for item in items.filter(|item| name_of(item).is_some_and(|(found, _)| found == *name)) {
            describe(item, path, lines);
        }
    }
}

fn collect(path: Vec<String>, items: Vec<Item>, folder: &Path, modules: &mut BTreeMap<Vec<String>, Vec<Item>>) {
    let items: Vec<Item> = items.into_iter().filter(|item| !is_test(attributes(item))).collect();
    for item in &items {
        let Item::Mod(inner) = item else { continue };
        let name = inner.ident.to_string();
        let contents = match &inner.content {
            Some((_, contents)) => contents.clone(),
            None => syn::parse_file(&fs::read_to_string(file_of(folder, &name)).unwrap()).unwrap().items,
        };
        collect(joined(&path, &name), contents, &folder.join(&name), modules);
    }
    modules.insert(path, items);
}

fn file_of(folder: &Path, name: &str) -> PathBuf {
    let file = folder.join(format!("{name}.rs"));
    if file.exists() { file } else { folder.join(name).join("mod.rs") }
}

fn describe(item: &Item, path: &str, lines: &mut BTreeSet<String>) {
    let marked = |attributes: &[Attribute]| if has(attributes, "non_exhaustive") { "#[non_exhaustive] " } else { "" };
    let line = match item {
        Item::Fn(item) => format!("fn {path} {}", signature(&item.sig)),
        Item::Const(item) => format!("const {path} : {}", text(&item.ty)),
        Item::Static(item) => format!("static {path} : {}", text(&item.ty)),
        Item::Type(item) => format!("type {path} {} = {}", generics(&item.generics), text(&item.ty)),
        Item::Struct(item) => {
            lines.extend(derived(&item.attrs).map(|name| format!("impl {name} for {path}")));
            let mut hidden = "";
            for (number, field) in item.fields.iter().enumerate() {
                if !is_public(&field.vis) {
                    hidden = " with private fields";
                    continue;
                }
                let name = field.ident.as_ref().map_or(number.to_string(), ToString::to_string);
                lines.insert(format!("field {path}.{name} : {}", text(&field.ty)));
            }
            format!("{}struct {path} {}{hidden}", marked(&item.attrs), generics(&item.generics))
        }
        Item::Enum(item) => {
            lines.extend(derived(&item.attrs).map(|name| format!("impl {name} for {path}")));
            for variant in &item.variants {
                let fields = match &variant.fields {
                    Fields::Unit => String::new(),
                    fields => fields.iter().map(field).collect::<Vec<_>>().join(", "),
                };
                lines.insert(format!("variant {path}::{} {{ {fields} }}", variant.ident));
            }
            format!("{}enum {path} {}", marked(&item.attrs), generics(&item.generics))
        }
        Item::Trait(item) => {
            for inner in &item.items {
                lines.insert(match inner {
                    TraitItem::Fn(method) => {
                        let given = if method.default.is_some() { " { .. }" } else { "" };
                        format!("fn {path}::{} {}{given}", method.sig.ident, signature(&method.sig))
                    }
                    other => format!("of trait {path} {}", text(other)),
                });
            }
            format!("trait {path} {} : {}", generics(&item.generics), text(&item.supertraits))
        }
        _ => return,
    };
    lines.insert(line.trim_end().to_owned());
}

fn describe_impl(block: &syn::ItemImpl, path: &str, lines: &mut BTreeSet<String>) {
    if let Some((_, of, _)) = &block.trait_ {
        lines.insert(format!("impl {} for {path}", text(of)));
        return;
    }
    for item in &block.items {
        match item {
            ImplItem::Fn(method) if is_public(&method.vis) => {
                lines.insert(format!("fn {path}::{} {}", method.sig.ident, signature(&method.sig)));
            }
            ImplItem::Const(item) if is_public(&item.vis) => {
                lines.insert(format!("const {path}::{} : {}", item.ident, text(&item.ty)));
            }
            _ => {}
        }
    }
}

fn field(field: &syn::Field) -> String {
    let name = field.ident.as_ref().map(|name| format!("{name} : ")).unwrap_or_default();
    format!("{name}{}", text(&field.ty))
}

fn signature(signature: &syn::Signature) -> String {
    let mut signature = signature.clone();
    // The name stands before.
    signature.ident = syn::Ident::new("f", signature.ident.span());
    text(&signature)
}

fn generics(generics: &Generics) -> String {
    format!("{} {}", text(generics), text(&generics.where_clause)).trim().to_owned()
}

fn text(tokens: &impl ToTokens) -> String {
    tokens.to_token_stream().to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn segments(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

fn joined(path: &[String], name: &str) -> Vec<String> {
    [path, &[name.to_owned()]].concat()
}

/// The paths that an import names, each with the name that it gets here.
fn leaves(tree: &UseTree) -> Vec<(Vec<String>, String)> {
    let below = |name: String, (rest, as_name): (Vec<String>, String)| {
        if rest == ["self"] {
            (vec![name.clone()], if as_name == "self" { name } else { as_name })
        } else {
            ([vec![name], rest].concat(), as_name)
        }
    };
    match tree {
        UseTree::Path(path) => leaves(&path.tree).into_iter().map(|leaf| below(path.ident.to_string(), leaf)).collect(),
        UseTree::Name(name) => vec![(vec![name.ident.to_string()], name.ident.to_string())],
        UseTree::Rename(name) => vec![(vec![name.ident.to_string()], name.rename.to_string())],
        UseTree::Glob(_) => vec![(vec!["*".to_owned()], "*".to_owned())],
        UseTree::Group(group) => group.items.iter().flat_map(leaves).collect(),
    }
}

fn name_of(item: &Item) -> Option<(String, &Visibility)> {
    let (name, visibility) = match item {
        Item::Fn(item) => (&item.sig.ident, &item.vis),
        Item::Const(item) => (&item.ident, &item.vis),
        Item::Static(item) => (&item.ident, &item.vis),
        Item::Type(item) => (&item.ident, &item.vis),
        Item::Struct(item) => (&item.ident, &item.vis),
        Item::Enum(item) => (&item.ident, &item.vis),
        Item::Trait(item) => (&item.ident, &item.vis),
        _ => return None,
    };
    Some((name.to_string(), visibility))
}

const fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Mod(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Const(item) => &item.attrs,
        _ => &[],
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| text(&attribute.meta) == "cfg (test)")
}

fn has(attributes: &[Attribute], name: &str) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident(name))
}

/// The traits in `#[derive(…)]`.
fn derived(attributes: &[Attribute]) -> impl Iterator<Item = String> {
    let lists = attributes.iter().filter(|attribute| attribute.path().is_ident("derive"));
    let names = lists.filter_map(|attribute| Some(text(&attribute.meta.require_list().ok()?.tokens)));
    names
        .flat_map(|names| names.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>())
        .filter(|name| !name.is_empty())
}
