//! The way into the store for sessions, links and the router: on the caller's thread, without an actor in between.

use std::sync::{Arc, OnceLock};

use actix::Addr;
use smallvec::SmallVec;
use smsc_proto::ids::{MessageRef, PartitionId};

use crate::board::{Board, PartitionSnapshot};
use crate::commit::items_of;
use crate::lanes::Lanes;
use crate::messages::*;
use crate::name::Name;
use crate::options::PARTITIONS_MAX;
use crate::partition::Command;
use crate::receipt_desk::ReceiptDesk;
use crate::receipt_index::Hints;
use crate::remote::{Elsewhere, RemoteStore};

/// A cheap copy of the way into the store. All calls return at once; answers come to the `Recipient` in the message.
///
/// New messages go to the partitions of `store.partitions`. When that number was lowered, the partitions above it are
/// still there for everything else, until they are empty. Partitions of other nodes, once the way to them was
/// [given](Self::set_remote), are pulled from, settled and asked like those of this one.
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
    elsewhere: Elsewhere,
    hints: Hints,
    desk: OnceLock<Addr<ReceiptDesk>>,
}

/// Receipts of one batch that are looked for in the same place.
struct Share {
    /// Where their messages are thought to be; `None`: nobody knows.
    home: Option<PartitionId>,
    matching: Matching,
    items: Vec<OperatorReceipt>,
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
        let ways = Ways {
            lanes,
            accepting: accepting.into(),
            board,
            elsewhere: Elsewhere::default(),
            hints: Hints::default(),
            desk: OnceLock::new(),
        };
        Self { ways: Arc::new(ways) }
    }

    /// The partitions of this node.
    pub fn partitions(&self) -> impl Iterator<Item = PartitionId> + '_ {
        self.all().map(|(id, _)| id)
    }

    /// The partitions of this node, and of all others that were ever reached.
    pub fn partitions_everywhere(&self) -> Vec<PartitionId> {
        self.partitions().chain(self.ways.elsewhere.partitions()).collect()
    }

    /// The partition of this node, if it is the only one, and no other node is known: holders may let their room stand
    /// there. It may change at any time, but once another node is known it stays `None`.
    pub fn only_partition(&self) -> Option<PartitionId> {
        let mut all = self.partitions();
        let only = all.next().filter(|_| all.next().is_none());
        only.filter(|_| !self.ways.elsewhere.is_known())
    }

    /// Gives the way to the partitions of another node, or another way than before. All holders are registered there.
    pub fn set_remote(&self, node: u16, partitions: &[PartitionId], way: Arc<dyn RemoteStore>) {
        self.ways.elsewhere.set(node, partitions, way);
    }

    /// Has parked receipts looked for anew: another node can be reached.
    pub fn try_parked_again(&self) {
        for (_, lanes) in self.all() {
            push(lanes, Command::TryParkedAgain);
        }
    }

    /// Hands a command to a partition of this node; for whoever acts for other nodes. False if it is none of ours: then
    /// nobody is answered.
    pub fn send_local(&self, partition: PartitionId, command: Command) -> bool {
        let lanes = self.lanes(partition);
        if let Some(lanes) = lanes {
            push(lanes, command);
        }
        lanes.is_some()
    }

    pub(crate) fn has_desk(&self, desk: Addr<ReceiptDesk>) {
        for (_, lanes) in self.all() {
            push(lanes, Command::SeekElsewhere(desk.clone().recipient()));
        }
        // The first one stays: it may have searches under way.
        let _ = self.ways.desk.set(desk);
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
        if let Some(lanes) = self.lanes(partition) {
            push(lanes, Command::Pull(pull));
        } else if let Some(way) = self.ways.elsewhere.way_to(partition) {
            way.send(Some(partition), Command::Pull(pull));
        } else {
            // Not known: nothing is due there, and the room that was asked for is free again.
            let Pull { outbox, holder, room, reply, .. } = pull;
            reply.do_send(Leased { outbox, partition, holder, room, items: Vec::new() });
        }
    }

    /// Settles leases; the batch goes to the partition of its leases.
    pub fn settle(&self, partition: PartitionId, settle: Settle) {
        if let Some(lanes) = self.lanes(partition) {
            push(lanes, Command::Settle(settle));
        } else if let Some(way) = self.ways.elsewhere.way_to(partition) {
            way.send(Some(partition), Command::Settle(settle));
        } else {
            tracing::warn!(partition = partition.number(), "outcomes for a partition that nobody owns are dropped");
        }
    }

    /// Remembers which messages that operator has just given ids to, so that their receipts find them at once. For a
    /// link, before it settles; costs nothing where there is one partition.
    pub fn remember_ids(&self, operator: Name, partition: PartitionId, settled: &[Settlement]) {
        if self.only_partition().is_some() {
            return;
        }
        for settlement in settled {
            if let Outcome::Sent { operator_message_id: Some(id), .. } = &settlement.outcome {
                self.ways.hints.insert(operator, id, partition);
            }
        }
    }

    /// Registers for rings in all partitions, also of nodes that are not known yet.
    pub fn register(&self, register: Register) {
        for (_, lanes) in self.all() {
            push(lanes, Command::Register(register.clone()));
        }
        self.ways.elsewhere.register(register);
    }

    /// Ends a holder in all partitions.
    pub fn release(&self, release: Release) {
        for (_, lanes) in self.all() {
            push(lanes, Command::Release(release));
        }
        self.ways.elsewhere.release(release);
    }

    /// Records receipts, each in the partition that sent its message, and answers from there; so one batch may be
    /// answered in several parts.
    ///
    /// Where the message is, is known if this node saw the operator's response; else guessed by its destination, which
    /// operators may write otherwise; else all partitions are asked. What is found nowhere is parked here.
    pub fn receipts(&self, receipts: RecordReceipts) {
        let mut all = self.all();
        if let (Some((_, only)), None, false) = (all.next(), all.next(), self.ways.elsewhere.is_known()) {
            return push(only, Command::Receipts(receipts));
        }
        let RecordReceipts { reply, items } = receipts;
        let mut shares: SmallVec<[Share; 4]> = SmallVec::new();
        for item in items {
            let hint = self.ways.hints.get(item.operator, &item.operator_message_id);
            let (home, matching) = match hint {
                Some(_) => (hint, Matching::Forgiving),
                None if self.ways.elsewhere.is_known() => (None, Matching::Exact),
                None => (Some(self.partition_for(item.destination)), Matching::Exact),
            };
            match shares.iter_mut().find(|share| (share.home, share.matching) == (home, matching)) {
                Some(share) => share.items.push(item),
                None => shares.push(Share { home, matching, items: vec![item] }),
            }
        }
        for Share { home, matching, items } in shares {
            let receipts = RecordReceipts { reply: reply.clone(), items };
            match (home, self.ways.desk.get()) {
                (Some(home), Some(desk)) => {
                    self.seek(home, SeekReceipts { receipts, matching, strays: desk.clone().recipient() });
                }
                (None, Some(desk)) => desk.do_send(StrayReceipts { partition: None, why: Stray::Unmatched, receipts }),
                (home, None) => {
                    let destination = receipts.items.first().map_or(0, |receipt| receipt.destination);
                    let home = home.unwrap_or_else(|| self.partition_for(destination));
                    self.send_local(home, Command::Receipts(receipts));
                }
            }
        }
    }

    /// Asks one partition for the messages of receipts.
    pub(crate) fn seek(&self, partition: PartitionId, seek: SeekReceipts) {
        if let Some(lanes) = self.lanes(partition) {
            push(lanes, Command::Seek(seek));
        } else if let Some(way) = self.ways.elsewhere.way_to(partition) {
            way.send(Some(partition), Command::Seek(seek));
        } else {
            let SeekReceipts { receipts, strays, .. } = seek;
            strays.do_send(StrayReceipts { partition: Some(partition), why: Stray::OutOfReach, receipts });
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
        self.ask(message, || Command::Find(Find { tag, message, reply: reply.clone() }))
    }

    /// Cancels. Returns how many partitions will answer.
    pub fn cancel(&self, cancel: Cancel) -> usize {
        let ask = || Command::Cancel(cancel.clone());
        match cancel.what {
            Cancelling::Message(message) => self.ask(message, ask),
            // A destination of several may lie elsewhere than its own hash says.
            Cancelling::Between { .. } => self.ask_all(ask),
        }
    }

    /// Replaces. Returns how many partitions will answer.
    pub fn replace(&self, replace: Replace) -> usize {
        self.ask(replace.message, || Command::Replace(replace.clone()))
    }

    /// Asks the partitions that may have the message; how many they are. An id names its partition, an alias does not.
    fn ask(&self, message: MessageRef, ask: impl Fn() -> Command) -> usize {
        match message {
            MessageRef::Id(id) => usize::from(self.send(id.partition(), ask())),
            MessageRef::Alias(_) => self.ask_all(ask),
        }
    }

    fn ask_all(&self, ask: impl Fn() -> Command) -> usize {
        let ours = self.all().map(|(_, lanes)| push(lanes, ask())).count();
        if !self.ways.elsewhere.is_known() {
            return ours;
        }
        let theirs = self.ways.elsewhere.partitions();
        ours + theirs.into_iter().filter(|partition| self.send(*partition, ask())).count()
    }

    /// Hands a command to a partition, whoever owns it; false if nobody does.
    fn send(&self, partition: PartitionId, command: Command) -> bool {
        if let Some(lanes) = self.lanes(partition) {
            push(lanes, command);
            return true;
        }
        let way = self.ways.elsewhere.way_to(partition);
        if let Some(way) = &way {
            way.send(Some(partition), command);
        }
        way.is_some()
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
