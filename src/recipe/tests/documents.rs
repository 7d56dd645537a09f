//! What is said of wrong recipes as a whole.

/// Whole recipes, and all that is said about them.
pub(super) const WRONG: &[(&str, &[&str])] = &[
    (
        "",
        &[
            " | `platforms` is missing | add `platforms = [\"linux/amd64\", \"linux/arm64\"]`",
            " | `name` is missing | add `name = \"my-app\"`",
            " | `base` is missing | add `base = \"docker.io/library/python:3.11-slim\"`",
        ],
    ),
    (
        "name = \"My App\"\nbase = \"docker-daemon:x\"\nplatforms = [\"linux/amd64\", \"linux/x86_64\", \"linux/arm64/v8\", \"linux/arm64\"]\nnmae = 1",
        &[
            "\"My App\" | `My App` cannot be the name of an image | use lower-case letters, digits, and single `-`, `_` or `.` between them",
            "\"docker-daemon:x\" | a base cannot be read from `docker-daemon:` | save the image as an OCI layout and write `oci:DIR` or `oci-archive:FILE`",
            "\"linux/x86_64\" | `linux/x86_64` is not a platform | did you mean `linux/amd64`?",
            "\"linux/arm64\" | the platform `linux/arm64` is named twice | remove one of the two",
            "nmae | unknown key `nmae` | did you mean `name`?",
        ],
    ),
    (
        "name = 1\nbase = \"oci:dir:\"\nplatforms = []",
        &[
            "1 | `name` must be a string, found an integer | put it in quotes",
            "\"oci:dir:\" | `oci:dir:` names no file or no valid tag | write `oci:DIR[:tag]` or `oci-archive:FILE[:tag]`",
            "[] | `platforms` is empty | name at least one platform, such as `linux/amd64`",
        ],
    ),
    (
        "name = \"a\"\nbase = \"scratch\"\nplatforms = [\"linux/amd64\"]\n[wheels]\nrequire = [\"b\"]",
        &[
            "\"scratch\" | there are wheels and no interpreter: the base is `scratch`, and there is no `[debian]` | add `[debian]` with `packages = [\"python3\"]`, or take a base with Python",
        ],
    ),
];
