//! Writes the seeds as `corpus/TARGET/NAME`, for the engine to start from.

#![expect(clippy::disallowed_methods, reason = "a half of a seed is a seed")]

use std::{fs, path::Path};

use wheelwright_fuzz::TARGETS;

fn main() -> std::io::Result<()> {
    for target in TARGETS {
        let folder = Path::new("corpus").join(target.name);
        fs::create_dir_all(&folder)?;
        for (name, bytes) in (target.seeds)() {
            fs::write(folder.join(name), bytes)?;
        }
    }
    Ok(())
}
