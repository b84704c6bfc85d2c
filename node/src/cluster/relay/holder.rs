//! The side of a relay that has links and binds: which leases of one owner they hold, and which outcomes the owner has
//! not confirmed. Pure.
//!
//! ```text
//!   pulled ──> on lease ──> settled, not confirmed ──> forgotten
//!                 │                  │
//!   stream ends:  stays              stays, and its room is free: nothing new comes from there meanwhile
//!   new stream:   is listed          is said again
//! ```
//!
//! A lease that reaches its link or bind is written at once, so one that was not written when the stream ended never got
//! here: the owner takes back what is not listed. When the owner has been started anew, it knows no lease any more and
//! has what it gave due again; then only the word that a peer took a message is worth saying, as a late one.
//!
//! A partition may leave the owner and come back in another life: then its leases have ended there in the same way, and
//! what was sent is said late, to whoever has the partition. While nobody is known to have it, that is kept here.
//!
//! Bounded: what is on lease or unconfirmed, by the windows of the links and binds; pulls, by one for each partition and
//! holder.

use std::collections::{BTreeMap, VecDeque};

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;
use smsc_proto::ids::PartitionId;
use smsc_store::{Holder, Lease, LeasedDelivery, Outbox, Outcome, Owned, Settlement};
use uuid::Uuid;

use super::error::RelayError;
use super::owner::differing;
use super::part::{HolderNumber, ToOwner};

/// Batches that an owner may leave unconfirmed. Only one that breaks streams again and again before it confirms gets so
/// far: then nothing is asked for until it has.
const UNCONFIRMED_MAX: usize = 10_000;
/// Leases in one list.
const HOLDING_MAX: usize = 4_096;

/// What is to be done.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum HolderStep {
    /// Say this to the owner.
    Send(ToOwner),
    /// Ring that holder.
    Ring { holder: Holder, partition: PartitionId },
    /// Give it these; so much of the room that it asked for has ended.
    Leased { holder: Holder, partition: PartitionId, room: u32, items: Vec<LeasedDelivery> },
    /// So many of its leases have ended, and their room is free.
    Settled { holder: Holder, partition: PartitionId, count: u32 },
    /// Another node has the partition now: it shall hear these, which are late.
    Elsewhere { holder: Holder, partition: PartitionId, items: Vec<Settlement> },
}

/// What the holders of this node have of one owner.
#[derive(Debug, Default)]
pub struct HolderSide {
    open: bool,
    /// Who gave the leases.
    owner: Option<Uuid>,
    /// What it owns, as it said last.
    owned: Vec<Owned>,
    /// Rises when the owner, or a partition of its, is another one than before.
    run: u32,
    /// Since which run the owner is what it is, and partitions that have changed later.
    began: u32,
    changed: FxHashMap<PartitionId, u32>,
    holders: FxHashMap<Holder, Held>,
    /// Pulls that are not answered, by partition, in the order of their answers.
    pulls: FxHashMap<PartitionId, VecDeque<Asked>>,
    unconfirmed: BTreeMap<u64, Batch>,
    next_batch: u64,
    /// Whose pulls were answered with nothing because too much is unconfirmed.
    starved: FxHashSet<(Holder, PartitionId)>,
}

#[derive(Debug)]
struct Held {
    outbox: Outbox,
    /// By partition and slot.
    leases: FxHashMap<(PartitionId, u64), Given>,
}

/// The number of a lease, and in which run of the owner it was given. Nearly always one; an owner that was started anew
/// counts anew, and may give a message again whose earlier copy is still out here.
type Given = SmallVec<[(u32, u32); 1]>;

#[derive(Clone, Copy, Debug)]
struct Asked {
    holder: Holder,
    room: u32,
}

#[derive(Debug)]
struct Batch {
    partition: PartitionId,
    holder: Holder,
    items: Vec<Settlement>,
    /// In which run of the owner the leases were given.
    run: u32,
    /// The places in the window that end with it; 0 when they have ended.
    credit: u32,
}

impl HolderSide {
    /// A link or bind of this node. Said now and with every new stream.
    pub fn register(&mut self, holder: Holder, outbox: Outbox, steps: &mut Vec<HolderStep>) {
        self.holders.entry(holder).or_insert_with(|| Held { outbox, leases: FxHashMap::default() }).outbox = outbox;
        if self.open {
            steps.push(HolderStep::Send(ToOwner::Register { holder: holder.0, outbox }));
        }
    }

    /// It has gone. What it had on lease was never written: the rest has been settled before.
    pub fn release(&mut self, holder: Holder, steps: &mut Vec<HolderStep>) {
        if self.holders.remove(&holder).is_some() && self.open {
            steps.push(HolderStep::Send(ToOwner::Release { holder: holder.0 }));
        }
    }

    /// It asks for what is due. Without a stream nothing is.
    pub fn pull(&mut self, partition: PartitionId, holder: Holder, room: u32, steps: &mut Vec<HolderStep>) {
        let starves = self.unconfirmed.len() >= UNCONFIRMED_MAX;
        if starves && self.open {
            self.starved.insert((holder, partition));
        }
        if !self.has(partition) || starves || !self.holders.contains_key(&holder) {
            return steps.push(HolderStep::Leased { holder, partition, room, items: Vec::new() });
        }
        self.pulls.entry(partition).or_default().push_back(Asked { holder, room });
        steps.push(HolderStep::Send(ToOwner::Pull { partition, holder: holder.0, room }));
    }

    /// What became of its leases. Kept until the owner has confirmed it.
    pub fn settle(
        &mut self,
        partition: PartitionId,
        holder: Holder,
        items: Vec<Settlement>,
        steps: &mut Vec<HolderStep>,
    ) {
        let credit = count_of(items.iter().filter(|settlement| !settlement.late).count());
        // Nearly always one run: the leases of an earlier one end within a response timer of its end.
        let mut runs: Vec<(u32, Vec<Settlement>)> = Vec::with_capacity(1);
        for settlement in items {
            let run = match settlement.late {
                true => self.run_of(partition),
                false => self.end(partition, holder, settlement.lease),
            };
            match runs.iter_mut().find(|(known, _)| *known == run) {
                Some((_, items)) => items.push(settlement),
                None => runs.push((run, vec![settlement])),
            }
        }
        let last = runs.len().saturating_sub(1);
        for (index, (run, items)) in runs.into_iter().enumerate() {
            let credit = if index == last { credit } else { 0 };
            self.keep(Batch { partition, holder, items, run, credit }, steps);
        }
    }

    /// Ends a lease; in which run of the owner it was given.
    fn end(&mut self, partition: PartitionId, holder: Holder, lease: Lease) -> u32 {
        let held = self.holders.get_mut(&holder);
        let present = self.changed.get(&partition).copied().unwrap_or(self.began);
        let Some(leases) = held.map(|held| &mut held.leases) else { return present };
        let key = (partition, lease.slot);
        let Some(given) = leases.get_mut(&key) else { return present };
        // Two copies under one number cannot be told apart: the first answer is taken for the earlier one's.
        let Some(place) = given.iter().position(|(number, _)| *number == lease.number) else { return present };
        let (_, run) = given.remove(place);
        if given.is_empty() {
            leases.remove(&key);
        }
        run
    }

    fn keep(&mut self, mut batch: Batch, steps: &mut Vec<HolderStep>) {
        let number = self.next_batch;
        self.next_batch += 1;
        if self.has(batch.partition) {
            self.say(number, &mut batch, steps);
        } else {
            credit(&mut batch, steps);
        }
        if batch.items.is_empty() {
            credit(&mut batch, steps);
        } else {
            self.unconfirmed.insert(number, batch);
        }
    }

    /// Says a batch to the owner, as far as it is worth something to it.
    fn say(&self, number: u64, batch: &mut Batch, steps: &mut Vec<HolderStep>) {
        let run = self.run_of(batch.partition);
        if batch.run != run {
            make_late(&mut batch.items);
            batch.run = run;
        }
        if !batch.items.is_empty() {
            let Batch { partition, holder, items, .. } = batch;
            let items = items.clone();
            steps.push(HolderStep::Send(ToOwner::Outcomes {
                batch: number,
                partition: *partition,
                holder: holder.0,
                items,
            }));
        }
    }

    // --- the stream ---

    /// There is a stream to the owner, of this incarnation, which has these partitions: it is told what is open.
    pub fn opened(&mut self, owner: Uuid, owned: Vec<Owned>, steps: &mut Vec<HolderStep>) {
        if self.owner.replace(owner).is_some_and(|before| before != owner) {
            self.run += 1;
            self.began = self.run;
            self.changed.clear();
        }
        self.open = true;
        self.pulls.clear();
        self.note(owned);
        for (holder, held) in &self.holders {
            steps.push(HolderStep::Send(ToOwner::Register { holder: holder.0, outbox: held.outbox }));
        }
        let leases = self.held().collect::<Vec<_>>();
        for leases in leases.chunks(HOLDING_MAX) {
            steps.push(HolderStep::Send(ToOwner::Holding { leases: leases.to_vec() }));
        }
        self.say_again(|_| true, steps);
        steps.push(HolderStep::Send(ToOwner::Resumed));
    }

    /// Says again what is not confirmed of such partitions, if the owner has them.
    fn say_again(&mut self, of: impl Fn(PartitionId) -> bool, steps: &mut Vec<HolderStep>) {
        let mut unconfirmed = std::mem::take(&mut self.unconfirmed);
        for (number, batch) in unconfirmed.iter_mut().filter(|(_, batch)| of(batch.partition)) {
            if self.has(batch.partition) {
                self.say(*number, batch, steps);
            }
            if batch.items.is_empty() || !self.has(batch.partition) {
                credit(batch, steps);
            }
        }
        unconfirmed.retain(|_, batch| !batch.items.is_empty());
        self.unconfirmed = unconfirmed;
    }

    /// Takes down what the owner has now; which partitions have come, gone, or begun anew.
    fn note(&mut self, owned: Vec<Owned>) -> Vec<PartitionId> {
        let changed = differing(&self.owned, &owned);
        for partition in &changed {
            self.run += 1;
            self.changed.insert(*partition, self.run);
        }
        self.owned = owned;
        changed
    }

    /// The owner has other partitions than before. Of those that have changed it answers no pull any more, and knows no
    /// lease.
    pub fn owned(&mut self, number: u64, owned: Vec<Owned>, steps: &mut Vec<HolderStep>) {
        let changed = self.note(owned);
        for partition in &changed {
            self.answer_pulls(*partition, steps);
        }
        steps.push(HolderStep::Send(ToOwner::Heard { number }));
        self.say_again(|partition| changed.contains(&partition), steps);
    }

    /// Another node has that partition in this life, or this node has: what was sent of it is to be settled there.
    pub fn superseded(&mut self, Owned { partition, life }: Owned, steps: &mut Vec<HolderStep>) {
        if self.owned.iter().any(|own| own.partition == partition && own.life > life) {
            return;
        }
        for held in self.holders.values_mut() {
            held.leases.retain(|(of, _), _| *of != partition);
        }
        let moved: Vec<u64> = self
            .unconfirmed
            .iter()
            .filter(|(_, batch)| batch.partition == partition)
            .map(|(number, _)| *number)
            .collect();
        for mut batch in moved.into_iter().filter_map(|number| self.unconfirmed.remove(&number)) {
            credit(&mut batch, steps);
            make_late(&mut batch.items);
            if !batch.items.is_empty() {
                let Batch { partition, holder, items, .. } = batch;
                steps.push(HolderStep::Elsewhere { holder, partition, items });
            }
        }
    }

    /// Whether there is a stream, and the partition is at its other end.
    fn has(&self, partition: PartitionId) -> bool {
        self.open && self.owned.iter().any(|owned| owned.partition == partition)
    }

    fn run_of(&self, partition: PartitionId) -> u32 {
        self.changed.get(&partition).copied().unwrap_or(self.began)
    }

    fn answer_pulls(&mut self, partition: PartitionId, steps: &mut Vec<HolderStep>) {
        for Asked { holder, room } in self.pulls.remove(&partition).unwrap_or_default() {
            steps.push(HolderStep::Leased { holder, partition, room, items: Vec::new() });
        }
    }

    /// The stream has ended. Nobody waits for an answer any more: pulls bring nothing, and the room of what is settled and
    /// not confirmed is free for other owners.
    pub fn closed(&mut self, steps: &mut Vec<HolderStep>) {
        self.open = false;
        let asked: Vec<_> = self.pulls.keys().copied().collect();
        for partition in asked {
            self.answer_pulls(partition, steps);
        }
        for batch in self.unconfirmed.values_mut() {
            credit(batch, steps);
        }
    }

    /// Something is due.
    pub fn ring(&self, holder: HolderNumber, partition: PartitionId, steps: &mut Vec<HolderStep>) {
        let holder = Holder(holder);
        if self.holders.contains_key(&holder) {
            steps.push(HolderStep::Ring { holder, partition });
        }
    }

    /// What a pull has brought.
    pub fn leased(
        &mut self,
        partition: PartitionId,
        holder: HolderNumber,
        items: Vec<LeasedDelivery>,
        more: bool,
        steps: &mut Vec<HolderStep>,
    ) -> Result<(), RelayError> {
        let holder = Holder(holder);
        let count = count_of(items.len());
        let asked = self.pulls.entry(partition).or_default();
        let Some(first) = asked.front_mut().filter(|asked| asked.holder == holder && asked.room >= count) else {
            return Err(RelayError::NotAskedFor { partition: partition.number() });
        };
        let room = if more { count } else { first.room };
        first.room -= room;
        if !more {
            asked.pop_front();
        }
        let run = self.run_of(partition);
        let Some(held) = self.holders.get_mut(&holder) else {
            // It has gone meanwhile, and the owner will hear that: it takes back what nobody got.
            return Ok(());
        };
        for Lease { slot, number, .. } in items.iter().map(|item| item.lease) {
            held.leases.entry((partition, slot)).or_default().push((number, run));
        }
        steps.push(HolderStep::Leased { holder, partition, room, items });
        Ok(())
    }

    /// The owner has made a batch durable.
    pub fn confirmed(&mut self, batch: u64, steps: &mut Vec<HolderStep>) {
        if let Some(mut batch) = self.unconfirmed.remove(&batch) {
            credit(&mut batch, steps);
        }
        if self.unconfirmed.len() < UNCONFIRMED_MAX && !self.starved.is_empty() {
            for (holder, partition) in std::mem::take(&mut self.starved) {
                steps.push(HolderStep::Ring { holder, partition });
            }
        }
    }

    /// Leases of the owner's present run that links and binds have.
    pub fn held(&self) -> impl Iterator<Item = Lease> + '_ {
        let all = self.holders.values().flat_map(|held| &held.leases);
        let all = all.flat_map(|(key, given)| given.iter().map(move |(number, run)| (*key, *number, *run)));
        let present = all.filter(|((partition, _), _, run)| self.has(*partition) && *run == self.run_of(*partition));
        present.map(|((partition, slot), number, _)| Lease { partition, slot, number })
    }

    /// Leases on links and binds, outcomes that are not confirmed.
    pub fn load(&self) -> (usize, usize) {
        let leases = self.holders.values().map(|held| held.leases.values().map(SmallVec::len).sum::<usize>()).sum();
        (leases, self.unconfirmed.values().map(|batch| batch.items.len()).sum())
    }
}

/// Of leases that have ended only the word counts that the message was sent.
fn make_late(items: &mut Vec<Settlement>) {
    items.retain(|settlement| matches!(settlement.outcome, Outcome::Sent { .. }));
    for settlement in items {
        // No lease of its present run has this number.
        settlement.lease.number = 0;
        settlement.late = true;
    }
}

fn credit(batch: &mut Batch, steps: &mut Vec<HolderStep>) {
    let count = std::mem::take(&mut batch.credit);
    if count > 0 {
        steps.push(HolderStep::Settled { holder: batch.holder, partition: batch.partition, count });
    }
}

fn count_of(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
