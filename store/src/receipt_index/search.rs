//! Which partition is asked next for a receipt whose message is not where it was looked for first. Pure; what it asks
//! for is carried out by the desk.
//!
//! ```text
//!   stray ──> all partitions, exact ──> one after the other, forgiving ──> parked here ──> answered
//!                    └──────────────── one has it: recorded there ────────────────────────┘
//! ```
//!
//! Only an exact match is asked for in several partitions at a time: two messages that share a reused id must not both
//! take one receipt. A receipt that just came waits for no more than [`ANSWER_MAX`]; then it is parked, and looked for
//! again when its time comes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use smsc_proto::ids::PartitionId;

use crate::messages::{EndParked, Matching, OperatorReceipt, ParkedEnd, ParkedSought, Stray};

/// How long an operator waits at most for its answer because of partitions that do not answer.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(1);
/// Receipts that are looked for at a time, at most. What just came is bounded by the operators' windows; beyond this
/// number parked ones wait for their next time.
const SOUGHT_MAX: usize = 16_384;

/// What is to be done. `R` is who is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step<R> {
    /// Ask that partition; the receipt's tag is ours.
    Ask { partition: PartitionId, matching: Matching, receipt: OperatorReceipt },
    /// Park it in this node; the receipt's tag is ours.
    Park { receipt: OperatorReceipt },
    /// Answer who brought it.
    Answer { reply: R, tag: u32, kept: bool },
    /// Tell the partition where it is parked.
    End { partition: PartitionId, end: EndParked },
}

/// All receipts that are being looked for.
#[derive(Debug)]
pub(crate) struct Search<R> {
    sought: FxHashMap<u32, Sought<R>>,
    next_tag: u32,
    /// Those that an operator waits for, oldest first; some may have been found meanwhile.
    deadlines: VecDeque<(Instant, u32)>,
}

#[derive(Debug)]
struct Sought<R> {
    receipt: OperatorReceipt,
    asker: Asker<R>,
    phase: Phase,
    /// Whether somebody could not be asked.
    out_of_reach: bool,
}

#[derive(Debug)]
enum Asker<R> {
    /// An operator's link, which waits for the answer.
    Link { reply: R, tag: u32 },
    /// A partition where it is parked.
    Parked { partition: PartitionId, number: u64, overdue: bool },
}

#[derive(Debug)]
enum Phase {
    /// So many partitions have not answered yet; then these are asked in turn.
    Exact { left: usize, then: SmallVec<[PartitionId; 4]> },
    /// One is asked; then these.
    Forgiving { then: SmallVec<[PartitionId; 4]> },
    /// It is being parked.
    Parking,
}

impl<R> Default for Search<R> {
    fn default() -> Self {
        Self { sought: FxHashMap::default(), next_tag: 0, deadlines: VecDeque::new() }
    }
}

impl<R> Search<R> {
    /// A receipt has just come and is not where it was looked for first, if anywhere.
    pub(crate) fn seek(
        &mut self,
        now: Instant,
        receipt: OperatorReceipt,
        reply: R,
        why: Stray,
        partitions: &[PartitionId],
        steps: &mut Vec<Step<R>>,
    ) {
        let asker = Asker::Link { reply, tag: receipt.tag };
        let tag = self.add(receipt, asker, partitions);
        match why {
            Stray::Unmatched if self.sought.len() <= SOUGHT_MAX => {
                self.deadlines.push_back((now + ANSWER_MAX, tag));
                self.begin(tag, partitions, steps);
            }
            // The one that has its message does not answer: nobody else will know it.
            Stray::Unmatched | Stray::OutOfReach => self.park(tag, steps),
        }
    }

    /// The time of a parked receipt has come.
    pub(crate) fn seek_parked(
        &mut self,
        partition: PartitionId,
        parked: ParkedSought,
        partitions: &[PartitionId],
        steps: &mut Vec<Step<R>>,
    ) {
        if self.sought.len() >= SOUGHT_MAX {
            return;
        }
        let ParkedSought { number, receipt, overdue } = parked;
        let others: SmallVec<[PartitionId; 4]> =
            partitions.iter().copied().filter(|other| *other != partition).collect();
        let tag = self.add(receipt, Asker::Parked { partition, number, overdue }, &others);
        self.begin(tag, &others, steps);
    }

    /// A partition gives it back.
    pub(crate) fn unmatched(&mut self, tag: u32, why: Stray, steps: &mut Vec<Step<R>>) {
        let Some(sought) = self.sought.get_mut(&tag) else { return };
        sought.out_of_reach |= why == Stray::OutOfReach;
        match &mut sought.phase {
            Phase::Exact { left, then } => {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    sought.phase = Phase::Forgiving { then: std::mem::take(then) };
                    self.ask_next(tag, steps);
                }
            }
            Phase::Forgiving { .. } => self.ask_next(tag, steps),
            // An answer that came too late.
            Phase::Parking => {}
        }
    }

    /// It is durable: in the partition of its message, or parked; or there was no room to park it.
    pub(crate) fn recorded(&mut self, tag: u32, kept: bool, steps: &mut Vec<Step<R>>) {
        let Some(sought) = self.sought.remove(&tag) else { return };
        steps.push(match sought.asker {
            Asker::Link { reply, tag } => Step::Answer { reply, tag, kept },
            // It stays parked, and is looked for again.
            Asker::Parked { .. } if !kept => return,
            Asker::Parked { partition, number, .. } => {
                Step::End { partition, end: EndParked { number, end: ParkedEnd::Found } }
            }
        });
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.front().map(|(deadline, _)| *deadline)
    }

    /// Parks what an operator has waited for long enough.
    pub(crate) fn handle_timeout(&mut self, now: Instant, steps: &mut Vec<Step<R>>) {
        while let Some((_, tag)) = self.deadlines.pop_front_if(|(deadline, _)| *deadline <= now) {
            if self.sought.get(&tag).is_some_and(|sought| !matches!(sought.phase, Phase::Parking)) {
                self.park(tag, steps);
            }
        }
    }

    fn add(&mut self, receipt: OperatorReceipt, asker: Asker<R>, partitions: &[PartitionId]) -> u32 {
        let tag = self.next_tag;
        self.next_tag = self.next_tag.wrapping_add(1);
        let phase = Phase::Exact { left: partitions.len(), then: partitions.into() };
        let receipt = OperatorReceipt { tag, ..receipt };
        self.sought.insert(tag, Sought { receipt, asker, phase, out_of_reach: false });
        tag
    }

    fn begin(&mut self, tag: u32, partitions: &[PartitionId], steps: &mut Vec<Step<R>>) {
        let Some(sought) = self.sought.get(&tag) else { return };
        for partition in partitions {
            let receipt = sought.receipt.clone();
            steps.push(Step::Ask { partition: *partition, matching: Matching::Exact, receipt });
        }
        if partitions.is_empty() {
            self.nowhere(tag, steps);
        }
    }

    fn ask_next(&mut self, tag: u32, steps: &mut Vec<Step<R>>) {
        let Some(sought) = self.sought.get_mut(&tag) else { return };
        let Phase::Forgiving { then } = &mut sought.phase else { return };
        match then.pop() {
            Some(partition) => {
                let receipt = sought.receipt.clone();
                steps.push(Step::Ask { partition, matching: Matching::Forgiving, receipt });
            }
            None => self.nowhere(tag, steps),
        }
    }

    /// Nobody has it.
    fn nowhere(&mut self, tag: u32, steps: &mut Vec<Step<R>>) {
        let Some(Sought { asker: Asker::Parked { partition, number, overdue }, out_of_reach, .. }) =
            self.sought.get(&tag)
        else {
            return self.park(tag, steps);
        };
        if *overdue && !out_of_reach {
            let end = EndParked { number: *number, end: ParkedEnd::GivenUp };
            steps.push(Step::End { partition: *partition, end });
        }
        self.sought.remove(&tag);
    }

    fn park(&mut self, tag: u32, steps: &mut Vec<Step<R>>) {
        let Some(sought) = self.sought.get_mut(&tag) else { return };
        sought.phase = Phase::Parking;
        steps.push(Step::Park { receipt: sought.receipt.clone() });
    }
}

#[cfg(test)]
mod tests;
