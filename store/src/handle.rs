//! The way into the store for sessions, links and the router: on the caller's thread, without an actor in between.

use std::sync::Arc;

use smallvec::SmallVec;
use smsc_proto::ids::{MessageRef, PartitionId};

use crate::board::{Board, PartitionSnapshot};
use crate::commit::items_of;
use crate::lanes::Lanes;
use crate::messages::*;
use crate::options::{OutboxRules, PARTITIONS_MAX};
use crate::partition::Command;

/// A cheap copy of the way into the store. All calls return at once; answers come to the `Recipient` in the message.
///
/// New messages go to the partitions of `store.partitions`. When that number was lowered, the partitions above it are
/// still there for everything else, until they are empty.
#[derive(Clone)]
pub struct StoreHandle {
    ways: Arc<Ways>,
}

struct Ways {
    /// By the last four bits of the partition's number.
    lanes: [Option<(PartitionId, Arc<Lanes>)>; PARTITIONS_MAX as usize],
    /// Partitions that take new messages.
    accepting: SmallVec<[PartitionId; 1]>,
    board: Arc<Board>,
}

/// The hash of an address's digits by which partitions are chosen and receipts matched.
///
/// The same in every process and every release, because journals and peers keep it: FNV-1a (64 bits) over the octets
/// after a leading `+` or `00`, then the final mix of MurmurHash3, so that the high bits depend on every digit.
pub fn address_hash(digits: &[u8]) -> u64 {
    let digits = digits.strip_prefix(b"+").or_else(|| digits.strip_prefix(b"00")).unwrap_or(digits);
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    for digit in digits {
        hash = (hash ^ u64::from(*digit)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    hash ^ (hash >> 33)
}

impl StoreHandle {
    pub(crate) fn new(
        partitions: Vec<(PartitionId, Arc<Lanes>)>,
        accepting: &[PartitionId],
        board: Arc<Board>,
    ) -> Self {
        let mut lanes = std::array::from_fn(|_| None);
        for (id, way) in partitions {
            lanes[slot(id)] = Some((id, way));
        }
        Self { ways: Arc::new(Ways { lanes, accepting: accepting.into(), board }) }
    }

    /// The partitions of this node.
    pub fn partitions(&self) -> impl Iterator<Item = PartitionId> + '_ {
        self.all().map(|(id, _)| id)
    }

    /// The partition of this node, if it is the only one: holders may let their room stand there.
    pub fn only_partition(&self) -> Option<PartitionId> {
        let mut all = self.partitions();
        all.next().filter(|_| all.next().is_none())
    }

    /// The partition of new messages to this destination hash.
    pub fn partition_for(&self, destination: u64) -> PartitionId {
        let accepting = &self.ways.accepting;
        // The high bits choose; at least one partition is checked at the start.
        let index = (u128::from(destination) * accepting.len() as u128) >> 64;
        accepting[index as usize]
    }

    /// Offers new messages; gives the batch back when the partition has no room (ESME_RMSGQFUL).
    pub fn accept(&self, partition: PartitionId, accept: Accept) -> Result<(), Accept> {
        match self.lanes(partition) {
            Some(lanes) => lanes.push_accept(accept),
            None => Err(accept),
        }
    }

    /// Pulls.
    pub fn pull(&self, partition: PartitionId, pull: Pull) {
        match self.lanes(partition) {
            Some(lanes) => push(lanes, Command::Pull(pull)),
            // Not ours: nothing is due there, and the room that was asked for is free again.
            None => {
                let Pull { outbox, room, reply, .. } = pull;
                reply.do_send(Leased { outbox, partition, room, items: Vec::new() });
            }
        }
    }

    /// Settles leases; the batch goes to the partition of its leases.
    pub fn settle(&self, partition: PartitionId, settle: Settle) {
        match self.lanes(partition) {
            Some(lanes) => push(lanes, Command::Settle(settle)),
            None => {
                tracing::warn!(partition = partition.number(), "outcomes for a partition that is not ours are dropped")
            }
        }
    }

    /// Registers for rings in all partitions.
    pub fn register(&self, register: Register) {
        let Register { outbox, holder, ring } = register;
        for (_, lanes) in self.all() {
            push(lanes, Command::Register(Register { outbox, holder, ring: ring.clone() }));
        }
    }

    /// Ends a holder in all partitions.
    pub fn release(&self, release: Release) {
        for (_, lanes) in self.all() {
            push(lanes, Command::Release(release));
        }
    }

    /// Records receipts: each goes to the partition that its destination hash names, which sent the message, and is
    /// answered from there; so one batch may be answered in several parts.
    ///
    /// A receipt that matches nothing in its partition is parked there. With several partitions that is also the fate of
    /// one whose source address the operator writes otherwise than the message's destination.
    pub fn receipts(&self, receipts: RecordReceipts) {
        let mut all = self.all();
        if let (Some((_, only)), None) = (all.next(), all.next()) {
            return push(only, Command::Receipts(receipts));
        }
        let RecordReceipts { reply, items } = receipts;
        let mut shares: SmallVec<[(PartitionId, Vec<OperatorReceipt>); 4]> = SmallVec::new();
        for item in items {
            let home = self.partition_for(item.destination);
            match shares.iter_mut().find(|(id, _)| *id == home) {
                Some((_, share)) => share.push(item),
                None => shares.push((home, vec![item])),
            }
        }
        for (home, items) in shares {
            let Some(lanes) = self.lanes(home) else { continue };
            push(lanes, Command::Receipts(RecordReceipts { reply: reply.clone(), items }));
        }
    }

    /// Re-routes in all partitions.
    pub fn reroute(&self, reroute: Reroute) {
        let Reroute { from, step_max, choose, reply } = reroute;
        for (_, lanes) in self.all() {
            let (choose, reply) = (choose.clone(), reply.clone());
            push(lanes, Command::Reroute(Reroute { from, step_max, choose, reply }));
        }
    }

    /// Finds a message. Returns how many partitions will answer: all of them, when the message is named by its alias.
    pub fn find(&self, find: Find) -> usize {
        let Find { tag, message, reply } = find;
        self.ask(message, |lanes| push(lanes, Command::Find(Find { tag, message, reply: reply.clone() })))
    }

    /// Cancels. Returns how many partitions will answer.
    pub fn cancel(&self, cancel: Cancel) -> usize {
        let Cancel { tag, account, like, what, reply } = cancel;
        let ask = |lanes: &Lanes| {
            push(lanes, Command::Cancel(Cancel { tag, account, like, what, reply: reply.clone() }));
        };
        match what {
            Cancelling::Message(message) => self.ask(message, ask),
            // A destination of several may lie elsewhere than its own hash says.
            Cancelling::Between { .. } => self.all().map(|(_, lanes)| ask(lanes)).count(),
        }
    }

    /// Replaces. Returns how many partitions will answer.
    pub fn replace(&self, replace: Replace) -> usize {
        let Replace { tag, account, like, message, due, expires, receipts, text, reply } = replace;
        self.ask(message, |lanes| {
            let (text, reply) = (text.clone(), reply.clone());
            let replace = Replace { tag, account, like, message, due, expires, receipts, text, reply };
            push(lanes, Command::Replace(replace));
        })
    }

    /// Looks for messages in one partition ([`Searching::Destination`] goes on in the one that it began in), or in all
    /// that may have them. Returns how many partitions will answer.
    pub fn search(&self, partition: Option<PartitionId>, search: Search) -> usize {
        let Search { tag, what, reply } = search;
        let ask =
            |lanes: &Lanes| push(lanes, Command::Search(Search { tag, what: what.clone(), reply: reply.clone() }));
        match (partition, &what) {
            (Some(partition), _) => self.lanes(partition).map(ask).into_iter().count(),
            (None, Searching::Message(message)) => self.ask(*message, ask),
            (None, Searching::OperatorId { .. } | Searching::Destination { .. }) => {
                self.all().map(|(_, lanes)| ask(lanes)).count()
            }
        }
    }

    /// Holds an outbox to other rules. Of `waiting_max` each partition gets its share, as at the start.
    pub fn set_rules(&self, outbox: Outbox, rules: OutboxRules) {
        let waiting_max = rules.waiting_max.div_ceil(self.ways.accepting.len().max(1) as u64);
        let rules = OutboxRules { waiting_max, ..rules };
        for (_, lanes) in self.all() {
            push(lanes, Command::SetRules(SetRules { outbox, rules }));
        }
    }

    /// Asks the partitions that may have the message; how many they are. An id names its partition, an alias does not.
    fn ask(&self, message: MessageRef, ask: impl Fn(&Lanes)) -> usize {
        match message {
            MessageRef::Id(id) => self.lanes(id.partition()).map(ask).into_iter().count(),
            MessageRef::Alias(_) => self.all().map(|(_, lanes)| ask(lanes)).count(),
        }
    }

    /// What the partitions said about themselves last; about half a second old.
    pub fn stats(&self) -> Vec<Arc<PartitionSnapshot>> {
        self.ways.board.snapshots()
    }

    /// The outboxes where something waits, by what the partitions said last. Those of operators that are no longer
    /// configured are to be re-routed.
    pub fn outboxes(&self) -> Vec<Outbox> {
        let snapshots = self.stats();
        let outboxes = snapshots.iter().flat_map(|snapshot| &snapshot.stats.outboxes);
        let holding =
            outboxes.filter(|stats| stats.ready + stats.leased + stats.scheduled + stats.retry + stats.enroute > 0);
        let mut names: Vec<_> = holding.map(|stats| stats.outbox).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether new messages are taken: all partitions run, and their disks have room. Lanes may still be full.
    pub fn is_writable(&self) -> bool {
        self.ways.board.is_writable()
    }

    fn all(&self) -> impl Iterator<Item = (PartitionId, &Lanes)> {
        self.ways.lanes.iter().flatten().map(|(id, lanes)| (*id, &**lanes))
    }

    fn lanes(&self, partition: PartitionId) -> Option<&Lanes> {
        let (id, lanes) = self.ways.lanes[slot(partition)].as_ref()?;
        (*id == partition).then_some(&**lanes)
    }
}

fn slot(partition: PartitionId) -> usize {
    usize::from(partition.number() % PARTITIONS_MAX)
}

fn push(lanes: &Lanes, command: Command) {
    let items = items_of(&command);
    lanes.push(command, items);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_an_address_never_changes() {
        // Journals hold these numbers.
        assert_eq!(address_hash(b""), 0xEFD0_1F60_BA99_2926);
        assert_eq!(address_hash(b"46701234567"), 0x6B70_5463_6BEA_4B01);
    }

    #[test]
    fn an_international_prefix_makes_no_difference() {
        let plain = address_hash(b"46701234567");
        assert_eq!(address_hash(b"+46701234567"), plain);
        assert_eq!(address_hash(b"0046701234567"), plain);
        assert_ne!(address_hash(b"46701234568"), plain);
    }
}
