//! PDUs and violations since the owner last asked: a few numbers that feed the node's metrics.
//!
//! A turn of a busy session sees thousands of PDUs of two or three kinds. So the counts are a short list that is searched
//! from its front and whose memory is kept. It cannot grow beyond the known operations times the known codes.

use super::violation::Violation;
use crate::smpp::command_id::CommandId;
use crate::smpp::command_status::CommandStatus;

/// Which way a PDU went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the peer.
    In,
    /// To the peer.
    Out,
}

impl Direction {
    /// Its name as a metric's label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

/// What was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counted {
    /// A request, or a PDU that has no response.
    Request {
        /// Which way.
        direction: Direction,
        /// Which operation; all that are unknown count as one.
        command: CommandId,
    },
    /// A response or generic_nack.
    Response {
        /// Which way.
        direction: Direction,
        /// Which operation; all that are unknown count as one.
        command: CommandId,
        /// What it says; all codes without a name count as one.
        status: CommandStatus,
    },
    /// A violation by the peer, by [`Violation::name`].
    Violation(&'static str),
}

/// How often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// What was counted.
    pub what: Counted,
    /// How often, at least once.
    pub count: u64,
}

/// Stands for every command_id and command_status that has no name.
const OTHER: u32 = u32::MAX;

#[derive(Debug, Default)]
pub(super) struct Counters {
    counts: Vec<Count>,
    small_talk: u32,
}

impl Counters {
    pub(super) fn pdu(&mut self, direction: Direction, command: CommandId, status: CommandStatus) {
        let is_response = command.is_response();
        let command = if command.is_known() { command } else { CommandId(OTHER) };
        if direction == Direction::In && command == CommandId::ENQUIRE_LINK {
            self.small_talk = self.small_talk.saturating_add(1);
        }
        self.add(if is_response {
            let named = status.is_ok() || status.name() != "other";
            let status = if named { status } else { CommandStatus(OTHER) };
            Counted::Response { direction, command, status }
        } else {
            Counted::Request { direction, command }
        });
    }

    pub(super) fn violation(&mut self, violation: Violation) {
        self.small_talk = self.small_talk.saturating_add(1);
        self.add(Counted::Violation(violation.name()));
    }

    /// PDUs of the peer that moved nothing since this was asked last.
    pub(super) fn take_small_talk(&mut self) -> u32 {
        std::mem::take(&mut self.small_talk)
    }

    fn add(&mut self, what: Counted) {
        match self.counts.iter_mut().find(|count| count.what == what) {
            Some(count) => count.count += 1,
            None => self.counts.push(Count { what, count: 1 }),
        }
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = Count> + '_ {
        self.counts.drain(..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_counted_together_and_different_things_apart() {
        let mut counters = Counters::default();
        for _ in 0..3 {
            counters.pdu(Direction::In, CommandId::SUBMIT_SM, CommandStatus(7));
        }
        counters.pdu(Direction::Out, CommandId::SUBMIT_SM_RESP, CommandStatus::ESME_ROK);
        counters.pdu(Direction::Out, CommandId::SUBMIT_SM_RESP, CommandStatus::ESME_RTHROTTLED);
        let counts: Vec<_> = counters.drain().collect();
        let submitted = Counted::Request { direction: Direction::In, command: CommandId::SUBMIT_SM };
        assert_eq!(counts[0], Count { what: submitted, count: 3 });
        assert_eq!(counts.len(), 3);
        assert_eq!(counters.drain().count(), 0, "what was taken is not counted twice");
    }

    #[test]
    fn what_moves_nothing_is_small_talk_and_a_message_is_not() {
        let mut counters = Counters::default();
        counters.pdu(Direction::In, CommandId::SUBMIT_SM, CommandStatus::ESME_ROK);
        counters.pdu(Direction::Out, CommandId::ENQUIRE_LINK, CommandStatus::ESME_ROK);
        assert_eq!(counters.take_small_talk(), 0);
        counters.pdu(Direction::In, CommandId::ENQUIRE_LINK, CommandStatus::ESME_ROK);
        counters.violation(Violation::UnmatchedResponse);
        assert_eq!((counters.take_small_talk(), counters.take_small_talk()), (2, 0));
    }

    #[test]
    fn a_peer_that_invents_numbers_adds_one_entry_only() {
        let mut counters = Counters::default();
        for invented in 0..1000 {
            counters.pdu(Direction::In, CommandId(0x0700_0000 + invented), CommandStatus::ESME_ROK);
            counters.pdu(Direction::In, CommandId::DELIVER_SM_RESP, CommandStatus(0x0700_0000 + invented));
        }
        assert_eq!(counters.drain().count(), 2);
    }
}
