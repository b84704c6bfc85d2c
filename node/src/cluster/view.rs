//! What this node knows of the others at one moment: immutable, exchanged whole.

use std::sync::Arc;

use smsc_store::Name;
use tonic::transport::Channel;
use uuid::Uuid;

use super::fact::{Binds, Facts, Phase};

/// What we think of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PeerState {
    /// Heard from within three heartbeats.
    Alive,
    /// Three heartbeats missed: it may be slow, cut off or dead. What it published still counts.
    Suspected,
    /// Silent for longer, or it said that it stops. What it published counts no more; its partitions are still its own.
    Gone,
}

impl PeerState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Alive, Self::Suspected, Self::Gone];

    /// Its name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Suspected => "suspected",
            Self::Gone => "gone",
        }
    }
}

/// Another node of the cluster, as last heard of.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its number, unique among live nodes.
    pub number: u16,
    /// Its name.
    pub name: Arc<str>,
    /// Of this run of its process: a restarted node is another one with the same number.
    pub incarnation: Uuid,
    /// Where it says that it is reached, "host:port".
    pub address: Arc<str>,
    /// The protocol version that both speak.
    pub protocol: u32,
    /// The newest version of records that it reads; 0: its release does not say.
    pub records: u32,
    /// What we think of it.
    pub state: PeerState,
    /// What it says of itself.
    pub facts: Arc<Facts>,
    /// The connection to it, while there is one. gRPC clients of any service can be made of it.
    pub channel: Option<Channel>,
}

impl Peer {
    /// Whether what it published counts: links, binds, demand.
    pub fn counts(&self) -> bool {
        self.state != PeerState::Gone
    }

    /// Whether operator links may be placed on it.
    pub fn is_member(&self) -> bool {
        self.counts() && self.facts.standing.phase == Phase::Ready
    }
}

/// All peers that were ever met in this run and not replaced, by number. This node is not among them.
#[derive(Clone, Debug, Default)]
pub struct ClusterView {
    /// In the order of their numbers.
    pub peers: Vec<Peer>,
}

impl ClusterView {
    /// The peer of that number.
    pub fn peer(&self, number: u16) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.number == number)
    }

    /// The peer that owns a partition, alive or not: with sled a partition is its node's for ever. With PostgreSQL one that
    /// is alive has adopted it from one that is gone.
    pub fn owner(&self, partition: u16) -> Option<&Peer> {
        let owners = self.peers.iter().filter(|peer| peer.facts.partitions.contains(&partition));
        owners.min_by_key(|peer| peer.state)
    }

    /// Whether a peer whose word counts owns a partition.
    pub fn has_owner(&self) -> bool {
        self.counted().any(|peer| !peer.facts.partitions.is_empty())
    }

    /// Peers whose word counts.
    pub fn counted(&self) -> impl Iterator<Item = &Peer> {
        self.peers.iter().filter(|peer| peer.counts())
    }

    /// Binds of the account on other nodes.
    pub fn binds_of(&self, account: Name) -> Binds {
        let binds = self.counted().filter_map(|peer| peer.facts.binds.get(&account));
        binds.fold(Binds::default(), |sum, binds| Binds {
            transmitters: sum.transmitters.saturating_add(binds.transmitters),
            receivers: sum.receivers.saturating_add(binds.receivers),
            transceivers: sum.transceivers.saturating_add(binds.transceivers),
        })
    }

    /// How many binds the account has on other nodes.
    pub fn binds_elsewhere(&self, account: Name) -> u32 {
        self.binds_of(account).all()
    }

    /// Whether a receiver or transceiver of the account is bound on another node.
    pub fn receives_elsewhere(&self, account: Name) -> bool {
        self.counted().any(|peer| peer.facts.binds.get(&account).is_some_and(|binds| binds.receiving() > 0))
    }

    /// Bound links to the operator on other nodes.
    pub fn links_elsewhere(&self, operator: Name) -> u32 {
        let links = self.counted().filter_map(|peer| peer.facts.links.get(&operator));
        links.fold(0, |sum, links| sum.saturating_add(links.bound))
    }
}
