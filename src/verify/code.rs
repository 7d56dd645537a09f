//! The kinds of findings: each with a code that stays, a level, and what it means.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing to be done: something that is good to know.
    Note,
    /// Wrong in some ways of using the image, or wasteful.
    Warning,
    /// The image is broken, or not what it was meant to be.
    Error,
}

/// A kind of finding. Its number never changes and is never given to another kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Code(u16);

/// One line of the table.
struct Kind {
    code: Code,
    level: Level,
    /// A few words.
    title: &'static str,
    /// What it means and what to do, in sentences.
    text: &'static str,
}

macro_rules! codes {
    ($($name:ident = $number:literal, $level:ident, $title:literal, $text:literal;)*) => {
        impl Code {
            $(#[doc = $title] pub const $name: Self = Self($number);)*
        }
        /// Every kind, sorted by code.
        const TABLE: &[Kind] = &[
            $(Kind { code: Code::$name, level: Level::$level, title: $title, text: $text },)*
        ];
    };
}

codes! {
    ACCEPTED_IN_VAIN = 1, Note, "an accepted finding does not occur",
        "`[check] accept` names a finding that was looked for and is not there any more. Remove the entry, so \
         that it cannot hide something new.";
    UNREADABLE_LAYER = 2, Error, "a layer cannot be read",
        "The bytes of a layer do not decompress, or are no tar: no engine can unpack the image. Nothing that \
         depends on files was checked.";

    MISSING_LIBRARY = 101, Error, "a library is missing",
        "The loader of the image looks for a library when a program starts or a module is imported, and finds \
         none. Add the Debian package that has it, or allow its absence with `[check] allow-missing`.";
    MISSING_PLUGIN_LIBRARY = 102, Warning, "a library is missing that only a plug-in needs",
        "A library or plug-in that nothing loads at start needs another library that is not there: whatever would load \
         it later fails then. Or a program needs it that is in no folder of `PATH` and that the image does not start: it \
         cannot start, and whatever calls it fails.";
    SYMBOL_VERSION = 103, Error, "a library is too old",
        "A file needs a version of a symbol that the image's library does not have, such as `GLIBC_2.38`. Its \
         wheel's tag promised less. Take another version of the wheel, or a newer base.";
    FOREIGN_MACHINE = 104, Error, "a file is for another machine",
        "A library or extension module is compiled for another processor than the image's: a wheel with a \
         wrong tag, or a file copied from another machine.";
    UNDEFINED_SYMBOL = 105, Error, "a symbol is defined nowhere",
        "A file refers to a function that none of the libraries loaded with it defines: versions that do not \
         go together, such as torchvision with another torch.";
    DRIVER_LIBRARY = 106, Note, "a library comes from a driver",
        "The file needs a library that the machine's driver brings into the container, such as `libcuda.so.1`.";
    PRELOADED_LIBRARY = 107, Note, "a library comes from another wheel",
        "The loader alone would not find the library. The Python code of a distribution that is required loads \
         it first.";
    UNREAD_LIBRARY = 108, Note, "a library was not looked into",
        "The tables of a large library lie so far apart that the pass over its layer does not keep them. The loader \
         finds it; what it needs itself, and which symbols it defines, was not checked.";
    MALFORMED_MODULE = 109, Error, "an extension module cannot be loaded",
        "The file of an extension module is cut or malformed, or something else under such a name, as a pointer of \
         Git's large files is: importing it fails. Take the wheel from where it was built, or another version.";

    OTHER_PYTHON = 201, Error, "an extension module is for another Python",
        "The file name of an extension module names another version or build of Python than the image has, and \
         nothing for this one stands beside it: the interpreter passes it over.";
    ENTRY_POINT_MODULE = 202, Warning, "the module of a command is missing",
        "A console script imports a module that the image does not have: it fails as soon as it is called. Some \
         wheels bring such scripts, and work otherwise; where the image starts it, it is WW218.";
    ENTRY_POINT_ATTRIBUTE = 203, Warning, "the function of a command is missing",
        "A console script calls something that its module does not define. Where the image starts it, it is \
         WW218.";
    CLOBBERED = 204, Error, "two distributions write one path",
        "Two installed distributions list one file with different contents. Which one is there depends on the \
         order of installation, and one of the two is broken. Modules that do nothing but say that their package is a \
         namespace are none of these.";
    RECORDED_MISSING = 205, Warning, "a recorded file is missing",
        "RECORD of a distribution lists a file that is not there: it was removed after the installation, or \
         never was in the wheel.";
    RECORDED_DIFFERENT = 206, Warning, "a file differs from RECORD",
        "A file has another size than RECORD of its distribution says: it was changed after the installation. \
         Digests of files are not compared: `build --verify-record` does that, where the wheels are at hand.";
    REQUIREMENT_MISSING = 207, Error, "a required distribution is missing",
        "A distribution requires another one that is not installed, as `pip check` would say.";
    REQUIREMENT_VERSION = 208, Error, "a required distribution has another version",
        "A distribution requires a version of another one that is not the installed one, as `pip check` would \
         say.";
    MODULE_MISSING = 209, Error, "a module is missing",
        "A module of `[check] import`, or one that it imports when it is imported, is not in the image. Where code that \
         runs before may make it, it is WW219.";
    MODULE_MISSING_GUARDED = 210, Note, "an optional module is missing",
        "A module imports another one in a `try`, and that is not in the image: some feature is off.";
    REQUIREMENT_EXCLUDED = 211, Warning, "a required distribution was left out",
        "A distribution requires another one that `[wheels] exclude` leaves out of the image.";
    TWO_VERSIONS = 212, Error, "a distribution is there twice",
        "One folder of the interpreter's path has metadata of two versions of a distribution: a newer one was \
         laid over an older one that was not removed.";
    ENTRYPOINT_MISSING = 213, Error, "the entry point is missing",
        "The program that the image's configuration starts, or the script it is given, is not in the image or \
         may not be executed.";
    METADATA_UNREADABLE = 214, Warning, "metadata cannot be understood",
        "The metadata, list of files or entry points of a distribution are malformed, and what depends on them \
         was not checked.";
    CLOBBERED_DATA = 215, Warning, "two distributions write one file that is no code",
        "Two installed distributions list one file with different contents, such as `LICENSE` or a folder `tests` \
         at the top: nothing breaks, and one of the two files is lost.";
    REQUIREMENT_OVERRIDDEN = 216, Note, "a requirement was overridden",
        "A distribution requires something else than there is, and `overrides` in the recipe say that it works \
         all the same.";
    REQUIREMENT_OF_BASE = 217, Note, "a distribution of the base lacks what it requires",
        "The base came with a distribution whose requirements are not met. No wheel of the recipe has to do \
         with it.";
    ENTRYPOINT_BROKEN = 218, Error, "the command that the image starts does not work",
        "The entry point of the image is a console script that imports a module which is not there, or calls \
         something that its module does not define.";
    MODULE_MADE = 219, Note, "a module may be made by code",
        "A module that is imported is not in the image, and code that runs before makes modules: a module of the package \
         that it would lie in, or the beginning of a package that imports it, sets items of `sys.modules` or has to do \
         with `sys.meta_path`. `verify --run` tells whether the import works.";

    DIGEST = 301, Error, "bytes do not have their digest",
        "A blob of the image is not what its descriptor says, or is not there: whoever pulls it, fails.";
    DIFF_ID = 302, Error, "a layer is not what the configuration says",
        "The tar of a layer has another diff id than the image's configuration says: engines refuse it.";
    MEDIA_TYPE = 303, Error, "media types do not go together",
        "Docker's and OCI's media types stand in one manifest, or a layer has a type that is no file system: \
         some registries and engines refuse that.";
    HISTORY = 304, Warning, "the history does not fit the layers",
        "The entries of the configuration's history that are not empty are not as many as the layers.";
    LAYER_BUDGET = 305, Error, "there are too many layers",
        "Docker stacks 125 layers and two of its own.";
    HIDDEN_BYTES = 306, Warning, "a layer hides files of another",
        "Files of a lower layer are replaced or removed by a later one: they are still pulled and stored. \
         Change the layer that brings them.";
    CUDA_TWICE = 307, Warning, "libraries of CUDA are there twice",
        "The base and the wheels both bring the same library of CUDA. Take a base without CUDA, or wheels \
         without it.";
    SECRET = 308, Error, "a file usually holds secrets",
        "A file has a name under which secrets are kept, or begins as a private key does. Everybody who can \
         pull the image can read it. Leave it out, and give it to the container when it starts.";
    WORLD_WRITABLE = 309, Warning, "everybody may write a file",
        "Files or folders are writable for every user of the container.";
    SET_ID = 310, Warning, "a program runs with its owner's rights",
        "A file with the set-user-id or set-group-id bit comes from none of the packages of the image.";
    TOO_LARGE = 311, Error, "the image is too large",
        "The compressed layers have more bytes than `[check] max-size` allows.";
    PLATFORM = 312, Error, "the platform is not what the index says",
        "The image index lists an image for another platform than its configuration says.";
    NO_USER = 313, Error, "the user is not in the image",
        "The configuration names a user or a group that /etc/passwd or /etc/group of the image does not have: engines \
         refuse to start it. Numbers are taken as they are.";

    RUN_IMPORT = 401, Error, "an import fails",
        "The image's interpreter was started in a sandbox and could not import a module.";
    RUN_ENTRYPOINT = 402, Error, "the entry point does not start",
        "The image's entry point was started in a sandbox and ended at once with an error of the loader, the \
         interpreter or the kernel.";
    RUN_LIMIT = 403, Warning, "a start took too long",
        "What was started in the sandbox was not done within the time that it was given.";

    LICENCE_DENIED = 501, Error, "a licence is not allowed",
        "A distribution is under a licence that `[policy] deny-licences` names, or that `allow-licences` does not; of \
         several to choose from, none will do. Where there is a list of what is allowed, a distribution that does not \
         say its licence in SPDX's words is not in it. Take another distribution, or accept it for this one: \
         `package = \"NAME\"`.";
    LICENCE_UNKNOWN = 502, Warning, "a licence is not known",
        "A distribution says nothing of its licence, or in words that stand for no one licence of SPDX's list, and \
         `[policy] deny-licences` could not be held against it. Look at its licence file, and accept it for this one.";
    TOO_YOUNG = 503, Error, "a release is too young",
        "A wheel has been in its index for less than `[policy] min-age`, or the index does not tell since when. \
         Younger wheels are passed over when a lock is made, so this one was named by its URL or by a lock of another \
         tool, or comes from an index without times. Its time stands in the lock, as `uploaded`.";
    HASH_UNTOLD = 504, Error, "a hash comes from nowhere but the file itself",
        "`[policy] require-hashes` demands that an index, a lock or the recipe says which SHA-256 a wheel has, and \
         for this one none does: whatever was downloaded was taken. Add `#sha256=…` to its URL, or `--hash` to its \
         requirement.";
    DISTRIBUTION_DENIED = 505, Error, "a distribution is denied",
        "The image has a distribution in a version that `[policy] deny` names, whoever brought it.";
    BASE_NOT_PINNED = 506, Error, "the base is not named by its digest",
        "`[policy] pin-base` demands `base = \"HOST/NAME@sha256:…\"`: a tag may mean another image when the recipe is \
         locked again.";
}

impl Code {
    /// Every code, sorted.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|kind| kind.code)
    }

    /// How bad it is.
    #[must_use]
    pub fn level(self) -> Level {
        self.kind().level
    }

    /// A few words: `a library is missing`.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.kind().title
    }

    /// What it means and what to do, in sentences.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        self.kind().text
    }

    /// # Panics
    /// Never: every code is made from a line of the table.
    fn kind(self) -> &'static Kind {
        TABLE.iter().find(|kind| kind.code == self).expect("every code stands in the table")
    }
}

/// No code of a finding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no finding `{text}`")]
pub struct UnknownCode {
    /// What was given.
    pub text: String,
}

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        Self::all().find(|code| code.to_string() == text).ok_or_else(|| UnknownCode { text: text.to_owned() })
    }
}

impl TryFrom<String> for Code {
    type Error = UnknownCode;

    fn try_from(text: String) -> Result<Self, UnknownCode> {
        text.parse()
    }
}

impl From<Code> for String {
    fn from(code: Code) -> Self {
        code.to_string()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "WW{:03}", self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_sorted_and_read_back() {
        let codes: Vec<Code> = Code::all().collect();
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]));
        for code in codes {
            assert_eq!(code.to_string().parse(), Ok(code));
            assert!(code.explanation().ends_with('.') && !code.title().ends_with('.'), "{code}");
        }
        assert!("WW999".parse::<Code>().is_err());
    }
}
