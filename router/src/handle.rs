//! Routing on the caller's own thread: an immutable snapshot, exchanged whole.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_store::Name;

use crate::error::RouterError;
use crate::options::RouterOptions;
use crate::route::{MoRoute, MtRoute};
use crate::selection::Pair;
use crate::table::{MoRoutingTable, MtRoutingTable, operators_of};

/// A cheap copy of the way to the current snapshot.
#[derive(Clone)]
pub struct RouterHandle {
    snapshot: Arc<ArcSwap<Snapshot>>,
}

impl RouterHandle {
    /// A router of these routes. All operators count as available until the router actor finds them without link for
    /// too long.
    pub fn new(options: RouterOptions) -> Result<RouterHandle, RouterError> {
        let tables = Tables::new(options)?;
        let available = Availability::of(tables.operators.iter().map(|(name, _)| *name));
        let snapshot = Snapshot { tables: Arc::new(tables), available };
        Ok(Self { snapshot: Arc::new(ArcSwap::from_pointee(snapshot)) })
    }

    /// The tables and the availability of operators as of now. Take it once per batch.
    pub fn snapshot(&self) -> Guard<Arc<Snapshot>> {
        self.snapshot.load()
    }

    /// The same tables with other available operators. Only the router actor publishes, so none is overwritten.
    pub(crate) fn publish_available(&self, available: impl Iterator<Item = Name>) {
        let tables = self.snapshot.load().tables.clone();
        self.snapshot.store(Arc::new(Snapshot { tables, available: Availability::of(available) }));
    }

    /// Other tables and available operators.
    pub(crate) fn publish(&self, tables: Tables, available: impl Iterator<Item = Name>) {
        self.snapshot.store(Arc::new(Snapshot { tables: Arc::new(tables), available: Availability::of(available) }));
    }
}

/// What a configuration says of routing, made ready for look-ups.
pub(crate) struct Tables {
    mt: MtRoutingTable,
    mo: MoRoutingTable,
    no_route: CommandStatus,
    pub(crate) operators: Vec<(Name, Duration)>,
}

impl Tables {
    pub(crate) fn new(options: RouterOptions) -> Result<Self, RouterError> {
        let RouterOptions { mt, mo, no_route, operators } = options;
        let unknown = |name: &Name| operators.iter().all(|(known, _)| known != name);
        for (index, route) in mt.iter().enumerate() {
            if let Some(operator) = operators_of(route).find(unknown) {
                return Err(RouterError::UnknownOperator { kind: "route", route: index + 1, operator });
            }
        }
        for (index, route) in mo.iter().enumerate() {
            if let Some(operator) = route.operator.filter(unknown) {
                return Err(RouterError::UnknownOperator { kind: "mo_route", route: index + 1, operator });
            }
        }
        Ok(Self { mt: MtRoutingTable::new(mt)?, mo: MoRoutingTable::new(mo)?, no_route, operators })
    }
}

/// Which operators may be given new messages: a bit for each, by the number of its name.
#[derive(Clone, Debug, Default)]
struct Availability(Box<[u64]>);

impl Availability {
    fn of(names: impl Iterator<Item = Name>) -> Self {
        let mut bits = Vec::new();
        for name in names {
            let (word, bit) = (name.index() / 64, name.index() % 64);
            if bits.len() <= word {
                bits.resize(word + 1, 0_u64);
            }
            bits[word] |= 1 << bit;
        }
        Self(bits.into())
    }

    fn has(&self, name: Name) -> bool {
        self.0.get(name.index() / 64).is_some_and(|word| word & (1 << (name.index() % 64)) != 0)
    }
}

/// Routing tables and the availability of operators at one moment.
pub struct Snapshot {
    tables: Arc<Tables>,
    available: Availability,
}

/// No route takes the message; `status` is what the configuration says a submit earns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no route for this destination")]
pub struct NoRoute {
    /// The configured `router.no_route`.
    pub status: CommandStatus,
}

impl Snapshot {
    /// The operator of an MT message. `destination` is normalised ([`crate::number::normalise`]).
    pub fn mt(&self, account: Name, source: &[u8], destination: &[u8]) -> Result<Name, NoRoute> {
        let no_route = NoRoute { status: self.tables.no_route };
        let entry = self.tables.mt.find(account, source, destination).ok_or(no_route)?;
        entry.targets.choose(Pair { source, destination }, |name| self.is_available(name)).ok_or(no_route)
    }

    /// The account of an MO message; `text` is its text in octets of ASCII or a superset (for keywords).
    pub fn mo(&self, operator: Name, destination: &[u8], text: &[u8]) -> Option<Name> {
        self.tables.mo.find(operator, destination, text).map(|route| route.account)
    }

    /// The available operator that this message's route names after `not`, which refused it with a status that means
    /// [`Next`](crate::outcome::Meaning::Next). `None`: there is none, and it stays with `not`.
    pub fn next_operator(&self, account: Name, source: &[u8], destination: &[u8], not: Name) -> Option<Name> {
        let entry = self.tables.mt.find(account, source, destination)?;
        entry.targets.next(Pair { source, destination }, not, |name| self.is_available(name))
    }

    /// Whether the operator is configured and not passed over.
    pub fn is_available(&self, operator: Name) -> bool {
        self.available.has(operator)
    }

    /// The route that takes such an MT message: to explain a decision, not to make it.
    pub fn mt_route(&self, account: Name, source: &[u8], destination: &[u8]) -> Option<&MtRoute> {
        self.tables.mt.find(account, source, destination).map(|entry| &entry.route)
    }

    /// All MT routes, as they were configured.
    pub fn mt_routes(&self) -> impl Iterator<Item = &MtRoute> {
        self.tables.mt.routes()
    }

    /// All MO routes, as they were configured.
    pub fn mo_routes(&self) -> impl Iterator<Item = &MoRoute> {
        self.tables.mo.routes()
    }

    /// The configured operators, each with how long it may be without a bound link.
    pub fn operators(&self) -> &[(Name, Duration)] {
        &self.tables.operators
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::MoDestination;

    fn name(text: &str) -> Name {
        Name::intern(text)
    }

    fn options() -> RouterOptions {
        let route = MtRoute {
            prefix: "46".to_owned(),
            account: None,
            source: None,
            operators: vec![(name("h-a"), 1), (name("h-b"), 1)],
            failover: vec![name("h-c")],
        };
        let mo = MoRoute {
            destination: MoDestination::Exact("72345".to_owned()),
            keyword: None,
            operator: None,
            account: name("demo"),
        };
        RouterOptions {
            mt: vec![route],
            mo: vec![mo],
            no_route: CommandStatus::ESME_RINVDSTADR,
            operators: ["h-a", "h-b", "h-c"].map(|operator| (name(operator), Duration::from_secs(60))).to_vec(),
        }
    }

    #[test]
    fn at_first_every_configured_operator_is_available() {
        let handle = RouterHandle::new(options()).expect("good routes");
        let snapshot = handle.snapshot();
        assert!(["h-a", "h-b", "h-c"].iter().all(|operator| snapshot.is_available(name(operator))));
        assert!(!snapshot.is_available(name("h-unknown")));
    }

    #[test]
    fn a_new_snapshot_changes_the_choice_and_leaves_the_old_one_alone() {
        let handle = RouterHandle::new(options()).expect("good routes");
        let before = handle.snapshot();
        let first = before.mt(name("demo"), b"BRAND", b"46701234567").expect("a route");
        handle.publish_available([name("h-c")].into_iter());
        assert_eq!(before.mt(name("demo"), b"BRAND", b"46701234567"), Ok(first));
        assert_eq!(handle.snapshot().mt(name("demo"), b"BRAND", b"46701234567"), Ok(name("h-c")));
    }

    #[test]
    fn a_destination_without_route_earns_the_configured_status() {
        let handle = RouterHandle::new(options()).expect("good routes");
        let refused = handle.snapshot().mt(name("demo"), b"BRAND", b"4912345");
        assert_eq!(refused, Err(NoRoute { status: CommandStatus::ESME_RINVDSTADR }));
    }

    #[test]
    fn the_next_operator_is_another_of_the_route() {
        let handle = RouterHandle::new(options()).expect("good routes");
        let snapshot = handle.snapshot();
        let first = snapshot.mt(name("demo"), b"BRAND", b"46701234567").expect("a route");
        let next = snapshot.next_operator(name("demo"), b"BRAND", b"46701234567", first).expect("two more");
        assert_ne!(next, first);
        let last = snapshot.next_operator(name("demo"), b"BRAND", b"46701234567", next);
        assert_eq!(last, Some(name("h-c")));
        assert_eq!(snapshot.next_operator(name("demo"), b"BRAND", b"46701234567", name("h-c")), None);
        assert_eq!(snapshot.next_operator(name("demo"), b"BRAND", b"4912345", first), None);
    }

    #[test]
    fn an_mo_message_goes_to_the_account_of_its_route() {
        let handle = RouterHandle::new(options()).expect("good routes");
        assert_eq!(handle.snapshot().mo(name("h-a"), b"72345", b"hello"), Some(name("demo")));
        assert_eq!(handle.snapshot().mo(name("h-a"), b"72346", b"hello"), None);
    }

    #[test]
    fn a_route_over_an_operator_that_is_not_configured_is_refused() {
        let mut unknown = options();
        unknown.operators.pop();
        let error = RouterHandle::new(unknown).err().expect("h-c is gone");
        assert_eq!(error, RouterError::UnknownOperator { kind: "route", route: 1, operator: name("h-c") });
    }
}
