//! The peers of this node: who was met, when each was last heard of, what each says. Pure: the time is passed in.
//!
//! ```text
//!            three beats missed             silent for GONE_AFTER, or it said that it leaves
//!   alive ──────────────────────> suspected ──────────────────────────────────────────────> gone
//!     ^  <──────────────────────     │                                                        │
//!     └──────────── heard ───────────┴────────────────────────────── heard ───────────────────┘
//! ```
//! A node that was started again is another incarnation, and replaces all that was known of the one before. One that is
//! gone, and that nothing names any more, is gone for good: it is forgotten, and would be met anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use smsc_store::Name;
use uuid::Uuid;

use super::fact::{Fact, Facts, Key, Phase};
use super::handshake::{Refused, Stranger};
use super::view::PeerState;

/// How often a node says something, at least.
pub const BEAT_EVERY: Duration = Duration::from_millis(500);
/// Three beats missed.
pub const SUSPECTED_AFTER: Duration = BEAT_EVERY.saturating_mul(3);
/// So silent a node counts no more: what it did is done by others.
pub const GONE_AFTER: Duration = SUSPECTED_AFTER.saturating_mul(2);

/// A peer that said that it leaves is forgotten when nothing has named it for so long: it may only be starting again.
pub const LEFT_FORGOTTEN_AFTER: Duration = Duration::from_secs(60);
/// One that fell silent: it may be behind a network that is to be mended.
pub const SILENT_FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

/// What a peer may say of itself at most; more is no cluster of ours.
const FACTS_MAX: usize = 200_000;

/// One peer.
#[derive(Clone, Debug)]
pub struct Known {
    /// Who it is.
    pub stranger: Stranger,
    /// What we think of it.
    pub state: PeerState,
    /// When it was last heard of.
    pub heard_at: Instant,
    /// What we have of it.
    pub version: u64,
    /// The last beat heard of it; 0: none yet.
    pub beat: u64,
    /// What it says.
    pub facts: Arc<Facts>,
    /// The last of our beats that it has heard, and the exclusive operators that it left to us then.
    pub echo: Option<(u64, BTreeSet<Name>)>,
    /// The stream from it has ended.
    broken: bool,
    /// When something last named it: a seed, or a peer that is connected to it.
    named_at: Instant,
}

/// One update, read.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Of the publisher.
    pub incarnation: Uuid,
    /// What the publisher had before was void.
    pub snapshot: bool,
    /// What the facts come on top of.
    pub base: u64,
    /// What we have then.
    pub version: u64,
    /// What is new.
    pub facts: Vec<(Key, Option<Fact>)>,
    /// The publisher's own clock.
    pub beat: u64,
    /// The last of our beats that it has heard, 0 for none.
    pub echo: u64,
    /// The exclusive operators that it leaves to us.
    pub votes: BTreeSet<Name>,
}

/// Why an update was of no use: the stream is to be opened anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is of nobody that we know, or no longer know.
    #[error("an update of a node that is not known (any more)")]
    Unknown,
    /// Something is missing between what we have and what came.
    #[error("an update was missed")]
    Gap,
    /// More than a node of ours can have to say.
    #[error("a node with more than {FACTS_MAX} facts")]
    TooMuch,
}

/// A peer's state has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Its number.
    pub number: u16,
    /// Its name.
    pub name: String,
    /// What it is now.
    pub state: PeerState,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Peers {
    by_number: BTreeMap<u16, Known>,
}

impl Peers {
    /// A node that belongs to us has shaken hands. Returns whether it is new to us, or a new incarnation.
    pub fn meet(&mut self, stranger: Stranger, now: Instant) -> Result<bool, Refused> {
        let number = stranger.number;
        if let Some(known) = self.by_number.get_mut(&number) {
            if known.stranger.incarnation == stranger.incarnation {
                known.stranger = stranger;
                return Ok(false);
            }
            // A restarted node's old stream has ended, or it is silent. Whose stream goes on lives.
            if known.state == PeerState::Alive && !known.broken {
                return Err(Refused::NumberTaken { number, holder: known.stranger.name.clone() });
            }
        }
        let known = Known {
            stranger,
            state: PeerState::Alive,
            heard_at: now,
            version: 0,
            beat: 0,
            facts: Arc::default(),
            echo: None,
            broken: false,
            named_at: now,
        };
        self.by_number.insert(number, known);
        Ok(true)
    }

    /// An update came. Returns whether anything changed that others should know.
    pub fn hear(&mut self, heard: Heard, now: Instant) -> Result<bool, Unusable> {
        let known = self.by_number.values_mut().find(|known| known.stranger.incarnation == heard.incarnation);
        let known = known.ok_or(Unusable::Unknown)?;
        let fresh = heard.snapshot || heard.base <= known.version;
        if !fresh {
            return Err(Unusable::Gap);
        }
        // One that was overtaken says nothing new, not even that the node lives.
        let overtaken = heard.version < known.version || heard.beat < known.beat;
        if overtaken {
            return Ok(false);
        }
        let revived = known.state != PeerState::Alive;
        let left = known.facts.standing.phase == Phase::Left;
        known.heard_at = now;
        known.beat = heard.beat;
        known.broken = false;
        known.echo = (heard.echo > 0).then_some((heard.echo, heard.votes));
        // The same version again adds nothing, unless it is the first: a node that has nothing to say yet.
        let news = (heard.snapshot && heard.version >= known.version) || heard.version > known.version;
        if news {
            let mut facts = if heard.snapshot { Facts::default() } else { (*known.facts).clone() };
            for (key, fact) in heard.facts {
                facts.apply(key, fact);
            }
            if facts.count() > FACTS_MAX {
                return Err(Unusable::TooMuch);
            }
            known.version = heard.version;
            known.facts = Arc::new(facts);
        }
        let leaves = known.facts.standing.phase == Phase::Left;
        known.state = if leaves { PeerState::Gone } else { PeerState::Alive };
        Ok(news || (revived && !leaves) || leaves != left)
    }

    /// The stream from a peer has ended. It is not gone for that, but a new incarnation may take its number.
    pub fn disconnected(&mut self, incarnation: Uuid) {
        if let Some(known) = self.of_mut(incarnation) {
            known.broken = true;
        }
    }

    /// Suspects, and gives up, who was silent for too long.
    pub fn handle_timeout(&mut self, now: Instant) -> Vec<Turn> {
        let mut turns = Vec::new();
        for known in self.by_number.values_mut() {
            let silent = now.saturating_duration_since(known.heard_at);
            let state = match known.state {
                PeerState::Gone => PeerState::Gone,
                _ if silent >= GONE_AFTER => PeerState::Gone,
                _ if silent >= SUSPECTED_AFTER => PeerState::Suspected,
                PeerState::Alive | PeerState::Suspected => known.state,
            };
            if state != known.state {
                known.state = state;
                turns.push(Turn { number: known.stranger.number, name: known.stranger.name.clone(), state });
            }
        }
        turns
    }

    /// Something names these peers now.
    pub fn named(&mut self, is_named: impl Fn(&Stranger) -> bool, now: Instant) {
        for known in self.by_number.values_mut().filter(|known| is_named(&known.stranger)) {
            known.named_at = now;
        }
    }

    /// Forgets who is gone for good, and returns them.
    pub fn forget(&mut self, now: Instant) -> Vec<Stranger> {
        let for_good = |known: &Known| {
            let after = match known.facts.standing.phase {
                Phase::Left => LEFT_FORGOTTEN_AFTER,
                Phase::Starting | Phase::Ready | Phase::Draining => SILENT_FORGOTTEN_AFTER,
            };
            let last = known.heard_at.max(known.named_at);
            known.state == PeerState::Gone && now.saturating_duration_since(last) >= after
        };
        self.by_number.extract_if(.., |_, known| for_good(known)).map(|(_, known)| known.stranger).collect()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let deadlines = self.by_number.values().filter_map(|known| match known.state {
            PeerState::Alive => Some(known.heard_at + SUSPECTED_AFTER),
            PeerState::Suspected => Some(known.heard_at + GONE_AFTER),
            PeerState::Gone => None,
        });
        deadlines.min()
    }

    /// All of them, in the order of their numbers.
    pub fn all(&self) -> impl Iterator<Item = &Known> {
        self.by_number.values()
    }

    /// The peer of that incarnation.
    pub fn of(&self, incarnation: Uuid) -> Option<&Known> {
        self.by_number.values().find(|known| known.stranger.incarnation == incarnation)
    }

    fn of_mut(&mut self, incarnation: Uuid) -> Option<&mut Known> {
        self.by_number.values_mut().find(|known| known.stranger.incarnation == incarnation)
    }
}

#[cfg(test)]
mod tests;
