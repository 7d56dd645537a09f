//! What every key of a recipe takes, does without, and means: `docs/recipe.md` is written from it, and its tests
//! hold it against what the readers of the tables ask for.

use std::fmt::Write as _;

/// A table of a recipe.
struct Table {
    /// As it stands in brackets; empty for what stands above all tables.
    header: &'static str,
    text: &'static str,
    /// A recipe's part that has every key, below this one's head.
    example: &'static str,
    keys: &'static [Key],
}

/// A key of a table: its name, what it takes, what holds without it, and what it means.
struct Key(&'static str, &'static str, &'static str, &'static str);

const TABLES: &[Table] = &[
    Table {
        header: "",
        text: "`name`, `base` and `platforms` are in every recipe, and something to put into the image.",
        example: "",
        keys: &[
            Key("name", "string", "needed", "The image's name: `{name}` in `--push`, and part of annotations."),
            Key(
                "base",
                "string or table",
                "needed",
                "What lies below: a registry's image, `oci:DIR[:name]`, \
                `oci-archive:FILE[:name]`, or `scratch`. As a table: `[base]`.",
            ),
            Key(
                "platforms",
                "list of platforms",
                "needed",
                "What to build for: `linux/amd64`, `linux/arm64`, \
                `linux/arm/v7`, …",
            ),
            Key(
                "extends",
                "file, or list of files",
                "nothing",
                "Recipes to inherit from. Tables are joined key by \
                key, lists too, but for `platforms`, `entrypoint` and `cmd`; what stands here counts first.",
            ),
            Key("wheels", "table", "no wheels", "`[wheels]`."),
            Key("debian", "table", "no packages", "`[debian]`."),
            Key("scripts", "list of tables", "no files", "`[[scripts]]`."),
            Key("layers", "table", "gzip", "`[layers]`."),
            Key("image", "table", "the base's", "`[image]`."),
            Key("check", "table", "nothing more", "`[check]`."),
            Key("policy", "table", "nothing more", "`[policy]`."),
            Key("variants", "table of tables", "one image", "`[variants.NAME]`."),
        ],
    },
    Table {
        header: "base",
        text: "In place of `base = \"…\"`, where more is to be said of it.",
        example: "[base]\nimage = \"registry.example/python@sha256:\
            9cd75d5ab7578ffa763b23515edec0279a6d294eab82570adeafe8617b7706c4\"\n[base.facts]\npython = \"3.11.9\"\n",
        keys: &[
            Key("image", "string", "needed", "As `base` is without a table."),
            Key("facts", "table", "read from the base", "`[base.facts]`."),
        ],
    },
    Table {
        header: "base.facts",
        text: "What is known of a base that cannot be reached from where the recipe is locked. Where it can be read, \
            this is held against it.",
        example: "[base]\nimage = \"registry.example/python@sha256:\
            9cd75d5ab7578ffa763b23515edec0279a6d294eab82570adeafe8617b7706c4\"\n[base.facts]\npython = \"3.11.9\"\n\
            path = \"/usr/local/bin/python3\"\nscheme = \"standard\"\nlibc = \"glibc 2.36\"\n",
        keys: &[
            Key("python", "version", "read", "The exact version of its Python: `3.11.9`."),
            Key("path", "absolute path", "read", "What `python3` is on its `PATH`."),
            Key(
                "scheme",
                "word",
                "read",
                "How its folders are laid out: `standard`, `debian`, `red-hat`, `conda`, \
                `venv`.",
            ),
            Key("libc", "string", "read", "`glibc 2.36` or `musl 1.2`."),
        ],
    },
    Table {
        header: "wheels",
        text: "Python distributions, chosen for each platform among the wheels of the package indexes.",
        example: "[wheels]\nrequire = [\"numpy<2\", \"./dist/app-1.0-py3-none-any.whl\"]\n\
            files = [\"requirements.txt\"]\nconstraints = [\"constraints.txt\", \"urllib3<2\"]\n\
            overrides = [\"protobuf==4.25.3\"]\npython = \"3.11\"\nskew = \"warn\"\ndeny = [\"nvidia-*\"]\n\
            exclude = [\"triton\"]\nallow-replace = [\"numpy\"]\n[[wheels.choice]]\nany-of = [[\"a\"], [\"b\"]]\n\
            [[wheels.index]]\nname = \"cpu\"\nurl = \"https://wheels.example/cpu\"\n",
        keys: &[
            Key(
                "require",
                "list of requirements",
                "nothing",
                "As in a `requirements.txt`: extras, versions, markers, \
                URLs of wheels, and wheels relative to the recipe.",
            ),
            Key(
                "files",
                "list of files or tables",
                "nothing",
                "`requirements.txt`s and `pyproject.toml`s; \
                `{ file, extras, groups }` says which parts of the latter.",
            ),
            Key(
                "from-lock",
                "file or table",
                "nothing",
                "A `uv.lock` or `pylock.toml`: versions and hashes are its, \
                and only the file for each platform is chosen.",
            ),
            Key("constraints", "list of requirements or files", "nothing", "Limits for what is installed anyhow."),
            Key(
                "overrides",
                "list of requirements or files",
                "nothing",
                "In place of what distributions say of these; a wheel in place of every other of its distribution.",
            ),
            Key("choice", "list of tables", "nothing", "`[[wheels.choice]]`."),
            Key("python", "version", "the base's", "What the base must have: `3.11` or `3.11.9`."),
            Key(
                "skew",
                "word",
                "`error`",
                "A version that differs between platforms: `error`, `warn`, `allow`. With each of them older versions are \
                 taken where all platforms can then have the same; the word is for the differences that are left.",
            ),
            Key("index", "list of tables", "the default one", "`[[wheels.index]]`."),
            Key(
                "deny",
                "list of patterns",
                "nothing",
                "An error where anything needs one of them, with who does: \
                `nvidia-*`.",
            ),
            Key("exclude", "list of patterns", "nothing", "Left out, whoever needs them."),
            Key(
                "allow-replace",
                "list of patterns",
                "nothing",
                "What of the base wheels may take the place of; its \
                files are hidden.",
            ),
            Key(
                "into",
                "path or table",
                "the base's Python",
                "A virtual environment of the image's own: \
                `/opt/venv`, or `{ path, system-site-packages }`.",
            ),
            Key(
                "bytecode",
                "`true` or a path",
                "`false`",
                "Modules are compiled beforehand, by an interpreter of the \
                same feature release: one that is found, or that at a path relative to the recipe.",
            ),
        ],
    },
    Table {
        header: "wheels.index",
        text: "Package indexes besides the default one, asked in this order and before it. The first that has a \
            distribution is the only one asked for it.",
        example: "[[wheels.index]]\nname = \"cpu\"\nurl = \"https://wheels.example/cpu\"\nformat = \"flat\"\n\
            for = [\"torch\"]\nplatforms = [\"linux/amd64\"]\n[wheels]\nrequire = [\"torch\"]\n",
        keys: &[
            Key("name", "word", "needed", "Its name in the lock, and in `UV_INDEX_NAME_PASSWORD`."),
            Key(
                "url",
                "URL or folder",
                "needed",
                "Where it is, without credentials; a folder of wheels, relative to \
                the recipe.",
            ),
            Key("format", "word", "`simple`", "`flat`: one page with links, `find-links`."),
            Key("for", "list of patterns", "all", "Asked for these, which come from nowhere else."),
            Key("platforms", "list of platforms", "all", "Asked on these alone."),
        ],
    },
    Table {
        header: "wheels.choice",
        text: "Alternatives, of which the first that has wheels on a platform is taken there. One of which \
               markers leave nothing on a platform is none there.",
        example: "[[wheels.choice]]\nany-of = [[\"python-gdcm\"], [\"pylibjpeg\", \"pylibjpeg-libjpeg\"]]\n",
        keys: &[Key("any-of", "list of lists of requirements", "needed", "The best one first.")],
    },
    Table {
        header: "wheels.into",
        text: "A virtual environment; `into = \"/opt/venv\"` says the path alone.",
        example: "[wheels]\nrequire = [\"flask\"]\n[wheels.into]\npath = \"/opt/venv\"\nsystem-site-packages = true\n",
        keys: &[
            Key("path", "absolute path", "needed", "Its folder."),
            Key("system-site-packages", "`true` or `false`", "`false`", "Whether it sees what the base brings."),
        ],
    },
    Table {
        header: "wheels.from-lock",
        text: "The parts of a lock; `from-lock = \"uv.lock\"` takes it without extras and groups. Items of `files` \
            have the same keys.",
        example: "[wheels.from-lock]\nfile = \"uv.lock\"\nextras = [\"web\"]\ngroups = [\"server\"]\n",
        keys: &[
            Key("file", "file", "needed", "Relative to the recipe."),
            Key("extras", "list of words", "none", "Extras of the project."),
            Key("groups", "list of words", "none", "Dependency groups."),
        ],
    },
    Table {
        header: "debian",
        text: "Debian packages and what they depend on; over `scratch` they are the base. No maintainer script runs: \
            what it would do is read from it.",
        example: "[debian]\nsuite = \"bookworm\"\npackages = [\"libgl1\", \"ffmpeg=7:5.1.6-0+deb12u1\", \
            \"git/bookworm-backports\"]\ncomponents = [\"main\", \"contrib\"]\nrecommends = [\"libgl1\"]\n\
            essential = true\nselect = \"elf\"\nauto = \"import\"\nexclude = [\"perl\"]\n\
            strip = [\"doc\", \"man\", \"/usr/share/icons\"]\nshell = true\ntimezone = \"Europe/Berlin\"\n\
            certificates = [\"ca.pem\"]\nallow-upgrade = [\"openssl\"]\nmirrors = [\"https://mirror.example/debian\"]\n\
            security = \"https://mirror.example/debian-security\"\n\
            snapshot = \"https://past.example/{archive}/{timestamp}\"\nkeyring = \"debian.asc\"\n\
            [debian.scripts]\nunknown = \"error\"\n",
        keys: &[
            Key("suite", "word", "needed", "The release's code name; its updates and security updates come along."),
            Key(
                "packages",
                "list of packages",
                "none",
                "`name`, `name=version`, `name/bookworm-backports`, or \
                `name/ARCHIVE` of `[[debian.archive]]`.",
            ),
            Key("components", "list of words", "`main`", "`main`, `contrib`, `non-free`, `non-free-firmware`."),
            Key("recommends", "`true` or list", "nobody's", "Whose recommendations come along."),
            Key("essential", "`true` or `false`", "`false`", "All that every Debian system has, a shell included."),
            Key(
                "select",
                "word",
                "`depends`",
                "`listed`: nothing that `packages` does not name. `elf`: of what it \
                depends on, packages with libraries only where files of the image need one of them.",
            ),
            Key(
                "auto",
                "word",
                "`off`",
                "`import`: packages with libraries that programs and modules lack come along.",
            ),
            Key("exclude", "list of packages", "none", "Left out, whoever depends on them."),
            Key("strip", "list", "nothing", "`doc` (licences stay), `man`, `locale`, and paths with all below them."),
            Key("shell", "`true` or `false`", "`false`", "`dash` as `/bin/sh`, and `coreutils`."),
            Key("timezone", "string", "UTC", "The local time; needs `tzdata` among the packages that are brought."),
            Key(
                "certificates",
                "list of files",
                "none",
                "Authorities to trust besides Debian's; over a base, `ca-certificates` must be among the packages that \
                are brought.",
            ),
            Key("scripts", "table", "named", "`[debian.scripts]`."),
            Key("allow-upgrade", "list of packages", "none", "Packages of the base that later versions may replace."),
            Key("mirror", "URL", "the public one", "One mirror; `mirrors` has several."),
            Key("mirrors", "list of URLs", "the public one", "Where the archive is, in the order of trial."),
            Key("security", "URL or `false`", "the public one", "Where security updates are; `false` for none."),
            Key("snapshot", "URL", "none", "Where past states are, for versions that mirrors have dropped."),
            Key("keyring", "file or `false`", "Debian's", "Whose signatures count; `false`: nobody's are looked at."),
            Key("archive", "list of tables", "none", "`[[debian.archive]]`."),
        ],
    },
    Table {
        header: "debian.archive",
        text: "Archives of others.",
        example: "[debian]\nsuite = \"bookworm\"\npackages = [\"tool\"]\n[[debian.archive]]\nname = \"company\"\n\
            mirror = \"https://apt.example\"\nsuite = \"stable\"\ncomponents = [\"main\"]\nkeyring = \"company.asc\"\n\
            for = [\"tool\", \"lib-*\"]\n",
        keys: &[
            Key("name", "word", "needed", "Its name, in `tool/company` too."),
            Key("suite", "string", "needed", "The folder below `dists`."),
            Key("mirror", "URL", "needed", "Where it is; `mirrors` has several."),
            Key("mirrors", "list of URLs", "needed", "In the order of trial."),
            Key("components", "list of words", "`main`", "Its components."),
            Key("keyring", "file or `false`", "needed", "Who signs it."),
            Key(
                "for",
                "list of patterns",
                "asked by name",
                "These packages come from here if its versions are \
                higher, and no others do.",
            ),
        ],
    },
    Table {
        header: "debian.scripts",
        text: "What becomes of effects of maintainer scripts that are not reproduced.",
        example: "[debian]\nsuite = \"bookworm\"\npackages = [\"libgl1\"]\n[debian.scripts]\nunknown = \"error\"\n\
            acknowledge = [\"fontconfig\"]\n",
        keys: &[
            Key("unknown", "word", "`warn`", "`error`: nothing is built then."),
            Key("acknowledge", "list of packages", "none", "Packages for which that does not matter."),
        ],
    },
    Table {
        header: "scripts",
        text: "Files and folders of your own, in a layer on top.",
        example: "[[scripts]]\nfrom = \"scripts/app\"\nto = \"/app\"\nmode = \"0755\"\nowner = \"10001:10001\"\n",
        keys: &[
            Key("from", "file or folder", "needed", "Relative to the recipe."),
            Key(
                "to",
                "absolute path",
                "needed",
                "Where the file stands in the image, or what is in the folder; of a file without a `/` at its end.",
            ),
            Key("mode", "octal string", "0644 or 0755", "Of every file; without it, executable files stay so."),
            Key("owner", "`uid:gid`", "`0:0`", "Of everything; a folder that several bring is the last one's."),
        ],
    },
    Table {
        header: "layers",
        text: "How layers are cut and stored.",
        example: "[layers]\nown = [\"torch\", \"nvidia-*\"]\ncompression = \"zstd\"\n",
        keys: &[
            Key("own", "list of patterns", "giants alone", "Wheels that get layers of their own."),
            Key("compression", "word", "`gzip`", "`gzip`, `zstd` or `none`."),
            Key("lazy", "`true` or `false`", "`false`", "eStargz: files can be fetched one by one. Gzip only."),
        ],
    },
    Table {
        header: "image",
        text: "The configuration, over the base's.",
        example: "[image]\nentrypoint = [\"python3\", \"/app/main.py\"]\ncmd = [\"--help\"]\n\
            env = { PATH = \"/app/bin:${PATH}\" }\nuser = \"10001:10001\"\nworkdir = \"/app\"\n\
            labels = { \"org.opencontainers.image.title\" = \"App\" }\nports = [8080, \"53/udp\"]\n\
            volumes = [\"/data\"]\nstop-signal = \"SIGTERM\"\n",
        keys: &[
            Key("entrypoint", "list of strings", "the base's", "What starts. Takes the base's `cmd` away."),
            Key("cmd", "list of strings", "the base's", "Default arguments."),
            Key(
                "env",
                "table of strings",
                "the base's",
                "Variables; `${NAME}` is the base's value, `${NAME:-text}` \
                has a default, `$${` is no variable.",
            ),
            Key("user", "`user[:group]`", "the base's", "Who runs it. A name has to stand in the image's /etc/passwd."),
            Key("workdir", "absolute path", "the base's", "Where it starts."),
            Key("labels", "table of strings", "the base's", "Added, or in place of those of the same name."),
            Key("ports", "list of ports", "the base's", "`8080` or `\"53/udp\"`, added."),
            Key("volumes", "list of absolute paths", "the base's", "Mount points, added."),
            Key("stop-signal", "string", "the base's", "A signal of Linux: `SIGTERM`, `SIGRTMIN+3`, or a number."),
        ],
    },
    Table {
        header: "check",
        text: "What must hold of the image, and what is known and accepted. No byte depends on it.",
        example: "[check]\nimport = [\"torch\", \"PIL.Image\"]\nallow-missing = [\"libcuda.so.1\"]\n\
            max-size = \"4 GB\"\n[[check.accept]]\ncode = \"WW308\"\nreason = \"holds defaults alone\"\n",
        keys: &[
            Key("import", "list of modules", "none", "Must be there, with all they import."),
            Key("allow-missing", "list of libraries", "none", "May be missing: `libcuda.so.1`."),
            Key("max-size", "size", "none", "Of one platform's compressed layers: `\"4 GB\"`."),
            Key("accept", "list of tables", "none", "`[[check.accept]]`."),
        ],
    },
    Table {
        header: "check.accept",
        text: "A finding that is known and does no harm.",
        example: "[[check.accept]]\ncode = \"WW308\"\npath = \"/app/.env\"\nreason = \"holds defaults alone\"\n",
        keys: &[
            Key("code", "code", "needed", "Which kind: [codes of findings](findings.md)."),
            Key("path", "absolute path", "anywhere", "Where."),
            Key("package", "name", "any", "Of which distribution or Debian package."),
            Key("reason", "string", "needed", "Why it does no harm; reports tell it."),
        ],
    },
    Table {
        header: "policy",
        text: "What may be in an image at all. Each demand that is not met is a [finding](findings.md), WW501 to WW506, \
            when a lock is made, when an image is built, and in `verify`; what does no harm is accepted with \
            `[[check.accept]]` and its `package`.",
        example: "[policy]\nallow-licences = [\"MIT\", \"BSD-*\", \"Apache-2.0\", \"PSF-2.0\"]\n\
            deny-licences = [\"*GPL-*\"]\nmin-age = \"7 days\"\nrequire-hashes = true\ndeny = [\"pyyaml<6\"]\n\
            pin-base = false\n[[check.accept]]\ncode = \"WW501\"\npackage = \"certifi\"\n\
            reason = \"MPL-2.0, used as it is\"\n",
        keys: &[
            Key(
                "allow-licences",
                "list of licences",
                "any",
                "Under which distributions may be, as SPDX writes them: \
                `MIT`, `BSD-*`. One whose licence is not known in SPDX's words is not allowed then.",
            ),
            Key(
                "deny-licences",
                "list of licences",
                "none",
                "Under which they may not be: `AGPL-*`. Of `MIT OR \
                GPL-2.0-only` the other will do; `GPL-3.0-or-later` does not mean the same with an exception.",
            ),
            Key(
                "min-age",
                "age",
                "any",
                "How long a file must have been in its index when it is locked, by the index's own \
                word: `7 days`, `36 hours`, `2 weeks`. Younger ones are passed over; the lock says since when each is there.",
            ),
            Key(
                "require-hashes",
                "`true` or `false`",
                "`false`",
                "The SHA-256 of each wheel must come from its index, a lock \
                or the recipe, and not from the file itself.",
            ),
            Key(
                "deny",
                "list of requirements",
                "nothing",
                "Distributions, and versions of them, that must not be in the \
                image, whoever brings them: `pyyaml<6`.",
            ),
            Key("pin-base", "`true` or `false`", "`false`", "The base must be named by its digest."),
        ],
    },
    Table {
        header: "variants.NAME",
        text: "One image each, of all that stands above and this. What variants share are the same blobs. The keys of \
            `[image]` stand in it as they are, over those.",
        example: "[variants.small]\nrequire = [\"onnx\"]\n[variants.full]\ninclude = [\"small\"]\n\
            require = [\"torch\"]\ncmd = [\"--all\"]\n",
        keys: &[
            Key("include", "list of variants", "none", "All of theirs, too."),
            Key(
                "require",
                "list of requirements",
                "nothing",
                "As in `[wheels]`, added; so are `files`, `from-lock`, \
                `constraints`, `overrides` and `choice`.",
            ),
            Key("files", "list of files or tables", "nothing", "Added."),
            Key("from-lock", "file or table", "nothing", "Added."),
            Key("constraints", "list of requirements or files", "nothing", "Added."),
            Key("overrides", "list of requirements or files", "nothing", "Added."),
            Key("choice", "list of tables", "nothing", "Added."),
            Key("scripts", "list of tables", "none", "`[[scripts]]`, added."),
            Key("entrypoint", "list of strings", "`[image]`'s", "In its place, and `cmd` goes with it."),
            Key("cmd", "list of strings", "`[image]`'s", "In its place."),
            Key("env", "table of strings", "`[image]`'s", "Over those."),
            Key("user", "`user[:group]`", "`[image]`'s", "In its place."),
            Key("workdir", "absolute path", "`[image]`'s", "In its place."),
            Key("labels", "table of strings", "`[image]`'s", "Over those."),
            Key("ports", "list of ports", "`[image]`'s", "Added."),
            Key("volumes", "list of absolute paths", "`[image]`'s", "Added."),
            Key("stop-signal", "string", "`[image]`'s", "In its place."),
        ],
    },
];

/// Lists of tables stand in double brackets.
const REPEATED: [&str; 5] = ["wheels.index", "wheels.choice", "debian.archive", "scripts", "check.accept"];

/// Every table and key of a recipe, as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = String::from(
        "# The recipe\n\nA recipe is a TOML file, or the table `[tool.wheelwright]` of a `pyproject.toml`, where every \
         header below begins\nwith `tool.wheelwright.`. Paths are relative to the file they stand in. A key that is \
         not listed here is an error.\n\n<!-- Written from src/recipe/reference.rs by src/cli/documents.rs. -->\n",
    );
    for table in TABLES {
        let title = match table.header {
            "" => "Above all tables".to_owned(),
            header if REPEATED.contains(&header) => format!("`[[{header}]]`"),
            header => format!("`[{header}]`"),
        };
        let _ = write!(text, "\n## {title}\n\n{}\n\n", table.text);
        if !table.example.is_empty() {
            let _ = write!(text, "```toml\n{}```\n\n", table.example);
        }
        text.push_str("| key | takes | without it | |\n|---|---|---|---|\n");
        for Key(name, takes, without, meaning) in table.keys {
            let _ = writeln!(text, "| `{name}` | {takes} | {without} | {meaning} |");
        }
    }
    text
}

/// The header, the name, and what it takes, of every key.
#[cfg(test)]
pub(super) fn keys() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    TABLES.iter().flat_map(|table| table.keys.iter().map(|Key(name, takes, ..)| (table.header, *name, *takes)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::recipe::{Recipe, RecipeError};

    const HEAD: &str = "name = \"app\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n";
    const BASE: &str = "base = \"registry.example/python:3.11\"\n";

    fn whole(part: &str) -> String {
        let base = if part.contains("[base]") { "" } else { BASE };
        let contents =
            if part.contains("[wheels]") || part.contains("[wheels.") { "" } else { "wheels.require = [\"a\"]\n" };
        format!("{HEAD}{base}{contents}{part}")
    }

    #[test]
    fn examples_are_recipes() {
        for table in TABLES {
            let text = whole(table.example);
            assert!(Recipe::parse("app.toml", &text).is_ok(), "{:?}\n{text}", Recipe::parse("app.toml", &text));
        }
    }

    /// A key that no table has is answered by those that it has.
    #[test]
    fn the_reference_has_the_keys_that_are_asked_for() {
        for table in TABLES {
            let header = table.header.replace("NAME", "full");
            let stem = match header.as_str() {
                "" => String::new(),
                header if REPEATED.contains(&header) => format!("[[{header}]]\n"),
                "base.facts" => "[base]\nimage = \"a\"\n[base.facts]\n".to_owned(),
                header => format!("[{header}]\n"),
            };
            let text = if header.is_empty() {
                format!("zzzzzzzzzzzz = 1\n{HEAD}{BASE}")
            } else {
                format!("{HEAD}{}{stem}zzzzzzzzzzzz = 1\n", if header.starts_with("base") { "" } else { BASE })
            };
            let Err(RecipeError::Invalid { problems, .. }) = Recipe::parse("app.toml", &text) else { panic!("{text}") };
            let unknown = problems.iter().find(|problem| problem.message.contains("zzzzzzzzzzzz")).expect(&text);
            let hint = unknown.hint.as_ref().unwrap().to_string();
            let asked: BTreeSet<&str> = hint.split('`').skip(1).step_by(2).collect();
            let written: BTreeSet<&str> = table.keys.iter().map(|Key(name, ..)| *name).collect();
            assert_eq!(written, asked, "[{}]", table.header);
        }
    }
}
