//! What of a recipe a lock depends on, key by key.
//!
//! Values are as the recipe writes them, not as some crate prints them: an upgrade of ours must not
//! make anybody's lock stale. A key that says nothing is left out, so that a new key does not make
//! old locks stale either.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use toml::Spanned;

use super::{
    Auto, Choice, Debian, Demand, Essential, Index, IndexFormat, Keyring, Listed, OtherArchive, Recipe, Recommends,
    Request, Security, Select, Shell, StatedFacts, Wheels,
};

/// The value of every key that a lock depends on.
pub(super) fn inputs(recipe: &Recipe) -> BTreeMap<String, Value> {
    let mut inputs = Inputs::default();
    inputs.add("base", text(recipe.base.get_ref()));
    if let Some(facts) = &recipe.base_facts {
        inputs.add_stated(facts);
    }
    inputs.add("platforms", texts(&recipe.platforms));
    inputs.add_wheels(&recipe.wheels);
    if let Some(debian) = &recipe.debian {
        inputs.add_debian(debian);
    }
    // What of the policy decides which files are chosen, and what the lock says of them.
    if let Some(age) = &recipe.policy.min_age {
        inputs.add("policy.min-age", text(age.get_ref()));
    }
    if recipe.policy.require_hashes {
        inputs.add("policy.require-hashes", "true");
    }
    // A variant that asks nothing of its own is still an image of the lock.
    inputs.add("variants", recipe.variants().collect::<Vec<_>>());
    for variant in &recipe.variants {
        let key = format!("variants.{}", variant.name.get_ref());
        inputs.add(&format!("{key}.include"), texts(&variant.include));
        inputs.add_request(&key, &variant.request);
    }
    inputs.0
}

#[derive(Default)]
struct Inputs(BTreeMap<String, Value>);

impl Inputs {
    fn add(&mut self, key: &str, value: impl Into<Value>) {
        let value = value.into();
        let silent = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        if !silent {
            self.0.insert(key.to_owned(), value);
        }
    }

    fn add_stated(&mut self, facts: &StatedFacts) {
        let optional = |value: Option<String>| value.map_or(Value::Null, Value::String);
        self.add("base.facts.python", optional(facts.python.as_ref().map(|python| python.get_ref().to_string())));
        self.add("base.facts.path", optional(facts.path.as_ref().map(|path| path.get_ref().clone())));
        let scheme = facts.scheme.as_ref().map(|scheme| scheme.get_ref().as_str().to_owned());
        self.add("base.facts.scheme", optional(scheme));
        self.add("base.facts.libc", optional(facts.libc.as_ref().map(|libc| libc.get_ref().to_string())));
    }

    fn add_request(&mut self, table: &str, request: &Request) {
        self.add(&format!("{table}.require"), demands(&request.require));
        self.add(&format!("{table}.files"), texts(&request.files));
        self.add(&format!("{table}.from-lock"), texts(&request.from_lock));
        self.add(&format!("{table}.constraints"), list(&request.constraints, listed));
        self.add(&format!("{table}.overrides"), list(&request.overrides, listed));
        self.add(&format!("{table}.choice"), Value::Array(request.choices.iter().map(choice).collect()));
    }

    fn add_wheels(&mut self, wheels: &Wheels) {
        self.add_request("wheels", &wheels.request);
        self.add("wheels.python", wheels.python.as_ref().map_or(Value::Null, |python| text(python.get_ref())));
        if wheels.skew != super::Skew::default() {
            self.add("wheels.skew", text(&wheels.skew));
        }
        self.add("wheels.index", Value::Array(wheels.index.iter().map(index).collect()));
        self.add("wheels.deny", texts(&wheels.deny));
        self.add("wheels.exclude", texts(&wheels.exclude));
        self.add("wheels.allow-replace", texts(&wheels.allow_replace));
        // Which interpreter of a machine compiles does not matter: what it is stands in the lock.
        if wheels.bytecode.is_some() {
            self.add("wheels.bytecode", "true");
        }
        self.add("wheels.into", wheels.into.as_ref().map_or(Value::Null, text));
    }

    /// Mirrors and archives of past states do not count: they hold the same packages.
    fn add_debian(&mut self, debian: &Debian) {
        self.add("debian.suite", text(debian.suite.get_ref()));
        self.add("debian.components", texts(&debian.components));
        self.add("debian.packages", texts(&debian.packages));
        if debian.essential == Essential::All {
            self.add("debian.essential", "true");
        }
        match &debian.recommends {
            Recommends::None => {}
            Recommends::Of(packages) => self.add("debian.recommends", texts(packages)),
            Recommends::All => self.add("debian.recommends", "true"),
        }
        self.add("debian.allow-upgrade", texts(&debian.allow_upgrade));
        self.add("debian.exclude", texts(&debian.exclude));
        if debian.select != Select::default() {
            self.add("debian.select", debian.select.as_str());
        }
        if debian.auto != Auto::default() {
            self.add("debian.auto", debian.auto.as_str());
        }
        if debian.shell == Shell::Asked {
            self.add("debian.shell", "true");
        }
        self.add("debian.strip", list(&debian.strip, |strip| json!(strip.as_str())));
        if debian.security == Security::Without {
            self.add("debian.security", "false");
        }
        self.add("debian.keyring", keyring(&debian.keyring));
        self.add("debian.archive", Value::Array(debian.archives.iter().map(archive).collect()));
    }
}

/// Nothing where it is Debian's.
fn keyring(keyring: &Keyring) -> Value {
    match keyring {
        Keyring::Debian => Value::Null,
        Keyring::File(file) => text(file.get_ref()),
        Keyring::Without => json!("false"),
    }
}

/// Its mirrors do not count, as Debian's do not.
fn archive(archive: &OtherArchive) -> Value {
    json!({
        "name": archive.name.get_ref(),
        "suite": archive.suite.get_ref(),
        "components": archive.components(),
        "keyring": keyring(&archive.keyring),
        "for": texts(&archive.only_for),
    })
}

fn text(value: &impl ToString) -> Value {
    Value::String(value.to_string())
}

fn texts<T: ToString>(values: &[Spanned<T>]) -> Value {
    list(values, text)
}

fn list<T>(values: &[Spanned<T>], to_json: impl Fn(&T) -> Value) -> Value {
    Value::Array(values.iter().map(|value| to_json(value.get_ref())).collect())
}

fn demands(values: &[Spanned<Demand>]) -> Value {
    list(values, |demand| json!(demand.text))
}

fn listed(listed: &Listed) -> Value {
    match listed {
        Listed::Demand(demand) => json!(demand.text),
        Listed::File(path) => json!(path),
    }
}

/// `python-gdcm | pylibjpeg + pylibjpeg-libjpeg`.
fn choice(choice: &Choice) -> Value {
    let joined = |alternative: &Vec<Spanned<Demand>>| {
        alternative.iter().map(|demand| demand.get_ref().text.as_str()).collect::<Vec<_>>().join(" + ")
    };
    json!(choice.any_of.iter().map(joined).collect::<Vec<_>>().join(" | "))
}

fn index(index: &Index) -> Value {
    let mut value = json!({
        "name": index.name.get_ref(),
        "url": text(index.location.get_ref()),
        "for": texts(&index.only_for),
        "platforms": texts(&index.platforms),
    });
    if index.format == IndexFormat::Flat {
        value["format"] = Value::from("flat");
    }
    value
}
