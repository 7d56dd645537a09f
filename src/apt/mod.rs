//! Debian archives: finding and fetching packages.
