//! What must hold for any bytes at all, for each reader of foreign bytes. A [`Target`] takes the bytes and
//! panics where it does not hold; [`TARGETS`] is the only list of them: the driver, the writer of seeds, the
//! engine that steers by coverage and the test of the seeds all go through it.

mod archives;
mod debian;
mod documents;
mod elf;
mod images;
mod layers;
mod pages;
mod place;
mod proofs;
mod python;
mod settings;
mod splice;
mod wheel;

/// A reader, or several of one kind, and what must hold of it.
pub struct Target {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Panics where what must hold does not.
    pub check: fn(&[u8]),
    /// Small inputs that reach most of the reader, made in code: name and bytes.
    pub seeds: fn() -> Vec<(&'static str, Vec<u8>)>,
}

impl Target {
    /// The target called `name`.
    #[must_use]
    pub fn of(name: &str) -> Option<&'static Self> {
        TARGETS.iter().find(|target| target.name == name)
    }
}

macro_rules! targets {
    ($($name:literal $room:ident::$check:ident $seeds:ident,)*) => {
        /// All of them.
        pub const TARGETS: &[Target] =
            &[$(Target { name: $name, check: $room::$check, seeds: $room::$seeds }),*];
    };
}

targets! {
    // Wheels, and what is in them.
    "wheel" wheel::wheel wheels,
    "splice" splice::splice splices,
    "elf" elf::elf libraries,
    "metadata" python::metadata metadata_seeds,
    "record" python::record record_seeds,
    "source" python::source source_seeds,
    "bytecode" python::bytecode bytecode_seeds,
    "words" python::words word_seeds,
    // Package indexes.
    "index-json" pages::json json_seeds,
    "index-html" pages::html html_seeds,
    // Base images.
    "manifest" images::manifest manifest_seeds,
    "config" images::config config_seeds,
    "layout" images::layout layout_seeds,
    "tar" layers::tar tar_seeds,
    "compressed" layers::compressed compressed_seeds,
    "evidence" layers::evidence evidence_seeds,
    "estargz" layers::estargz table_seeds,
    "zstd-chunked" layers::zstd_chunked table_seeds,
    "soci" layers::soci soci_seeds,
    // Archives.
    "archive" archives::archive archive_seeds,
    "carried" archives::carried carried_seeds,
    // Debian.
    "deb" debian::deb deb_seeds,
    "control" debian::control control_seeds,
    "release" debian::release release_seeds,
    "keyring" debian::keyring keyring_seeds,
    "script" debian::script script_seeds,
    // What people write, and other tools.
    "recipe" documents::recipe recipe_seeds,
    "lock" documents::lock lock_seeds,
    "foreign-lock" documents::foreign_lock foreign_lock_seeds,
    "requirements" documents::requirements requirements_seeds,
    "draft" documents::draft draft_seeds,
    "report" documents::report report_seeds,
    "settings" settings::settings settings_seeds,
    // Statements, signatures and records.
    "statement" proofs::statement statement_seeds,
    "signature" proofs::signature signature_seeds,
    "key" proofs::key key_seeds,
    "records" proofs::records records_seeds,
}

#[cfg(test)]
mod tests {
    use super::TARGETS;

    #[test]
    fn it_holds_for_every_seed_and_every_beginning_of_one() {
        for target in TARGETS {
            let seeds = (target.seeds)();
            assert!(!seeds.is_empty(), "{}", target.name);
            for (_, bytes) in seeds {
                (target.check)(&bytes);
                for part in 1..8 {
                    (target.check)(&bytes[..bytes.len() * part / 8]);
                }
            }
        }
    }
}
