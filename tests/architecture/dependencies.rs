//! Holds `docs/dependencies.md` against `Cargo.toml`: each direct dependency stands there once, with the feature
//! that takes it along, what it is for, and why it is no code of our own.

use std::{collections::BTreeMap, fs};

use toml::Table;

/// What the page says of dependencies of tests in place of a feature.
const TESTS: &str = "tests";

#[test]
fn every_direct_dependency_is_accounted_for() {
    let page = fs::read_to_string("docs/dependencies.md").unwrap();
    let told = told(&page);
    let manifest: Table = fs::read_to_string("Cargo.toml").unwrap().parse().unwrap();
    let named = named(&manifest);
    for (name, features) in &named {
        assert_eq!(told.get(name), Some(features), "docs/dependencies.md: `{name}`, and the features that take it");
    }
    for name in told.keys() {
        assert!(named.contains_key(name), "docs/dependencies.md: Cargo.toml does not name `{name}`");
    }
}

/// Crates and their features, as the page's rows have them.
fn told(page: &str) -> BTreeMap<String, Vec<String>> {
    let mut told = BTreeMap::new();
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, features, purpose, reason] = cells[..] else { panic!("not four cells: {row}") };
        assert!(!purpose.is_empty() && !reason.is_empty(), "{row}");
        let features = features.split(',').map(|feature| feature.trim().trim_matches('`').to_owned());
        let features = features.filter(|feature| !feature.is_empty()).collect();
        let before = told.insert(name.trim_matches('`').to_owned(), features);
        assert!(before.is_none(), "twice: {row}");
    }
    told
}

/// Crates and the features that take them along, none for what is always there.
fn named(manifest: &Table) -> BTreeMap<String, Vec<String>> {
    let table = |name: &str| manifest[name].as_table().unwrap();
    let taken_by = |name: &String| -> Vec<String> {
        let takes = |list: &toml::Value| list.as_array().unwrap().contains(&format!("dep:{name}").into());
        table("features").iter().filter(|(_, list)| takes(list)).map(|(feature, _)| feature.clone()).collect()
    };
    let dependencies = table("dependencies").keys().map(|name| (name.clone(), taken_by(name)));
    let of_tests = table("dev-dependencies").keys().map(|name| (name.clone(), vec![TESTS.to_owned()]));
    let named: BTreeMap<_, _> = dependencies.chain(of_tests).collect();
    for (name, dependency) in table("dependencies") {
        let optional = dependency.get("optional").is_some_and(|optional| optional.as_bool() == Some(true));
        assert_eq!(optional, !named[name].is_empty(), "Cargo.toml: optional, and in a feature: `{name}`");
    }
    named
}
