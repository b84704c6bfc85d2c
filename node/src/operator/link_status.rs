//! How a link is, for whoever looks at it from another thread.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use smsc_proto::smpp::pdu::BindKind;

use crate::console::tally::{Tally, Totals};

/// One link's state; written by its actors.
#[derive(Debug)]
pub struct LinkStatus {
    kind: BindKind,
    told: Mutex<Told>,
    window_used: AtomicU32,
    tally: Tally,
}

#[derive(Clone, Debug)]
struct Told {
    state: LinkState,
    since: SystemTime,
    address: String,
    error: Option<(SystemTime, String)>,
    reconnects: u64,
}

/// Where a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Opening a connection, or waiting for the answer to our bind.
    Connecting,
    /// Bound: messages go.
    Bound,
    /// Waiting before the next try.
    BackingOff,
    /// Finishing what is under way, then unbinding.
    Draining,
    /// Somebody has told it to stay unbound.
    Paused,
}

impl LinkState {
    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Bound => "bound",
            Self::BackingOff => "backing_off",
            Self::Draining => "draining",
            Self::Paused => "paused",
        }
    }
}

/// [`LinkStatus`] at one moment.
#[derive(Clone, Debug)]
pub struct LinkSnapshot {
    /// As what it binds.
    pub kind: BindKind,
    /// Where it is.
    pub state: LinkState,
    /// Since when.
    pub since: SystemTime,
    /// Where it connects to, or did last.
    pub address: String,
    /// What went wrong last, and when.
    pub error: Option<(SystemTime, String)>,
    /// Tries to connect anew since it was started.
    pub reconnects: u64,
    /// Messages that the operator has not answered.
    pub window_used: u32,
    /// How its attempts ended, over all of its connections.
    pub totals: Totals,
}

impl LinkStatus {
    /// Of a link that binds as `kind`, and has not begun.
    pub fn new(kind: BindKind) -> Self {
        let told = Told {
            state: LinkState::Connecting,
            since: SystemTime::now(),
            address: String::new(),
            error: None,
            reconnects: 0,
        };
        Self { kind, told: Mutex::new(told), window_used: AtomicU32::new(0), tally: Tally::default() }
    }

    /// It is there now.
    pub fn enter(&self, state: LinkState) {
        let mut told = self.told();
        if told.state != state {
            (told.state, told.since) = (state, SystemTime::now());
        }
        if state == LinkState::BackingOff {
            told.reconnects += 1;
        }
        if state != LinkState::Bound {
            self.window_used.store(0, Ordering::Relaxed);
        }
    }

    /// It connects there.
    pub fn connects_to(&self, address: String) {
        self.told().address = address;
    }

    /// Something went wrong.
    pub fn failed(&self, error: String) {
        self.told().error = Some((SystemTime::now(), error));
    }

    /// So many of its messages are not answered.
    pub fn window_used(&self, count: u32) {
        self.window_used.store(count, Ordering::Relaxed);
    }

    /// Counts how its attempts end.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// How it is now.
    pub fn snapshot(&self) -> LinkSnapshot {
        let Told { state, since, address, error, reconnects } = self.told().clone();
        let window_used = self.window_used.load(Ordering::Relaxed);
        let totals = self.tally.totals();
        LinkSnapshot { kind: self.kind, state, since, address, error, reconnects, window_used, totals }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
