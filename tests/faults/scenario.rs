//! What a seed holds in store for a run.

use super::{chance::Chance, sky::Sky};

/// One run and its troubles.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    pub(super) registry: Sky,
    pub(super) index: Sky,
    pub(super) limit: Option<Limit>,
    pub(super) disk: Option<Small>,
    pub(super) signal: Option<Signal>,
    pub(super) past: Past,
    /// Two runs at once, in one folder and over one store.
    pub(super) pair: bool,
    pub(super) to: To,
    /// Whether an older image stands where the new one goes.
    pub(super) older: bool,
}

/// What the system does not give.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    /// Bytes of each file.
    FileSize(u64),
    /// Open files.
    Descriptors(u64),
    /// Bytes of address space.
    Memory(u64),
}

/// Which disk has little room, or none.
#[derive(Clone, Copy, Debug)]
pub(super) enum Small {
    /// KiB for the store.
    Store(u64),
    /// KiB for the output.
    Output(u64),
    /// Nothing can be written to the store.
    StoreIsReadOnly,
    /// Nothing can be written to where the output goes.
    OutputIsReadOnly,
}

/// Ends the run when the servers have seen so many requests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signal {
    pub(super) name: &'static str,
    pub(super) after: u64,
}

/// What is in the store before the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Past {
    Nothing,
    /// All that a run needs.
    All,
    /// Of that, some files are spoiled.
    Damaged,
    /// Some files are torn, as after a power failure.
    Torn,
    /// All of it was written and used in ten years: the clock was set back since.
    Later,
    /// Another version of the program wrote its own things under the same keys, and beside them.
    OtherVersion,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    Registry,
    Layout,
    Archive,
    /// All of them.
    Everywhere,
}

/// Kinds of troubles that take turns as the main one.
const KINDS: u64 = 14;

impl Scenario {
    pub(super) fn of(seed: u64) -> Self {
        let mut chance = Chance::of(seed, "scenario");
        let pasts = [Past::Nothing, Past::Nothing, Past::All, Past::Torn];
        let to = [To::Registry, To::Registry, To::Layout, To::Archive, To::Everywhere];
        let light = |chance: &mut Chance| if chance.one_in(4) { Sky::Showers } else { Sky::Clear };
        let mut scenario = Self {
            registry: light(&mut chance),
            index: light(&mut chance),
            limit: None,
            disk: None,
            signal: None,
            past: chance.pick(&pasts),
            pair: chance.one_in(5),
            to: chance.pick(&to),
            older: chance.one_in(2),
        };
        scenario.trouble(seed % KINDS, &mut chance);
        if scenario.signal.is_none() && chance.one_in(8) {
            scenario.signal = Some(Signal::draw(&mut chance));
        }
        scenario
    }

    fn trouble(&mut self, kind: u64, chance: &mut Chance) {
        let bad = |chance: &mut Chance| match chance.between(0, 4) {
            0 => Sky::Showers,
            1 => Sky::Outage(chance.between(1, 60)),
            _ => Sky::Storm,
        };
        match kind {
            0 => self.registry = bad(chance),
            1 => (self.index, self.past) = (bad(chance), Past::Nothing),
            2 => self.limit = Some(Limit::FileSize(chance.between(0, 20).pow(4) + chance.between(0, 4000))),
            3 => self.limit = Some(Limit::Descriptors(chance.between(4, 50))),
            4 => self.limit = Some(Limit::Memory(chance.between(64, 320) << 20)),
            5 => self.signal = Some(Signal::draw(chance)),
            6 => {
                let signal = Signal::draw(chance);
                // The run waits for an answer when the signal comes, and for nothing else.
                let there = if chance.one_in(3) { &mut self.index } else { &mut self.registry };
                *there = Sky::Silence(signal.after);
                (self.signal, self.pair) = (Some(signal), false);
            }
            7 => (self.disk, self.past) = (Some(Small::Store(chance.between(4, 900))), Past::Nothing),
            8 => {
                self.disk = Some(Small::Output(chance.between(4, 1200)));
                self.to = chance.pick(&[To::Layout, To::Archive, To::Everywhere]);
            }
            9 if chance.one_in(2) => self.disk = Some(Small::StoreIsReadOnly),
            9 => {
                self.disk = Some(Small::OutputIsReadOnly);
                self.to = chance.pick(&[To::Layout, To::Archive, To::Everywhere]);
            }
            10 => self.past = Past::Damaged,
            11 => self.past = Past::Later,
            12 => self.past = Past::OtherVersion,
            _ => self.pair = true,
        }
    }
}

impl Signal {
    fn draw(chance: &mut Chance) -> Self {
        Self { name: chance.pick(&["INT", "TERM", "KILL", "KILL"]), after: chance.between(1, 70) }
    }
}
