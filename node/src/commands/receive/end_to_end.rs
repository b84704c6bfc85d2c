//! The end-to-end test of one number: which of its two answers are there, and how long to wait for the others.

use std::time::{Duration, Instant};

use super::Item;
use crate::commands::client::addresses::Number;
use crate::commands::client::parts::{Expectation, Parts};

/// How long the MO may take.
const MO_WITHIN: Duration = Duration::from_secs(30);
/// How much longer the receipt may take.
const RECEIPT_WITHIN: Duration = Duration::from_secs(45);

/// One test.
#[derive(Debug)]
pub(super) struct EndToEnd {
    /// The message that was sent.
    pub(super) parts: Parts,
    number: Number,
    start: Instant,
    mo_came: bool,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Wait, at most until then.
    Wait(Instant),
    /// Both came.
    Passed,
    /// One sentence.
    Failed(String),
}

impl EndToEnd {
    /// Of a message that is about to be sent to `number`.
    pub(super) fn new(parts: Parts, number: Number, start: Instant) -> Self {
        Self { parts, number, start, mo_came: false }
    }

    /// Something was delivered.
    pub(super) fn came(&mut self, item: &Item) {
        match item {
            Item::Mo { from, .. } => self.mo_came |= from.parse().is_ok_and(|from: Number| from == self.number),
            Item::Receipt(receipt, _) => {
                self.parts.reported(&receipt.message_id, receipt.state);
            }
        }
    }

    /// How it stands.
    pub(super) fn verdict(&self, now: Instant) -> Verdict {
        let awaits_parts = self.parts.awaits_responses() || self.parts.awaits_receipts();
        let problem = self.parts.problem(Expectation::Delivered);
        // A part that was refused or is not delivered decides at once.
        if !awaits_parts && let Some(problem) = problem {
            return Verdict::Failed(problem);
        }
        let deadline = self.start + if self.mo_came { RECEIPT_WITHIN } else { MO_WITHIN };
        match (self.mo_came, problem) {
            (true, None) => Verdict::Passed,
            _ if now < deadline => Verdict::Wait(deadline),
            (false, None) => Verdict::Failed(format!(
                "the receipt came, but no MO from {} within 30 s: does the number answer, and does an MO route lead to \
                 this account?",
                self.number
            )),
            (false, Some(_)) => Verdict::Failed(format!(
                "neither the receipt nor an MO from {} came within 30 s: is the operator's link up?",
                self.number
            )),
            (true, Some(problem)) => Verdict::Failed(format!("the MO came, but {problem}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use smsc_proto::ids::OperatorMessageId;
    use smsc_proto::message_state::MessageState;
    use smsc_proto::receipt::DeliveryReceipt;
    use smsc_proto::smpp::command_status::CommandStatus;

    use super::*;

    fn sent(start: Instant) -> EndToEnd {
        let mut parts = Parts::new("hello", 1).expect("short");
        parts.submitted(0, start);
        parts.answered(0, CommandStatus::ESME_ROK, b"42");
        EndToEnd::new(parts, "46761234567".parse().expect("a number"), start)
    }

    fn receipt(state: MessageState) -> Item {
        let message_id = OperatorMessageId::Decimal(42);
        Item::Receipt(DeliveryReceipt { message_id, state, error: *b"000", done: None }, String::new())
    }

    fn mo(from: &str) -> Item {
        Item::Mo { from: from.to_owned(), to: "1".to_owned(), text: "hi".to_owned() }
    }

    #[test]
    fn it_passes_when_both_came_in_either_order() {
        let start = Instant::now();
        for order in [
            [receipt(MessageState::Delivered), mo("46761234567")],
            [mo("+46761234567"), receipt(MessageState::Delivered)],
        ] {
            let mut test = sent(start);
            test.came(&order[0]);
            assert!(matches!(test.verdict(start), Verdict::Wait(_)), "one is not enough");
            test.came(&order[1]);
            assert_eq!(test.verdict(start), Verdict::Passed);
        }
    }

    #[test]
    fn an_mo_from_another_number_does_not_count() {
        let start = Instant::now();
        let mut test = sent(start);
        test.came(&receipt(MessageState::Delivered));
        test.came(&mo("46700000000"));
        assert_eq!(test.verdict(start), Verdict::Wait(start + MO_WITHIN));
        assert!(matches!(test.verdict(start + MO_WITHIN), Verdict::Failed(_)));
    }

    #[test]
    fn the_receipt_has_fifteen_seconds_more() {
        let start = Instant::now();
        let mut test = sent(start);
        test.came(&mo("46761234567"));
        assert_eq!(test.verdict(start + MO_WITHIN), Verdict::Wait(start + RECEIPT_WITHIN));
        assert!(matches!(test.verdict(start + RECEIPT_WITHIN), Verdict::Failed(_)));
    }

    #[test]
    fn a_message_that_is_not_delivered_fails_at_once() {
        let start = Instant::now();
        let mut test = sent(start);
        test.came(&receipt(MessageState::Undeliverable));
        let Verdict::Failed(problem) = test.verdict(start) else { panic!("it cannot be delivered any more") };
        assert!(problem.contains("UNDELIV"), "{problem}");
    }
}
