//! Libraries of the system that modules without native code load by name when they are imported.
//!
//! No file tells: the name is put together by code, or stands among those for other systems. So this is a
//! table of distributions that are popular, each read for what it does: [`KNOWN`]. What loads its library at
//! the first call, as `pyusb` and `python-vlc` do, is not in it.

use super::{
    folders::{Flavour, Folders, Found, Place},
    process::Process,
    proof::{Elsewhere, Gap, Need},
};
use crate::verify::{Owner, Owners};

/// A module, and what it cannot be imported without.
struct Loads {
    /// The distribution, as its `.dist-info` has it, in lower case.
    distribution: &'static str,
    /// The module, below `site-packages`.
    module: &'static str,
    /// Each of them.
    libraries: &'static [Wanted],
    /// Beside it, the beginning of a path of what brings a library along and is taken first.
    unless: Option<&'static str>,
}

/// A library, and what a module tries to get at it.
struct Wanted {
    /// What it is called, where there is none.
    name: &'static str,
    /// Names that are given to `ctypes.util.find_library`.
    sought: &'static [&'static str],
    /// Names that are given to the loader.
    opened: &'static [&'static str],
}

const fn sought(name: &'static str, sought: &'static [&'static str]) -> Wanted {
    Wanted { name, sought, opened: &[] }
}

const fn opened(name: &'static str, opened: &'static [&'static str]) -> Wanted {
    Wanted { name, sought: &[], opened }
}

const fn loads(distribution: &'static str, module: &'static str, libraries: &'static [Wanted]) -> Loads {
    Loads { distribution, module, libraries, unless: None }
}

const KNOWN: [Loads; 15] = [
    loads("sounddevice", "sounddevice.py", &[sought("libportaudio.so.2", &["portaudio"])]),
    loads("python_magic", "magic/__init__.py", &[opened("libmagic.so.1", &["libmagic.so.1"])]),
    loads("pyzbar", "pyzbar/wrapper.py", &[sought("libzbar.so.0", &["zbar"])]),
    loads("pylibdmtx", "pylibdmtx/wrapper.py", &[sought("libdmtx.so.0", &["dmtx"])]),
    loads("cairocffi", "cairocffi/__init__.py", &[opened("libcairo.so.2", &["libcairo.so.2"])]),
    loads("weasyprint", "weasyprint/text/ffi.py", &WEASYPRINT),
    loads("mpv", "mpv.py", &[sought("libmpv.so.2", &["mpv"])]),
    loads("pyfluidsynth", "fluidsynth.py", &[sought("libfluidsynth.so.3", &["fluidsynth", "fluidsynth-3"])]),
    loads("libarchive_c", "libarchive/ffi.py", &[sought("libarchive.so.13", &["archive"])]),
    loads("pyenchant", "enchant/_enchant.py", &[sought("libenchant-2.so.2", &["enchant-2", "enchant", "enchant-1"])]),
    loads("wand", "wand/api.py", &[sought("libMagickWand-6.Q16.so.6", &WAND)]),
    loads(
        "ghostscript",
        "ghostscript/_gsprint.py",
        &[Wanted { name: "libgs.so.10", sought: &["gs"], opened: &["libgs.so"] }],
    ),
    loads("hid", "hid/__init__.py", &[opened("libhidapi-hidraw.so.0", &HIDAPI)]),
    Loads {
        unless: Some("openslide_bin/"),
        ..loads(
            "openslide_python",
            "openslide/lowlevel.py",
            &[opened("libopenslide.so.0", &["libopenslide.so.1", "libopenslide.so.0"])],
        )
    },
    Loads {
        unless: Some("_libvips."),
        ..loads(
            "pyvips",
            "pyvips/__init__.py",
            &[opened("libgobject-2.0.so.0", &["libgobject-2.0.so.0"]), opened("libvips.so.42", &["libvips.so.42"])],
        )
    },
];

const WEASYPRINT: [Wanted; 5] = [
    opened("libgobject-2.0.so.0", &["libgobject-2.0.so.0"]),
    opened("libpango-1.0.so.0", &["libpango-1.0.so.0"]),
    opened("libharfbuzz.so.0", &["libharfbuzz.so.0"]),
    opened("libfontconfig.so.1", &["libfontconfig.so.1"]),
    opened("libpangoft2-1.0.so.0", &["libpangoft2-1.0.so.0"]),
];

const HIDAPI: [&str; 4] =
    ["libhidapi-hidraw.so", "libhidapi-hidraw.so.0", "libhidapi-libusb.so", "libhidapi-libusb.so.0"];

const WAND: [&str; 9] = [
    "MagickWand",
    "MagickWand-7",
    "MagickWand-7.Q8",
    "MagickWand-7.Q16",
    "MagickWand-7.Q16HDRI",
    "MagickWand-6",
    "MagickWand-6.Q16",
    "MagickWand-6.Q16HDRI",
    "MagickWand-Q16",
];

/// What modules of the table load.
#[derive(Default)]
pub(super) struct Named<'a> {
    /// The paths of libraries that are there.
    pub(super) found: Vec<&'a str>,
    /// Those that are not.
    pub(super) gaps: Vec<Gap>,
}

/// The modules of the table that are in the image: path, libraries.
fn modules<'a>(folders: &Folders<'a>, owners: &Owners) -> Vec<(&'a str, &'static [Wanted])> {
    let known = |site: &str, loads: &'static Loads| {
        let (path, node) = folders.tree.placed(&format!("{site}/{}", loads.module))?;
        let Some(Owner::Wheel(owner)) = owners.find(node) else { return None };
        let brought = |beside: &str| folders.tree.starting_with(&format!("{site}/{beside}")).next().is_some();
        let name = owner.split(' ').next().unwrap_or(owner);
        let is_it = name.to_ascii_lowercase().replace(['-', '.'], "_") == loads.distribution;
        (is_it && !loads.unless.is_some_and(brought)).then_some((path, loads.libraries))
    };
    let sites = folders.files.sites.iter().filter(|site| site.ends_with("-packages"));
    sites.flat_map(|site| KNOWN.iter().filter_map(move |loads| known(site, loads))).collect()
}

/// Looks for what the modules of the table load, each in the process that `interpreter` gives for its path;
/// nothing where no interpreter imports it.
pub(super) fn loaded<'a>(
    folders: &Folders<'a>,
    owners: &Owners,
    mut interpreter: impl FnMut(&str) -> Option<Process<'a>>,
) -> Named<'a> {
    let mut named = Named::default();
    for (path, libraries) in modules(folders, owners) {
        let Some(process) = interpreter(path) else { continue };
        let search = Search { folders, process: &process };
        for wanted in libraries {
            match search.get(wanted) {
                Ok(library) => named.found.extend(library),
                Err(elsewhere) => named.gaps.push(Gap {
                    name: wanted.name.to_owned(),
                    root: path.to_owned(),
                    by: path.to_owned(),
                    need: Need::Import,
                    elsewhere,
                }),
            }
        }
    }
    named
}

struct Search<'s, 'a> {
    folders: &'s Folders<'a>,
    process: &'s Process<'a>,
}

impl<'a> Search<'_, 'a> {
    /// The path of what `wanted` gets, if it was read; else what there is instead.
    fn get(&self, wanted: &Wanted) -> Result<Option<&'a str>, Elsewhere> {
        let sonames = wanted.sought.iter().filter_map(|name| self.find_library(name));
        for name in sonames.chain(wanted.opened.iter().map(|name| (*name).to_owned())) {
            match self.process.open(self.folders, &name) {
                Found::Library(place) => return Ok(Some(place.path)),
                Found::Unread(_) => return Ok(None),
                Found::Foreign(_) | Found::Broken(_) | Found::Nothing => {}
            }
        }
        Err(match self.process.open(self.folders, wanted.name) {
            Found::Library(Place { path, .. }) | Found::Unread(path) => Elsewhere::Unlisted(path.to_owned()),
            Found::Foreign(path) => Elsewhere::Foreign(path.to_owned()),
            Found::Broken(path) => Elsewhere::Broken(path.to_owned()),
            Found::Nothing => Elsewhere::Nowhere,
        })
    }

    /// What `ctypes.util.find_library(name)` gives: what `/sbin/ldconfig -p` lists, which prints the loader's
    /// cache, or what a compiler's linker finds. With musl there is no cache, and distributions have Python
    /// look into folders.
    ///
    /// Source: [`ctypes.util`](https://docs.python.org/3/library/ctypes.html#finding-shared-libraries).
    fn find_library(&self, name: &str) -> Option<String> {
        let begin = format!("lib{name}.");
        let is_it = |soname: &str| soname.len() > begin.len() && soname.starts_with(&begin);
        if self.process.flavour == Flavour::Musl {
            return self.in_folders(is_it);
        }
        let listed = self.folders.file("/sbin/ldconfig").and_then(|_| self.folders.cached_name(is_it));
        let linked = || self.in_folders(|soname| soname == format!("{begin}so")).filter(|_| self.has_linker());
        listed.or_else(linked)
    }

    /// The first name in the loader's own folders that is wanted.
    fn in_folders(&self, is_wanted: impl Fn(&str) -> bool) -> Option<String> {
        let folders = self.folders.defaults(self.process.flavour);
        let names = folders.iter().filter_map(|folder| self.folders.tree.find(folder)).flat_map(|(folder, _)| {
            self.folders.tree.children(&folder).into_iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        });
        names.into_iter().find(|name| is_wanted(name))
    }

    fn has_linker(&self) -> bool {
        ["gcc", "cc", "ld"].iter().any(|program| self.folders.file(&format!("/usr/bin/{program}")).is_some())
    }
}
