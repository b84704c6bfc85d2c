//! What one turn of the state thread has produced.

use actix::Recipient;
use bytes::Bytes;

use crate::journal::RecordNumber;
use crate::messages::*;
use crate::record::RecordWriter;

/// What one turn of the state thread produced: records for the journal, and what is released once they are durable.
pub struct Batch {
    pub(super) writer: RecordWriter,
    pub(super) answers: Vec<Answer>,
    /// Slots that become visible, and the number that they had when they were staged.
    pub(super) staged: Vec<(u64, u32)>,
    /// The number after its last record; zero before it is sealed, or if it has none.
    pub(super) end: RecordNumber,
}

/// What is owed to the journal thread.
#[derive(Debug)]
pub struct Records {
    /// Number of the first record.
    pub first: RecordNumber,
    /// Encoded records, each at most RECORD_SIZE_MAX, each with version, checksum, and highest id given.
    pub records: Vec<Bytes>,
    /// Records below this number may be dropped with this append.
    pub keep_from: RecordNumber,
}

/// An answer that waits for the batch to be durable.
pub(super) enum Answer {
    Accepted(Recipient<Accepted>, Accepted),
    Leased(Recipient<Leased>, Leased),
    /// Whose leases ended: when room of theirs stands, it grows instead.
    Settled(Recipient<Settled>, Settled),
    Receipts(Recipient<ReceiptsRecorded>, ReceiptsRecorded),
    Strays(Recipient<StrayReceipts>, StrayReceipts),
    SeekParked(Recipient<SeekParked>, SeekParked),
    Rerouted(Recipient<Rerouted>, Rerouted),
    Found(Recipient<Found>, Found),
    Cancelled(Recipient<Cancelled>, Cancelled),
    Replaced(Recipient<Replaced>, Replaced),
    Searched(Recipient<SearchStep>, SearchStep),
    Swept(Recipient<Swept>, Swept),
    Hurried(Recipient<Hurried>, Hurried),
    Cdrs(Recipient<CdrsTaken>, CdrsTaken),
}

impl Answer {
    /// Gives it to the one who asked; one who is gone misses nothing that is not kept.
    pub(super) fn send(self) {
        match self {
            Self::Accepted(to, answer) => to.do_send(answer),
            Self::Leased(to, answer) => to.do_send(answer),
            Self::Settled(to, answer) => to.do_send(answer),
            Self::Receipts(to, answer) => to.do_send(answer),
            Self::Strays(to, answer) => to.do_send(answer),
            Self::SeekParked(to, answer) => to.do_send(answer),
            Self::Rerouted(to, answer) => to.do_send(answer),
            Self::Found(to, answer) => to.do_send(answer),
            Self::Cancelled(to, answer) => to.do_send(answer),
            Self::Replaced(to, answer) => to.do_send(answer),
            Self::Searched(to, answer) => to.do_send(answer),
            Self::Swept(to, answer) => to.do_send(answer),
            Self::Hurried(to, answer) => to.do_send(answer),
            Self::Cdrs(to, answer) => to.do_send(answer),
        }
    }
}

impl Batch {
    /// Answers for a batch that was applied and whose fate is not known: the partition is another node's.
    pub(crate) fn abandon(self) {
        for answer in self.answers {
            match answer {
                Answer::Accepted(to, Accepted { items }) => {
                    let lost =
                        |(tag, result): (u32, Result<_, _>)| (tag, result.and(Err(AcceptRefusal::PartitionLost)));
                    to.do_send(Accepted { items: items.into_iter().map(lost).collect() });
                }
                Answer::Receipts(to, ReceiptsRecorded { items }) => {
                    let items = items.into_iter().map(|(tag, _)| (tag, false)).collect();
                    to.do_send(ReceiptsRecorded { items });
                }
                Answer::Strays(to, strays) => to.do_send(StrayReceipts { why: Stray::OutOfReach, ..strays }),
                Answer::Found(to, Found { tag, .. }) => {
                    to.do_send(Found::out_of_reach(tag));
                }
                Answer::Cancelled(to, Cancelled { tag, .. }) => {
                    to.do_send(Cancelled::out_of_reach(tag));
                }
                Answer::Replaced(to, Replaced { tag, .. }) => {
                    to.do_send(Replaced::out_of_reach(tag));
                }
                Answer::Searched(to, SearchStep { tag, partition, .. }) => {
                    to.do_send(SearchStep::out_of_reach(tag, partition));
                }
                Answer::Swept(to, Swept { tag, partition, .. }) => {
                    to.do_send(Swept::out_of_reach(tag, partition));
                }
                Answer::Hurried(to, Hurried { tag, .. }) => {
                    to.do_send(Hurried::out_of_reach(tag));
                }
                // See `abandoned`.
                Answer::Leased(..) | Answer::Settled(..) | Answer::SeekParked(..) | Answer::Rerouted(..) => {}
                // Its new owner offers them again.
                Answer::Cdrs(..) => {}
            }
        }
    }

    /// Whether there is nothing to append and nobody to answer.
    pub fn is_empty(&self) -> bool {
        self.writer.is_empty() && self.end == 0 && self.answers.is_empty() && self.staged.is_empty()
    }
}
