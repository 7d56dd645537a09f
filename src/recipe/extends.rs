//! `extends`: what a recipe inherits from other files.
//!
//! Tables are joined key by key, and what the recipe says counts before what it inherits. Lists are
//! joined too, what is inherited first, but for those that are one value: `platforms`, `entrypoint` and
//! `cmd`. A requirement takes the place of an inherited one on the same distribution, an index that of one
//! with the same name. Paths are relative to the file in which they stand. Names of variants, variables and
//! labels are the user's own, and mean nothing here.

use std::borrow::Cow;

use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue},
};

use super::{
    demand::demand,
    sources::{Source, joined},
};

type Value<'d> = Spanned<DeValue<'d>>;

/// Lists that are one value.
const WHOLE: [&str; 3] = ["platforms", "entrypoint", "cmd"];

/// Lays `upper` over `lower`.
pub(super) fn lay_over<'d>(lower: &mut DeTable<'d>, upper: DeTable<'d>) {
    // An entry point takes its arguments along.
    if upper.contains_key("entrypoint") && !upper.contains_key("cmd") {
        lower.remove("cmd");
    }
    each(lower, upper, join);
}

/// Adds what `upper` has; what both have becomes what `join` makes of it.
fn each<'d>(lower: &mut DeTable<'d>, upper: DeTable<'d>, join: fn(&str, Value<'d>, Value<'d>) -> Value<'d>) {
    for (key, value) in upper {
        let name = key.get_ref().clone().into_owned();
        let joined = match lower.remove(name.as_str()) {
            Some(old) => join(&name, old, value),
            None => value,
        };
        lower.insert(key, joined);
    }
}

fn join<'d>(key: &str, old: Value<'d>, new: Value<'d>) -> Value<'d> {
    let span = new.span();
    match (old.into_inner(), new.into_inner()) {
        (DeValue::Table(mut lower), DeValue::Table(upper)) => {
            match key {
                "variants" => each(&mut lower, upper, |_, old, new| join("", old, new)),
                "env" | "labels" => each(&mut lower, upper, |_, _, new| new),
                _ => lay_over(&mut lower, upper),
            }
            Spanned::new(span, DeValue::Table(lower))
        }
        (DeValue::Array(lower), DeValue::Array(upper)) if !WHOLE.contains(&key) => {
            let said: Vec<String> = upper.iter().filter_map(|item| identity(key, item)).collect();
            let kept = |item: &Value<'d>| identity(key, item).is_none_or(|same| !said.contains(&same));
            let inherited: Vec<Value<'d>> = lower.into_iter().filter(kept).collect();
            let all: DeArray<'d> = inherited.into_iter().chain(upper).collect();
            Spanned::new(span, DeValue::Array(all))
        }
        (_, new) => Spanned::new(span, new),
    }
}

/// What another item of the list may take the place of.
fn identity(key: &str, item: &Value<'_>) -> Option<String> {
    match (key, item.get_ref()) {
        ("require" | "constraints" | "overrides", DeValue::String(text)) => {
            demand(text).ok().map(|demand| demand.requirement.name.to_string())
        }
        ("index" | "archive", DeValue::Table(table)) => table.get("name")?.get_ref().as_str().map(str::to_owned),
        _ => None,
    }
}

/// Makes the paths in the table of `source` relative to the recipe.
pub(super) fn relocate(table: &mut DeTable<'_>, source: &Source) {
    if !source.folder.is_empty() {
        in_table(table, &source.folder);
    }
}

fn in_table(table: &mut DeTable<'_>, folder: &str) {
    for (key, value) in table.iter_mut() {
        let is_path: fn(&str) -> bool = match key.get_ref().as_ref() {
            "base" | "image" => is_local_base,
            "require" | "constraints" | "overrides" | "any-of" => is_file_of_demands,
            "files" | "file" | "from-lock" | "from" | "keyring" | "certificates" => |_| true,
            "url" => |text| !text.contains("://"),
            // A name alone is an error, and stays one.
            "bytecode" => |text| text.contains('/'),
            "wheels" | "debian" | "scripts" | "index" | "archive" | "choice" => |_| false,
            "variants" => {
                if let DeValue::Table(variants) = value.get_mut() {
                    variants.iter_mut().for_each(|(_, variant)| in_value(variant, folder, |_| false));
                }
                continue;
            }
            _ => continue,
        };
        in_value(value, folder, is_path);
    }
}

fn in_value(value: &mut Value<'_>, folder: &str, is_path: fn(&str) -> bool) {
    match value.get_mut() {
        DeValue::String(text) if is_path(text) => *text = Cow::Owned(moved(text, folder)),
        DeValue::Array(items) => items.iter_mut().for_each(|item| in_value(item, folder, is_path)),
        DeValue::Table(table) => in_table(table, folder),
        _ => {}
    }
}

fn is_local_base(text: &str) -> bool {
    text.starts_with("oci:") || text.starts_with("oci-archive:")
}

/// A local wheel, or a file of requirements.
fn is_file_of_demands(text: &str) -> bool {
    let place = text.split([';', '[']).next().unwrap_or(text).trim();
    let bare = !place.contains(['@', '=', '<', '>']) && !place.contains("://");
    let is_named_so = [".whl", ".txt"].iter().any(|ending| place.strip_suffix(ending).is_some());
    bare && (place.starts_with('.') || is_named_so)
}

fn moved(text: &str, folder: &str) -> String {
    let (scheme, path) = match text.split_once(':').filter(|_| is_local_base(text)) {
        Some((scheme, path)) => (format!("{scheme}:"), path),
        None => (String::new(), text),
    };
    // Nothing, or a path of one machine: an error, which stays one.
    if path.trim().is_empty() || path.starts_with('/') {
        return text.to_owned();
    }
    let (path, rest) = path.split_at(path.find([';', '[']).unwrap_or(path.len()));
    let path = joined(folder, path.trim_end());
    let rest = if rest.starts_with(';') { format!(" {rest}") } else { rest.to_owned() };
    format!("{scheme}{path}{rest}")
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, io};

    use toml::de::DeTable;

    use super::in_table;
    use crate::recipe::{Recipe, RecipeError, reference::keys};

    fn read(files: &[(&str, &str)]) -> Result<Recipe, String> {
        let known: BTreeMap<&str, &str> = files.iter().copied().collect();
        let open = |path: &str| known.get(path).map(|text| (*text).to_owned()).ok_or(io::ErrorKind::NotFound.into());
        Recipe::read("dir/app.toml", known["app.toml"], &open).map_err(|error| match error {
            RecipeError::Invalid { file, text, problems } => {
                let all = problems
                    .iter()
                    .map(|problem| format!("{file}: {} | {}", &text[problem.span.clone()], problem.message));
                all.collect::<Vec<_>>().join("\n")
            }
            other => other.to_string(),
        })
    }

    const COMMON: &str = "\
        name = \"common\"\nbase = \"oci:bases/python\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\
        [wheels]\nrequire = [\"numpy<2\", \"onnx\", \"./own-1-py3-none-any.whl\"]\nfiles = [\"r.txt\"]\nskew = \"warn\"\n\
        index = [{ name = \"cpu\", url = \"wheels\" }]\n\
        [[scripts]]\nfrom = \"scripts\"\nto = \"/a\"\n\
        [image]\nentrypoint = [\"a\"]\ncmd = [\"b\"]\nenv = { A = \"1\", B = \"2\" }\n";

    #[test]
    fn what_is_inherited_lies_below() {
        let own = "extends = \"../shared/common.toml\"\nname = \"app\"\nplatforms = [\"linux/amd64\"]\n\
            [wheels]\nrequire = [\"Numpy==2.1\", \"flask\"]\nindex = [{ name = \"cpu\", url = \"https://cpu.example/\" }]\n\
            [[scripts]]\nfrom = \"more\"\nto = \"/b\"\n[image]\nentrypoint = [\"x\"]\nenv = { B = \"3\" }\n";
        let recipe = read(&[("app.toml", own), ("../shared/common.toml", COMMON)]).unwrap();
        assert_eq!((recipe.name.get_ref().as_str(), recipe.platforms.len()), ("app", 1));
        assert_eq!(recipe.base.get_ref().to_string(), "oci:../shared/bases/python");
        let require: Vec<&str> = recipe.wheels.request.require.iter().map(|one| one.get_ref().text.as_str()).collect();
        assert_eq!(require, ["onnx", "../shared/own-1-py3-none-any.whl", "Numpy==2.1", "flask"]);
        assert_eq!(recipe.wheels.request.files[0].get_ref().path, "../shared/r.txt");
        assert_eq!(recipe.wheels.index[0].location.get_ref().to_string(), "https://cpu.example/");
        let scripts: Vec<&str> = recipe.scripts.iter().map(|script| script.from.get_ref().as_str()).collect();
        assert_eq!(scripts, ["../shared/scripts", "more"]);
        assert_eq!(recipe.image.cmd, None);
        let variables: Vec<&str> = recipe.image.env.values().map(|value| value.get_ref().as_str()).collect();
        assert_eq!(variables, ["1", "3"]);
        assert_eq!(recipe.inputs()["wheels.skew"], "warn");
    }

    #[test]
    fn whatever_takes_files_is_moved_and_nothing_else() {
        let is_moved = |text: &str| {
            let mut table = DeTable::parse(text).unwrap().into_inner();
            in_table(&mut table, "shared");
            format!("{table:?}").contains("shared/")
        };
        for (header, key, takes) in keys().filter(|(.., takes)| !["table", "list of tables"].contains(takes)) {
            let is_base = matches!((header, key), ("", "base") | ("base", "image"));
            let value = if is_base { "oci:x" } else { "./x-1-py3-none-any.whl" };
            let text = if header.is_empty() { String::new() } else { format!("[{header}]\n") };
            let files = ["file", "folder", "requirements"].iter().any(|word| takes.contains(word));
            let expect = match (header, key) {
                // Where they stand, and what is none.
                ("", "extends") | ("policy", "deny") => false,
                _ => files || is_base || (header, key) == ("wheels", "bytecode"),
            };
            assert_eq!(is_moved(&format!("{text}{key} = \"{value}\"\n")), expect, "[{header}] {key}");
        }
        for names in ["image.env", "image.labels", "variants.small.env", "variants.from.labels"] {
            for key in ["from", "files", "url", "base", "require", "debian", "variants"] {
                assert!(!is_moved(&format!("[{names}]\n{key} = \"./x.txt\"\n")), "{names} {key}");
            }
        }
        assert!(is_moved("[variants.env]\nrequire = [\"./x.whl\"]\n[variants.labels.scripts]\nfrom = \"x\"\n"));
        for other in ["bytecode = \"python3\"", "bytecode = true", "from = \"\"", "from = \"/x\"", "url = \"a://b\""] {
            assert!(!is_moved(other), "{other}");
        }
    }

    #[test]
    fn names_of_the_users_mean_nothing() {
        let lower =
            "[image]\nlabels = { cmd = \"a\" }\n[variants.cmd]\nrequire = [\"c\"]\n[variants.env]\ncmd = [\"d\"]\n";
        let own = "extends = \"b.toml\"\nname = \"app\"\nbase = \"h.example/python:3.11\"\nplatforms = [\"linux/amd64\"]\n\
            wheels.require = [\"a\"]\n[image]\nlabels = { entrypoint = \"b\" }\n[variants.entrypoint]\nrequire = [\"e\"]\n\
            [variants.env]\nentrypoint = [\"f\"]\n";
        let recipe = read(&[("app.toml", own), ("b.toml", lower)]).unwrap();
        assert_eq!(recipe.variants().collect::<Vec<_>>(), ["cmd", "entrypoint", "env"]);
        assert_eq!(recipe.image.labels.len(), 2);
        assert_eq!(recipe.variant(Some("env")).unwrap().image.cmd, None);
    }

    #[test]
    fn several_files_are_laid_over_each_other_once() {
        let own = "extends = [\"a.toml\", \"b.toml\"]\n";
        let (a, b) = ("extends = \"c.toml\"\n[image]\nuser = \"1\"\n", "extends = \"c.toml\"\n[image]\nuser = \"2\"\n");
        let recipe = read(&[("app.toml", own), ("a.toml", a), ("b.toml", b), ("c.toml", COMMON)]).unwrap();
        assert_eq!(recipe.image.user.unwrap().get_ref(), "2");
        assert_eq!(recipe.wheels.request.require.len(), 3);
    }

    #[test]
    fn problems_stand_in_the_file_that_has_them() {
        let own = "extends = \"sub/c.toml\"\n";
        let check = |files: &[(&str, &str)], expect: &str| assert_eq!(read(files).unwrap_err(), expect);
        let wrong = COMMON.replace("\"onnx\"", "\"onnx<\"");
        let expect = "dir/sub/c.toml: \"onnx<\" | `onnx<` is not a requirement: unexpected end of version specifier, expected version";
        check(&[("app.toml", own), ("sub/c.toml", &wrong)], expect);
        let found = read(&[("app.toml", own), ("sub/c.toml", "name = \n")]).unwrap_err();
        assert!(found.starts_with("dir/sub/c.toml: "), "{found}");
        check(&[("app.toml", own)], "dir/app.toml: \"sub/c.toml\" | cannot read `sub/c.toml`: entity not found");
        check(
            &[("app.toml", own), ("sub/c.toml", "extends = \"../app.toml\"\n")],
            "dir/sub/c.toml: \"../app.toml\" | `app.toml` extends itself",
        );
        check(&[("app.toml", "extends = [1]\n")], "dir/app.toml: 1 | `extends` must be a file name or a list of them");
        // What turns out later points there too.
        let recipe = read(&[("app.toml", own), ("sub/c.toml", COMMON)]).unwrap();
        let span = recipe.wheels.request.require[1].span();
        let RecipeError::Invalid { file, text, problems } = recipe.problem_at(span, "x", None) else { panic!() };
        assert_eq!((file.as_str(), &text[problems[0].span.clone()]), ("dir/sub/c.toml", "\"onnx\""));
    }
}
