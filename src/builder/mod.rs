//! The whole way from a recipe to an image.
