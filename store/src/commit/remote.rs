//! What a journal on other machines asks of the state thread: to hand out messages only while the partition is surely
//! ours, and to let new messages wait no longer than their senders will.
//!
//! An append there may take any time, and is never given up: if the standby comes back it has succeeded. Meanwhile
//! what is durable goes out as far as windows have room, and what comes in is treated by how long the append takes:
//!
//! ```text
//! up to 1 s    Runs      new messages form the next batch
//! up to 5 s    Slow      they wait in the lane, where they can still be refused
//! from 5 s     Stalled   those that wait are refused, and all that come (ESME_RMSGQFUL)
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::journal::Tenure;

const SLOW: Duration = Duration::from_secs(1);
const STALLED: Duration = Duration::from_secs(5);

/// How appends get on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// As they should.
    Runs,
    /// New messages wait.
    Slow,
    /// New messages are refused.
    Stalled,
}

/// The journal's lease, and the append that is under way.
pub(super) struct Remote {
    pub(super) lease: Arc<Tenure>,
    began: Option<Instant>,
    flow: Flow,
}

impl Remote {
    pub(super) const fn new(lease: Arc<Tenure>) -> Self {
        Self { lease, began: None, flow: Flow::Runs }
    }

    /// An append begins.
    pub(super) const fn begins(&mut self, now: Instant) {
        self.began = Some(now);
    }

    /// It has ended.
    pub(super) const fn ends(&mut self) {
        self.began = None;
    }

    /// How long it has been under way.
    pub(super) fn age(&self, now: Instant) -> Duration {
        self.began.map_or(Duration::ZERO, |began| now.saturating_duration_since(began))
    }

    /// How appends get on, as of the last [`look`](Self::look).
    pub(super) const fn flow(&self) -> Flow {
        self.flow
    }

    /// Looks how appends get on: what it was before, if that is something else.
    pub(super) fn look(&mut self, now: Instant) -> Option<Flow> {
        let flow = match self.age(now) {
            age if age >= STALLED => Flow::Stalled,
            age if age >= SLOW => Flow::Slow,
            _ => Flow::Runs,
        };
        (flow != self.flow).then(|| std::mem::replace(&mut self.flow, flow))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_append_that_takes_long_stops_new_messages_until_it_ends() {
        let (mut remote, start) = (Remote::new(Arc::default()), Instant::now());
        assert_eq!((remote.look(start), remote.flow()), (None, Flow::Runs));
        remote.begins(start);
        assert_eq!(remote.look(start + SLOW), Some(Flow::Runs));
        assert_eq!((remote.look(start + STALLED), remote.flow()), (Some(Flow::Slow), Flow::Stalled));
        remote.ends();
        assert_eq!((remote.look(start + STALLED), remote.flow()), (Some(Flow::Stalled), Flow::Runs));
    }
}
