//! Moving what waits for an operator that is passed over or gone, and MO that no route took: where each message goes, and when the next step is
//! due. Pure.

use smsc_proto::smpp::pdu::SmFields;
use smsc_store::{Name, Origin, Outbox};

use crate::handle::Snapshot;
use crate::mobile_originated;
use crate::number::normalise;

/// At most so many messages of a partition are looked at in one step, so that the partition serves others in between.
pub(crate) const STEP_MAX: u32 = 1_000;

/// Why messages leave an outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Its operator has had no link for too long: they leave if an available operator takes them.
    PassedOver,
    /// Its operator is not configured any more, so nobody will ever pull: they leave even if they then have to wait.
    Removed,
    /// They are MO that no route took when they came: they leave when one does.
    Parked,
}

/// The outbox of that name that messages leave for this reason.
pub(crate) const fn outbox(from: Name, reason: Reason) -> Outbox {
    match reason {
        Reason::PassedOver | Reason::Removed => Outbox::Operator(from),
        Reason::Parked => Outbox::Account(from),
    }
}

/// The new place of a message that waits for `from`; `None`: it stays.
pub(crate) fn new_place(
    snapshot: &Snapshot,
    from: Name,
    reason: Reason,
    origin: Origin,
    body: &[u8],
) -> Option<Outbox> {
    let sm = SmFields::decode(body).ok()?;
    let account = match (origin, reason) {
        (Origin::Account(account), Reason::PassedOver | Reason::Removed) => account,
        (Origin::Operator(operator), Reason::Parked) => {
            return mobile_originated::account_of(snapshot, operator, &sm).map(Outbox::Account);
        }
        // Only MT waits for operators, and only MO is parked.
        (Origin::Account(_), Reason::Parked) | (Origin::Operator(_), Reason::PassedOver | Reason::Removed) => {
            return None;
        }
    };
    let destination = normalise(&sm.destination, None)?;
    let operator = snapshot.mt(account, sm.source.digits, &destination).ok()?;
    let better = match reason {
        Reason::PassedOver => operator != from && snapshot.is_available(operator),
        Reason::Removed | Reason::Parked => operator != from,
    };
    better.then_some(Outbox::Operator(operator))
}

/// Which outboxes are being emptied. All partitions take a step together; when the last has answered, the next step
/// follows as long as one of them has more.
#[derive(Debug)]
pub(crate) struct Rounds {
    partitions: usize,
    running: Vec<Round>,
}

#[derive(Debug)]
struct Round {
    from: Name,
    reason: Reason,
    awaiting: usize,
    more: bool,
    moved: u64,
    stopped: bool,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Ask all partitions for a step.
    Ask(Reason),
    /// Wait for answers.
    Wait,
    /// The outbox has been gone through; so many messages have moved.
    Done(u64),
}

impl Rounds {
    /// None yet; a step has as many answers as there are partitions.
    pub(crate) fn new(partitions: usize) -> Self {
        Self { partitions, running: Vec::new() }
    }

    /// An outbox is to be emptied. One that is being emptied is gone through once more after the present step, because
    /// what was looked at before may have a way out now.
    pub(crate) fn begin(&mut self, from: Name, reason: Reason) -> Step {
        if let Some(round) = self.running.iter_mut().find(|round| round.from == from) {
            (round.more, round.stopped, round.reason) = (true, false, reason);
            return Step::Wait;
        }
        if self.partitions == 0 {
            return Step::Done(0);
        }
        self.running.push(Round { from, reason, awaiting: self.partitions, more: false, moved: 0, stopped: false });
        Step::Ask(reason)
    }

    /// The operator is back: what has not moved stays.
    pub(crate) fn stop(&mut self, from: Name) {
        if let Some(round) = self.running.iter_mut().find(|round| round.from == from) {
            round.stopped = true;
        }
    }

    /// One partition has answered.
    pub(crate) fn answered(&mut self, from: Name, moved: u32, more: bool) -> Step {
        let Some(index) = self.running.iter().position(|round| round.from == from) else { return Step::Wait };
        let round = &mut self.running[index];
        round.moved += u64::from(moved);
        round.more |= more;
        round.awaiting = round.awaiting.saturating_sub(1);
        if round.awaiting > 0 {
            return Step::Wait;
        }
        if round.more && !round.stopped {
            (round.awaiting, round.more) = (self.partitions, false);
            return Step::Ask(round.reason);
        }
        Step::Done(self.running.swap_remove(index).moved)
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use smsc_proto::address::Address;
    use smsc_proto::smpp::command_status::CommandStatus;

    use super::*;
    use crate::handle::RouterHandle;
    use crate::options::RouterOptions;
    use crate::route::MtRoute;

    fn name(text: &str) -> Name {
        Name::intern(text)
    }

    fn handle() -> RouterHandle {
        let route = MtRoute {
            prefix: "46".to_owned(),
            account: None,
            source: None,
            operators: vec![(name("re-a"), 1)],
            failover: vec![name("re-b")],
        };
        let operators = ["re-a", "re-b"].map(|operator| (name(operator), std::time::Duration::from_secs(60))).to_vec();
        let no_route = CommandStatus::ESME_RINVDSTADR;
        RouterHandle::new(RouterOptions { mt: vec![route], mo: vec![], no_route, operators }).expect("a good route")
    }

    fn body(destination: &str) -> BytesMut {
        let mut body = BytesMut::new();
        let destination = Address::new(1, 1, destination.as_bytes());
        SmFields { destination, short_message: b"hello", ..SmFields::default() }.encode(&[], &mut body);
        body
    }

    fn place(available: &[&str], from: &str, reason: Reason, destination: &str) -> Option<&'static str> {
        let handle = handle();
        handle.publish_available(available.iter().map(|operator| name(operator)));
        let origin = Origin::Account(name("demo"));
        match new_place(&handle.snapshot(), name(from), reason, origin, &body(destination))? {
            Outbox::Operator(operator) => Some(operator.as_str()),
            Outbox::Account(_) => panic!("MT never waits for an account"),
        }
    }

    #[test]
    fn a_message_moves_to_an_available_operator() {
        assert_eq!(place(&["re-b"], "re-a", Reason::PassedOver, "46701234567"), Some("re-b"));
        assert_eq!(place(&["re-b"], "re-a", Reason::PassedOver, "+46701234567"), Some("re-b"));
    }

    #[test]
    fn a_message_stays_when_its_route_has_no_available_operator() {
        assert_eq!(place(&[], "re-a", Reason::PassedOver, "46701234567"), None);
        assert_eq!(place(&["re-a"], "re-a", Reason::PassedOver, "46701234567"), None, "its own is back");
        let waits_for_failover = place(&[], "re-b", Reason::PassedOver, "46701234567");
        assert_eq!(waits_for_failover, None, "from one that is passed over to another");
    }

    #[test]
    fn a_message_of_a_removed_operator_moves_even_to_wait() {
        assert_eq!(place(&[], "re-gone", Reason::Removed, "46701234567"), Some("re-a"));
    }

    #[test]
    fn a_message_that_no_route_takes_stays() {
        assert_eq!(place(&["re-b"], "re-a", Reason::PassedOver, "4912345"), None);
        assert_eq!(place(&["re-b"], "re-gone", Reason::Removed, "4912345"), None);
    }

    #[test]
    fn what_is_no_mt_message_stays() {
        let handle = handle();
        handle.publish_available([name("re-b")].into_iter());
        let snapshot = handle.snapshot();
        let mo = Origin::Operator(name("re-a"));
        assert_eq!(new_place(&snapshot, name("re-a"), Reason::PassedOver, mo, &body("46701234567")), None);
        let mt = Origin::Account(name("demo"));
        assert_eq!(new_place(&snapshot, name("re-a"), Reason::PassedOver, mt, b"not a body"), None);
    }

    #[test]
    fn a_parked_message_moves_to_the_account_of_the_route_that_takes_it_now() {
        let mo_route = crate::route::MoRoute {
            destination: crate::route::MoDestination::Prefix("467".to_owned()),
            keyword: None,
            operator: None,
            account: name("re-account"),
        };
        let no_route = CommandStatus::ESME_RINVDSTADR;
        let options = RouterOptions { mt: vec![], mo: vec![mo_route], no_route, operators: vec![] };
        let handle = RouterHandle::new(options).expect("a good route");
        let place = |origin, destination: &str| {
            new_place(&handle.snapshot(), name("no route"), Reason::Parked, origin, &body(destination))
        };
        let mo = Origin::Operator(name("re-a"));
        assert_eq!(place(mo, "46701234567"), Some(Outbox::Account(name("re-account"))));
        assert_eq!(place(mo, "4912345"), None);
        assert_eq!(place(Origin::Account(name("demo")), "46701234567"), None);
    }

    #[test]
    fn steps_follow_each_other_while_a_partition_has_more() {
        let mut rounds = Rounds::new(2);
        let from = name("re-a");
        assert_eq!(rounds.begin(from, Reason::PassedOver), Step::Ask(Reason::PassedOver));
        assert_eq!(rounds.answered(from, 1_000, true), Step::Wait);
        assert_eq!(rounds.answered(from, 7, false), Step::Ask(Reason::PassedOver));
        assert_eq!(rounds.answered(from, 3, false), Step::Wait);
        assert_eq!(rounds.answered(from, 0, false), Step::Done(1_010));
        assert_eq!(rounds.answered(from, 0, true), Step::Wait, "an answer that nobody waits for");
    }

    #[test]
    fn an_operator_that_is_back_keeps_the_rest() {
        let mut rounds = Rounds::new(1);
        let from = name("re-a");
        rounds.begin(from, Reason::PassedOver);
        rounds.stop(from);
        assert_eq!(rounds.answered(from, 1_000, true), Step::Done(1_000));
    }

    #[test]
    fn an_outbox_is_gone_through_again_when_it_is_asked_for_again() {
        let mut rounds = Rounds::new(1);
        let from = name("re-a");
        rounds.begin(from, Reason::PassedOver);
        assert_eq!(rounds.begin(from, Reason::PassedOver), Step::Wait);
        assert_eq!(rounds.answered(from, 0, false), Step::Ask(Reason::PassedOver));
        assert_eq!(rounds.answered(from, 5, false), Step::Done(5));
    }

    #[test]
    fn outboxes_are_emptied_side_by_side() {
        let mut rounds = Rounds::new(1);
        rounds.begin(name("re-a"), Reason::PassedOver);
        rounds.begin(name("re-gone"), Reason::Removed);
        assert_eq!(rounds.answered(name("re-gone"), 0, true), Step::Ask(Reason::Removed));
        assert_eq!(rounds.answered(name("re-a"), 0, false), Step::Done(0));
    }
}
