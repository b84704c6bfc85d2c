//! What was asked of one owner and is not answered yet: receipts that it may have the messages of, questions, and new
//! messages for a partition of its. Pure.
//!
//! Bounded, each kind by a credit of its own; what finds no room, or no answer in time, is given back to who asked.
//! `R` is who is answered for a receipt, `Q` for a question, `N` for a new message.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use smsc_store::OperatorReceipt;

/// Receipts that one owner may have unanswered.
const RECEIPTS_MAX: usize = 8_192;
/// Questions that one owner may have unanswered.
const QUESTIONS_MAX: usize = 1_024;
/// How long an owner has for a receipt: then it is parked here.
pub const RECEIPT_WITHIN: Duration = Duration::from_secs(1);
/// How long it has for a question.
pub const QUESTION_WITHIN: Duration = Duration::from_secs(5);

/// New messages that one owner may have unanswered.
const NEW_MESSAGES_MAX: usize = 8_192;
/// How long it has for a new message: longer than a journal that stalls is waited for.
pub const NEW_MESSAGE_WITHIN: Duration = Duration::from_secs(10);

/// All of one owner.
#[derive(Debug)]
pub struct Inquiries<R, Q, N> {
    new_messages: Kind<N>,
    receipts: Kind<(OperatorReceipt, R)>,
    questions: Kind<Q>,
}

#[derive(Debug)]
struct Kind<T> {
    open: FxHashMap<u32, T>,
    next: u32,
    /// By time; some are answered.
    deadlines: VecDeque<(Instant, u32)>,
}

impl<T> Default for Kind<T> {
    fn default() -> Self {
        Self { open: FxHashMap::default(), next: 0, deadlines: VecDeque::new() }
    }
}

impl<T> Kind<T> {
    fn add(&mut self, until: Instant, count_max: usize, what: T) -> Result<u32, T> {
        if self.open.len() >= count_max {
            return Err(what);
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.open.insert(number, what);
        self.deadlines.push_back((until, number));
        Ok(number)
    }

    fn take(&mut self, number: u32) -> Option<T> {
        let taken = self.open.remove(&number);
        while self.deadlines.front().is_some_and(|(_, number)| !self.open.contains_key(number)) {
            self.deadlines.pop_front();
        }
        taken
    }

    fn take_expired(&mut self, now: Instant) -> Vec<T> {
        let mut expired = Vec::new();
        while let Some((_, number)) = self.deadlines.pop_front_if(|(until, _)| *until <= now) {
            expired.extend(self.open.remove(&number));
        }
        expired
    }

    fn take_of(&mut self, of: impl Fn(&T) -> bool) -> Vec<T> {
        self.open.extract_if(|_, what| of(what)).map(|(_, what)| what).collect()
    }

    fn take_all(&mut self) -> Vec<T> {
        self.deadlines.clear();
        self.open.drain().map(|(_, what)| what).collect()
    }
}

impl<R, Q, N> Default for Inquiries<R, Q, N> {
    fn default() -> Self {
        Self { receipts: Kind::default(), questions: Kind::default(), new_messages: Kind::default() }
    }
}

impl<R, Q, N> Inquiries<R, Q, N> {
    /// A new message is given, under the returned number. An error means that there is no room.
    pub fn give_message(&mut self, now: Instant, giver: N) -> Result<u32, N> {
        self.new_messages.add(now + NEW_MESSAGE_WITHIN, NEW_MESSAGES_MAX, giver)
    }

    /// It is answered; `None`: it was given up before.
    pub fn take_message(&mut self, number: u32) -> Option<N> {
        self.new_messages.take(number)
    }

    /// New messages that have waited too long, or none of which will be answered.
    pub fn take_messages(&mut self, expired: Instant, of: impl Fn(&N) -> bool) -> Vec<N> {
        let mut taken = self.new_messages.take_expired(expired);
        taken.extend(self.new_messages.take_of(of));
        taken
    }

    /// A receipt is asked about; its tag becomes the returned receipt's number. An error means that there is no room.
    pub fn ask_receipt(
        &mut self,
        now: Instant,
        receipt: OperatorReceipt,
        reply: R,
    ) -> Result<OperatorReceipt, (OperatorReceipt, R)> {
        let number = self.receipts.add(now + RECEIPT_WITHIN, RECEIPTS_MAX, (receipt.clone(), reply))?;
        Ok(OperatorReceipt { tag: number, ..receipt })
    }

    /// It is answered; `None`: it was given back before.
    pub fn take_receipt(&mut self, number: u32) -> Option<(OperatorReceipt, R)> {
        self.receipts.take(number)
    }

    /// A question is asked, under the returned number. An error means that there is no room.
    pub fn ask_question(&mut self, now: Instant, asker: Q) -> Result<u32, Q> {
        self.questions.add(now + QUESTION_WITHIN, QUESTIONS_MAX, asker)
    }

    /// It is answered; `None`: it was given up before.
    pub fn take_question(&mut self, number: u32) -> Option<Q> {
        self.questions.take(number)
    }

    /// What has waited too long.
    pub fn take_expired(&mut self, now: Instant) -> (Vec<(OperatorReceipt, R)>, Vec<Q>) {
        (self.receipts.take_expired(now), self.questions.take_expired(now))
    }

    /// Some that will not be answered.
    pub fn take_of(
        &mut self,
        receipts: impl Fn(&R) -> bool,
        questions: impl Fn(&Q) -> bool,
    ) -> (Vec<(OperatorReceipt, R)>, Vec<Q>) {
        (self.receipts.take_of(|(_, asker)| receipts(asker)), self.questions.take_of(questions))
    }

    /// Everything: nobody will answer any more.
    pub fn take_all(&mut self) -> (Vec<(OperatorReceipt, R)>, Vec<Q>) {
        (self.receipts.take_all(), self.questions.take_all())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use smsc_proto::ids::OperatorMessageId;
    use smsc_proto::message_state::MessageState;
    use smsc_proto::timestamp::Timestamp;
    use smsc_store::Name;

    use super::*;

    fn receipt(tag: u32) -> OperatorReceipt {
        OperatorReceipt {
            tag,
            operator: Name::intern("op-a"),
            operator_message_id: OperatorMessageId::Decimal(7),
            state: MessageState::Delivered,
            error: *b"000",
            done: Timestamp::default(),
            destination: 1,
        }
    }

    #[test]
    fn a_receipt_is_asked_about_under_a_number_and_given_back_under_its_tag() {
        let mut inquiries = Inquiries::<&str, (), ()>::default();
        let now = Instant::now();
        let first = inquiries.ask_receipt(now, receipt(9), "north").unwrap();
        let second = inquiries.ask_receipt(now, receipt(9), "south").unwrap();
        assert_ne!(first.tag, second.tag);
        assert_eq!(inquiries.take_receipt(second.tag), Some((receipt(9), "south")));
        assert_eq!(inquiries.take_receipt(second.tag), None);
    }

    #[test]
    fn what_is_not_answered_in_time_is_given_back_and_an_answer_comes_too_late() {
        let mut inquiries = Inquiries::<&str, u32, ()>::default();
        let now = Instant::now();
        let asked = inquiries.ask_receipt(now, receipt(9), "north").unwrap();
        let question = inquiries.ask_question(now, 5).unwrap();
        assert_eq!(inquiries.take_expired(now + RECEIPT_WITHIN).0, [(receipt(9), "north")]);
        assert_eq!(inquiries.take_expired(now + QUESTION_WITHIN).1, [5]);
        assert_eq!((inquiries.take_receipt(asked.tag), inquiries.take_question(question)), (None, None));
    }

    #[test]
    fn an_owner_has_no_more_unanswered_than_its_credit() {
        let mut inquiries = Inquiries::<(), (), ()>::default();
        let now = Instant::now();
        (0..RECEIPTS_MAX).for_each(|_| _ = inquiries.ask_receipt(now, receipt(1), ()).unwrap());
        (0..QUESTIONS_MAX).for_each(|_| _ = inquiries.ask_question(now, ()).unwrap());
        assert!(inquiries.ask_receipt(now, receipt(2), ()).is_err());
        assert!(inquiries.ask_question(now, ()).is_err());
        assert!(inquiries.take_receipt(0).is_some());
        assert!(inquiries.ask_receipt(now, receipt(2), ()).is_ok());
    }

    #[test]
    fn all_are_given_back_when_the_stream_ends() {
        let mut inquiries = Inquiries::<(), (), ()>::default();
        let now = Instant::now();
        (0..3).for_each(|_| _ = inquiries.ask_receipt(now, receipt(1), ()).unwrap());
        let (receipts, questions) = inquiries.take_all();
        assert_eq!((receipts.len(), questions.len()), (3, 0));
        assert!(inquiries.take_expired(now + QUESTION_WITHIN).0.is_empty());
    }

    #[test]
    fn new_messages_have_a_credit_of_their_own_and_end_in_time() {
        let mut inquiries = Inquiries::<(), (), u32>::default();
        let now = Instant::now();
        (0..NEW_MESSAGES_MAX as u32).for_each(|tag| _ = inquiries.give_message(now, tag).unwrap());
        assert_eq!(inquiries.give_message(now, 7), Err(7));
        assert!(inquiries.ask_question(now, ()).is_ok());
        assert_eq!(inquiries.take_message(0), Some(0));
        assert_eq!(inquiries.take_messages(now, |tag| *tag < 10).len(), 9);
        assert_eq!(inquiries.take_messages(now + NEW_MESSAGE_WITHIN, |_| false).len(), NEW_MESSAGES_MAX - 10);
    }
}
