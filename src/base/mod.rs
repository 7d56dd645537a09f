//! What a base image is, read from its files.
