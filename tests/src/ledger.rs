//! What was accepted and what became of it.
//!
//! Messages are told apart by their text. Whoever submits writes down each acceptance as it comes, and what each bind is
//! told; [`Ledger::balance`] compares with the operator's book and says what is missing and what came too often.

use std::collections::{HashMap, HashSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use smsc_proto::ids::MessageId;

use crate::PATIENCE;
use crate::esme::Delivery;
use crate::operator::Submitted;
use crate::receipt::Receipt;

/// Acceptances and receipts, from several threads.
#[derive(Debug, Default)]
pub struct Ledger {
    books: Mutex<Books>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Books {
    /// message_id to text.
    accepted: HashMap<String, String>,
    /// How many binds there were.
    binds: usize,
    /// The message_ids in the receipts that were read, and by which bind, in the order in which that was written down.
    told: Vec<(usize, String)>,
}

/// One bind of an ESME, from its beginning to its end.
#[derive(Clone, Copy, Debug)]
pub struct BindNumber(usize);

/// What the books say in the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Messages that were accepted.
    pub accepted: usize,
    /// Binds that there were.
    pub binds: usize,
    /// Accepted, and never seen by the operator.
    pub lost: Vec<String>,
    /// Accepted, and without a receipt.
    pub without_receipt: Vec<String>,
    /// How often the operator saw a message again.
    pub copies: usize,
    /// The most messages of one connection of a link that the operator saw again later.
    pub copies_per_link: usize,
    /// How often an ESME saw a receipt again.
    pub receipts_repeated: usize,
    /// The most receipts of one bind that came again on it or on a later one.
    pub repeated_per_bind: usize,
    /// Receipts for ids that nobody was given: the answer was under way when the connection ended.
    pub receipts_of_strangers: usize,
}

/// How much may come again when links, binds or the process are lost.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Messages that the operator may see again, for each connection of a link: its window.
    pub copies_per_link: usize,
    /// Receipts that may come again, for each bind: its deliver_window.
    pub repeated_per_bind: usize,
    /// Messages that were taken and whose answer got lost, for each bind: its window.
    pub strangers_per_bind: usize,
}

impl Ledger {
    /// Writes down an acceptance; an id that was given before fails the test.
    pub fn accepted(&self, message_id: String, text: String) {
        let before = self.lock().accepted.insert(message_id.clone(), text);
        assert_eq!(before, None, "the message_id {message_id} was given twice");
        self.changed.notify_all();
    }

    /// A new bind.
    pub fn opens_bind(&self) -> BindNumber {
        let mut books = self.lock();
        books.binds += 1;
        BindNumber(books.binds - 1)
    }

    /// Writes down the receipts that a bind was told.
    pub fn told(&self, BindNumber(bind): BindNumber, deliveries: Vec<Delivery>) {
        let receipts = deliveries.into_iter().map(|delivery| (bind, Receipt::read(delivery.message).message_id));
        let receipts = receipts.collect::<Vec<_>>();
        self.lock().told.extend(receipts);
    }

    /// How many were accepted.
    pub fn count(&self) -> usize {
        self.lock().accepted.len()
    }

    /// The message_ids that were accepted.
    pub fn message_ids(&self) -> Vec<String> {
        self.lock().accepted.keys().cloned().collect()
    }

    /// Accepted messages of these partitions that have no receipt yet.
    pub fn waiting_in(&self, partitions: &[u16]) -> HashSet<String> {
        let books = self.lock();
        let told: HashSet<&String> = books.told.iter().map(|(_, id)| id).collect();
        let waiting = books.accepted.keys().filter(|id| !told.contains(id));
        let partition_of = |id: &str| MessageId::from_u64(id.parse().ok()?).map(|id| id.partition().number());
        waiting.filter(|id| partition_of(id).is_some_and(|of| partitions.contains(&of))).cloned().collect()
    }

    /// How many of these have no receipt yet.
    pub fn without_receipt_among(&self, ids: &HashSet<String>) -> usize {
        let books = self.lock();
        let told: HashSet<&String> = books.told.iter().map(|(_, id)| id).collect();
        ids.iter().filter(|id| !told.contains(id)).count()
    }

    /// Waits until so many were accepted.
    pub fn expect(&self, count: usize) {
        let deadline = Instant::now() + 3 * PATIENCE;
        let mut books = self.lock();
        while books.accepted.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited for {count} acceptances, there are {}", books.accepted.len());
            books = self.changed.wait_timeout(books, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Compares with what the operator saw.
    pub fn balance(&self, submitted: &[Submitted]) -> Balance {
        let books = self.lock();
        let texts = submitted.iter().map(|submitted| (submitted.link, submitted.message.as_text())).collect::<Vec<_>>();
        let seen = texts.iter().map(|(_, text)| text).collect::<HashSet<_>>();
        let told = books.told.iter().map(|(_, id)| id).collect::<HashSet<_>>();
        let missing = |absent: &dyn Fn(&String, &String) -> bool| {
            let absent = books.accepted.iter().filter(|(message_id, text)| absent(message_id, text));
            absent.map(|(message_id, text)| format!("{message_id} {text}")).collect()
        };
        Balance {
            accepted: books.accepted.len(),
            binds: books.binds,
            lost: missing(&|_, text| !seen.contains(text)),
            without_receipt: missing(&|message_id, _| !told.contains(message_id)),
            copies: texts.len() - seen.len(),
            copies_per_link: seen_again_max(texts.iter().map(|(link, text)| (*link, text))),
            receipts_repeated: books.told.len() - told.len(),
            repeated_per_bind: seen_again_max(books.told.iter().map(|(bind, id)| (*bind, id))),
            receipts_of_strangers: told.iter().filter(|id| !books.accepted.contains_key(**id)).count(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of all ways, the one whose things came again most often: how often they did.
fn seen_again_max<'a>(things: impl Iterator<Item = (usize, &'a String)>) -> usize {
    let mut last_way = HashMap::new();
    let mut again = HashMap::<usize, usize>::new();
    for (way, thing) in things {
        if let Some(earlier) = last_way.insert(thing, way) {
            *again.entry(earlier).or_default() += 1;
        }
    }
    again.into_values().max().unwrap_or(0)
}

impl Balance {
    /// Nothing is lost, and no more came again than may.
    pub fn assert_within(&self, bounds: Bounds) {
        let some = |all: &[String]| all.iter().take(5).cloned().collect::<Vec<_>>();
        let (lost, without) = (some(&self.lost), some(&self.without_receipt));
        assert!(lost.is_empty(), "{} accepted, and never seen by the operator: {lost:?} ...", self.lost.len());
        assert!(without.is_empty(), "{} without a receipt: {without:?} ...", self.without_receipt.len());
        let Bounds { copies_per_link, repeated_per_bind, strangers_per_bind } = bounds;
        assert!(self.copies_per_link <= copies_per_link, "{self:?}, but {bounds:?}");
        assert!(self.repeated_per_bind <= repeated_per_bind, "{self:?}, but {bounds:?}");
        assert!(self.receipts_of_strangers <= self.binds * strangers_per_bind, "{self:?}, but {bounds:?}");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use smsc_proto::smpp::command_id::CommandId;

    use super::*;
    use crate::message::Message;
    use crate::operator::receipt;

    fn submitted(link: usize, text: &str) -> Submitted {
        let message = Message::to("46701234567").text(text);
        Submitted { link, sequence_number: 1, operator_message_id: "1".to_owned(), message, at: Instant::now() }
    }

    fn receipt_of(message_id: &str) -> Delivery {
        let state = smsc_proto::message_state::MessageState::Delivered;
        let message = receipt(&Message::to("46701234567"), message_id, state);
        Delivery { command_id: CommandId::DELIVER_SM, sequence_number: 1, message }
    }

    /// Two messages were accepted, and each of these binds was told so.
    fn ledger(binds: &[&[&str]]) -> Ledger {
        let ledger = Ledger::default();
        ledger.accepted("1".to_owned(), "first".to_owned());
        ledger.accepted("2".to_owned(), "second".to_owned());
        for bind in binds {
            ledger.told(ledger.opens_bind(), bind.iter().map(|id| receipt_of(id)).collect());
        }
        ledger
    }

    const NONE: Bounds = Bounds { copies_per_link: 0, repeated_per_bind: 0, strangers_per_bind: 0 };

    #[test]
    fn what_the_operator_and_the_esme_saw_once_is_in_balance() {
        let balance = ledger(&[&["1"], &["2"]]).balance(&[submitted(0, "first"), submitted(1, "second")]);
        assert_eq!(balance, Balance { accepted: 2, binds: 2, ..Balance::default() });
        balance.assert_within(NONE);
    }

    #[test]
    fn what_the_operator_never_saw_is_lost_and_what_has_no_receipt_is_missed() {
        let balance = ledger(&[&["1"]]).balance(&[submitted(0, "second")]);
        assert_eq!((balance.lost, balance.without_receipt), (vec!["1 first".to_owned()], vec!["2 second".to_owned()]));
    }

    #[test]
    fn what_came_again_is_counted_for_the_way_that_brought_it_first() {
        let seen = [submitted(0, "first"), submitted(0, "second"), submitted(1, "first"), submitted(2, "first")];
        let balance = ledger(&[&["1", "2"], &["2", "1"], &["3"]]).balance(&seen);
        assert_eq!((balance.copies, balance.copies_per_link), (2, 1));
        assert_eq!((balance.receipts_repeated, balance.repeated_per_bind), (2, 2));
        assert_eq!(balance.receipts_of_strangers, 1);
    }

    #[test]
    fn a_receipt_that_went_to_an_earlier_bind_later_is_counted_for_the_one_that_had_it_first() {
        let ledger = ledger(&[]);
        let (early, late) = (ledger.opens_bind(), ledger.opens_bind());
        for (bind, id) in [(early, "1"), (late, "2"), (early, "2")] {
            ledger.told(bind, vec![receipt_of(id)]);
        }
        let balance = ledger.balance(&[submitted(0, "first"), submitted(0, "second")]);
        assert_eq!((balance.receipts_repeated, balance.repeated_per_bind), (1, 1));
        for id in ["1", "2"] {
            ledger.told(late, vec![receipt_of(id)]);
        }
        let balance = ledger.balance(&[submitted(0, "first"), submitted(0, "second")]);
        assert_eq!((balance.receipts_repeated, balance.repeated_per_bind), (3, 2), "two of the early one's");
    }

    #[test]
    #[should_panic(expected = "but Bounds")]
    fn more_copies_than_a_window_are_too_many() {
        let seen = [submitted(0, "first"), submitted(0, "second"), submitted(1, "first"), submitted(1, "second")];
        ledger(&[&["1", "2"]]).balance(&seen).assert_within(Bounds { copies_per_link: 1, ..NONE });
    }

    #[test]
    #[should_panic(expected = "without a receipt")]
    fn a_receipt_that_never_came_is_not_in_balance() {
        ledger(&[&["1"]]).balance(&[submitted(0, "first"), submitted(0, "second")]).assert_within(NONE);
    }

    #[test]
    #[should_panic(expected = "was given twice")]
    fn an_id_that_is_given_twice_is_a_failure() {
        ledger(&[]).accepted("1".to_owned(), "third".to_owned());
    }
}
