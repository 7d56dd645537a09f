//! The grammar of `wheelwright lock`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::export::Export;
use crate::{
    cli::{destination, recipes::Several},
    recipe::Base,
};

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  wheelwright lock app.toml                    choose what is new, keep what still fits
  wheelwright lock app.toml --locked           in CI: fail where recipe and lock disagree, and say where
  wheelwright lock app.toml --upgrade          choose everything anew, the base and Debian packages included
  wheelwright lock app.toml --upgrade numpy    the newest numpy that the others allow, and nothing else
  wheelwright lock app.toml --upgrade base     what the name of the base image means now
  wheelwright lock app.toml --base registry.example/python:3.11-slim
                                               for another base, with the same wheels as far as they fit it
  wheelwright lock recipes                     a folder's wheelwright.toml, else every recipe in it
  wheelwright lock --explain numpy             why this version, this file, and who asked for it
  wheelwright lock --export requirements -o requirements.txt
  wheelwright lock --export pylock --platform linux/amd64 -o pylock.toml

A lock keeps what it says for as long as it fits the recipe: versions, files, the digest of the base,
what was taken at each choice. Only versions that their authors have withdrawn are left. What changed
is printed.

Exports pin the wheels of the image for a virtual environment. Markers stand only where a wheel is not
for all platforms. Requirements name no index but those of the recipe. PEP 751 wants to know where
each wheel lies, so a pylock has the URLs under which the indexes list them at the moment.";

/// `lock`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// The recipe, or several; a folder stands for the recipes in it [default: wheelwright.toml, or
    /// pyproject.toml with a tool.wheelwright table]
    #[arg(value_name = "RECIPE")]
    recipes: Vec<PathBuf>,
    /// Choose everything anew, or only PACKAGE: a distribution, a Debian package (they move together),
    /// or `base` for the base image; may be given several times
    #[arg(long, value_name = "PACKAGE", num_args = 0..=1, conflicts_with_all = ["locked", "export"])]
    upgrade: Option<Vec<String>>,
    /// Say why the lock has PACKAGE, a distribution or a Debian package, in this version and from this file: who
    /// asked for it, and of distributions what speaks against newer ones; may be given several times
    #[arg(long, value_name = "PACKAGE", conflicts_with_all = ["upgrade", "export"])]
    pub(super) explain: Vec<String>,
    #[command(flatten)]
    pub(super) export: Export,
    /// Lock for this base in place of the recipe's, written like that one; a path counts from the working
    /// folder. Builds of this lock need the same `--base`
    #[arg(long, value_name = "BASE", value_parser = destination::parse_base)]
    pub(super) base: Option<Base>,
    /// Fail if the lock is missing or stale, and say what is different; write nothing
    #[arg(long)]
    pub(super) locked: bool,
    // The last one: its heading would stand over all that follows.
    #[command(flatten)]
    pub(super) several: Several,
}

/// What is chosen anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Upgrade {
    /// Only what does not fit any more.
    Nothing,
    /// Everything.
    Everything,
    /// These.
    Only(Vec<String>),
}

impl Arguments {
    /// The recipes. `--upgrade app.toml` means a recipe too: no distribution is called so.
    pub(super) fn recipes(&self) -> Vec<PathBuf> {
        let misread = self.upgrade.iter().flatten().filter(|name| is_recipe(name)).map(PathBuf::from);
        misread.chain(self.recipes.iter().cloned()).collect()
    }

    /// What is chosen anew.
    pub(super) fn upgrade(&self) -> Upgrade {
        let Some(only) = &self.upgrade else { return Upgrade::Nothing };
        let names: Vec<String> = only.iter().filter(|name| !is_recipe(name)).cloned().collect();
        if names.is_empty() { Upgrade::Everything } else { Upgrade::Only(names) }
    }
}

fn is_recipe(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "toml")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn upgrades_take_names_or_none() {
        let check = |line: &str, recipe: Option<&str>, upgrade: Upgrade| {
            let arguments = Line::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{error}")).arguments;
            let recipes: Vec<PathBuf> = recipe.map(PathBuf::from).into_iter().collect();
            assert_eq!((arguments.recipes(), arguments.upgrade()), (recipes, upgrade), "{line}");
        };
        let only = |names: &[&str]| Upgrade::Only(names.iter().map(|name| (*name).to_owned()).collect());
        check("lock", None, Upgrade::Nothing);
        check("lock app.toml", Some("app.toml"), Upgrade::Nothing);
        check("lock app.toml --upgrade", Some("app.toml"), Upgrade::Everything);
        check("lock --upgrade app.toml", Some("app.toml"), Upgrade::Everything);
        check("lock --upgrade numpy app.toml", Some("app.toml"), only(&["numpy"]));
        check("lock app.toml --upgrade numpy --upgrade base", Some("app.toml"), only(&["numpy", "base"]));
        assert!(Line::try_parse_from(["lock", "--locked", "--upgrade"]).is_err());
    }
}
