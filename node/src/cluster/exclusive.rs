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

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use smsc_store::Name;
use uuid::Uuid;

use super::peers::{GONE_AFTER, Known, Peers, SUSPECTED_AFTER};
use super::placement;
use super::view::PeerState;

/// This node's votes.
#[derive(Debug)]
pub struct Ballot {
    exclusive: BTreeSet<Name>,
    /// Of those that are exclusive, and of those that were while somebody may still rely on our vote.
    votes: BTreeMap<Name, Vote>,
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
        let exclusive = operators.into_iter().collect();
        Self { exclusive, votes: BTreeMap::new(), opens_at: now + GONE_AFTER, nodes_expected }
    }

    /// From now on these operators are exclusive. Votes for others end at the next look.
    pub fn set_operators(&mut self, operators: impl IntoIterator<Item = Name>) {
        self.exclusive = operators.into_iter().collect();
    }

    /// Reconsiders all votes. Returns whether one has changed: peers are then to be told at once.
    ///
    /// A vote stays while its receiver is there and has the link, or is the one preferred. `holds`: whether we have it.
    pub fn revise(&mut self, own: Own<'_>, peers: &Peers, holds: impl Fn(Name) -> bool, now: Instant) -> bool {
        let mut changed = false;
        for operator in &self.exclusive {
            self.votes.entry(*operator).or_default();
        }
        for (operator, vote) in &mut self.votes {
            let holder = if holds(*operator) { Some(own.number) } else { holder(*operator, peers) };
            let wanted = holder.or_else(|| placement::first(*operator, own.members));
            let wanted = wanted.filter(|_| self.exclusive.contains(operator));
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
        let relied_on = |vote: &Vote| vote.relied_until.is_some_and(|until| now < until);
        self.votes.retain(|operator, vote| self.exclusive.contains(operator) || relied_on(vote));
        changed
    }

    /// The operators whose link we leave to that incarnation.
    pub fn votes_for(&self, incarnation: Uuid) -> impl Iterator<Item = Name> {
        let given = move |vote: &Vote| vote.given.is_some_and(|given| given.incarnation == incarnation);
        self.votes.iter().filter(move |(_, vote)| given(vote)).map(|(operator, _)| *operator)
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

#[cfg(test)]
mod tests {
    use super::super::handshake::tests::identity;
    use super::super::peers::Heard;
    use super::*;

    /// This node is number 0, its peers 1 and 2.
    struct Trial {
        start: Instant,
        own: Uuid,
        operator: Name,
        ballot: Ballot,
        peers: Peers,
        incarnations: [Uuid; 2],
    }

    impl Trial {
        fn new() -> Self {
            let (start, operator) = (Instant::now(), Name::intern("exclusive-op"));
            let mut peers = Peers::default();
            let incarnations = [1, 2].map(|number| {
                let hello = identity(number).hello();
                let stranger = identity(0).judge(&hello).expect("it belongs to us");
                let incarnation = stranger.incarnation;
                peers.meet(stranger, start).expect("its number is free");
                incarnation
            });
            Self {
                start,
                own: Uuid::new_v4(),
                operator,
                ballot: Ballot::new([operator], 3, start),
                peers,
                incarnations,
            }
        }

        /// Peer `number` has heard our beat `echo`, and votes for us or not.
        fn hears(&mut self, number: usize, echo: u64, votes_for_us: bool, at: Instant) {
            let incarnation = self.incarnations[number - 1];
            let beat = u64::try_from(at.duration_since(self.start).as_millis()).expect("a short time") + 1;
            let votes: BTreeSet<Name> = votes_for_us.then_some(self.operator).into_iter().collect();
            let heard =
                Heard { incarnation, snapshot: true, base: 0, version: 0, facts: Vec::new(), beat, echo, votes };
            self.peers.hear(heard, at).expect("it is known");
        }

        fn revise(&mut self, members: &[u16], holds: bool, at: Instant) {
            let own = Own { number: 0, incarnation: self.own, members };
            self.ballot.revise(own, &self.peers, |_| holds, at);
        }

        /// For whom we vote, by number.
        fn vote(&self) -> Option<u16> {
            self.ballot.votes.get(&self.operator)?.given.map(|given| given.number)
        }

        fn has_lease(&self, beat: u64) -> bool {
            self.ballot.lease(self.operator, self.own, &self.peers, beat)
        }
    }

    #[test]
    fn a_node_that_has_just_started_leaves_the_link_to_nobody() {
        let mut trial = Trial::new();
        let (start, opens) = (trial.start, trial.start + GONE_AFTER);
        trial.revise(&[0], false, start);
        assert_eq!(trial.vote(), None, "its earlier run may have voted for another");
        trial.revise(&[0], false, opens);
        assert_eq!(trial.vote(), Some(0));
    }

    #[test]
    fn a_majority_of_fresh_votes_is_the_link() {
        let mut trial = Trial::new();
        let opens = trial.start + GONE_AFTER;
        trial.revise(&[0], false, opens);
        assert!(!trial.has_lease(3_000), "our own vote is no majority of three");
        trial.hears(1, 2_900, true, opens);
        assert!(trial.has_lease(3_000));
        trial.hears(1, 2_950, false, opens + Duration::from_millis(1));
        assert!(!trial.has_lease(3_000), "it votes for us no longer");
    }

    #[test]
    fn a_vote_ages_from_the_moment_at_which_we_spoke_last_before_it() {
        let mut trial = Trial::new();
        let opens = trial.start + GONE_AFTER;
        trial.revise(&[0], false, opens);
        trial.hears(1, 2_000, true, opens + GONE_AFTER);
        let until = 2_000 + millis(SUSPECTED_AFTER);
        assert!(trial.has_lease(until - 1));
        assert!(!trial.has_lease(until), "however late it came");
    }

    #[test]
    fn whoever_had_our_vote_may_rely_on_it_until_his_time_is_up() {
        let mut trial = Trial::new();
        let opens = trial.start + GONE_AFTER;
        trial.hears(1, 1, false, opens);
        trial.revise(&[1], false, opens);
        assert_eq!(trial.vote(), Some(1));
        // It is draining now, and has not taken the link.
        let changed = opens + Duration::from_millis(100);
        trial.hears(1, 1, false, changed);
        trial.revise(&[0], false, changed);
        assert_eq!(trial.vote(), None);
        trial.revise(&[0], false, changed + GONE_AFTER - Duration::from_millis(1));
        assert_eq!(trial.vote(), None);
        trial.revise(&[0], false, changed + GONE_AFTER);
        assert_eq!(trial.vote(), Some(0));
    }

    #[test]
    fn our_own_vote_moves_at_once() {
        let mut trial = Trial::new();
        let opens = trial.start + GONE_AFTER;
        trial.revise(&[0], false, opens);
        trial.hears(2, 1, false, opens);
        trial.revise(&[2], false, opens);
        assert_eq!(trial.vote(), Some(2));
    }

    #[test]
    fn whoever_has_the_link_keeps_it() {
        let mut trial = Trial::new();
        let opens = trial.start + GONE_AFTER;
        trial.revise(&[0], false, opens);
        trial.revise(&[1, 2], true, opens);
        assert_eq!(trial.vote(), Some(0), "another would be preferred");
    }
    #[test]
    fn an_operator_that_becomes_exclusive_is_voted_on_and_one_that_is_no_more_is_not() {
        let mut trial = Trial::new();
        let opens = trial.start + GONE_AFTER;
        trial.ballot.set_operators([]);
        trial.revise(&[0], false, opens);
        assert_eq!(trial.vote(), None);
        trial.ballot.set_operators([trial.operator]);
        trial.revise(&[0], false, opens);
        assert_eq!(trial.vote(), Some(0));
    }

    #[test]
    fn a_vote_that_may_be_relied_on_is_remembered_while_the_operator_is_not_exclusive() {
        let mut trial = Trial::new();
        let opens = trial.start + GONE_AFTER;
        trial.hears(1, 1, false, opens);
        trial.revise(&[1], false, opens);
        trial.ballot.set_operators([]);
        trial.revise(&[0], false, opens);
        assert_eq!(trial.vote(), None);
        trial.ballot.set_operators([trial.operator]);
        trial.revise(&[0], false, opens + GONE_AFTER - Duration::from_millis(1));
        assert_eq!(trial.vote(), None, "node 1 may not have heard of it");
        trial.revise(&[0], false, opens + GONE_AFTER);
        assert_eq!(trial.vote(), Some(0));
    }
}
