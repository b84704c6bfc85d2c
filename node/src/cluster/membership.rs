//! This node among its peers: what it says, what it hears, who belongs. Pure: the time is passed in.
//!
//! Every value that crosses the network is made and taken here, so that a simulation of several nodes needs no socket.

use std::collections::BTreeSet;
use std::time::Instant;

use smsc_store::Name;
use uuid::Uuid;

use super::exclusive::{Ballot, Own};
use super::fact::{Fact, Key, Phase};
use super::handshake::{Identity, Refused, Stranger};
use super::peers::{GONE_AFTER, Heard, Peers, Turn, Unusable};
use super::placement;
use super::publication::Publication;
use super::translate;
use super::view::PeerState;
use super::wire::{Answer, Hello, Refusal, Update};

/// See the module.
#[derive(Debug)]
pub struct Membership {
    /// Who this node is.
    pub identity: Identity,
    /// The others.
    pub peers: Peers,
    publication: Publication,
    ballot: Ballot,
    nodes_expected: u32,
    started: Instant,
}

impl Membership {
    /// A node that knows nobody yet, in a cluster with these exclusive operators.
    pub fn new(
        identity: Identity,
        exclusive: impl IntoIterator<Item = Name>,
        nodes_expected: u32,
        now: Instant,
    ) -> Self {
        Self {
            identity,
            peers: Peers::default(),
            publication: Publication::default(),
            ballot: Ballot::new(exclusive, nodes_expected, now),
            nodes_expected,
            started: now,
        }
    }

    /// Says a fact of our own. Returns whether it is news. Who has left says nothing more of himself.
    pub fn say(&mut self, fact: Fact) -> bool {
        let too_late = fact.key() == Key::Standing && self.has_left();
        !too_late && self.publication.say(fact)
    }

    /// Whether this node has said that it leaves.
    pub fn has_left(&self) -> bool {
        self.phase() == Phase::Left
    }

    /// Takes a fact of our own back. Returns whether it is news.
    pub fn withdraw(&mut self, key: Key) -> bool {
        self.publication.withdraw(key)
    }

    /// What we say of ourselves under that key.
    pub fn said(&self, key: Key) -> Option<&Fact> {
        self.publication.get(key)
    }

    /// The number of changes that we have published.
    pub const fn version(&self) -> u64 {
        self.publication.version()
    }

    /// Answers a Hello, and says what was decided: whether who said it is new to us.
    pub fn greet(&mut self, hello: &Hello, now: Instant) -> (Answer, Result<bool, Refused>) {
        let met = self.identity.judge(hello).and_then(|stranger| self.peers.meet(stranger, now));
        let refusal = met.as_ref().map_or_else(Refused::to_wire, |_| Refusal::None);
        (Answer { hello: Some(self.identity.hello()), refusal: refusal.into() }, met)
    }

    /// Takes the answer to our own Hello. Both sides have to agree. Returns the peer, and whether it is new to us.
    pub fn greeted(&mut self, answer: &Answer, now: Instant) -> Result<(Stranger, bool), Refused> {
        let hello = answer.hello.as_ref().ok_or(Refused::Malformed("not who it is"))?;
        let stranger = self.identity.judge(hello)?;
        if let Some(refused) = Refused::from_wire(answer.refusal()) {
            return Err(refused);
        }
        self.peers.meet(stranger.clone(), now).map(|new| (stranger, new))
    }

    /// What a watcher that has `from` of us is told now; `None`: we do not know it (any more).
    pub fn update_for(&self, watcher: Uuid, from: Option<u64>, now: Instant) -> Option<Update> {
        let votes = self.ballot.votes_for(watcher).map(|operator| operator.as_str().to_owned()).collect();
        let watcher = self.peers.of(watcher)?;
        let changes = self.publication.since(from);
        let facts = changes
            .facts
            .iter()
            .map(|(key, fact)| fact.as_ref().map_or_else(|| translate::withdrawn(key), translate::said));
        Some(Update {
            incarnation: self.identity.incarnation.as_bytes().to_vec().into(),
            version: changes.version,
            snapshot: changes.snapshot,
            base: changes.base,
            facts: facts.collect(),
            beat: self.beat(now),
            heard: watcher.beat,
            votes,
        })
    }

    /// Takes an update of a peer. Returns whether anything changed that others should know.
    pub fn hear(&mut self, update: Update, now: Instant) -> Result<bool, Unusable> {
        let incarnation = translate::incarnation(&update.incarnation).ok_or(Unusable::Unknown)?;
        let votes: BTreeSet<Name> = update.votes.iter().filter_map(|name| translate::name(name)).collect();
        let heard = Heard {
            incarnation,
            snapshot: update.snapshot,
            base: update.base,
            version: update.version,
            facts: update.facts.into_iter().filter_map(translate::read).collect(),
            beat: update.beat,
            echo: update.heard,
            votes,
        };
        self.peers.hear(heard, now)
    }

    /// Suspects, and gives up, who was silent for too long, and reconsiders to whom exclusive links are left. Returns who
    /// has changed, and whether watchers are to be told of other votes.
    pub fn handle_timeout(&mut self, now: Instant) -> (Vec<Turn>, bool) {
        let turns = self.peers.handle_timeout(now);
        let members = self.members();
        let own = self.own(&members);
        let publication = &self.publication;
        let holds = |operator| publication.get(Key::Holds(operator)).is_some();
        (turns, self.ballot.revise(own, &self.peers, holds, now))
    }

    /// Forgets peers that are gone for good, and returns them. They no longer raise the number of votes that an exclusive
    /// link takes: `nodes_expected` must be true, as it must be for limits.
    pub fn forget(&mut self, now: Instant) -> Vec<Stranger> {
        self.peers.forget(now)
    }

    /// From now on these operators are exclusive.
    pub fn set_exclusive(&mut self, operators: impl IntoIterator<Item = Name>) {
        self.ballot.set_operators(operators);
    }

    /// Whether a majority leaves the one link to that exclusive operator to this node, now.
    pub fn has_lease(&self, operator: Name, now: Instant) -> bool {
        self.ballot.lease(operator, self.identity.incarnation, &self.peers, self.beat(now))
    }

    /// How many of an operator's links run here; `None`: as many as there are now.
    pub fn links_here(&self, operator: Name, links: u32, now: Instant) -> Option<u32> {
        match self.phase() {
            Phase::Ready if self.is_settled(now) => {
                Some(placement::links_on(operator, links, self.identity.number, &self.members()))
            }
            // Whoever starts alone would bind what others have already.
            Phase::Starting | Phase::Ready => Some(0),
            // The others place them anew; those here end with the node, after their windows.
            Phase::Draining | Phase::Left => None,
        }
    }

    /// Whether this node sees more than half of the nodes, itself included.
    pub fn sees_majority(&self) -> bool {
        self.seen() * 2 > self.nodes_expected as usize
    }

    fn seen(&self) -> usize {
        self.peers.all().filter(|known| known.state != PeerState::Gone).count() + 1
    }

    /// Whether this node has had the time to find the others.
    fn is_settled(&self, now: Instant) -> bool {
        self.members().len() >= self.nodes_expected as usize || now >= self.started + GONE_AFTER
    }

    fn phase(&self) -> Phase {
        match self.publication.get(Key::Standing) {
            Some(Fact::Standing(standing)) => standing.phase,
            _ => Phase::Starting,
        }
    }

    /// The nodes on which links may be placed.
    fn members(&self) -> Vec<u16> {
        let ready = |phase: Phase| phase == Phase::Ready;
        let peers = self.peers.all().filter(|known| known.state != PeerState::Gone);
        let peers = peers.filter(|known| ready(known.facts.standing.phase)).map(|known| known.stranger.number);
        let own = ready(self.phase()).then_some(self.identity.number);
        peers.chain(own).collect()
    }

    const fn own<'a>(&self, members: &'a [u16]) -> Own<'a> {
        Own { number: self.identity.number, incarnation: self.identity.incarnation, members }
    }

    /// Our clock, in milliseconds since our start and never 0, which is "none".
    fn beat(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.started).as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }
}
