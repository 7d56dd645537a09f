//! Packages of conda: which have wheels, and under which names.

use super::{
    environment,
    shell::Command,
    sketch::{Noted, Sketch},
    stage::Walk,
};
use crate::python::Requirement;

/// What a package of conda is elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counterpart {
    /// A wheel of this name.
    Wheel(&'static str),
    /// A package of Debian's.
    Debian(&'static str),
    /// Wheels bring it along where they need it.
    Within,
}

use Counterpart::{Debian, Wheel, Within};

/// Packages whose wheels have another name, or that have none.
const KNOWN: [(&str, Counterpart); 60] = [
    ("_libgcc_mutex", Within),
    ("_openmp_mutex", Within),
    ("binutils", Within),
    ("blas", Within),
    ("bzip2", Within),
    ("ca-certificates", Debian("ca-certificates")),
    ("cairo", Debian("libcairo2")),
    ("certifi", Wheel("certifi")),
    ("compilers", Within),
    ("cpuonly", Within),
    ("cuda", Within),
    ("cudatoolkit", Within),
    ("cudnn", Within),
    ("dask-core", Wheel("dask")),
    ("eccodes", Wheel("eccodes")),
    ("faiss", Wheel("faiss-cpu")),
    ("ffmpeg", Debian("ffmpeg")),
    ("gcc", Within),
    ("gdcm", Wheel("python-gdcm")),
    ("git", Debian("git")),
    ("glib", Debian("libglib2.0-0")),
    ("graphviz", Debian("graphviz")),
    ("gxx", Within),
    ("intel-openmp", Within),
    ("ipython_genutils", Wheel("ipython-genutils")),
    ("jpeg", Within),
    ("keras-gpu", Wheel("keras")),
    ("libgl", Debian("libgl1")),
    ("libglib", Debian("libglib2.0-0")),
    ("libglu", Debian("libglu1-mesa")),
    ("libjpeg-turbo", Within),
    ("libpng", Within),
    ("libsndfile", Wheel("soundfile")),
    ("libtiff", Within),
    ("libwebp", Within),
    ("matplotlib-base", Wheel("matplotlib")),
    ("mkl", Within),
    ("msgpack-python", Wheel("msgpack")),
    ("nccl", Within),
    ("nodejs", Debian("nodejs")),
    ("numpy-base", Within),
    ("onnxruntime-cpp", Within),
    ("opencv", Wheel("opencv-python-headless")),
    ("openjdk", Debian("default-jre-headless")),
    ("openssl", Within),
    ("pandas-base", Within),
    ("pip", Within),
    ("py-opencv", Wheel("opencv-python-headless")),
    ("pytables", Wheel("tables")),
    ("pytorch", Wheel("torch")),
    ("pytorch-cpu", Wheel("torch")),
    ("pytorch-cuda", Within),
    ("pytorch-gpu", Wheel("torch")),
    ("pytorch-mutex", Within),
    ("setuptools", Within),
    ("simpleitk", Wheel("SimpleITK")),
    ("tensorflow-gpu", Wheel("tensorflow")),
    ("wheel", Within),
    ("xz", Within),
    ("zlib", Within),
];

/// How names begin that others stand for in `KNOWN`.
const WITHIN: [&str; 32] = [
    "_libgcc",
    "binutils_",
    "blas-",
    "cuda-",
    "gcc_",
    "gxx_",
    "ld_impl_",
    "libblas",
    "libcblas",
    "libcu",
    "libexpat",
    "libffi",
    "libgcc",
    "libgfortran",
    "libgomp",
    "liblapack",
    "liblzma",
    "libmpdec",
    "libnpp",
    "libnsl",
    "libnv",
    "libopenblas",
    "libsqlite",
    "libstdcxx",
    "libuuid",
    "libxcrypt",
    "libzlib",
    "mkl-",
    "mkl_",
    "ncurses",
    "readline",
    "sysroot_",
];

/// What to do about a library that no wheel is known to bring.
const LIBRARY: &str = "wheels bring the libraries that they need: name Debian's under `debian.packages` where the \
                       program itself loads it";

/// What to do where no CUDA is wanted.
const NO_CUDA: &str = "wheels of torch from the default index bring CUDA: name an index of those without under \
                       `wheels.index`, with `for = [\"torch\"]`";

/// What to do about a package of conda's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Package {
    /// A requirement on a wheel.
    Requirement(String),
    /// The Python, `3.11`.
    Python(String),
    /// A Debian package.
    Debian(String),
    /// Nothing: wheels bring it.
    Within,
    /// Nothing has it; the advice.
    Nothing(String),
}

/// Reads a specification such as `numpy=1.26`, `conda-forge::gdcm>=3` or `python 3.11.*`.
pub(super) fn package(specification: &str) -> Package {
    let text = specification.rsplit("::").next().unwrap_or(specification).trim();
    let text = text.split_once('[').map_or(text, |(name, _)| name);
    let end = text.find([' ', '=', '<', '>', '!', '~']).unwrap_or(text.len());
    let (name, version) = (text[..end].to_lowercase(), text[end..].trim());
    if name == "python" {
        return python(version);
    }
    let known = KNOWN.iter().find(|(known, _)| *known == name).map(|(_, counterpart)| *counterpart);
    match known {
        Some(Wheel(wheel)) => requirement(wheel, version),
        Some(Debian(package)) => Package::Debian(package.to_owned()),
        Some(Within) => Package::Within,
        None if is_within(&name) => Package::Within,
        None if name.starts_with("lib") => Package::Nothing(LIBRARY.to_owned()),
        None if name.starts_with("r-") || name == "r" => Package::Nothing(nowhere(&name)),
        None => requirement(&name, version),
    }
}

fn nowhere(name: &str) -> String {
    format!("`{name}` has no wheel: take a base that has it, or a Debian package")
}

/// Parts of compilers and of CUDA, and what numpy, Python and all that is compiled need.
fn is_within(name: &str) -> bool {
    WITHIN.iter().any(|prefix| name.starts_with(prefix))
}

/// `=3.11`, `>=3.10,<3.12`: the first series that it names.
fn python(version: &str) -> Package {
    let digits = version.trim_start_matches(['=', '>', '<', '~', '!', ' ']);
    let mut parts = digits.split('.').map(|part| part.trim_end_matches(|letter: char| !letter.is_ascii_digit()));
    match (parts.next(), parts.next()) {
        (Some(major), Some(minor)) if !major.is_empty() && !minor.is_empty() => {
            let minor: String = minor.chars().take_while(char::is_ascii_digit).collect();
            Package::Python(format!("{major}.{minor}"))
        }
        _ => Package::Within,
    }
}

fn requirement(name: &str, version: &str) -> Package {
    let text = format!("{name}{}", versions(version));
    match text.parse::<Requirement>() {
        Ok(_) => Package::Requirement(text),
        Err(error) => Package::Nothing(format!("{error}: name it under `wheels.require` as PEP 508 has it")),
    }
}

/// conda's ranges in the words of PEP 440: `=1.2` is `==1.2.*`, and what stands behind a second `=` is a build.
fn versions(text: &str) -> String {
    let bare = text.trim();
    let exact = |version: &str| {
        let version = version.split('=').next().unwrap_or(version).trim();
        let parts = version.split('.').count();
        if version.is_empty() || version == "*" {
            String::new()
        } else if version.ends_with('*') || parts >= 3 {
            format!("=={version}")
        } else {
            format!("=={version}.*")
        }
    };
    if bare.is_empty() || bare == "*" {
        String::new()
    } else if let Some(version) = bare.strip_prefix("==") {
        format!("=={}", version.trim())
    } else if let Some(version) = bare.strip_prefix('=') {
        exact(version)
    } else if bare.starts_with(|letter: char| letter.is_ascii_digit()) {
        exact(bare.split(' ').next().unwrap_or(bare))
    } else {
        bare.replace(' ', "")
    }
}

/// Whether a specification asks for no CUDA: by its name, or by a build such as `*cpu*`.
fn is_without_cuda(specification: &str) -> bool {
    let name = specification.rsplit("::").next().unwrap_or(specification).trim_start();
    ["cpuonly", "pytorch-cpu"].iter().any(|known| name.starts_with(known))
        || name.starts_with("pytorch") && specification.contains("cpu")
}

/// Puts a package into the sketch of something for which the variants of `put` are meant.
pub(super) fn place(sketch: &mut Sketch, specification: &str, line: usize, require: impl FnOnce(&mut Sketch, String)) {
    if is_without_cuda(specification) {
        sketch.remark(line, specification, NO_CUDA);
    }
    match package(specification) {
        Package::Requirement(requirement) => require(sketch, requirement),
        Package::Python(series) => sketch.python = Some(Noted::new(series, line)),
        Package::Debian(name)
            if sketch.suite.is_some() && super::systems::other_system(&sketch.base.value).is_none() =>
        {
            if sketch.packages.iter().all(|known| known.value != name) {
                sketch.packages.push(Noted::new(name, line));
            }
        }
        Package::Debian(name) => {
            let advice = format!("it is no wheel: take a base that has it, or one of Debian and its package `{name}`");
            sketch.remark(line, specification, advice);
        }
        Package::Within => {}
        Package::Nothing(advice) => sketch.remark(line, specification, advice),
    }
}

/// Follows a call of conda.
pub(super) fn call(walk: &mut Walk<'_, '_, '_>, arguments: &[&str], command: &Command) {
    let line = command.line;
    match arguments {
        ["install" | "create", rest @ ..] => {
            for word in specifications(rest) {
                let variants = walk.state.variants.clone();
                place(walk.sketch, word, line, |sketch, requirement| {
                    if variants.is_empty() {
                        sketch.common.require(&requirement, line);
                    } else {
                        for name in variants {
                            sketch.variants.entry(name).or_default().require(&requirement, line);
                        }
                    }
                });
            }
        }
        ["env", "create" | "update", rest @ ..] => {
            let file = rest.iter().skip_while(|word| !matches!(**word, "-f" | "--file")).nth(1).copied();
            let path = walk.local(file.unwrap_or("environment.yml")).unwrap_or_else(|| "environment.yml".to_owned());
            match walk.around.read(&path) {
                Some(text) => environment::add(walk.sketch, walk.around, &path, &text, line),
                None => walk.sketch.remark(
                    line,
                    &command.text(),
                    format!("`{path}` is not beside the recipe: name under `wheels.require` what it asks for"),
                ),
            }
        }
        ["run", rest @ ..] => {
            let mut skip = false;
            let inner: Vec<String> = rest
                .iter()
                .skip_while(|word| {
                    std::mem::replace(&mut skip, matches!(**word, "-n" | "-p" | "--name" | "--prefix"))
                        || word.starts_with('-')
                })
                .map(|word| (*word).to_owned())
                .collect();
            if inner.first().is_some_and(|word| word.starts_with("pip")) {
                let words: Vec<&str> = inner.iter().skip(1).map(String::as_str).collect();
                super::pip::call(walk, "pip", &words, command);
            } else if !inner.is_empty() {
                walk.remark(line, &command.text(), super::running::NOTHING_RUNS);
            }
        }
        // Caches, channels, shells.
        _ => {}
    }
}

/// The words that name packages.
fn specifications<'a>(arguments: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    let mut skip = false;
    arguments.iter().copied().filter(move |word| {
        let value = std::mem::replace(
            &mut skip,
            matches!(*word, "-c" | "--channel" | "-n" | "--name" | "-p" | "--prefix" | "--file" | "-f"),
        );
        !value && !word.starts_with('-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifications_are_read_in_conda_s_own_way() {
        let check = |text: &str, expect: Package| assert_eq!(package(text), expect, "{text}");
        let wheel = |text: &str| Package::Requirement(text.to_owned());
        check("numpy", wheel("numpy"));
        check("numpy=1.26", wheel("numpy==1.26.*"));
        check("numpy=1.26.4=py311h64a7726_0", wheel("numpy==1.26.4"));
        check("numpy==1.26", wheel("numpy==1.26"));
        check("conda-forge::gdcm>=3.0,<4", wheel("python-gdcm>=3.0,<4"));
        check("pytorch 2.3.*", wheel("torch==2.3.*"));
        check("python=3.11.4", Package::Python("3.11".to_owned()));
        check("python >=3.10,<3.13", Package::Python("3.10".to_owned()));
        check("pytorch-cuda=12.1", Package::Within);
        check("libgcc-ng=13.2.0", Package::Within);
        check("libgl", Package::Debian("libgl1".to_owned()));
        check("libgdal", Package::Nothing(LIBRARY.to_owned()));
        check("pytorch=2.3=*cpu*", wheel("torch==2.3.*"));
        check("ffmpeg", Package::Debian("ffmpeg".to_owned()));
        assert!(matches!(package("r-base=4.3"), Package::Nothing(_)));
    }
}
