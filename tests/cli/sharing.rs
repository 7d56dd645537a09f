//! Many processes over one store: wheels are fetched once, images are the same, and whoever is killed leaves
//! nothing behind.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use wheelwright::{oci::Digest, testing::Wheel};

use super::{
    bench::Bench,
    workshop::{digest, put_base},
};
use crate::registry::world::{World, noise};

/// Recipes with the wheels they want.
const RECIPES: [(&str, &str); 3] = [("one", "\"aa\", \"bb\""), ("two", "\"bb\", \"cc\""), ("three", "\"aa\", \"cc\"")];

/// A package index that counts how often each path is asked for.
#[derive(Clone, Default)]
struct Index {
    asked: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Index {
    /// Serves until the test's process ends.
    fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/simple/", listener.local_addr().unwrap());
        let index = self.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let index = index.clone();
                thread::spawn(move || index.answer(stream.unwrap()));
            }
        });
        url
    }

    fn answer(&self, mut stream: TcpStream) {
        let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
        let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
        let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        let (kind, body) = match name.split_once('-') {
            None => {
                let wheel = wheel(&name);
                let hash = Digest::of(&wheel.build()).hex();
                let page = format!("<a href=\"/files/{}#sha256={hash}\">{name}</a>\n", wheel.file_name());
                ("text/html", page.into_bytes())
            }
            Some((name, _)) => {
                *self.asked.lock().unwrap().entry(path).or_default() += 1;
                // Slow enough for others to want it too.
                thread::sleep(Duration::from_millis(50));
                ("application/zip", wheel(name).build())
            }
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(&[head.as_bytes(), &body].concat());
    }

    fn downloads(&self) -> BTreeMap<String, usize> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn wheel(name: &str) -> Wheel {
    Wheel::new(name, "1.0").file(&format!("{name}.py"), &noise(name.as_bytes()[0], 500_000))
}

fn build(bench: &Bench, recipe: &str, world: &World) -> Command {
    let push = format!("{}/{recipe}:1", world.host());
    let mut command = bench.command(&format!("build {recipe}.toml --locked --progress off --push {push}"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_share_a_store_and_survive_each_other() {
    let world = World::new().await;
    put_base(&world, 50_000).await;
    let index = Index::default();
    let url = index.start();
    let bench = Bench::new(&[]);
    for (name, wheels) in RECIPES {
        let recipe = format!(
            "name = \"{name}\"\nbase = \"{}/base/python:3.11\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]\n\
             [wheels]\nrequire = [{wheels}]\n",
            world.host()
        );
        bench.write(&format!("{name}.toml"), recipe.as_bytes());
        let locked = bench.run_with(&format!("lock {name}.toml --progress off"), &[("WHEELWRIGHT_INDEX", &url)]);
        assert_eq!(locked.code, Some(0), "{locked}");
    }
    std::fs::remove_dir_all(bench.store()).unwrap();
    index.downloads();

    let all = || RECIPES.iter().cycle().take(RECIPES.len() * 3).map(|(name, _)| *name);
    let start = |name| (name, build(&bench, name, &world).env("WHEELWRIGHT_INDEX", &url).spawn().unwrap());
    let ended = |(name, child): (&'static str, Child)| (name, digest(&bench.ended(child.wait_with_output().unwrap())));
    let children: Vec<_> = all().map(start).collect();
    let mut images = BTreeMap::new();
    for (name, digest) in children.into_iter().map(ended) {
        assert_eq!(*images.entry(name).or_insert(digest), digest, "{name}");
    }
    let downloads = index.downloads();
    assert!(downloads.len() == 3 && downloads.values().all(|times| *times == 1), "{downloads:?}");

    // Killed in the middle, over an empty store, and started again.
    for round in 0..4_u64 {
        std::fs::remove_dir_all(bench.store()).unwrap();
        let mut children: Vec<_> = all().map(start).collect();
        for (number, (_, child)) in children.iter_mut().enumerate() {
            thread::sleep(Duration::from_millis((round * 31 + number as u64 * 17) % 60));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let verified = bench.run("cache verify");
        assert_eq!(verified.code, Some(0), "{verified}");
        for (name, digest) in all().map(start).collect::<Vec<_>>().into_iter().map(ended) {
            assert_eq!(images[name], digest, "{name}");
        }
        let verified = bench.run("cache verify");
        assert_eq!(verified.code, Some(0), "{verified}");
    }
}
