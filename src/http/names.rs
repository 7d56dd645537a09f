//! Names of hosts, looked up once: many connections to one host would ask as many times at once, and
//! some resolvers drop what comes too fast.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::OnceCell;

/// How long an answer is believed.
const LIFE: Duration = Duration::from_mins(5);

/// Asks the system, and remembers what it said.
#[derive(Default)]
pub(super) struct Names {
    known: Mutex<BTreeMap<String, Known>>,
}

#[derive(Clone)]
struct Known {
    since: Instant,
    addresses: Arc<OnceCell<Vec<SocketAddr>>>,
}

impl Names {
    fn known(&self, host: &str) -> Arc<OnceCell<Vec<SocketAddr>>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, known| known.since.elapsed() < LIFE);
        let new = || Known { since: Instant::now(), addresses: Arc::default() };
        Arc::clone(&known.entry(host.to_owned()).or_insert_with(new).addresses)
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let addresses = self.known(name.as_str());
        Box::pin(async move {
            let ask = async || Ok(tokio::net::lookup_host((name.as_str(), 0)).await?.collect());
            let found: Result<&Vec<SocketAddr>, std::io::Error> = addresses.get_or_try_init(ask).await;
            Ok(Box::new(found?.clone().into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_is_looked_up_once() {
        let names = Names::default();
        let ask = |name: &str| names.resolve(name.parse().unwrap());
        let found: Vec<SocketAddr> = ask("localhost").await.unwrap().collect();
        assert!(found.iter().all(|address| address.ip().is_loopback()) && !found.is_empty());
        let before = names.known("localhost");
        assert!(before.initialized() && Arc::ptr_eq(&before, &names.known("localhost")));
        assert!(ask("no-such-host.invalid").await.is_err());
        assert!(!names.known("no-such-host.invalid").initialized());
    }
}
