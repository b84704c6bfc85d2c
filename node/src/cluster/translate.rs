//! How the messages of `proto/cluster.proto` become the cluster's own types, and the other way.
//!
//! What a peer of a later version says and we do not understand is left out, and never an error.

use smsc_store::Name;
use uuid::Uuid;

use super::fact::{Binds, Demanded, Fact, Key, Links, Phase, Standing};
use super::wire::{self, AccountBinds, Demand, OperatorLinks, demand, fact};

/// The longest name of an account or operator that is believed.
const NAME_LENGTH_MAX: usize = 64;

/// The incarnation in these octets.
pub fn incarnation(octets: &[u8]) -> Option<Uuid> {
    Uuid::from_slice(octets).ok()
}

/// A name as a peer wrote it.
pub fn name(text: &str) -> Option<Name> {
    let good = (1..=NAME_LENGTH_MAX).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_graphic());
    good.then(|| Name::intern(text))
}

fn demanded(of: Option<&demand::Of>) -> Option<Demanded> {
    match of? {
        demand::Of::Account(account) => name(account).map(Demanded::Account),
        demand::Of::Operator(operator) => name(operator).map(Demanded::Operator),
    }
}

/// A fact as it came: said, or withdrawn. `None`: of a kind that we do not know.
pub fn read(said: wire::Fact) -> Option<(Key, Option<Fact>)> {
    let withdrawn = said.withdrawn;
    let fact = match said.kind? {
        fact::Kind::Standing(standing) => Fact::Standing(Standing {
            phase: match standing.phase() {
                wire::Phase::Starting => Phase::Starting,
                wire::Phase::Ready => Phase::Ready,
                wire::Phase::Draining => Phase::Draining,
                wire::Phase::Left => Phase::Left,
            },
            writable: standing.writable,
            neighbours: standing.neighbours,
        }),
        fact::Kind::Links(links) => Fact::Links(name(&links.operator)?, Links { bound: links.bound, room: links.room }),
        fact::Kind::Binds(binds) => {
            let AccountBinds { account, transmitters, receivers, transceivers } = binds;
            Fact::Binds(name(&account)?, Binds { transmitters, receivers, transceivers })
        }
        fact::Kind::Partition(partition) => Fact::Partition(u16::try_from(partition).ok()?),
        fact::Kind::Demand(demand) => Fact::Demand(demanded(demand.of.as_ref())?, demand.per_second),
        fact::Kind::Holds(operator) => Fact::Holds(name(&operator)?),
    };
    Some((fact.key(), (!withdrawn).then_some(fact)))
}

/// A fact as it goes out.
pub fn said(fact: &Fact) -> wire::Fact {
    let kind = match fact {
        Fact::Standing(standing) => fact::Kind::Standing(wire::Standing {
            phase: match standing.phase {
                Phase::Starting => wire::Phase::Starting,
                Phase::Ready => wire::Phase::Ready,
                Phase::Draining => wire::Phase::Draining,
                Phase::Left => wire::Phase::Left,
            }
            .into(),
            writable: standing.writable,
            neighbours: standing.neighbours.clone(),
        }),
        Fact::Links(operator, links) => fact::Kind::Links(OperatorLinks {
            operator: operator.as_str().to_owned(),
            bound: links.bound,
            room: links.room,
        }),
        Fact::Binds(account, binds) => fact::Kind::Binds(AccountBinds {
            account: account.as_str().to_owned(),
            transmitters: binds.transmitters,
            receivers: binds.receivers,
            transceivers: binds.transceivers,
        }),
        Fact::Partition(partition) => fact::Kind::Partition((*partition).into()),
        Fact::Demand(of, per_second) => fact::Kind::Demand(Demand {
            of: Some(match of {
                Demanded::Account(name) => demand::Of::Account(name.as_str().to_owned()),
                Demanded::Operator(name) => demand::Of::Operator(name.as_str().to_owned()),
            }),
            per_second: *per_second,
        }),
        Fact::Holds(operator) => fact::Kind::Holds(operator.as_str().to_owned()),
    };
    wire::Fact { kind: Some(kind), withdrawn: false }
}

/// That a fact is no longer so.
pub fn withdrawn(key: &Key) -> wire::Fact {
    let fact = match key {
        Key::Standing => Fact::Standing(Standing::default()),
        Key::Links(operator) => Fact::Links(*operator, Links::default()),
        Key::Binds(account) => Fact::Binds(*account, Binds::default()),
        Key::Partition(partition) => Fact::Partition(*partition),
        Key::Demand(of) => Fact::Demand(*of, 0),
        Key::Holds(operator) => Fact::Holds(*operator),
    };
    wire::Fact { withdrawn: true, ..said(&fact) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Vec<Fact> {
        let standing = Standing { phase: Phase::Draining, writable: true, neighbours: vec!["a:1".to_owned()] };
        let operator = Name::intern("wire-op");
        vec![
            Fact::Standing(standing),
            Fact::Links(operator, Links { bound: 2, room: 20 }),
            Fact::Binds(operator, Binds { transmitters: 1, receivers: 2, transceivers: 3 }),
            Fact::Partition(17),
            Fact::Demand(Demanded::Account(operator), 7),
            Fact::Demand(Demanded::Operator(operator), 8),
            Fact::Holds(operator),
        ]
    }

    #[test]
    fn a_fact_arrives_as_it_was_said() {
        for fact in facts() {
            assert_eq!(read(said(&fact)), Some((fact.key(), Some(fact))));
        }
    }

    #[test]
    fn a_withdrawal_names_the_fact() {
        for fact in facts() {
            assert_eq!(read(withdrawn(&fact.key())), Some((fact.key(), None)));
        }
    }

    #[test]
    fn what_cannot_be_understood_is_left_out() {
        assert_eq!(read(wire::Fact { kind: None, withdrawn: false }), None);
        for bad in ["", "a b", &"x".repeat(65)] {
            let kind = Some(fact::Kind::Holds((*bad).to_owned()));
            assert_eq!(read(wire::Fact { kind, withdrawn: false }), None);
        }
        let kind = Some(fact::Kind::Partition(70_000));
        assert_eq!(read(wire::Fact { kind, withdrawn: false }), None);
    }
}
