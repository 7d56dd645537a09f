//! Recipes good and bad.
