//! Choosing wheels and packages.
