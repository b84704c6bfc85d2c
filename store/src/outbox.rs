//! Outboxes: what is due, in which order it leaves, and who is rung.
//!
//! An outbox knows slots only by number. It is told of every change of a delivery ([`Outboxes::leave`],
//! [`Outboxes::enter`]) and counts; its queues are read lazily: an entry whose delivery is no longer ready is skipped.
//! What is due and spilled cannot leave before its body is read back: holders are rung when it is there.

mod fifo;
mod ready;

use actix::Recipient;
use rustc_hash::FxHashMap;
use smsc_proto::ids::PartitionId;
use smsc_proto::timestamp::Timestamp;

use crate::lifecycle::Stage;
use crate::messages::{Holder, Leased, Outbox, Ring};
use crate::options::{OutboxRules, StoreOptions};
use crate::partition::delivery::Delivery;
use crate::partition::slab::Slab;

pub(crate) use fifo::Fifo;
pub(crate) use ready::{Next, ReadyQueues, ReroutePlace};

/// An outbox's number in this partition; it never changes and is never given up.
pub(crate) type OutboxIndex = u32;

/// One outbox.
pub(crate) struct OutboxState {
    pub(crate) outbox: Outbox,
    pub(crate) rules: OutboxRules,
    pub(crate) ready: ReadyQueues,
    /// Deliveries by [`Stage`].
    pub(crate) counts: [u64; Stage::COUNT],
    /// Messages (not receipts) that wait: what `waiting_max` bounds.
    pub(crate) waiting: u64,
    /// Ready deliveries whose bodies are not in memory.
    pub(crate) spilled: u64,
    /// Receipts that no receiver took in time, since the start.
    pub(crate) receipts_expired: u64,
    /// How far a re-routing has come.
    pub(crate) reroute: Option<ReroutePlace>,
    holders: Vec<Registration>,
    /// Where the next ring begins to look for a holder: each has its turn.
    next_holder: usize,
    /// Holders whose turn it may be when something is due: those that want to be rung, and those with room that stands.
    open: usize,
    to_serve: bool,
    to_read: bool,
}

struct Registration {
    holder: Holder,
    ring: Recipient<Ring>,
    room: Room,
}

/// What a holder has for the next that is due.
enum Room {
    /// Nothing: it pulls again by itself.
    None,
    /// It wants to be rung. How much room it had left, as far as is known; at least 1.
    Rung(u64),
    /// So much stands here.
    Stands(u32, Recipient<Leased>),
}

impl Room {
    const fn is_open(&self) -> bool {
        matches!(self, Self::Rung(_) | Self::Stands(1.., _))
    }
}

/// A holder's turn at what is due.
pub(crate) struct Turn {
    pub(crate) holder: Holder,
    pub(crate) room: u32,
    pub(crate) reply: Recipient<Leased>,
}

impl OutboxState {
    /// Deliveries in this stage.
    pub(crate) const fn count(&self, stage: Stage) -> u64 {
        self.counts[stage as usize]
    }

    /// Ready deliveries that could be handed out now.
    pub(crate) const fn at_hand(&self) -> u64 {
        self.count(Stage::Ready) - self.spilled
    }

    /// Deliveries that wait here, leased ones included.
    pub(crate) const fn holds(&self) -> u64 {
        self.count(Stage::Staged)
            + self.count(Stage::Scheduled)
            + self.count(Stage::Retry)
            + self.count(Stage::Ready)
            + self.count(Stage::Leased)
    }

    /// The holder has emptied the outbox and had room for `spare` more: it is rung at the next change.
    pub(crate) fn emptied_by(&mut self, holder: Holder, spare: u64) {
        self.give(holder, Room::Rung(spare.max(1)));
    }

    /// So much room of the holder stands from now on, in all; false when it is not registered.
    pub(crate) fn stand(&mut self, holder: Holder, room: u32, reply: Recipient<Leased>) -> bool {
        self.give(holder, Room::Stands(room, reply)).is_some()
    }

    /// Takes what stands of a holder's room; it is not rung either.
    pub(crate) fn take_room(&mut self, holder: Holder) -> u32 {
        match self.give(holder, Room::None) {
            Some(Room::Stands(room, _)) => room,
            Some(Room::None | Room::Rung(_)) | None => 0,
        }
    }

    /// What was leased into a holder's room has ended: the room stands again. False when none of its room stands here.
    pub(crate) fn room_again(&mut self, holder: Holder, count: u32) -> bool {
        let Some(registration) = self.holders.iter_mut().find(|registration| registration.holder == holder) else {
            return false;
        };
        let Room::Stands(room, _) = &mut registration.room else { return false };
        if *room == 0 && count > 0 {
            self.open += 1;
        }
        *room = room.saturating_add(count);
        true
    }

    fn give(&mut self, holder: Holder, room: Room) -> Option<Room> {
        let registration = self.holders.iter_mut().find(|registration| registration.holder == holder)?;
        let (is_open, was) = (room.is_open(), std::mem::replace(&mut registration.room, room));
        self.open = self.open + usize::from(is_open) - usize::from(was.is_open());
        Some(was)
    }

    /// The next holder, in turn, whose room stands; those before it that want it are rung, as long as there is more due
    /// than they have room for.
    fn next_turn(&mut self, mut due: u64, partition: PartitionId) -> Option<Turn> {
        let (count, first) = (self.holders.len(), self.next_holder);
        for place in (0..count).map(|step| (first + step) % count) {
            if due == 0 || self.open == 0 {
                return None;
            }
            let registration = &mut self.holders[place];
            if !registration.room.is_open() {
                continue;
            }
            self.open -= 1;
            self.next_holder = place + 1;
            match std::mem::replace(&mut registration.room, Room::None) {
                Room::Rung(spare) => {
                    due = due.saturating_sub(spare);
                    registration.ring.do_send(Ring { outbox: self.outbox, partition });
                }
                Room::Stands(room, reply) => return Some(Turn { holder: registration.holder, room, reply }),
                Room::None => {}
            }
        }
        None
    }
}

/// All outboxes of a partition.
pub(crate) struct Outboxes {
    list: Vec<OutboxState>,
    by_name: FxHashMap<Outbox, OutboxIndex>,
    rules: FxHashMap<Outbox, OutboxRules>,
    /// Deliveries of all outboxes by [`Stage`].
    pub(crate) totals: [u64; Stage::COUNT],
    to_serve: Vec<OutboxIndex>,
    /// Octets of memory that bodies of deliveries take.
    pub(crate) body_octets: u64,
    /// Of them, those of staged deliveries, which are not at rest yet.
    pub(crate) staged_octets: u64,
    /// Deliveries whose bodies are only in the journal.
    pub(crate) spilled: u64,
    /// Where bodies are to be read ahead, in turn.
    to_read: Vec<OutboxIndex>,
}

impl Outboxes {
    /// None yet; with the rules that they will be held to.
    pub(crate) fn new(options: &StoreOptions) -> Self {
        Self {
            list: Vec::new(),
            by_name: FxHashMap::default(),
            rules: options.outboxes.iter().copied().collect(),
            totals: [0; Stage::COUNT],
            to_serve: Vec::new(),
            body_octets: 0,
            staged_octets: 0,
            spilled: 0,
            to_read: Vec::new(),
        }
    }

    /// The number of an outbox, which is made if it is new. Their names come from the configuration, so they are few.
    pub(crate) fn index(&mut self, outbox: Outbox) -> OutboxIndex {
        if let Some(index) = self.by_name.get(&outbox) {
            return *index;
        }
        let index = OutboxIndex::try_from(self.list.len()).expect("names are numbered with 32 bits");
        self.by_name.insert(outbox, index);
        self.list.push(OutboxState {
            outbox,
            rules: self.rules.get(&outbox).copied().unwrap_or_default(),
            ready: ReadyQueues::default(),
            counts: [0; Stage::COUNT],
            waiting: 0,
            spilled: 0,
            receipts_expired: 0,
            reroute: None,
            holders: Vec::new(),
            next_holder: 0,
            open: 0,
            to_serve: false,
            to_read: false,
        });
        index
    }

    /// The number of an outbox that is there.
    pub(crate) fn find(&self, outbox: Outbox) -> Option<OutboxIndex> {
        self.by_name.get(&outbox).copied()
    }

    pub(crate) fn get(&self, index: OutboxIndex) -> &OutboxState {
        &self.list[index as usize]
    }

    pub(crate) fn get_mut(&mut self, index: OutboxIndex) -> &mut OutboxState {
        &mut self.list[index as usize]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &OutboxState> {
        self.list.iter()
    }

    /// The delivery is about to change: it is not counted any more.
    pub(crate) fn leave(&mut self, delivery: &Delivery) {
        self.count(delivery, u64::wrapping_sub);
    }

    /// The delivery has changed: it is counted where it is now.
    pub(crate) fn enter(&mut self, delivery: &Delivery) {
        self.count(delivery, u64::wrapping_add);
    }

    fn count(&mut self, delivery: &Delivery, change: impl Fn(u64, u64) -> u64) {
        let stage = delivery.stage;
        let state = &mut self.list[delivery.place() as usize];
        state.counts[stage as usize] = change(state.counts[stage as usize], 1);
        if stage.waits() && !delivery.is_receipt() {
            state.waiting = change(state.waiting, 1);
        }
        self.totals[stage as usize] = change(self.totals[stage as usize], 1);
        let octets = delivery.body.octets();
        self.body_octets = change(self.body_octets, octets);
        if stage == Stage::Staged {
            self.staged_octets = change(self.staged_octets, octets);
        }
        if delivery.is_spilled() {
            self.spilled = change(self.spilled, 1);
            state.spilled = change(state.spilled, u64::from(stage == Stage::Ready));
        }
    }

    /// The delivery, in the stage `Ready`, may be pulled from now on.
    pub(crate) fn queue(&mut self, slot: u64, delivery: &Delivery) {
        let index = delivery.place();
        let state = &mut self.list[index as usize];
        state.ready.push(slot, delivery.priority, delivery.due);
        self.serve_or_read(index);
    }

    /// For holders that have room: they will be served if anything is at hand, and what is missing is read.
    pub(crate) fn serve_or_read(&mut self, index: OutboxIndex) {
        let state = &self.list[index as usize];
        if state.open == 0 {
            return;
        }
        let spilled = state.spilled > 0;
        if state.at_hand() > 0 {
            self.serve_later(index);
        }
        if spilled {
            self.read_later(index);
        }
    }

    /// The same for all outboxes.
    pub(crate) fn serve_all(&mut self) {
        for index in 0..self.list.len() as OutboxIndex {
            self.serve_or_read(index);
        }
    }

    /// Bodies of this outbox are to be read ahead.
    pub(crate) fn read_later(&mut self, index: OutboxIndex) {
        let state = &mut self.list[index as usize];
        if !std::mem::replace(&mut state.to_read, true) {
            self.to_read.push(index);
        }
    }

    /// The outboxes where bodies are to be read ahead; those that want more are named again with
    /// [`read_later`](Self::read_later).
    pub(crate) fn take_to_read(&mut self) -> Vec<OutboxIndex> {
        for index in &self.to_read {
            self.list[*index as usize].to_read = false;
        }
        std::mem::take(&mut self.to_read)
    }

    fn serve_later(&mut self, index: OutboxIndex) {
        let state = &mut self.list[index as usize];
        if !std::mem::replace(&mut state.to_serve, true) {
            self.to_serve.push(index);
        }
    }

    /// The next delivery that may be leased, by weighted priority, then due time.
    pub(crate) fn next_ready(&mut self, index: OutboxIndex, slab: &Slab) -> Next {
        let state = &mut self.list[index as usize];
        if state.count(Stage::Ready) == 0 {
            state.ready.clear();
            return Next::Nothing;
        }
        if state.at_hand() == 0 {
            return Next::Spilled;
        }
        state.ready.pop(slab, index)
    }

    /// The oldest due time of what may be pulled.
    pub(crate) fn oldest_due(&self, index: usize, slab: &Slab) -> Option<Timestamp> {
        let state = &self.list[index];
        if state.count(Stage::Ready) == 0 { None } else { state.ready.oldest_due(slab, index as OutboxIndex) }
    }

    /// Registers a holder, anew if it is registered; it is rung at once if something is due.
    pub(crate) fn register(&mut self, outbox: Outbox, holder: Holder, ring: Recipient<Ring>) -> OutboxIndex {
        let index = self.index(outbox);
        let state = self.get_mut(index);
        state.forget(holder);
        state.holders.push(Registration { holder, ring, room: Room::Rung(1) });
        state.open += 1;
        self.serve_or_read(index);
        index
    }

    /// Forgets a holder; what it was rung for is for the others.
    pub(crate) fn release(&mut self, index: OutboxIndex, holder: Holder) {
        self.get_mut(index).forget(holder);
        self.serve_or_read(index);
    }

    /// The next outbox where something has become due and somebody may have room for it.
    pub(crate) fn next_to_serve(&mut self) -> Option<OutboxIndex> {
        let index = self.to_serve.pop()?;
        self.get_mut(index).to_serve = false;
        Some(index)
    }

    /// Whose turn it is at what is due. Holders that want it are rung on the way, as many as have room: a thread that
    /// is woken for nothing costs more than a message.
    pub(crate) fn next_turn(&mut self, index: OutboxIndex, partition: PartitionId) -> Option<Turn> {
        let state = self.get_mut(index);
        let due = state.at_hand();
        state.next_turn(due, partition)
    }
}

impl OutboxState {
    fn forget(&mut self, holder: Holder) {
        self.holders.retain(|registration| registration.holder != holder);
        self.open = self.holders.iter().filter(|registration| registration.room.is_open()).count();
    }
}
