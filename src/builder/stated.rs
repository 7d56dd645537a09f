//! What a recipe states of its base: held against what was read, or taken for it where nothing can be
//! read.

use toml::Spanned;

use super::{BuildError, Builder, Project, replacing::move_into};
use crate::{
    base::{BaseError, Stated},
    hint::Hint,
    image::TransferError,
    lock::{Facts, LockedPlatform},
    oci::Platform,
    python::InterpreterKind,
    recipe::{Base, Recipe, StatedFacts},
    registry::RegistryError,
};

impl Builder {
    /// The platform as the recipe states it, because the base cannot be read for the reason `error`.
    ///
    /// # Errors
    /// `error` itself, where the recipe states nothing or something else is wrong; and when it states too
    /// little, or does not pin the base.
    pub(super) fn lock_stated(
        &self,
        project: &Project,
        platform: &Platform,
        error: BuildError,
    ) -> Result<LockedPlatform, BuildError> {
        let recipe = &project.recipe;
        let Some(stated) = recipe.base_facts.as_ref().filter(|_| is_out_of_reach(&error)) else { return Err(error) };
        let span = recipe.base.span();
        if recipe.debian.is_some() {
            let message = "Debian packages have to be chosen for a base that cannot be read";
            let hint = Hint::new("lock where the base can be reached, or take the packages out of `[debian]`");
            return Err(recipe.problem_at(span, message, Some(hint)).into());
        }
        let digest = match recipe.base.get_ref() {
            Base::Registry(reference) => reference.digest().copied(),
            _ => None,
        };
        let Some(digest) = digest else {
            let message = "a base that cannot be read is locked by its digest, and here is none";
            let hint = Hint::new("write `image = \"NAME@sha256:…\"`, with the digest that the registry gives");
            return Err(recipe.problem_at(span, message, Some(hint)).into());
        };
        let mut facts = complete(recipe, stated)?.facts();
        let venv = move_into(project, platform, &mut facts, None)?;
        self.warn(
            "the base cannot be read: what `[base.facts]` says of it was taken for true",
            Some(&Hint::new("run `wheelwright lock` again where the base can be reached")),
        );
        Ok(LockedPlatform { venv, ..LockedPlatform::new(platform.clone(), Some(digest), facts) })
    }
}

/// Refuses facts that are not what the recipe states.
pub(super) fn check(recipe: &Recipe, platform: &Platform, found: &Facts) -> Result<(), BuildError> {
    let Some(stated) = &recipe.base_facts else { return Ok(()) };
    let python = found.python.as_ref();
    let kind = python.and_then(|python| {
        let own = |found: &&crate::lock::Installation| found.purelib == python.scheme.purelib;
        found.interpreters.iter().find(own).map(|found| found.kind)
    });
    contradiction(recipe, platform, "python", stated.python.as_ref(), python.map(|python| python.version))?;
    contradiction(recipe, platform, "path", stated.path.as_ref(), python.map(|python| python.path.clone()))?;
    let scheme = stated.scheme.as_ref().map(|scheme| Spanned::new(scheme.span(), scheme.get_ref().as_str()));
    contradiction(recipe, platform, "scheme", scheme.as_ref(), kind.map(InterpreterKind::as_str))?;
    contradiction(recipe, platform, "libc", stated.libc.as_ref(), found.libc)
}

fn contradiction<T: PartialEq + ToString>(
    recipe: &Recipe,
    platform: &Platform,
    key: &str,
    stated: Option<&Spanned<T>>,
    found: Option<T>,
) -> Result<(), BuildError> {
    let Some(stated) = stated.filter(|stated| Some(stated.get_ref()) != found.as_ref()) else { return Ok(()) };
    let found = found.map_or_else(|| "none".to_owned(), |found| format!("`{}`", found.to_string()));
    let said = stated.get_ref().to_string();
    let message = format!("`base.facts.{key}` says `{said}`, and the base has {found} on {platform}");
    let hint = Hint::new(format!("correct `{key}`, or take another base"));
    Err(recipe.problem_at(stated.span(), message, Some(hint)).into())
}

/// All that a lock needs, if the recipe states it.
fn complete(recipe: &Recipe, stated: &StatedFacts) -> Result<Stated, BuildError> {
    let missing = |key: &str, example: &str| {
        let message = format!("the base cannot be read, and `base.facts.{key}` is missing");
        recipe.problem_at(recipe.base.span(), message, Some(Hint::new(format!("add `{key} = {example}`"))))
    };
    let python = stated.python.as_ref().ok_or_else(|| missing("python", "\"3.11.9\""))?;
    let path = stated.path.as_ref().ok_or_else(|| missing("path", "\"/usr/local/bin/python3\""))?;
    let scheme = stated.scheme.as_ref().ok_or_else(|| missing("scheme", "\"standard\""))?;
    let libc = stated.libc.as_ref().ok_or_else(|| missing("libc", "\"glibc 2.36\""))?;
    Ok(Stated {
        python: *python.get_ref(),
        path: path.get_ref().clone(),
        scheme: *scheme.get_ref(),
        libc: *libc.get_ref(),
    })
}

/// Whether the base did not come at all. What came and is wrong is no reason to believe what is stated.
fn is_out_of_reach(error: &BuildError) -> bool {
    let BuildError::Base { source: BaseError::Transfer { source }, .. } = error else { return false };
    let TransferError::Room(failure) = source else { return false };
    !matches!(
        failure.error().downcast_ref::<RegistryError>(),
        None | Some(RegistryError::Mismatch { .. } | RegistryError::Manifest { .. } | RegistryError::TooLarge { .. })
    )
}

#[cfg(test)]
mod tests {
    use crate::{
        builder::testing::{Bench, wheels},
        hint::Advise as _,
        lock::Facts,
        pypi::testing::Wheel,
    };

    const FACTS: &str = "[base.facts]\npython = \"3.11.9\"\npath = \"/usr/local/bin/python3\"\nscheme = \"standard\"\nlibc = \"glibc 2.36\"\n";
    const DIGEST: &str = "sha256:cae662172fd450bb0cd710a769079c05bfc5d8e35efa6576edc7d0377afdd4a2";

    /// A recipe over a base on a port of this machine where nothing listens.
    fn recipe(digest: &str, facts: &str) -> String {
        format!(
            "name = \"app\"\nplatforms = [\"linux/amd64\"]\n[base]\nimage = \"127.0.0.1:9/python{digest}\"\n{facts}[wheels]\nrequire = [\"app\"]\n"
        )
    }

    #[tokio::test]
    async fn a_base_out_of_reach_is_locked_as_it_is_stated() {
        let bench = Bench::new(&[]);
        let index = [
            Wheel::new("app", "1.0").tag("cp311-cp311-manylinux_2_36_x86_64"),
            Wheel::new("app", "2.0").tag("cp311-cp311-manylinux_2_37_x86_64"),
        ];
        let text = recipe(&format!("@{DIGEST}"), FACTS);
        let lock = bench.lock_text(&index, &text).await.unwrap();
        let locked = &lock.platforms[0];
        assert_eq!(locked.base.unwrap().to_string(), DIGEST);
        assert!(locked.facts.stated);
        assert_eq!(wheels(&lock, None, "linux/amd64"), "app 1.0");
        assert!(bench.warnings()[0].contains("`[base.facts]`"));
        assert!(lock.to_toml().contains("[platforms.facts]\nstated = true\n"));
        assert_eq!(crate::lock::Lock::parse("lock", &lock.to_toml()).unwrap(), lock);
        let check = async |text: String, expect: &str, hint: &str| {
            let error = bench.lock_text(&index, &text).await.unwrap_err();
            assert!(format!("{error:?}").contains(expect), "{error:?}");
            assert!(error.hint().is_none_or(|found| found.to_string().contains(hint)), "{error:?}");
        };
        check(recipe("", FACTS), "here is none", "sha256").await;
        let less = FACTS.replace("libc = \"glibc 2.36\"\n", "");
        check(recipe(&format!("@{DIGEST}"), &less), "`base.facts.libc` is missing", "add `libc").await;
        check(recipe(&format!("@{DIGEST}"), ""), "Transport", "").await;
    }

    #[test]
    fn what_contradicts_the_base_is_named() {
        let text = recipe("", FACTS);
        let recipe = crate::recipe::Recipe::parse("app.toml", &text).unwrap();
        let platform = "linux/amd64".parse().unwrap();
        let stated = super::complete(&recipe, recipe.base_facts.as_ref().unwrap()).unwrap();
        let mut found = stated.facts();
        let check = |found: &Facts, expect: Option<&str>| {
            let text = super::check(&recipe, &platform, found).err().map(|error| format!("{error:?}"));
            assert_eq!(text.is_some(), expect.is_some(), "{text:?}");
            assert!(text.unwrap_or_default().contains(expect.unwrap_or_default()), "{expect:?}");
        };
        check(&found, Some("`base.facts.scheme` says `standard`, and the base has none on linux/amd64"));
        let python = found.python.clone().unwrap();
        found.interpreters = vec![crate::lock::Installation {
            path: "/usr/local/bin/python3.11".to_owned(),
            version: python.version,
            kind: crate::python::InterpreterKind::Standard,
            abi: None,
            prefix: "/usr/local".to_owned(),
            purelib: python.scheme.purelib,
            platlib: None,
            externally_managed: false,
            system_site_packages: false,
        }];
        check(&found, None);
        found.libc = Some("glibc 2.31".parse().unwrap());
        check(&found, Some("`base.facts.libc` says `glibc 2.36`, and the base has `glibc 2.31` on linux/amd64"));
        found.python = None;
        check(&found, Some("`base.facts.python` says `3.11.9`, and the base has none on linux/amd64"));
    }
}
