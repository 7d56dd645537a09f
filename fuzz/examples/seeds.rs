//! Writes the seeds as `corpus/TARGET/NAME`, for the engine to start from.

use std::{fs, path::Path};

fn main() -> std::io::Result<()> {
    let families =
        [("wheel", wheelwright_fuzz::wheels()), ("splice", wheelwright_fuzz::splices()), ("elf", wheelwright_fuzz::libraries())];
    for (target, seeds) in families {
        let folder = Path::new("corpus").join(target);
        fs::create_dir_all(&folder)?;
        for (name, bytes) in seeds {
            fs::write(folder.join(name), bytes)?;
        }
    }
    Ok(())
}
