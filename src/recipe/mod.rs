//! The recipe: what an image shall be, read from TOML with the place of every value.
