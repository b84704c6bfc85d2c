//! The way into the store for sessions, links and the router: on the caller's thread, without an actor in between.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use actix::{Addr, Recipient};
use arc_swap::{ArcSwap, ArcSwapOption};
use smallvec::SmallVec;
use smsc_proto::ids::{MessageRef, PartitionId};

use crate::abandoned::abandon;
use crate::board::{Board, PartitionSnapshot};
use crate::commit::items_of;
use crate::lanes::Lanes;
use crate::messages::*;
use crate::name::Name;
use crate::options::{OutboxRules, PARTITIONS_MAX};
use crate::partition::Command;
use crate::receipt_desk::ReceiptDesk;
use crate::receipt_index::Hints;
use crate::remote::{Elsewhere, Owned, RemoteStore};

/// A cheap copy of the way into the store. All calls return at once; answers come to the `Recipient` in the message.
///
/// New messages go to the partitions of `store.partitions`. When that number was lowered, the partitions above it are
/// still there for everything else, until they are empty. Partitions of other nodes, once the way to them was
/// [given](Self::set_remote), are pulled from, settled and asked like those of this one.
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
    elsewhere: Elsewhere,
    hints: Hints,
    desk: OnceLock<Addr<ReceiptDesk>>,
}

impl Ways {
    fn new(
        slots: [ArcSwapOption<Way>; PARTITIONS_MAX as usize],
        homes: SmallVec<[PartitionId; 1]>,
        accepting: ArcSwap<SmallVec<[PartitionId; 1]>>,
        holders: Option<Mutex<Holders>>,
        board: Arc<Board>,
    ) -> Self {
        let (elsewhere, hints) = (Elsewhere::default(), Hints::default());
        Self { slots, homes, accepting, holders, board, elsewhere, hints, desk: OnceLock::new() }
    }
}

/// The way into one partition.
struct Way {
    id: PartitionId,
    life: u64,
    lanes: Arc<Lanes>,
}

/// Who is to be registered with partitions that come, and told of those that go.
#[derive(Default)]
struct Holders {
    registered: Vec<Register>,
    watching: Vec<(Holder, Recipient<Gone>)>,
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
        let slots = std::array::from_fn(|_| ArcSwapOption::empty());
        for (id, lanes) in partitions {
            slots[slot(id)].store(Some(Arc::new(Way { id, life: 0, lanes })));
        }
        let accepting = SmallVec::from(accepting);
        let (homes, accepting) = (accepting.clone(), ArcSwap::from_pointee(accepting));
        Self { ways: Arc::new(Ways::new(slots, homes, accepting, None, board)) }
    }

    /// A way into partitions that come and go; none is here yet. `homes`: those that take new messages.
    pub(crate) fn moving(homes: &[PartitionId], board: Arc<Board>) -> Self {
        let slots = std::array::from_fn(|_| ArcSwapOption::empty());
        let accepting = ArcSwap::from_pointee(SmallVec::new());
        let holders = Some(Mutex::default());
        Self { ways: Arc::new(Ways::new(slots, homes.into(), accepting, holders, board)) }
    }

    /// A partition has come: who watches is told that it begins anew, who is registered is registered there.
    pub(crate) fn add(&self, Owned { partition: id, life }: Owned, lanes: Arc<Lanes>) {
        let holders = self.holders();
        let way = Arc::new(Way { id, life, lanes });
        self.ways.slots[slot(id)].store(Some(way.clone()));
        self.set_accepting(id, true);
        if let Some(desk) = self.ways.desk.get() {
            push(&way, Command::SeekElsewhere(desk.clone().recipient()));
        }
        // Before the first ring.
        for (_, watching) in holders.iter().flat_map(|holders| &holders.watching) {
            watching.do_send(Gone { partition: id });
        }
        for register in holders.iter().flat_map(|holders| &holders.registered) {
            push(&way, Command::Register(register.clone()));
        }
        drop(holders);
        self.ways.elsewhere.came_here(Owned { partition: id, life });
        self.settle_kept();
        // Parked receipts may have their messages there.
        self.try_parked_again();
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

    /// The partitions of this node, with their lives.
    pub fn owned(&self) -> Vec<Owned> {
        self.all().map(|way| Owned { partition: way.id, life: way.life }).collect()
    }

    /// The partitions of this node, and of all others that were ever reached.
    pub fn partitions_everywhere(&self) -> Vec<PartitionId> {
        let mut all: Vec<_> = self.partitions().chain(self.ways.elsewhere.partitions()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The partition of this node, if it is and stays the only one, and no other node is known: holders may let their
    /// room stand there. It may change at any time, but once another node is known it stays `None`.
    pub fn only_partition(&self) -> Option<PartitionId> {
        if self.ways.holders.is_some() && self.ways.homes.len() > 1 {
            return None;
        }
        let mut all = self.partitions();
        let only = all.next().filter(|_| all.next().is_none());
        only.filter(|_| !self.ways.elsewhere.is_known())
    }

    /// Gives the way to the partitions of another node, or another way than before. All holders are registered there.
    pub fn set_remote(&self, node: u16, owned: &[Owned], way: Arc<dyn RemoteStore>) {
        let here = |partition| self.way(partition).map(|way| way.life);
        self.ways.elsewhere.set(node, owned, way, here);
        self.settle_kept();
    }

    /// Has parked receipts looked for anew: another node can be reached.
    pub fn try_parked_again(&self) {
        for way in self.all() {
            push(&way, Command::TryParkedAgain);
        }
    }

    /// Hands a command to a partition of this node; for whoever acts for other nodes. False if it is none of ours: then
    /// nobody is answered.
    pub fn send_local(&self, partition: PartitionId, command: Command) -> bool {
        let way = self.way(partition);
        if let Some(way) = &way {
            push(way, command);
        }
        way.is_some()
    }

    pub(crate) fn has_desk(&self, desk: Addr<ReceiptDesk>) {
        for way in self.all() {
            push(&way, Command::SeekElsewhere(desk.clone().recipient()));
        }
        // The first one stays: it may have searches under way.
        let _ = self.ways.desk.set(desk);
    }

    /// The partition of new messages to this destination hash: always the same one while it is here, else one that is.
    /// If none is here, one of a node that is in reach; if there is none either, [`accept`](Self::accept) gives back what is
    /// offered to it.
    pub fn partition_for(&self, destination: u64) -> PartitionId {
        // The high bits choose; at least one partition is checked at the start.
        let choose = |of: &[PartitionId]| of[((u128::from(destination) * of.len() as u128) >> 64) as usize];
        let home = choose(&self.ways.homes);
        if self.ways.holders.is_none() {
            return home;
        }
        let here = self.ways.accepting.load();
        if here.contains(&home) {
            home
        } else if here.is_empty() {
            self.home_elsewhere(home)
        } else {
            choose(&here)
        }
    }

    /// The home, or the next one, that a node in reach has.
    fn home_elsewhere(&self, home: PartitionId) -> PartitionId {
        let homes = &self.ways.homes;
        let from = homes.iter().position(|known| *known == home).unwrap_or(0);
        let in_turn = homes.iter().cycle().skip(from).take(homes.len()).copied();
        let is_up = |home: &PartitionId| self.ways.elsewhere.way_to(*home).is_some_and(|way| way.is_up());
        in_turn.into_iter().find(is_up).unwrap_or(home)
    }

    /// Offers new messages; gives the batch back when the partition has no room (ESME_RMSGQFUL).
    pub fn accept(&self, partition: PartitionId, accept: Accept) -> Result<(), Accept> {
        if let Some(way) = self.way(partition) {
            return way.lanes.push_accept(accept);
        }
        match self.ways.elsewhere.way_to(partition) {
            Some(way) if way.is_up() => {
                way.send(Some(partition), Command::Accept(accept));
                Ok(())
            }
            _ => Err(accept),
        }
    }

    /// Offers new messages of another node; those are never handed on.
    pub fn accept_local(&self, partition: PartitionId, accept: Accept) -> Result<(), Accept> {
        match self.way(partition) {
            Some(way) => way.lanes.push_accept(accept),
            None => Err(accept),
        }
    }

    /// Has receipts kept that match nothing yet: here, or, if no partition is here, where one is.
    pub(crate) fn park(&self, partition: PartitionId, receipts: RecordReceipts) {
        let command = Command::Receipts(receipts);
        match (self.way(partition), self.ways.elsewhere.way_to(partition)) {
            (Some(way), _) => push(&way, command),
            (None, Some(way)) => way.send(Some(partition), command),
            (None, None) => abandon(partition, command),
        }
    }

    /// Pulls.
    pub fn pull(&self, partition: PartitionId, pull: Pull) {
        if let Some(way) = self.way(partition) {
            push(&way, Command::Pull(pull));
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
        if let Some(way) = self.way(partition) {
            push(&way, Command::Settle(settle));
        } else if let Some(way) = self.ways.elsewhere.way_to(partition) {
            way.send(Some(partition), Command::Settle(settle));
        } else {
            // It is between two owners: the next one shall hear what was sent.
            let Settle { holder, items, reply } = settle;
            if let Some(reply) = reply {
                let count = items.iter().filter(|settlement| !settlement.late).count();
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                reply.do_send(Settled { partition, holder, count });
            }
            self.ways.elsewhere.keep(partition, holder, items);
            // It may have come meanwhile.
            self.settle_kept();
        }
    }

    fn settle_kept(&self) {
        let has = |partition| self.way(partition).is_some() || self.ways.elsewhere.way_to(partition).is_some();
        for (partition, holder, item) in self.ways.elsewhere.take_kept(has) {
            self.settle(partition, Settle { holder, items: vec![item], reply: None });
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
        let mut holders = self.holders();
        if let Some(holders) = &mut holders {
            let same = |known: &Register| (known.holder, known.outbox) == (register.holder, register.outbox);
            holders.registered.retain(|known| !same(known));
            holders.registered.push(register.clone());
        }
        for way in self.all() {
            push(&way, Command::Register(register.clone()));
        }
        self.ways.elsewhere.register(register);
    }

    /// Ends a holder in all partitions.
    pub fn release(&self, release: Release) {
        let mut holders = self.holders();
        if let Some(Holders { registered, watching }) = holders.as_deref_mut() {
            registered.retain(|known| known.holder != release.holder);
            watching.retain(|(holder, _)| *holder != release.holder);
        }
        for way in self.all() {
            push(&way, Command::Release(release));
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
        if let (Some(only), None, false) = (all.next(), all.next(), self.ways.elsewhere.is_known()) {
            return push(&only, Command::Receipts(receipts));
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
                    match self.way(home) {
                        Some(way) => push(&way, Command::Receipts(receipts)),
                        // None is here: the operator shall try again.
                        None => {
                            let items = receipts.items.into_iter().map(|receipt| (receipt.tag, false)).collect();
                            receipts.reply.do_send(ReceiptsRecorded { items });
                        }
                    }
                }
            }
        }
    }

    /// Asks one partition for the messages of receipts.
    pub(crate) fn seek(&self, partition: PartitionId, seek: SeekReceipts) {
        if let Some(way) = self.way(partition) {
            push(&way, Command::Seek(seek));
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
        for way in self.all() {
            let (choose, reply) = (choose.clone(), reply.clone());
            push(&way, Command::Reroute(Reroute { from, step_max, choose, reply }));
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

    /// Looks for messages of this node in one partition ([`Searching::Destination`] goes on in the one that it began in),
    /// or in all that may have them. Returns how many partitions will answer. One that is between two nodes says so: nobody
    /// else would.
    pub fn search(&self, partition: Option<PartitionId>, search: Search) -> usize {
        let named = match (partition, &search.what) {
            (None, Searching::Message(MessageRef::Id(id))) => Some(id.partition()),
            (partition, _) => partition,
        };
        let is_asked = |partition: &PartitionId| named.is_none_or(|named| named == *partition);
        let asked = self.all().filter(|way| is_asked(&way.id));
        let here = asked.map(|way| push(&way, Command::Search(search.clone()))).count();
        let lost = self.between_nodes().filter(is_asked);
        here + lost.map(|partition| abandon(partition, Command::Search(search.clone()))).count()
    }

    /// Goes through what waits on this node, in one partition (a sweep goes on in the one that it began in) or in all.
    /// Returns how many partitions will answer.
    pub fn sweep(&self, partition: Option<PartitionId>, sweep: Sweep) -> usize {
        let asked = self.all().filter(|way| partition.is_none_or(|named| named == way.id));
        asked.map(|way| push(&way, Command::Sweep(sweep.clone()))).count()
    }

    /// Has a message of this node tried at once. Returns how many partitions will answer.
    pub fn hurry(&self, hurry: Hurry) -> usize {
        let named = match hurry.message {
            MessageRef::Id(id) => Some(id.partition()),
            MessageRef::Alias(_) => None,
        };
        let asked = self.all().filter(|way| named.is_none_or(|named| named == way.id));
        asked.map(|way| push(&way, Command::Hurry(hurry.clone()))).count()
    }

    /// Partitions that nobody has just now: somebody will have them soon.
    fn between_nodes(&self) -> impl Iterator<Item = PartitionId> + '_ {
        let moving = self.ways.holders.is_some();
        let homes = self.ways.homes.iter().copied().filter(move |_| moving);
        homes.filter(|home| self.way(*home).is_none() && self.ways.elsewhere.way_to(*home).is_none())
    }

    /// Holds an outbox to other rules. Of `waiting_max` each partition gets its share, as at the start.
    pub fn set_rules(&self, outbox: Outbox, rules: OutboxRules) {
        let waiting_max = rules.waiting_max.div_ceil(self.ways.homes.len().max(1) as u64);
        let rules = OutboxRules { waiting_max, ..rules };
        for way in self.all() {
            push(&way, Command::SetRules(SetRules { outbox, rules }));
        }
    }

    /// Asks the partitions that may have the message; how many they are. An id names its partition, an alias does not.
    fn ask(&self, message: MessageRef, ask: impl Fn() -> Command) -> usize {
        match message {
            MessageRef::Id(id) => usize::from(self.send(id.partition(), ask())),
            MessageRef::Alias(_) => self.ask_all(ask),
        }
    }

    fn ask_all(&self, ask: impl Fn() -> Command) -> usize {
        let ours = self.all().map(|way| push(&way, ask())).count();
        if !self.ways.elsewhere.is_known() {
            return ours;
        }
        let theirs = self.ways.elsewhere.partitions().into_iter().filter(|partition| self.way(*partition).is_none());
        ours + theirs.filter(|partition| self.send(*partition, ask())).count()
    }

    /// Hands a command to a partition, whoever owns it; false if nobody does.
    fn send(&self, partition: PartitionId, command: Command) -> bool {
        if let Some(way) = self.way(partition) {
            push(&way, command);
            return true;
        }
        match self.ways.elsewhere.way_to(partition) {
            Some(way) => way.send(Some(partition), command),
            // Between two owners: somebody will have it soon.
            None if self.ways.holders.is_some() && self.ways.homes.contains(&partition) => abandon(partition, command),
            None => return false,
        }
        true
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

fn push(way: &Way, command: Command) {
    let items = items_of(&command);
    if let Err(command) = way.lanes.push(command, items) {
        abandon(way.id, *command);
    }
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
