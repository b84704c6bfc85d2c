//! Which bodies stay in memory: `store.memory_max` for the partition.
//!
//! A body may leave memory once its record is durable, since it stands there. Bodies are dropped when a delivery comes
//! to rest (it becomes visible, or is with the operator) and the memory that its kind may fill is full:
//!
//! ```text
//! what rests                                 may fill
//! not due yet (scheduled, retry)             1/4
//! with the operator, for its receipt         1/2
//! final, its CDR not written yet             1/2
//! due                                        3/4
//! due, in a short outbox                     7/8
//! read back, since it leaves next            all
//! ```
//!
//! So what is needed soonest always finds room, however much of the rest there is: an operator that sends no receipts
//! cannot force bodies of live traffic to the disk, nor can one that is down. What rests first keeps its body, and of
//! one outbox that is also what leaves first. Bodies of batches that are not durable yet and of leased deliveries stay
//! in any case; lanes and windows bound them. What was dropped comes back by reading ahead ([`super::read_back`]).

use super::Partition;
use super::delivery::{Body, Delivery};
use crate::lifecycle::Stage;
use crate::outbox::Outboxes;

/// An outbox with no more ready deliveries than this is short: what comes in leaves at once.
const SHORT: u64 = 1_024;

/// The bound of one partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    max: u64,
}

impl Memory {
    /// So many octets of bodies.
    pub(super) const fn new(max: u64) -> Self {
        Self { max }
    }

    /// Octets that may still be filled by bodies that are read back, when `used` are taken.
    pub(super) const fn room_to_read(self, used: u64) -> u64 {
        self.max.saturating_sub(used)
    }

    /// Whether a delivery that comes to rest may keep its body. It is not counted in `outboxes`.
    pub(super) fn keeps(self, delivery: &Delivery, outboxes: &Outboxes) -> bool {
        let eighths = match delivery.stage {
            Stage::Scheduled | Stage::Retry => 2,
            Stage::Enroute | Stage::Owed => 4,
            Stage::Ready if outboxes.get(delivery.place()).count(Stage::Ready) < SHORT => 7,
            Stage::Ready => 6,
            Stage::Staged | Stage::Leased | Stage::Retained | Stage::Gone => return true,
        };
        let at_rest = outboxes.body_octets - outboxes.staged_octets;
        at_rest + delivery.body.octets() <= self.max / 8 * eighths
    }

    /// Whether a replay keeps a body of so many octets.
    pub(super) const fn keeps_replayed(self, octets: usize, used: u64) -> bool {
        used + octets as u64 <= self.max / 8 * 6
    }
}

impl Partition {
    /// The journal cannot read records back: all bodies stay in memory.
    pub fn keep_all_bodies(&mut self) {
        self.memory = Memory::new(u64::MAX);
    }

    /// A delivery has come to rest: it keeps its body if there is room for it.
    pub(super) fn rest(&mut self, slot: u64) {
        let Some(delivery) = self.slab.get_mut(slot).filter(|delivery| matches!(delivery.body, Body::Memory(_))) else {
            return;
        };
        self.outboxes.leave(delivery);
        if !self.memory.keeps(delivery, &self.outboxes) {
            delivery.body = Body::None;
        }
        self.outboxes.enter(delivery);
    }
}
