//! What a node says of itself: facts, each with one owner, so that there is nothing to merge.

use std::collections::{BTreeMap, BTreeSet};

use smsc_store::Name;

/// Where a node is between start and stop, as its peers see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Not ready yet: no links are placed on it.
    #[default]
    Starting,
    /// Serving.
    Ready,
    /// Told to stop: no links are placed on it any more.
    Draining,
    /// It has stopped, and said so.
    Left,
}

/// The node itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Where it is between start and stop.
    pub phase: Phase,
    /// Whether its store takes new messages.
    pub writable: bool,
    /// Where the nodes are reached that it is connected to.
    pub neighbours: Vec<String>,
}

/// The bound links of a node to one operator that carry MT messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// How many.
    pub bound: u32,
    /// Their windows, together.
    pub room: u32,
}

/// The binds of one account to a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Binds {
    /// That only submit.
    pub transmitters: u32,
    /// That only take deliveries.
    pub receivers: u32,
    /// That do both.
    pub transceivers: u32,
}

impl Binds {
    /// All of them.
    pub const fn all(self) -> u32 {
        self.transmitters.saturating_add(self.receivers).saturating_add(self.transceivers)
    }

    /// Those that take deliveries.
    pub const fn receiving(self) -> u32 {
        self.receivers.saturating_add(self.transceivers)
    }
}

/// Whose messages are limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Demanded {
    /// What an account submits.
    Account(Name),
    /// What an operator is sent.
    Operator(Name),
}

/// One thing that a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The node itself.
    Standing(Standing),
    /// Its bound links to that operator.
    Links(Name, Links),
    /// Its binds of that account.
    Binds(Name, Binds),
    /// It owns this partition.
    Partition(u16),
    /// Messages that wanted to go in the last second.
    Demand(Demanded, u32),
    /// It has, or is making, the one link to an exclusive operator.
    Holds(Name),
}

/// What a fact is about: a later one of the same key replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// Of [`Fact::Standing`].
    Standing,
    /// Of [`Fact::Links`].
    Links(Name),
    /// Of [`Fact::Binds`].
    Binds(Name),
    /// Of [`Fact::Partition`].
    Partition(u16),
    /// Of [`Fact::Demand`].
    Demand(Demanded),
    /// Of [`Fact::Holds`].
    Holds(Name),
}

impl Fact {
    /// What it is about.
    pub const fn key(&self) -> Key {
        match self {
            Self::Standing(_) => Key::Standing,
            Self::Links(operator, _) => Key::Links(*operator),
            Self::Binds(account, _) => Key::Binds(*account),
            Self::Partition(partition) => Key::Partition(*partition),
            Self::Demand(of, _) => Key::Demand(*of),
            Self::Holds(operator) => Key::Holds(*operator),
        }
    }
}

/// All that a node has said of itself and not withdrawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The node itself.
    pub standing: Standing,
    /// Bound links by operator.
    pub links: BTreeMap<Name, Links>,
    /// Binds by account.
    pub binds: BTreeMap<Name, Binds>,
    /// The partitions that it owns.
    pub partitions: BTreeSet<u16>,
    /// Messages that wanted to go in the last second.
    pub demands: BTreeMap<Demanded, u32>,
    /// The exclusive operators to which it has, or makes, the one link.
    pub holds: BTreeSet<Name>,
}

impl Facts {
    /// Takes in a fact, or its withdrawal.
    pub fn apply(&mut self, key: Key, fact: Option<Fact>) {
        match fact {
            Some(Fact::Standing(standing)) => self.standing = standing,
            Some(Fact::Links(operator, links)) => _ = self.links.insert(operator, links),
            Some(Fact::Binds(account, binds)) => _ = self.binds.insert(account, binds),
            Some(Fact::Partition(partition)) => _ = self.partitions.insert(partition),
            Some(Fact::Demand(of, per_second)) => _ = self.demands.insert(of, per_second),
            Some(Fact::Holds(operator)) => _ = self.holds.insert(operator),
            None => self.withdraw(key),
        }
    }

    fn withdraw(&mut self, key: Key) {
        match key {
            Key::Standing => self.standing = Standing::default(),
            Key::Links(operator) => _ = self.links.remove(&operator),
            Key::Binds(account) => _ = self.binds.remove(&account),
            Key::Partition(partition) => _ = self.partitions.remove(&partition),
            Key::Demand(of) => _ = self.demands.remove(&of),
            Key::Holds(operator) => _ = self.holds.remove(&operator),
        }
    }

    /// How many facts there are: the standing counts always.
    pub fn count(&self) -> usize {
        self.links.len() + self.binds.len() + self.partitions.len() + self.demands.len() + self.holds.len() + 1
    }
}
