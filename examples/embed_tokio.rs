//! Builds an image inside a program that runs on tokio, and gives up as soon as the program is told to stop:
//! whoever drops the future of a build has cancelled it.
//!
//! ```text
//! cargo run --example embed_tokio
//! ```

#![expect(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::{error::Error, path::Path};

use tokio::sync::oneshot;
use wheelwright::{
    builder::{Builder, Destination, Kept, Project, Selection, Settings},
    http::{Client, Options},
    image::Delivery,
    recipe::Recipe,
    store::Store,
    testing::{Base, Wheel},
};

const RECIPE: &str = r#"
name      = "demo"
base      = "oci:base"
platforms = ["linux/amd64", "linux/arm64"]
wheels.require = ["./demo-1.0-py3-none-any.whl"]
"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // A real program has a base and wheels; these need no network.
    let folder = tempfile::tempdir()?;
    Base::default().write(&folder.path().join("base"))?;
    Wheel::new("demo", "1.0").file("demo.py", b"print('hello')\n").write(folder.path())?;

    // A token, a signal, a time limit: anything that can be waited for.
    let (_stop, stopped) = oneshot::channel::<()>();
    tokio::select! {
        delivery = build(folder.path()) => {
            let delivery = delivery?;
            println!("{}: {} images, {} bytes", delivery.root, delivery.images, delivery.bytes_sent());
        }
        Ok(()) = stopped => println!("given up"),
    }
    Ok(())
}

async fn build(folder: &Path) -> Result<Delivery, Box<dyn Error>> {
    let project = Project { recipe: Recipe::parse("demo.toml", RECIPE)?, folder: folder.to_owned() };
    let settings = Settings::new(Store::open(folder.join("store"))?, Client::new(Options::default())?);
    let builder = Builder::new(settings)?;
    let lock = builder.lock(&project, &Kept::nothing()).await?;
    let built = builder.build(&project, &lock, &Selection::default()).await?;
    let destination = Destination::Layout { folder: folder.join("image"), name: Some("1.0".to_owned()) };
    Ok(builder.deliver(&built, &destination).await?)
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_runs() {
        super::main().unwrap();
    }
}
