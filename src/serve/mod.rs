//! A registry of our own, built in.
