//! The client of OCI registries.
