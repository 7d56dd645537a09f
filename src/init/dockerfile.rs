//! A Dockerfile as a sketch: which of its stages are meant, and what of each counts.

use std::collections::{BTreeMap, BTreeSet};

use parse_dockerfile::{Dockerfile, Instruction};

use super::{
    Around, InitError, Wishes,
    shell::{Variables, expanded},
    sketch::{Noted, Sketch, image_name},
    stage::Walk,
    systems,
};

/// A stage of a Dockerfile.
pub(super) struct Stage<'d, 't> {
    pub(super) name: Option<String>,
    /// What it is built on: a reference, variables in it replaced.
    pub(super) image: String,
    pub(super) platform: Option<String>,
    pub(super) line: usize,
    pub(super) instructions: &'d [Instruction<'t>],
    /// The stage that it is built on, if it is one.
    pub(super) below: Option<usize>,
}

/// A Dockerfile whose stages are known.
pub(super) struct Plan<'d, 't> {
    pub(super) text: &'d str,
    pub(super) stages: Vec<Stage<'d, 't>>,
    /// What `ARG` says before the first stage.
    pub(super) arguments: Variables,
}

/// Sketches what the Dockerfile `text` makes.
pub(super) fn sketch(file: &str, text: &str, around: &dyn Around, wishes: &Wishes) -> Result<Sketch, InitError> {
    let dockerfile = parse_dockerfile::parse(text).map_err(|error| InitError::Malformed {
        file: file.to_owned(),
        line: error.line(),
        reason: message(&error),
    })?;
    let plan = Plan::of(text, &dockerfile);
    let wanted = plan.wanted(file, wishes)?;
    let mut sketch = Sketch { name: around.name().unwrap_or_default(), ..Sketch::default() };
    let chains: Vec<Vec<usize>> = wanted.iter().map(|stage| plan.chain(*stage)).collect();
    let root = &plan.stages[chains[0][0]];
    base(&mut sketch, file, root, wishes)?;
    let shared = shared(&chains);
    let mut walk = Walk::new(&plan, around, &mut sketch);
    for stage in &chains[0][..shared] {
        walk.stage(*stage);
    }
    let after = walk.state.clone();
    for (stage, chain) in wanted.iter().zip(&chains) {
        walk.state = after.clone();
        if wanted.len() > 1 {
            walk.state.variants = plan.stages[*stage].name.iter().map(|name| image_name(name)).collect();
        }
        for stage in &chain[shared..] {
            walk.stage(*stage);
        }
    }
    walk.finish();
    if wishes.base.is_none() && !sketch.packages.is_empty() {
        hold_release(&mut sketch);
    }
    plan.name_others(&mut sketch, &chains);
    Ok(sketch)
}

/// What the parser says, without the place that it says too.
fn message(error: &parse_dockerfile::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

/// How many stages at their beginning all chains have in common.
fn shared(chains: &[Vec<usize>]) -> usize {
    let first = &chains[0];
    (0..first.len())
        .take_while(|position| chains.iter().all(|chain| chain.get(*position) == first.get(*position)))
        .count()
}

fn base(sketch: &mut Sketch, file: &str, root: &Stage<'_, '_>, wishes: &Wishes) -> Result<(), InitError> {
    if root.image.contains('$') && wishes.base.is_none() {
        let image = root.image.clone();
        return Err(InitError::UnknownBase { file: file.to_owned(), line: root.line, image });
    }
    sketch.base = match &wishes.base {
        Some(base) => Noted::new(base.clone(), 0),
        None => Noted::new(root.image.clone(), root.line),
    };
    sketch.suite = Some(Noted::new(systems::suite(&sketch.base.value).to_owned(), 0));
    if let Some(platform) = root.platform.as_ref().filter(|platform| !platform.contains('$')) {
        sketch.platforms.push(platform.clone());
    } else if systems::only_amd64(&root.image) && wishes.base.is_none() {
        sketch.platforms.push("linux/amd64".to_owned());
        let advice = "the base is published for linux/amd64 alone; for others take another base and torch as a wheel";
        sketch.remark(root.line, &format!("FROM {}", root.image), advice);
    }
    Ok(())
}

/// Names the release of `suite` in a base whose tag moves from one to the next.
fn hold_release(sketch: &mut Sketch) {
    if let Some(image) = systems::with_suite(&sketch.base.value) {
        sketch.base_comment =
            Some(format!("`{}` moves from release to release of Debian: this one stays.", sketch.base.value));
        sketch.base.value = image;
    }
}

impl<'d, 't> Plan<'d, 't> {
    fn of(text: &'d str, dockerfile: &'d Dockerfile<'t>) -> Self {
        let mut arguments = Variables::new();
        for argument in dockerfile.global_args() {
            super::settings::declare(&argument.arguments.value, &mut arguments);
        }
        let mut stages: Vec<Stage<'d, 't>> = Vec::new();
        for stage in dockerfile.stages() {
            let image = expanded(&stage.from.image.value, &arguments);
            let same =
                |other: &Stage<'_, '_>| other.name.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(&image));
            let platform = stage.from.options.iter().find(|option| option.name.value == "platform");
            stages.push(Stage {
                name: stage.from.as_.as_ref().map(|(_, name)| name.value.to_string()),
                below: stages.iter().position(same),
                image,
                platform: platform.and_then(|option| option.value.as_ref()).map(|value| value.value.to_string()),
                line: line_of(text, stage.from.from.span.start),
                instructions: stage.instructions,
            });
        }
        Self { text, stages, arguments }
    }

    /// The stage called `name`, or with this number.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let named = |stage: &Stage<'_, '_>| stage.name.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(name));
        let number = || name.parse().ok().filter(|number| *number < self.stages.len());
        self.stages.iter().position(named).or_else(number)
    }

    /// The stage and those below it, the lowest first.
    pub(super) fn chain(&self, stage: usize) -> Vec<usize> {
        // A stage is only built on earlier ones, so this ends.
        let mut chain = vec![stage];
        while let Some(below) = chain.last().and_then(|last| self.stages[*last].below) {
            chain.push(below);
        }
        chain.reverse();
        chain
    }

    /// The stages that become images: the one asked for; else the last one, and with it those other ends that
    /// are built on the same stage of this file.
    fn wanted(&self, file: &str, wishes: &Wishes) -> Result<Vec<usize>, InitError> {
        if let Some(stage) = &wishes.stage {
            let known = || self.stages.iter().filter_map(|stage| stage.name.clone()).collect();
            let missing = || InitError::NoStage { file: file.to_owned(), stage: stage.clone(), known: known() };
            return Ok(vec![self.find(stage).ok_or_else(missing)?]);
        }
        let last = self.stages.len() - 1;
        let root = self.chain(last)[0];
        let ends = self.ends();
        let family: Vec<usize> = ends.into_iter().filter(|end| self.chain(*end)[0] == root).collect();
        let all_named = family.iter().all(|stage| self.stages[*stage].name.is_some());
        Ok(if family.len() > 1 && root != last && all_named { family } else { vec![last] })
    }

    /// Stages on which nothing else is built, and from which nothing is copied.
    fn ends(&self) -> Vec<usize> {
        let mut used: BTreeSet<usize> = self.stages.iter().filter_map(|stage| stage.below).collect();
        for stage in &self.stages {
            for instruction in stage.instructions {
                let options = match instruction {
                    Instruction::Copy(copy) => &copy.options[..],
                    Instruction::Run(run) => &run.options[..],
                    _ => &[],
                };
                for value in options.iter().filter_map(|option| option.value.as_ref()) {
                    let from = value.value.split(',').find_map(|part| part.strip_prefix("from="));
                    used.extend(self.find(from.unwrap_or(&value.value)));
                }
            }
        }
        (0..self.stages.len()).filter(|stage| !used.contains(stage)).collect()
    }

    /// Names the ends that are no part of the sketch.
    fn name_others(&self, sketch: &mut Sketch, chains: &[Vec<usize>]) {
        for end in self.ends() {
            let stage = &self.stages[end];
            if chains.iter().any(|chain| chain.contains(&end)) {
                continue;
            }
            if let Some(name) = &stage.name {
                let advice = format!("another image: draft it with `--stage {name}` into a recipe of its own");
                sketch.remark(stage.line, &format!("FROM {} AS {name}", stage.image), advice);
            }
        }
    }
}

/// The line of byte `offset`, counted from one.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

/// Numbers of users and groups by name.
pub(super) type Accounts = BTreeMap<String, (u32, u32)>;
