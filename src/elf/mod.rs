//! What programs and shared libraries say of themselves: for which machine they are, what they need,
//! where they look for it, and what they offer.
//!
//! Read as the loader reads it: through program headers and `DT_*` entries, never through section
//! headers, which may lie or be missing. From bytes in memory ([`read`]), or while a file streams past
//! ([`Collector`]): what matters lies anywhere in a file (`.dynamic` mostly behind nine tenths of it,
//! and patchelf moves `.dynstr` to the end), so the collector keeps what the program headers say may be
//! needed, and no more than [`MEMORY_LIMIT`].
//!
//! Source: [System V ABI, chapters 4 and 5](https://www.sco.com/developers/gabi/latest/contents.html),
//! [Linux Standard Base, symbol versioning](https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html).

mod collector;
mod dynamic;
mod error;
mod header;
mod held;
mod object;
mod plan;
mod symbols;
#[cfg(test)]
mod tests;
mod versions;

pub use collector::{Collected, Collector, MEMORY_LIMIT, Unread, read, read_stream};
pub use error::Malformed;
pub use object::{Class, Elf, Kind, NeededVersion, Object, Order, Requirement};
pub use symbols::{Detail, Names, Symbols, symbol_hash};
