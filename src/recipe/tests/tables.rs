//! Tables of recipes that are wrong, and what is said of them.

/// What stands after `HEAD`, and all that is said about it.
pub(super) const WRONG: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "\"app\" | the recipe puts nothing into the image | add `[wheels] require`, `[debian] packages` or `[[scripts]]`",
        ],
    ),
    ("[wheel]\nrequire = [\"a\"]", &["wheel | unknown key `wheel` | did you mean `wheels`?"]),
    ("[wheels]\nrequires = [\"a\"]", &["requires | unknown key `wheels.requires` | did you mean `require`?"]),
    (
        "[wheels]\nrequire = [\"a\"]\nbytecod = true",
        &["bytecod | unknown key `wheels.bytecod` | did you mean `bytecode`?"],
    ),
    (
        "[layers]\nzzzzzzzz = 1\n[wheels]\nrequire = [\"a\"]",
        &["zzzzzzzz | unknown key `layers.zzzzzzzz` | use one of `compression`, `lazy`, `own`"],
    ),
    (
        "[wheels]\nrequire = \"a\"",
        &["\"a\" | `wheels.require` must be a list of strings, found a string | put it in brackets: `[\"…\"]`"],
    ),
    (
        "[wheels]\nrequire = [\"a\", 1]",
        &["1 | every item of `wheels.require` must be a string, found an integer | put it in quotes"],
    ),
    (
        "[wheels]\nrequire = [\"numpy<\"]",
        &[
            "\"numpy<\" | `numpy<` is not a requirement: unexpected end of version specifier, expected version | write it as PEP 508 has it: `name[extra]>=1,<2 ; marker`",
        ],
    ),
    (
        "[wheels]\nrequire = [\"numpy<2\", \"Numpy\"]",
        &["\"Numpy\" | `numpy` is required twice | write one requirement in place of `numpy<2` and `Numpy`"],
    ),
    (
        "[wheels]\nrequire = [\"requirements.txt\"]",
        &["\"requirements.txt\" | `requirements.txt` is a file, not a requirement | name it in `files`"],
    ),
    (
        "[wheels]\nrequire = [\"-e .\"]",
        &["\"-e .\" | `-e .` is an option, not a requirement | put it into a file and name the file in `files`"],
    ),
    (
        "[wheels]\nrequire = [\"./dist/demo.tar.gz\"]",
        &[
            "\"./dist/demo.tar.gz\" | `demo.tar.gz` is not a wheel file name: it does not end in .whl | build a wheel of it and name that: `./demo-1.0-py3-none-any.whl`",
        ],
    ),
    (
        "[wheels]\nrequire = [\"/home/me/demo-1.0-py3-none-any.whl\"]",
        &[
            "\"/home/me/demo-1.0-py3-none-any.whl\" | `/home/me/demo-1.0-py3-none-any.whl` is an absolute path | write it relative to the recipe",
        ],
    ),
    (
        "[wheels]\nrequire = [\"demo @ git+https://example.org/demo\"]",
        &[
            "\"demo @ git+https://example.org/demo\" | `demo` cannot be fetched from a `git+https:` URL | build a wheel of it and name that: `./NAME.whl`",
        ],
    ),
    (
        "[wheels]\nrequire = [\"demo @ https://me:secret@example.org/demo-1.0-py3-none-any.whl\"]",
        &[
            "\"demo @ https://me:secret@example.org/demo-1.0-py3-none-any.whl\" | the URL of `demo` contains credentials | remove `user:password@` from it: a recipe is read by others",
        ],
    ),
    (
        "[wheels]\nrequire = [\"demo @ https://example.org/demo-1.0.tar.gz\"]",
        &[
            "\"demo @ https://example.org/demo-1.0.tar.gz\" | the URL of `demo` does not end in `.whl` | name a wheel: nothing is built from source",
        ],
    ),
    (
        "[wheels]\nrequire = [\"a\"]\npython = 3.11",
        &["3.11 | `wheels.python` must be a string, found a float | put it in quotes"],
    ),
    (
        "[wheels]\nrequire = [\"a\"]\npython = \"2.7\"",
        &[
            "\"2.7\" | `2.7` is not a version of Python | write it as `\"3.11\"`, or leave `python` out to take what the base has",
        ],
    ),
    (
        "[wheels]\nrequire = [\"a\"]\nskew = \"warning\"",
        &["\"warning\" | `wheels.skew` cannot be `warning` | use one of `error`, `warn`, `allow`"],
    ),
    (
        "[wheels]\nrequire = [\"a\"]\nindex = [{ name = \"cpu\", url = \"https://me:x@example.org/\", for = [\"torch\"] }]",
        &[
            "\"https://me:x@example.org/\" | the URL contains credentials | remove `user:password@` from it: a recipe is read by others",
        ],
    ),
    (
        "[wheels]\nrequire = [\"a\"]\n[[wheels.index]]\nname = \"default\"",
        &[
            "[[wheels.index]] | `wheels.index.url` is missing | add `url = \"https://…\"`",
            "\"default\" | an index cannot be named `default` | use letters, digits and `-`; `default` is the default index",
        ],
    ),
    (
        "[wheels]\nrequire = [\"a\"]\nindex = [{ name = \"cpu\", url = \"whl\", platforms = [\"linux/s390x\"] }, { name = \"cpu\", url = \"ftp://x/\" }, { name = \"cpu\", url = \"x\" }]",
        &[
            "\"linux/s390x\" | `linux/s390x` is not among the recipe's `platforms` | add it to `platforms`, or remove it here",
            "\"ftp://x/\" | a `ftp:` URL cannot be read from | write `https://…`, or a folder relative to the recipe",
            "\"cpu\" | two indexes are named `cpu` | give each index a name of its own",
        ],
    ),
    (
        "[wheels]\nrequire = [\"a\"]\ndeny = [\"nvidia>1\"]",
        &[
            "\"nvidia>1\" | `nvidia>1` is not the name of a distribution | write a name without a version; a `*` at its end stands for any letters",
        ],
    ),
    (
        "[[wheels.choice]]\nany-of = [\"a\", \"b\"]",
        &[
            "\"a\" | every item of `wheels.choice.any-of` must be a list of strings, found a string | put it in brackets: `[\"…\"]`",
            "\"b\" | every item of `wheels.choice.any-of` must be a list of strings, found a string | put it in brackets: `[\"…\"]`",
        ],
    ),
    (
        "[[wheels.choice]]\nany-of = [[]]\n[[wheels.choice]]",
        &[
            "[] | an alternative is empty | name a distribution in it, or remove it",
            "[[wheels.choice]] | `wheels.choice.any-of` is missing | add `any-of = [[\"a\"], [\"b\", \"c\"]]`",
        ],
    ),
    (
        "[[scripts]]\nfrom = \"src\"\nto = \"app\"\nmode = \"755x\"\nowner = \"app\"",
        &[
            "\"app\" | `app` is not an absolute path | write `/app`",
            "\"755x\" | `755x` is not a file mode | write it in octal: `\"0755\"`",
            "\"app\" | `app` is not a numeric owner | write numbers: `\"10001:10001\"`",
        ],
    ),
    (
        "[[scripts]]\nfrom = \"/home/me/src\"\nto = \"/app/../etc\"\nmode = 755",
        &[
            "\"/home/me/src\" | `/home/me/src` is an absolute path | write it relative to the recipe",
            "\"/app/../etc\" | `/app/../etc` is not a plain path | write the path without `..`, `.` and `//`",
            "755 | `scripts.mode` must be a string, found an integer | put it in quotes",
        ],
    ),
    (
        "[scripts]\nfrom = \"a\"",
        &["[scripts] | `scripts` must be a list of tables, found a table | put its header in double brackets: `[[…]]`"],
    ),
    (
        "[[scripts]]\nto = \"/app\"\nform = \"src\"",
        &[
            "[[scripts]] | `scripts.from` is missing | add `from = \"scripts\"`",
            "form | unknown key `scripts.form` | did you mean `from`?",
        ],
    ),
    (
        "[wheels]\nrequire = [\"a\"]\n[image]\nentrypoint = \"python3\"\ncmd = \"python3 -m x\"\nuser = \"a b\"\nworkdir = \"app\"\nenv = { \"1A\" = \"x\", B = 1 }",
        &[
            "\"python3\" | `image.entrypoint` must be a list of strings, found a string | put it in brackets: `[\"…\"]`",
            "\"python3 -m x\" | `image.cmd` must be a list of strings, found a string | put it in brackets: `[\"python3\", \"-m\", \"x\"]`",
            "\"a b\" | `a b` is not a user | write `\"10001:10001\"` or `\"name\"`",
            "\"app\" | `app` is not an absolute path | write `/app`",
            "\"1A\" | `1A` is not the name of an environment variable | use letters, digits and `_`, a letter first",
            "1 | `image.env.B` must be a string, found an integer | put it in quotes",
        ],
    ),
    (
        "[wheels]\nrequire = [\"a\"]\n[image]\nentrypoint = []\nports = [0, \"80/http\", 8080]\nstop-signal = \"TERM\"\nlabels = { \"a=b\" = \"\" }",
        &[
            "[] | `image.entrypoint` names no program | name a program first: `[\"python3\", \"/app/main.py\"]`",
            "0 | `0` is not a port | write `8080` or `\"8080/udp\"`",
            "\"80/http\" | `80/http` is not a port | write `8080` or `\"8080/udp\"`",
            "\"TERM\" | `TERM` is not a signal | did you mean `SIGTERM`?",
            "\"a=b\" | `a=b` is not the name of a label | write labels as `\"org.example.name\" = \"value\"`",
        ],
    ),
    (
        "[wheels]\nrequire = [\"a\"]\n[image]\nentrypoint = [\"\", \"x\"]\ncmd = [\"a\\u0000\"]",
        &[
            "[\"\", \"x\"] | `image.entrypoint` names no program | name a program first: `[\"python3\", \"/app/main.py\"]`",
            "\"a\\u0000\" | every item of `image.cmd` contains a NUL character | remove the `\\u0000`",
        ],
    ),
    (
        "[variants.a]\nrequire = [\"x\"]\ninclude = [\"b\"]\n[variants.b]\ninclude = [\"a\", \"tensorflo\"]\n[variants.tensorflow]\nbase = \"scratch\"",
        &[
            "\"b\" | the variant `a` includes itself | remove this name from `include`",
            "\"a\" | the variant `b` includes itself | remove this name from `include`",
            "\"tensorflo\" | there is no variant `tensorflo` | did you mean `tensorflow`?",
            "base | unknown key `variants.tensorflow.base` | use one of `choice`, `cmd`, `constraints`, `entrypoint`, `env`, `files`, `from-lock`, `include`, `labels`, `overrides`, `ports`, `require`, `scripts`, `stop-signal`, `user`, `volumes`, `workdir`",
        ],
    ),
    (
        "[wheels]\nfrom-lock = \"poetry.lock\"\nfiles = [\"uv.lock\", { file = \"a.txt\", extras = [\"x\"] }, { fil = \"b\" }, 3]",
        &[
            "\"poetry.lock\" | `poetry.lock` is not a file that can be read | run `poetry export -o requirements.txt` and name that in `files`",
            "\"uv.lock\" | `uv.lock` is a lock, not a list of requirements | say `from-lock = \"uv.lock\"`",
            "\"x\" | `a.txt` has no extras or groups | name a `pyproject.toml`, or leave `extras` and `groups` out",
            "{ fil = \"b\" } | `wheels.files.file` is missing | add `file = \"pyproject.toml\"`",
            "fil | unknown key `wheels.files.fil` | did you mean `file`?",
            "3 | `wheels.files` must be a string, found an integer | put it in quotes",
        ],
    ),
    (
        "[variants.A]\nrequire = [\"x\"]",
        &["A | `A` cannot be the name of a variant | use lower-case letters, digits and `-`"],
    ),
    (
        "[wheels]\nrequire = [\"a\"]\nbytecode = 1\ninto = \"/opt/venv\"\nallow-replace = [\"a\"]",
        &[
            "1 | `wheels.bytecode` must be `true`, `false` or an interpreter, found an integer | ",
            "\"a\" | `wheels.allow-replace` does not go with `wheels.into` | remove `allow-replace`: wheels in /opt/venv stand beside the base's",
        ],
    ),
    (
        "[wheels]\nrequire = [\"a\"]\nbytecode = \"python3.11\"",
        &[
            "\"python3.11\" | `python3.11` is no path | write a path relative to the recipe, or `true` and name the interpreter in WHEELWRIGHT_PYTHON",
        ],
    ),
    (
        "[wheels]\nrequire = [\"a\"]\nconstraints = [\"./b-1-py3-none-any.whl\"]\noverrides = [\"./b-1-py3-none-any.whl\"]",
        &[
            "\"./b-1-py3-none-any.whl\" | `./b-1-py3-none-any.whl` is a wheel, and bounds nothing | write its name and version, or name it in `require` or `overrides`",
        ],
    ),
    ("[wheels]\nrequire = [\"a\"]\ninto = \"venv\"", &["\"venv\" | `venv` is not an absolute path | write `/venv`"]),
    (
        "[wheels]\nrequire = [\"a\"]\ninto = { system-site-packages = 1, site = \"\" }",
        &[
            "{ system-site-packages = 1, site = \"\" } | `wheels.into.path` is missing | add `path = \"/opt/venv\"`",
            "1 | `wheels.into.system-site-packages` must be `true` or `false`, found an integer | ",
            "site | unknown key `wheels.into.site` | use one of `path`, `system-site-packages`",
        ],
    ),
    (
        "[wheels]\nrequire = [\"a\"]\ninto = \"/\"",
        &["\"/\" | an environment needs a folder of its own | write `into = \"/opt/venv\"`"],
    ),
    (
        "[wheels]\nrequire = [\"a\"]\n[layers]\nlazy = true\ncompression = \"zstd\"",
        &["true | `layers.lazy` does not go with `layers.compression = \"zstd\"` | remove `compression`, or `lazy`"],
    ),
    (
        "[wheels]\nrequire = [\"a\"]\n[layers]\nlazy = \"yes\"",
        &["\"yes\" | `layers.lazy` must be `true` or `false`, found a string | "],
    ),
    (
        "[wheels]\nrequire = [\"a\"]\n[layers]\ncompression = \"bzip2\"",
        &["\"bzip2\" | `layers.compression` cannot be `bzip2` | did you mean `gzip`?"],
    ),
    (
        "[debian]\nsuite = \"bookworm\"\npackages = [\"libgl1\"]\nauto = \"imports\"\nkeyring = 1\nshell = false",
        &[
            "\"imports\" | `debian.auto` cannot be `imports` | did you mean `import`?",
            "1 | `debian.keyring` must be a file of keys or `false`, found an integer | ",
        ],
    ),
    (
        "[debian]\nsuite = \"bookworm\"\npackages = [\"a1/company\", \"b1/other\"]\n[[debian.archive]]\nname = \"company\"\n\
         mirror = \"https://a\"\nsuite = \"x/./y\"\nkeyring = false\nfor = [\"A*\", \"cuda-*\"]",
        &[
            "\"b1/other\" | `other` is no suite of bookworm | name `bookworm-backports`, or another `debian.suite`",
            "\"x/./y\" | `x/./y` is not a suite of an archive | write the folder below `dists` in the archive: `stable`; archives without one cannot be used",
            "\"A*\" | `A*` stands for no names of Debian packages | write a name, or its beginning and `*`: `cuda-*`",
        ],
    ),
    (
        "[debian]\nsuite = \"bookworm\"\npackages = [\"a1/company\"]\n[[debian.archive]]\nname = \"company\"\n\
         mirror = \"https://a\"\nsuite = \"y\"\nkeyring = false\n[[debian.archive]]\nname = \"debian\"\n\
         mirror = \"https://a\"\nsuite = \"y\"\nkeyring = false\n[[debian.archive]]\nname = \"company\"\n\
         mirror = \"https://a\"\nsuite = \"y\"\nkeyring = \"k\"",
        &[
            "\"debian\" | `debian` cannot be the name of an archive | write a word in lower case that no archive or suite of Debian has: `company`",
            "\"company\" | two archives are named `company` | give each archive a name of its own",
        ],
    ),
];
