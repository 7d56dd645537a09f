//! `wheelwright completions` and `wheelwright man`: what shells and `man` read, made from the grammar.

use std::{fs, path::PathBuf};

use clap::{Args, Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man as Page;

use super::{args::Arguments, error::CliError, session::Session};
use crate::fs::write_atomic;

/// The name of the program.
const NAME: &str = "wheelwright";

pub(super) const COMPLETIONS: &str = "\
Examples:
  wheelwright completions bash > ~/.local/share/bash-completion/completions/wheelwright
  wheelwright completions zsh > ~/.zfunc/_wheelwright
  wheelwright completions fish > ~/.config/fish/completions/wheelwright.fish";

pub(super) const MAN: &str = "\
Examples:
  wheelwright man | man -l -
  wheelwright man ~/.local/share/man/man1";

/// `completions`.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// Which shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// `man`.
#[derive(Debug, Args)]
pub(super) struct Man {
    /// Write a page of every command here: wheelwright.1, wheelwright-build.1 and so on
    folder: Option<PathBuf>,
}

/// The script for a shell.
pub(super) fn completions(arguments: &Completions) -> String {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), NAME, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The page of the program, or pages of every command in a folder.
///
/// # Errors
/// When the folder cannot be written.
pub(super) fn man(session: &Session, arguments: &Man) -> Result<String, CliError> {
    let mut command = Arguments::command();
    command.build();
    let Some(folder) = &arguments.folder else { return Ok(page(command, &PathBuf::new())?.1) };
    fs::create_dir_all(folder).map_err(|source| CliError::Write { path: folder.clone(), source })?;
    for command in with_all_below(command) {
        let (name, text) = page(command, folder)?;
        let path = folder.join(format!("{name}.1"));
        write_atomic(&path, text.as_bytes()).map_err(|source| CliError::Write { path: path.clone(), source })?;
        session.note(&format!("wrote {}", path.display()));
    }
    Ok(String::new())
}

/// A command and every one below it, but those that only say `help`.
fn with_all_below(command: Command) -> Vec<Command> {
    let below: Vec<Command> = command.get_subcommands().filter(|below| below.get_name() != "help").cloned().collect();
    std::iter::once(command).chain(below.into_iter().flat_map(with_all_below)).collect()
}

/// The name of a page, and its text.
fn page(command: Command, folder: &std::path::Path) -> Result<(String, String), CliError> {
    let name = command.get_display_name().unwrap_or(NAME).to_owned();
    let mut text = Vec::new();
    let page = Page::new(command);
    page.render(&mut text).map_err(|source| CliError::Write { path: folder.to_owned(), source })?;
    Ok((name, String::from_utf8_lossy(&text).into_owned()))
}
