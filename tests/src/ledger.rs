//! What was accepted and what became of it.
//!
//! Messages are told apart by their text. Whoever submits writes down each acceptance as it comes, the operator's book
//! and the receipts are entered at the end, and [`Ledger::balance`] says what is missing and what came too often.

use std::collections::{HashMap, HashSet};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use crate::PATIENCE;
use crate::esme::Delivery;
use crate::operator::Submitted;
use crate::receipt::Receipt;

/// Acceptances, from several threads.
#[derive(Debug, Default)]
pub struct Ledger {
    /// message_id to text.
    accepted: Mutex<HashMap<String, String>>,
    changed: Condvar,
}

/// What the books say in the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Messages that were accepted.
    pub accepted: usize,
    /// Accepted, and never seen by the operator.
    pub lost: Vec<String>,
    /// Accepted, and without a receipt.
    pub without_receipt: Vec<String>,
    /// How often the operator saw a message again.
    pub copies: usize,
    /// How often an ESME saw a receipt again.
    pub receipts_repeated: usize,
    /// Receipts for ids that nobody was given.
    pub receipts_of_strangers: Vec<String>,
}

impl Ledger {
    /// Writes down an acceptance; an id that was given before fails the test.
    pub fn accepted(&self, message_id: String, text: String) {
        let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        let before = accepted.insert(message_id.clone(), text);
        assert_eq!(before, None, "the message_id {message_id} was given twice");
        self.changed.notify_all();
    }

    /// How many were accepted.
    pub fn count(&self) -> usize {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Waits until so many were accepted.
    pub fn expect(&self, count: usize) {
        let deadline = Instant::now() + 3 * PATIENCE;
        let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        while accepted.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited for {count} acceptances, there are {}", accepted.len());
            accepted = self.changed.wait_timeout(accepted, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Compares with what the operator saw and what the ESMEs were told.
    pub fn balance(&self, submitted: &[Submitted], deliveries: &[Delivery]) -> Balance {
        let accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        let texts = submitted.iter().map(|submitted| submitted.message.as_text()).collect::<HashSet<_>>();
        let receipts = deliveries.iter().map(|delivery| Receipt::read(delivery.message.clone()).message_id);
        let mut receipt_counts = HashMap::<String, usize>::new();
        receipts.for_each(|message_id| *receipt_counts.entry(message_id).or_default() += 1);
        let missing = |absent: &dyn Fn(&str, &str) -> bool| {
            let absent = accepted.iter().filter(|(message_id, text)| absent(message_id, text));
            absent.map(|(message_id, text)| format!("{message_id} {text}")).collect()
        };
        Balance {
            accepted: accepted.len(),
            lost: missing(&|_, text| !texts.contains(text)),
            without_receipt: missing(&|message_id, _| !receipt_counts.contains_key(message_id)),
            copies: submitted.len() - texts.len(),
            receipts_repeated: receipt_counts.values().map(|count| count - 1).sum(),
            receipts_of_strangers: receipt_counts.into_keys().filter(|id| !accepted.contains_key(id)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use smsc_proto::smpp::command_id::CommandId;

    use super::*;
    use crate::message::Message;
    use crate::operator::receipt;

    fn submitted(text: &str) -> Submitted {
        let message = Message::to("46701234567").text(text);
        Submitted { link: 0, sequence_number: 1, operator_message_id: "1".to_owned(), message, at: Instant::now() }
    }

    fn told(message_id: &str) -> Delivery {
        let state = smsc_proto::message_state::MessageState::Delivered;
        let message = receipt(&Message::to("46701234567"), message_id, state);
        Delivery { command_id: CommandId::DELIVER_SM, sequence_number: 1, message }
    }

    fn ledger() -> Ledger {
        let ledger = Ledger::default();
        ledger.accepted("1".to_owned(), "first".to_owned());
        ledger.accepted("2".to_owned(), "second".to_owned());
        ledger
    }

    #[test]
    fn what_the_operator_and_the_esme_saw_once_is_in_balance() {
        let balance = ledger().balance(&[submitted("first"), submitted("second")], &[told("1"), told("2")]);
        assert_eq!(balance, Balance { accepted: 2, ..Balance::default() });
    }

    #[test]
    fn what_the_operator_never_saw_is_lost_and_what_has_no_receipt_is_missed() {
        let balance = ledger().balance(&[submitted("second")], &[told("1")]);
        assert_eq!((balance.lost, balance.without_receipt), (vec!["1 first".to_owned()], vec!["2 second".to_owned()]));
    }

    #[test]
    fn what_came_again_is_counted() {
        let (first, second) = (submitted("first"), submitted("second"));
        let balance = ledger().balance(&[first.clone(), second, first], &[told("1"), told("2"), told("2"), told("3")]);
        assert_eq!((balance.copies, balance.receipts_repeated), (1, 1));
        assert_eq!(balance.receipts_of_strangers, ["3"]);
    }

    #[test]
    #[should_panic(expected = "was given twice")]
    fn an_id_that_is_given_twice_is_a_failure() {
        ledger().accepted("1".to_owned(), "third".to_owned());
    }
}
