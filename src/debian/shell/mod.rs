//! Shell scripts of packages, followed without being run: which programs they would call, with which
//! arguments. What cannot be told from the text (the output of a program, a file of the running system) is
//! unknown, and what depends on it is left undone and named.

mod builtin;
mod expand;
mod parse;
mod run;
mod syntax;
mod test;
mod wildcard;
mod words;
#[cfg(test)]
mod tests;

/// What stands at a path, links followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A regular file.
    File {
        /// Whether anybody may execute it.
        executable: bool,
        /// Whether it has no bytes.
        empty: bool,
    },
    /// A directory.
    Directory,
}

/// The world of a script: the files that are there, and the programs that it can call.
pub trait Programs {
    /// What stands at an absolute path.
    fn look(&self, path: &str) -> Option<Found>;

    /// Whether a symbolic link stands at an absolute path.
    fn is_link(&self, path: &str) -> bool;

    /// The text of the file at an absolute path, if it is at hand.
    fn read(&self, path: &str) -> Option<String>;

    /// Where the program `name` lies, if it is there or what it does is done without it.
    fn find(&self, name: &str) -> Option<String>;

    /// A call of a program: its name and arguments, none in place of one that is not known. Where the call
    /// is not `certain` to happen, it must have no effect.
    fn call(&mut self, words: &[Option<String>], certain: bool) -> Called;

    /// A file with this text, in place of any other. Whether it could be written.
    fn write(&mut self, path: &str, text: &str) -> bool;

    /// The rights that new files lack.
    fn umask(&mut self) -> &mut u32;
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    /// Whether it succeeded, where that is known.
    pub status: Option<bool>,
    /// What it said, where that is known.
    pub output: Option<String>,
    /// Whether it has effects that were not reproduced.
    pub is_undone: bool,
}

/// Follows `script` with `arguments`, and returns the commands that were left undone, as it spells them.
/// Bounded: a script in which nobody could tell what happens is left at that.
pub fn follow(
    programs: &mut impl Programs,
    script: &str,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> Vec<String> {
    let first = script.lines().next().unwrap_or_default();
    let interpreter = first.strip_prefix("#!").unwrap_or("/bin/sh").trim();
    let program = interpreter.split_whitespace().next().unwrap_or_default();
    if !["/bin/sh", "/bin/bash", "/usr/bin/sh", "/usr/bin/bash", "/bin/dash"].contains(&program) {
        return vec![format!("a script for {}", program.rsplit('/').next().unwrap_or(program))];
    }
    // Shells pass over it.
    let script = script.replace('\0', "");
    let Ok(list) = parse::parse(&script) else { return vec!["a script that cannot be read".to_owned()] };
    let mut run = run::Run::new(programs, arguments, variables);
    run.list(&list);
    run.undone
}
