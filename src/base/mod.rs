//! What a base image is, read from its files. Nothing of it is executed, unpacked or kept: its
//! layers stream through a [`Tree`] once, and [`Facts`](crate::lock::Facts) remain.

mod banner;
mod entries;
mod error;
mod evidence;
mod facts;
mod image;
mod inspect;
mod installed;
mod interpreter;
mod libc;
mod memory;
mod replace;
mod requirements;
mod tree;

pub use entries::{Entry, Kind, LayerEntries};
pub use error::{BaseError, LayerError};
pub use evidence::wants;
pub use image::{BaseImage, image_for, read_base};
pub use inspect::{inspect, read_layer, read_tree};
pub use requirements::{Declared, Unmet, unmet};
pub use tree::Tree;
