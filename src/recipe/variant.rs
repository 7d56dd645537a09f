//! The tables `[variants.NAME]`: several images of one recipe.

use toml::Spanned;

use super::{
    ImageSettings, Request, Script,
    problem::{Log, Problem, ProblemKind},
    reader::Reader,
};
use crate::hint::Hint;

/// One image of a recipe, with everything that it includes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// The variant's name; none in a recipe without variants.
    pub name: Option<String>,
    /// What is asked of the resolver: of `[wheels]`, then of included variants, then its own.
    pub request: Request,
    /// Files of the user's, in the same order.
    pub scripts: Vec<Script>,
    /// `[image]` with the variant's own settings over it. Those of included variants do not count:
    /// two entry points cannot be joined.
    pub image: ImageSettings,
}

/// A variant as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) name: Spanned<String>,
    pub(super) include: Vec<Spanned<String>>,
    pub(super) request: Request,
    pub(super) scripts: Vec<Script>,
    pub(super) image: ImageSettings,
}

impl Written {
    pub(super) fn read((name, table): (Spanned<String>, Reader<'_>)) -> Self {
        if !super::is_name(name.get_ref()) {
            let message = format!("`{}` cannot be the name of a variant", name.get_ref());
            let problem = Problem::new(ProblemKind::Invalid, name.span(), message).labelled("not a name");
            table.add(problem.hinted(Hint::new("use lower-case letters, digits and `-`")));
        }
        let variant = Self {
            include: table.parsed_list("include", |text| Ok(text.to_owned())),
            request: Request::read(&table),
            scripts: Script::read_all(&table),
            image: ImageSettings::read(&table),
            name,
        };
        table.finish();
        variant
    }
}

/// Notes names in `include` that lead nowhere or back.
pub(super) fn check_includes(variants: &[Written], log: &Log) {
    for variant in variants {
        for name in &variant.include {
            if !variants.iter().any(|other| other.name == *name) {
                log.add(unknown_include(variants, name));
            } else if leads_to(variants, name.get_ref(), variant.name.get_ref()) {
                let message = format!("the variant `{}` includes itself", variant.name.get_ref());
                let problem = Problem::new(ProblemKind::Invalid, name.span(), message).labelled("leads back here");
                log.add(problem.hinted(Hint::new("remove this name from `include`")));
            }
        }
    }
}

/// The variants that `name` includes, in the order of inclusion and itself last, each once.
pub(super) fn flattened<'v>(variants: &'v [Written], name: &str) -> Vec<&'v Written> {
    let mut order = Vec::new();
    visit(variants, name, &mut Vec::new(), &mut order);
    order
}

fn visit<'v>(variants: &'v [Written], name: &str, seen: &mut Vec<String>, order: &mut Vec<&'v Written>) {
    let Some(variant) = variants.iter().find(|variant| variant.name.get_ref() == name) else { return };
    if seen.iter().any(|other| other == name) {
        return;
    }
    seen.push(name.to_owned());
    for included in &variant.include {
        visit(variants, included.get_ref(), seen, order);
    }
    order.push(variant);
}

fn leads_to(variants: &[Written], start: &str, goal: &str) -> bool {
    flattened(variants, start).iter().any(|variant| variant.name.get_ref() == goal)
}

fn unknown_include(variants: &[Written], name: &Spanned<String>) -> Problem {
    let known: Vec<&str> = variants.iter().map(|variant| variant.name.get_ref().as_str()).collect();
    let hint = Hint::did_you_mean(name.get_ref(), known.iter().copied())
        .unwrap_or_else(|| Hint::new(format!("add a table `[variants.{}]`", name.get_ref())));
    let message = format!("there is no variant `{}`", name.get_ref());
    Problem::new(ProblemKind::Invalid, name.span(), message).labelled("no such variant").hinted(hint)
}
