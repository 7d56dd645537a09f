//! How bad the weather is between the program and a server, and what of it each request meets. It
//! depends on the seed, the request, and how often it was made before: not on which came first.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use wheelwright::serve::faults::{Fault, Seen};

use super::chance::Chance;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sky {
    Clear,
    /// One request of twelve goes wrong.
    Showers,
    /// One of three.
    Storm,
    /// Every one from this on.
    Outage(u64),
    /// One is never answered.
    Silence(u64),
}

/// The weather at one server.
pub(super) struct Weather {
    seed: u64,
    sky: Sky,
    over: AtomicBool,
    requests: AtomicU64,
    times: Mutex<BTreeMap<String, u64>>,
}

/// What an index does to a request.
#[derive(Clone, Debug)]
pub(super) enum Mishap {
    /// This status, with a line of text; 429 and 503 ask for patience.
    Status(u16),
    /// The body breaks off after so many bytes.
    Cut(usize),
    /// The connection closes without an answer.
    Lost,
    /// No HTTP at all.
    Garbage,
    /// The first byte is another one.
    WrongByte,
    /// A redirect to the same place.
    Circle,
    /// It takes its time.
    Late(Duration),
    /// The answer promises more than comes.
    Short,
    /// A range is not heard of.
    Whole,
    /// A range begins elsewhere.
    Shifted,
    /// A page that asks to log in, as in a hotel.
    Portal,
    /// Nothing ever comes.
    Silence,
}

impl Sky {
    /// The number of the request that is never answered.
    pub(super) const fn silent_from(self) -> Option<u64> {
        if let Self::Silence(number) = self { Some(number) } else { None }
    }
}

impl Weather {
    pub(super) const fn new(seed: u64, sky: Sky) -> Self {
        let (over, requests) = (AtomicBool::new(false), AtomicU64::new(0));
        Self { seed, sky, over, requests, times: Mutex::new(BTreeMap::new()) }
    }

    /// From now on it is fine.
    pub(super) fn clear_up(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// How many requests there were.
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    /// The chances of a request that goes wrong. The second value: it is never answered.
    fn strikes(&self, request: &str) -> Option<(Chance, bool)> {
        let number = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
        let mut times = self.times.lock().unwrap();
        let time = times.entry(request.to_owned()).or_default();
        *time += 1;
        let mut chance = Chance::of(self.seed, &format!("{request} {time}"));
        if self.over.load(Ordering::SeqCst) {
            return None;
        }
        let struck = match self.sky {
            Sky::Clear => false,
            Sky::Showers => chance.one_in(12),
            Sky::Storm => chance.one_in(3),
            Sky::Outage(from) | Sky::Silence(from) => number >= from,
        };
        struck.then_some((chance, matches!(self.sky, Sky::Silence(_))))
    }

    pub(super) fn at_registry(&self, seen: &Seen) -> Option<Fault> {
        // Sessions of uploads have names that no seed knows.
        let place = seen.path.split_inclusive("/uploads/").next().unwrap_or_default();
        let (mut chance, silent) = self.strikes(&format!("{} {place}", seen.method))?;
        if silent {
            return Some(Fault::Stall);
        }
        let bytes = chance.between(0, 60_000);
        let said =
            |status, name, value: String| Fault::Answer { status, headers: vec![(name, value)], body: Bytes::new() };
        Some(match chance.between(0, 20) {
            0 => said(503, "retry-after", "0".to_owned()),
            1 => said(429, "retry-after", "1".to_owned()),
            2 => said(307, "location", format!("http://registry.invalid:5000{}", seen.path)),
            3 => Fault::Status(chance.pick(&[401, 403, 404, 405, 413, 500, 504])),
            4 => Fault::AnswerAfterBody(chance.pick(&[200, 201, 202, 400, 502])),
            5 => Fault::CutRequest(bytes),
            6 => Fault::LoseReply,
            7 | 8 => Fault::CutReply(bytes),
            9 | 10 => Fault::WrongBytes,
            11 => Fault::Header("docker-content-digest", format!("sha256:{bytes:064}")),
            12 => Fault::Header("content-type", "text/html".to_owned()),
            13 => Fault::WithoutHeader(chance.pick(&["location", "docker-content-digest", "content-type"])),
            14 => Fault::IgnoreHeader(chance.pick(&["range", "content-range", "content-length", "content-type"])),
            15 => Fault::Delay(Duration::from_millis(bytes / 200)),
            16 => said(200, "content-type", "text/html".to_owned()),
            17 => said(301, "location", "http://elsewhere.invalid/".to_owned()),
            18 => Fault::Header("location", "http://elsewhere.invalid/".to_owned()),
            _ => said(500, "content-type", "text/plain".to_owned()),
        })
    }

    pub(super) fn at_index(&self, method: &str, path: &str) -> Option<Mishap> {
        let (mut chance, silent) = self.strikes(&format!("{method} {path}"))?;
        if silent {
            return Some(Mishap::Silence);
        }
        let bytes = usize::try_from(chance.between(0, 60_000)).unwrap();
        Some(match chance.between(0, 16) {
            0 | 1 => Mishap::Status(chance.pick(&[500, 502, 503, 429])),
            2 => Mishap::Status(chance.pick(&[304, 401, 403, 404, 410, 416])),
            3 | 4 => Mishap::Cut(bytes),
            5 => Mishap::Cut(0),
            6 => Mishap::Lost,
            7 => Mishap::Garbage,
            8 | 9 => Mishap::WrongByte,
            10 => Mishap::Circle,
            11 => Mishap::Late(Duration::from_millis(bytes as u64 / 200)),
            12 => Mishap::Short,
            13 => Mishap::Whole,
            14 => Mishap::Shifted,
            _ => Mishap::Portal,
        })
    }
}
