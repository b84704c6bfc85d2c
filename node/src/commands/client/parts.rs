//! One text on its way, in one or more submit_sm: what was answered, what was reported, what is missing. A value
//! without socket or clock.

use std::time::Instant;

use smsc_proto::ids::OperatorMessageId;
use smsc_proto::message_state::MessageState;
use smsc_proto::smpp::command_status::CommandStatus;
use smsc_proto::smpp::pdu::SmFields;
use smsc_proto::text::concatenation::{Marking, Segment, TooLong, encode_text};

use super::addresses::{Number, Sender};
use super::submit_refusal;

/// A text that was cut into messages.
#[derive(Debug)]
pub(crate) struct Parts {
    data_coding: u8,
    parts: Vec<Part>,
}

/// One message.
#[derive(Debug)]
struct Part {
    segment: Segment,
    state: PartState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PartState {
    /// Not yet submitted.
    Open,
    /// Submitted then.
    Submitted(Instant),
    /// Accepted; submitted then.
    Accepted(OperatorMessageId, Instant),
    /// Its receipt has come.
    Reported(OperatorMessageId, MessageState),
    /// It was refused.
    Refused(CommandStatus),
    /// There was no answer in time.
    Unanswered,
}

/// What a receipt was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reported {
    /// Which part, from 0.
    pub(crate) part: usize,
    /// When it was submitted.
    pub(crate) submitted: Instant,
}

impl Parts {
    /// Encodes a text (GSM-7 if it can be, else UCS-2) and cuts it. Parts that belong together bear `reference`.
    pub(crate) fn new(text: &str, reference: u8) -> Result<Self, TooLong> {
        let (data_coding, segments) = encode_text(text, Marking::Udh, u16::from(reference))?;
        let parts = segments.into_iter().map(|segment| Part { segment, state: PartState::Open }).collect();
        Ok(Self { data_coding, parts })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.parts.len()
    }

    /// The next part that is to be submitted.
    pub(crate) fn next_open(&self) -> Option<usize> {
        self.parts.iter().position(|part| part.state == PartState::Open)
    }

    /// The submit_sm of a part.
    pub(crate) fn fields<'a>(
        &'a self,
        part: usize,
        from: &'a Sender,
        to: &'a Number,
        registered_delivery: u8,
    ) -> SmFields<'a> {
        let segment = &self.parts[part].segment;
        SmFields {
            source: from.address(),
            destination: to.address(),
            esm_class: segment.esm_class,
            registered_delivery,
            data_coding: self.data_coding,
            short_message: &segment.short_message,
            ..SmFields::default()
        }
    }

    /// A part went out.
    pub(crate) fn submitted(&mut self, part: usize, now: Instant) {
        self.parts[part].state = PartState::Submitted(now);
    }

    /// A part was answered; when it was submitted. `None` for a part that does not wait for an answer.
    pub(crate) fn answered(&mut self, part: usize, status: CommandStatus, id: &[u8]) -> Option<Instant> {
        let part = self.parts.get_mut(part)?;
        let PartState::Submitted(at) = part.state else { return None };
        part.state = match OperatorMessageId::from_octets(id) {
            Some(id) if status.is_ok() => PartState::Accepted(id, at),
            // ESME_ROK without an id: no receipt could ever be told to be its own.
            None if status.is_ok() => PartState::Unanswered,
            _ => PartState::Refused(status),
        };
        Some(at)
    }

    /// A part will not be answered any more.
    pub(crate) fn unanswered(&mut self, part: usize) {
        if let Some(part) = self.parts.get_mut(part) {
            part.state = PartState::Unanswered;
        }
    }

    /// A receipt came; `None` if it is for another message. Intermediate notifications change nothing.
    pub(crate) fn reported(&mut self, id: &OperatorMessageId, state: MessageState) -> Option<Reported> {
        for (index, part) in self.parts.iter_mut().enumerate() {
            match &part.state {
                PartState::Accepted(own, submitted) if own == id => {
                    let reported = Reported { part: index, submitted: *submitted };
                    if state.is_final() {
                        part.state = PartState::Reported(id.clone(), state);
                    }
                    return Some(reported);
                }
                _ => {}
            }
        }
        None
    }

    /// Whether this id is one of its own that has been reported already: a repeated receipt.
    pub(crate) fn knows(&self, id: &OperatorMessageId) -> bool {
        self.parts.iter().any(|part| matches!(&part.state, PartState::Reported(own, _) if own == id))
    }

    /// Whether a response is still to come.
    pub(crate) fn awaits_responses(&self) -> bool {
        self.parts.iter().any(|part| matches!(part.state, PartState::Open | PartState::Submitted(_)))
    }

    /// Whether a receipt is still to come.
    pub(crate) fn awaits_receipts(&self) -> bool {
        self.parts.iter().any(|part| matches!(part.state, PartState::Accepted(..)))
    }

    /// What went wrong first, as one sentence; `None` when every part is delivered, or accepted where no receipts are
    /// asked for.
    pub(crate) fn problem(&self, receipts: Expectation) -> Option<String> {
        self.parts.iter().enumerate().find_map(|(index, part)| {
            let name = if self.parts.len() == 1 { "the message".to_owned() } else { part_name(index, self.parts.len()) };
            match &part.state {
                PartState::Reported(_, MessageState::Delivered) => None,
                PartState::Accepted(..) if receipts == Expectation::Accepted => None,
                PartState::Reported(id, state) => Some(format!(
                    "{name} (message_id {id}) was not delivered: the receipt says {}",
                    state.receipt_word()
                )),
                PartState::Accepted(id, _) => Some(format!(
                    "no receipt for {name} (message_id {id}) came in time. It is accepted and will not be lost: the \
                     operator may be slow or its link down (`smsc ctl` shows links and messages); --wait gives it more time"
                )),
                PartState::Refused(status) => {
                    Some(format!("{name} was refused with {status}: {}", submit_refusal(*status)))
                }
                PartState::Open | PartState::Submitted(_) | PartState::Unanswered => {
                    Some(format!("{name} was not answered; it may have been accepted all the same"))
                }
            }
        })
    }
}

/// When a text counts as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expectation {
    /// When it is accepted.
    Accepted,
    /// When it is delivered.
    Delivered,
}

/// `part 1 of 2`, counted from 0.
pub(crate) fn part_name(part: usize, parts: usize) -> String {
    format!("part {} of {parts}", part + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> OperatorMessageId {
        OperatorMessageId::from_octets(text.as_bytes()).expect("an id")
    }

    fn accepted(text: &str) -> Parts {
        let mut parts = Parts::new(text, 7).expect("short enough");
        for part in 0..parts.len() {
            parts.submitted(part, Instant::now());
            parts.answered(part, CommandStatus::ESME_ROK, format!("{}", part + 100).as_bytes());
        }
        parts
    }

    #[test]
    fn a_text_that_fits_gsm7_stays_in_it_and_others_become_ucs2() {
        assert_eq!((Parts::new("hej åäö", 1).expect("short").data_coding), 0);
        assert_eq!((Parts::new("привет", 1).expect("short").data_coding), 8);
    }

    #[test]
    fn a_long_text_is_cut_and_all_its_parts_must_be_delivered() {
        let mut parts = accepted(&"x".repeat(200));
        assert_eq!((parts.len(), parts.parts[0].segment.esm_class), (2, 0x40));
        assert!(parts.reported(&id("100"), MessageState::Delivered).is_some());
        assert!(parts.awaits_receipts());
        let problem = parts.problem(Expectation::Delivered).expect("one is missing");
        assert!(problem.contains("part 2 of 2 (message_id 101)"), "{problem}");
        assert!(parts.reported(&id("101"), MessageState::Delivered).is_some());
        assert_eq!((parts.awaits_receipts(), parts.problem(Expectation::Delivered)), (false, None));
    }

    #[test]
    fn a_receipt_of_another_message_changes_nothing() {
        let mut parts = accepted("hello");
        assert_eq!(parts.reported(&id("999"), MessageState::Delivered), None);
        assert!(parts.awaits_receipts());
    }

    #[test]
    fn an_intermediate_notification_is_not_the_end() {
        let mut parts = accepted("hello");
        assert!(parts.reported(&id("100"), MessageState::Enroute).is_some());
        assert!(parts.awaits_receipts());
        parts.reported(&id("100"), MessageState::Delivered);
        assert!(parts.knows(&id("100")));
    }

    #[test]
    fn what_is_not_delivered_is_a_problem_with_its_state() {
        let mut parts = accepted("hello");
        parts.reported(&id("100"), MessageState::Undeliverable);
        assert!(parts.problem(Expectation::Delivered).expect("not delivered").contains("UNDELIV"));
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let mut parts = Parts::new("hello", 1).expect("short");
        parts.submitted(0, Instant::now());
        parts.answered(0, CommandStatus::ESME_RTHROTTLED, b"");
        let problem = parts.problem(Expectation::Accepted).expect("refused");
        assert!(problem.contains("ESME_RTHROTTLED") && problem.contains("try again later"), "{problem}");
    }

    #[test]
    fn without_receipts_acceptance_is_enough() {
        let parts = accepted("hello");
        assert_eq!(parts.problem(Expectation::Accepted), None);
        assert!(parts.problem(Expectation::Delivered).is_some());
    }
}
