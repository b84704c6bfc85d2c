//! Whether two nodes belong together: both sides say who they are, and either may refuse. Pure.

use smsc_store::upgrade::RECORDS_KNOWN;
use uuid::Uuid;

use super::translate;
use super::wire::{Hello, Refusal};

/// The protocol versions that this build speaks. A release speaks its own and the one before.
pub const PROTOCOL_MIN: u32 = 1;
/// See [`PROTOCOL_MIN`].
pub const PROTOCOL_MAX: u32 = 1;

/// The largest number of a node.
const NUMBER_MAX: u32 = 59;
/// The longest name or address that is believed.
const TEXT_LENGTH_MAX: usize = 255;

/// Who this node is, to its peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster's name.
    pub cluster: String,
    /// Its number, 0 to 59.
    pub number: u16,
    /// Its name.
    pub name: String,
    /// New at every start of the process.
    pub incarnation: Uuid,
    /// Where peers reach it, "host:port".
    pub advertise: String,
    /// The kind of journal.
    pub journal: &'static str,
}

/// Another node that belongs to this cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// Its number.
    pub number: u16,
    /// Its name.
    pub name: String,
    /// Of this run of its process.
    pub incarnation: Uuid,
    /// Where it is reached.
    pub address: String,
    /// The protocol version that both speak: the highest.
    pub protocol: u32,
    /// Its build, for people.
    pub build: String,
    /// The newest version of records that it reads; 0: its release does not say.
    pub records: u32,
}

/// Why we have nothing to do with a node. Each says what to change, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is this very process: an address of our own was looked up.
    #[error("it is this node itself")]
    Myself,
    /// It belongs to another cluster.
    #[error("it belongs to cluster {theirs:?} and this node to {ours:?}; cluster.name, or the seeds, must be changed")]
    Cluster {
        /// Its cluster's name.
        theirs: String,
        /// Ours.
        ours: String,
    },
    /// There is no version that both speak.
    #[error(
        "it speaks versions {min} to {max} of the protocol and this node {PROTOCOL_MIN} to {PROTOCOL_MAX}; upgrade one release at a time"
    )]
    Protocol {
        /// Its lowest.
        min: u32,
        /// Its highest.
        max: u32,
    },
    /// A cluster has one kind of journal.
    #[error("its journal is {theirs:?} and this node's {ours:?}; store.journal must be the same in the whole cluster")]
    Journal {
        /// Its journal.
        theirs: String,
        /// Ours.
        ours: &'static str,
    },
    /// Another live node has its number.
    #[error("its number {number} is that of the live node {holder:?}; node.number must be changed on one of them")]
    NumberTaken {
        /// The number.
        number: u16,
        /// The name of the node that has it.
        holder: String,
    },
    /// What it says makes no sense.
    #[error("it says {0}")]
    Malformed(&'static str),
    /// It refuses us; its own log says why.
    #[error("it refuses this node: {0}")]
    ByPeer(&'static str),
}

impl Refused {
    /// What the other side is told.
    pub const fn to_wire(&self) -> Refusal {
        match self {
            Self::Cluster { .. } => Refusal::Cluster,
            Self::Protocol { .. } => Refusal::Protocol,
            Self::Journal { .. } => Refusal::Journal,
            Self::NumberTaken { .. } => Refusal::NumberTaken,
            Self::Malformed(_) => Refusal::Malformed,
            // Whoever refuses us, or is us, needs no telling.
            Self::ByPeer(_) | Self::Myself => Refusal::None,
        }
    }

    /// What the other side told us; `None`: it takes us.
    pub fn from_wire(refusal: Refusal) -> Option<Self> {
        let reason = match refusal {
            Refusal::None => return None,
            Refusal::Cluster => "another cluster's name",
            Refusal::Protocol => "no common version of the protocol",
            Refusal::Journal => "another kind of journal",
            Refusal::NumberTaken => "a live node has this node's number",
            Refusal::Malformed => "it did not understand who we are",
        };
        Some(Self::ByPeer(reason))
    }
}

impl Identity {
    /// What we say of ourselves.
    pub fn hello(&self) -> Hello {
        Hello {
            protocol_min: PROTOCOL_MIN,
            protocol_max: PROTOCOL_MAX,
            cluster: self.cluster.clone(),
            number: self.number.into(),
            name: self.name.clone(),
            incarnation: self.incarnation.as_bytes().to_vec().into(),
            advertise: self.advertise.clone(),
            journal: self.journal.to_owned(),
            build: env!("CARGO_PKG_VERSION").to_owned(),
            records: RECORDS_KNOWN.into(),
        }
    }

    /// Whether who says this belongs to us. Whether its number is free among the peers is not looked at.
    pub fn judge(&self, hello: &Hello) -> Result<Stranger, Refused> {
        let incarnation = translate::incarnation(&hello.incarnation).ok_or(Refused::Malformed("no incarnation"))?;
        if incarnation == self.incarnation {
            return Err(Refused::Myself);
        }
        if hello.cluster != self.cluster {
            return Err(Refused::Cluster { theirs: hello.cluster.clone(), ours: self.cluster.clone() });
        }
        let protocol = hello.protocol_max.min(PROTOCOL_MAX);
        if protocol < hello.protocol_min.max(PROTOCOL_MIN) {
            return Err(Refused::Protocol { min: hello.protocol_min, max: hello.protocol_max });
        }
        if hello.journal != self.journal {
            return Err(Refused::Journal { theirs: hello.journal.clone(), ours: self.journal });
        }
        let number = u16::try_from(hello.number).ok().filter(|_| hello.number <= NUMBER_MAX);
        let number = number.ok_or(Refused::Malformed("a number above 59"))?;
        if number == self.number {
            return Err(Refused::NumberTaken { number, holder: self.name.clone() });
        }
        let readable = |text: &str| (1..=TEXT_LENGTH_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
        if !readable(&hello.name) || !readable(&hello.advertise) {
            return Err(Refused::Malformed("a name or address that cannot be one"));
        }
        Ok(Stranger {
            number,
            name: hello.name.clone(),
            incarnation,
            address: hello.advertise.clone(),
            protocol,
            build: hello.build.chars().take(TEXT_LENGTH_MAX).collect(),
            records: hello.records,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn identity(number: u16) -> Identity {
        Identity {
            cluster: "smsc".to_owned(),
            number,
            name: format!("smsc-{number}"),
            incarnation: Uuid::new_v4(),
            advertise: format!("127.0.0.{number}:7070"),
            journal: "sled",
        }
    }

    fn judged(change: impl FnOnce(&mut Hello)) -> Result<Stranger, Refused> {
        let mut hello = identity(2).hello();
        change(&mut hello);
        identity(1).judge(&hello)
    }

    #[test]
    fn a_node_of_the_same_cluster_is_taken() {
        let stranger = judged(|_| {}).expect("it belongs to us");
        assert_eq!((stranger.number, stranger.name.as_str(), stranger.protocol), (2, "smsc-2", PROTOCOL_MAX));
    }

    #[test]
    fn the_highest_common_version_is_spoken() {
        let newer = judged(|hello| (hello.protocol_min, hello.protocol_max) = (PROTOCOL_MAX, PROTOCOL_MAX + 1));
        assert_eq!(newer.map(|stranger| stranger.protocol), Ok(PROTOCOL_MAX));
        let (min, max) = (PROTOCOL_MAX + 1, PROTOCOL_MAX + 2);
        let newest = judged(|hello| (hello.protocol_min, hello.protocol_max) = (min, max));
        assert_eq!(newest, Err(Refused::Protocol { min, max }));
    }

    #[test]
    fn who_belongs_elsewhere_is_refused() {
        assert!(matches!(judged(|hello| hello.cluster = "other".to_owned()), Err(Refused::Cluster { .. })));
        assert!(matches!(judged(|hello| hello.journal = "postgres".to_owned()), Err(Refused::Journal { .. })));
    }

    #[test]
    fn our_own_number_is_taken() {
        let holder = "smsc-1".to_owned();
        assert_eq!(judged(|hello| hello.number = 1), Err(Refused::NumberTaken { number: 1, holder }));
    }

    #[test]
    fn we_know_ourselves() {
        let own = identity(1);
        assert_eq!(own.judge(&own.hello()), Err(Refused::Myself));
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(matches!(judged(|hello| hello.number = 60), Err(Refused::Malformed(_))));
        assert!(matches!(judged(|hello| hello.number = 65_538), Err(Refused::Malformed(_))));
        assert!(matches!(judged(|hello| hello.incarnation = vec![1].into()), Err(Refused::Malformed(_))));
        assert!(matches!(judged(|hello| hello.name = "a\nb".to_owned()), Err(Refused::Malformed(_))));
        assert!(matches!(judged(|hello| hello.advertise = String::new()), Err(Refused::Malformed(_))));
    }

    #[test]
    fn what_we_refuse_is_told_to_the_other_side() {
        for refused in [judged(|hello| hello.cluster = "other".to_owned()), judged(|hello| hello.number = 1)] {
            let refused = refused.expect_err("refused");
            assert!(matches!(Refused::from_wire(refused.to_wire()), Some(Refused::ByPeer(_))));
        }
        assert_eq!(Refused::from_wire(Refusal::None), None);
    }
}
