//! Which operators have a bound link, on this node or another, and since when they have none. Pure: the time is passed
//! in.
//!
//! ```text
//!               last link gone                failover_after
//!   bound ─────────────────────> unbound ───────────────────────> passed over
//!     ^   <────────────────────    ^                                  │
//!     │        a link bound        └── start: the clock runs          │
//!     └──────────────────────── a link bound ─────────────────────────┘
//! ```

use std::time::{Duration, Instant};

use smsc_store::Name;

/// The operators of the configuration and their bound links.
#[derive(Clone, Debug, Default)]
pub(crate) struct LinkWatch {
    operators: Vec<Watched>,
}

#[derive(Clone, Copy, Debug)]
struct Watched {
    name: Name,
    failover_after: Duration,
    links: usize,
    /// Bound links on other nodes.
    elsewhere: usize,
    state: LinkState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LinkState {
    Bound,
    Unbound { since: Instant },
    PassedOver,
}

impl Watched {
    fn deadline(&self) -> Option<Instant> {
        match self.state {
            LinkState::Unbound { since } => since.checked_add(self.failover_after),
            LinkState::Bound | LinkState::PassedOver => None,
        }
    }
}

impl LinkWatch {
    /// These operators, all without a link since `now`.
    pub(crate) fn new(operators: &[(Name, Duration)], now: Instant) -> Self {
        let mut watch = Self::default();
        watch.replace(operators, now);
        watch
    }

    /// Other operators from now on: those that stay keep their links, new ones are without a link since `now`.
    /// Returns those that are gone.
    pub(crate) fn replace(&mut self, operators: &[(Name, Duration)], now: Instant) -> Vec<Name> {
        let before = std::mem::take(&mut self.operators);
        for (name, failover_after) in operators {
            let known = before.iter().find(|known| known.name == *name);
            let new = Watched {
                name: *name,
                failover_after: *failover_after,
                links: 0,
                elsewhere: 0,
                state: LinkState::Unbound { since: now },
            };
            self.operators.push(known.map_or(new, |known| Watched { failover_after: *failover_after, ..*known }));
        }
        let gone = |name: &Name| self.operators.iter().all(|operator| operator.name != *name);
        before.iter().map(|operator| operator.name).filter(gone).collect()
    }

    /// A link has bound or is gone. Returns whether the operator is available again after it was passed over.
    /// An operator that is not configured (any more) changes nothing.
    pub(crate) fn record(&mut self, name: Name, bound: bool, now: Instant) -> bool {
        self.change(name, now, |operator| {
            operator.links = if bound { operator.links + 1 } else { operator.links.saturating_sub(1) };
        })
    }

    /// So many links are bound on other nodes. Returns the same.
    pub(crate) fn record_elsewhere(&mut self, name: Name, links: usize, now: Instant) -> bool {
        self.change(name, now, |operator| operator.elsewhere = links)
    }

    fn change(&mut self, name: Name, now: Instant, change: impl FnOnce(&mut Watched)) -> bool {
        let Some(operator) = self.operators.iter_mut().find(|operator| operator.name == name) else { return false };
        change(operator);
        let before = operator.state;
        operator.state = match (operator.links + operator.elsewhere, before) {
            (1.., _) => LinkState::Bound,
            (0, LinkState::Bound) => LinkState::Unbound { since: now },
            (0, LinkState::Unbound { .. } | LinkState::PassedOver) => before,
        };
        before == LinkState::PassedOver && operator.state == LinkState::Bound
    }

    /// Passes over the operators whose time is up, and returns them.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Vec<Name> {
        let due = |operator: &&mut Watched| operator.deadline().is_some_and(|deadline| deadline <= now);
        let passed = self.operators.iter_mut().filter(due).map(|operator| {
            operator.state = LinkState::PassedOver;
            operator.name
        });
        passed.collect()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.operators.iter().filter_map(Watched::deadline).min()
    }

    /// Operators that new messages may be given to: all but those passed over.
    pub(crate) fn available(&self) -> impl Iterator<Item = Name> {
        self.operators.iter().filter(|operator| operator.state != LinkState::PassedOver).map(|operator| operator.name)
    }

    /// Operators that are passed over.
    pub(crate) fn passed_over(&self) -> impl Iterator<Item = Name> {
        self.operators.iter().filter(|operator| operator.state == LinkState::PassedOver).map(|operator| operator.name)
    }

    /// Every operator with its bound links.
    #[cfg(test)]
    fn links(&self) -> impl Iterator<Item = (Name, usize)> {
        self.operators.iter().map(|operator| (operator.name, operator.links))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn name(text: &str) -> Name {
        Name::intern(text)
    }

    fn watch(now: Instant) -> LinkWatch {
        LinkWatch::new(&[(name("w-a"), MINUTE), (name("w-b"), 2 * MINUTE)], now)
    }

    fn available(watch: &LinkWatch) -> Vec<&'static str> {
        watch.available().map(Name::as_str).collect()
    }

    #[test]
    fn at_start_the_clock_runs_and_all_are_available() {
        let start = Instant::now();
        let mut watch = watch(start);
        assert_eq!(available(&watch), ["w-a", "w-b"]);
        assert_eq!(watch.poll_timeout(), Some(start + MINUTE));
        assert!(watch.handle_timeout(start + MINUTE - Duration::from_millis(1)).is_empty());
        assert_eq!(watch.handle_timeout(start + MINUTE), [name("w-a")]);
        assert_eq!((available(&watch), watch.poll_timeout()), (vec!["w-b"], Some(start + 2 * MINUTE)));
    }

    #[test]
    fn one_bound_link_of_several_is_enough() {
        let start = Instant::now();
        let mut watch = watch(start);
        watch.record(name("w-a"), true, start);
        watch.record(name("w-a"), true, start);
        watch.record(name("w-a"), false, start);
        assert!(watch.handle_timeout(start + MINUTE).is_empty());
    }

    #[test]
    fn the_clock_runs_from_the_loss_of_the_last_link() {
        let start = Instant::now();
        let mut watch = watch(start);
        watch.record(name("w-a"), true, start);
        watch.record(name("w-a"), false, start + 10 * MINUTE);
        watch.record(name("w-a"), false, start + 11 * MINUTE);
        watch.record(name("w-b"), true, start);
        assert_eq!(watch.poll_timeout(), Some(start + 11 * MINUTE), "a second loss of no link starts nothing anew");
    }

    #[test]
    fn a_link_that_returns_makes_its_operator_available() {
        let start = Instant::now();
        let mut watch = watch(start);
        watch.handle_timeout(start + MINUTE);
        assert_eq!(watch.passed_over().collect::<Vec<_>>(), [name("w-a")]);
        assert!(watch.record(name("w-a"), true, start + 2 * MINUTE));
        assert!(!watch.record(name("w-a"), true, start + 2 * MINUTE), "it was available already");
        assert!(watch.passed_over().next().is_none());
    }

    #[test]
    fn a_link_on_another_node_is_enough() {
        let start = Instant::now();
        let mut watch = watch(start);
        watch.handle_timeout(start + MINUTE);
        assert!(watch.record_elsewhere(name("w-a"), 2, start + MINUTE), "it is available again");
        watch.record(name("w-a"), true, start + MINUTE);
        watch.record(name("w-a"), false, start + 2 * MINUTE);
        watch.handle_timeout(start + 9 * MINUTE);
        assert!(available(&watch).contains(&"w-a"));
        watch.record_elsewhere(name("w-a"), 0, start + 10 * MINUTE);
        assert_eq!(watch.poll_timeout(), Some(start + 11 * MINUTE), "the clock runs from the loss of the last one");
    }

    #[test]
    fn a_return_within_the_time_changes_nothing() {
        let start = Instant::now();
        let mut watch = watch(start);
        watch.record(name("w-a"), true, start);
        watch.record(name("w-a"), false, start);
        assert!(!watch.record(name("w-a"), true, start + MINUTE / 2));
        assert!(watch.handle_timeout(start + MINUTE).is_empty());
    }

    #[test]
    fn an_operator_that_stays_keeps_its_links() {
        let start = Instant::now();
        let mut watch = watch(start);
        watch.record(name("w-a"), true, start);
        let gone = watch.replace(&[(name("w-a"), MINUTE), (name("w-c"), MINUTE)], start + MINUTE);
        assert_eq!(gone, [name("w-b")]);
        assert_eq!(watch.links().collect::<Vec<_>>(), [(name("w-a"), 1), (name("w-c"), 0)]);
        assert_eq!(watch.poll_timeout(), Some(start + 2 * MINUTE));
        assert!(!watch.record(name("w-b"), true, start), "it is not configured any more");
    }

    #[test]
    fn no_end_of_patience_is_no_deadline() {
        let start = Instant::now();
        let watch = LinkWatch::new(&[(name("w-a"), Duration::MAX)], start);
        assert_eq!(watch.poll_timeout(), None);
    }
}
