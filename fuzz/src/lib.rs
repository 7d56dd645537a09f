//! What must hold for any bytes at all. Each function takes the bytes and panics when it does not hold;
//! the fuzz targets and the plain driver call the same ones.

mod elf;
mod place;
mod seeds;
mod splice;
mod wheel;

pub use elf::elf;
pub use seeds::{libraries, splices, wheels};
pub use splice::splice;
pub use wheel::wheel;
