//! The side of a relay that owns partitions: which leases the peer's links and binds have, and when they are taken back.
//! Pure.
//!
//! ```text
//!   given ──> settled by its outcome
//!     │ stream ends: stays
//!     ├──> new stream, same peer, neither listed nor settled ──> never written: due again
//!     ├──> new stream, the peer was started anew ──────────────> lost with its link
//!     └──> no stream for as long as a response may take ───────> lost with its link
//! ```
//!
//! Towards its store it stands in for each of the peer's holders, under numbers of this node. While there is no stream
//! it passes rings on to others, and gives back at once what a pull brings that was made before.
//!
//! Partitions come to this node and leave it. The peer is told, and says that it heard; what it says before that of a
//! partition that has changed was meant for an earlier life of it and has no effect. What it had of such a partition has
//! ended with that life: the holder says anew what still counts.
//!
//! Bounded by what the peer's holders asked for: their windows.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rustc_hash::{FxHashMap, FxHashSet};
use smsc_proto::ids::PartitionId;
use smsc_store::{Holder, Lease, Leased, Outbox, Outcome, Owned, Ring, Settled, Settlement};
use uuid::Uuid;

use super::part::{HolderNumber, ToHolder};

/// No window is larger.
const ROOM_MAX: u32 = 10_000;
/// Streams are counted from one.
const NO_STREAM: u64 = 0;

/// What is to be done.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum OwnerStep {
    /// Say this to the peer.
    Send(ToHolder),
    /// A holder for the store.
    Register {
        outbox: Outbox,
        holder: Holder,
    },
    Release {
        holder: Holder,
    },
    Pull {
        partition: PartitionId,
        outbox: Outbox,
        holder: Holder,
        room: u32,
    },
    /// To be confirmed by the store.
    Settle {
        partition: PartitionId,
        holder: Holder,
        items: Vec<Settlement>,
    },
    /// Never written: due again.
    GiveBack {
        partition: PartitionId,
        holder: Holder,
        leases: Vec<Lease>,
    },
    /// Perhaps written: as with a link that is lost.
    Lost {
        partition: PartitionId,
        holder: Holder,
        outbox: Outbox,
        lease: Lease,
        attempt: u32,
    },
}

/// What is known of one peer's holders.
#[derive(Debug)]
pub struct OwnerSide {
    /// How long after it was given a lease may still get its outcome, if there is no stream.
    answer_max: Duration,
    /// Of the peer that has the leases.
    peer: Option<Uuid>,
    /// Which stream, counted; what was asked over an earlier one is answered to nobody.
    stream: u64,
    open: bool,
    /// The partitions that are here.
    here: Vec<Owned>,
    /// Those that the peer was told of on this stream, with how many words so far, and how many of them it heard.
    told: Vec<Owned>,
    said: u64,
    heard: u64,
    /// Which word told of a partition's last change.
    changed: FxHashMap<PartitionId, u64>,
    holders: FxHashMap<HolderNumber, StandIn>,
    theirs: FxHashMap<Holder, HolderNumber>,
    leases: FxHashMap<(PartitionId, u64), Given>,
    /// Leases that the peer has listed since the stream began.
    listed: FxHashSet<Lease>,
    /// Pulls and outcomes that the store has not answered, by partition, in the order of their answers.
    pulls: FxHashMap<PartitionId, VecDeque<(u64, HolderNumber)>>,
    outcomes: FxHashMap<PartitionId, VecDeque<(u64, u64)>>,
}

#[derive(Debug)]
struct StandIn {
    holder: Holder,
    outbox: Outbox,
    /// The stream on which it was registered last.
    stream: u64,
}

#[derive(Debug)]
struct Given {
    number: u32,
    holder: HolderNumber,
    attempt: u32,
    at: Instant,
}

impl OwnerSide {
    /// Nothing is given yet. `answer_max`: how long a holder waits for its peer's answer, and some time for the way.
    pub fn new(answer_max: Duration) -> Self {
        Self {
            answer_max,
            peer: None,
            stream: NO_STREAM,
            open: false,
            here: Vec::new(),
            told: Vec::new(),
            said: 0,
            heard: 0,
            changed: FxHashMap::default(),
            holders: FxHashMap::default(),
            theirs: FxHashMap::default(),
            leases: FxHashMap::default(),
            listed: FxHashSet::default(),
            pulls: FxHashMap::default(),
            outcomes: FxHashMap::default(),
        }
    }

    // --- the stream ---

    /// There is a stream to the peer, of this incarnation, which was greeted with these partitions. If it was started anew,
    /// what it had is lost with its links.
    pub fn opened(&mut self, peer: Uuid, greeted: &[Owned], steps: &mut Vec<OwnerStep>) {
        self.stream += 1;
        self.open = true;
        (self.said, self.heard) = (0, 0);
        self.told = greeted.to_vec();
        self.changed.clear();
        self.listed.clear();
        if self.peer.replace(peer).is_some_and(|before| before != peer) {
            let all = self.leases.keys().copied().collect();
            self.lose(all, steps);
            for StandIn { holder, .. } in std::mem::take(&mut self.holders).into_values() {
                steps.push(OwnerStep::Release { holder });
            }
            self.theirs.clear();
        }
    }

    /// What is here now.
    pub fn owns(&mut self, now: Vec<Owned>, steps: &mut Vec<OwnerStep>) {
        let changed = differing(&self.here, &now);
        for partition in &changed {
            self.leases.retain(|(of, _), _| of != partition);
            self.pulls.remove(partition);
            self.outcomes.remove(partition);
        }
        if changed.iter().any(|partition| now.iter().any(|owned| owned.partition == *partition)) {
            let stand_ins = self.holders.values();
            steps.extend(stand_ins.map(|&StandIn { outbox, holder, .. }| OwnerStep::Register { outbox, holder }));
        }
        self.here = now;
        let untold = differing(&self.told, &self.here);
        if self.open && !untold.is_empty() {
            self.said += 1;
            self.changed.extend(untold.into_iter().map(|partition| (partition, self.said)));
            self.told.clone_from(&self.here);
            steps.push(OwnerStep::Send(ToHolder::Owned { number: self.said, owned: self.here.clone() }));
        }
    }

    /// The peer has heard so many words about partitions.
    pub fn heard(&mut self, number: u64) {
        self.heard = self.heard.max(number);
    }

    /// Whether the partition is here, and the peer means it as it is.
    pub fn is_meant(&self, partition: PartitionId) -> bool {
        let is_here = self.here.iter().any(|owned| owned.partition == partition);
        is_here && self.changed.get(&partition).is_none_or(|number| *number <= self.heard)
    }

    /// It has ended. Leases stay: a broken stream is not a death.
    pub fn closed(&mut self) {
        self.open = false;
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.open {
            // The holder answers for what it has, its own response timer included.
            return None;
        }
        self.leases.values().map(|given| given.at + self.answer_max).min()
    }

    /// Takes back what could have been answered long ago, if there was a stream.
    pub fn handle_timeout(&mut self, now: Instant, steps: &mut Vec<OwnerStep>) {
        if self.open {
            return;
        }
        let overdue = self.leases.iter().filter(|(_, given)| given.at + self.answer_max <= now);
        let overdue = overdue.map(|(key, _)| *key).collect();
        self.lose(overdue, steps);
    }

    fn lose(&mut self, leases: Vec<(PartitionId, u64)>, steps: &mut Vec<OwnerStep>) {
        for key in leases {
            let Some(given) = self.leases.remove(&key) else { continue };
            let Some(stand_in) = self.holders.get(&given.holder) else { continue };
            let (partition, slot) = key;
            let lease = Lease { partition, slot, number: given.number };
            let (holder, outbox, attempt) = (stand_in.holder, stand_in.outbox, given.attempt);
            steps.push(OwnerStep::Lost { partition, holder, outbox, lease, attempt });
        }
    }

    // --- what the peer says ---

    /// A holder of its. `fresh`: a number of this node for it, if it has none yet.
    pub fn register(
        &mut self,
        number: HolderNumber,
        outbox: Outbox,
        fresh: impl FnOnce() -> Holder,
        steps: &mut Vec<OwnerStep>,
    ) {
        let stream = self.stream;
        let stand_in = self.holders.entry(number).or_insert_with(|| StandIn { holder: fresh(), outbox, stream });
        (stand_in.outbox, stand_in.stream) = (outbox, stream);
        self.theirs.insert(stand_in.holder, number);
        steps.push(OwnerStep::Register { outbox, holder: stand_in.holder });
    }

    /// It has gone: the store takes back what it has not settled.
    pub fn release(&mut self, number: HolderNumber, steps: &mut Vec<OwnerStep>) {
        let Some(StandIn { holder, .. }) = self.holders.remove(&number) else { return };
        self.theirs.remove(&holder);
        self.leases.retain(|_, given| given.holder != number);
        steps.push(OwnerStep::Release { holder });
    }

    /// Leases that its holders still have.
    pub fn holding(&mut self, leases: Vec<Lease>) {
        self.listed.extend(leases);
    }

    /// It has said all: what it neither has nor settled never reached it, and holders that it did not name have gone.
    pub fn resumed(&mut self, steps: &mut Vec<OwnerStep>) {
        let listed = std::mem::take(&mut self.listed);
        let mut never: FxHashMap<(PartitionId, HolderNumber), Vec<Lease>> = FxHashMap::default();
        self.leases.retain(|(partition, slot), given| {
            let lease = Lease { partition: *partition, slot: *slot, number: given.number };
            let stays = listed.contains(&lease);
            if !stays {
                never.entry((*partition, given.holder)).or_default().push(lease);
            }
            stays
        });
        for ((partition, number), leases) in never {
            if let Some(StandIn { holder, .. }) = self.holders.get(&number) {
                steps.push(OwnerStep::GiveBack { partition, holder: *holder, leases });
            }
        }
        let gone = self.holders.iter().filter(|(_, stand_in)| stand_in.stream != self.stream);
        for number in gone.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.release(number, steps);
        }
    }

    /// It asks for what is due.
    pub fn pull(&mut self, partition: PartitionId, number: HolderNumber, room: u32, steps: &mut Vec<OwnerStep>) {
        if !self.is_meant(partition) {
            // It hears that the partition has changed, and answers that itself.
            return;
        }
        let Some(StandIn { holder, outbox, .. }) = self.holders.get(&number) else {
            let (items, more) = (Vec::new(), false);
            return steps.push(OwnerStep::Send(ToHolder::Leased { partition, holder: number, items, more }));
        };
        self.pulls.entry(partition).or_default().push_back((self.stream, number));
        steps.push(OwnerStep::Pull { partition, outbox: *outbox, holder: *holder, room: room.min(ROOM_MAX) });
    }

    /// What became of its leases. Of one that was taken back only the word counts that the message was sent after all.
    pub fn settle(
        &mut self,
        batch: u64,
        partition: PartitionId,
        number: HolderNumber,
        mut items: Vec<Settlement>,
        steps: &mut Vec<OwnerStep>,
    ) {
        if !self.is_meant(partition) {
            // It keeps them, and says again what still counts.
            return;
        }
        items.retain_mut(|settlement| {
            let Lease { slot, number, .. } = settlement.lease;
            let key = (partition, slot);
            if !settlement.late && self.leases.get(&key).is_some_and(|given| given.number == number) {
                self.leases.remove(&key);
                return true;
            }
            settlement.late = true;
            matches!(settlement.outcome, Outcome::Sent { .. })
        });
        // Also when nothing is left of it: what was said of these leases before may not be durable yet.
        self.outcomes.entry(partition).or_default().push_back((self.stream, batch));
        let holder = self.holders.get(&number).map_or(Holder(0), |stand_in| stand_in.holder);
        steps.push(OwnerStep::Settle { partition, holder, items });
    }

    // --- what the store says ---

    /// Something is due.
    pub fn ring(&mut self, ring: Ring, steps: &mut Vec<OwnerStep>) {
        let Ring { outbox, partition, holder } = ring;
        match self.theirs.get(&holder) {
            Some(number) if self.open => {
                steps.push(OwnerStep::Send(ToHolder::Ring { holder: *number, partition }));
            }
            // Somebody else may be there.
            Some(number) => {
                self.pulls.entry(partition).or_default().push_back((NO_STREAM, *number));
                steps.push(OwnerStep::Pull { partition, outbox, holder, room: 0 });
            }
            None => {}
        }
    }

    /// A pull is answered.
    pub fn leased(&mut self, now: Instant, leased: Leased, steps: &mut Vec<OwnerStep>) {
        let Leased { partition, holder, items, .. } = leased;
        let Some((stream, number)) = self.pulls.get_mut(&partition).and_then(VecDeque::pop_front) else { return };
        let is_there = self.theirs.contains_key(&holder);
        if !self.open || stream != self.stream {
            if is_there && !items.is_empty() {
                let leases = items.iter().map(|item| item.lease).collect();
                steps.push(OwnerStep::GiveBack { partition, holder, leases });
            }
            return;
        }
        // Of a holder that has gone the store has taken everything back.
        let items = if is_there { items } else { Vec::new() };
        for item in &items {
            let Lease { slot, number: lease, .. } = item.lease;
            let given = Given { number: lease, holder: number, attempt: item.attempt, at: now };
            self.leases.insert((partition, slot), given);
        }
        steps.push(OwnerStep::Send(ToHolder::Leased { partition, holder: number, items, more: false }));
    }

    /// Outcomes are durable.
    pub fn settled(&mut self, settled: Settled, steps: &mut Vec<OwnerStep>) {
        let said = self.outcomes.get_mut(&settled.partition).and_then(VecDeque::pop_front);
        if let Some((stream, batch)) = said
            && self.open
            && stream == self.stream
        {
            steps.push(OwnerStep::Send(ToHolder::Confirmed { batch }));
        }
    }

    /// Leases that the peer's holders have.
    pub fn given(&self) -> usize {
        self.leases.len()
    }
}

/// The partitions that are in one list only, or in another life.
pub(super) fn differing(before: &[Owned], now: &[Owned]) -> Vec<PartitionId> {
    let gone = before.iter().filter(|owned| !now.contains(owned));
    let mut all: Vec<_> = gone.chain(now.iter().filter(|owned| !before.contains(owned))).map(|o| o.partition).collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests;
