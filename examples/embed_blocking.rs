//! Builds an image in a program that knows nothing of async, from a folder of wheels.
//!
//! ```text
//! cargo run --example embed_blocking
//! ```

#![expect(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::error::Error;

use tokio::runtime::Runtime;
use wheelwright::{
    builder::{Builder, Destination, Kept, Project, Selection, Settings},
    http::{Client, Options},
    pypi::{DefaultIndex, Location},
    recipe::Recipe,
    store::Store,
    testing::{Base, Wheel},
};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path();
    Base::default().write(&path.join("base"))?;
    Wheel::new("demo", "1.0").requires("helper>=2").file("demo.py", b"import helper\n").write(&path.join("wheels"))?;
    Wheel::new("helper", "2.1").file("helper.py", b"").write(&path.join("wheels"))?;

    // Recipes are text, so that a program can also write down what it built.
    let requirements = ["demo"];
    let recipe = format!(
        "name = \"demo\"\nbase = \"oci:base\"\nplatforms = [\"linux/amd64\"]\nwheels.require = {requirements:?}\n"
    );
    let project = Project { recipe: Recipe::parse("demo.toml", &recipe)?, folder: path.to_owned() };

    let store = Store::open(path.join("store"))?;
    let client = Client::new(Options { offline: true, ..Options::default() })?;
    let default_index = DefaultIndex::Other(Location::Folder(path.join("wheels")));
    let builder = Builder::new(Settings { default_index, ..Settings::new(store, client) })?;

    let delivery = Runtime::new()?.block_on(async {
        let lock = builder.lock(&project, &Kept::nothing()).await?;
        for wheel in lock.images.iter().flat_map(|image| &image.wheels) {
            println!("{} {}", wheel.name, wheel.version);
        }
        let built = builder.build(&project, &lock, &Selection::default()).await?;
        builder.deliver(&built, &Destination::Layout { folder: path.join("image"), name: None }).await
    })?;
    println!("{}", delivery.root);
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_runs() {
        super::main().unwrap();
    }
}
