//! What is said of a wrong table `[debian]`.

/// Tables, and all that is said about them.
pub(super) const WRONG: &[(&str, &[&str])] = &[
    (
        "[debian]\nsuite = \"bookworm\"\npackages = [\"libgl1\"]\nselect = \"list\"\nshell = \"dash\"\ntimezone = \"CET 1\"\n\
         certificates = [\"/etc/ca.crt\"]\nstrip = [\"/usr/../x\"]\n[debian.scripts]\nunknown = \"allow\"\nacknowledge = [\"A\"]\nmore = 1",
        &[
            "\"list\" | `debian.select` cannot be `list` | did you mean `listed`?",
            "\"dash\" | `debian.shell` must be `true` or `false`, found a string | ",
            "\"CET 1\" | `CET 1` is not the name of a time zone | write it as the time zone database does: `Europe/Berlin`",
            "\"/etc/ca.crt\" | `/etc/ca.crt` is an absolute path | write it relative to the recipe",
            "\"/usr/../x\" | `/usr/../x` is not a plain path | write it without `.`, `..` and a slash at its end: `/usr/share/icons`",
            "\"allow\" | `debian.scripts.unknown` cannot be `allow` | use one of `warn`, `error`",
            "\"A\" | `A` is not the name of a Debian package | write the name in lower case: letters, digits, `+`, `-` and `.`",
            "more | unknown key `debian.scripts.more` | use one of `acknowledge`, `unknown`",
        ],
    ),
    ("[debian]\npackages = [\"libgl1=1.0\"]", &["[debian] | `debian.suite` is missing | add `suite = \"bookworm\"`"]),
    (
        "[debian]\nsuite = \"bookworm-updates\"\npackages = [\"libgl1\", \"libgl1\"]\nstrip = [\"docs\"]\nsecurity = 1",
        &[
            "\"bookworm-updates\" | `bookworm-updates` is not a release of Debian | write `suite = \"bookworm\"`: its updates come along",
            "\"libgl1\" | the package `libgl1` is named twice | remove one of the two",
            "\"docs\" | `debian.strip` cannot be `docs` | did you mean `doc`?",
            "1 | `debian.security` must be a URL or `false`, found an integer | ",
        ],
    ),
    (
        "[debian]\nsuite = \"bookworm\"\npackages = [\"a1=\", \"b1/trixie-backports\", \"c1/X\", \"Git\", \"d1=1\", \"d1\"]\n\
         components = [\"Main\"]\nessential = 1\nrecommends = 1\nexclude = [\"e1=1\"]\nsnapshot = \"https://x/{archive}\"",
        &[
            "\"a1=\" | `a1=` names no version of a Debian package | write it as Debian does: `ffmpeg=7:5.1.6-0+deb12u1`",
            "\"b1/trixie-backports\" | `trixie-backports` is no suite of bookworm | name `bookworm-backports`, or another `debian.suite`",
            "\"c1/X\" | `c1/X` names no suite of Debian | write `git/bookworm-backports`",
            "\"Git\" | `Git` is not the name of a Debian package | write the name in lower case: letters, digits, `+`, `-` and `.`",
            "\"d1\" | the package `d1` is named twice | remove one of the two",
            "\"Main\" | `Main` is not a component of an archive | write `main`, `contrib`, `non-free` or `non-free-firmware`",
            "1 | `debian.essential` must be `true` or `false`, found an integer | ",
            "1 | `debian.recommends` must be `true` or a list of packages, found an integer | ",
            "\"e1=1\" | `e1=1` is not the name of a Debian package | write the name in lower case: letters, digits, `+`, `-` and `.`",
            "\"https://x/{archive}\" | `https://x/{archive}` does not say where the moment stands | write `https://…/{archive}/{timestamp}`",
        ],
    ),
    (
        "[debian]\nsuite = \"bookworm\"\nmirror = \"mirror\"\nmirrors = [\"other\"]\npackages = [\"libgl1\"]",
        &["\"mirror\" | both `mirror` and `mirrors` are given | keep `mirrors` alone"],
    ),
    (
        "[debian]\nsuite = \"bookworm\"\npackages = [\"libgl1\"]\ncertificates = [\"a/root.pem\", \"b/root.crt\", \"a/other.pem\", \"a/root.pem\"]",
        &["\"b/root.crt\" | `a/root.pem` and `b/root.crt` go by one name in the image | rename one of the two files"],
    ),
];
