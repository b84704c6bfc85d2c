//! The way into a partition's state thread: two lanes and one bell.
//!
//! The first lane carries pulls, settlements, receipts and control. It is not refused, and needs no bound of its own:
//! settlements are bounded by the leases that are out (credit: what a holder was given and has not settled), pulls by
//! one per holder and window, receipts by the operators' windows (an unanswered deliver_sm holds its place), questions and
//! cancellations by the accounts' (as unanswered as any other request), control by the number of sessions. The second lane carries new messages and is bounded in messages and octets; what does not
//! fit is given back to who brought it. The first is drained first.
//!
//! One condition variable rings for both, for finished appends and for the stop. It rings only when the state thread
//! sleeps and has enough to do, because a wake-up costs more than most batches.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::commit::{Appended, OldRecords};
use crate::error::StoreError;
use crate::messages::Accept;
use crate::partition::Command;

/// What waits in the second lane at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Messages.
    pub(crate) messages: usize,
    /// Octets of their bodies.
    pub(crate) octets: usize,
}

impl Room {
    pub(crate) const MAX: Self = Self { messages: 65_536, octets: 64 << 20 };
    pub(crate) const NONE: Self = Self { messages: 0, octets: 0 };

    /// What a batch of new messages takes.
    pub(crate) fn of(accept: &Accept) -> Self {
        let mut octets = 0;
        for item in &accept.items {
            let own = item.deliveries.iter().filter_map(|delivery| delivery.body.as_ref());
            octets += item.body.len() + own.map(|body| body.len()).sum::<usize>();
        }
        Self { messages: accept.items.len(), octets }
    }

    pub(crate) const fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.octets += other.octets;
    }

    const fn subtract(&mut self, other: Self) {
        self.messages -= other.messages;
        self.octets -= other.octets;
    }
}

/// How the state thread is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// After what is on lease has been settled, within a few seconds; nothing more is leased meanwhile.
    Retired,
    /// After all that is queued is durable and answered.
    Drained,
    /// At once: what is queued is dropped unanswered.
    AtOnce,
}

impl Stop {
    const fn gives_way_to(self, other: Self) -> bool {
        (other as u8) > (self as u8)
    }
}

/// What the state thread has taken out of the lanes.
#[derive(Default)]
pub(crate) struct Taken {
    pub(crate) first: VecDeque<Command>,
    pub(crate) second: VecDeque<(Accept, Room)>,
    pub(crate) appended: Option<Appended>,
    pub(crate) old: Option<OldRecords>,
    /// The journal is lost.
    pub(crate) failure: Option<StoreError>,
    pub(crate) stop: Option<Stop>,
}

impl Taken {
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_empty() && self.second.is_empty()
    }
}

/// When a sleeping state thread is woken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sleep {
    /// By so many queued items; `usize::MAX`: by none.
    pub(crate) items: usize,
    /// At this time; `None`: not by time.
    pub(crate) until: Option<Instant>,
}

pub(crate) struct Lanes {
    queued: Mutex<Queued>,
    bell: Condvar,
}

struct Queued {
    first: VecDeque<Command>,
    second: VecDeque<(Accept, Room)>,
    /// What is in the second lane, and what the state thread took and has not applied.
    waiting: Room,
    items: usize,
    appended: Option<Appended>,
    old: Option<OldRecords>,
    failure: Option<StoreError>,
    /// New messages are refused at the door.
    shut: bool,
    stop: Option<Stop>,
    /// At how many items the bell rings; `usize::MAX` while the state thread is awake.
    rings_at: usize,
    asleep: bool,
}

impl Lanes {
    pub(crate) fn new() -> Self {
        let queued = Queued {
            first: VecDeque::new(),
            second: VecDeque::new(),
            waiting: Room::NONE,
            items: 0,
            appended: None,
            old: None,
            failure: None,
            shut: false,
            stop: None,
            rings_at: usize::MAX,
            asleep: false,
        };
        Self { queued: Mutex::new(queued), bell: Condvar::new() }
    }

    /// Into the first lane, with the work that it makes. Given back when the partition has stopped.
    pub(crate) fn push(&self, command: Command, items: usize) -> Result<(), Box<Command>> {
        let mut queued = self.lock();
        if !matches!(queued.stop, None | Some(Stop::Retired)) {
            return Err(Box::new(command));
        }
        queued.first.push_back(command);
        self.ring(queued, items);
        Ok(())
    }

    /// Into the second lane, if there is room and the partition has not stopped.
    pub(crate) fn push_accept(&self, accept: Accept) -> Result<(), Accept> {
        let room = Room::of(&accept);
        let mut queued = self.lock();
        let mut waiting = queued.waiting;
        waiting.add(room);
        let full = waiting.messages > Room::MAX.messages || waiting.octets > Room::MAX.octets;
        // A single batch larger than the lane goes through an empty lane, or it never would.
        if queued.stop.is_some() || queued.shut || (full && queued.waiting.messages > 0) {
            return Err(accept);
        }
        queued.waiting = waiting;
        queued.second.push_back((accept, room));
        self.ring(queued, room.messages);
        Ok(())
    }

    /// The journal thread is done with what it was given.
    pub(crate) fn appended(&self, appended: Appended) {
        let mut queued = self.lock();
        queued.appended = Some(appended);
        self.ring_anyway(queued);
    }

    /// The journal is lost, and no append is under way that could say so.
    pub(crate) fn failed(&self, error: StoreError) {
        let mut queued = self.lock();
        queued.failure = Some(error);
        self.ring_anyway(queued);
    }

    /// Whether new messages are refused at the door.
    pub(crate) fn shut(&self, shut: bool) {
        self.lock().shut = shut;
    }

    /// The reader thread has read for the cleaner, which is in no hurry.
    pub(crate) fn old_records(&self, old: OldRecords) {
        let mut queued = self.lock();
        queued.old = Some(old);
        self.ring(queued, 1);
    }

    /// Ends the state thread. The first word counts, but a shorter way overrules a longer one.
    pub(crate) fn stop(&self, stop: Stop) {
        let mut queued = self.lock();
        if queued.stop.is_none_or(|before| before.gives_way_to(stop)) {
            queued.stop = Some(stop);
        }
        self.ring_anyway(queued);
    }

    /// Takes out what came too late, or was never taken: nobody gets in any more.
    pub(crate) fn shut_down(&self) -> (VecDeque<Command>, VecDeque<(Accept, Room)>) {
        let mut queued = self.lock();
        queued.stop = Some(Stop::AtOnce);
        (std::mem::take(&mut queued.first), std::mem::take(&mut queued.second))
    }

    /// Moves everything into `taken`, and sleeps before that if there is not enough. `applied`: what of the second lane
    /// was applied since the last call, whose room is free again.
    pub(crate) fn take(&self, taken: &mut Taken, applied: Room, sleep: Sleep) {
        let mut queued = self.lock();
        queued.waiting.subtract(applied);
        while queued.items < sleep.items
            && queued.appended.is_none()
            && queued.failure.is_none()
            && queued.stop == taken.stop
        {
            queued.rings_at = sleep.items;
            queued.asleep = true;
            queued = match sleep.until {
                None => self.bell.wait(queued).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    self.bell.wait_timeout(queued, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        queued.rings_at = usize::MAX;
        queued.asleep = false;
        queued.items = 0;
        let Queued { first, second, appended, old, failure, stop, .. } = &mut *queued;
        if taken.is_empty() {
            // The usual case costs two swaps; the emptied queues keep their memory.
            std::mem::swap(&mut taken.first, first);
            std::mem::swap(&mut taken.second, second);
        } else {
            taken.first.append(first);
            taken.second.append(second);
        }
        taken.appended = appended.take();
        taken.old = old.take();
        taken.failure = failure.take();
        taken.stop = *stop;
    }

    fn ring(&self, mut queued: MutexGuard<'_, Queued>, items: usize) {
        queued.items += items.max(1);
        if queued.items >= queued.rings_at {
            queued.rings_at = usize::MAX; // once is enough
            drop(queued);
            self.bell.notify_one();
        }
    }

    fn ring_anyway(&self, queued: MutexGuard<'_, Queued>) {
        let asleep = queued.asleep;
        drop(queued);
        if asleep {
            self.bell.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queued> {
        self.queued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
