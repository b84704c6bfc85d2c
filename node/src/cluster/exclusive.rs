//! Who has the one link to an operator that tolerates no second bind. Pure: the time is passed in.
//!
//! Every node leaves the link to at most one node: its vote. A vote holds for [`SUSPECTED_AFTER`] from the moment at
//! which its receiver said the last thing that the voter has heard, by the receiver's own clock, so that it does not
//! matter how long a message was under way. A node has the link while the votes of a majority of `nodes_expected` hold.
//!
//! ```text
//!   holder                       voter
//!     ── beat 700 ────────────────>  hears it at its own time r
//!     <── heard 700, vote ─────────  may vote for another at r + GONE_AFTER, not before
//!   relies on it until 700 ms + SUSPECTED_AFTER
//! ```
//!
//! r is later than the moment at which beat 700 was said, and GONE_AFTER is twice SUSPECTED_AFTER: whoever relies on a
//! vote has given it up before the voter can vote anew, whatever the network does. Two majorities have a voter in
//! common, so there are never two holders. A node that was started a moment ago may have voted in the run before, and
//! waits for GONE_AFTER too. Nobody who holds the link loses it because another would be preferred.
//!
//! Clocks need not agree, but they must run: a process that stands still does not notice that its time is up, and its
//! sockets stay open until it goes on or the operator drops them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use smsc_store::Name;
use uuid::Uuid;

use super::peers::{GONE_AFTER, Known, Peers, SUSPECTED_AFTER};
use super::placement;
use super::view::PeerState;

/// This node's votes.
#[derive(Debug)]
pub struct Ballot {
    operators: BTreeMap<Name, Vote>,
    /// Before this, an earlier run of this node may still be relied on.
    opens_at: Instant,
    nodes_expected: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Vote {
    /// To whom we leave the link.
    given: Option<Voted>,
    /// Until when whoever had our vote before may rely on it.
    relied_until: Option<Instant>,
}

/// A node and its incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Voted {
    number: u16,
    incarnation: Uuid,
}

/// This node, as far as votes are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own<'a> {
    /// Its number.
    pub number: u16,
    /// Of this run.
    pub incarnation: Uuid,
    /// The nodes on which links may be placed, this one perhaps among them.
    pub members: &'a [u16],
}

impl Ballot {
    /// Of a node that starts now, for these exclusive operators.
    pub fn new(operators: impl IntoIterator<Item = Name>, nodes_expected: u32, now: Instant) -> Self {
        Self {
            operators: operators.into_iter().map(|operator| (operator, Vote::default())).collect(),
            opens_at: now + GONE_AFTER,
            nodes_expected,
        }
    }

    /// Reconsiders all votes. Returns whether one has changed: peers are then to be told at once.
    ///
    /// A vote stays while its receiver is there and has the link, or is the one preferred. `holds`: whether we have it.
    pub fn revise(&mut self, own: Own<'_>, peers: &Peers, holds: impl Fn(Name) -> bool, now: Instant) -> bool {
        let mut changed = false;
        for (operator, vote) in &mut self.operators {
            let holder = if holds(*operator) { Some(own.number) } else { holder(*operator, peers) };
            let wanted = holder.or_else(|| placement::first(*operator, own.members));
            let wanted = wanted.and_then(|number| voted(number, own, peers));
            if let Some(given) = vote.given.filter(|given| wanted != Some(*given)) {
                vote.given = None;
                // Ourselves we need not wait for: we know at once.
                vote.relied_until = (given.incarnation != own.incarnation)
                    .then(|| peers.of(given.incarnation).map_or(now, |known| known.heard_at) + GONE_AFTER);
                changed = true;
            }
            let free = now >= self.opens_at && vote.relied_until.is_none_or(|until| now >= until);
            if vote.given.is_none() && free && wanted.is_some() {
                *vote = Vote { given: wanted, relied_until: None };
                changed = true;
            }
        }
        changed
    }

    /// The operators whose link we leave to that incarnation.
    pub fn votes_for(&self, incarnation: Uuid) -> impl Iterator<Item = Name> {
        let given = move |vote: &Vote| vote.given.is_some_and(|given| given.incarnation == incarnation);
        self.operators.iter().filter(move |(_, vote)| given(vote)).map(|(operator, _)| *operator)
    }

    /// Whether a majority leaves the link to this node at its own time `beat`, in milliseconds.
    pub fn lease(&self, operator: Name, own: Uuid, peers: &Peers, beat: u64) -> bool {
        let echoed = peers.all().filter(|known| {
            let Some((heard, votes)) = &known.echo else { return false };
            votes.contains(&operator) && beat < heard.min(&beat).saturating_add(millis(SUSPECTED_AFTER))
        });
        let own_vote = self.votes_for(own).any(|of| of == operator);
        echoed.count() + usize::from(own_vote) >= self.majority(peers)
    }

    /// How many votes are needed. Nodes beyond those expected count too: otherwise two sides could have enough.
    fn majority(&self, peers: &Peers) -> usize {
        let known = peers.all().count() + 1;
        (self.nodes_expected as usize).max(known) / 2 + 1
    }
}

/// Who says that it has the link.
fn holder(operator: Name, peers: &Peers) -> Option<u16> {
    let holds = |known: &&Known| known.state != PeerState::Gone && known.facts.holds.contains(&operator);
    peers.all().find(holds).map(|known| known.stranger.number)
}

fn voted(number: u16, own: Own<'_>, peers: &Peers) -> Option<Voted> {
    if number == own.number {
        return Some(Voted { number, incarnation: own.incarnation });
    }
    let known = peers.all().find(|known| known.stranger.number == number && known.state != PeerState::Gone)?;
    Some(Voted { number, incarnation: known.stranger.incarnation })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
