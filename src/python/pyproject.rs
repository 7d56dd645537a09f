//! `pyproject.toml`: what a project says it depends on.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::Spanned;

use super::{ExtraName, PackageName, PythonError, Requirement, VersionSpecifiers};

/// The dependencies of a project.
///
/// [pyproject.toml specification](https://packaging.python.org/en/latest/specifications/pyproject-toml/),
/// [Dependency groups](https://packaging.python.org/en/latest/specifications/dependency-groups/).
#[derive(Clone, Debug, Default)]
pub struct Pyproject {
    project: Option<Spanned<Project>>,
    groups: BTreeMap<String, Spanned<Vec<Spanned<Item>>>>,
    /// Distributions for which `[tool.uv.sources]` names a place of their own, and where it says so.
    pub sources: BTreeMap<PackageName, std::ops::Range<usize>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Project {
    name: Option<String>,
    requires_python: Option<Spanned<String>>,
    #[serde(default)]
    dependencies: Vec<Spanned<String>>,
    #[serde(default)]
    optional_dependencies: BTreeMap<String, Vec<Spanned<String>>>,
    #[serde(default)]
    dynamic: Vec<Spanned<String>>,
}

/// An item of a dependency group.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Item {
    Requirement(String),
    Include {
        #[serde(rename = "include-group")]
        group: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Document {
    project: Option<Spanned<Project>>,
    #[serde(default)]
    dependency_groups: BTreeMap<String, Spanned<Vec<Spanned<Item>>>>,
    tool: Option<Tool>,
}

#[derive(Deserialize)]
struct Tool {
    uv: Option<Uv>,
}

#[derive(Deserialize)]
struct Uv {
    #[serde(default)]
    sources: BTreeMap<String, Spanned<toml::Value>>,
}

impl Pyproject {
    /// Reads the tables `[project]`, `[dependency-groups]` and `[tool.uv.sources]`.
    ///
    /// # Errors
    /// [`PythonError::Place`] when they are not what the specifications say.
    pub fn parse(text: &str) -> Result<Self, PythonError> {
        let document: Document = toml::from_str(text).map_err(|error| PythonError::toml(&error))?;
        let groups = document.dependency_groups.into_iter().map(|(name, group)| (normal(&name), group)).collect();
        let sources = document.tool.and_then(|tool| tool.uv).map(|uv| uv.sources).unwrap_or_default();
        let sources = sources.into_iter().filter_map(|(name, value)| Some((name.parse().ok()?, value.span())));
        Ok(Self { project: document.project, groups, sources: sources.collect() })
    }

    /// The Pythons that the project is for.
    ///
    /// # Errors
    /// [`PythonError::Place`] when they cannot be understood.
    pub fn requires_python(&self) -> Result<Option<VersionSpecifiers>, PythonError> {
        let Some(text) = self.project.as_ref().and_then(|project| project.get_ref().requires_python.as_ref()) else {
            return Ok(None);
        };
        let parsed = text
            .get_ref()
            .parse()
            .map_err(|_| PythonError::place(text.span(), format!("`{}` is not a range of versions", text.get_ref())))?;
        Ok(Some(parsed))
    }

    /// What the project requires, with these extras and dependency groups. A file without `[project]`
    /// has groups alone.
    ///
    /// # Errors
    /// [`PythonError::Place`] for a requirement that is none, an extra or group that is not there, groups
    /// that include each other in a circle, and dependencies that only a build would know.
    pub fn requirements(&self, extras: &[ExtraName], groups: &[String]) -> Result<Vec<Requirement>, PythonError> {
        let mut found = Vec::new();
        if let Some(project) = &self.project {
            own(project, extras, &mut found)?;
        } else if groups.is_empty() {
            let advice = "name one of its dependency groups with `groups`, or export requirements with its own tool";
            return Err(PythonError::advised(0..0, "there is no table `[project]`", advice));
        }
        for group in groups {
            self.group(group, 0..0, &mut Vec::new(), &mut found)?;
        }
        Ok(found)
    }

    fn group(
        &self,
        name: &str,
        asked: std::ops::Range<usize>,
        above: &mut Vec<String>,
        found: &mut Vec<Requirement>,
    ) -> Result<(), PythonError> {
        let name = normal(name);
        let Some(group) = self.groups.get(&name) else {
            let known: Vec<&str> = self.groups.keys().map(String::as_str).collect();
            let reason = format!("there is no dependency group `{name}`; there are: {}", known.join(", "));
            return Err(PythonError::place(asked, reason));
        };
        if above.contains(&name) {
            return Err(PythonError::place(asked, format!("the dependency group `{name}` includes itself")));
        }
        above.push(name);
        for item in group.get_ref() {
            match item.get_ref() {
                Item::Requirement(text) => found.push(requirement(text, item.span())?),
                Item::Include { group } => self.group(group, item.span(), above, found)?,
            }
        }
        above.pop();
        Ok(())
    }
}

/// The dependencies of `[project]`, with those of extras; an extra may ask for others of its own project.
fn own(project: &Spanned<Project>, extras: &[ExtraName], found: &mut Vec<Requirement>) -> Result<(), PythonError> {
    let (span, project) = (project.span(), project.get_ref());
    let dynamic = |key: &str| project.dynamic.iter().find(|name| name.get_ref() == key);
    let built = if extras.is_empty() { None } else { dynamic("optional-dependencies") };
    if let Some(key) = dynamic("dependencies").or(built) {
        let reason = format!("the project's {} are known to its build only", key.get_ref());
        let advice = "write them down under `[project]`, or export requirements with the project's own tool";
        return Err(PythonError::advised(key.span(), reason, advice));
    }
    let name: Option<PackageName> = project.name.as_ref().and_then(|name| name.parse().ok());
    let mut open: Vec<(ExtraName, std::ops::Range<usize>)> =
        extras.iter().map(|extra| (extra.clone(), span.start..span.start)).collect();
    let mut done: BTreeSet<ExtraName> = BTreeSet::new();
    let mut take = |texts: &[Spanned<String>], open: &mut Vec<_>| {
        for text in texts {
            let wanted = requirement(text.get_ref(), text.span())?;
            if Some(&wanted.name) == name.as_ref() {
                open.extend(wanted.extras.into_iter().map(|extra| (extra, text.span())));
            } else {
                found.push(wanted);
            }
        }
        Ok::<(), PythonError>(())
    };
    take(&project.dependencies, &mut open)?;
    while let Some((extra, asked)) = open.pop() {
        if !done.insert(extra.clone()) {
            continue;
        }
        let own =
            project.optional_dependencies.iter().find(|(key, _)| key.parse().is_ok_and(|key: ExtraName| key == extra));
        let Some((_, texts)) = own else {
            let known: Vec<&str> = project.optional_dependencies.keys().map(String::as_str).collect();
            let reason = format!("the project has no extra `{extra}`; it has: {}", known.join(", "));
            return Err(PythonError::place(asked, reason));
        };
        take(texts, &mut open)?;
    }
    Ok(())
}

fn requirement(text: &str, span: std::ops::Range<usize>) -> Result<Requirement, PythonError> {
    text.parse().map_err(|error: PythonError| PythonError::place(span, error.to_string()))
}

fn normal(group: &str) -> String {
    let mut name = group.to_ascii_lowercase().replace(['_', '.'], "-");
    while name.contains("--") {
        name = name.replace("--", "-");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
[project]
name = \"Sample.App\"
requires-python = \">=3.10\"
dependencies = [\"flask>=3\", \"numpy<2 ; platform_machine == 'x86_64'\"]

[project.optional-dependencies]
Fast = [\"uvloop\"]
all = [\"sample-app[fast,yaml]\"]
yaml = [\"pyyaml\"]
broken = [\"a <\"]

[dependency-groups]
dev = [\"pytest\", {include-group = \"Lint_it\"}]
lint-it = [\"ruff\"]
circle = [{include-group = \"circle\"}]

[tool.uv.sources]
flask = { index = \"house\" }
";

    fn shown(text: &str, extras: &[&str], groups: &[&str]) -> String {
        let extras: Vec<ExtraName> = extras.iter().map(|extra| extra.parse().unwrap()).collect();
        let groups: Vec<String> = groups.iter().map(|&group| group.to_owned()).collect();
        let found = Pyproject::parse(text).and_then(|file| file.requirements(&extras, &groups));
        match found {
            Ok(found) => found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            Err(PythonError::Place { span, reason, .. }) => format!("{} | {reason}", &text[span]),
            Err(other) => other.to_string(),
        }
    }

    #[test]
    fn dependencies_extras_and_groups_are_read() {
        let check = |extras: &[&str], groups: &[&str], expect: &str| {
            assert_eq!(
                shown(TEXT, extras, groups).strip_prefix("flask>=3, numpy<2 ; platform_machine == 'x86_64'"),
                Some(expect)
            );
        };
        check(&[], &[], "");
        check(&["fast"], &["DEV"], ", uvloop, pytest, ruff");
        check(&["all"], &[], ", pyyaml, uvloop");
        let file = Pyproject::parse(TEXT).unwrap();
        assert_eq!(file.requires_python().unwrap().unwrap().to_string(), ">=3.10");
        assert!(file.sources.contains_key(&"flask".parse().unwrap()));
        assert_eq!(shown("[dependency-groups]\na = [\"b\"]", &[], &["a"]), "b");
    }

    #[test]
    fn mistakes_have_a_place() {
        let check = |text: &str, extras: &[&str], groups: &[&str], expect: &str| {
            assert_eq!(shown(text, extras, groups), expect);
        };
        check(TEXT, &["slow"], &[], " | the project has no extra `slow`; it has: Fast, all, broken, yaml");
        check(
            TEXT,
            &["broken"],
            &[],
            "\"a <\" | `a <` is not a requirement: unexpected end of version specifier, expected version",
        );
        check(TEXT, &[], &["circle"], "{include-group = \"circle\"} | the dependency group `circle` includes itself");
        check(TEXT, &[], &["x"], " | there is no dependency group `x`; there are: circle, dev, lint-it");
        check("[tool.poetry]\n", &[], &[], " | there is no table `[project]`");
        let dynamic = "[project]\nname = \"a\"\ndynamic = [\"dependencies\"]\n";
        check(dynamic, &[], &[], "\"dependencies\" | the project's dependencies are known to its build only");
        check("[project]\ndependencies = 1\n", &[], &[], "1 | invalid type: integer `1`, expected a sequence");
    }
}
