//! Fixtures made in code, for tests of this crate and of programs that embed it. They need no network, no
//! Python, no feature, and give the same bytes everywhere:
//!
//! | | |
//! |---|---|
//! | [`Wheel`] | a wheel with METADATA, WHEEL and RECORD, true or spoiled |
//! | [`Base`] | an image with a Python, for several platforms, as an OCI layout |
//! | [`Deb`], [`DebianArchive`] | packages, and an archive that has them |
//! | [`Library`] | a shared library or a program, as the loader reads it |
//! | [`ZipWriter`], [`ZipEntry`] | archives that break the rules |
//!
//! A folder of wheels is an index (`pypi::Location::Folder`). A registry on
//! loopback is `wheelwright::serve::Server`, with the feature `serve`; `serve::faults` makes it a bad one.
//!
//! ```
//! use wheelwright::testing::{Base, Wheel};
//!
//! # fn main() -> std::io::Result<()> {
//! # let folder = tempfile::tempdir()?;
//! Base::default().python(12, 3).file("etc/motd", b"hello").write(&folder.path().join("base"))?;
//! let wheel = Wheel::new("demo", "1.0").file("demo.py", b"print('hello')").requires("numpy<3");
//! assert_eq!(wheel.write(folder.path())?.file_name().unwrap(), "demo-1.0-py3-none-any.whl");
//! # Ok(())
//! # }
//! ```

mod base;
mod debian;
mod elf;
mod wheel;
mod zip;

pub use base::Base;
pub use debian::{Deb, DebianArchive};
pub use elf::Library;
pub use wheel::Wheel;
pub use zip::{Zip64End, ZipEntry, ZipWriter};
