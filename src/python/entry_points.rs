//! `entry_points.txt`: the commands that a distribution brings.

use super::PythonError;

/// The commands that a distribution brings, sorted by name.
///
/// [Entry points specification](https://packaging.python.org/en/latest/specifications/entry-points/).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryPoints {
    /// Group `console_scripts`.
    pub console: Vec<EntryPoint>,
    /// Group `gui_scripts`.
    pub gui: Vec<EntryPoint>,
}

/// A command: `name = module:attribute`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryPoint {
    /// The command's file name; no path.
    pub name: String,
    /// The dotted module to import.
    pub module: String,
    /// What to call in it, dotted.
    pub attribute: String,
}

impl EntryPoints {
    /// Reads the two script groups of an `entry_points.txt`; other groups are passed over. Extras
    /// behind a command mean nothing any more and are dropped.
    ///
    /// # Errors
    /// When it is not UTF-8, or a command's name or object could not stand in a script.
    pub fn parse(bytes: &[u8]) -> Result<Self, PythonError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|_| PythonError::EntryPoints { line: 1, reason: "it is not UTF-8".to_owned() })?;
        let mut points = Self::default();
        let mut group = "";
        for (position, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line_text = line.trim();
            if line_text.is_empty() || line_text.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = line_text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                group = name.trim();
                continue;
            }
            let into = match group {
                "console_scripts" => &mut points.console,
                "gui_scripts" => &mut points.gui,
                _ => continue,
            };
            let point = read(line_text);
            into.push(point.map_err(|reason| PythonError::EntryPoints { line: position + 1, reason })?);
        }
        for list in [&mut points.console, &mut points.gui] {
            list.sort();
            list.dedup();
        }
        Ok(points)
    }

    /// Whether one of the commands is called `name`.
    pub(crate) fn has(&self, name: &str) -> bool {
        let sorted = |list: &[EntryPoint]| list.binary_search_by(|point| point.name.as_str().cmp(name)).is_ok();
        sorted(&self.console) || sorted(&self.gui)
    }
}

fn read(line: &str) -> Result<EntryPoint, String> {
    let (name, object) = line.split_once('=').ok_or_else(|| "it is not of the form name = module:object".to_owned())?;
    let name = name.trim();
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\\']) || name.contains(char::is_control) {
        return Err(format!("`{}` is not a file name", name.escape_debug()));
    }
    let object = object.split(['[', '#', ';']).next().unwrap_or_default().trim();
    let (module, attribute) =
        object.split_once(':').ok_or_else(|| format!("the command `{name}` names no function"))?;
    let (module, attribute) = (module.trim(), attribute.trim());
    if !dotted(module) || !dotted(attribute) {
        return Err(format!("`{}` is not of the form module:function", object.escape_debug()));
    }
    Ok(EntryPoint { name: name.to_owned(), module: module.to_owned(), attribute: attribute.to_owned() })
}

fn dotted(text: &str) -> bool {
    text.split('.').all(|part| {
        let mut letters = part.chars();
        letters.next().is_some_and(|letter| letter.is_alphabetic() || letter == '_')
            && letters.all(|letter| letter.is_alphanumeric() || letter == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_and_other_groups_passed_over() {
        let text = "# c\n[pytest11]\nplugin = a.b\n\n[console_scripts]\nzed=pkg.cli:main\nalpha = pkg : App.run [extra]\n\
                    [gui_scripts]\r\nwin = pkg:win\r\n";
        let points = EntryPoints::parse(text.as_bytes()).unwrap();
        let shown = |list: &[EntryPoint]| {
            list.iter().map(|point| format!("{}={}:{}", point.name, point.module, point.attribute)).collect::<Vec<_>>()
        };
        assert_eq!(shown(&points.console), ["alpha=pkg:App.run", "zed=pkg.cli:main"]);
        assert_eq!(shown(&points.gui), ["win=pkg:win"]);
        assert_eq!(["alpha", "zed", "win", "main"].map(|name| points.has(name)), [true, true, true, false]);
    }

    #[test]
    fn what_could_not_stand_in_a_script_is_refused() {
        for wrong in ["../x = a:b", "x = a", "x = a:b;import os", "x = a b:c", "x = a:b()", "= a:b", "x", "x = 1a:b"] {
            let found = EntryPoints::parse(format!("[console_scripts]\n{wrong}\n").as_bytes());
            let line = found.map_err(|error| matches!(error, PythonError::EntryPoints { line: 2, .. }));
            if wrong.contains(';') {
                assert!(line.unwrap().console[0].attribute == "b", "{wrong}");
            } else {
                assert_eq!(line, Err(true), "{wrong}");
            }
        }
    }
}
