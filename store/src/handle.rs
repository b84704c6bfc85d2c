//! The way into the store for sessions, links and the router: on the caller's thread, without an actor in between.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix::Recipient;
use arc_swap::{ArcSwap, ArcSwapOption};
use smallvec::SmallVec;
use smsc_proto::ids::{MessageRef, PartitionId};

use crate::board::{Board, PartitionSnapshot};
use crate::commit::items_of;
use crate::lanes::Lanes;
use crate::messages::*;
use crate::options::PARTITIONS_MAX;
use crate::partition::Command;

/// A cheap copy of the way into the store. All calls return at once; answers come to the `Recipient` in the message.
///
/// New messages go to the partitions of `store.partitions`. When that number was lowered, the partitions above it are
/// still there for everything else, until they are empty.
///
/// Partitions in PostgreSQL come to this node and leave it: who is registered is registered with those that come, and
/// who [watches](Self::watch) is told of those that go.
#[derive(Clone)]
pub struct StoreHandle {
    ways: Arc<Ways>,
}

struct Ways {
    /// By the last four bits of the partition's number.
    slots: [ArcSwapOption<Way>; PARTITIONS_MAX as usize],
    /// Partitions that take new messages, wherever they are.
    homes: SmallVec<[PartitionId; 1]>,
    /// Those of them that are on this node.
    accepting: ArcSwap<SmallVec<[PartitionId; 1]>>,
    /// `None`: partitions stay where they are.
    holders: Option<Mutex<Holders>>,
    board: Arc<Board>,
}

/// The way into one partition.
struct Way {
    id: PartitionId,
    lanes: Arc<Lanes>,
}

/// Who is to be registered with partitions that come, and told of those that go.
#[derive(Default)]
struct Holders {
    registered: Vec<Register>,
    watching: Vec<(Holder, Recipient<Gone>)>,
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
        let slots = std::array::from_fn(|_| ArcSwapOption::empty());
        for (id, lanes) in partitions {
            slots[slot(id)].store(Some(Arc::new(Way { id, lanes })));
        }
        let accepting = SmallVec::from(accepting);
        let (homes, accepting) = (accepting.clone(), ArcSwap::from_pointee(accepting));
        Self { ways: Arc::new(Ways { slots, homes, accepting, holders: None, board }) }
    }

    /// A way into partitions that come and go; none is here yet. `homes`: those that take new messages.
    pub(crate) fn moving(homes: &[PartitionId], board: Arc<Board>) -> Self {
        let slots = std::array::from_fn(|_| ArcSwapOption::empty());
        let accepting = ArcSwap::from_pointee(SmallVec::new());
        let holders = Some(Mutex::default());
        Self { ways: Arc::new(Ways { slots, homes: homes.into(), accepting, holders, board }) }
    }

    /// A partition has come: who watches is told that it begins anew, who is registered is registered there.
    pub(crate) fn add(&self, id: PartitionId, lanes: Arc<Lanes>) {
        let holders = self.holders();
        self.ways.slots[slot(id)].store(Some(Arc::new(Way { id, lanes: lanes.clone() })));
        self.set_accepting(id, true);
        // Before the first ring.
        for (_, watching) in holders.iter().flat_map(|holders| &holders.watching) {
            watching.do_send(Gone { partition: id });
        }
        for register in holders.iter().flat_map(|holders| &holders.registered) {
            push(&lanes, Command::Register(register.clone()));
        }
    }

    /// A partition is about to go: new messages go elsewhere.
    pub(crate) fn retire(&self, id: PartitionId) {
        let _holders = self.holders();
        self.set_accepting(id, false);
    }

    /// A partition has gone: who watches is told.
    pub(crate) fn remove(&self, id: PartitionId) {
        let holders = self.holders();
        self.set_accepting(id, false);
        self.ways.slots[slot(id)].store(None);
        for (_, watching) in holders.iter().flat_map(|holders| &holders.watching) {
            watching.do_send(Gone { partition: id });
        }
    }

    /// The caller has the holders, if partitions move: one change at a time.
    fn set_accepting(&self, id: PartitionId, accepting: bool) {
        let homes = self.ways.homes.iter().copied();
        let now = self.ways.accepting.load();
        let here = |home: &PartitionId| if *home == id { accepting } else { now.contains(home) };
        let then = homes.filter(here).collect();
        self.ways.accepting.store(Arc::new(then));
    }

    fn holders(&self) -> Option<MutexGuard<'_, Holders>> {
        let holders = self.ways.holders.as_ref()?;
        Some(holders.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has that holder told of partitions that go, until it is [released](Self::release).
    pub fn watch(&self, holder: Holder, watching: Recipient<Gone>) {
        if let Some(mut holders) = self.holders() {
            holders.watching.push((holder, watching));
        }
    }

    /// The partitions of this node.
    pub fn partitions(&self) -> impl Iterator<Item = PartitionId> + '_ {
        self.all().map(|way| way.id)
    }

    /// The partition of this node, if it is and stays the only one: holders may let their room stand there.
    pub fn only_partition(&self) -> Option<PartitionId> {
        if self.ways.holders.is_some() && self.ways.homes.len() > 1 {
            return None;
        }
        let mut all = self.partitions();
        all.next().filter(|_| all.next().is_none())
    }

    /// The partition of new messages to this destination hash: always the same one while it is here, else one that is.
    /// If none is here, one that is not, and [`accept`](Self::accept) gives back what is offered to it.
    pub fn partition_for(&self, destination: u64) -> PartitionId {
        // The high bits choose; at least one partition is checked at the start.
        let choose = |of: &[PartitionId]| of[((u128::from(destination) * of.len() as u128) >> 64) as usize];
        let home = choose(&self.ways.homes);
        if self.ways.holders.is_none() {
            return home;
        }
        let here = self.ways.accepting.load();
        if here.is_empty() || here.contains(&home) { home } else { choose(&here) }
    }

    /// Offers new messages; gives the batch back when the partition has no room (ESME_RMSGQFUL).
    pub fn accept(&self, partition: PartitionId, accept: Accept) -> Result<(), Accept> {
        match self.way(partition) {
            Some(way) => way.lanes.push_accept(accept),
            None => Err(accept),
        }
    }

    /// Pulls.
    pub fn pull(&self, partition: PartitionId, pull: Pull) {
        match self.way(partition) {
            Some(way) => push(&way.lanes, Command::Pull(pull)),
            // Not ours: nothing is due there, and the room that was asked for is free again.
            None => {
                let Pull { outbox, room, reply, .. } = pull;
                reply.do_send(Leased { outbox, partition, room, items: Vec::new() });
            }
        }
    }

    /// Settles leases; the batch goes to the partition of its leases.
    pub fn settle(&self, partition: PartitionId, settle: Settle) {
        match self.way(partition) {
            Some(way) => push(&way.lanes, Command::Settle(settle)),
            None => {
                tracing::warn!(partition = partition.number(), "outcomes for a partition that is not ours are dropped")
            }
        }
    }

    /// Registers for rings in all partitions.
    pub fn register(&self, register: Register) {
        let mut holders = self.holders();
        if let Some(holders) = &mut holders {
            let same = |known: &Register| (known.holder, known.outbox) == (register.holder, register.outbox);
            holders.registered.retain(|known| !same(known));
            holders.registered.push(register.clone());
        }
        for way in self.all() {
            push(&way.lanes, Command::Register(register.clone()));
        }
    }

    /// Ends a holder in all partitions.
    pub fn release(&self, release: Release) {
        let mut holders = self.holders();
        if let Some(Holders { registered, watching }) = holders.as_deref_mut() {
            registered.retain(|known| known.holder != release.holder);
            watching.retain(|(holder, _)| *holder != release.holder);
        }
        for way in self.all() {
            push(&way.lanes, Command::Release(release));
        }
    }

    /// Records receipts: each goes to the partition that its destination hash names, which sent the message, and is
    /// answered from there; so one batch may be answered in several parts.
    ///
    /// A receipt that matches nothing in its partition is parked there. With several partitions that is also the fate of
    /// one whose source address the operator writes otherwise than the message's destination.
    pub fn receipts(&self, receipts: RecordReceipts) {
        let mut all = self.all();
        if let (Some(only), None) = (all.next(), all.next()) {
            return push(&only.lanes, Command::Receipts(receipts));
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
            match self.way(home) {
                Some(way) => push(&way.lanes, Command::Receipts(RecordReceipts { reply: reply.clone(), items })),
                // None is here: the operator shall try again.
                None => {
                    let items = items.into_iter().map(|receipt| (receipt.tag, false)).collect();
                    reply.do_send(ReceiptsRecorded { items });
                }
            }
        }
    }

    /// Re-routes in all partitions.
    pub fn reroute(&self, reroute: Reroute) {
        let Reroute { from, step_max, choose, reply } = reroute;
        for way in self.all() {
            let (choose, reply) = (choose.clone(), reply.clone());
            push(&way.lanes, Command::Reroute(Reroute { from, step_max, choose, reply }));
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
            Cancelling::Between { .. } => self.all().map(|way| ask(&way.lanes)).count(),
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

    /// Asks the partitions that may have the message; how many they are. An id names its partition, an alias does not.
    fn ask(&self, message: MessageRef, ask: impl Fn(&Lanes)) -> usize {
        match message {
            MessageRef::Id(id) => self.way(id.partition()).map(|way| ask(&way.lanes)).into_iter().count(),
            MessageRef::Alias(_) => self.all().map(|way| ask(&way.lanes)).count(),
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

    fn all(&self) -> impl Iterator<Item = Arc<Way>> {
        self.ways.slots.iter().filter_map(ArcSwapOption::load_full)
    }

    fn way(&self, partition: PartitionId) -> Option<Arc<Way>> {
        self.ways.slots[slot(partition)].load_full().filter(|way| way.id == partition)
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
